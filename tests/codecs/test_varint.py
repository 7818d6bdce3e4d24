import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.codecs import _varint_kernels as kernels
from rank_retrieve.codecs import varint
from rank_retrieve.errors import CorruptionError, InvalidArgument

uint64s = st.one_of(st.integers(0, 300), st.integers(0, 2**64 - 1))


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (0, "00"),
        (1, "01"),
        (127, "7f"),
        (128, "80 01"),
        (300, "ac 02"),
        (16_384, "80 80 01"),
        (2**63, "80 80 80 80 80 80 80 80 80 01"),
        (2**64 - 1, "ff ff ff ff ff ff ff ff ff 01"),
    ],
)
def test_values_have_these_bytes(value: int, code: str) -> None:
    assert varint.encode(value) == bytes.fromhex(code)
    assert varint.encode_array(np.array([value], dtype=np.uint64)).tobytes() == bytes.fromhex(code)
    assert varint.decode(b"\xff" + bytes.fromhex(code) + b"\xff", 1) == (
        value,
        1 + len(bytes.fromhex(code)),
    )


@pytest.mark.parametrize("value", [-1, 2**64])
def test_values_outside_64_bits_are_refused(value: int) -> None:
    with pytest.raises(InvalidArgument, match=str(value)):
        varint.encode(value)


def test_negative_values_in_an_array_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="-3"):
        varint.encode_array(np.array([1, -3], dtype=np.int64))


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("", "the end of the buffer"),
        ("80", "the end of the buffer"),
        ("ff ff", "the end of the buffer"),
        ("80 00", "longer than 64 bits need"),
        ("ff ff ff ff ff ff ff ff ff 02", "longer than 64 bits need"),
        ("80 80 80 80 80 80 80 80 80 80 01", "longer than 64 bits need"),
    ],
)
def test_what_is_no_varint_is_corrupt(code: str, reason: str) -> None:
    with pytest.raises(CorruptionError, match=reason):
        varint.decode(bytes.fromhex(code), origin="f")
    with pytest.raises(CorruptionError) as caught:
        varint.decode_array(bytes.fromhex("05" + code + "00" * 20)[: 1 + len(code) // 2], 2)
    assert caught.value.offset in (0, 1)


def test_more_values_than_bytes_are_refused_before_memory_is_taken() -> None:
    with pytest.raises(CorruptionError, match="1000000000000000 varints"):
        varint.decode_array(b"\x01", 10**15)
    with pytest.raises(CorruptionError):
        varint.decode_array(b"\x01", -1)


@settings(deadline=None, max_examples=100)
@given(st.lists(uint64s, max_size=50))
def test_arrays_are_their_values_one_by_one(values: list[int]) -> None:
    code = varint.encode_array(np.array(values, dtype=np.uint64))
    assert code.tobytes() == b"".join(varint.encode(value) for value in values)
    back, end = varint.decode_array(code.tobytes() + b"\x99", len(values))
    assert back.tolist() == values
    assert end == len(code)


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=24), st.integers(0, 6))
def test_any_bytes_decode_alike_in_kernel_and_plain_python(content: bytes, count: int) -> None:
    expected: list[int] | None = []
    offset = 0
    try:
        for _ in range(count):
            value, offset = varint.decode(content, offset)
            expected.append(value)  # type: ignore[union-attr]
    except CorruptionError:
        expected = None
    try:
        found: list[int] | None = varint.decode_array(content, count)[0].tolist()
    except CorruptionError:
        found = None
    assert found == expected
    source = np.frombuffer(content, dtype=np.uint8)
    fast, plain = np.zeros((2, count), dtype=np.uint64)
    place, plain_place = np.zeros((2, 1), dtype=np.int64)
    assert kernels.decode(source, fast, place) == kernels.decode.py_func(source, plain, plain_place)
    assert (fast.tolist(), place.tolist()) == (plain.tolist(), plain_place.tolist())


@settings(deadline=None, max_examples=30)
@given(st.lists(uint64s, max_size=20))
def test_encoding_agrees_with_its_plain_python(values: list[int]) -> None:
    source = np.array(values, dtype=np.uint64)
    fast, plain = np.zeros((2, 10 * len(values)), dtype=np.uint8)
    assert kernels.encode(source, fast) == kernels.encode.py_func(source, plain)
    assert fast.tolist() == plain.tolist()
