import subprocess
import sys
from pathlib import Path

import pytest

import rank_retrieve as rr

NAMES = {
    "BM25", "RRF", "AlreadyExists", "Bitmap", "CallableEncoder", "Collection", "CorruptionError",
    "Database", "DimensionMismatch", "Encoder", "Exact", "Explanation", "Filter",
    "ForkedHandleError", "FormatVersionError", "FusionRanker", "HNSW", "HNSWOptions", "Hit", "Hits",
    "IVFPQ", "IVFPQOptions",
    "InvalidArgument",
    "CachedEncoder", "FastEmbedEncoder", "HTTPEncoder", "Model2VecEncoder",
    "SentenceTransformerEncoder", "EncodingFailed", "MissingExtra",
    "LSAEncoder", "LockedError", "NotCommitted", "NotFound", "OutcomeUnknown", "PoisonedError",
    "Query", "RankRetrieveError", "ReadOnlyError", "ResourceExhausted", "Retriever", "Snapshot",
    "StorageError", "Facet", "Group", "Page", "Statistics",
    "Text", "Vector", "WriteBatch", "evaluation", "open",
    "Boolean", "Boosted", "ConstantScore", "DeadlineExceeded", "DisMax", "Fuzzy", "LexicalQuery",
    "Match", "MatchAll", "Phrase", "Prefix", "QuerySyntaxError", "Regex", "Term", "TermRange",
    "Wildcard", "parse_query",
}  # fmt: skip


def test_the_public_names_are_these() -> None:
    assert set(rr.__all__) >= NAMES
    for name in rr.__all__:
        assert getattr(rr, name) is not None
    with pytest.raises(AttributeError, match="no_such_name"):
        rr.no_such_name  # type: ignore[attr-defined]


def test_errors_form_one_tree_and_survive_pickling() -> None:
    import pickle

    examples: list[rr.RankRetrieveError] = [
        rr.NotFound("collection", "papers", "make it"),
        rr.AlreadyExists("collection", "papers"),
        rr.InvalidArgument("k", object(), "must be a number", "pass one"),
        rr.DimensionMismatch("vector", 3, 4),
        rr.CorruptionError("wal", 64, "a frame", "zeros"),
        rr.FormatVersionError("manifest", "99", "1"),
        rr.LockedError("db", "pid 7"),
        rr.ReadOnlyError("write"),
        rr.NotCommitted("the batch", "disk full"),
        rr.OutcomeUnknown("the batch", "interrupted"),
        rr.PoisonedError("db", "EIO"),
        rr.ForkedHandleError("db", 7),
        rr.ResourceExhausted("disk", "full"),
        rr.StorageError("db", "manifest", "I/O error", 5),
        rr.EncodingFailed("model", "the service is down", "try later"),
        rr.MissingExtra("httpx", "http"),
        rr.QuerySyntaxError("a AND", 5, "nothing to join on the right", "add a word"),
        rr.DeadlineExceeded("the query", 0.5),
    ]
    for error in examples:
        assert isinstance(error, rr.RankRetrieveError)
        again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
        assert type(again) is type(error)
        assert str(again) == str(error)
    assert isinstance(examples[2], ValueError)
    assert isinstance(examples[0], KeyError)


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, rank_retrieve\n"
        "print([m for m in ('numpy', 'numba', 'scipy', 'rich') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(rr.__file__).parents[1],
    )
    assert done.stdout.strip() == "[]"
