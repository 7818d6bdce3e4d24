"""A thread that syncs the log at an interval: durability "async"."""

from __future__ import annotations

import threading
from collections.abc import Callable

from rank_retrieve.errors import OutcomeUnknown, PoisonedError


class IntervalSync:
    """Calls `sync` every `interval_s` seconds until stopped.

    A failure has poisoned the handle already, where the next write reports it; so the thread
    only ends.
    """

    def __init__(self, sync: Callable[[], None], interval_s: float) -> None:
        self._sync, self._interval_s = sync, interval_s
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rank-retrieve-sync", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopped.wait(self._interval_s):
            try:
                self._sync()
            except (OutcomeUnknown, PoisonedError):
                return

    def stop(self) -> None:
        """Return when no further sync will start."""
        self._stopped.set()
        self._thread.join()
