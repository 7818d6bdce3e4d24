"""From the memtable to a published segment.

    1. write the new segment file, and a new deletions file for each segment that lost documents
    2. start a new WAL file, when nothing in the old ones is needed any more
    3. publish the manifest, which syncs the new names first: the one atomic step
    4. delete what the new manifest no longer names

A crash before step 3 leaves unreferenced files, which the next recovery removes; a crash after
it leaves the new state. Nothing is changed in place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self

import msgspec

from rank_retrieve._threads import HelperThread
from rank_retrieve.collection.contents import write_segment
from rank_retrieve.collection.documents import DocumentBlocks
from rank_retrieve.collection.live import DELETIONS_KIND, LiveSegment
from rank_retrieve.collection.segment import SEGMENT_FLAGS, SEGMENT_KIND, Segment
from rank_retrieve.collection.store import CollectionStore, DiskSegment
from rank_retrieve.errors import NotFound, ResourceExhausted
from rank_retrieve.persistence.files import deletions_name, segment_name
from rank_retrieve.persistence.manifest import CollectionEntry, SegmentEntry
from rank_retrieve.persistence.segment import SegmentReader, SegmentWriter

if TYPE_CHECKING:
    from rank_retrieve.collection.commit_log import CommitLog
    from rank_retrieve.collection.publishing import Publisher
    from rank_retrieve.collection.state import State
    from rank_retrieve.persistence.directory import Directory

THREAD_ABOVE_BYTES = 256 << 10  # below, compressing takes less time than starting a thread


class Names(Protocol):
    """Gives names for new files."""

    def take(self, name: Callable[[int], str]) -> str:
        """One that was never given, by a function of its number."""


class FileNumbers:
    """Names for new files; a number is never used twice in the life of a database."""

    def __init__(self, next_number: int) -> None:
        self.next = next_number

    def take(self, name: Callable[[int], str]) -> str:
        """For example segment-0000000007.rrs, by `files.segment_name`."""
        number, self.next = self.next, self.next + 1
        return name(number)


class NewFiles:
    """The files of one operation; they are deleted again where it finds no space to end.

    Without that, each attempt on a full disk would leave it fuller. After other errors they stay:
    a manifest that names them may have been published, and if not, recovery removes them.
    """

    def __init__(self, directory: Directory, numbers: FileNumbers) -> None:
        self._directory, self._numbers = directory, numbers
        self._names: list[str] = []

    def take(self, name: Callable[[int], str]) -> str:
        """As in `FileNumbers`; the name is remembered."""
        self._names.append(self._numbers.take(name))
        return self._names[-1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if isinstance(error, ResourceExhausted):
            for name in self._names:
                with suppress(OSError, NotFound):
                    self._directory.delete(name)


def flush_stores(
    state: State, log: CommitLog, publisher: Publisher, stores: Sequence[CollectionStore]
) -> bool:
    """Move memtables to published segment files, under the lock; whether there was anything.

    The log is truncated where no other memtable needs it.
    """
    chosen = [store for store in stores if store.dirty and not store.dropped]
    if not chosen:
        return False
    with NewFiles(state.directory, state.numbers) as files:
        lsn = log.last_lsn
        with state.storing("flush"):
            parts = [FlushedStore(s, state.directory, files, lsn) for s in chosen]
            wal_number = state.manifest.wal_number
            if not any(s.dirty for s in state.stores.values() if s not in chosen):
                log.rotate()
                wal_number = log.newest_number

        def adopt() -> None:
            for part in parts:
                part.store.flushed(part.entry, part.disk)

        publisher.publish(
            adopt,
            collections=state.entries_with({p.entry.id: p.entry for p in parts}),
            wal_number=wal_number,
        )
        log.delete_before(wal_number)
    return True


class FlushedStore:
    """One collection's part of a flush: files written, entry to publish."""

    def __init__(
        self, store: CollectionStore, directory: Directory, names: Names, lsn: int
    ) -> None:
        self.store = store
        self.disk: list[DiskSegment] = []
        entries: list[SegmentEntry] = []
        for part in store.disk:
            part.publish()
            if part.n_live:
                entries.append(with_deletions(part, directory, names))
                self.disk.append(part)
        added = _write_memtable(store, directory, names)
        if added is not None:
            entries.append(added.entry)
            self.disk.append(added)
        self.entry: CollectionEntry = msgspec.structs.replace(
            store.entry, segments=entries, flushed_lsn=lsn
        )


def open_segment(
    store: CollectionStore, files: Mapping[str, SegmentReader], entry: SegmentEntry
) -> DiskSegment:
    """A published segment with its deletions, from files that are open already."""
    segment = Segment(entry.name, files[entry.name], store.schema)
    deletions = None if entry.deletions is None else files[entry.deletions.name]
    return DiskSegment(LiveSegment.open(segment, deletions), entry=entry)


def with_deletions(part: DiskSegment, directory: Directory, names: Names) -> SegmentEntry:
    """The entry of a segment; its deletions in a new file if there are newer ones."""
    if not part.changed:
        return part.entry
    writer = SegmentWriter(directory, names.take(deletions_name), kind=DELETIONS_KIND)
    try:
        part.visible.write_deletions(writer)
        info = writer.finish()
    except BaseException:
        writer.abandon()
        raise
    return msgspec.structs.replace(part.entry, deletions=info)


def _write_memtable(
    store: CollectionStore, directory: Directory, names: Names
) -> DiskSegment | None:
    records = store.memtable.records()
    if not records:
        return None
    name = names.take(segment_name)
    writer = SegmentWriter(directory, name, kind=SEGMENT_KIND, flags=SEGMENT_FLAGS)
    try:
        with _compressed([record.body for record in records]) as blocks:
            contents = store.memtable.contents()
            write_segment(writer, contents, store.vocabularies, blocks)
        info = writer.finish()
    except BaseException:
        writer.abandon()
        raise
    entry = SegmentEntry(info.name, info.size, info.checksum, len(records))
    reader = SegmentReader.open(directory, info.name, kind=SEGMENT_KIND, expected=info)
    return open_segment(store, {info.name: reader}, entry)


@contextmanager
def _compressed(bodies: Sequence[bytes]) -> Iterator[Future[DocumentBlocks]]:
    """The bodies as blocks, made beside what the block of the `with` does when they are many."""
    if sum(map(len, bodies)) < THREAD_ABOVE_BYTES:
        blocks: Future[DocumentBlocks] = Future()
        blocks.set_result(DocumentBlocks(bodies))
        yield blocks
        return
    # compression lets go of the GIL, and so do the kernels that it runs beside
    with HelperThread() as helper:
        yield helper.submit(DocumentBlocks, bodies)
