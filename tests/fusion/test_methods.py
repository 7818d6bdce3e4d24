"""Every method over the same two legs, worked by hand.

leg 1: doc 10 at 8.0, doc 20 at 6.0, doc 30 at 4.0       min-max: 1, 0.5, 0
leg 2: doc 20 at 0.9, doc 40 at 0.5                      min-max: 1, 0
"""

import pickle

import numpy as np
import pytest

from rank_retrieve.errors import InvalidArgument, NotFound
from rank_retrieve.fusion import (
    DBSF,
    ISR,
    METHODS,
    RRF,
    Borda,
    CombANZ,
    CombMAX,
    CombMIN,
    CombMNZ,
    CombSUM,
    Convex,
    FusionMethod,
    TheoreticalMinimum,
    get_method,
)
from rank_retrieve.types import Explanation, Ranked
from tests.fusion.legs import fused_pairs, leg

LEGS = [leg((10, 8.0), (20, 6.0), (30, 4.0)), leg((20, 0.9), (40, 0.5))]

BY_HAND = {
    RRF(k=60): [(20, 1 / 62 + 1 / 61), (10, 1 / 61), (40, 1 / 62), (30, 1 / 63)],
    RRF(k=0): [(20, 1.5), (10, 1.0), (40, 0.5), (30, 1 / 3)],
    RRF(k=1, weights=(1, 3)): [(20, 1 / 3 + 3 / 2), (40, 1.0), (10, 0.5), (30, 0.25)],
    ISR(): [(20, 2 * (1 / 4 + 1)), (10, 1.0), (40, 1 / 4), (30, 1 / 9)],
    # four candidates; leg 1 leaves 1 point for one doc, leg 2 leaves 2 + 1 points for two
    Borda(): [(20, 3.0 + 4.0), (10, 4.0 + 1.5), (40, 1.0 + 3.0), (30, 2.0 + 1.5)],
    Borda(weights=(2, 0)): [(10, 8.0), (20, 6.0), (30, 4.0), (40, 2.0)],
    CombSUM(): [(20, 1.5), (10, 1.0), (30, 0.0), (40, 0.0)],
    CombSUM("none"): [(10, 8.0), (20, 6.9), (30, 4.0), (40, 0.5)],
    CombMNZ(): [(20, 3.0), (10, 1.0), (30, 0.0), (40, 0.0)],
    CombANZ(): [(10, 1.0), (20, 0.75), (30, 0.0), (40, 0.0)],
    CombMAX(): [(10, 1.0), (20, 1.0), (30, 0.0), (40, 0.0)],
    CombMIN(): [(10, 1.0), (20, 0.5), (30, 0.0), (40, 0.0)],
    CombMIN("none"): [(10, 8.0), (30, 4.0), (20, 0.9), (40, 0.5)],
    Convex(): [(20, 0.75), (10, 0.5), (30, 0.0), (40, 0.0)],
    Convex((3, 1)): [(10, 0.75), (20, 0.625), (30, 0.0), (40, 0.0)],
    Convex((0.5, 0.5), "rank"): [(20, (2 / 3 + 1) / 2), (10, 0.5), (40, 0.25), (30, 1 / 6)],
    Convex((1, 1), TheoreticalMinimum((0.0, -1.0))): [
        (20, (0.75 + 1.0) / 2),
        (10, 0.5),
        (40, 1.5 / 1.9 / 2),
        (30, 0.25),
    ],
    # leg 1: mean 6, deviation sqrt(8/3), z = +-1.2247; leg 2: mean 0.7, z = +-1; absent = lowest
    Convex((1, 1), "z-score"): [
        (20, (0 + 1) / 2),
        (10, (1.5**0.5 - 1) / 2),
        (30, (-(1.5**0.5) - 1) / 2),
        (40, (-(1.5**0.5) - 1) / 2),
    ],
    # leg 1: mean 6, sigma 2, 0..12; leg 2: mean 0.7, sigma sqrt(0.08)
    DBSF(): [
        (20, 6 / 12 + 0.5 + 0.2 / 0.08**0.5 / 6),
        (10, 8 / 12),
        (40, 0.5 - 0.2 / 0.08**0.5 / 6),
        (30, 4 / 12),
    ],
    DBSF(weights=(0.5, 1)): [
        (20, 3 / 12 + 0.5 + 0.2 / 0.08**0.5 / 6),
        (40, 0.5 - 0.2 / 0.08**0.5 / 6),
        (10, 4 / 12),
        (30, 2 / 12),
    ],
}


@pytest.mark.parametrize("method", BY_HAND, ids=repr)
def test_each_method_gives_the_scores_worked_by_hand(method):
    fused = method.fuse(LEGS, 10)
    assert fused.docs.tolist() == [doc for doc, _ in BY_HAND[method]]
    expected = [score for _, score in BY_HAND[method]]
    assert fused.scores.tolist() == pytest.approx(expected, abs=1e-14)


@pytest.mark.parametrize("method", BY_HAND, ids=repr)
def test_each_explanation_sums_to_the_score_to_the_last_bit(method):
    fused = method.fuse(LEGS, 10)
    for doc, score in fused_pairs(fused):
        explanation = fused.explain(doc)
        assert explanation.value == score
        assert explanation.combine == "sum"
        assert len(explanation.children) == 2
        assert explanation.adds_up()


def test_ranks_and_scores_of_each_leg_come_with_the_result():
    fused = RRF().fuse(LEGS, 3)
    assert fused.docs.tolist() == [20, 10, 40]
    assert fused.ranks.tolist() == [[2, 1, 0], [1, 0, 2]]
    assert fused.leg_scores[:, 0].tolist() == [6.0, 0.9]
    assert fused.leg_scores[0, 1] == 8.0
    assert np.isnan(fused.leg_scores[1, 1])
    assert fused.contributions[:, 2].tolist() == [0.0, 1 / 62]
    assert fused.n_legs == 2
    assert len(fused) == 3


def test_an_explanation_names_legs_ranks_scores_and_formulas():
    detail = Explanation(6.0, "bm25")
    text = str(RRF().fuse(LEGS, 5).explain(20, names=["lexical", "dense"], legs=[detail, None]))
    assert text.splitlines() == [
        "0.0325224749 = RRF(k=60, weights=None), found by 2 of 2 legs",
        "  0.0161290323 = lexical (rank 2, score 6): 1 / (60 + 2)",
        "    6 = bm25",
        "  0.0163934426 = dense (rank 1, score 0.9): 1 / (60 + 1)",
    ]
    absent = str(RRF().fuse(LEGS, 5).explain(10)).splitlines()[-1]
    assert absent == "  0 = leg 2 (not found): 0"


@pytest.mark.parametrize("method", BY_HAND, ids=repr)
def test_every_formula_can_be_read(method):
    fused = method.fuse(LEGS, 10)
    labels = [child.label for doc in fused.docs for child in fused.explain(int(doc)).children]
    assert all(": " in label and len(label) < 120 for label in labels)


def test_equal_scores_are_ordered_by_ascending_doc():
    crossing = [leg((9, 2.0), (4, 1.0)), leg((4, 2.0), (9, 1.0)), leg((7, 1.0))]
    assert RRF().fuse(crossing, 5).docs.tolist() == [4, 9, 7]
    assert RRF().fuse([leg((9, 1.0)), leg((4, 1.0)), leg((7, 1.0))], 2).docs.tolist() == [4, 7]


@pytest.mark.parametrize("name", METHODS)
def test_empty_legs_are_legs_without_results(name):
    method = get_method(name)
    assert len(method.fuse([Ranked.empty(), Ranked.empty()], 5)) == 0
    alone = method.fuse([leg((3, 2.0), (1, 1.0)), Ranked.empty()], 5)
    assert alone.docs.tolist() == [3, 1]


@pytest.mark.parametrize("name", METHODS)
def test_a_single_leg_keeps_its_order(name):
    assert get_method(name).fuse([leg((5, 9.0), (2, 3.0), (8, 1.0))], 2).docs.tolist() == [5, 2]


@pytest.mark.parametrize("name", METHODS)
def test_methods_are_values_that_compare_hash_and_pickle(name):
    method = get_method(name)
    assert isinstance(method, FusionMethod)
    assert method == get_method(name)
    assert hash(method) == hash(get_method(name))
    assert pickle.loads(pickle.dumps(method)) == method  # noqa: S301


def test_scores_below_zero_are_compared_as_they_are():
    below = [leg((1, -1.0), (2, -3.0)), leg((2, -2.0))]
    assert fused_pairs(CombMAX("none").fuse(below, 2)) == [(1, -1.0), (2, -2.0)]
    assert fused_pairs(CombMIN("none").fuse(below, 2)) == [(1, -1.0), (2, -3.0)]
    assert fused_pairs(CombANZ("none").fuse(below, 2)) == [(1, -1.0), (2, -2.5)]


def test_an_only_hit_is_worth_more_than_none_under_min_max():
    fused = Convex().fuse([leg((1, 5.0), (2, 4.0)), leg((2, 0.3))], 2)
    assert fused_pairs(fused) == [(1, 0.5), (2, 0.5)]


def test_dbsf_gives_one_half_to_scores_that_do_not_differ():
    assert fused_pairs(DBSF().fuse([leg((1, 5.0)), leg((2, 3.0), (3, 3.0))], 3)) == [
        (1, 0.5),
        (2, 0.5),
        (3, 0.5),
    ]
    underflow = [leg((1, 2e-200), (2, 1e-200))]
    assert fused_pairs(DBSF().fuse(underflow, 2)) == [(1, 0.5), (2, 0.5)]


def test_weights_may_be_any_sequence():
    assert RRF(weights=[1, 2]).weights == (1.0, 2.0)
    assert Convex(np.array([0.25, 0.75])).weights == (0.25, 0.75)


@pytest.mark.parametrize(
    "weights", ["11", 1.0, [1, -1], [float("nan"), 1], [float("inf")], [0, 0], [], ["a"], [None]]
)
def test_bad_weights_are_refused(weights):
    for method in (RRF, Convex, Borda, DBSF):
        with pytest.raises(InvalidArgument, match="weights"):
            method(weights=weights)


def test_weights_must_be_one_a_leg():
    for method in (RRF, Convex, Borda, DBSF):
        with pytest.raises(InvalidArgument, match="must be 2 numbers, one a leg"):
            method(weights=(1, 1, 1)).fuse(LEGS, 3)


@pytest.mark.parametrize("k", [-1, float("nan"), float("inf"), "60", None, True])
def test_a_bad_k_of_rrf_is_refused(k):
    with pytest.raises(InvalidArgument, match="k: "):
        RRF(k=k)


@pytest.mark.parametrize("k", [0, -3, 2.0, "5", None, True])
def test_a_bad_number_of_results_is_refused(k):
    with pytest.raises(InvalidArgument, match="whole number of at least 1"):
        RRF().fuse(LEGS, k)


def test_an_unknown_method_lists_the_known_ones():
    with pytest.raises(InvalidArgument, match="rrf, isr, borda, convex, dbsf, combsum"):
        get_method("rff")


def test_explaining_what_is_not_there_is_refused():
    fused = RRF().fuse(LEGS, 2)
    with pytest.raises(NotFound, match="'30'"):
        fused.explain(30)
    with pytest.raises(InvalidArgument, match="names: must be 2"):
        fused.explain(20, names=["one"])
    with pytest.raises(InvalidArgument, match="legs: must be 2"):
        fused.explain(20, legs=[None])
