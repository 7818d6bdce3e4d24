"""What SQLite is to tables, rank-retrieve is to search.

One directory on disk, in your own process: documents with text, vectors and metadata, found by
BM25, by dense similarity, or by both fused, with filters, explanations and a written crash
contract. Names load when they are first used, so importing the package costs next to nothing.

>>> import rank_retrieve as rr
>>> db = rr.open(":memory:")
>>> notes = db.create_collection("notes", fields={"text": rr.Text()})
>>> notes.put({"id": "a", "text": "A cat sat on the mat.", "year": 2021})
>>> notes.search("cats", k=1).ids.tolist()
['a']
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rank_retrieve._lazy import lazy_exports

if TYPE_CHECKING:
    from rank_retrieve import evaluation, fusion, plots, rerankers
    from rank_retrieve.collection import (
        Collection,
        Database,
        Snapshot,
        WriteBatch,
        backup,
        diagnose,
        open,
        repair,
        restore,
    )
    from rank_retrieve.collection.finding import Page
    from rank_retrieve.dense import HNSW, IVFPQ, Exact
    from rank_retrieve.encoders import (
        CachedEncoder,
        CallableEncoder,
        FastEmbedEncoder,
        HTTPEncoder,
        LSAEncoder,
        Model2VecEncoder,
        SentenceTransformerEncoder,
    )
    from rank_retrieve.errors import (
        AlreadyExists,
        CorruptionError,
        DeadlineExceeded,
        DimensionMismatch,
        EncodingFailed,
        ForkedHandleError,
        FormatVersionError,
        InvalidArgument,
        LockedError,
        MissingExtra,
        NotCommitted,
        NotFound,
        OutcomeUnknown,
        PoisonedError,
        QuerySyntaxError,
        RankRetrieveError,
        ReadOnlyError,
        ResourceExhausted,
        StorageError,
    )
    from rank_retrieve.filters import Filter
    from rank_retrieve.filters.facets import Facet
    from rank_retrieve.filters.statistics import Statistics
    from rank_retrieve.fusion import RRF, Convex, FusionRanker
    from rank_retrieve.interchange import read_documents
    from rank_retrieve.lexical import BM25
    from rank_retrieve.lexical.feedback import RM3, Rocchio
    from rank_retrieve.lexical.queries import (
        Boolean,
        Boosted,
        ConstantScore,
        DisMax,
        Fuzzy,
        LexicalQuery,
        Match,
        MatchAll,
        Phrase,
        Prefix,
        Regex,
        Term,
        TermRange,
        Wildcard,
        parse_query,
    )
    from rank_retrieve.lexical.scoring import BM25Scorer
    from rank_retrieve.plugins import open_retriever
    from rank_retrieve.rerankers import MMR, Boost, CrossEncoder, MaxSim, Recency, Reranker
    from rank_retrieve.types import (
        Bitmap,
        Encoder,
        ExactOptions,
        Explanation,
        Group,
        Hit,
        Hits,
        HNSWOptions,
        IVFPQOptions,
        MultiVector,
        Query,
        Retriever,
        Text,
        Vector,
    )

__version__ = "0.1.0"

__all__ = [
    "BM25",
    "HNSW",
    "IVFPQ",
    "MMR",
    "RM3",
    "RRF",
    "AlreadyExists",
    "BM25Scorer",
    "Bitmap",
    "Boolean",
    "Boost",
    "Boosted",
    "CachedEncoder",
    "CallableEncoder",
    "Collection",
    "ConstantScore",
    "Convex",
    "CorruptionError",
    "CrossEncoder",
    "Database",
    "DeadlineExceeded",
    "DimensionMismatch",
    "DisMax",
    "Encoder",
    "EncodingFailed",
    "Exact",
    "ExactOptions",
    "Explanation",
    "Facet",
    "FastEmbedEncoder",
    "Filter",
    "ForkedHandleError",
    "FormatVersionError",
    "FusionRanker",
    "Fuzzy",
    "Group",
    "HNSWOptions",
    "HTTPEncoder",
    "Hit",
    "Hits",
    "IVFPQOptions",
    "InvalidArgument",
    "LSAEncoder",
    "LexicalQuery",
    "LockedError",
    "Match",
    "MatchAll",
    "MaxSim",
    "MissingExtra",
    "Model2VecEncoder",
    "MultiVector",
    "NotCommitted",
    "NotFound",
    "OutcomeUnknown",
    "Page",
    "Phrase",
    "PoisonedError",
    "Prefix",
    "Query",
    "QuerySyntaxError",
    "RankRetrieveError",
    "ReadOnlyError",
    "Recency",
    "Regex",
    "Reranker",
    "ResourceExhausted",
    "Retriever",
    "Rocchio",
    "SentenceTransformerEncoder",
    "Snapshot",
    "Statistics",
    "StorageError",
    "Term",
    "TermRange",
    "Text",
    "Vector",
    "Wildcard",
    "WriteBatch",
    "backup",
    "diagnose",
    "evaluation",
    "fusion",
    "open",
    "open_retriever",
    "parse_query",
    "plots",
    "read_documents",
    "repair",
    "rerankers",
    "restore",
]

__getattr__ = lazy_exports(__name__, {
    "collection": (
        "Collection", "Database", "Snapshot", "WriteBatch", "backup", "diagnose", "open",
        "repair", "restore",
    ),
    "dense": ("HNSW", "IVFPQ", "Exact"),
    "encoders": (
        "CachedEncoder", "CallableEncoder", "FastEmbedEncoder", "HTTPEncoder", "LSAEncoder",
        "Model2VecEncoder", "SentenceTransformerEncoder",
    ),
    "errors": (
        "AlreadyExists", "CorruptionError", "DeadlineExceeded", "DimensionMismatch",
        "EncodingFailed", "QuerySyntaxError",
        "ForkedHandleError", "FormatVersionError", "InvalidArgument", "LockedError",
        "MissingExtra", "NotCommitted", "NotFound", "OutcomeUnknown", "PoisonedError",
        "RankRetrieveError", "ReadOnlyError", "ResourceExhausted", "StorageError",
    ),
    "evaluation": (),
    "plots": (),
    "collection.finding": ("Page",),
    "filters": ("Filter",),
    "filters.facets": ("Facet",),
    "filters.statistics": ("Statistics",),
    "fusion": ("RRF", "Convex", "FusionRanker", "fusion"),
    "interchange": ("read_documents",),
    "lexical.feedback": ("RM3", "Rocchio"),
    "lexical.scoring": ("BM25Scorer",),
    "lexical": ("BM25",),
    "lexical.queries": (
        "Boolean", "Boosted", "ConstantScore", "DisMax", "Fuzzy", "LexicalQuery", "Match",
        "MatchAll", "Phrase", "Prefix", "Regex", "Term", "TermRange", "Wildcard", "parse_query",
    ),
    "rerankers": (
        "MMR", "Boost", "CrossEncoder", "MaxSim", "Recency", "Reranker", "rerankers",
    ),
    "plugins": ("open_retriever",),
    "types": (
        "Bitmap", "Encoder", "ExactOptions", "Explanation", "Group", "HNSWOptions", "Hit", "Hits",
        "IVFPQOptions", "MultiVector", "Query", "Retriever", "Text", "Vector",
    ),
})  # fmt: skip


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
