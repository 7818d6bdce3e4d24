"""How does LangChain use the engine?

`RankRetrieveVectorStore` is a LangChain vector store: documents in, hybrid search out.
`RankRetrieveRetriever` is a LangChain retriever over any collection that is there already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rank_retrieve.adapters.exports import adapter_exports

if TYPE_CHECKING:
    from rank_retrieve.adapters.langchain.retriever import RankRetrieveRetriever
    from rank_retrieve.adapters.langchain.vector_store import RankRetrieveVectorStore

__all__ = ["RankRetrieveRetriever", "RankRetrieveVectorStore"]

__getattr__ = adapter_exports(
    __name__,
    {"retriever": ("RankRetrieveRetriever",), "vector_store": ("RankRetrieveVectorStore",)},
    needs="langchain_core",
    extra="langchain",
)
