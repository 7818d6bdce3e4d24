"""How much effort does a query need? Measured beside the exact scan, on a sample of queries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from rank_retrieve.dense.index_searcher import IndexSearcher
from rank_retrieve.dense.searcher import DensePart, ExactSearcher, check_k
from rank_retrieve.dense.validate import as_matrix
from rank_retrieve.dense.vectors import live_rows
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Float32s, Int64s, Metric

NO_DOC = -1


class Questions:
    """Queries with their true nearest docs.

    queries: [n, dim], or None for `sample` of the live vectors, each of which is then not counted
        among its own neighbours: that would say nothing.
    Raises InvalidArgument where there are no vectors, and for arguments that do not fit.
    """

    def __init__(
        self,
        parts: Sequence[DensePart],
        metric: Metric,
        k: int,
        queries: Any,
        sample: int,
        seed: int,
    ) -> None:
        check_k(k)
        if isinstance(sample, bool) or not isinstance(sample, int) or sample < 1:
            raise InvalidArgument("sample", sample, "must be a positive integer")
        exact = ExactSearcher(parts, metric)
        drawn, own = _drawn(parts, sample, seed)
        if not len(drawn):
            raise InvalidArgument("sample", sample, "needs vectors to be measured on")
        if queries is not None:
            drawn = as_matrix(queries, exact.dim, metric, "queries")
            own = np.full(len(drawn), NO_DOC)
        self.vectors, self._own = drawn, own
        self.k, self.depth = k, k if queries is not None else k + 1
        self._truth = [ranked.docs for ranked in exact.search_many(drawn, self.depth)]

    def recall(self, searcher: IndexSearcher, effort: int | None) -> float:
        """The share of the true k nearest that a searcher finds."""
        found = searcher.search_many(self.vectors, self.depth, effort=effort)
        shared = total = 0
        for mine, theirs, own in zip(found, self._truth, self._own.tolist(), strict=True):
            wanted = set(theirs.tolist()) - {own}
            shared += len(wanted & set(mine.docs.tolist()))
            total += len(wanted)
        return shared / max(1, total)


def measured_effort(
    searcher: IndexSearcher,
    recall: float,
    k: int,
    queries: Any,
    sample: int,
    seed: int,
) -> dict[str, Any]:
    """The least effort worth trying that reaches a recall; where none does, the last one tried.

    Returns {effort's name: effort, "recall", "target", "k", "queries"}. Raises InvalidArgument.
    """
    check_recall(recall)
    questions = Questions(searcher.parts, searcher.metric, k, queries, sample, seed)
    reached, chosen = 0.0, searcher.effort.default
    for chosen in _steps(searcher, questions.depth):
        reached = questions.recall(searcher, chosen)
        if reached >= recall:
            break
    return {
        searcher.effort.name: chosen, "recall": reached, "target": recall, "k": k,
        "queries": len(questions.vectors),
    }  # fmt: skip


def check_recall(recall: float) -> None:
    """Raise InvalidArgument for what is no share."""
    if isinstance(recall, bool) or not isinstance(recall, int | float) or not 0 < recall <= 1:
        raise InvalidArgument("recall", recall, "must be above 0 and at most 1")


def _steps(searcher: IndexSearcher, depth: int) -> Iterator[int]:
    effort = searcher.effort
    steps = effort.steps or tuple(1 << power for power in range(17))
    fitting = [step for step in steps if step <= effort.most]
    least = depth if effort.name == "ef_search" else 1  # no walk keeps fewer than are wanted
    yield from [step for step in fitting if step >= least] or fitting[-1:]


def _drawn(parts: Sequence[DensePart], sample: int, seed: int) -> tuple[Float32s, Int64s]:
    """Live vectors, evenly likely, and their docs."""
    vectors: list[Float32s] = []
    docs: list[Int64s] = []
    rows = [
        np.empty(0, np.int64) if part.vectors is None else live_rows(part.vectors, part.live)
        for part in parts
    ]
    ends = np.cumsum([0, *(len(some) for some in rows)])
    places = np.sort(np.random.default_rng(seed).permutation(ends[-1])[:sample])
    for part, some, start, end in zip(parts, rows, ends[:-1], ends[1:], strict=True):
        chosen = some[places[(places >= start) & (places < end)] - start]
        if part.vectors is not None and len(chosen):
            column = part.vectors
            vectors.append(np.asarray(column.vectors[chosen], dtype=np.float32))
            numbers = chosen if column.docs is None else column.docs[chosen].astype(np.int64)
            docs.append(part.base + numbers)
    if not vectors:
        return np.empty((0, 1), np.float32), np.empty(0, np.int64)
    return np.concatenate(vectors), np.concatenate(docs)
