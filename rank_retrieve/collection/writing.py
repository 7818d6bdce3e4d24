"""The way of a batch: into the log, into the memtable, onto the disk, and then it is acknowledged.

    lock  { check -> prepare -> append to the log -> apply to the memtable }  -> sync -> flush

What can fail on damaged files fails before anything is written. The sync is outside the lock, so
that concurrent writers share one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from rank_retrieve.collection.batch import Change, encode_changes
from rank_retrieve.collection.commit_log import CommitLog
from rank_retrieve.collection.state import State
from rank_retrieve.collection.store import CollectionStore
from rank_retrieve.errors import ReadOnlyError, ResourceExhausted
from rank_retrieve.types import Encoder

Durability = Literal["sync", "group", "async", "none"]
DURABILITIES: tuple[Durability, ...] = ("sync", "group", "async", "none")


class Writer:
    """Commits batches. flush_bytes: how much the memtables may hold before `flush` is called."""

    def __init__(
        self,
        state: State,
        log: CommitLog,
        flush: Callable[[], None],
        *,
        durability: Durability,
        flush_bytes: int,
    ) -> None:
        self._state, self._log, self._flush = state, log, flush
        self._durability, self.flush_bytes = durability, flush_bytes

    def commit(
        self, store: CollectionStore, changes: dict[str, Change], encoder: Encoder | None
    ) -> int:
        """Log, apply and sync a batch; how many ids were there before.

        encoder: the one that the changes were completed with; they are again if it was trained
            meanwhile.
        """
        state = self._state
        body = encode_changes(store.entry.id, changes)
        with state.locked_for("write"):
            store.check_there()
            if store.encoder is not encoder:
                store.encoding.complete(changes)
                body = encode_changes(store.entry.id, changes)
            # what can fail on damaged files fails here, before anything is written
            prepared = store.prepare(changes)
            lsn = self._log.append(body)
            with state.adopting():
                replaced = store.apply(prepared)
            memtable_bytes = state.memtable_bytes
        if self._durability in ("sync", "group"):
            self._log.sync_to(lsn)
        if memtable_bytes >= self.flush_bytes:
            self._flush_behind()
        return replaced

    def _flush_behind(self) -> None:
        """Flush after a batch was committed, which must not be told that it was not.

        An error makes the handle read-only until `resume()`: where nothing can be flushed, the
        memtable would grow with every further batch.
        """
        try:
            self._flush()
        except Exception as error:  # noqa: BLE001 - whatever it is, the batch is committed
            if not self._state.closed and self._state.poison is None:
                why = error.reason if isinstance(error, ResourceExhausted) else str(error)
                reason = f"the flush behind an earlier write failed, {why.rstrip('.')}"
                self._state.refuse_writes(reason)

    def resume(self) -> None:
        """Accept writes again after the disk was full; see `Database.resume`."""
        state = self._state
        with state.locked():
            if state.wal is None:
                raise ReadOnlyError("resume")
            state.raise_poisoned()
            if state.refusal is None:
                return
            with state.storing("resume"):
                self._log.resume()
            refusal, state.refusal = state.refusal, None
            try:
                if state.memtable_bytes >= self.flush_bytes:
                    self._flush()
            except BaseException:
                state.refusal = refusal
                raise
