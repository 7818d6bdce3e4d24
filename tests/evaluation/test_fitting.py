"""Fusion fitted by judgements: the choice, its cross-validation, and what it refuses."""

import random

import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.evaluation import evaluate, fit_fusion, methods_for
from rank_retrieve.fusion import RRF, CombMNZ, Convex

pytest.importorskip("ir_measures")

QUERIES = [f"q{i}" for i in range(12)]
QRELS = {query: {"good": 1} for query in QUERIES}
# the first leg always has it first, the second always has others before it
STRONG = {query: {"good": 3.0, "x": 2.0, "y": 1.0} for query in QUERIES}
WEAK = {query: {"x": 9.0, "y": 8.0, "z": 7.0, "good": 6.0} for query in QUERIES}


def test_a_leg_that_misleads_loses_its_weight() -> None:
    fit = fit_fusion({"strong": STRONG, "weak": WEAK}, None, QRELS, "RR")
    assert fit.held_out.mean("RR", "strong") == 1.0
    assert fit.held_out.mean("RR", "weak") == 0.25
    assert fit.held_out.mean("RR", "RRF(k=60, weights=None)") == 0.5
    assert fit.held_out.mean("RR", "fitted") == 1.0
    assert fit.table[0][1] == 1.0
    assert isinstance(fit.method, RRF | Convex)
    assert fit.method.weights is not None
    assert fit.method.weights[0] > fit.method.weights[1]


def test_of_equal_methods_the_first_is_chosen() -> None:
    fit = fit_fusion([STRONG, STRONG], None, QRELS, "RR")
    assert fit.method == RRF(k=60)
    assert set(fit.chosen) == {RRF(k=60)}


def random_runs(seed: int) -> tuple[list[dict[str, dict[str, float]]], dict[str, dict[str, int]]]:
    pick = random.Random(seed)
    documents = [f"d{i}" for i in range(30)]
    legs = [
        {q: {d: pick.random() for d in pick.sample(documents, 12)} for q in QUERIES}
        for _ in range(2)
    ]
    return legs, {q: dict.fromkeys(pick.sample(documents, 6), 1) for q in QUERIES}


def test_each_query_is_ranked_by_the_method_that_was_best_without_its_fold() -> None:
    legs, qrels = random_runs(3)
    methods = [RRF(k=60), Convex((0.2, 0.8)), Convex((0.8, 0.2)), CombMNZ()]
    fit = fit_fusion(legs, None, qrels, "nDCG@10", methods=methods, folds=12, seed=5)
    values = {}
    for method in methods:
        only = fit_fusion(legs, None, qrels, "nDCG@10", methods=[method], folds=2)
        values[method] = only.held_out.per_query("nDCG@10", "fitted")
    expected = {}
    for query in QUERIES:  # as many folds as queries: each is left out alone
        rest = [np.mean([values[m][q] for q in QUERIES if q != query]) for m in methods]
        expected[query] = values[methods[int(np.argmax(rest))]][query]
    assert fit.held_out.per_query("nDCG@10", "fitted") == pytest.approx(expected)
    means = {method: float(np.mean(list(found.values()))) for method, found in values.items()}
    assert dict(fit.table) == pytest.approx(means)
    assert fit.method == max(methods, key=lambda method: means[method])


def test_the_legs_are_measured_as_evaluate_measures_them() -> None:
    legs, qrels = random_runs(4)
    fit = fit_fusion({"a": legs[0], "b": legs[1]}, None, qrels, "nDCG@10")
    for name, leg in (("a", legs[0]), ("b", legs[1])):
        assert fit.held_out.mean("nDCG@10", name) == pytest.approx(
            evaluate(leg, None, qrels, ["nDCG@10"]).mean("nDCG@10")
        )
    gains = fit.gains()
    assert [gain.baseline for gain in gains] == ["a", "b", "RRF(k=60, weights=None)"]
    for gain in gains:
        difference = fit.held_out.mean("nDCG@10", "fitted") - fit.held_out.mean(
            "nDCG@10", gain.baseline
        )
        assert gain.difference == pytest.approx(difference)
        assert gain.p <= gain.p_corrected <= 1.0
    assert "held out" in str(fit)


def test_the_seed_decides_the_folds() -> None:
    legs, qrels = random_runs(6)
    once, again = (fit_fusion(legs, None, qrels, seed=1, folds=3) for _ in range(2))
    assert once.chosen == again.chosen
    assert once.held_out.per_query("nDCG@10", "fitted") == again.held_out.per_query(
        "nDCG@10", "fitted"
    )


@pytest.mark.parametrize("n_legs", [1, 2, 3, 4])
def test_weights_of_the_grid_add_up_to_one_and_begin_with_equal_ones(n_legs: int) -> None:
    methods = methods_for(n_legs)
    assert methods[0] == RRF(k=60)
    for method in methods:
        weights = getattr(method, "weights", None)
        if weights is not None:
            assert len(weights) == n_legs
            assert sum(weights) == pytest.approx(1.0)
    assert len(methods) == len(set(methods))


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"folds": 1}, "2..12"),
        ({"folds": 13}, "2..12"),
        ({"candidates": 0}, "at least 1"),
        ({"methods": []}, "at least one"),
    ],
)
def test_what_cannot_be_fitted_is_refused(options: dict[str, object], reason: str) -> None:
    with pytest.raises(rr.InvalidArgument, match=reason):
        fit_fusion([STRONG, WEAK], None, QRELS, **options)  # type: ignore[arg-type]
    with pytest.raises(rr.InvalidArgument, match="must not be named"):
        fit_fusion({"fitted": STRONG}, None, QRELS)
