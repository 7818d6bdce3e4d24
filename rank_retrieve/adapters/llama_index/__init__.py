"""How does LlamaIndex use the engine?

`RankRetrieveVectorStore` is a LlamaIndex vector store: nodes in, dense, sparse, hybrid or diverse
results out. `RankRetrieveRetriever` is a retriever over any collection that is there already.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rank_retrieve.adapters.exports import adapter_exports

if TYPE_CHECKING:
    from rank_retrieve.adapters.llama_index.retriever import RankRetrieveRetriever
    from rank_retrieve.adapters.llama_index.vector_store import RankRetrieveVectorStore

__all__ = ["RankRetrieveRetriever", "RankRetrieveVectorStore"]

__getattr__ = adapter_exports(
    __name__,
    {"retriever": ("RankRetrieveRetriever",), "vector_store": ("RankRetrieveVectorStore",)},
    needs="llama_index.core",
    extra="llama-index",
)
