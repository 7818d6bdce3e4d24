"""Compiled operations beside their plain Python, which is their definition.

With NUMBA_CPU_NAME=generic the same tests hold the portable twins to it.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve._numba import kernel
from rank_retrieve.codecs import bitpack
from rank_retrieve.simd import integers

BYTES = "Array(uint8, 1, 'C', True)"


@kernel(f"void({BYTES}, int64, int64, uint32[::1], int64)")
def unpack_block(buffer, at, bits, out, place):
    integers.unpack_block(buffer, at, bits, out, place)


@kernel(f"int64({BYTES}, int64, int64, int64, uint32[::1], int64)")
def unpack_ascending(buffer, at, bits, previous, out, place):
    return integers.unpack_ascending(buffer, at, bits, previous, out, place)


@kernel("int64(uint32[::1], int64, int64)")
def count_below(values, place, limit):
    return integers.count_below(values, place, limit)


@kernel("uint64(int32[::1], int64, int32)")
def mask_above(values, place, limit):
    return integers.mask_above(values, place, limit)


@kernel("void(int32[::1], int64)")
def clear_group(values, place):
    integers.clear_group(values, place)


@kernel("int64(uint64)")
def lowest_bit(word):
    return integers.lowest_bit(word)


@kernel("int64(uint64)")
def count_bits(word):
    return integers.count_bits(word)


def packed(values, bits):
    """The block between three bytes and 64 of padding, all ones."""
    block = bytes(bitpack.pack_block(np.asarray(values, np.uint32), bits))
    return np.frombuffer(b"\xff" * 3 + block + b"\xff" * 64, np.uint8)


@pytest.mark.parametrize("bits", range(integers.NARROW_BITS + 1))
def test_a_block_comes_back_with_one_added(bits):
    values = np.random.default_rng(bits).integers(0, 2**bits, 128)
    values[:2] = 0, 2**bits - 1
    for unpack in (unpack_block, integers.unpack_block):
        out = np.full(140, 7, np.uint32)
        unpack(packed(values, bits), 3, bits, out, 5)
        assert out[5:133].tolist() == (values + 1).tolist()
        assert out[:5].tolist() + out[133:].tolist() == [7] * 12


@pytest.mark.parametrize("bits", range(integers.NARROW_BITS + 1))
def test_gaps_become_ascending_numbers(bits):
    gaps = np.random.default_rng(bits).integers(0, 2**bits, 128)
    for previous in (-1, 0, 2**31 - 2):
        expected = previous + np.cumsum(gaps + 1)
        for unpack in (unpack_ascending, integers.unpack_ascending):
            out = np.full(140, 7, np.uint32)
            last = unpack(packed(gaps, bits), 3, bits, previous, out, 5)
            assert last == expected[-1]
            assert out[5:133].tolist() == expected.tolist()
            assert out[:5].tolist() + out[133:].tolist() == [7] * 12


def test_the_widest_gaps_after_the_greatest_doc_do_not_wrap_around():
    bits = integers.NARROW_BITS
    out = np.zeros(128, np.uint32)
    last = unpack_ascending(packed([2**bits - 1] * 128, bits), 3, bits, 2**31 - 2, out, 0)
    assert last == 2**31 - 2 + 2**31 < 2**32


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=128, max_size=128), st.integers(0, 2**32 - 1))
def test_values_below_a_limit_are_counted(values, limit):
    ascending = np.array([1, 2, *sorted(values)], np.uint32)
    expected = sum(value < limit for value in values)
    assert count_below(ascending, 2, limit) == expected
    assert integers.count_below(ascending, 2, limit) == expected


int32s = st.one_of(st.integers(-3, 3), st.integers(-(2**31), 2**31 - 1))


@settings(deadline=None, max_examples=60)
@given(st.lists(int32s, min_size=64, max_size=64), int32s)
def test_values_above_a_limit_are_masked(values, limit):
    array = np.array([limit, *values, limit], np.int32)
    expected = sum(1 << i for i, value in enumerate(values) if value > limit)
    for mask in (mask_above, integers.mask_above):
        assert int(mask(array, 1, np.int32(limit))) == expected


def test_a_group_is_cleared_and_nothing_beside_it():
    for clear in (clear_group, integers.clear_group):
        values = np.arange(1, 71, dtype=np.int32)
        clear(values, 3)
        assert values.tolist() == [1, 2, 3, *[0] * 64, 68, 69, 70]


@pytest.mark.parametrize(
    ("word", "lowest", "count"), [(1, 0, 1), (1 << 63, 63, 1), (2**64 - 1, 0, 64), (0b101000, 3, 2)]
)
def test_bits_of_a_word(word, lowest, count):
    for first in (lowest_bit, integers.lowest_bit):
        assert first(np.uint64(word)) == lowest
    for ones in (count_bits, integers.count_bits):
        assert ones(np.uint64(word)) == count


def test_no_bits_are_counted_in_zero():
    assert count_bits(np.uint64(0)) == integers.count_bits(np.uint64(0)) == 0
