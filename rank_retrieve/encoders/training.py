"""What LSA learns from texts: which terms, how heavy, and where they point."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from rank_retrieve.analysis import Analyzer, Vocabulary
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Float32s, Int64s

MAX_DIM = 4096
SMALL_CORPUS_DOCUMENTS = 1000
_TEXTS_AT_ONCE = 1024


class LSAOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See `LSAEncoder`."""

    dim: int
    analyzer: str
    seed: int
    min_df: int | None
    max_terms: int
    max_documents: int

    def __post_init__(self) -> None:
        limits = {
            "dim": (1, MAX_DIM),
            "seed": (0, (1 << 63) - 1),
            "min_df": (1, (1 << 31) - 1),
            "max_terms": (1, 10_000_000),
            "max_documents": (1, (1 << 31) - 1),
        }
        for name, (low, high) in limits.items():
            value = getattr(self, name)
            if name == "min_df" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
                raise InvalidArgument(name, value, f"must be an integer in {low}..{high}")


@dataclass(frozen=True, eq=False)
class LSAModel:
    """terms: ascending. weights: float32 [n]. projection: float32 [n, dim].

    strengths: singular values, float32 [dim]. rank: columns that are not zeros.
    n_documents: how many texts were learnt from.
    """

    terms: list[bytes]
    weights: Float32s
    projection: Float32s
    strengths: Float32s
    rank: int
    n_documents: int


def train(
    texts: Sequence[str],
    options: LSAOptions,
    analyzer: Analyzer,
    progress: Callable[[int, int], None] | None,
) -> LSAModel:
    """Learn from texts. Raises InvalidArgument when there is no term in them."""
    from rank_retrieve.encoders.svd import right_singular_vectors

    chosen = _sample(texts, options)
    # steps of work: one for each text read, and as many again for the decomposition
    total = 2 * len(chosen)
    report = progress or _silent
    matrix, all_terms = _count(chosen, analyzer, lambda done: report(done, total))
    n_documents = len(chosen)
    df = np.bincount(matrix.indices, minlength=len(all_terms))
    kept = _keep(df, all_terms, n_documents, options)
    if not len(kept):
        raise InvalidArgument(
            "texts",
            n_documents,
            "hold no terms to learn from",
            "fit the encoder when there are documents with text",
        )
    weights = np.log((n_documents + 1) / df[kept]).astype(np.float32)
    matrix = matrix[:, kept]
    matrix.data = (1 + np.log(matrix.data)) * weights[matrix.indices]
    values, vectors = right_singular_vectors(
        matrix.astype(np.float32),
        options.dim,
        options.seed,
        lambda share: report(n_documents + int(share * n_documents), total),
    )
    rank = len(values)
    projection = np.zeros((len(kept), options.dim), dtype=np.float32)
    projection[:, :rank] = vectors
    strengths = np.zeros(options.dim, dtype=np.float32)
    strengths[:rank] = values
    terms = [all_terms[term] for term in kept.tolist()]
    return LSAModel(terms, weights, projection, strengths, rank, n_documents)


def _sample(texts: Sequence[str], options: LSAOptions) -> Sequence[str]:
    if isinstance(texts, str):
        raise InvalidArgument("texts", texts, "must be a sequence of strings, not one string")
    if len(texts) <= options.max_documents:
        return texts
    random = np.random.default_rng(options.seed)
    places = np.sort(random.choice(len(texts), options.max_documents, replace=False))
    return [texts[place] for place in places.tolist()]


def _count(
    texts: Sequence[str], analyzer: Analyzer, report: Callable[[int], None]
) -> tuple[Any, list[bytes]]:
    """Term frequencies as a sparse CSR float64 [n_texts, n_terms], and the terms."""
    from scipy import sparse

    vocabulary = Vocabulary(analyzer)
    tokens, lengths = [np.empty(0, dtype=np.int32)], [np.empty(0, dtype=np.int64)]
    for start in range(0, len(texts), _TEXTS_AT_ONCE):
        runs = vocabulary.analyze(texts[start : start + _TEXTS_AT_ONCE])
        tokens.append(runs.tokens)
        lengths.append(np.diff(runs.offsets))
        report(min(start + _TEXTS_AT_ONCE, len(texts)))
    columns = np.concatenate(tokens)
    rows = np.repeat(np.arange(len(texts)), np.concatenate(lengths))
    shape = (len(texts), vocabulary.n_terms)
    matrix = sparse.coo_array((np.ones(len(columns)), (rows, columns)), shape=shape).tocsr()
    matrix.sum_duplicates()
    return matrix, vocabulary.terms()


def _keep(df: Int64s, terms: list[bytes], n_documents: int, options: LSAOptions) -> Int64s:
    """The terms to learn, in ascending order of their bytes."""
    min_df = options.min_df
    if min_df is None:
        # in a small corpus too much hangs on words that occur in one document
        min_df = 1 if n_documents < SMALL_CORPUS_DOCUMENTS else 2
    known = [term for term in np.flatnonzero(df >= min_df).tolist() if terms[term]]
    if len(known) > options.max_terms:
        known = sorted(known, key=lambda term: (-df[term], terms[term]))[: options.max_terms]
    return np.array(sorted(known, key=terms.__getitem__), dtype=np.int64)


def _silent(done: int, total: int) -> None:
    pass
