"""Work beside the caller's own, where the system still starts threads.

It starts none at a limit of threads, nor when the interpreter is about to end; what is merely
faster with a second thread is done by the caller then.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class HelperThread:
    """One thread for calls that run in order, each when those before have ended.

    To be used in a `with` block, at whose end all of them have; after an error, those that had
    not begun never do. beside: False for calls too small for a thread; each has ended on return.
    """

    def __init__(self, *, beside: bool = True) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._starts = beside
        self._last: Future[Any] | None = None

    def submit(self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin a call; where there is no thread, it has ended on return."""
        future = self._begun(call, *args, **kwargs)
        if future is None:
            future = Future()
            if self._last is not None:
                wait([self._last])
            future.set_result(call(*args, **kwargs))
        self._last = future
        return future

    def _begun(
        self, call: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T] | None:
        if self._starts:
            try:
                return self._pool.submit(call, *args, **kwargs)
            except RuntimeError:
                # it may be left in the queue, and must not run a second time
                self._starts = False
        return None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        interrupt: KeyboardInterrupt | None = None
        while True:
            try:
                # what the calls work on must be at rest before anybody goes on with it
                self._pool.shutdown(cancel_futures=error is not None or interrupt is not None)
                break
            except KeyboardInterrupt as again:
                interrupt = again
        if interrupt is not None:
            raise interrupt
