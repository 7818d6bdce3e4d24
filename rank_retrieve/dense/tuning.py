"""How many candidates does a walk need? Measured beside the exact scan, on a sample of queries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rank_retrieve.dense.index_searcher import IndexSearcher
from rank_retrieve.dense.searcher import DensePart, ExactSearcher, check_k
from rank_retrieve.dense.validate import as_matrix
from rank_retrieve.dense.vectors import VectorColumn
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Int64s

_STEPS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048, 4096)


def measured_ef(
    searcher: IndexSearcher,
    column: VectorColumn,
    recall: float,
    k: int,
    queries: Any,
    sample: int,
    seed: int,
) -> dict[str, Any]:
    """The least ef_search of a ladder that reaches a recall, see `HNSW.tune`.

    column: all that `searcher` searches. Raises InvalidArgument.
    """
    if isinstance(recall, bool) or not isinstance(recall, int | float) or not 0 < recall <= 1:
        raise InvalidArgument("recall", recall, "must be above 0 and at most 1")
    if not column.n:
        raise InvalidArgument("recall", recall, "needs vectors to be measured on")
    if isinstance(sample, bool) or not isinstance(sample, int) or sample < 1:
        raise InvalidArgument("sample", sample, "must be a positive integer")
    check_k(k)
    skipped, depth = [-1], k
    if queries is None:
        # each is its own nearest neighbour, which says nothing
        rows = np.random.default_rng(seed).permutation(column.n)[:sample]
        queries, skipped, depth = column.vectors[rows], rows.tolist(), k + 1
    queries = as_matrix(queries, column.dim, searcher.metric, "queries")
    exact = ExactSearcher([DensePart(column, 0, None, column.n_docs)], searcher.metric)
    truth = [ranked.docs for ranked in exact.search_many(queries, depth)]
    skipped = skipped * len(queries) if skipped == [-1] else skipped
    reached, chosen = 0.0, _STEPS[-1]
    for chosen in _STEPS:
        if chosen < depth and chosen != _STEPS[-1]:
            continue
        found = searcher.search_many(queries, depth, ef_search=chosen)
        reached = _recall([ranked.docs for ranked in found], truth, skipped)
        if reached >= recall:
            break
    return {
        "ef_search": chosen, "recall": reached, "target": recall, "k": k, "queries": len(queries),
    }  # fmt: skip


def _recall(found: Sequence[Int64s], truth: Sequence[Int64s], skipped: Sequence[int]) -> float:
    shared = total = 0
    for mine, theirs, own in zip(found, truth, skipped, strict=True):
        wanted = set(theirs.tolist()) - {own}
        shared += len(wanted & set(mine.tolist()))
        total += len(wanted)
    return shared / max(1, total)
