"""A file of named sections: written once, mapped, never changed.

    offset          size   type    field
    0               8      u8[]    magic: 89 52 52 53 45 47 0D 0A  ("\\x89RRSEG\\r\\n")
    8               2      u16     format version, 1
    10              2      u16     flags a reader must know: 1, the documents of a collection's
                                   segment are coded with words (collection/documents.py)
    12              4      u32     reserved, 0
    16              32     ascii   kind, padded with zeros
    48              12     u8[]    reserved, 0
    60              4      u32     CRC-32C of bytes 0..60
    64              ...            sections, each at a multiple of 64, zeros between
    multiple of 64  ...            table of contents, per section:
                    1      u8        length of the name, 1..255
                    ..     utf-8     name
                    8      u64       offset
                    8      u64       size
                    4      u32       CRC-32C of the section
    size - 32       8      u64     offset of the table
    size - 24       4      u32     number of sections
    size - 20       4      u32     CRC-32C of the table, seeded with that of the header
    size - 16       4      u32     reserved, 0
    size - 12       4      u32     CRC-32C of bytes size-32 .. size-12: the file's checksum
    size - 8        8      u8[]    magic: 45 4E 44 53 45 47 0D 0A  ("ENDSEG\\r\\n")

All integers are little-endian. The file's checksum covers its size and, through the table, every
section; the sections themselves are verified when they are first used. Example: kind "t" with one
section "a" of the byte 07 has it at 64, the table `01 61 | 64 as u64 | 1 as u64 | CRC of 07` at 128
and the tail at 150: 182 bytes.
"""

from __future__ import annotations

import itertools
import os
import struct
from collections.abc import Callable, Iterable
from contextlib import suppress

import msgspec

from rank_retrieve.codecs.checksum import crc32c
from rank_retrieve.errors import (
    CorruptionError,
    FormatVersionError,
    InvalidArgument,
    RankRetrieveError,
)
from rank_retrieve.persistence.directory import Buffer, Directory, as_view
from rank_retrieve.persistence.read_ahead import read_soon, read_sparsely
from rank_retrieve.types import SectionSink

MAGIC = b"\x89RRSEG\r\n"
END_MAGIC = b"ENDSEG\r\n"
VERSION = 1
KNOWN_FLAGS = 1
ALIGNMENT = 64
MAX_SECTIONS = 65_536
HEADER = struct.Struct("<8sHHI32s12sI")
ENTRY = struct.Struct("<QQI")
TAIL = struct.Struct("<QIIII8s")
MIN_SIZE = HEADER.size + TAIL.size


class FileInfo(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What identifies a finished file: its size in bytes and the CRC-32C of its footer."""

    name: str
    size: int
    checksum: int


class SegmentWriter:
    """Writes one file of sections: `add` each, then `finish`, or `abandon`.

    kind: what the sections mean, 1..32 ASCII characters; a reader must ask for the same.
    flags: what a reader must know besides; one that does not refuses the file.
    """

    def __init__(self, directory: Directory, name: str, *, kind: str, flags: int = 0) -> None:
        encoded = kind.encode("ascii", "replace")
        if not 1 <= len(encoded) <= 32 or encoded.decode() != kind or not kind.isprintable():
            raise InvalidArgument("kind", kind, "must be 1..32 printable ASCII characters")
        self._directory, self._name = directory, name
        self._entries: dict[str, tuple[int, int, int]] = {}
        header = HEADER.pack(MAGIC, VERSION, flags, 0, encoded, b"", 0)[:-4]
        self._header_checksum = crc32c(header)
        self._output = directory.create(name)
        self._finished = False
        self._output.write(header + self._header_checksum.to_bytes(4, "little"))

    def add(self, name: str, *buffers: Buffer) -> None:
        """Write the concatenation of the buffers, 64-byte aligned, under a name used once."""
        self._add(name, buffers)

    def add_pieces(self, name: str, pieces: Iterable[Buffer]) -> None:
        """Like `add`, with pieces that are made one after the other and let go of."""
        self._add(name, pieces)

    def _add(self, name: str, buffers: Iterable[Buffer]) -> None:
        encoded = name.encode()
        if not 1 <= len(encoded) <= 255:
            raise InvalidArgument("name", name, "a section name is 1..255 bytes of UTF-8")
        if name in self._entries:
            raise ValueError(f"section {name!r} was added twice")
        if len(self._entries) >= MAX_SECTIONS:
            raise InvalidArgument("sections", len(self._entries) + 1, f"at most {MAX_SECTIONS}")
        offset, checksum = self._align(), 0
        for buffer in buffers:
            view = as_view(buffer)
            checksum = crc32c(view, checksum)
            self._output.write(view)
        self._entries[name] = (offset, self._output.tell() - offset, checksum)

    def finish(self) -> FileInfo:
        """Write the footer and sync the file; its name still needs `sync_directory`."""
        table_offset = self._align()
        table = b"".join(
            bytes([len(name.encode())]) + name.encode() + ENTRY.pack(*entry)
            for name, entry in self._entries.items()
        )
        tail = TAIL.pack(
            table_offset, len(self._entries), crc32c(table, self._header_checksum), 0, 0, END_MAGIC
        )
        checksum = crc32c(tail[:20])
        self._output.write(table, tail[:20], checksum.to_bytes(4, "little"), END_MAGIC)
        self._output.sync()
        self._output.close()
        self._finished = True
        return FileInfo(self._name, self._output.tell(), checksum)

    def abandon(self) -> None:
        """Close and delete the unfinished file; after `finish` this does nothing."""
        if not self._finished:
            self._finished = True
            self._output.close()
            self._directory.delete(self._name)

    def _align(self) -> int:
        padding = -self._output.tell() % ALIGNMENT
        if padding:
            self._output.write(bytes(padding))
        return self._output.tell()


class SegmentReader:
    """The sections of a finished file, mapped. Made by `SegmentReader.open`; safe for threads."""

    def __init__(
        self,
        name: str,
        kind: str,
        view: memoryview,
        entries: dict[str, tuple[int, int, int]],
        info: FileInfo,
        flags: int = 0,
    ) -> None:
        self._view, self._entries = view, entries
        self._verified: set[str] = set()
        self.origin, self.kind, self.info, self.flags = name, kind, info, flags

    @classmethod
    def open(
        cls,
        directory: Directory,
        name: str,
        *,
        kind: str | None,
        expected: FileInfo | None = None,
    ) -> SegmentReader:
        """Map the file and verify its footer.

        kind: what the caller takes it for; None accepts every kind.
        expected: size and checksum that someone recorded; both are compared.
        Raises NotFound, FormatVersionError for bytes that are not ours or newer,
        CorruptionError for anything that contradicts the format or `expected`.
        """
        view = directory.open(name)
        read_sparsely(view)
        size = len(view)
        if expected is not None and size != expected.size:
            raise CorruptionError(
                name, min(size, expected.size), f"{expected.size} bytes", f"{size} bytes"
            )
        if size < MIN_SIZE:
            raise CorruptionError(name, size, f"at least {MIN_SIZE} bytes", f"{size} bytes")
        if expected is not None and view[: len(MAGIC)] != MAGIC:
            # someone recorded this very file, so it once was ours
            raise CorruptionError(name, 0, MAGIC.hex(" "), bytes(view[: len(MAGIC)]).hex(" "))
        found_kind, flags, header_checksum = _read_header(name, view)
        table_offset, n_sections, table_checksum, checksum = _read_tail(name, view)
        if expected is not None and checksum != expected.checksum:
            raise CorruptionError(
                name, size - 12, f"checksum {expected.checksum:08x}", f"{checksum:08x}"
            )
        table = view[table_offset : size - TAIL.size]
        if crc32c(table, header_checksum) != table_checksum:
            raise CorruptionError(
                name, table_offset, f"a table of contents with CRC {table_checksum:08x}", "another"
            )
        entries = _read_table(name, table, table_offset, n_sections)
        if kind is not None and found_kind != kind:
            raise CorruptionError(name, 16, f"a file of kind {kind!r}", repr(found_kind))
        return cls(name, found_kind, view, entries, FileInfo(name, size, checksum), flags)

    @property
    def contents(self) -> memoryview:
        """The whole file; it stays readable when the file is deleted."""
        return self._view

    def unverified(self, name: str) -> memoryview:
        """The bytes of a section whatever its CRC says, for salvage; CorruptionError if absent."""
        if name not in self._entries:
            return self.section(name)
        offset, size, _ = self._entries[name]
        return self._view[offset : offset + size]

    @property
    def section_names(self) -> tuple[str, ...]:
        """In the order in which they were written."""
        return tuple(self._entries)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def section(self, name: str) -> memoryview:
        """The bytes of one section, 64-byte aligned; CRC verified on first use.

        Raises CorruptionError when it is absent or damaged.
        """
        try:
            offset, size, checksum = self._entries[name]
        except KeyError:
            raise CorruptionError(
                self.origin, 0, f"a section {name!r}", f"sections {_shown(self._entries)}"
            ) from None
        view = self._view[offset : offset + size]
        if name not in self._verified:
            read_soon(self._view, offset, size)
            got = crc32c(view)
            if got != checksum:
                raise CorruptionError(
                    self.origin, offset, f"section {name!r} with CRC {checksum:08x}", f"{got:08x}"
                )
            self._verified.add(name)
        return view

    def section_size(self, name: str) -> int:
        """Bytes of one section, without touching them; 0 when it is absent."""
        return self._entries.get(name, (0, 0, 0))[1]

    def verify(self) -> None:
        """Read every section again, whether or not it was verified before, and the padding."""
        self._verified.clear()
        end = HEADER.size
        for name, (offset, size, _) in self._entries.items():
            self._check_padding(end, offset)
            self.section(name)
            end = offset + size
        self._check_padding(end, end + -end % ALIGNMENT)

    def _check_padding(self, start: int, end: int) -> None:
        if any(self._view[start:end]):
            raise CorruptionError(self.origin, start, "zeros between sections", "other bytes")


def write_file_atomically(
    directory: Directory, name: str, kind: str, write: Callable[[SectionSink], None]
) -> FileInfo:
    """Make `name` hold the sections that `write` adds, or leave it exactly as it was.

    On return the new contents survive a crash; an error or crash before leaves the old ones.
    """
    temporary = temporary_name(name)
    try:
        writer = SegmentWriter(directory, temporary, kind=kind)
        write(writer)
        info = writer.finish()
        directory.rename(temporary, name)
    except BaseException:
        with suppress(OSError, RankRetrieveError):  # the first error is the one to tell
            directory.delete(temporary)
        raise
    directory.sync_directory()
    return FileInfo(name, info.size, info.checksum)


def temporary_name(name: str) -> str:
    """A name beside `name`, unlike that of any other writer; recovery removes `*.tmp`."""
    return f"{name[:90]}.{os.getpid()}-{next(_counter)}.tmp"


_counter = itertools.count(1)


def _read_header(name: str, view: memoryview) -> tuple[str, int, int]:
    """Kind, flags, and the header's checksum."""
    header = bytes(view[: HEADER.size])
    magic, version, flags, _, kind, _, checksum = HEADER.unpack(header)
    if magic != MAGIC:
        raise FormatVersionError(
            name, f"magic {magic.hex(' ')}", f"segment files ({MAGIC.hex(' ')})"
        )
    if crc32c(header[:60]) != checksum:
        raise CorruptionError(name, 60, f"a header with CRC {checksum:08x}", "another")
    if version != VERSION or flags & ~KNOWN_FLAGS:
        raise FormatVersionError(
            name,
            f"version {version} flags {flags:#x}",
            f"version {VERSION} with flags {KNOWN_FLAGS:#x} at most",
        )
    return kind.rstrip(b"\0").decode("ascii", "replace"), flags, checksum


def _read_tail(name: str, view: memoryview) -> tuple[int, int, int, int]:
    """Offset of the table, number of sections, checksum of the table and of the file."""
    start = len(view) - TAIL.size
    tail = bytes(view[start:])
    table_offset, n_sections, table_checksum, _, checksum, magic = TAIL.unpack(tail)
    if magic != END_MAGIC:
        raise CorruptionError(name, start + 24, f"end magic {END_MAGIC.hex(' ')}", magic.hex(" "))
    got = crc32c(tail[:20])
    if got != checksum:
        raise CorruptionError(name, start + 20, f"a footer with CRC {checksum:08x}", f"{got:08x}")
    if not HEADER.size <= table_offset <= start or table_offset % ALIGNMENT:
        raise CorruptionError(
            name, start, f"a table at a multiple of 64 in 64..{start}", str(table_offset)
        )
    if n_sections > MAX_SECTIONS:
        raise CorruptionError(name, start + 8, f"at most {MAX_SECTIONS} sections", str(n_sections))
    return table_offset, n_sections, table_checksum, checksum


def _read_table(
    name: str, table: memoryview, table_offset: int, n_sections: int
) -> dict[str, tuple[int, int, int]]:
    entries: dict[str, tuple[int, int, int]] = {}
    at, end = 0, HEADER.size
    for number in range(n_sections):
        start = table_offset + at
        length = table[at] if at < len(table) else 0
        stop = at + 1 + length + ENTRY.size
        if not length or stop > len(table):
            raise CorruptionError(name, start, f"{n_sections} sections", f"only {number}")
        try:
            section = str(table[at + 1 : at + 1 + length], "utf-8")
        except UnicodeDecodeError as error:
            raise CorruptionError(name, start + 1, "a UTF-8 name", error.reason) from None
        offset, size, checksum = ENTRY.unpack_from(table, at + 1 + length)
        if offset % ALIGNMENT or offset < end or offset + size > table_offset:
            raise CorruptionError(
                name,
                stop - ENTRY.size + table_offset,
                f"section {section!r} at a multiple of 64 in {end}..{table_offset}",
                f"{size} bytes at {offset}",
            )
        if section in entries:
            raise CorruptionError(name, start, "each section once", f"{section!r} twice")
        entries[section] = (offset, size, checksum)
        at, end = stop, offset + size
    if at != len(table):
        raise CorruptionError(name, table_offset + at, "the end of the table", "more bytes")
    return entries


def _shown(names: dict[str, tuple[int, int, int]]) -> str:
    listed = ", ".join(itertools.islice(names, 8))
    return f"{listed}, ... ({len(names)})" if len(names) > 8 else listed or "none"
