import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.codecs import _varint_kernels as kernels
from rank_retrieve.codecs import zigzag

int64s = st.one_of(st.integers(-5, 5), st.integers(-(2**63), 2**63 - 1))


def test_codes_alternate_around_zero() -> None:
    values = np.array([0, -1, 1, -2, 2, 2**63 - 1, -(2**63)], dtype=np.int64)
    assert zigzag.encode(values).tolist() == [0, 1, 2, 3, 4, 2**64 - 2, 2**64 - 1]


def test_deltas_start_with_the_first_value() -> None:
    codes = zigzag.encode_deltas(np.array([100, 101, 99], dtype=np.int64))
    assert codes.tolist() == [200, 2, 3]
    assert zigzag.decode_deltas(codes).tolist() == [100, 101, 99]


def test_differences_wrap_around() -> None:
    values = np.array([-(2**63), 2**63 - 1, 0], dtype=np.int64)
    codes = zigzag.encode_deltas(values)
    assert codes.tolist() == [2**64 - 1, 1, 2**64 - 3]
    assert zigzag.decode_deltas(codes).tolist() == values.tolist()


def test_no_values_are_no_codes() -> None:
    none = np.empty(0, dtype=np.int64)
    assert zigzag.encode_deltas(none).tolist() == []
    assert zigzag.decode_deltas(np.empty(0, dtype=np.uint64)).tolist() == []


@settings(deadline=None, max_examples=80)
@given(st.lists(int64s, max_size=40))
def test_values_come_back_and_small_ones_have_small_codes(values: list[int]) -> None:
    source = np.array(values, dtype=np.int64)
    codes = zigzag.encode(source)
    assert codes.tolist() == [2 * v if v >= 0 else -2 * v - 1 for v in values]
    assert zigzag.decode(codes).tolist() == values
    assert zigzag.decode_deltas(zigzag.encode_deltas(source)).tolist() == values


@settings(deadline=None, max_examples=30)
@given(st.lists(int64s, max_size=20))
def test_kernels_agree_with_their_plain_python(values: list[int]) -> None:
    source = np.array(values, dtype=np.int64)
    codes = np.zeros(len(values), dtype=np.uint64)
    kernels.zigzag.py_func(source, codes)
    assert codes.tolist() == zigzag.encode(source).tolist()
    back = np.zeros(len(values), dtype=np.int64)
    kernels.unzigzag.py_func(codes, back)
    assert back.tolist() == values
