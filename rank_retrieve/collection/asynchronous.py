"""Methods that can be awaited: the same calls in a few threads, with the event loop free meanwhile.

`awaited` makes `asearch` of `search`, so there is one description and one way of doing it.

A task that is cancelled goes on at once. A call that had not begun never does; one that had, runs
to its end in its thread: a write is then committed whole, or, had it not begun, not at all.
"""

from __future__ import annotations

import contextvars
import functools
import os
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from rank_retrieve.collection.owner import Owner
from rank_retrieve.errors import ResourceExhausted

P = ParamSpec("P")
T = TypeVar("T")

MAX_THREADS = 32


class AsyncThreads:
    """The threads of a handle for calls that are awaited; made when the first one is."""

    def __init__(self, owner: Owner) -> None:
        self._owner = owner
        self._pools: dict[str, ThreadPoolExecutor] = {}

    async def run(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What the call returns, or raises, in another thread.

        Raises ResourceExhausted where the system starts no thread; the call is not made then.
        """
        import asyncio  # which takes its time to load

        self._owner.check()  # a forked child has the pool, and none of its threads
        context = contextvars.copy_context()
        refused: list[RuntimeError] = []

        def guarded() -> T:
            if refused:  # left in the queue when no thread could be started
                raise refused[0]
            return context.run(call, *args, **kwargs)

        loop = asyncio.get_running_loop()
        try:
            future = loop.run_in_executor(self._pool(), guarded)
        except RuntimeError as error:
            refused.append(error)
            raise ResourceExhausted(
                "threads", str(error), "end some threads, or call the method that is not awaited"
            ) from error
        return await future

    def _pool(self) -> ThreadPoolExecutor:
        pool = self._pools.get("async")
        if pool is None:
            # of two that are made at once one is kept; the other has started no thread
            workers = min(MAX_THREADS, 4 * (os.cpu_count() or 1) + 4)
            fresh = ThreadPoolExecutor(workers, thread_name_prefix="rank-retrieve-async")
            pool = self._pools.setdefault("async", fresh)
        return pool

    def close(self) -> None:
        """Let the threads end when what they were given is done; snapshots may ask for new ones."""
        pool = self._pools.pop("async", None)
        if pool is not None:
            pool.shutdown(wait=False)


class HasThreads(Protocol):
    """Whose methods can be awaited."""

    @property
    def _threads(self) -> AsyncThreads: ...


S = TypeVar("S", bound=HasThreads)


def awaited(
    method: Callable[Concatenate[S, P], T],
) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """A method that can be awaited, made of one that cannot."""
    name = method.__name__

    @functools.wraps(method)
    async def call(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        # by its name: a subclass may have another
        bound: Callable[P, T] = getattr(self, name)
        return await self._threads.run(bound, *args, **kwargs)

    call.__name__ = f"a{name}"
    call.__qualname__ = f"{method.__qualname__[: -len(name)]}a{name}"
    call.__doc__ = f"`{name}`, awaited: the event loop goes on meanwhile."
    return call


async def batches_of(documents: AsyncIterable[T], size: int) -> AsyncIterator[list[T]]:
    """Lists of so many, the last one shorter."""
    batch: list[T] = []
    async for document in documents:
        batch.append(document)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
