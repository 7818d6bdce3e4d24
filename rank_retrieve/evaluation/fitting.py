"""Which fusion suits these legs? Judgements decide, and cross-validation says what that is worth.

    every method of a grid, over every judged query        a table of means
    per fold: the method that is best on the other folds   what a fit is worth on unseen queries
    the method that is best on all queries                 what is returned

Convex combinations fitted on some tens of judged queries beat RRF (Bruch, Gai & Ingber, "An
Analysis of Fusion Functions for Hybrid Retrieval", ACM TOIS 42(1), 2023); with fewer, the held-out
means here say whether they do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.evaluation.comparison import Comparisons, compare
from rank_retrieve.evaluation.evaluate import (
    System,
    by_order,
    judged_queries,
    named_systems,
    run_of,
)
from rank_retrieve.evaluation.evaluation import Evaluation
from rank_retrieve.evaluation.metrics import Metrics
from rank_retrieve.evaluation.qrels import Qrels
from rank_retrieve.evaluation.runs import Run, ranking
from rank_retrieve.fusion import DBSF, RRF, Adaptive, CombMNZ, Convex, FusionMethod
from rank_retrieve.fusion.method import checked_k
from rank_retrieve.types import Float64s, Ranked

FITTED = "fitted"
BASELINE = RRF(k=60)


@dataclass(frozen=True, eq=False)
class FusionFit:
    """The outcome of `fit_fusion`; `print` shows it.

    method: best on all queries; the one to search with.
    metric: what was maximised.
    table: each method with its mean over all queries, best first.
    chosen: the method that each fold's other folds chose; all alike when the fit is stable.
    held_out: the legs, RRF(k=60) and "fitted", where each query was ranked by the method that
        was chosen without it. Its means are the ones to quote; those of `table` flatter.
    """

    method: FusionMethod
    metric: str
    table: tuple[tuple[FusionMethod, float], ...]
    chosen: tuple[FusionMethod, ...]
    held_out: Evaluation

    def gains(
        self, *, test: Literal["randomisation", "t"] = "randomisation", seed: int = 0
    ) -> Comparisons:
        """The held-out fit against each leg and against RRF, corrected together by Holm."""
        values = self.held_out.values
        found = [
            compare(
                (self.metric,), {other: values[other], FITTED: values[FITTED]}, other,
                test=test, seed=seed,
            )[0]
            for other in values
            if other != FITTED
        ]  # fmt: skip
        return Comparisons.corrected(found, "holm")

    def __str__(self) -> str:
        lines = [
            f"{self.method!r}",
            f"{self.metric} on all {len(self.held_out.queries)} queries {self.table[0][1]:.4f},"
            f" held out {self.held_out.mean(self.metric, FITTED):.4f}"
            f" ({len(self.chosen)} folds, {len(set(map(repr, self.chosen)))} choices)",
        ]
        lines += [
            f"{c.difference:+.4f} against {c.baseline}: {c.wins} better, {c.losses} worse,"
            f" p = {c.p_corrected:.3f}"
            for c in self.gains()
        ]
        return "\n".join(lines)


def fit_fusion(
    legs: Sequence[System] | Mapping[str, System],
    queries: Mapping[str, Any] | None,
    qrels: Qrels,
    metric: str = "nDCG@10",
    *,
    methods: Sequence[FusionMethod] | None = None,
    candidates: int = 100,
    folds: int = 5,
    seed: int = 0,
) -> FusionFit:
    """The fusion method and weights that rank best by judgements, and what they are worth.

    legs: retrievers, functions (query, k) -> Hits or runs, as in `evaluate`, in the order of the
        weights; at least one. Ask the legs as they will be asked later, `candidates` deep.
    queries: query id -> whatever the legs take; None with runs only.
    qrels: query id -> document id -> grade.
    metric: one name of ir-measures, higher is better.
    methods: what to choose from, simplest first (of equals the first is chosen);
        `methods_for(number of legs)` when not given.
    folds: parts of the judged queries, drawn by `seed`; as many as queries leaves one out.

    Raises InvalidArgument, also for fewer judged queries than folds, and what the legs raise.
    """
    measured = Metrics([metric])
    named = named_systems(legs)
    tried = list(methods_for(len(named)) if methods is None else methods)
    if not tried:
        raise InvalidArgument("methods", methods, "must be at least one fusion method")
    if FITTED in named or repr(BASELINE) in named:
        raise InvalidArgument("legs", list(named), f"must not be named {FITTED!r} or {BASELINE!r}")
    checked_k(candidates, "candidates")
    judged = judged_queries(list(qrels if queries is None else queries), qrels)
    if type(folds) is not int or not 2 <= folds <= len(judged):
        raise InvalidArgument("folds", folds, f"must be in 2..{len(judged)}, the judged queries")

    runs = {
        name: _cut(run_of(name, system, tuple(judged), queries, candidates), candidates)
        for name, system in named.items()
    }
    pools = {query: _numbered([run.get(query, {}) for run in runs.values()]) for query in judged}

    def measure(run: Run) -> Float64s:
        return measured.per_query(tuple(judged), judged, by_order(run))

    def fused(method: FusionMethod) -> Run:
        return {query: pool.fused(method, measured.depth) for query, pool in pools.items()}

    values = np.hstack([measure(fused(method)) for method in tried])
    fold_of = np.random.default_rng(seed).permutation(len(judged)) % folds
    chosen = [int(values[fold_of != fold].mean(axis=0).argmax()) for fold in range(folds)]
    held_out = values[np.arange(len(judged)), np.array(chosen)[fold_of]]
    means = values.mean(axis=0)
    best_first = np.argsort(-means, kind="stable").tolist()
    compared = {name: measure(run) for name, run in runs.items()}
    compared[repr(BASELINE)] = measure(fused(BASELINE))
    compared[FITTED] = held_out[:, None]
    return FusionFit(
        tried[best_first[0]],
        metric,
        tuple((tried[at], float(means[at])) for at in best_first),
        tuple(tried[at] for at in chosen),
        Evaluation(measured.names, tuple(judged), compared, runs),
    )


def methods_for(n_legs: int) -> list[FusionMethod]:
    """What `fit_fusion` tries: RRF with four constants, DBSF, CombMNZ, Adaptive, and over a grid of
    weights RRF and Convex with three normalisations.

    Equal weights come first, so that others must earn their place.
    """
    grid = _weights(n_legs)
    convex = [
        Convex(weights, normalisation)
        for normalisation in ("min-max", "z-score", "rank")
        for weights in (None, *grid)
    ]
    constants = [RRF(k=60), RRF(k=30), RRF(k=10), RRF(k=100)]
    weighted = [RRF(k=60, weights=weights) for weights in grid]
    return [*constants, DBSF(), CombMNZ(), Adaptive(), *weighted, *convex]


def _weights(n_legs: int) -> list[tuple[float, ...]]:
    """Weights that add up to one, in steps of 0.05, 0.1 or 0.2 as the legs become more."""
    steps = {1: 1, 2: 20, 3: 10}.get(n_legs, 5)

    def shared(steps_left: int, legs_left: int) -> list[tuple[int, ...]]:
        if legs_left == 1:
            return [(steps_left,)]
        return [
            (first, *rest)
            for first in range(steps_left + 1)
            for rest in shared(steps_left - first, legs_left - 1)
        ]

    return [tuple(round(share / steps, 2) for share in parts) for parts in shared(steps, n_legs)]


def _cut(run: Run, depth: int) -> dict[str, dict[str, float]]:
    return {query: dict(ranking(found)[:depth]) for query, found in run.items()}


@dataclass(frozen=True)
class _Pool:
    """The legs of one query, with docs instead of ids."""

    ids: list[str]
    legs: list[Ranked]

    def fused(self, method: FusionMethod, k: int) -> dict[str, float]:
        found = method.fuse(self.legs, k)
        names = [self.ids[doc] for doc in found.docs.tolist()]
        return dict(zip(names, found.scores.tolist(), strict=True))


def _numbered(legs: Sequence[Mapping[str, float]]) -> _Pool:
    numbers: dict[str, int] = {}
    ranked = []
    for leg in legs:
        docs = [numbers.setdefault(document, len(numbers)) for document in leg]
        ranked.append(Ranked(np.array(docs, np.int64), np.array(list(leg.values()), np.float64)))
    return _Pool(list(numbers), ranked)
