"""Compiled operations beside their plain Python, which is their definition."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve._numba import kernel
from rank_retrieve.lexical.postings import coded_value
from rank_retrieve.simd import saturation


@kernel(
    "void(uint32[::1], uint32[::1], int64, Array(uint32, 1, 'C', True), float64, float64, "
    "float64, int32[::1])"
)
def score_block(docs, frequencies, place, lengths, weight, constant, slope, impacts):
    saturation.score_block(docs, frequencies, place, lengths, weight, constant, slope, impacts)


@kernel(
    "void(Array(uint8, 1, 'C', True), int64, int64, float64, float64, float64, int32[::1], int64)"
)
def bound_blocks(pairs, first, count, weight, constant, slope, bounds, place):
    saturation.bound_blocks(pairs, first, count, weight, constant, slope, bounds, place)


parameters = st.tuples(st.floats(1.0, 2.0**29), st.floats(0.0, 50.0), st.floats(0.0, 5.0))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), parameters, st.sampled_from([1, 3, 2**31 - 1]))
def test_scores_are_those_of_the_formula_to_the_last_bit(seed, given_parameters, most):
    weight, constant, slope = given_parameters
    random = np.random.default_rng(seed)
    lengths = random.integers(0, 2**31, 40, dtype=np.uint32)
    docs = random.integers(0, 40, 130, dtype=np.uint32)
    frequencies = random.integers(1, most, 130, dtype=np.uint32, endpoint=True)
    expected = [
        2 * round(weight * f / (f + (constant + slope * length)))
        for f, length in zip(
            frequencies[1:129].tolist(), lengths[docs[1:129]].tolist(), strict=True
        )
    ]
    for score in (score_block, saturation.score_block):
        impacts = np.full(130, -1, np.int32)
        score(docs, frequencies, 1, lengths, weight, constant, slope, impacts)
        assert impacts.tolist() == [-1, *expected, -1]


@settings(deadline=None, max_examples=100)
@given(
    st.lists(st.lists(st.integers(0, 223), min_size=8, max_size=8), min_size=1, max_size=11),
    parameters,
)
def test_bounds_are_no_less_than_any_pair_and_hardly_more(blocks, given_parameters):
    weight, constant, slope = given_parameters
    pairs = np.array([[9] * 8, *blocks], np.uint8).ravel()
    compiled, plain = (np.full(len(blocks) + 2, -1, np.int32) for _ in range(2))
    bound_blocks(pairs, 1, len(blocks), weight, constant, slope, compiled, 1)
    saturation.bound_blocks(pairs, 1, len(blocks), weight, constant, slope, plain, 1)
    assert compiled.tolist() == plain.tolist()
    assert compiled[0] == compiled[-1] == -1
    for block, bound in zip(blocks, compiled[1:-1].tolist(), strict=True):
        best = max(
            weight * f / (f + (constant + slope * length)) if f else weight
            for f, length in (map(coded_value, block[i : i + 2]) for i in range(0, 8, 2))
        )
        assert 2 * math.ceil(best) <= bound <= 2 * (best * (1 + 2**-18) + 3)


@pytest.mark.parametrize("n_blocks", [0, 1, 3, 4, 5, 8, 9])
def test_any_number_of_blocks_is_bounded(n_blocks):
    pairs = np.tile(np.array([1, 10] * 4, np.uint8), n_blocks + 1)
    bounds = np.zeros(n_blocks + 1, np.int32)
    bound_blocks(pairs, 0, n_blocks, 1000.0, 0.3, 0.09, bounds, 0)
    # 1000 * 1 / (1 + 0.3 + 0.9) = 454.5
    assert bounds.tolist() == [912] * n_blocks + [0]
