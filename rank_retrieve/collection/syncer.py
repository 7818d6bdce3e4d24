"""A thread that syncs the log at an interval: durability "async"."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any

from rank_retrieve.errors import OutcomeUnknown, PoisonedError


class IntervalSync:
    """Calls `sync`, a bound method, every `interval_s` seconds until stopped.

    The thread holds its owner weakly, so that a handle that was lost can be collected. A failure
    has poisoned the handle already, where the next write reports it; so the thread only ends.
    """

    def __init__(self, sync: Callable[[], None], interval_s: float) -> None:
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=_run,
            args=(weakref.WeakMethod(sync), interval_s, self._stopped),
            name="rank-retrieve-sync",
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """Return when no further sync will start."""
        self._stopped.set()
        self._thread.join()


def _run(sync: weakref.WeakMethod[Any], interval_s: float, stopped: threading.Event) -> None:
    while not stopped.wait(interval_s):
        call = sync()
        if call is None:
            return
        try:
            call()
        except (OutcomeUnknown, PoisonedError):
            return
        del call
