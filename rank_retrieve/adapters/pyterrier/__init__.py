"""How does PyTerrier use the engine?

`RankRetrieveIndex` is an artifact: it indexes, and makes retrievers that stand in pipelines and
experiments. `RankRetrieveRetriever` is a transformer over any collection that is there already.
Neither needs Java.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rank_retrieve.adapters.exports import adapter_exports

if TYPE_CHECKING:
    from rank_retrieve.adapters.pyterrier.index import RankRetrieveIndex, RankRetrieveIndexer
    from rank_retrieve.adapters.pyterrier.retriever import RankRetrieveRetriever

__all__ = ["RankRetrieveIndex", "RankRetrieveIndexer", "RankRetrieveRetriever"]

__getattr__ = adapter_exports(
    __name__,
    {
        "index": ("RankRetrieveIndex", "RankRetrieveIndexer"),
        "retriever": ("RankRetrieveRetriever",),
    },
    needs="pyterrier",
    extra="pyterrier",
)
