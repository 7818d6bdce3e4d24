"""The way of a batch: into the log, into the memtable, onto the disk, and then it is acknowledged.

    encode -> join { lock { check -> prepare -> append to the log -> apply } -> sync } -> flush

In between, batches of concurrent writers go together: one of these writes all their frames in one
call and syncs once. What can fail on damaged files fails before anything is written. The sync is
outside the lock, so that reads go on meanwhile.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Literal

from rank_retrieve.collection.batch import Change, encode_changes
from rank_retrieve.collection.commit_log import CommitLog
from rank_retrieve.collection.state import State
from rank_retrieve.collection.store import CollectionStore
from rank_retrieve.collection.write_group import Batch, Group, WriteGroup
from rank_retrieve.errors import (
    NotCommitted,
    OutcomeUnknown,
    RankRetrieveError,
    ReadOnlyError,
    ResourceExhausted,
)
from rank_retrieve.persistence.wal import check_body
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
        self._writers = WriteGroup(self._commit_group)

    def commit(
        self, store: CollectionStore, changes: dict[str, Change], encoder: Encoder | None
    ) -> int:
        """Log, apply and sync a batch; how many ids were there before.

        encoder: the one that the changes were completed with; they are again if it was trained
            meanwhile.
        """
        batch = Batch(store, changes, encoder, encode_changes(store.entry.id, changes))
        self._state.check_open()  # first: a fork may have copied a mutex that is held
        full = self._writers.join(batch)
        return self._result(batch, full=full)

    def commit_locked(
        self, store: CollectionStore, changes: dict[str, Change], encoder: Encoder | None
    ) -> int:
        """`commit` for a thread that holds the lock, for which other writers may be waiting."""
        batch = Batch(store, changes, encoder, encode_changes(store.entry.id, changes))
        group = Group([batch])
        self._commit_group(group)
        return self._result(batch, full=group.full)

    def _result(self, batch: Batch, *, full: bool) -> int:
        if full:
            self._flush_behind()
        if batch.error is not None:
            raise batch.error
        return batch.replaced

    def _commit_group(self, group: Group) -> None:
        """Settle all batches of a group, each as if it had come alone, in their order."""
        state = self._state
        try:
            with state.lock:
                state.check_writable("write")
                applied = self._append_and_apply(group)
                group.full = state.memtable_bytes >= self.flush_bytes
        except RankRetrieveError as error:
            if group.begun:
                raise
            for batch in group.batches:
                batch.fail(_twin(error))
            return
        if applied and self._durability in ("sync", "group"):
            try:
                self._log.sync_to(self._log.last_lsn)
            except OutcomeUnknown as error:
                for batch in applied:
                    batch.fail(_twin(error))
        for batch in applied:
            batch.settled = True

    def _append_and_apply(self, group: Group) -> list[Batch]:
        """Those that are in the log and in the memtable; the others have failed."""
        ready = [batch for batch in group.batches if self._prepare(batch)]
        done = 0
        while done < len(ready):
            appended, refused = self._append_some(group, ready[done:] if done else ready)
            done += appended
            if refused is not None:
                for batch in ready[done:]:
                    batch.fail(_twin(refused))
                break
        return ready[:done]

    def _prepare(self, batch: Batch) -> bool:
        """Whether it can be written; what fails on damaged files fails here."""
        store = batch.store
        try:
            store.check_there()
            if store.encoder is not batch.encoder:
                store.encoding.complete(batch.changes)
                batch.body = encode_changes(store.entry.id, batch.changes)
            check_body(len(batch.body))
            batch.prepared = store.prepare(batch.changes)
        except Exception as error:  # noqa: BLE001 - raised where the batch came from
            batch.fail(error)
            return False
        return True

    def _append_some(
        self, group: Group, batches: Sequence[Batch]
    ) -> tuple[int, NotCommitted | None]:
        log, state = self._log, self._state
        before = log.last_lsn
        try:
            group.begun = True
            appended, refused = log.append([batch.body for batch in batches])
            for batch in batches[:appended]:
                assert batch.prepared is not None
                batch.replaced = batch.store.apply(batch.prepared)
        except BaseException as error:
            state.stop_writing(error)
            if log.last_lsn > before:
                state.half_adopt(error)
            raise
        return appended, refused

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


def _twin(error: RankRetrieveError) -> RankRetrieveError:
    """An error of its own for each writer: raising one adds the writer's traceback to it."""
    twin = copy.copy(error)
    twin.__cause__ = error.__cause__
    return twin
