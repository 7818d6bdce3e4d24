import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.codecs.checksum import crc32c
from rank_retrieve.errors import (
    CorruptionError,
    FormatVersionError,
    InvalidArgument,
    NotFound,
    RankRetrieveError,
)
from rank_retrieve.persistence.memory_directory import MemoryDirectory
from rank_retrieve.persistence.segment import (
    FileInfo,
    SegmentReader,
    SegmentWriter,
    write_file_atomically,
)
from rank_retrieve.testing.fault_directory import Fault, FaultDirectory, FaultKind


def written(sections, *, kind="t"):
    directory = MemoryDirectory()
    writer = SegmentWriter(directory, "s", kind=kind)
    for name, contents in sections.items():
        writer.add(name, contents)
    return directory, writer.finish()


def example():
    return written({"terms": b"abc", "empty": b"", "postings": bytes(range(200))})


def test_the_bytes_of_a_file_with_one_section():
    directory, info = written({"a": b"\x07"})
    contents = directory.read("s", 1000)
    header = (
        bytes.fromhex("89 52 52 53 45 47 0d 0a 01 00 00 00 00 00 00 00")
        + b"t".ljust(32, b"\0")
        + bytes(12)
    )
    assert contents[:60] == header
    assert contents[60:64] == crc32c(header).to_bytes(4, "little")
    assert contents[64:128] == b"\x07" + bytes(63)
    table = bytes.fromhex("01 61 40 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00")
    table += crc32c(b"\x07").to_bytes(4, "little")
    assert contents[128:150] == table
    tail = bytes.fromhex("80 00 00 00 00 00 00 00 01 00 00 00")
    tail += crc32c(table, crc32c(header)).to_bytes(4, "little") + bytes(4)
    assert contents[150:170] == tail
    assert contents[170:174] == crc32c(tail).to_bytes(4, "little")
    assert contents[174:] == b"ENDSEG\r\n"
    assert info == FileInfo("s", 182, crc32c(tail))


def test_sections_come_back_aligned_and_in_order():
    directory, info = example()
    reader = SegmentReader.open(directory, "s", kind="t", expected=info)
    assert reader.section_names == ("terms", "empty", "postings")
    assert bytes(reader.section("terms")) == b"abc"
    assert bytes(reader.section("empty")) == b""
    assert bytes(reader.section("postings")) == bytes(range(200))
    assert np.frombuffer(reader.section("postings"), np.uint8).ctypes.data % 64 == 0
    assert (reader.section_size("postings"), reader.section_size("absent")) == (200, 0)
    assert "terms" in reader and "absent" not in reader
    assert reader.info == info
    reader.verify()


def test_buffers_of_a_section_are_concatenated():
    directory = MemoryDirectory()
    writer = SegmentWriter(directory, "s", kind="t")
    writer.add("a", b"12", np.array([3, 4], dtype="<u2"), memoryview(b"56"))
    writer.finish()
    reader = SegmentReader.open(directory, "s", kind="t")
    assert bytes(reader.section("a")) == b"12\x03\x00\x04\x0056"


def test_an_absent_section_is_corruption_that_lists_those_there():
    directory, _ = example()
    with pytest.raises(CorruptionError, match="terms, empty, postings"):
        SegmentReader.open(directory, "s", kind="t").section("absent")


def test_a_file_of_another_kind_is_refused():
    directory, _ = example()
    with pytest.raises(CorruptionError, match="'encoder', got 't'"):
        SegmentReader.open(directory, "s", kind="encoder")
    assert SegmentReader.open(directory, "s", kind=None).kind == "t"


def test_size_and_checksum_must_be_the_recorded_ones():
    directory, info = example()
    with pytest.raises(CorruptionError, match="bytes"):
        SegmentReader.open(directory, "s", kind="t", expected=FileInfo("s", info.size + 1, 0))
    with pytest.raises(CorruptionError, match="checksum"):
        SegmentReader.open(
            directory, "s", kind="t", expected=FileInfo("s", info.size, info.checksum ^ 1)
        )


def test_a_section_is_verified_once_and_again_by_verify():
    directory, _ = example()
    reader = SegmentReader.open(directory, "s", kind="t")
    reader.section("postings")
    view = np.frombuffer(directory.open("s"), np.uint8)
    writable = np.lib.stride_tricks.as_strided(view)
    # the same memory, damaged behind the reader's back
    place = int(np.flatnonzero(view == 199)[0])
    pointer = writable.ctypes.data + place
    import ctypes

    ctypes.memset(pointer, 0, 1)
    reader.section("postings")
    with pytest.raises(CorruptionError, match="'postings'"):
        reader.verify()


def test_readers_in_threads_agree():
    directory, _ = written({str(n): bytes([n]) * 1000 for n in range(50)})
    reader = SegmentReader.open(directory, "s", kind="t")
    wrong = []

    def read():
        expected = {n: bytes([n]) * 1000 for n in range(50)}
        wrong.extend(n for n in expected if bytes(reader.section(str(n))) != expected[n])

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_every_changed_byte_is_detected_or_harmless():
    directory, info = example()
    whole = directory.read("s", 10_000)
    harmless = 0
    for place in range(len(whole)):
        for flip in (0x01, 0x80, 0xFF):
            damaged = bytearray(whole)
            damaged[place] ^= flip
            try:
                reader = SegmentReader.open(
                    MemoryDirectory({"s": bytes(damaged)}), "s", kind="t", expected=info
                )
                found = {name: bytes(reader.section(name)) for name in reader.section_names}
                reader.verify()
            except (CorruptionError, FormatVersionError):
                continue
            harmless += 1
            assert found == {"terms": b"abc", "empty": b"", "postings": bytes(range(200))}
    assert harmless == 0


def test_every_truncation_is_detected_even_without_a_record_of_the_size():
    directory, _ = example()
    whole = directory.read("s", 10_000)
    for size in range(len(whole)):
        with pytest.raises(CorruptionError):
            SegmentReader.open(MemoryDirectory({"s": whole[:size]}), "s", kind="t")


def test_other_files_and_newer_versions_are_refused_by_name():
    with pytest.raises(FormatVersionError, match="magic 50 4b 03 04"):
        SegmentReader.open(MemoryDirectory({"s": b"PK\3\4" + bytes(200)}), "s", kind="t")
    directory, _ = example()
    newer = bytearray(directory.read("s", 10_000))
    newer[8] = 2
    newer[60:64] = crc32c(newer[:60]).to_bytes(4, "little")
    with pytest.raises(FormatVersionError, match="version 2"):
        SegmentReader.open(MemoryDirectory({"s": bytes(newer)}), "s", kind="t")


def forged(n_sections, table, *, table_offset=64):
    """A file whose checksums are right and whose table is not."""
    header = b"\x89RRSEG\r\n\x01\0".ljust(16, b"\0") + b"t".ljust(44, b"\0")
    seed = crc32c(header)
    body = header + seed.to_bytes(4, "little") + table
    tail = table_offset.to_bytes(8, "little") + n_sections.to_bytes(4, "little")
    tail += crc32c(table, seed).to_bytes(4, "little") + bytes(4)
    return body + tail + crc32c(tail).to_bytes(4, "little") + b"ENDSEG\r\n"


def entry(name, offset, size):
    return (
        bytes([len(name)]) + name + offset.to_bytes(8, "little") + size.to_bytes(8, "little")
    ) + bytes(4)


@pytest.mark.parametrize(
    "contents",
    [
        forged(2**32 - 1, b""),
        forged(1, b""),
        forged(0, b"\0"),
        forged(1, entry(b"", 64, 0)),
        forged(1, entry(b"a", 64, 2**63)),
        forged(1, entry(b"a", 2**64 - 64, 64)),
        forged(1, entry(b"a", 0, 0)),
        forged(1, entry(b"a", 65, 0)),
        forged(2, entry(b"a", 64, 0) * 2),
        forged(1, entry(b"\xff", 64, 0)),
        forged(1, entry(b"a", 64, 0)[:-1]),
        forged(1, b"\xff" + bytes(20)),
        forged(0, b"", table_offset=2**64 - 64),
        forged(0, b"", table_offset=0),
        forged(0, b"", table_offset=128),
    ],
)
def test_forged_tables_are_refused(contents):
    with pytest.raises(CorruptionError):
        SegmentReader.open(MemoryDirectory({"s": contents}), "s", kind="t")


@given(st.binary(max_size=300), st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=100)
def test_arbitrary_tables_with_right_checksums_raise_typed_errors_only(table, n_sections):
    for number in (n_sections, n_sections % 4):
        try:
            reader = SegmentReader.open(
                MemoryDirectory({"s": forged(number, table)}), "s", kind="t"
            )
            reader.verify()
        except RankRetrieveError:
            pass


@given(
    st.dictionaries(st.text(min_size=1, max_size=20), st.binary(max_size=300), max_size=8),
    st.text("abc-", min_size=1, max_size=32),
)
@settings(deadline=None, max_examples=100)
def test_whatever_is_written_is_read(sections, kind):
    directory, info = written(sections, kind=kind)
    reader = SegmentReader.open(directory, "s", kind=kind, expected=info)
    assert {name: bytes(reader.section(name)) for name in reader.section_names} == sections
    reader.verify()


def test_a_section_name_is_used_once():
    writer = SegmentWriter(MemoryDirectory(), "s", kind="t")
    writer.add("a", b"")
    with pytest.raises(ValueError, match="twice"):
        writer.add("a", b"")


@pytest.mark.parametrize("name", ["", "x" * 256, "é" * 128])
def test_section_names_are_bounded(name):
    writer = SegmentWriter(MemoryDirectory(), "s", kind="t")
    with pytest.raises(InvalidArgument):
        writer.add(name, b"")


@pytest.mark.parametrize("kind", ["", "x" * 33, "é", "a\0"])
def test_kinds_are_short_and_printable(kind):
    with pytest.raises(InvalidArgument):
        SegmentWriter(MemoryDirectory(), "s", kind=kind)


def test_an_abandoned_file_is_gone_and_a_finished_one_stays():
    directory = MemoryDirectory()
    writer = SegmentWriter(directory, "s", kind="t")
    writer.abandon()
    writer.abandon()
    assert directory.list() == []
    writer = SegmentWriter(directory, "s", kind="t")
    writer.finish()
    writer.abandon()
    assert directory.list() == ["s"]


def test_an_atomic_write_replaces_the_whole_file():
    directory = MemoryDirectory()
    for contents in (b"old", b"new"):
        info = write_file_atomically(directory, "s", "t", lambda sink, c=contents: sink.add("a", c))
        reader = SegmentReader.open(directory, "s", kind="t", expected=info)
        assert bytes(reader.section("a")) == contents
    assert directory.list() == ["s"]


def test_an_atomic_write_that_fails_leaves_the_old_file_and_nothing_else():
    directory = MemoryDirectory()
    write_file_atomically(directory, "s", "t", lambda sink: sink.add("a", b"old"))
    before = directory.files()

    def fail(sink):
        sink.add("a", b"new")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_file_atomically(directory, "s", "t", fail)
    assert directory.files() == before


@pytest.mark.parametrize("kind", [FaultKind.EIO, FaultKind.ENOSPC, FaultKind.SHORT_WRITE])
def test_an_atomic_write_survives_every_failing_operation(kind):
    counter = FaultDirectory(MemoryDirectory())
    write_file_atomically(counter, "s", "t", lambda sink: sink.add("a", b"new"))
    assert counter.count(kind) >= 4
    for at in range(1, counter.count(kind) + 1):
        inner = MemoryDirectory()
        write_file_atomically(inner, "s", "t", lambda sink: sink.add("a", b"old"))
        failing = FaultDirectory(inner, Fault(kind, at))
        with pytest.raises(OSError, match=r"error|space"):
            write_file_atomically(failing, "s", "t", lambda sink: sink.add("a", b"new"))
        renamed = failing.failed == ["sync_directory"]
        reader = SegmentReader.open(inner, "s", kind="t")
        assert bytes(reader.section("a")) == (b"new" if renamed else b"old")
        assert inner.list() == ["s"]


def test_a_missing_file_is_not_found():
    with pytest.raises(NotFound):
        SegmentReader.open(MemoryDirectory(), "s", kind="t")


def test_a_flag_that_a_reader_knows_is_in_the_header_and_another_is_refused():
    for flags, known in ((0, True), (1, True), (2, False), (3, False), (0x8000, False)):
        directory = MemoryDirectory()
        writer = SegmentWriter(directory, "s", kind="t", flags=flags)
        writer.finish()
        assert directory.read("s", 100)[10:12] == flags.to_bytes(2, "little")
        if known:
            SegmentReader.open(directory, "s", kind="t")
            continue
        with pytest.raises(FormatVersionError, match=f"flags {flags:#x}"):
            SegmentReader.open(directory, "s", kind="t")


def test_a_section_of_pieces_is_one_of_their_concatenation():
    directory, expected = written({"a": b"onetwothree", "b": b""})
    pieces = MemoryDirectory()
    writer = SegmentWriter(pieces, "s", kind="t")
    writer.add_pieces("a", iter([b"one", b"", b"two", memoryview(b"three")]))
    writer.add_pieces("b", iter([]))
    assert writer.finish() == expected
    assert pieces.read("s", 1000) == directory.read("s", 1000)
