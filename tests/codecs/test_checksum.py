import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.codecs.checksum import check_crc32c, crc32c
from rank_retrieve.errors import CorruptionError


def bit_by_bit(content: bytes) -> int:
    """The definition: division by the reflected Castagnoli polynomial."""
    crc = 0xFFFFFFFF
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def test_the_check_value_of_the_standard() -> None:
    assert crc32c(b"123456789") == 0xE3069283


def test_thirty_two_zeros_as_in_rfc_3720() -> None:
    assert crc32c(bytes(32)) == 0x8A9136AA
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    assert crc32c(bytes(range(32))) == 0x46DD794E


@pytest.mark.parametrize(
    "buffer",
    [
        b"123456789",
        bytearray(b"123456789"),
        memoryview(b"0123456789")[1:],
        memoryview(bytearray(b"123456789")),
        np.frombuffer(b"123456789", dtype=np.uint8),
    ],
)
def test_every_kind_of_buffer_is_read_in_place(buffer: bytes) -> None:
    assert crc32c(buffer) == 0xE3069283


def test_an_array_of_wide_or_strided_items_counts_by_its_bytes() -> None:
    wide = np.array([1, 2], dtype="<u4")
    assert crc32c(wide) == crc32c(bytes.fromhex("0100000002000000"))
    assert crc32c(np.arange(6, dtype=np.uint8)[::2]) == crc32c(bytes([0, 2, 4]))


@pytest.mark.parametrize("empty", [b"", bytearray(), memoryview(b""), np.empty(0, np.uint8)])
def test_nothing_leaves_the_seed_as_it_is(empty: bytes) -> None:
    assert crc32c(empty) == 0
    assert crc32c(empty, 77) == 77


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_a_seed_continues_the_bytes_before(first: bytes, second: bytes) -> None:
    assert crc32c(second, crc32c(first)) == crc32c(first + second) == bit_by_bit(first + second)


def test_a_wrong_checksum_names_file_offset_and_both_sums() -> None:
    check_crc32c(b"123456789", 0xE3069283, origin="segment-1", offset=64)
    with pytest.raises(CorruptionError) as caught:
        check_crc32c(b"123456780", 0xE3069283, origin="segment-1", offset=64)
    assert caught.value.file == "segment-1"
    assert caught.value.offset == 64
    assert caught.value.expected == "checksum e3069283"
