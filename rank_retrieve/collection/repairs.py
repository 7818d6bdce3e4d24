"""Salvage: whatever a damaged database still holds goes into a new one.

    1. which collections there were              catalogue.py
    2. live documents of each segment, in order  salvage.py
    3. whole frames of the log, in LSN order     persistence/wal_salvage.py
    4. all of it is put into a new database, which is indexed anew, verified, and then named

The damaged directory is only read. What could not be had is said, and so is what is uncertain.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from rank_retrieve.collection.batch import (
    BatchBody,
    Change,
    changes_of,
    decode_frame,
)
from rank_retrieve.collection.catalogue import Catalogue, read_catalogue
from rank_retrieve.collection.collection import BATCH_BYTES, BATCH_DOCS
from rank_retrieve.collection.encoders import (
    EncoderSettings,
    TrainableEncoder,
    open_encoder,
    unfitted_encoder,
)
from rank_retrieve.collection.engine import Engine
from rank_retrieve.collection.entry import to_entry
from rank_retrieve.collection.guesses import fields_of, fits, takes
from rank_retrieve.collection.live import DELETIONS_KIND
from rank_retrieve.collection.named_collections import add_collection
from rank_retrieve.collection.record import Record
from rank_retrieve.collection.repair_report import RepairReport
from rank_retrieve.collection.salvage import (
    Losses,
    SegmentRemains,
    guess_texts,
    open_remains,
    read_live,
    salvage_documents,
)
from rank_retrieve.collection.schema import Schema
from rank_retrieve.collection.start import open as open_database
from rank_retrieve.collection.store import CollectionStore
from rank_retrieve.dense.vectors import VectorColumn
from rank_retrieve.errors import CorruptionError, InvalidArgument, RankRetrieveError
from rank_retrieve.persistence import Directory, FSDirectory, SegmentReader
from rank_retrieve.persistence.files import parse_name
from rank_retrieve.persistence.folders import new_folder
from rank_retrieve.persistence.manifest import CollectionEntry, FileEntry
from rank_retrieve.persistence.wal_format import FrameType
from rank_retrieve.persistence.wal_salvage import SalvagedLog, salvage_log
from rank_retrieve.types import Field, Text, Vector

GUESSED = "recovered"


def repair(
    path: str | os.PathLike[str] | Directory, target: str | os.PathLike[str]
) -> RepairReport:
    """Save everything readable of a damaged database into a new one.

    path: the damaged database; nobody may be writing to it. It is not changed.
    target: a path where nothing is, or an empty folder, outside the damaged database.

    Raises NotFound where there is no trace of a database, InvalidArgument for the target.
    """
    directory = path if isinstance(path, Directory) else FSDirectory(path, read_only=True)
    if isinstance(directory, FSDirectory):
        _refuse_inside(Path(directory.path), Path(target))
    report = RepairReport(directory.path, os.fspath(target))
    catalogue = read_catalogue(directory)
    with new_folder(target) as folder:
        database = open_database(folder, durability="none")
        try:
            _Salvage(directory, catalogue, database._engine, report).run()
            database.flush()
        finally:
            database.close()
        with open_database(folder, mode="r") as made:
            verified = made.verify()
            report.documents = {n: len(made.get_collection(n)) for n in made.list_collections()}
        if not verified:
            raise CorruptionError(folder.path, 0, "a sound copy", verified.problems[0])
    return report


def _refuse_inside(source: Path, target: Path) -> None:
    if target.resolve().is_relative_to(source.resolve()):
        raise InvalidArgument(
            "target", os.fspath(target), "is inside the damaged database", "choose another place"
        )


class _Salvage:
    """One repair under way."""

    def __init__(
        self, directory: Directory, catalogue: Catalogue, engine: Engine, report: RepairReport
    ) -> None:
        self._directory, self._catalogue = directory, catalogue
        self._engine, self._report = engine, report
        self._stores: dict[int, CollectionStore] = {}  # by their old numbers
        self._made: list[CollectionStore] = []
        self._guesses: list[CollectionStore] = []
        self._unproven: dict[str, dict[str, None]] = {}
        self._without_encoder: set[int] = set()
        self._unknown: set[int] = set()  # collections whose schema is lost, and all segments

    def run(self) -> None:
        catalogue, report = self._catalogue, self._report
        if catalogue.evidence != "sound":
            report.uncertain += catalogue.findings
        strays = self._strays()
        for entry in catalogue.entries:
            found = list(self._named_segments(entry))
            store = self._collection(entry)
            if store is None and found:
                store = self._guess(found[0][0], entry)
            if store is None:
                self._unknown.add(entry.id)
                continue
            for remains, deletions in found:
                self._segment(store, remains, deletions)
        deletions_of = self._guessed_deletions(strays)
        for remains in strays:
            self._segment(self._home_of(remains), remains, deletions_of.get(remains.name))
        self._log()
        report.unproven = {name: list(ids) for name, ids in self._unproven.items() if ids}

    # ------------------------------------------------------------------ collections

    def _collection(self, entry: CollectionEntry) -> CollectionStore | None:
        """The collection made anew, with its encoder if that can be had."""
        try:
            schema = Schema.from_dict(entry.schema["fields"], "manifest")
            stored = entry.schema.get("encoder")
            settings = None if stored is None else msgspec.convert(stored, EncoderSettings)
            to_entry(schema, settings)
            unfitted = None if settings is None else unfitted_encoder(settings)
            if settings is not None and settings.field not in schema.vectors:
                raise CorruptionError("manifest", 0, "a field to encode", settings.field)
            if unfitted is not None and settings is not None and unfitted.dim != settings.dim:
                raise CorruptionError("manifest", 0, f"dim {unfitted.dim}", str(settings.dim))
        except (RankRetrieveError, msgspec.ValidationError, LookupError, TypeError) as error:
            self._report.lost.append(f"the schema of collection {entry.name!r}: {error}")
            return None
        store = self._create(entry.name, schema, settings)
        self._stores[entry.id] = store
        if entry.encoder is not None and settings is not None:
            self._encoder(store, settings, entry.encoder)
        return store

    def _create(
        self, name: str, schema: Schema, settings: EncoderSettings | None
    ) -> CollectionStore:
        """A collection like `Database.create_collection` makes, without an encoder's object."""
        store = add_collection(self._engine, name, schema, settings)
        self._made.append(store)
        return store

    def _encoder(self, store: CollectionStore, settings: EncoderSettings, file: FileEntry) -> None:
        try:
            reader = SegmentReader.open(self._directory, file.name, kind=None, expected=file)
            reader.verify()
            encoder = open_encoder(settings, reader)
        except RankRetrieveError as error:
            # another one would make other vectors, so those that it made go with it
            self._without_encoder.add(store.entry.id)
            self._report.lost.append(
                f"the encoder of {store.entry.name!r} and the vectors that it made: {error}"
                " Call fit_encoder to train another."
            )
            return
        if isinstance(encoder, TrainableEncoder):
            self._engine.encoders.store(store, encoder)

    # ------------------------------------------------------------------ segments

    def _named_segments(
        self, entry: CollectionEntry
    ) -> Iterator[tuple[SegmentRemains, FileEntry | None]]:
        losses = Losses()
        for segment in entry.segments:
            remains = open_remains(self._directory, segment.name, segment.file, losses)
            if remains is not None:
                yield remains, segment.deletions
        self._report.lost += losses.lost
        self._report.uncertain += losses.uncertain

    def _segment(
        self, store: CollectionStore, remains: SegmentRemains, deletions: FileEntry | None
    ) -> None:
        losses = Losses()
        live = read_live(self._directory, deletions, remains.meta.n_docs, losses)
        records = salvage_documents(remains, store.schema.vectors, live, losses)
        for changes in _batches(self._fitting(store, records)):
            self._engine.writer.commit(store, changes, store.encoder)
        self._note(store, losses)

    def _fitting(self, store: CollectionStore, records: Iterable[Record]) -> Iterator[Record]:
        """Records without what an encoder made that is lost; where no encoder is known, put."""
        for record in records:
            if record.encoded and store.settings is None:
                # of a guessed schema: the vectors are all that is left of the encoder
                yield Record(record.id, record.body, record.vectors)
            elif record.encoded and store.entry.id in self._without_encoder:
                kept = {n: v for n, v in record.vectors.items() if n not in record.encoded}
                yield Record(record.id, record.body, kept)
            else:
                yield record

    def _note(self, store: CollectionStore, losses: Losses) -> None:
        self._report.lost += losses.lost
        self._report.uncertain += losses.uncertain
        if losses.unproven:
            found = self._unproven.setdefault(store.entry.name, {})
            found.update(dict.fromkeys(losses.unproven))

    # ------------------------------------------------------------------ without a manifest

    def _strays(self) -> list[SegmentRemains]:
        """Segments that no entry names, by number, where they may belong to the database."""
        if self._catalogue.names_every_segment:
            return []
        named = {s.name for entry in self._catalogue.entries for s in entry.segments}
        losses, found = Losses(), []
        for name in sorted(self._directory.list(), key=lambda name: parse_name(name)[1]):
            if parse_name(name)[0] == "segment" and name not in named:
                remains = open_remains(self._directory, name, None, losses)
                if remains is not None:
                    found.append(remains)
        self._report.lost += losses.lost
        return found

    def _home_of(self, remains: SegmentRemains) -> CollectionStore:
        """The collection of a stray segment: the only one that it fits, or one that is guessed."""
        candidates = self._made if self._catalogue.evidence == "older" else self._guesses
        fitting = [store for store in candidates if fits(remains, store.schema)]
        store = fitting[0] if len(fitting) == 1 else self._guess(remains)
        self._report.uncertain.append(
            f"{remains.name}: {remains.meta.n_docs} documents, taken for some of"
            f" {store.entry.name!r}"
        )
        return store

    def _guess(
        self, remains: SegmentRemains, entry: CollectionEntry | None = None
    ) -> CollectionStore:
        """A collection that a segment fits. entry: its name and number, where they are known."""
        losses = Losses()
        fields: dict[str, Field] = {name: Text() for name in guess_texts(remains, losses)}
        for name in remains.meta.vectors:
            try:
                fields[name] = Vector(VectorColumn.open(remains.sections, name).dim)
            except RankRetrieveError as error:
                losses.lost.append(f"{remains.name}: the vectors of {name!r}: {error}")
        store = self._guessed(fields, entry)
        self._note(store, losses)
        return store

    def _guessed(
        self, fields: dict[str, Field], entry: CollectionEntry | None = None
    ) -> CollectionStore:
        known = set(self._engine.state.stores) | {entry.name for entry in self._catalogue.entries}
        name = GUESSED if entry is None else entry.name
        for number in itertools.count(2):
            if name not in known or entry is not None:
                break
            name = f"{GUESSED}-{number}"
        self._report.uncertain.append(
            f"collection {name!r} is a guess: its name, and that its fields are"
            f" {', '.join(sorted(fields)) or 'none'}, English text or vectors under cosine"
        )
        store = self._create(name, Schema(fields or {"text": Text()}), None)
        self._guesses.append(store)
        if entry is not None:
            self._stores[entry.id] = store
        return store

    def _guessed_deletions(self, strays: list[SegmentRemains]) -> dict[str, FileEntry]:
        """The newest deletions file of each segment that is the only one it fits.

        Between a document too many and one too few, salvage keeps the one too many.
        """
        found: dict[str, FileEntry] = {}
        names = [name for name in self._directory.list() if parse_name(name)[0] == "deletions"]
        for name in sorted(names if strays else [], key=lambda name: parse_name(name)[1]):
            try:
                reader = SegmentReader.open(self._directory, name, kind=DELETIONS_KIND)
                n_docs, _ = msgspec.msgpack.decode(reader.section("meta"), type=tuple[int, int])
            except (RankRetrieveError, msgspec.DecodeError):
                self._report.uncertain.append(f"{name} is damaged: deleted documents may be back")
                continue
            number = parse_name(name)[1]
            fitting = [
                remains.name
                for remains in strays
                if remains.meta.n_docs == n_docs and parse_name(remains.name)[1] < number
            ]
            if len(fitting) == 1:
                found[fitting[0]] = reader.info
                self._report.uncertain.append(f"{name} is taken for the deletions of {fitting[0]}")
            elif fitting:
                self._report.uncertain.append(
                    f"{name} fits several segments: deleted documents may be back"
                )
        return found

    # ------------------------------------------------------------------ the log

    def _log(self) -> None:
        catalogue, report = self._catalogue, self._report
        flushed = {entry.id: entry.flushed_lsn for entry in catalogue.entries}
        log = salvage_log(
            self._directory,
            database_id=catalogue.database_id,
            first=catalogue.wal_number,
            durable_lsn=max(flushed.values(), default=0),
        )
        everywhere = min(flushed.values(), default=0) if catalogue.names_every_segment else 0
        for gap in log.lost:
            if gap.last is None:
                report.uncertain.append(str(gap))
            elif gap.last > everywhere:
                report.lost.append(str(gap))
        if not catalogue.names_every_segment:
            flushed = {}
        self._check_end(log, flushed)
        for frame in log.frames():
            if frame.type != FrameType.BATCH:
                continue
            try:
                batch = decode_frame(frame.body, frame.file, frame.offset)
                if frame.lsn <= flushed.get(batch.collection, 0):
                    continue
                store = self._store_of(batch)
                if store is None:
                    continue
                changes = changes_of(batch, store.schema, frame.file, frame.offset)
            except CorruptionError as error:
                report.lost.append(f"LSN {frame.lsn}: {error}")
                continue
            self._engine.writer.commit(store, self._fitting_changes(store, changes), store.encoder)
            for identity in changes:  # the log vouches for what it brings
                self._unproven.get(store.entry.name, {}).pop(identity, None)
            report.log_frames += 1

    def _check_end(self, log: SalvagedLog, flushed: dict[int, int]) -> None:
        """Note frames that only a manifest still knows of."""
        known = max(flushed.values(), default=0)
        if not log.files and self._catalogue.evidence != "none":
            self._report.lost.append(f"the log: what was committed after LSN {known}")

    def _store_of(self, batch: BatchBody) -> CollectionStore | None:
        """Whose batch it is; None for a collection that was dropped."""
        store = self._stores.get(batch.collection)
        known = self._catalogue.names_every_segment and batch.collection not in self._unknown
        if store is not None or known:
            return store
        # a guess from segments, if it is the only one and no other number claims it
        free = [s for s in self._guesses if s not in self._stores.values()]
        if len(free) == 1 and takes(free[0].schema, batch):
            store = free[0]
        else:
            store = self._guessed(fields_of(batch))
        self._report.uncertain.append(
            f"the log's collection {batch.collection} is taken for {store.entry.name!r}"
        )
        self._stores[batch.collection] = store
        return store

    def _fitting_changes(
        self, store: CollectionStore, changes: dict[str, Change]
    ) -> dict[str, Change]:
        if store.settings is not None and store.entry.id not in self._without_encoder:
            return changes
        return {
            identity: None if record is None else next(self._fitting(store, [record]))
            for identity, record in changes.items()
        }


def _batches(records: Iterable[Record]) -> Iterator[dict[str, Change]]:
    changes: dict[str, Change] = {}
    size = 0
    for record in records:
        changes.pop(record.id, None)
        changes[record.id] = record
        size += record.nbytes
        if len(changes) >= BATCH_DOCS or size >= BATCH_BYTES:
            yield changes
            changes, size = {}, 0
    if changes:
        yield changes
