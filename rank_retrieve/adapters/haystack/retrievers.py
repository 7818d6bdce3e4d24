"""Haystack components that search a `RankRetrieveDocumentStore`."""

from __future__ import annotations

from typing import Any

from haystack import Document, component, default_from_dict, default_to_dict
from haystack.document_stores.types import FilterPolicy, apply_filter_policy

from rank_retrieve.adapters.haystack.document_store import RankRetrieveDocumentStore
from rank_retrieve.errors import InvalidArgument


class _Retriever:
    """What the retrievers share: a store, a filter, a number of documents.

    document_store: a `RankRetrieveDocumentStore`.
    filters: for every run. top_k: at most this many documents.
    filter_policy: whether a run's own filters replace these or are merged with them.
    """

    def __init__(
        self,
        document_store: RankRetrieveDocumentStore,
        *,
        filters: dict[str, Any] | None = None,
        top_k: int = 10,
        filter_policy: FilterPolicy | str = FilterPolicy.REPLACE,
    ) -> None:
        if not isinstance(document_store, RankRetrieveDocumentStore):
            raise InvalidArgument(
                "document_store",
                type(document_store).__name__,
                "must be a RankRetrieveDocumentStore",
            )
        if top_k < 1:
            raise InvalidArgument("top_k", top_k, "must be at least 1")
        if isinstance(filter_policy, str):
            filter_policy = FilterPolicy.from_str(filter_policy)
        self.document_store, self.filters, self.top_k = document_store, filters, top_k
        self.filter_policy = filter_policy

    def to_dict(self) -> dict[str, Any]:
        """For `Pipeline.dumps`."""
        return default_to_dict(
            self,
            document_store=self.document_store,
            filters=self.filters,
            top_k=self.top_k,
            filter_policy=self.filter_policy.value,
        )

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Any:
        """From `to_dict`."""
        given = dict(data.get("init_parameters", {}))
        # made here, since Haystack makes nested objects of trusted modules only
        if isinstance(given.get("document_store"), dict):
            given["document_store"] = RankRetrieveDocumentStore.from_dict(given["document_store"])
        return default_from_dict(cls, {**data, "init_parameters": given})

    def _limits(self, filters: dict[str, Any] | None, top_k: int | None) -> dict[str, Any]:
        return {
            "filters": apply_filter_policy(self.filter_policy, self.filters, filters),
            "top_k": self.top_k if top_k is None else top_k,
        }


@component
class RankRetrieveBM25Retriever(_Retriever):
    """Finds documents by the words of a query; see `RankRetrieveDocumentStore`."""

    @component.output_types(documents=list[Document])
    def run(
        self, query: str, filters: dict[str, Any] | None = None, top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """The best documents by BM25, with their scores."""
        limits = self._limits(filters, top_k)
        return {"documents": self.document_store.bm25_retrieval(query, **limits)}

    @component.output_types(documents=list[Document])
    async def run_async(
        self, query: str, filters: dict[str, Any] | None = None, top_k: int | None = None
    ) -> dict[str, list[Document]]:
        """`run`, on a thread."""
        limits = self._limits(filters, top_k)
        return {"documents": await self.document_store.bm25_retrieval_async(query, **limits)}


@component
class RankRetrieveEmbeddingRetriever(_Retriever):
    """Finds documents by the embedding of a query; see `RankRetrieveDocumentStore`."""

    @component.output_types(documents=list[Document])
    def run(
        self,
        query_embedding: list[float],
        filters: dict[str, Any] | None = None,
        top_k: int | None = None,
    ) -> dict[str, list[Document]]:
        """The documents with the most similar embeddings, with their scores."""
        limits = self._limits(filters, top_k)
        return {"documents": self.document_store.embedding_retrieval(query_embedding, **limits)}

    @component.output_types(documents=list[Document])
    async def run_async(
        self,
        query_embedding: list[float],
        filters: dict[str, Any] | None = None,
        top_k: int | None = None,
    ) -> dict[str, list[Document]]:
        """`run`, on a thread."""
        limits = self._limits(filters, top_k)
        found = await self.document_store.embedding_retrieval_async(query_embedding, **limits)
        return {"documents": found}


@component
class RankRetrieveHybridRetriever(_Retriever):
    """Finds documents by words and embedding at once; see `RankRetrieveDocumentStore`.

    fusion: how the two rankings are joined, by name: "rrf", "convex", "dbsf", ...
    """

    def __init__(
        self,
        document_store: RankRetrieveDocumentStore,
        *,
        filters: dict[str, Any] | None = None,
        top_k: int = 10,
        filter_policy: FilterPolicy | str = FilterPolicy.REPLACE,
        fusion: str = "rrf",
    ) -> None:
        # the decorator makes the class anew, which super() does not know
        _Retriever.__init__(
            self, document_store, filters=filters, top_k=top_k, filter_policy=filter_policy
        )
        self.fusion = fusion

    def to_dict(self) -> dict[str, Any]:
        """For `Pipeline.dumps`."""
        data = _Retriever.to_dict(self)
        data["init_parameters"]["fusion"] = self.fusion
        return data

    @component.output_types(documents=list[Document])
    def run(
        self,
        query: str,
        query_embedding: list[float],
        filters: dict[str, Any] | None = None,
        top_k: int | None = None,
    ) -> dict[str, list[Document]]:
        """The best documents by both, with their fused scores."""
        limits = self._limits(filters, top_k)
        found = self.document_store.hybrid_retrieval(
            query, query_embedding, fusion=self.fusion, **limits
        )
        return {"documents": found}

    @component.output_types(documents=list[Document])
    async def run_async(
        self,
        query: str,
        query_embedding: list[float],
        filters: dict[str, Any] | None = None,
        top_k: int | None = None,
    ) -> dict[str, list[Document]]:
        """`run`, on a thread."""
        limits = self._limits(filters, top_k)
        found = await self.document_store.hybrid_retrieval_async(
            query, query_embedding, fusion=self.fusion, **limits
        )
        return {"documents": found}
