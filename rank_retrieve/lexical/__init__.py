"""How are documents found by their words? An inverted index, scored by BM25 in exact integers.

invert          documents of tokens -> lists of documents per term
postings        the packed form of those lists, byte by byte
inverted_index  the sections of one index: writer and reader
deleted         what deleted documents take from the statistics
scoring         the score, defined to the last bit
searcher        several indexes under one ranking
merge           several indexes into one
bm25            all of it behind one class, for notebooks
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rank_retrieve._lazy import lazy_exports

if TYPE_CHECKING:
    from rank_retrieve.lexical.bm25 import BM25
    from rank_retrieve.lexical.deleted import DeletedStatistics
    from rank_retrieve.lexical.invert import ForwardIndex
    from rank_retrieve.lexical.inverted_index import InvertedIndex, write_inverted_index
    from rank_retrieve.lexical.merge import merge_inverted_indexes
    from rank_retrieve.lexical.scoring import BM25Scorer
    from rank_retrieve.lexical.searcher import LexicalPart, LexicalSearcher

__all__ = [
    "BM25",
    "BM25Scorer",
    "DeletedStatistics",
    "ForwardIndex",
    "InvertedIndex",
    "LexicalPart",
    "LexicalSearcher",
    "merge_inverted_indexes",
    "write_inverted_index",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "bm25": ("BM25",),
        "deleted": ("DeletedStatistics",),
        "invert": ("ForwardIndex",),
        "inverted_index": ("InvertedIndex", "write_inverted_index"),
        "merge": ("merge_inverted_indexes",),
        "scoring": ("BM25Scorer",),
        "searcher": ("LexicalPart", "LexicalSearcher"),
    },
)
