"""Many writers, one write and one sync: whoever comes first writes for all who wait.

    writer    checks and encodes its batch -> joins -> leads, or sleeps until it is told
    leader    takes all that wait, commits them together, tells each its own result
    next      leads when all who were told are on their way again

Waking a thread costs more than a batch does, so each follower is woken once, and a group is not
closed before those of the group before had time to come back: with many writers in a loop all of
them share each sync, where those who were a moment late would otherwise wait for the one behind.
A single writer leads at once, always, and pays for none of this.

LevelDB's writer queue does the same without the last rule; its writers come back sooner than one
thread of CPython hands the interpreter to another.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from rank_retrieve.collection.batch import Change
from rank_retrieve.errors import OutcomeUnknown

if TYPE_CHECKING:
    from rank_retrieve.collection.store import CollectionStore, Prepared
    from rank_retrieve.types import Encoder

APPOINTED = -1  # in the place of a leader that is about to wake


class Batch:
    """One writer's changes on their way into the log.

    encoder: the one that the changes were completed with. body: the changes, encoded.
    prepared: what the store makes of them. settled: whether `replaced` or `error` is its result.
    writer: the thread that it came from. turn: what that sleeps on. left: whether it is gone.
    """

    __slots__ = (
        "body", "changes", "encoder", "error", "left", "prepared", "replaced", "settled", "store",
        "turn", "writer",
    )  # fmt: skip

    def __init__(
        self,
        store: CollectionStore,
        changes: dict[str, Change],
        encoder: Encoder | None,
        body: bytes,
    ) -> None:
        self.store, self.changes, self.encoder, self.body = store, changes, encoder, body
        self.prepared: Prepared | None = None
        self.replaced = 0
        self.error: BaseException | None = None
        self.settled = self.left = False
        self.writer = threading.get_ident()
        self.turn: threading.Lock | None = None

    def fail(self, error: BaseException) -> None:
        """It is not in the log, or nobody knows."""
        self.error, self.settled = error, True


class Group:
    """Batches that are committed together, in this order.

    begun: whether any of it may be in the log. full: whether the memtables are to be flushed.
    """

    __slots__ = ("batches", "begun", "full")

    def __init__(self, batches: list[Batch]) -> None:
        self.batches = batches
        self.begun = self.full = False


class WriteGroup:
    """The queue of a handle's writers. commit: settles every batch of a group."""

    def __init__(self, commit: Callable[[Group], None]) -> None:
        self._commit = commit
        self._mutex = threading.Lock()
        self._leader: int | None = None  # a thread; known even if it was interrupted
        self._waiting: list[Batch] = []
        self._group = Group([])
        self._told: set[Batch] = set()  # whose writers were woken and have not left yet

    def join(self, batch: Batch) -> bool:
        """Return when the batch is settled; whether this writer led, and the memtables are full.

        Interrupted before anything of it was written, it will not be; afterwards, it may be.
        """
        try:
            group = self._enter(batch)
            if group is not None:
                self._commit(group)
                return group.full
            return False
        finally:
            try:
                self._leave(batch)
            except BaseException:
                self._leave(batch)  # or others would wait for ever
                raise

    def _enter(self, batch: Batch) -> Group | None:
        """Wait for the lead, which comes with a group, or for the result."""
        with self._mutex:
            if self._leader == batch.writer:  # an interrupt kept it from leaving
                self._end_lead()
            if self._told:
                self._told -= {told for told in self._told if told.writer == batch.writer}
            self._waiting.append(batch)
            if self._leader is None and not self._told:
                return self._lead(batch)
            batch.turn = threading.Lock()
            batch.turn.acquire()
        batch.turn.acquire()
        if batch.settled:
            return None
        with self._mutex:
            return self._lead(batch)

    def _lead(self, batch: Batch) -> Group:
        self._leader = batch.writer
        self._group, self._waiting = Group(self._waiting), []
        return self._group

    def _leave(self, batch: Batch) -> None:
        """Tell followers, let the next one lead. Interrupted, it can be called again."""
        with self._mutex:
            batch.left = True
            if not batch.settled and batch in self._waiting:  # interrupted
                if self._leader == APPOINTED and batch is self._waiting[0]:
                    self._leader = None
                self._waiting.remove(batch)
            if self._leader == batch.writer:
                self._end_lead()
            self._told.discard(batch)
            if self._leader is None and not self._told and self._waiting:
                self._leader = APPOINTED
                _wake(self._waiting[0])

    def _end_lead(self) -> None:
        group, waiting = self._group, self._waiting
        there = [b for b in group.batches if not b.left and b.writer != self._leader]
        if not group.begun:
            # the leader was interrupted, or refused, before it wrote: someone else may
            back = [batch for batch in there if not batch.settled and batch not in waiting]
            waiting[:0] = back
        for batch in there:
            if group.begun and not batch.settled:
                why = "the thread that wrote it was interrupted"
                batch.fail(OutcomeUnknown("the batch", why))
            if batch.settled:
                self._told.add(batch)
                _wake(batch)
        self._group, self._leader = Group([]), None


def _wake(batch: Batch) -> None:
    if batch.turn is not None and batch.turn.locked():  # not twice, where an interrupt came between
        batch.turn.release()
