"""The archive by itself: its bytes, and every byte of it checked."""

import io

import pytest

from rank_retrieve.errors import CorruptionError, FormatVersionError
from rank_retrieve.persistence.archive import HEADER_SIZE, ArchiveReader, write_archive
from rank_retrieve.persistence.image import Image
from rank_retrieve.persistence.manifest import Manifest

FILES = {"lock": b"\x07", "empty": b"", "large": bytes(range(256)) * 5000}


def written() -> bytes:
    sink = io.BytesIO()
    image = Image(Manifest(bytes(16)), {n: memoryview(c) for n, c in FILES.items()})
    digest = write_archive(image, sink)
    assert digest == sink.getvalue()[-32:].hex()
    return sink.getvalue()


def read(data: bytes, size: int | None = None) -> dict[str, bytes]:
    reader = ArchiveReader(io.BytesIO(data), origin="a.rra", size=size)
    return {entry.name: entry.read(1 << 22) for entry in reader}


def test_what_is_written_is_read_in_order() -> None:
    data = written()
    found = read(data, len(data))
    assert list(found) == ["manifest", *FILES]
    assert {name: found[name] for name in FILES} == FILES


def test_an_entry_has_the_bytes_of_the_example() -> None:
    data = written()
    start = data.index(b"lock") - 12
    assert data[start : start + 16].hex(" ") == "04 00 00 00 01 00 00 00 00 00 00 00 6c 6f 63 6b"
    assert data[start + 20] == 7
    assert data[start + 21 : start + 25].hex() == "ba37b786"  # CRC-32C of 07
    assert data[start + 57 : start + 59] == b"\x05\x00"  # the next entry


def test_contents_are_checked_by_themselves() -> None:
    data = bytearray(written())
    data[data.index(bytes(range(256))) + 700_000] ^= 1
    with pytest.raises(CorruptionError, match="large with the digest"):
        read(bytes(data))


def test_entries_that_are_not_read_are_checked_all_the_same() -> None:
    data = bytearray(written())
    data[data.index(bytes(range(256))) + 700_000] ^= 1
    with pytest.raises(CorruptionError, match="large"):
        for _ in ArchiveReader(io.BytesIO(bytes(data)), origin="a.rra"):
            pass


def test_a_source_that_gives_little_at_a_time_is_read_whole() -> None:
    class Trickle(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 7))

    data = written()[:2000]
    with pytest.raises(CorruptionError, match="the end of the file"):
        for entry in ArchiveReader(Trickle(data), origin="a.rra"):
            entry.read(1 << 22)


def test_limits_and_sizes_are_checked_before_anything_is_read() -> None:
    data = written()
    with pytest.raises(CorruptionError, match="at most 5 bytes"):
        next(iter(ArchiveReader(io.BytesIO(data), origin="a.rra"))).read(5)
    with pytest.raises(CorruptionError, match="at least"):
        ArchiveReader(io.BytesIO(data), origin="a.rra", size=len(data) // 2)
    for magic in (b"", b"PK\x03\x04", b"\x89RRSEG\r\n" + bytes(24)):
        with pytest.raises((CorruptionError, FormatVersionError)):
            read(magic)


@pytest.mark.parametrize("place", range(HEADER_SIZE))
def test_every_byte_of_the_header_is_checked(place: int) -> None:
    data = bytearray(written())
    data[place] ^= 0x20
    with pytest.raises((CorruptionError, FormatVersionError)):
        read(bytes(data))
