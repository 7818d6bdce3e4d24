"""A backup in one flat file, written and read from front to back.

    offset  size  type   field
    0       8     u8[]   magic: 89 52 52 41 52 43 0D 0A  ("\\x89RRARC\\r\\n")
    8       2     u16    format version, 1
    10      2     u16    flags a reader must know, 0
    12      4     u32    number of files, 1..1,000,000
    16      8     u64    bytes of all their contents
    24      4     u32    reserved, 0
    28      4     u32    CRC-32C of bytes 0..28
    32      ...          one entry for each file, the manifest's first

    entry   size  type   field
    0       2     u16    length of the name, 1..128
    2       2     u16    reserved, 0
    4       8     u64    size of the contents
    12      n     ascii  name
    12 + n  4     u32    CRC-32C of the entry so far
    ...     size  u8[]   contents
    ...     4     u32    CRC-32C of the contents
    ...     32    u8[]   BLAKE2b-256 of the contents

    footer  size  type   field
    0       8     u8[]   magic: 45 4E 44 41 52 43 0D 0A  ("ENDARC\\r\\n")
    8       32    u8[]   BLAKE2b-256 of the header and all entries, without their contents

Integers are little-endian; the file ends with the footer. The digest in the footer covers every
byte, since each entry holds the digest of its contents: it names the backup. Reading needs one
buffer of 1 MiB, and no length in the file asks for more. Example: the entry of a file "lock" of
the one byte 07 is `04 00 00 00 | 01 00.. (8) | 6C 6F 63 6B | CRC | 07 | CRC | digest`, 57 bytes.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from rank_retrieve.codecs.checksum import crc32c
from rank_retrieve.errors import CorruptionError, FormatVersionError
from rank_retrieve.persistence.directory import NAME
from rank_retrieve.persistence.image import Image

MAGIC = b"\x89RRARC\r\n"
END_MAGIC = b"ENDARC\r\n"
VERSION = 1
HEADER = struct.Struct("<8sHHIQI")
ENTRY = struct.Struct("<HHQ")
CHECKSUM = struct.Struct("<I")
DIGEST_BYTES = 32
HEADER_SIZE = HEADER.size + CHECKSUM.size
FOOTER_SIZE = len(END_MAGIC) + DIGEST_BYTES
TRAILER_SIZE = CHECKSUM.size + DIGEST_BYTES
MAX_FILES = 1_000_000
CHUNK_BYTES = 1 << 20


class Sink(Protocol):
    """Where an archive goes: a file opened for writing bytes."""

    def write(self, buffer: bytes | memoryview, /) -> int:
        """Append bytes."""
        ...


class Source(Protocol):
    """Where an archive comes from: a file opened for reading bytes."""

    def read(self, size: int, /) -> bytes:
        """At most `size` next bytes; none at the end."""
        ...


def write_archive(image: Image, sink: Sink) -> str:
    """Write a database's files; the digest that names the archive, in hexadecimal."""
    files = list(image)
    header = HEADER.pack(MAGIC, VERSION, 0, len(files), sum(len(c) for _, c in files), 0)
    header += CHECKSUM.pack(crc32c(header))
    whole = _digest(header)
    sink.write(header)
    for name, contents in files:
        entry = ENTRY.pack(len(name), 0, len(contents)) + name.encode("ascii")
        entry += CHECKSUM.pack(crc32c(entry))
        sink.write(entry)
        digest, checksum = _digest(), 0
        for start in range(0, len(contents), CHUNK_BYTES):
            chunk = contents[start : start + CHUNK_BYTES]
            digest.update(chunk)
            checksum = crc32c(chunk, checksum)
            sink.write(chunk)
        trailer = CHECKSUM.pack(checksum) + digest.digest()
        sink.write(trailer)
        whole.update(entry)
        whole.update(trailer)
    sink.write(END_MAGIC + whole.digest())
    return whole.hexdigest()


@dataclass
class Entry:
    """One file of an archive; read `chunks` to their end before the next entry."""

    name: str
    size: int
    offset: int
    chunks: Iterator[bytes]

    def read(self, limit: int) -> bytes:
        """The whole contents; CorruptionError above `limit` bytes."""
        if self.size > limit:
            raise CorruptionError(
                self.name, self.offset, f"at most {limit} bytes", f"{self.size} bytes"
            )
        return b"".join(self.chunks)


class ArchiveReader:
    """Reads what `write_archive` wrote, once, in order.

    origin: the archive's name, for messages. size: its bytes, where known; an archive that
    claims more than it has is then refused before anything is read of it.
    Raises FormatVersionError for what is no archive or a newer one, CorruptionError.
    """

    def __init__(self, source: Source, *, origin: str, size: int | None = None) -> None:
        self._source, self._origin, self._offset = source, origin, 0
        header = self._take(min(HEADER_SIZE, len(MAGIC)))
        if header != MAGIC:
            raise FormatVersionError(
                origin, f"magic {header.hex(' ')}", f"archives ({MAGIC.hex(' ')})"
            )
        header += self._take(HEADER_SIZE - len(MAGIC))
        _, version, flags, self.n_files, self.n_bytes, _ = HEADER.unpack_from(header)
        self._check(header, 0, "the header")
        if version != VERSION or flags:
            raise FormatVersionError(
                origin, f"version {version} flags {flags:#x}", f"version {VERSION} without flags"
            )
        if not 1 <= self.n_files <= MAX_FILES:
            raise CorruptionError(origin, 12, f"1..{MAX_FILES} files", str(self.n_files))
        least = HEADER_SIZE + self.n_bytes + FOOTER_SIZE
        if size is not None and size < least:
            raise CorruptionError(origin, size, f"at least {least} bytes", f"{size} bytes")
        self._whole = _digest(header)
        self.digest = ""

    def __iter__(self) -> Iterator[Entry]:
        """The files in order; after the last one the footer is checked."""
        names: set[str] = set()
        left = self.n_bytes
        for _ in range(self.n_files):
            entry = self._entry()
            if entry.name in names:
                raise CorruptionError(
                    self._origin, entry.offset, "each name once", f"{entry.name} twice"
                )
            if entry.size > left:
                raise CorruptionError(
                    self._origin, entry.offset, f"at most {left} bytes", f"{entry.size} bytes"
                )
            names.add(entry.name)
            left -= entry.size
            yield entry
            for _ in entry.chunks:
                pass
        if left:
            raise CorruptionError(
                self._origin, self._offset, f"{self.n_bytes} bytes in all", f"{left} fewer"
            )
        self._footer()

    def _entry(self) -> Entry:
        at = self._offset
        head = self._take(ENTRY.size)
        length, _, size = ENTRY.unpack(head)
        if not 1 <= length <= 128:
            raise CorruptionError(self._origin, at, "a name of 1..128 bytes", str(length))
        head += self._take(length + CHECKSUM.size)
        self._check(head, at, "an entry")
        name = head[ENTRY.size : -CHECKSUM.size].decode("latin-1")
        if not NAME.match(name):
            raise CorruptionError(self._origin, at + ENTRY.size, "a file's name", repr(name))
        self._whole.update(head)
        return Entry(name, size, at, self._contents(name, size))

    def _contents(self, name: str, size: int) -> Iterator[bytes]:
        at, digest, checksum, left = self._offset, _digest(), 0, size
        while left:
            chunk = self._take(min(left, CHUNK_BYTES))
            digest.update(chunk)
            checksum = crc32c(chunk, checksum)
            left -= len(chunk)
            yield chunk
        trailer = self._take(TRAILER_SIZE)
        if trailer != CHECKSUM.pack(checksum) + digest.digest():
            raise CorruptionError(
                self._origin, at, f"{name} with the digest {trailer[4:].hex()}", digest.hexdigest()
            )
        self._whole.update(trailer)

    def _footer(self) -> None:
        at = self._offset
        footer = self._take(FOOTER_SIZE)
        if footer != END_MAGIC + self._whole.digest():
            raise CorruptionError(
                self._origin, at, f"a footer with {self._whole.hexdigest()}", footer.hex()
            )
        if self._source.read(1):
            raise CorruptionError(self._origin, self._offset, "the end of the file", "more bytes")
        self.digest = self._whole.hexdigest()

    def _take(self, size: int) -> bytes:
        parts: list[bytes] = []
        left = size
        while left and (part := self._source.read(left)):
            parts.append(part)
            left -= len(part)
        self._offset += size - left
        if left:
            raise CorruptionError(
                self._origin, self._offset, f"{left} more bytes", "the end of the file"
            )
        return b"".join(parts)

    def _check(self, buffer: bytes, at: int, what: str) -> None:
        body, (expected,) = buffer[: -CHECKSUM.size], CHECKSUM.unpack(buffer[-CHECKSUM.size :])
        if (got := crc32c(body)) != expected:
            raise CorruptionError(self._origin, at, f"{what} with CRC {expected:08x}", f"{got:08x}")


def _digest(start: bytes = b"") -> hashlib.blake2b:
    return hashlib.blake2b(start, digest_size=DIGEST_BYTES)
