"""From what recovery found to collections in memory: published segments, and the log above them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rank_retrieve.collection.batch import changes_of, decode_frame
from rank_retrieve.collection.encoders import open_encoder
from rank_retrieve.collection.entry import read_entry
from rank_retrieve.collection.flush import open_segment
from rank_retrieve.collection.live import LiveSegment
from rank_retrieve.collection.store import CollectionStore, DiskSegment, Prepared
from rank_retrieve.errors import CorruptionError
from rank_retrieve.persistence.manifest import CollectionEntry, SegmentEntry
from rank_retrieve.persistence.recovery import Recovered
from rank_retrieve.persistence.segment import SegmentReader
from rank_retrieve.persistence.wal import FrameType, WalFrame


def replayed(recovered: Recovered, before: Sequence[CollectionStore] = ()) -> list[CollectionStore]:
    """Step 8: the published collections with the log's batches in their memtables.

    before: the collections as an earlier reading found them; what is published still is taken
    over from there, with all that was verified and opened of it.
    """
    known = {store.entry.id: store for store in before}
    stores = [
        _open_store(entry, recovered.files, known.get(entry.id))
        for entry in recovered.manifest.collections
    ]
    with recovered.report.step("replay") as step:
        prepared = prepare_frames(recovered.frames, stores, recovered.manifest.next_collection_id)
        frames = documents = 0
        for store, batch in prepared:
            store.apply(batch)
            frames += 1
            documents += len(batch.changes)
        step.facts["batches"], step.facts["operations"] = frames, documents
    return stores


def prepare_frames(
    frames: Iterable[WalFrame], stores: Iterable[CollectionStore], next_collection_id: int
) -> Iterable[tuple[CollectionStore, Prepared]]:
    """Each batch of the log that is not in a segment yet, ready to be applied before the next.

    Raises CorruptionError for a frame that is no batch of a collection that there can be.
    """
    by_id = {store.entry.id: store for store in stores}
    for frame in frames:
        if frame.type != FrameType.BATCH:
            continue
        batch = decode_frame(frame.body, frame.file, frame.offset)
        if not 1 <= batch.collection < next_collection_id:
            raise CorruptionError(
                frame.file,
                frame.offset,
                "a batch of a known collection",
                f"collection {batch.collection}",
            )
        # a batch of a collection that was dropped since is not wanted any more
        store = by_id.get(batch.collection)
        if store is not None and frame.lsn > store.entry.flushed_lsn:
            changes = changes_of(batch, store.schema, frame.file, frame.offset)
            yield store, store.prepare(changes)


def _open_store(
    entry: CollectionEntry, files: Mapping[str, SegmentReader], before: CollectionStore | None
) -> CollectionStore:
    if before is None:
        schema, settings = read_entry(entry.schema, "manifest")
        store = CollectionStore(entry, schema)
        store.attach_settings(settings)
    else:
        settings = before.settings
        store = CollectionStore(entry, before.schema)
        store.settings, store.unfitted = settings, before.unfitted
        if before.entry.encoder == entry.encoder:
            store.encoder = before.encoder  # also one that was given to `get_collection`
    held = {} if before is None else {part.entry.name: part for part in before.disk}
    store.disk = [_open_part(store, files, s, held.get(s.name)) for s in entry.segments]
    if store.encoder is None and entry.encoder is not None and settings is not None:
        store.encoder = open_encoder(settings, files[entry.encoder.name])
    return store


def _open_part(
    store: CollectionStore,
    files: Mapping[str, SegmentReader],
    entry: SegmentEntry,
    held: DiskSegment | None,
) -> DiskSegment:
    if held is None:
        return open_segment(store, files, entry)
    deletions = None if entry.deletions is None else files[entry.deletions.name]
    return DiskSegment(LiveSegment.open(held.visible.segment, deletions), entry=entry)
