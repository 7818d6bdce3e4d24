"""The handle of one collection: writes go through the database, reads through a snapshot."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rank_retrieve.collection.asynchronous import awaited
from rank_retrieve.collection.batch import Change
from rank_retrieve.collection.changing import BATCH_BYTES as BATCH_BYTES
from rank_retrieve.collection.changing import BATCH_DOCS as BATCH_DOCS
from rank_retrieve.collection.changing import Changing
from rank_retrieve.collection.record import check_id, decode_body, to_document
from rank_retrieve.collection.reports import collection_info
from rank_retrieve.collection.search import Searcher
from rank_retrieve.collection.snapshot import Snapshot
from rank_retrieve.collection.store import CollectionStore
from rank_retrieve.collection.verify import VerifyReport
from rank_retrieve.errors import InvalidArgument

if TYPE_CHECKING:
    from rank_retrieve.filters import Predicate
    from rank_retrieve.lexical.queries import LexicalQuery
    from rank_retrieve.types import Query


class Collection(Changing):
    """Documents under one schema. Made by `Database.create_collection` and `get_collection`.

    A handle may be shared by threads. Every write is atomic, and durable when it returns (see
    `rr.open` for other durabilities); every search sees all writes that returned before it.
    """

    # ------------------------------------------------------------------ encoder

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
                    self._engine.writer.commit_locked(self._store, made, self._store.encoder)
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
            self._engine.services,
            store.entry.name,
        )

    def _view(self) -> Snapshot:
        """A snapshot that is kept until something is written, so that its searchers are too."""
        with self._locked() as store:
            parts = store.visible()
            if store.view is None or store.view_parts is not parts:
                store.view, store.view_parts = self._new_view(store), parts
            return store.view

    def _look(self) -> Searcher:
        return self._view()._look()

    def count(
        self,
        where: Mapping[str, Any] | Predicate | None = None,
        *,
        query: str | Query | LexicalQuery | None = None,
        timeout_s: float | None = None,
    ) -> int:
        """How many documents there are, or how many a filter and a query let through."""
        if where is None and query is None:
            return len(self)
        return super().count(where, query=query, timeout_s=timeout_s)

    def get(self, document_id: str) -> dict[str, Any] | None:
        """The document with this id as it was put, or None."""
        check_id(document_id)
        with self._locked() as store:
            record = store.get(document_id)
        if record is None:
            return None
        vectors = {n: row for n, row in record.vectors.items() if n not in record.encoded}
        return to_document(record.id, decode_body(record.body, "<memory>"), vectors)

    aget = awaited(get)

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
