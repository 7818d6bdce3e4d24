"""Merging segments while the database is used.

    1 begin     under the lock: choose neighbours, note which of their documents are alive
    2 write     without the lock: merge the immutable segments into a new file, sync it
    3 carry     under the lock: what was deleted meanwhile is deleted in the new segment too
    4 publish   under the lock: one manifest replaces the inputs by the new segment, and then
                their files are deleted; who has them open reads on

A crash before step 4 is done leaves the old segments and a file without a name in the manifest,
which the next recovery removes; a crash after it leaves the new one. Deletes that step 2 has
applied may still be in the log only: publishing syncs the log first, and replaying a delete of
a document that is gone changes nothing.

One merge at a time runs in a database. In the background, a thread is started when a flush
leaves something to merge, and ends when nothing is left to do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from rank_retrieve.collection.flush import open_segment, with_deletions
from rank_retrieve.collection.live import LiveSegment
from rank_retrieve.collection.merge_policy import MergePolicy, SegmentSize
from rank_retrieve.collection.merging import Step, merge_segments
from rank_retrieve.collection.segment import SEGMENT_FLAGS, SEGMENT_KIND
from rank_retrieve.collection.store import CollectionStore, DiskSegment
from rank_retrieve.errors import (
    InvalidArgument,
    NotFound,
    RankRetrieveError,
    ReadOnlyError,
    ResourceExhausted,
)
from rank_retrieve.persistence.files import segment_name
from rank_retrieve.persistence.manifest import CollectionEntry, SegmentEntry
from rank_retrieve.persistence.segment import SegmentReader, SegmentWriter

if TYPE_CHECKING:
    from rank_retrieve.collection.publishing import Publisher
    from rank_retrieve.collection.state import State

CompactionMode = Literal["background", "manual"]
COMPACTIONS: tuple[CompactionMode, ...] = ("background", "manual")

LOCK_POLL_S = 0.05

Choice: TypeAlias = Callable[[Sequence[SegmentSize]], range | None]
Progress: TypeAlias = Callable[[str, int, int], None]
"""progress(stage, done, total): stages are "ids", "words", "vectors" and "documents"."""


class Abandoned(Exception):  # noqa: N818 - a signal inside this module, never seen outside
    """The merge is not wanted any more: the database closes."""


class Dropped(Exception):  # noqa: N818 - a signal inside this module, never seen outside
    """The merge is not wanted any more: its collection was dropped."""


@dataclass(frozen=True, eq=False)
class Merge:
    """One merge under way.

    inputs: neighbours among the store's segments. parts: what was alive when it began; later
    deletes are not in it. name: of the file to write.
    """

    store: CollectionStore
    inputs: list[DiskSegment]
    parts: list[LiveSegment]
    name: str

    @property
    def n_live(self) -> int:
        """How many documents are merged."""
        return sum(part.n_live for part in self.parts)

    def deleted_since(self) -> set[int]:
        """The docs of the merged segment that were deleted after `parts` were noted."""
        deleted: set[int] = set()
        base = 0
        for part, before in zip(self.inputs, self.parts, strict=True):
            was, now = before.live_docs.to_mask(), part.live_now().live_docs.to_mask()
            numbers = np.cumsum(was) - 1 + base
            deleted.update(numbers[was & ~now].tolist())
            base += before.n_live
        return deleted

    def outcome(self, merged: DiskSegment | None) -> list[DiskSegment]:
        """The store's segments with `merged` in the place of the inputs."""
        disk = self.store.disk
        # a flush may have dropped inputs without live documents, and added segments behind
        places = [place for place, part in enumerate(disk) if part in self.inputs]
        if not places:
            return disk
        assert len(places) == places[-1] - places[0] + 1, "only neighbours are merged"
        between = [] if merged is None else [merged]
        return [*disk[: places[0]], *between, *disk[places[-1] + 1 :]]


class Compaction:
    """The merges of one database, by hand or in the background.

    problem: why merging in the background has stopped, None while it has not.
    """

    def __init__(
        self,
        state: State,
        publisher: Publisher,
        flush: Callable[[Sequence[CollectionStore]], None],
        mode: CompactionMode,
    ) -> None:
        self._state, self._publisher, self._flush = state, publisher, flush
        self.mode: CompactionMode = mode
        self.policy = MergePolicy()
        self.problem: Exception | None = None
        # re-entrant: a progress callback may close the database
        self._one_at_a_time = threading.RLock()
        self._stopped = threading.Event()
        self._mutex = threading.Lock()
        self._thread: threading.Thread | None = None
        self._woken = False
        self._writer: SegmentWriter | None = None

    # ------------------------------------------------------------------ by hand

    def compact(self, store: CollectionStore, progress: Progress | None) -> None:
        """Flush a collection and merge its segments into one; see `Collection.compact`."""
        with self._one_at_a_time:
            try:
                self._check_wanted()  # `stop` waits only for what has begun by then
                self._flush([store])
                merge = self._begin(store, _everything)
                if merge is not None:
                    self._run(merge, progress)
            except Abandoned:
                raise InvalidArgument(
                    "database", self._state.path, "was closed during a compaction", "open it again"
                ) from None
            except Dropped:
                raise NotFound("collection", store.entry.name, "it was dropped") from None

    # ------------------------------------------------------------------ in the background

    def wake(self) -> None:
        """After a flush, under the lock: start the thread if there is something to merge."""
        stores = self._state.stores.values()
        if self.mode == "manual" or self.problem is not None:
            return
        if all(self.policy.next_merge(_sizes(store)) is None for store in stores):
            return
        with self._mutex:
            if self._stopped.is_set():
                return
            self._woken = True
            if self._thread is None:
                # a daemon: a process that forgets to close is not kept from ending
                self._thread = threading.Thread(
                    target=self._work, name="rank-retrieve-compaction", daemon=True
                )
                try:
                    self._thread.start()
                except RuntimeError:  # a limit of threads, or the interpreter ends: next time
                    self._thread = None

    def wait(self) -> None:
        """Return when the background has nothing left to merge."""
        with self._mutex:
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def stop(self) -> None:
        """Abandon what runs, in any thread, and return when it has ended."""
        self._stopped.set()
        self.wait()
        with self._one_at_a_time:
            # still at work means called from its progress callback: delete while it is possible
            if self._writer is not None:
                self._abandon(self._writer)

    def _work(self) -> None:
        try:
            while self._wanted():
                with self._locked():
                    stores = list(self._state.stores.values())
                for store in stores:
                    while self._merge_next(store):
                        pass
        except Abandoned:
            pass
        except (ResourceExhausted, ReadOnlyError):
            pass  # the disk is full; the next flush that succeeds tries again
        except (RankRetrieveError, OSError) as error:
            self.problem = error
        finally:
            with self._mutex:
                if self._thread is threading.current_thread():
                    self._thread = None

    def _wanted(self) -> bool:
        with self._mutex:
            if self._woken and not self._stopped.is_set():
                self._woken = False
                return True
            # in one step with reading the wish, so that none is lost between two threads
            self._thread = None
            return False

    def _merge_next(self, store: CollectionStore) -> bool:
        with self._patiently(self._one_at_a_time):
            try:
                merge = self._begin(store, self.policy.next_merge)
                if merge is not None:
                    self._run(merge, None)
            except Dropped:
                return False
        return merge is not None

    # ------------------------------------------------------------------ one merge

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """The database's lock, for a change."""
        with self._patiently(self._state.lock), self._state.locked_for("compact"):
            yield

    @contextmanager
    def _patiently(self, lock: threading.RLock) -> Iterator[None]:
        """Hold a lock; the background thread does not insist on it.

        Who waits for the thread to end may be the one that holds it.
        """
        if threading.current_thread() is not self._thread:
            with lock:
                yield
            return
        while not lock.acquire(timeout=LOCK_POLL_S):
            self._check_wanted()
        try:
            self._check_wanted()
            yield
        finally:
            lock.release()

    def _check_wanted(self) -> None:
        if self._stopped.is_set():
            raise Abandoned

    def _begin(self, store: CollectionStore, choose: Choice) -> Merge | None:
        with self._locked():
            if store.dropped:
                raise Dropped
            chosen = choose(_sizes(store))
            if chosen is None:
                return None
            inputs = store.disk[chosen.start : chosen.stop]
            name = self._state.numbers.take(segment_name)
            return Merge(store, inputs, [part.live_now() for part in inputs], name)

    def _run(self, merge: Merge, progress: Progress | None) -> None:
        def step(stage: str, done: int, total: int) -> None:
            self._check_wanted()
            if merge.store.dropped:
                raise Dropped
            if progress is not None:
                progress(stage, done, total)
                self._check_wanted()  # it may have closed the database

        merged = self._write(merge, step) if merge.n_live else None
        with self._unless_published(merge) as publishing, self._locked():
            self._check_wanted()
            if merge.store.dropped:
                raise Dropped
            self._publish(merge, merged, publishing)

    def _write(self, merge: Merge, step: Step) -> DiskSegment:
        """The merged segment in a synced file that no manifest names yet."""
        storing, directory = self._state.storing, self._state.directory
        with storing("compact"):
            writer = SegmentWriter(directory, merge.name, kind=SEGMENT_KIND, flags=SEGMENT_FLAGS)
        self._writer = writer
        try:
            merge_segments(_GuardedSink(writer, storing), merge.store.schema, merge.parts, step)
            with storing("compact"):
                info = writer.finish()
        except BaseException:
            self._abandon(writer)
            raise
        finally:
            self._writer = None
        with storing("compact"):
            reader = SegmentReader.open(directory, info.name, kind=SEGMENT_KIND, expected=info)
        entry = SegmentEntry(info.name, info.size, info.checksum, merge.n_live)
        return open_segment(merge.store, {info.name: reader}, entry)

    @staticmethod
    def _abandon(writer: SegmentWriter) -> None:
        with suppress(OSError, NotFound):  # what stays behind is an orphan
            writer.abandon()

    @contextmanager
    def _unless_published(self, merge: Merge) -> Iterator[threading.Event]:
        """Deletes the new file, unless a manifest that names it may be on the disk already."""
        publishing = threading.Event()
        try:
            yield publishing
        finally:
            if not publishing.is_set():
                with suppress(OSError, NotFound):
                    self._state.directory.delete(merge.name)

    def _publish(
        self, merge: Merge, merged: DiskSegment | None, publishing: threading.Event
    ) -> None:
        state, store = self._state, merge.store
        if merged is not None:
            merged.doom(sorted(merge.deleted_since()))
            if merged.n_live:
                with state.storing("compact"):
                    merged.publish()
                    merged.entry = with_deletions(merged, state.directory, state.numbers)
                merged.written()
            else:
                merged = None
        disk = merge.outcome(merged)
        entry: CollectionEntry = msgspec.structs.replace(
            store.entry, segments=[part.entry for part in disk]
        )
        if merged is not None:
            publishing.set()
        try:
            self._publisher.publish(collections=state.entries_with({entry.id: entry}))
            store.merged(entry, disk)
        except RankRetrieveError:
            raise
        except BaseException as error:
            # the manifest and the memory of this handle may differ now
            state.stop_writing(error)
            raise


class _MakingFailed(Exception):  # noqa: N818 - a signal inside this module, never seen outside
    """Carries an OSError past what takes every OSError for one of the disk."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.error = error


class _GuardedSink:
    """A sink whose errors are the database's; those of a progress callback are the caller's."""

    def __init__(
        self, writer: SegmentWriter, storing: Callable[[str], AbstractContextManager[None]]
    ) -> None:
        self._writer, self._storing = writer, storing

    def add(self, name: str, *buffers: bytes | bytearray | memoryview | NDArray[Any]) -> None:
        """Store a section."""
        with self._storing("compact"):
            self._writer.add(name, *buffers)

    def add_pieces(self, name: str, pieces: Iterable[bytes]) -> None:
        """Store a section piece by piece."""

        def made() -> Iterator[bytes]:
            try:
                yield from pieces
            except OSError as error:  # while making a piece, not while storing one
                raise _MakingFailed(error) from error

        try:
            with self._storing("compact"):
                self._writer.add_pieces(name, made())
        except _MakingFailed as failed:
            raise failed.error from None


def _sizes(store: CollectionStore) -> list[SegmentSize]:
    return [
        SegmentSize(p.entry.size, p.entry.n_docs, p.n_live, p.visible.segment.small)
        for p in store.disk
    ]


def _everything(sizes: Sequence[SegmentSize]) -> range | None:
    """All segments; None when one is all there is, without deletes and as small as it gets."""
    if not sizes or (len(sizes) == 1 and sizes[0].n_live == sizes[0].n_docs and sizes[0].small):
        return None
    return range(len(sizes))
