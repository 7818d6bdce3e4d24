"""What changes the documents of a collection: puts, deletes, edits, batches of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from time import perf_counter
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, overload

from rank_retrieve.collection.asynchronous import awaited, batches_of
from rank_retrieve.collection.batch import Change, WriteBatch
from rank_retrieve.collection.editing import Edit, Editor
from rank_retrieve.collection.handle import Handle
from rank_retrieve.collection.reading import Reading
from rank_retrieve.collection.record import check_id, to_record
from rank_retrieve.errors import InvalidArgument

if TYPE_CHECKING:
    from rank_retrieve.filters import Predicate

BATCH_DOCS = 1_000
BATCH_BYTES = 8 << 20

Progress = Callable[[int], None]


class Changing(Handle, Reading):
    """The writing methods of a collection. Every call is one batch, but for `put_many`."""

    @abstractmethod
    def __contains__(self, document_id: object) -> bool:
        """Whether a document is there."""

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

    @overload
    def delete(self, document_id: str) -> bool: ...
    @overload
    def delete(self, *, where: Mapping[str, Any] | Predicate) -> int: ...
    def delete(
        self,
        document_id: str | None = None,
        *,
        where: Mapping[str, Any] | Predicate | None = None,
    ) -> bool | int:
        """Remove a document, whether it was there; or all that a filter lets through, how many.

        document_id: of the one document. where: a filter instead; `{}` means every document. They
            go in one batch: all or none, in every crash, and none that was put meanwhile.
        """
        if (document_id is None) == (where is None):
            raise InvalidArgument(
                "delete", document_id, "needs either an id or where=...", "pass one of them"
            )
        if where is not None:
            return self._editor.delete_where(where)
        document_id = check_id(document_id)
        with self._engine.state.locked_for("delete"):
            self._store.check_there()
        if document_id not in self:
            return False
        return self._commit({document_id: None}) > 0

    def update(
        self,
        document_id: str,
        changes: Mapping[str, Any] = MappingProxyType({}),
        *,
        unset: Sequence[str] = (),
    ) -> bool:
        """Change some fields of a document; whether it was there.

        changes: values by dotted path: `{"year": 2022, "author.name": "Ada"}`. A value replaces
            what is at its path as a whole, a dict too; dicts on the way are made where missing.
        unset: paths to remove, where they are there.

        The document is put again, behind all others in order of insertion, and keeps the vectors
        that the encoder made while its text stays the same. Nothing that another thread writes
        meanwhile is lost. Raises InvalidArgument or DimensionMismatch, and then nothing changed.
        """
        edit = Edit(self.schema, changes, unset)
        if edit.is_empty:
            return check_id(document_id) in self
        return self._editor.update(check_id(document_id), edit) > 0

    def update_where(
        self,
        where: Mapping[str, Any] | Predicate,
        changes: Mapping[str, Any] = MappingProxyType({}),
        *,
        unset: Sequence[str] = (),
    ) -> int:
        """`update` for every document that a filter lets through; how many.

        They change in one batch: all or none, in every crash. A batch is held in memory and
        holds 4 GiB at most, so change very many documents filter by filter.
        """
        edit = Edit(self.schema, changes, unset)
        if where is None:
            raise InvalidArgument("where", where, "must be a filter", "{} fits every document")
        return self.count(where) if edit.is_empty else self._editor.update_where(where, edit)

    @property
    def _editor(self) -> Editor:
        return Editor(self._engine, lambda: self._store, lambda where: list(self.ids(where)))

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
        store, start = self._store, perf_counter()
        encoder = store.encoder
        if encoder is not None:
            store.encoding.complete(changes)
        replaced = self._engine.writer.commit(store, changes, encoder)
        # not `writing`: every put comes here, and pays for a context
        self._engine.services.metrics.wrote(store.entry.name, start, changes)
        return replaced

    aput = awaited(put)
    awrite = awaited(write)
    aupdate = awaited(update)
    aupdate_where = awaited(update_where)

    async def aput_many(
        self,
        documents: Iterable[Mapping[str, Any]] | AsyncIterable[Mapping[str, Any]],
        *,
        batch_size: int = BATCH_DOCS,
        progress: Progress | None = None,
    ) -> int:
        """`put_many`, awaited: the event loop goes on meanwhile.

        documents: also an asynchronous iterable, which is read in the loop; any other is read,
            and `progress` called, in another thread.
        """
        if not isinstance(documents, AsyncIterable):
            return await self._threads.run(
                self.put_many, documents, batch_size=batch_size, progress=progress
            )
        done = 0
        async for batch in batches_of(documents, batch_size):
            done += await self._threads.run(self.put_many, batch, batch_size=batch_size)
            if progress is not None:
                progress(done)
        return done

    async def adelete(
        self,
        document_id: str | None = None,
        *,
        where: Mapping[str, Any] | Predicate | None = None,
    ) -> bool | int:
        """`delete`, awaited: the event loop goes on meanwhile."""
        delete: Callable[..., bool | int] = self.delete
        return await self._threads.run(delete, document_id, where=where)
