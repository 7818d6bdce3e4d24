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
    from rank_retrieve import evaluation
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
    from rank_retrieve.dense import HNSW, Exact
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
        RankRetrieveError,
        ReadOnlyError,
        ResourceExhausted,
    )
    from rank_retrieve.filters import Filter
    from rank_retrieve.fusion import RRF, FusionRanker
    from rank_retrieve.interchange import read_documents
    from rank_retrieve.lexical import BM25
    from rank_retrieve.plugins import open_retriever
    from rank_retrieve.types import (
        Bitmap,
        Encoder,
        Explanation,
        Hit,
        Hits,
        HNSWOptions,
        Query,
        Retriever,
        Text,
        Vector,
    )

__version__ = "0.1.0"

__all__ = [
    "BM25",
    "HNSW",
    "RRF",
    "AlreadyExists",
    "Bitmap",
    "CachedEncoder",
    "CallableEncoder",
    "Collection",
    "CorruptionError",
    "Database",
    "DimensionMismatch",
    "Encoder",
    "EncodingFailed",
    "Exact",
    "Explanation",
    "FastEmbedEncoder",
    "Filter",
    "ForkedHandleError",
    "FormatVersionError",
    "FusionRanker",
    "HNSWOptions",
    "HTTPEncoder",
    "Hit",
    "Hits",
    "InvalidArgument",
    "LSAEncoder",
    "LockedError",
    "MissingExtra",
    "Model2VecEncoder",
    "NotCommitted",
    "NotFound",
    "OutcomeUnknown",
    "PoisonedError",
    "Query",
    "RankRetrieveError",
    "ReadOnlyError",
    "ResourceExhausted",
    "Retriever",
    "SentenceTransformerEncoder",
    "Snapshot",
    "Text",
    "Vector",
    "WriteBatch",
    "backup",
    "diagnose",
    "evaluation",
    "open",
    "open_retriever",
    "read_documents",
    "repair",
    "restore",
]

__getattr__ = lazy_exports(__name__, {
    "collection": (
        "Collection", "Database", "Snapshot", "WriteBatch", "backup", "diagnose", "open",
        "repair", "restore",
    ),
    "dense": ("HNSW", "Exact"),
    "encoders": (
        "CachedEncoder", "CallableEncoder", "FastEmbedEncoder", "HTTPEncoder", "LSAEncoder",
        "Model2VecEncoder", "SentenceTransformerEncoder",
    ),
    "errors": (
        "AlreadyExists", "CorruptionError", "DimensionMismatch", "EncodingFailed",
        "ForkedHandleError", "FormatVersionError", "InvalidArgument", "LockedError",
        "MissingExtra", "NotCommitted", "NotFound", "OutcomeUnknown", "PoisonedError",
        "RankRetrieveError", "ReadOnlyError", "ResourceExhausted",
    ),
    "evaluation": (),
    "filters": ("Filter",),
    "fusion": ("RRF", "FusionRanker"),
    "interchange": ("read_documents",),
    "lexical": ("BM25",),
    "plugins": ("open_retriever",),
    "types": (
        "Bitmap", "Encoder", "Explanation", "HNSWOptions", "Hit", "Hits", "Query", "Retriever",
        "Text", "Vector",
    ),
})  # fmt: skip


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
