"""Comparisons at given numbers beside their plain Python, which is their definition."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve._numba import kernel
from rank_retrieve.simd import gathers


@kernel("uint64(int32[::1], uint32[::1], int64, int64, int64, int32)")
def mask_where(values, numbers, place, first, count, limit):
    return gathers.mask_where(values, numbers, place, first, count, limit)


def test_a_bit_is_one_where_the_value_at_a_number_exceeds_the_limit():
    values = np.array([5, 9, 7, 9], dtype=np.int32)
    numbers = np.full(64, 100, dtype=np.uint32)
    numbers[:3] = [103, 101, 102]
    assert mask_where(values, numbers, 0, 100, 4, 7) == 0b011
    # 100 stands for slot 0 everywhere else
    assert mask_where(values, numbers, 0, 100, 4, 4) == 2**64 - 1


def test_numbers_outside_the_values_give_zero():
    values = np.full(8, 2**31 - 1, dtype=np.int32)
    numbers = np.tile(np.array([99, 107, 108, 0, 2**32 - 1, 100], dtype=np.uint32), 11)[:64]
    expected = sum(1 << i for i in range(64) if i % 6 in (1, 5))
    assert mask_where(values, numbers, 0, 100, 8, -(2**31)) == expected


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 2**32 - 1), st.integers(0, 63), st.integers(1, 300), st.integers(-9, 9))
def test_it_agrees_with_its_definition(seed, place, count, limit):
    random = np.random.default_rng(seed)
    first = int(random.integers(0, 2**31 - 400))
    values = random.integers(-10, 10, count).astype(np.int32)
    numbers = (first + random.integers(-20, count + 20, 130)).clip(0).astype(np.uint32)
    arguments = (values, numbers, place, first, count, limit)
    assert mask_where(*arguments) == gathers.mask_where(*arguments)
