"""Each checksum of an archive is compared where it stands, before anything behind it is used."""

import hashlib
import io

import pytest

from rank_retrieve.codecs.checksum import crc32c
from rank_retrieve.errors import CorruptionError
from rank_retrieve.persistence.archive import (
    CHECKSUM,
    END_MAGIC,
    ENTRY,
    FOOTER_SIZE,
    HEADER,
    HEADER_SIZE,
    MAGIC,
    VERSION,
    ArchiveReader,
    write_archive,
)
from rank_retrieve.persistence.image import Image
from rank_retrieve.persistence.manifest import Manifest

IMAGE = Image(Manifest(database_id=b"0123456789abcdef"), {"wal-0000000001.log": memoryview(b"log")})


def archive() -> bytes:
    sink = io.BytesIO()
    write_archive(IMAGE, sink)  # type: ignore[arg-type]
    return sink.getvalue()


def flipped(place: int) -> io.BytesIO:
    contents = bytearray(archive())
    contents[place] ^= 1
    return io.BytesIO(contents)


def test_the_header_is_checked_before_the_first_entry() -> None:
    reserved = HEADER_SIZE - 5
    with pytest.raises(CorruptionError, match="the header"):
        ArchiveReader(flipped(reserved), origin="a")


def test_an_entry_is_checked_before_its_contents_are_given() -> None:
    reserved = HEADER_SIZE + ENTRY.size - 10
    reader = ArchiveReader(flipped(reserved), origin="a")
    with pytest.raises(CorruptionError, match="an entry"):
        next(iter(reader))


@pytest.mark.parametrize("place", [-1, -FOOTER_SIZE + 8])
def test_the_footer_is_checked_after_the_last_entry(place: int) -> None:
    entries = iter(ArchiveReader(flipped(place), origin="a"))
    assert [next(entries).name, next(entries).name] == ["manifest", "wal-0000000001.log"]
    with pytest.raises(CorruptionError, match="a footer"):
        next(entries)


def forged(
    entries: list[tuple[bytes, bytes]],
    *,
    n_files: int | None = None,
    n_bytes: int | None = None,
    after: bytes = b"",
) -> io.BytesIO:
    """An archive whose checksums hold, whatever it says."""
    n_files = len(entries) if n_files is None else n_files
    n_bytes = sum(len(c) for _, c in entries) if n_bytes is None else n_bytes
    header = HEADER.pack(MAGIC, VERSION, 0, n_files, n_bytes, 0)
    header += CHECKSUM.pack(crc32c(header))
    whole = hashlib.blake2b(header, digest_size=32)
    out = header
    for name, contents in entries:
        entry = ENTRY.pack(len(name), 0, len(contents)) + name
        entry += CHECKSUM.pack(crc32c(entry))
        digest = hashlib.blake2b(contents, digest_size=32).digest()
        trailer = CHECKSUM.pack(crc32c(contents)) + digest
        whole.update(entry + trailer)
        out += entry + contents + trailer
    return io.BytesIO(out + END_MAGIC + whole.digest() + after)


def read(source: io.BytesIO) -> dict[str, bytes]:
    return {entry.name: b"".join(entry.chunks) for entry in ArchiveReader(source, origin="a")}


def test_a_forged_archive_that_says_nothing_false_is_read() -> None:
    assert read(forged([(b"a", b"1"), (b"b", b"22")])) == {"a": b"1", "b": b"22"}


LIES = {
    "no files": (forged([(b"a", b"1")], n_files=0), "1..1000000 files"),
    "too many files": (forged([(b"a", b"1")], n_files=1_000_001), "1..1000000 files"),
    "a name twice": (forged([(b"a", b"1"), (b"a", b"2")]), "each name once"),
    "too many bytes": (forged([(b"a", b"123")], n_bytes=2), "at most 2 bytes"),
    "too few bytes": (forged([(b"a", b"123")], n_bytes=4), "1 fewer"),
    "an empty name": (forged([(b"", b"1")]), "a name of 1..128 bytes"),
    "a long name": (forged([(b"a" * 129, b"1")]), "a name of 1..128 bytes"),
    "a name outside": (forged([(b"../a", b"1")]), "a file's name"),
    "bytes behind its end": (forged([(b"a", b"1")], after=b"x"), "the end of the file"),
}


@pytest.mark.parametrize("lie", LIES)
def test_an_archive_that_lies_under_checksums_that_hold_is_refused(lie: str) -> None:
    source, message = LIES[lie]
    source.seek(0)
    with pytest.raises(CorruptionError, match=message):
        read(source)


def test_an_archive_that_ends_in_its_header_is_refused() -> None:
    with pytest.raises(CorruptionError, match="more bytes"):
        ArchiveReader(io.BytesIO(archive()[: HEADER_SIZE - 9]), origin="a")
