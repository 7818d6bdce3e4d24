"""Side by side with ranx (Bassani & Romelli, CIKM 2022), where it is installed.

Known differences, left out of the draw: scores of a leg that are all equal become 1 here and 0 in
ranx under min-max. Z-scores outside a leg are the leg's lowest here and 0 in ranx: compared where
both legs hold the doc. ranx has no weighted RRF and no theoretical minimum; its weighted sum of
reciprocal ranks, and of scores over their maximum counted from the minimum, are the same.
"""

import numpy as np
import pytest

from rank_retrieve.fusion import (
    DBSF,
    ISR,
    RRF,
    Adaptive,
    Borda,
    CombANZ,
    CombMAX,
    CombMIN,
    CombMNZ,
    CombSUM,
    Convex,
    TheoreticalMinimum,
)
from rank_retrieve.types import Ranked

ranx = pytest.importorskip("ranx", reason="ranx is not installed: no side-by-side fusion test")

pytestmark = pytest.mark.filterwarnings("ignore")  # Numba on ranx's own kernels

N_PAIRS = 1000


def random_pair(seed):
    generator = np.random.default_rng(seed)
    pair = []
    for _ in range(2):
        n = int(generator.integers(2, 30))
        docs = generator.choice(50, size=n, replace=False).astype(np.int64)
        # distinct, so that both sort alike
        scores = np.sort(generator.choice(10_000, size=n, replace=False) / 7.0)[::-1].copy()
        pair.append(Ranked(docs, scores))
    return pair


@pytest.fixture(scope="module")
def pairs():
    return [random_pair(seed) for seed in range(N_PAIRS)]


def as_runs(pairs):
    return [
        ranx.Run(
            {
                f"q{query}": {
                    f"d{doc}": score
                    for doc, score in zip(
                        pair[side].docs.tolist(), pair[side].scores.tolist(), strict=True
                    )
                }
                for query, pair in enumerate(pairs)
            }
        )
        for side in (0, 1)
    ]


@pytest.fixture(scope="module")
def runs(pairs):
    return as_runs(pairs)


def changed(pairs, change):
    """Legs with other scores: change is (side, scores) -> scores."""
    return [
        [Ranked(leg.docs, change(side, leg.scores)) for side, leg in enumerate(pair)]
        for pair in pairs
    ]


def by_doc(fused):
    return {
        f"d{doc}": score
        for doc, score in zip(fused.docs.tolist(), fused.scores.tolist(), strict=True)
    }


@pytest.mark.parametrize(
    ("method", "name", "norm", "params"),
    [
        (RRF(k=60), "rrf", None, {"k": 60}),
        (RRF(k=10), "rrf", None, {"k": 10}),
        (ISR(), "isr", None, None),
        (Borda(), "bordafuse", None, None),
        (CombSUM(), "sum", "min-max", None),
        (CombSUM("none"), "sum", None, None),
        (CombSUM("z-score"), "sum", "zmuv", None),
        (CombSUM("rank"), "sum", "rank", None),
        (CombMNZ(), "mnz", "min-max", None),
        (CombANZ(), "anz", "min-max", None),
        (CombMAX(), "max", "min-max", None),
        (CombMIN(), "min", "min-max", None),
        (Convex((3, 1)), "wsum", "min-max", {"weights": (0.75, 0.25)}),
        (Convex((1, 1), "rank"), "wsum", "rank", {"weights": (0.5, 0.5)}),
    ],
    ids=str,
)
def test_a_thousand_random_pairs_fuse_as_in_ranx(method, name, norm, params, pairs, runs):
    expected = ranx.fuse([*runs], method=name, norm=norm, params=params).to_dict()
    for query, pair in enumerate(pairs):
        fused = method.fuse(pair, 1000)
        found = by_doc(fused)
        assert found == pytest.approx(expected[f"q{query}"], rel=1e-12, abs=1e-12)


def test_weighted_rrf_is_a_weighted_sum_of_reciprocal_ranks(pairs):
    reciprocal = changed(pairs, lambda _, scores: 1 / (60 + np.arange(1.0, len(scores) + 1)))
    params = {"weights": (0.75, 0.25)}
    expected = ranx.fuse(as_runs(reciprocal), method="wsum", norm=None, params=params).to_dict()
    for query, pair in enumerate(pairs):
        found = by_doc(RRF(k=60, weights=(0.75, 0.25)).fuse(pair, 1000))
        assert found == pytest.approx(expected[f"q{query}"], rel=1e-12)


def test_a_theoretical_minimum_is_a_maximum_norm_counted_from_it(pairs):
    minima = (0.0, -300.0)
    above = changed(pairs, lambda side, scores: scores - minima[side])
    params = {"weights": (0.4, 0.6)}
    expected = ranx.fuse(as_runs(above), method="wsum", norm="max", params=params).to_dict()
    method = Convex((2, 3), TheoreticalMinimum(minima))
    for query, pair in enumerate(pairs):
        assert by_doc(method.fuse(pair, 1000)) == pytest.approx(
            expected[f"q{query}"], rel=1e-9, abs=1e-9
        )


def test_z_scores_agree_where_both_legs_hold_the_doc(pairs, runs):
    params = {"weights": (0.3, 0.7)}
    expected = ranx.fuse([*runs], method="wsum", norm="zmuv", params=params).to_dict()
    compared = 0
    for query, pair in enumerate(pairs):
        found = by_doc(Convex((3, 7), "z-score").fuse(pair, 1000))
        both = {f"d{doc}" for doc in np.intersect1d(pair[0].docs, pair[1].docs).tolist()}
        compared += len(both)
        for doc in both:
            assert found[doc] == pytest.approx(expected[f"q{query}"][doc], rel=1e-9, abs=1e-9)
    assert compared > 1000


def test_three_sigma_is_a_sum_of_z_scores_of_the_sample(pairs):
    def three_sigma(_, scores):
        spread = scores.std(ddof=1)
        return (scores - scores.mean() + 3 * spread) / (6 * spread)

    expected = ranx.fuse(as_runs(changed(pairs, three_sigma)), method="sum", norm=None).to_dict()
    for query, pair in enumerate(pairs):
        assert by_doc(DBSF().fuse(pair, 1000)) == pytest.approx(expected[f"q{query}"], rel=1e-9)


def test_adaptive_weights_of_power_zero_are_rrf(pairs, runs):
    expected = ranx.fuse([*runs], method="rrf", params={"k": 60}).to_dict()
    for query, pair in enumerate(pairs):
        found = by_doc(Adaptive(power=0).fuse(pair, 1000))
        assert found == pytest.approx(expected[f"q{query}"], rel=1e-12)
