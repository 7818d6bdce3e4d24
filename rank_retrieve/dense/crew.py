"""Calls divided over threads: the caller's own, and as many helpers as the system starts.

Kernels release the GIL, so calls of them run side by side. At a limit of threads, or when the
interpreter is about to end, no helper starts, and the caller makes every call itself.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

T = TypeVar("T")


def run_all(calls: Sequence[Callable[[], T]], threads: int) -> list[T]:
    """The results of all calls, in their order.

    threads: at most so many calls run at once. After an error no further call begins; those that
    run are waited for, and the first error is raised.
    """
    if threads < 2 or len(calls) < 2:
        return [call() for call in calls]
    crew = _Crew(calls)
    helpers = [threading.Thread(target=crew.work, daemon=True) for _ in range(threads - 1)]
    started = []
    try:
        for helper in helpers[: len(calls) - 1]:
            try:
                helper.start()
            except RuntimeError:
                break  # can't start new thread
            started.append(helper)
        crew.work()
    finally:
        crew.stop()
        _wait_for(started)
    if crew.error is not None:
        raise crew.error
    return crew.results


class _Crew:
    def __init__(self, calls: Sequence[Callable[[], Any]]) -> None:
        self._calls, self._next = calls, itertools.count()
        self._stopped = False
        self.results: list[Any] = [None] * len(calls)
        self.error: BaseException | None = None

    def work(self) -> None:
        """Make calls until there are none left."""
        for number in self._next:  # each number goes to one thread
            if self._stopped or number >= len(self._calls):
                return
            try:
                self.results[number] = self._calls[number]()
            except BaseException as error:  # noqa: BLE001 - raised by who waits
                self._stopped, self.error = True, self.error or error
                return

    def stop(self) -> None:
        """Let no further call begin."""
        self._stopped = True


def _wait_for(threads: Sequence[threading.Thread]) -> None:
    """Wait through interrupts: what the calls work on must be at rest before anybody goes on."""
    interrupt: KeyboardInterrupt | None = None
    for thread in threads:
        while thread.is_alive():
            try:
                thread.join()
            except KeyboardInterrupt as again:
                interrupt = again
    if interrupt is not None:
        raise interrupt
