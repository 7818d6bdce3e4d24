"""Sizes and magics that contradict a file are refused, also under checksums that hold."""

from pathlib import Path

import pytest

from rank_retrieve.codecs.checksum import crc32c
from rank_retrieve.errors import CorruptionError
from rank_retrieve.persistence import manifest as manifests
from rank_retrieve.persistence.directory import FSDirectory
from rank_retrieve.persistence.memory_directory import MemoryDirectory
from rank_retrieve.persistence.segment import (
    END_MAGIC,
    MAX_SECTIONS,
    TAIL,
    SegmentReader,
    write_file_atomically,
)
from rank_retrieve.persistence.wal_format import CHECKED, FRAME_HEADER, FrameType, file_header
from rank_retrieve.persistence.wal_scan import scan


def test_a_file_above_the_limit_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1234")
    directory = FSDirectory(tmp_path)
    assert directory.read("a", 4) == b"1234"
    with pytest.raises(CorruptionError, match="at most 3 bytes"):
        directory.read("a", 3)


@pytest.mark.parametrize("difference", [-1, 1, 2**31])
def test_a_manifest_of_another_size_than_it_says_is_refused(difference: int) -> None:
    manifest = manifests.Manifest(database_id=b"0123456789abcdef")
    payload = manifests.open_envelope(manifests.encode(manifest))
    size = len(payload) + difference
    prefix = manifests.PREFIX.pack(manifests.MAGIC, manifests.VERSION, 0, size)
    checksum = crc32c(payload, crc32c(prefix)).to_bytes(4, "little")
    with pytest.raises(CorruptionError, match=f"a payload of {len(payload)} bytes"):
        manifests.open_envelope(prefix + checksum + payload)


def segment() -> tuple[MemoryDirectory, bytes]:
    directory = MemoryDirectory()
    write_file_atomically(directory, "s", "kind", lambda sink: sink.add("a", b"contents"))
    return directory, directory.files()["s"]


def test_a_recorded_segment_with_another_magic_was_damaged_and_is_not_of_another_format() -> None:
    directory, contents = segment()
    expected = SegmentReader.open(directory, "s", kind="kind").info
    damaged = MemoryDirectory({"s": b"X" + contents[1:]})
    with pytest.raises(CorruptionError, match="at byte 0"):
        SegmentReader.open(damaged, "s", kind="kind", expected=expected)


def test_a_segment_that_claims_too_many_sections_is_refused_before_they_are_read() -> None:
    _, contents = segment()
    table_offset, _, table_checksum, _, _, _ = TAIL.unpack(contents[-TAIL.size :])
    tail = TAIL.pack(table_offset, MAX_SECTIONS + 1, table_checksum, 0, 0, END_MAGIC)
    tail = tail[:20] + crc32c(tail[:20]).to_bytes(4, "little") + END_MAGIC
    forged = MemoryDirectory({"s": contents[: -TAIL.size] + tail})
    with pytest.raises(CorruptionError, match=f"at most {MAX_SECTIONS} sections"):
        SegmentReader.open(forged, "s", kind="kind")


@pytest.mark.parametrize(("last", "n_frames"), [(0x5A, 1), (0x00, 0), (0x5B, 0)])
def test_a_frame_without_its_last_byte_ends_the_log(last: int, n_frames: int) -> None:
    """A tear may leave zeros there whose checksum holds by chance."""
    database_id = b"0123456789abcdef"
    header = file_header(database_id, 1, 1)
    offset, body = len(header), b"body" + bytes(3) + bytes([last])
    checked = CHECKED.pack(offset, 1, 4, 0, FrameType.BATCH) + body
    checksum = crc32c(checked, int.from_bytes(header[-4:], "little"))
    frame = FRAME_HEADER.pack(1, 4, checksum, 0, FrameType.BATCH) + body
    found = scan(MemoryDirectory({"wal-0000000001.log": header + frame}), database_id=database_id)
    assert len(found.frames()) == n_frames
    assert found.status == ("clean" if n_frames else "torn")
