import contextlib

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.codecs import frames
from rank_retrieve.errors import CorruptionError, InvalidArgument


def decompress(buffer: bytes, size: int) -> bytes:
    return frames.decompress(buffer, size, origin="segment-1", offset=512)


def test_abc_is_this_frame() -> None:
    assert frames.compress(b"abc") == bytes.fromhex("28b52ffd 20 03 190000 616263")
    assert decompress(bytes.fromhex("28b52ffd 20 03 190000 616263"), 3) == b"abc"


def test_nothing_is_a_frame_too() -> None:
    assert frames.compress(b"") == bytes.fromhex("28b52ffd 20 00 010000")
    assert decompress(bytes.fromhex("28b52ffd 20 00 010000"), 0) == b""


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_every_kind_of_buffer_goes_both_ways(kind: type) -> None:
    content = b"the same words again and again " * 50
    frame = frames.compress(kind(content))
    assert len(frame) < 100
    assert decompress(kind(frame), len(content)) == content


@pytest.mark.parametrize("level", [0, 20, -1])
def test_unknown_levels_are_refused(level: int) -> None:
    with pytest.raises(InvalidArgument, match="level"):
        frames.compress(b"abc", level)


@pytest.mark.parametrize("size", [0, 2, 4, -1, 2**40, 2**63])
def test_another_size_is_refused_with_file_and_offset(size: int) -> None:
    with pytest.raises(CorruptionError, match="segment-1 at byte 512"):
        decompress(frames.compress(b"abc"), size)


def test_a_size_that_so_few_bytes_cannot_have_is_refused_before_memory_is_taken() -> None:
    # a frame header that declares 2**40 bytes, and nothing behind it
    bomb = bytes.fromhex("28b52ffd e0") + (2**40).to_bytes(8, "little") + bytes.fromhex("010000")
    assert zstandard.get_frame_parameters(bomb).content_size == 2**40
    with pytest.raises(CorruptionError, match="at most"):
        decompress(bomb, 2**40)


def test_a_frame_without_a_declared_size_is_refused() -> None:
    frame = zstandard.ZstdCompressor(write_content_size=False).compress(b"abc")
    with pytest.raises(CorruptionError):
        decompress(frame, 3)


@pytest.mark.parametrize("content", [b"", b"abc", b"abc" * 1000])
def test_other_bytes_behind_the_frame_are_refused(content: bytes) -> None:
    with pytest.raises(CorruptionError):
        decompress(frames.compress(content) + b"\x00", len(content))
    with pytest.raises(CorruptionError):
        decompress(frames.compress(content) * 2, len(content))


@pytest.mark.parametrize("content", [b"", b"abc", b"abcabcabd" * 100])
def test_every_truncation_is_refused(content: bytes) -> None:
    frame = frames.compress(content)
    for length in range(len(frame)):
        with pytest.raises(CorruptionError):
            decompress(frame[:length], len(content))


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=3000), st.integers(1, 19))
def test_content_comes_back_at_every_level(content: bytes, level: int) -> None:
    assert decompress(frames.compress(content, level), len(content)) == content


@settings(deadline=None, max_examples=100)
@given(st.binary(min_size=1, max_size=300), st.data())
def test_damage_gives_the_right_size_or_a_typed_error(content: bytes, data: st.DataObject) -> None:
    frame = bytearray(frames.compress(content * 3))
    for _ in range(data.draw(st.integers(1, 3))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(CorruptionError):
        assert len(decompress(bytes(frame), 3 * len(content))) == 3 * len(content)
