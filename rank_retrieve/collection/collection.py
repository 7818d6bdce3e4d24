"""The handle of one collection: writes go through the database, reads through a snapshot."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rank_retrieve.collection.batch import Change, WriteBatch
from rank_retrieve.collection.record import check_id, decode_body, to_document, to_record
from rank_retrieve.collection.reports import collection_info
from rank_retrieve.collection.request import Mode, SearchRequest
from rank_retrieve.collection.schema import Schema
from rank_retrieve.collection.snapshot import Snapshot
from rank_retrieve.collection.store import CollectionStore
from rank_retrieve.collection.verify import VerifyReport
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Encoder, Hits, Query

if TYPE_CHECKING:
    from rank_retrieve.collection.engine import Engine
    from rank_retrieve.filters import Predicate
    from rank_retrieve.fusion import FusionMethod

BATCH_DOCS = 1_000
BATCH_BYTES = 8 << 20

Progress = Callable[[int], None]


class Collection:
    """Documents under one schema. Made by `Database.create_collection` and `get_collection`.

    A handle may be shared by threads. Every write is atomic, and durable when it returns (see
    `rr.open` for other durabilities); every search sees all writes that returned before it.
    """

    def __init__(self, engine: Engine, store: CollectionStore) -> None:
        self._engine, self._held = engine, store

    @property
    def _store(self) -> CollectionStore:
        """The collection as it is now: refreshing a reading handle puts another in its place."""
        current = self._engine.state.stores.get(self._held.entry.name)
        if current is not None and current.entry.id == self._held.entry.id:
            self._held = current
        return self._held

    @property
    def name(self) -> str:
        """The collection's name."""
        return self._store.entry.name

    @property
    def schema(self) -> Schema:
        """The declared fields."""
        return self._store.schema

    @property
    def encoder(self) -> Encoder | None:
        """The fitted encoder, None when there is none (yet)."""
        return self._store.encoder

    @contextmanager
    def _locked(self) -> Iterator[CollectionStore]:
        """The collection under the database's lock; NotFound when it was dropped."""
        with self._engine.state.locked():
            store = self._store
            store.check_there()
            yield store

    def _check_there(self) -> None:
        with self._locked():
            pass

    # ------------------------------------------------------------------ writes

    def put(self, document: Mapping[str, Any]) -> None:
        """Insert a document, or replace the one with the same id.

        document: {"id": str, ...}: declared text fields as strings, declared vector fields as
            float arrays [dim], anything else is metadata (None, bool, int, float, str, bytes,
            datetime, lists and dicts of these).

        Raises InvalidArgument or DimensionMismatch for a document that does not fit (nothing is
        written), NotCommitted or OutcomeUnknown when storing it failed.
        """
        record = to_record(self.schema, document)
        self._commit({record.id: record})

    def put_many(
        self,
        documents: Iterable[Mapping[str, Any]],
        *,
        batch_size: int = BATCH_DOCS,
        progress: Progress | None = None,
    ) -> int:
        """Insert or replace documents, in atomic batches; how many were put.

        batch_size: documents a batch; a batch also ends at 8 MiB.
        progress: called with the number of documents put so far, after each batch is durable.

        An error leaves the batches before it in place and its own batch out.
        """
        if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
            raise InvalidArgument("batch_size", batch_size, "must be a whole number of at least 1")
        if isinstance(documents, Mapping | str | bytes) or not isinstance(documents, Iterable):
            raise InvalidArgument(
                "documents",
                type(documents).__name__,
                "must be an iterable of documents",
                "put one document with put(...)",
            )
        done = 0
        changes: dict[str, Change] = {}
        taken = size = 0
        for document in documents:
            record = to_record(self.schema, document)
            changes.pop(record.id, None)
            changes[record.id] = record
            taken += 1
            size += record.nbytes
            if taken >= batch_size or size >= BATCH_BYTES:
                self._commit(changes)
                done += taken
                changes, taken, size = {}, 0, 0
                if progress is not None:
                    progress(done)
        if changes:
            self._commit(changes)
            done += taken
            if progress is not None:
                progress(done)
        return done

    def delete(self, document_id: str) -> bool:
        """Remove a document; whether it was there."""
        document_id = check_id(document_id)
        with self._engine.state.locked_for("delete"):
            self._store.check_there()
        if document_id not in self:
            return False
        return self._commit({document_id: None}) > 0

    def write(self, batch: WriteBatch) -> None:
        """Commit a batch: all of it or nothing, in every crash.

        Raises InvalidArgument when any operation does not fit; then nothing is written.
        """
        if not isinstance(batch, WriteBatch):
            raise InvalidArgument("batch", batch, "must be an rr.WriteBatch")
        changes = batch.changes(self.schema)
        if changes:
            self._commit(changes)

    def _commit(self, changes: dict[str, Change]) -> int:
        encoding = self._store.encoding
        encoding.complete(changes)
        return self._engine.writer.commit(self._store, changes, encoding.encoder)

    def fit_encoder(self, progress: Callable[[str, int, int], None] | None = None) -> int:
        """Train the collection's encoder on its documents, then encode those without a vector.

        Later documents and queries are encoded as they come. Where the encoder is fitted
        already, only documents that still lack a vector are encoded, so a call that was
        interrupted can simply be made again.

        progress: called as progress(stage, done, total), stage "fit" or "encode".
        Returns how many documents were encoded. Raises InvalidArgument without an encoder or
        without documents to train on.
        """
        store = self._store
        if store.encoder is None:
            if store.settings is None:
                raise InvalidArgument(
                    "encoder",
                    None,
                    "the collection was made without one",
                    "pass encoder=rr.LSAEncoder() to create_collection",
                )
            self._engine.encoders.fit(store, self._training_texts(), progress)
        return self._encode_missing(progress)

    def _training_texts(self) -> list[str]:
        encoding = self._store.encoding
        with self.snapshot() as view:
            return [encoding.text_of(document) for document in view.documents()]

    def _encode_missing(self, progress: Callable[[str, int, int], None] | None) -> int:
        field = self._store.encoder_field
        with self.snapshot() as view:
            ids = list(view.ids())
        encoded = 0
        for start in range(0, len(ids), BATCH_DOCS):
            chunk = ids[start : start + BATCH_DOCS]
            # under the lock, so that a document put meanwhile is not put back
            with self._locked():
                changes: dict[str, Change] = {}
                for identity in chunk:
                    record = self._store.get(identity)
                    if record is not None and field not in record.vectors:
                        changes[identity] = record
                self._store.encoding.complete(changes)
                made: dict[str, Change] = {
                    identity: record
                    for identity, record in changes.items()
                    if record is not None and field in record.vectors
                }
                if made:
                    self._engine.writer.commit(self._store, made, self._store.encoder)
                    encoded += len(made)
            if progress is not None:
                progress("encode", min(start + BATCH_DOCS, len(ids)), len(ids))
        return encoded

    # ------------------------------------------------------------------ reads

    def snapshot(self) -> Snapshot:
        """The collection as it stands now, for repeatable reads."""
        with self._locked() as store:
            view = self._new_view(store)
            self._engine.state.snapshots.add(view)
            return view

    def _new_view(self, store: CollectionStore) -> Snapshot:
        return Snapshot(
            store.schema,
            store.visible(),
            store.encoder,
            store.encoder_field,
            self._engine.state.owner,
            self._engine.state.manifest.generation,
        )

    def _view(self) -> Snapshot:
        """A snapshot that is kept until something is written, so that its searchers are too."""
        with self._locked() as store:
            parts = store.visible()
            if store.view is None or store.view_parts is not parts:
                store.view, store.view_parts = self._new_view(store), parts
            return store.view

    def search(
        self,
        query: str | Query | None = None,
        k: int = 10,
        *,
        vector: Any = None,
        mode: Mode | None = None,
        where: Mapping[str, Any] | Predicate | None = None,
        fusion: FusionMethod | None = None,
        candidates: int | None = None,
        field: str | None = None,
    ) -> Hits:
        """The k best documents for a query; see `Snapshot.search`."""
        return self._view()._run(
            SearchRequest(query, k, vector, mode, where, fusion, candidates, field)
        )

    def search_many(
        self,
        queries: Sequence[str | Query],
        k: int = 10,
        *,
        threads: int | None = None,
        **options: Any,
    ) -> list[Hits]:
        """`search` for each query on one snapshot, in parallel; see `Snapshot.search_many`."""
        return self._view().search_many(queries, k, threads=threads, **options)

    def count(self, where: Mapping[str, Any] | Predicate | None = None) -> int:
        """How many documents there are, or how many a filter lets through."""
        return len(self) if where is None else self._view().count(where)

    def get(self, document_id: str) -> dict[str, Any] | None:
        """The document with this id as it was put, or None."""
        check_id(document_id)
        with self._locked() as store:
            record = store.get(document_id)
        if record is None:
            return None
        vectors = {n: row for n, row in record.vectors.items() if n not in record.encoded}
        return to_document(record.id, decode_body(record.body, "<memory>"), vectors)

    def ids(self) -> Iterator[str]:
        """The ids of live documents, in order of insertion."""
        return self.snapshot().ids()

    def documents(self) -> Iterator[dict[str, Any]]:
        """The live documents as they were put, in order of insertion."""
        return self.snapshot().documents()

    def __contains__(self, document_id: object) -> bool:
        if not isinstance(document_id, str):
            return False
        with self._locked() as store:
            return store.contains(document_id)

    def __len__(self) -> int:
        """How many documents are alive."""
        with self._locked() as store:
            return len(store)

    def export(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> int:
        """Write all live documents to a new file, from which they come back without loss.

        path: ends in .jsonl, .jsonl.gz or .parquet; `rr.read_documents` reads it again.
        overwrite: replace a file of this name.
        Vectors that the collection's encoder made are left out, as `get` leaves them out.
        Returns how many documents were written. Raises AlreadyExists, InvalidArgument for
        another ending, MissingExtra for Parquet without pyarrow.
        """
        from rank_retrieve.interchange import write_documents

        with self.snapshot() as view:
            return write_documents(view.documents, path, overwrite=overwrite)

    # ------------------------------------------------------------------ upkeep

    def flush(self) -> None:
        """Move what is in the memtable to a segment file and publish it."""
        self._check_there()
        self._engine.flush([self._store])

    def compact(self, progress: Callable[[str, int, int], None] | None = None) -> None:
        """Merge all segments into one, without the deleted documents; their space is free then.

        What is in the memtable is flushed first. Searches and writes go on meanwhile, and
        snapshots keep what they see. A call that is interrupted or fails leaves the segments as
        they were.

        progress: called as progress(stage, done, total) in documents, stages "ids", "words",
            "vectors" and "documents".
        Raises ResourceExhausted when the disk has no room for the new segment.
        """
        self._engine.compaction.compact(self._store, progress)

    def sync(self) -> None:
        """Make every acknowledged write durable, whatever the durability."""
        self._engine.log.sync()

    def info(self) -> dict[str, Any]:
        """Sizes and settings, as plain values."""
        with self._locked() as store:
            return collection_info(store)

    def verify(self) -> VerifyReport:
        """Read every byte of the collection's files and compare it with its checksums."""
        self._check_there()
        return self._engine.verify(lambda: [self._store])

    def __repr__(self) -> str:
        return f"Collection({self.name!r}, {len(self)} documents)"
