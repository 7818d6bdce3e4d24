import numpy as np
import pytest
from hypothesis import given, settings

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.fusion import (
    NORMALISATIONS,
    CombSUM,
    Convex,
    MinMax,
    NoNormalisation,
    RankPosition,
    TheoreticalMinimum,
    ZScore,
)
from tests.fusion.legs import drawn_leg, leg

SCORES = np.array([8.0, 6.0, 6.0, 4.0])


@pytest.mark.parametrize(
    ("normalisation", "expected", "floor"),
    [
        (NoNormalisation(), [8.0, 6.0, 6.0, 4.0], 0.0),
        (MinMax(), [1.0, 0.5, 0.5, 0.0], 0.0),
        (ZScore(), [2**0.5, 0.0, 0.0, -(2**0.5)], -(2**0.5)),
        (TheoreticalMinimum(), [1.0, 0.75, 0.75, 0.5], 0.0),
        (TheoreticalMinimum((0.0, -2.0)), [1.0, 0.8, 0.8, 0.6], 0.0),
        (RankPosition(), [1.0, 0.75, 0.5, 0.25], 0.0),
    ],
    ids=repr,
)
def test_scores_become_what_was_worked_by_hand(normalisation, expected, floor):
    found = normalisation.apply(1, SCORES)
    assert found.tolist() == pytest.approx(expected, abs=1e-15)
    assert normalisation.floor(found) == pytest.approx(floor, abs=1e-15)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("none", [3.0, 3.0]),
        ("min-max", [1.0, 1.0]),
        ("z-score", [0.0, 0.0]),
        ("theoretical-minimum", [1.0, 1.0]),
        ("rank", [1.0, 0.5]),
    ],
)
def test_scores_that_are_all_equal(name, expected):
    assert NORMALISATIONS[name].apply(0, np.array([3.0, 3.0])).tolist() == expected


def test_scores_at_the_theoretical_minimum_are_worth_nothing():
    assert TheoreticalMinimum(-1.0).apply(0, np.array([-1.0, -1.0])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_a_leg_without_hits_stays_without(name):
    found = NORMALISATIONS[name].apply(0, np.empty(0))
    assert found.tolist() == []
    assert NORMALISATIONS[name].floor(found) == 0.0


@pytest.mark.parametrize("name", ["min-max", "z-score", "rank"])
@settings(deadline=None, max_examples=60)
@given(one=drawn_leg())
def test_the_order_survives_and_nothing_is_below_the_floor(name, one):
    found = NORMALISATIONS[name].apply(0, one.scores)
    assert np.isfinite(found).all()
    assert (np.diff(found) <= 0).all()
    assert (found >= NORMALISATIONS[name].floor(found)).all()


def test_a_score_below_the_theoretical_minimum_is_refused():
    with pytest.raises(InvalidArgument, match=r"leg 2 has the lower score -0\.5"):
        TheoreticalMinimum().apply(1, np.array([1.0, -0.5]))
    with pytest.raises(InvalidArgument, match="no value for leg 3"):
        TheoreticalMinimum((0.0, -1.0)).apply(2, SCORES)


@pytest.mark.parametrize("minimum", ["0", float("nan"), (0.0, None), True])
def test_a_theoretical_minimum_is_a_number(minimum):
    with pytest.raises(InvalidArgument, match="minimum"):
        TheoreticalMinimum(minimum)


@pytest.mark.parametrize("method", [Convex, CombSUM])
def test_an_unknown_normalisation_lists_the_known_ones(method):
    with pytest.raises(InvalidArgument, match="none, min-max, z-score, theoretical-minimum, rank"):
        method(normalisation="minmax")
    with pytest.raises(InvalidArgument, match="a name or a Normalisation"):
        method(normalisation=3)


def test_an_own_normalisation_can_be_passed():
    class Halves:
        def apply(self, number, scores):
            return scores / 2

        def floor(self, normalised):
            return -1.0

    fused = Convex((1, 1), Halves()).fuse([leg((1, 8.0)), leg((2, 4.0))], 2)
    assert fused.docs.tolist() == [1, 2]
    assert fused.scores.tolist() == [4.0 / 2 - 0.5, -0.5 + 2.0 / 2]
