import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rank_retrieve.codecs import _bitpack_kernels as kernels
from rank_retrieve.codecs import bitpack
from rank_retrieve.errors import CorruptionError, InvalidArgument


def int64s(*values: int) -> np.ndarray:
    return np.array(values, dtype=np.int64)


def packed_by_hand(values: list[int], bits: int) -> bytes:
    """The format page as one sum: value i begins at bit i * bits of its group of 16."""
    out = b""
    for start in range(0, len(values), 16):
        number = sum(v << (i * bits) for i, v in enumerate(values[start : start + 16]))
        out += number.to_bytes(2 * bits, "little")
    return out


blocks = st.integers(0, 32).flatmap(
    lambda bits: st.tuples(
        st.just(bits), st.lists(st.integers(0, (1 << bits) - 1), max_size=bitpack.BLOCK)
    )
)


def test_one_to_four_in_three_bits_are_these_six_bytes() -> None:
    assert bitpack.pack_block(int64s(1, 2, 3, 4)).tobytes() == bytes.fromhex("d10800000000")


def test_seventeen_bytes_take_two_groups() -> None:
    packed = bitpack.pack_block(int64s(*range(239, 256)))
    assert packed.tobytes() == bytes(range(239, 256)) + bytes(15)


def test_zeros_take_no_bytes() -> None:
    assert bitpack.pack_block(int64s(0, 0, 0)).tobytes() == b""
    assert bitpack.unpack_block(b"", 3, 0).tolist() == [0, 0, 0]


def test_the_widest_value_decides_the_bits() -> None:
    assert bitpack.bits_needed(int64s()) == 0
    assert bitpack.bits_needed(int64s(0)) == 0
    assert bitpack.bits_needed(int64s(3, 8, 1)) == 4
    assert bitpack.bits_needed(int64s(2**32 - 1)) == 32


@pytest.mark.parametrize("value", [-1, 2**32])
def test_a_value_outside_32_bits_is_refused_by_name(value: int) -> None:
    with pytest.raises(InvalidArgument, match=str(value)):
        bitpack.pack_block(int64s(5, value, 7))


def test_too_few_bits_too_many_values_and_too_many_bits_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="bits"):
        bitpack.pack_block(int64s(8), bits=3)
    with pytest.raises(InvalidArgument, match="bits"):
        bitpack.pack_block(int64s(8), bits=33)
    with pytest.raises(InvalidArgument, match="129"):
        bitpack.pack_block(np.zeros(129, dtype=np.int64))
    with pytest.raises(InvalidArgument, match="129"):
        bitpack.unpack_block(bytes(1000), 129, 1)


@pytest.mark.parametrize(("offset", "length"), [(0, 5), (1, 6), (-1, 9), (7, 6)])
def test_a_block_that_leaves_the_buffer_is_corrupt(offset: int, length: int) -> None:
    with pytest.raises(CorruptionError, match="section x"):
        bitpack.unpack_block(bytes(length), 4, 3, offset, origin="section x")


@settings(deadline=None, max_examples=100)
@given(blocks, st.integers(0, 9), st.integers(0, 9))
def test_blocks_have_the_bytes_of_the_format_and_come_back(
    block: tuple[int, list[int]], before: int, after: int
) -> None:
    bits, values = block
    packed = bitpack.pack_block(int64s(*values), bits).tobytes()
    assert packed == packed_by_hand(values, bits)
    assert len(packed) == bitpack.packed_size(len(values), bits)
    buffer = b"\xff" * before + packed + b"\xff" * after
    assert bitpack.unpack_block(buffer, len(values), bits, before).tolist() == values


@settings(deadline=None, max_examples=30)
@given(blocks, st.integers(0, 9))
@example((8, list(range(240, 256))), 0)  # every place of a word beside the end of the buffer
def test_kernels_agree_with_their_plain_python(block: tuple[int, list[int]], after: int) -> None:
    bits, values = block
    n, source = len(values), int64s(*values)
    assert kernels.bits_needed.py_func(source, n) == kernels.bits_needed(source, n)
    size = kernels.packed_size(n, bits)
    assert kernels.packed_size.py_func(n, bits) == size == bitpack.packed_size(n, bits)
    fast, plain = np.zeros((2, 3 + size + after), dtype=np.uint8)
    assert kernels.pack(source, n, bits, fast, 3) == 3 + size
    assert kernels.pack.py_func(source, n, bits, plain, 3) == 3 + size
    assert fast.tolist() == plain.tolist()
    out, plain_out = np.zeros((2, n + 1), dtype=np.uint32)
    assert kernels.unpack(fast, 3, n, bits, out, 1) == 3 + size
    assert kernels.unpack.py_func(fast, 3, n, bits, plain_out, 1) == 3 + size
    assert out.tolist() == plain_out.tolist() == [0, *values]
