"""Numbers of a few bits beside big integers, which are their definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve._numba import kernel
from rank_retrieve.simd import bits as ours
from rank_retrieve.simd import integers

BYTES = "Array(uint8, 1, 'C', True)"


@kernel(f"uint64({BYTES}, int64)")
def word_at(buffer, at):
    return ours.word_at(buffer, at)


@kernel(f"int64({BYTES}, int64, int64, int64)")
def field_at(buffer, at, index, width):
    return ours.field_at(buffer, at, index, width)


@kernel(f"int64({BYTES}, int64, int64, int64, int64)")
def sum_fields(buffer, at, first, last, width):
    return ours.sum_fields(buffer, at, first, last, width)


def packed(values, width, before):
    """`before` bytes of ones, the values, and the bytes that may be read behind them."""
    number = sum(value << (i * width) for i, value in enumerate(values))
    size = (len(values) * width + 7) // 8
    content = b"\xff" * before + number.to_bytes(size, "little") + b"\xff" * 8
    return np.frombuffer(content, dtype=np.uint8)


@pytest.mark.parametrize("at", range(9))
def test_a_word_is_eight_bytes_from_anywhere_the_lowest_first(at):
    buffer = np.frombuffer(bytes(range(200, 217)), dtype=np.uint8)
    expected = int.from_bytes(buffer[at : at + 8].tobytes(), "little")
    assert int(word_at(buffer, at)) == expected
    assert int(ours.word_at(buffer, at)) == expected


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 32), st.integers(0, 9), st.data())
def test_fields_of_every_width_are_read_and_added_up(width, before, data):
    top = 2**width - 1
    values = data.draw(
        st.lists(st.sampled_from([0, 1, top // 3, top]).map(lambda v: min(v, top)),
                 min_size=1, max_size=140)
    )  # fmt: skip
    buffer = packed(values, width, before)
    index = data.draw(st.integers(0, len(values) - 1))
    assert field_at(buffer, before, index, width) == values[index]
    first = data.draw(st.integers(0, index))
    assert sum_fields(buffer, before, first, index + 1, width) == sum(values[first : index + 1])
    assert sum_fields(buffer, before, index, index, width) == 0


@kernel("int64(uint32[::1], int64, int64)")
def place_among(values, place, wanted):
    return integers.place_among(values, place, wanted)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from([0, 1, 5, 2**31, 2**32 - 1]), min_size=16, max_size=16),
       st.integers(0, 5), st.sampled_from([0, 1, 5, 7, 2**31, 2**32 - 1]))  # fmt: skip
def test_the_first_of_sixteen_that_equals_a_number_is_found(sixteen, before, wanted):
    values = np.array([7] * before + sixteen, dtype=np.uint32)
    expected = sixteen.index(wanted) if wanted in sixteen else 16
    assert place_among(values, before, wanted) == expected
    assert integers.place_among(values, before, wanted) == expected
