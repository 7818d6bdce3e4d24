"""The parts of an open database, put together.

    state          what is held, the lock, what may still be done      state.py
    log            the write-ahead log, and what its errors mean       commit_log.py
    publisher      a new manifest in the place of the old              publishing.py
    writer         batches                                             writing.py
    encoders       trained on documents, stored with them              training.py
    compaction     segments into larger ones                           compaction.py
    follower       how a reading handle keeps up                       refresh.py
    services       metrics, and threads for calls that are awaited     services.py

`Database` and `Collection` are the faces of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from time import perf_counter
from typing import TYPE_CHECKING

from rank_retrieve.collection.commit_log import CommitLog
from rank_retrieve.collection.compaction import Compaction, CompactionMode
from rank_retrieve.collection.flush import flush_stores
from rank_retrieve.collection.publishing import Publisher
from rank_retrieve.collection.refresh import Follower
from rank_retrieve.collection.services import Services
from rank_retrieve.collection.state import State
from rank_retrieve.collection.syncer import IntervalSync
from rank_retrieve.collection.training import Encoders
from rank_retrieve.collection.verify import VerifyReport, files_of, open_files, verify_all
from rank_retrieve.collection.writing import Durability, Writer
from rank_retrieve.persistence import FSDirectory

if TYPE_CHECKING:
    from rank_retrieve.collection.opening import Opened
    from rank_retrieve.collection.store import CollectionStore


class Engine:
    """One open database. The options are those of `rr.open`.

    report: what recovery found. owns_directory: whether closing the database closes it.
    opening_s: how long opening took, for whoever opens it to say.
    """

    def __init__(
        self,
        opened: Opened,
        *,
        durability: Durability,
        flush_bytes: int,
        sync_interval_s: float,
        compaction: CompactionMode,
        owns_directory: bool,
    ) -> None:
        self.durability: Durability = durability
        self.report = opened.report
        self.opening_s = 0.0
        self._owns_directory = owns_directory
        self.state = state = State(opened)
        self.services = Services(state.owner)
        self.log = CommitLog(state)
        self.publisher = Publisher(state, self.log)
        self.writer = Writer(
            state, self.log, self.flush, durability=durability, flush_bytes=flush_bytes
        )
        self.encoders = Encoders(state, self.publisher)
        self.compaction = Compaction(state, self.publisher, self.flush, compaction)
        self._syncer: IntervalSync | None = None
        if state.wal is not None and durability == "async":
            self._syncer = IntervalSync(self.log.sync_now, sync_interval_s)
        self.follower: Follower | None = None
        if opened.log_end is not None:
            self.follower = Follower(state, opened.log_end)

    def flush(self, stores: Sequence[CollectionStore] | None = None) -> None:
        """Move memtables, by default all, to segment files; see `Database.flush`."""
        with self.state.locked_for("flush"):
            start = perf_counter()
            chosen = list(self.state.stores.values()) if stores is None else stores
            if flush_stores(self.state, self.log, self.publisher, chosen):
                self.services.metrics.flushed(perf_counter() - start)
                self.compaction.wake()

    def refresh(self) -> bool:
        """Move a reading handle to the newest state; see `Database.refresh`."""
        self.state.check_open()
        return False if self.follower is None else self.follower.refresh()

    def verify(self, chosen: Callable[[], Sequence[CollectionStore]]) -> VerifyReport:
        """Check all bytes of some collections; see `Database.verify`. chosen: under the lock."""
        state = self.state
        while True:
            with state.locked():
                stores = chosen()
                # opened now: a compaction may delete them at any moment
                parts = [(store.visible(), store.encoder_field) for store in stores]
                files = [f for store in stores for f in files_of(store.entry)]
                readers, report = open_files(state.directory, files)
            if report.ok or not self.refresh():
                return verify_all(parts, readers, report)

    # ------------------------------------------------------------------ end

    def close(self) -> None:
        """Flush, let go of the lock, and refuse further use; see `Database.close`."""
        state = self.state
        if not state.owner.is_here or state.closed:
            return
        self.compaction.stop()
        self.services.threads.close()
        if self._syncer is not None:
            self._syncer.stop()
        refreshing = nullcontext() if self.follower is None else self.follower.paused()
        with refreshing, state.lock:
            try:
                if state.wal is not None and state.poison is None:
                    if state.refusal is None:
                        self.flush()
                    else:
                        self.log.sync_refused()
                    state.wal.close()
            finally:
                state.closed = True
                if state.wal is not None:
                    with suppress(OSError):
                        state.wal.close()
                if state.writer_lock is not None:
                    state.writer_lock.release()
                self._let_go()

    def _let_go(self) -> None:
        """Drop descriptors and maps now, not when the garbage collector comes by.

        Snapshots and hits that are still around keep the segments that they need.
        """
        if self.follower is not None:
            self.follower.release()
        state = self.state
        stores, state.stores = state.stores, {}
        for store in stores.values():
            store.let_go()
        if self._owns_directory and isinstance(state.directory, FSDirectory):
            state.directory.close()
