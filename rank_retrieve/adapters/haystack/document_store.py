"""Haystack's document store over one collection."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from threading import RLock
from typing import Any

from haystack import Document, default_from_dict, default_to_dict
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy

from rank_retrieve.adapters.databases import MEMORY, Place
from rank_retrieve.adapters.haystack import facts
from rank_retrieve.adapters.haystack.documents import (
    CONTENT,
    EMBEDDING,
    to_ours,
    to_theirs,
    with_dates,
)
from rank_retrieve.adapters.haystack.filters import META, to_predicate
from rank_retrieve.adapters.lazy_collection import LazyCollection
from rank_retrieve.adapters.threads import on_thread
from rank_retrieve.collection import Collection, Database, WriteBatch
from rank_retrieve.collection.schema import Schema
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.fusion import FusionMethod, get_method
from rank_retrieve.types import Metric, Vector

Filters = dict[str, Any]


class RankRetrieveDocumentStore:
    """Documents that are found by their words, their embeddings, or both.

    path: a directory, ":memory:", or an open `rr.Database`. Stores of one process may share it.
    collection_name: the collection in it, made with the first document.
    embedding_dim: of embeddings. None takes it from the first write; give it when documents
        without an embedding come first, and embeddings later.
    metric, index, analyzer: of the embeddings and of the content, as `rr.Vector` and `rr.Text`
        have them; they count when the collection is made.
    return_embedding: whether retrieved documents bring theirs.

    Every write is durable when it returns. Each method has a twin `..._async` that runs on a
    thread.

    >>> store = RankRetrieveDocumentStore()
    >>> store.write_documents([Document(content="A cat sat."), Document(content="A dog ran.")])
    2
    >>> [document.content for document in store.bm25_retrieval("cats")]
    ['A cat sat.']
    """

    def __init__(
        self,
        path: Place = MEMORY,
        *,
        collection_name: str = "haystack",
        embedding_dim: int | None = None,
        metric: Metric = "cosine",
        index: Any = "exact",
        analyzer: str = "english",
        return_embedding: bool = False,
    ) -> None:
        self._path, self._analyzer, self._return_embedding = path, analyzer, return_embedding
        index = _index_from(index)
        self._vector = Vector(dim=embedding_dim or 1, metric=metric, index=index)
        self._embedding_dim = embedding_dim
        self._documents = LazyCollection(
            path,
            collection_name,
            texts=[CONTENT],
            vector=EMBEDDING,
            analyzer=analyzer,
            metric=metric,
            index=index,
            dim=embedding_dim,
        )
        # a policy is decided by what is there, so nothing may come between
        self._writing = RLock()

    def to_dict(self) -> dict[str, Any]:
        """For `Pipeline.dumps`; a store in memory comes back empty."""
        path = self._path.path if isinstance(self._path, Database) else os.fspath(self._path)
        return default_to_dict(
            self,
            path=path,
            collection_name=self._documents.name,
            embedding_dim=self._embedding_dim,
            metric=self._vector.metric,
            index=Schema({EMBEDDING: self._vector}).to_dict()[EMBEDDING]["index"],
            analyzer=self._analyzer,
            return_embedding=self._return_embedding,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> RankRetrieveDocumentStore:
        """From `to_dict`."""
        return default_from_dict(cls, data)

    @property
    def database(self) -> Database:
        """The database underneath, for checkpoints, backups and all else."""
        return self._documents.database

    @property
    def collection(self) -> Collection | None:
        """The collection underneath, None before the first document."""
        return self._documents.existing()

    def close(self) -> None:
        """Let go of the database, which is closed with the last store that uses its path."""
        self._documents.close()

    # ------------------------------------------------------------------ protocol

    def count_documents(self) -> int:
        """How many documents there are."""
        found = self._documents.existing()
        return 0 if found is None else len(found)

    def filter_documents(self, filters: Filters | None = None) -> list[Document]:
        """The documents that a filter lets through, in order of writing. Raises FilterError."""
        return [to_theirs(stored) for stored in self._stored(filters)]

    def write_documents(
        self, documents: list[Document], policy: DuplicatePolicy = DuplicatePolicy.NONE
    ) -> int:
        """Write documents; how many were written.

        policy: what becomes of those whose id is there already: NONE and FAIL raise
            DuplicateDocumentError and write nothing, SKIP leaves the old, OVERWRITE replaces it.
        Raises InvalidArgument (a ValueError) for what cannot be stored.
        """
        if not isinstance(documents, list) or not all(isinstance(d, Document) for d in documents):
            raise InvalidArgument("documents", documents, "must be a list of Haystack Documents")
        with self._writing:
            chosen = _POLICIES[policy](documents, self._documents.existing())
            self._documents.put([to_ours(document) for document in chosen])
        return len(chosen)

    def delete_documents(self, document_ids: list[str]) -> None:
        """Delete by id in one atomic batch; ids that are not there are passed over."""
        with self._writing:
            self._documents.delete(document_ids)

    # ------------------------------------------------------------------ by filter

    def delete_all_documents(self, recreate_index: bool = False) -> None:
        """Delete every document; recreate_index: and the collection's settings with them."""
        with self._writing:
            if recreate_index:
                self._documents.drop()
            else:
                self._documents.clear()

    def delete_by_filter(self, filters: Filters) -> int:
        """Delete what a filter lets through in one atomic batch; how many there were."""
        with self._writing:
            found = self._documents.existing()
            if found is None:
                return 0
            return self._documents.delete(list(found.ids(to_predicate(filters))))

    def update_by_filter(self, filters: Filters, meta: dict[str, Any]) -> int:
        """Set metadata fields of what a filter lets through in one batch; how many there were."""
        with self._writing:
            batch = WriteBatch()
            for stored in self._stored(filters):
                batch.put(with_dates({**stored, META: {**(stored.get(META) or {}), **meta}}))
            if len(batch):
                self._documents.made().write(batch)
        return len(batch)

    def count_documents_by_filter(self, filters: Filters) -> int:
        """How many documents a filter lets through."""
        found = self._documents.existing()
        return 0 if found is None else found.count(to_predicate(filters))

    # ------------------------------------------------------------------ metadata

    def count_unique_metadata_by_filter(
        self, filters: Filters, metadata_fields: list[str]
    ) -> dict[str, int]:
        """How many different values fields have among what a filter lets through."""
        metas = list(self._metas(filters))
        return {
            field: len(facts.distinct(facts.values_of(metas, field))) for field in metadata_fields
        }

    def get_metadata_fields_info(self) -> dict[str, dict[str, str]]:
        """The type of each metadata field: keyword, int, float or boolean."""
        return facts.field_types(self._metas(None))

    def get_metadata_field_min_max(self, metadata_field: str) -> dict[str, Any]:
        """The least and the greatest value of a field, None where there is no order."""
        return facts.min_and_max(facts.values_of(self._metas(None), metadata_field))

    def get_metadata_field_unique_values(
        self,
        metadata_field: str,
        search_term: str | None = None,
        from_: int = 0,
        size: int = 10,
        filters: Filters | None = None,
    ) -> tuple[list[Any], int]:
        """A page of a field's different values, sorted by their text, and how many there are.

        search_term: only values that contain it, in any case.
        """
        values = facts.distinct(facts.values_of(self._metas(filters), metadata_field))
        if search_term:
            values = [value for value in values if search_term.lower() in str(value).lower()]
        return values[from_ : from_ + size], len(values)

    # ------------------------------------------------------------------ retrieval

    def bm25_retrieval(
        self, query: str, filters: Filters | None = None, top_k: int = 10
    ) -> list[Document]:
        """The best documents by BM25."""
        return self._retrieved(filters, top_k, query=query, mode="lexical")

    def embedding_retrieval(
        self, query_embedding: list[float], filters: Filters | None = None, top_k: int = 10
    ) -> list[Document]:
        """The documents whose embeddings are most similar."""
        return self._retrieved(filters, top_k, vector=query_embedding, mode="dense")

    def hybrid_retrieval(
        self,
        query: str,
        query_embedding: list[float],
        filters: Filters | None = None,
        top_k: int = 10,
        fusion: str | FusionMethod = "rrf",
    ) -> list[Document]:
        """The best documents by both, joined by a fusion method or its name."""
        method = get_method(fusion) if isinstance(fusion, str) else fusion
        if not self._documents.has_vectors():
            return self.bm25_retrieval(query, filters, top_k)
        return self._retrieved(
            filters, top_k, query=query, vector=query_embedding, mode="hybrid", fusion=method
        )

    def _retrieved(self, filters: Filters | None, top_k: int, **request: Any) -> list[Document]:
        where = to_predicate(filters)
        found = self._documents.existing()
        if found is None or top_k == 0:
            return []
        if request["mode"] == "dense" and not self._documents.has_vectors():
            return []
        return [
            to_theirs(hit.document, score=hit.score, with_embedding=self._return_embedding)
            for hit in found.search(k=top_k, where=where, **request)
        ]

    def _stored(self, filters: Filters | None) -> Iterator[dict[str, Any]]:
        where = to_predicate(filters)
        found = self._documents.existing()
        return iter(()) if found is None else found.documents(where)

    def _metas(self, filters: Filters | None) -> Iterator[dict[str, Any]]:
        return (stored.get(META) or {} for stored in self._stored(filters))

    # ------------------------------------------------------------------ asynchronous twins

    count_documents_async = on_thread(count_documents)
    filter_documents_async = on_thread(filter_documents)
    write_documents_async = on_thread(write_documents)
    delete_documents_async = on_thread(delete_documents)
    delete_all_documents_async = on_thread(delete_all_documents)
    delete_by_filter_async = on_thread(delete_by_filter)
    update_by_filter_async = on_thread(update_by_filter)
    count_documents_by_filter_async = on_thread(count_documents_by_filter)
    count_unique_metadata_by_filter_async = on_thread(count_unique_metadata_by_filter)
    get_metadata_fields_info_async = on_thread(get_metadata_fields_info)
    get_metadata_field_min_max_async = on_thread(get_metadata_field_min_max)
    get_metadata_field_unique_values_async = on_thread(get_metadata_field_unique_values)
    bm25_retrieval_async = on_thread(bm25_retrieval)
    embedding_retrieval_async = on_thread(embedding_retrieval)
    hybrid_retrieval_async = on_thread(hybrid_retrieval)


def _index_from(index: Any) -> Any:
    """An index as it is given, or as `to_dict` wrote it."""
    if not isinstance(index, dict):
        return index
    stored = {"type": "vector", "dim": 1, "metric": "cosine", "index": index}
    return Schema.from_dict({EMBEDDING: stored}, "index").vectors[EMBEDDING].index


# ---------------------------------------------------------------------- duplicates


def _failing(documents: list[Document], there: Collection | None) -> list[Document]:
    chosen = _skipping(documents, there)
    if len(chosen) < len(documents):
        kept = {id(document) for document in chosen}
        repeated = next(document for document in documents if id(document) not in kept)
        raise DuplicateDocumentError(
            f"document {repeated.id!r} is there already, and nothing was written; "
            "DuplicatePolicy.OVERWRITE replaces, DuplicatePolicy.SKIP leaves what is there"
        )
    return chosen


def _skipping(documents: list[Document], there: Collection | None) -> list[Document]:
    chosen: dict[str, Document] = {}
    for document in documents:
        if document.id not in chosen and (there is None or document.id not in there):
            chosen[document.id] = document
    return list(chosen.values())


_POLICIES: dict[DuplicatePolicy, Callable[[list[Document], Collection | None], list[Document]]] = {
    DuplicatePolicy.NONE: _failing,
    DuplicatePolicy.FAIL: _failing,
    DuplicatePolicy.SKIP: _skipping,
    DuplicatePolicy.OVERWRITE: lambda documents, _: documents,
}
