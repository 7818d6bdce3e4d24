"""How does Haystack use the engine?

`RankRetrieveDocumentStore` is a Haystack document store; the three retrievers are components
that search it by words, by embedding, or by both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rank_retrieve.adapters.exports import adapter_exports

if TYPE_CHECKING:
    from rank_retrieve.adapters.haystack.document_store import RankRetrieveDocumentStore
    from rank_retrieve.adapters.haystack.retrievers import (
        RankRetrieveBM25Retriever,
        RankRetrieveEmbeddingRetriever,
        RankRetrieveHybridRetriever,
    )

__all__ = [
    "RankRetrieveBM25Retriever",
    "RankRetrieveDocumentStore",
    "RankRetrieveEmbeddingRetriever",
    "RankRetrieveHybridRetriever",
]

__getattr__ = adapter_exports(
    __name__,
    {
        "document_store": ("RankRetrieveDocumentStore",),
        "retrievers": (
            "RankRetrieveBM25Retriever",
            "RankRetrieveEmbeddingRetriever",
            "RankRetrieveHybridRetriever",
        ),
    },
    needs="haystack",
    extra="haystack",
)
