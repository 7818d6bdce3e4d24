"""How do other people's indexes join in? As retrievers of the same contract, found by entry point.

    registry        retrievers by name, whoever wrote them
    candidates      a vector library proposes, exact scores decide: the base of the four below
    hnswlib, faiss, usearch, pynndescent    vector indexes
    tantivy         a lexical index

Each library is an extra of the package, imported when its retriever is made or opened.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rank_retrieve._lazy import lazy_exports

if TYPE_CHECKING:
    from rank_retrieve.plugins.candidates import CandidateRetriever
    from rank_retrieve.plugins.registry import GROUP, names, open_retriever, retriever_class

__all__ = ["GROUP", "CandidateRetriever", "names", "open_retriever", "retriever_class"]

__getattr__ = lazy_exports(
    __name__,
    {
        "candidates": ("CandidateRetriever",),
        "registry": ("GROUP", "names", "open_retriever", "retriever_class"),
    },
)
