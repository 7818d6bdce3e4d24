"""Every method against a plain-Python twin that follows the papers with dicts."""

from itertools import pairwise
from statistics import fmean, pstdev, stdev

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.fusion import METHODS, RRF, Convex, get_method
from tests.fusion.legs import drawn_legs


def min_max(scores):
    low, high = min(scores.values()), max(scores.values())
    return {d: 1.0 if low == high else (s - low) / (high - low) for d, s in scores.items()}


def z_score(scores):
    mean, deviation = fmean(scores.values()), pstdev(scores.values())
    return {d: (s - mean) / deviation if deviation else 0.0 for d, s in scores.items()}


def three_sigma(scores):
    sigma = stdev(scores.values()) if len(scores) > 1 else 0.0
    low = fmean(scores.values()) - 3 * sigma
    return {d: (s - low) / (6 * sigma) if sigma else 0.5 for d, s in scores.items()}


def normalised(legs, normalise):
    return [normalise(leg) if leg else {} for leg in legs]


def ranks(legs):
    return [{doc: rank for rank, doc in enumerate(leg, 1)} for leg in legs]


def held(values, doc):
    return [leg[doc] for leg in values if doc in leg]


def borda(legs, doc):
    n = len({doc for leg in legs for doc in leg})
    return sum(n - leg[doc] + 1 if doc in leg else (n - len(leg) + 1) / 2 for leg in ranks(legs))


def skew(scores):
    values = list(scores.values())
    if len(values) < 10 or len(set(values)) == 1:
        return None
    mean, deviation = fmean(values), pstdev(values)
    return fmean(((value - mean) / deviation) ** 3 for value in values)


def adaptive(legs, doc):
    shapes = [None if (g := skew(leg)) is None else max(g, 0.02) ** 2 for leg in legs]
    known = [shape for shape in shapes if shape is not None]
    weights = [1 if shape is None else shape / fmean(known) for shape in shapes]
    of_legs = zip(weights, ranks(legs), strict=True)
    return sum(weight / (60 + leg[doc]) for weight, leg in of_legs if doc in leg)


TWINS = {
    "adaptive": adaptive,
    "rrf": lambda legs, doc: sum(1 / (60 + rank) for rank in held(ranks(legs), doc)),
    "isr": lambda legs, doc: (
        len(held(legs, doc)) * sum(1 / rank**2 for rank in held(ranks(legs), doc))
    ),
    "borda": borda,
    "convex": lambda legs, doc: sum(held(normalised(legs, min_max), doc)) / len(legs),
    "dbsf": lambda legs, doc: sum(held(normalised(legs, three_sigma), doc)),
    "combsum": lambda legs, doc: sum(held(normalised(legs, min_max), doc)),
    "combmnz": lambda legs, doc: sum(held(normalised(legs, min_max), doc)) * len(held(legs, doc)),
    "combanz": lambda legs, doc: fmean(held(normalised(legs, min_max), doc)),
    "combmax": lambda legs, doc: max(held(normalised(legs, min_max), doc)),
    "combmin": lambda legs, doc: min(held(normalised(legs, min_max), doc)),
}


def as_dicts(legs):
    return [dict(zip(leg.docs.tolist(), leg.scores.tolist(), strict=True)) for leg in legs]


def test_every_method_has_a_twin():
    assert TWINS.keys() == METHODS.keys()


@pytest.mark.parametrize("name", METHODS)
@settings(deadline=None, max_examples=60)
@given(legs=drawn_legs)
def test_scores_equal_those_of_the_twin(name, legs):
    plain = as_dicts(legs)
    expected = {doc: TWINS[name](plain, doc) for leg in plain for doc in leg}
    fused = get_method(name).fuse(legs, 1000)
    found = dict(zip(fused.docs.tolist(), fused.scores.tolist(), strict=True))
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(legs=drawn_legs)
def test_z_scores_fall_to_the_lowest_of_a_leg_for_docs_outside(legs):
    plain = normalised(as_dicts(legs), z_score)
    floors = [min(leg.values(), default=0.0) for leg in plain]
    expected = {
        doc: sum(leg.get(doc, floor) for leg, floor in zip(plain, floors, strict=True)) / len(legs)
        for leg in plain
        for doc in leg
    }
    fused = Convex(normalisation="z-score").fuse(legs, 1000)
    found = dict(zip(fused.docs.tolist(), fused.scores.tolist(), strict=True))
    assert found == pytest.approx(expected, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("name", METHODS)
@settings(deadline=None, max_examples=40)
@given(legs=drawn_legs, k=st.integers(1, 40))
def test_results_are_sorted_cut_and_explained_to_the_last_bit(name, legs, k):
    method = get_method(name)
    fused, everything = method.fuse(legs, k), method.fuse(legs, 1000)
    assert len(fused) == min(k, len(set().union(*as_dicts(legs))))
    assert fused.docs.tolist() == everything.docs.tolist()[:k]
    assert fused.scores.tolist() == everything.scores.tolist()[:k]
    pairs = zip(fused.docs.tolist(), fused.scores.tolist(), strict=True)
    for (doc, score), (next_doc, next_score) in pairwise(pairs):
        assert score > next_score or (score == next_score and doc < next_doc)
    for doc, score in zip(fused.docs.tolist(), fused.scores.tolist(), strict=True):
        explanation = fused.explain(doc)
        assert explanation.value == score
        assert explanation.adds_up()


@settings(deadline=None, max_examples=40)
@given(legs=drawn_legs, weight=st.floats(0.01, 100))
def test_rrf_with_equal_weights_ranks_as_without(legs, weight):
    plain = RRF().fuse(legs, 50)
    weighted = RRF(weights=(weight,) * len(legs)).fuse(legs, 50)
    found = dict(zip(weighted.docs.tolist(), weighted.scores.tolist(), strict=True))
    expected = dict(zip(plain.docs.tolist(), (plain.scores * weight).tolist(), strict=True))
    assert found == pytest.approx(expected, rel=1e-12)
