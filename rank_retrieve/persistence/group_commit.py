"""Many threads, one sync: whoever comes while a sync is running waits for the next one.

One thread leads and syncs for all that has been written by then. Those who come meanwhile queue
up; when the leader is done it releases at once all whom its sync covered, and hands the lead to the
first of the others. (Queueing on one lock instead lets the covered ones pass one by one, each
between two syncs: half the throughput of eight threads.)
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

ALL = 2**63  # above every LSN


class _Waiter:
    __slots__ = ("leads", "lsn", "turn")

    def __init__(self, lsn: int) -> None:
        self.lsn = lsn
        self.leads = False
        self.turn = threading.Lock()
        self.turn.acquire()


class GroupCommit:
    """Who may sync, and who waits for whom."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._leader: int | None = None  # a thread; known even if it was interrupted
        self._waiters: list[_Waiter] = []
        self._durable_lsn = 0

    @contextmanager
    def lead(self, lsn: int = ALL) -> Iterator[bool]:
        """Wait for the lead, or for someone else to make `lsn` durable.

        Gives True to the leader, until the block ends: it calls `done` with what it made
        durable. Gives False to one whose LSN another leader reported done.
        """
        try:
            yield self._enter(lsn)
        finally:
            if self._leader == threading.get_ident():
                self._leave()

    def done(self, lsn: int) -> None:
        """The leader's report: everything up to `lsn` is settled; ALL releases everyone."""
        self._durable_lsn = max(self._durable_lsn, lsn)

    def _enter(self, lsn: int) -> bool:
        with self._mutex:
            if self._durable_lsn >= lsn:
                return False
            # its own thread may still lead, if an interrupt kept it from leaving
            if self._leader in (None, threading.get_ident()):
                self._leader = threading.get_ident()
                return True
            waiter = _Waiter(lsn)
            self._waiters.append(waiter)
        try:
            waiter.turn.acquire()
        except BaseException:
            with self._mutex:
                if waiter in self._waiters:
                    self._waiters.remove(waiter)
            if waiter.leads:
                self._leader = threading.get_ident()
            raise
        if waiter.leads:
            self._leader = threading.get_ident()
        return waiter.leads

    def _leave(self) -> None:
        with self._mutex:
            covered = [w for w in self._waiters if w.lsn <= self._durable_lsn]
            self._waiters = [w for w in self._waiters if w.lsn > self._durable_lsn]
            self._leader = None
            if self._waiters:
                heir = self._waiters.pop(0)
                heir.leads = True
                self._leader = -1  # taken: nobody may slip in before the heir wakes
                covered.append(heir)
        for waiter in covered:
            waiter.turn.release()
