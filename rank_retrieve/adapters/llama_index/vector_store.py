"""LlamaIndex's vector store over one collection."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llama_index.core.bridge.pydantic import ConfigDict, PrivateAttr
from llama_index.core.schema import BaseNode
from llama_index.core.vector_stores.types import (
    BasePydanticVectorStore,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
    VectorStoreQueryResult,
)

from rank_retrieve.adapters.databases import MEMORY, Place
from rank_retrieve.adapters.diversity import marginal_relevance
from rank_retrieve.adapters.lazy_collection import LazyCollection
from rank_retrieve.adapters.llama_index.filters import of_query, to_predicate
from rank_retrieve.adapters.llama_index.nodes import (
    EMBEDDING,
    REF_DOC_ID,
    TEXT,
    to_ours,
    to_theirs,
)
from rank_retrieve.adapters.threads import on_thread
from rank_retrieve.collection import Collection, Database
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.fusion import RRF, Convex
from rank_retrieve.types import Metric

MMR_CANDIDATES_PER_RESULT = 4


class RankRetrieveVectorStore(BasePydanticVectorStore):
    """Nodes that are found by their embeddings, their words, or both.

    path: a directory, ":memory:", or an open `rr.Database`. Stores of one process may share it.
    collection_name: the collection in it, made with the first node.
    embedding_dim: None takes it from the first node.
    metric, index, analyzer: of the embeddings and of the text, as `rr.Vector` and `rr.Text` have
        them; they count when the collection is made.

    Query modes: "default" by embedding; "sparse" and "text_search" by BM25; "hybrid" by both,
    joined by reciprocal rank fusion, or with `alpha` by its weighted mean (0: words, 1: embedding);
    "mmr" by embedding, each result unlike those before it. Every write is durable when it returns.
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    stores_text: bool = True
    is_embedding_query: bool = True
    path: str = MEMORY
    collection_name: str = "llama_index"
    embedding_dim: int | None = None
    metric: Metric = "cosine"
    index: Any = "exact"
    analyzer: str = "english"
    _documents: LazyCollection = PrivateAttr()

    def __init__(self, path: Place = MEMORY, **settings: Any) -> None:
        shown = path.path if isinstance(path, Database) else str(path)
        super().__init__(**{"path": shown, **settings})
        self._documents = LazyCollection(
            path,
            self.collection_name,
            texts=[TEXT],
            vector=EMBEDDING,
            analyzer=self.analyzer,
            metric=self.metric,
            index=self.index,
            dim=self.embedding_dim,
        )

    @classmethod
    def class_name(cls) -> str:
        """As LlamaIndex names it."""
        return "RankRetrieveVectorStore"

    @property
    def client(self) -> Collection | None:
        """The collection underneath, None before the first node."""
        return self._documents.existing()

    @property
    def database(self) -> Database:
        """The database underneath, for checkpoints, backups and all else."""
        return self._documents.database

    def close(self) -> None:
        """Let go of the database, which is closed with the last store that uses its path."""
        self._documents.close()

    # ------------------------------------------------------------------ nodes

    def add(self, nodes: Sequence[BaseNode], **kwargs: Any) -> list[str]:
        """Add nodes, or replace those with the same ids."""
        self._documents.put([to_ours(node) for node in nodes])
        return [node.node_id for node in nodes]

    def delete(self, ref_doc_id: str, **delete_kwargs: Any) -> None:
        """Delete the nodes that were made from a document, in one atomic batch."""
        found = self._documents.existing()
        if found is not None:
            self._documents.delete(list(found.ids({REF_DOC_ID: ref_doc_id})))

    def delete_nodes(
        self,
        node_ids: list[str] | None = None,
        filters: MetadataFilters | None = None,
        **delete_kwargs: Any,
    ) -> None:
        """Delete the nodes that have these ids and pass the filter, in one atomic batch."""
        where = to_predicate(filters, node_ids=node_ids)
        if where is None:
            raise InvalidArgument(
                "node_ids", None, "say which nodes, by id or filter", "to delete all, call clear()"
            )
        found = self._documents.existing()
        if found is not None:
            self._documents.delete(list(found.ids(where)))

    def clear(self) -> None:
        """Delete every node."""
        self._documents.clear()

    def get_nodes(
        self, node_ids: list[str] | None = None, filters: MetadataFilters | None = None
    ) -> list[BaseNode]:
        """The nodes that have these ids and pass the filter, in order of insertion."""
        where = to_predicate(filters, node_ids=node_ids)
        found = self._documents.existing()
        documents = () if found is None else found.documents(where)
        return [to_theirs(document) for document in documents]

    # ------------------------------------------------------------------ query

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """The nodes for a query, best first, with the engine's scores; higher is better.

        Raises InvalidArgument for a mode that does not apply, a filter that is none, or a query
        without what its mode needs.
        """
        mode = VectorStoreQueryMode(query.mode)
        if mode not in _MODES:
            known = ", ".join(known.value for known in _MODES)
            raise InvalidArgument("mode", mode.value, f"must be one of {known}")
        where = of_query(query)
        collection = self._documents.existing()
        if collection is None or query.similarity_top_k < 1:
            return VectorStoreQueryResult(nodes=[], similarities=[], ids=[])
        request = {"where": where}
        found = _MODES[mode](collection, query, request, kwargs)
        return VectorStoreQueryResult(
            nodes=[to_theirs(document) for document, _ in found],
            similarities=[score for _, score in found],
            ids=[document["id"] for document, _ in found],
        )

    # ------------------------------------------------------------------ asynchronous twins
    # (mypy takes `self` for that of the base, whose methods these override)

    async_add = on_thread(add)  # type: ignore[arg-type]
    adelete = on_thread(delete)  # type: ignore[arg-type]
    adelete_nodes = on_thread(delete_nodes)  # type: ignore[arg-type]
    aclear = on_thread(clear)  # type: ignore[arg-type]
    aget_nodes = on_thread(get_nodes)  # type: ignore[arg-type]
    aquery = on_thread(query)  # type: ignore[arg-type]


Scored = list[tuple[dict[str, Any], float]]


def _given(query: VectorStoreQuery, name: str) -> Any:
    value = getattr(query, name)
    if value is None:
        raise InvalidArgument(name, None, f"a query in mode {str(query.mode.value)!r} needs one")
    return value


def _scored(collection: Collection, *args: Any, **request: Any) -> Scored:
    return [(hit.document, hit.score) for hit in collection.search(*args, **request)]


def _dense(
    collection: Collection, query: VectorStoreQuery, request: dict[str, Any], kwargs: dict[str, Any]
) -> Scored:
    vector = _given(query, "query_embedding")
    if EMBEDDING not in collection.schema.vectors:
        return []
    return _scored(collection, None, query.similarity_top_k, vector=vector, mode="dense", **request)


def _lexical(
    collection: Collection, query: VectorStoreQuery, request: dict[str, Any], kwargs: dict[str, Any]
) -> Scored:
    k = query.sparse_top_k or query.similarity_top_k
    return _scored(collection, _given(query, "query_str"), k, mode="lexical", **request)


def _hybrid(
    collection: Collection, query: VectorStoreQuery, request: dict[str, Any], kwargs: dict[str, Any]
) -> Scored:
    text, vector = _given(query, "query_str"), _given(query, "query_embedding")
    k = query.hybrid_top_k or query.similarity_top_k
    if EMBEDDING not in collection.schema.vectors:
        return _scored(collection, text, k, mode="lexical", **request)
    alpha = query.alpha
    if alpha is not None and not 0 <= alpha <= 1:
        raise InvalidArgument("alpha", alpha, "must be between 0 and 1")
    fusion = RRF() if alpha is None else Convex(weights=(1 - alpha, alpha))
    return _scored(collection, text, k, vector=vector, mode="hybrid", fusion=fusion, **request)


def _diverse(
    collection: Collection, query: VectorStoreQuery, request: dict[str, Any], kwargs: dict[str, Any]
) -> Scored:
    vector, k = _given(query, "query_embedding"), query.similarity_top_k
    threshold = kwargs.get("mmr_threshold", query.mmr_threshold)
    factor = kwargs.get("mmr_prefetch_factor", MMR_CANDIDATES_PER_RESULT)
    depth = max(k, int(kwargs.get("mmr_prefetch_k", factor * k)))
    if EMBEDDING not in collection.schema.vectors:
        return []
    found = _scored(collection, None, depth, vector=vector, mode="dense", **request)
    if not found:
        return []
    rows = np.array([document[EMBEDDING] for document, _ in found], dtype=np.float32)
    lambda_ = 0.5 if threshold is None else threshold
    chosen, values = marginal_relevance(np.asarray(vector, np.float32), rows, k, lambda_)
    return [(found[row][0], value) for row, value in zip(chosen, values, strict=True)]


_Search = Callable[[Collection, VectorStoreQuery, dict[str, Any], dict[str, Any]], Scored]
_MODES: dict[VectorStoreQueryMode, _Search] = {
    VectorStoreQueryMode.DEFAULT: _dense,
    VectorStoreQueryMode.SPARSE: _lexical,
    VectorStoreQueryMode.TEXT_SEARCH: _lexical,
    VectorStoreQueryMode.HYBRID: _hybrid,
    VectorStoreQueryMode.MMR: _diverse,
}
