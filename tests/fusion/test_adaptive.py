"""Weights by the shape of the scores."""

import numpy as np
import pytest

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.fusion import RRF, Adaptive, Convex, get_method
from rank_retrieve.fusion.adaptive import skewness
from rank_retrieve.types import Ranked
from tests.fusion.legs import fused_pairs, leg

# one score of ten stands out: deviations .9 and nine times -.1, sigma .3, cubes .729 and -.001
STANDS_OUT = leg((0, 1.0), *[(doc, 0.0) for doc in range(1, 10)])
EVEN = leg(*[(doc, float(20 - doc)) for doc in range(10, 20)])


def test_skewness_by_hand():
    assert skewness(STANDS_OUT.scores) == pytest.approx((0.729 - 9 * 0.001) / 10 / 0.3**3)
    assert skewness(EVEN.scores) == pytest.approx(0.0, abs=1e-12)
    assert skewness(EVEN.scores[:9]) is None
    assert skewness(np.ones(20)) is None
    assert skewness(np.linspace(1e-200, 0, 20)) is None


def test_the_leg_that_stands_out_counts_nearly_alone():
    fused = Adaptive(power=1).fuse([STANDS_OUT, EVEN], 30)
    g = skewness(STANDS_OUT.scores)
    mean = (g + 0.02) / 2
    expected = dict(fused_pairs(fused))
    assert expected[0] == pytest.approx(g / mean / 61)
    assert expected[10] == pytest.approx(0.02 / mean / 61)
    assert fused.docs.tolist()[:10] == list(range(10))


def test_legs_without_a_shape_weigh_as_much_as_the_mean():
    short = leg((30, 2.0), (31, 1.0))
    fused = Adaptive().fuse([STANDS_OUT, EVEN, short], 30)
    assert dict(fused_pairs(fused))[30] == 1 / 61
    assert fused_pairs(Adaptive().fuse([short, Ranked.empty()], 9)) == fused_pairs(
        RRF().fuse([short, Ranked.empty()], 9)
    )


def test_power_zero_is_the_base():
    legs = [STANDS_OUT, EVEN]
    for base in (RRF(k=10), RRF(weights=(3, 1)), Convex((1, 2)), Convex(normalisation="rank")):
        assert fused_pairs(Adaptive(base, power=0).fuse(legs, 30)) == fused_pairs(
            base.fuse(legs, 30)
        )


def test_the_weights_of_the_base_are_multiplied():
    fused = Adaptive(RRF(weights=(0, 1))).fuse([STANDS_OUT, EVEN], 30)
    assert dict(fused_pairs(fused))[0] == 0.0


def test_the_explanation_tells_weight_and_shape():
    fused = Adaptive().fuse([STANDS_OUT, EVEN], 30)
    tree = fused.explain(0, names=["words", "vectors"])
    assert tree.adds_up()
    assert "Adaptive(base=RRF(k=60, weights=None), power=2.0), found by 1 of 2 legs" in tree.label
    assert "/ (60 + 1), by skewness 2.67" in tree.children[0].label


def test_it_has_a_name_and_refuses_what_it_cannot_weigh():
    assert get_method("adaptive") == Adaptive(RRF(k=60), 2.0)
    for wrong in ({"base": get_method("dbsf")}, {"power": -1}, {"power": "2"}, {"base": RRF}):
        with pytest.raises(InvalidArgument):
            Adaptive(**wrong)
    with pytest.raises(InvalidArgument, match="at least one leg"):
        Adaptive().fuse([], 3)
