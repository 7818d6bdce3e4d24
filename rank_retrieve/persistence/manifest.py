"""The published state of a database: one small file, replaced atomically.

    offset  size  type   field
    0       8     u8[]   magic: 89 52 52 4D 46 54 0D 0A  ("\\x89RRMFT\\r\\n")
    8       2     u16    format version, 1
    10      2     u16    reserved, 0
    12      4     u32    size of the payload
    16      4     u32    CRC-32C of bytes 0..16 and the payload
    20      ...   utf-8  payload: a JSON object with the fields of `Manifest`

Integers are little-endian; the file ends with the payload. JSON keeps the state readable with
`tail -c +21 manifest`, and no length in it can ask for memory. Every name, number and size in it is
checked before use.
"""

from __future__ import annotations

import struct
from contextlib import suppress
from typing import Any, TypeVar

import msgspec

from rank_retrieve.codecs.checksum import crc32c
from rank_retrieve.errors import (
    CorruptionError,
    FormatVersionError,
    InvalidArgument,
    NotFound,
    RankRetrieveError,
)
from rank_retrieve.persistence.directory import Directory
from rank_retrieve.persistence.files import MANIFEST, PUBLISHED_KINDS, parse_name
from rank_retrieve.persistence.segment import FileInfo, temporary_name

MAGIC = b"\x89RRMFT\r\n"
VERSION = 1
KNOWN_FEATURES: frozenset[str] = frozenset()
PREFIX = struct.Struct("<8sHHI")
HEADER_SIZE = PREFIX.size + 4
MAX_BYTES = 64 << 20
MAX_COLLECTIONS = 10_000
MAX_SEGMENTS = 100_000
MAX_DOCS = 2**31 - 1
MAX_NUMBER = 2**62

FileEntry = FileInfo


class SegmentEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A published segment: its file, how many documents it holds, and which are deleted."""

    name: str
    size: int
    checksum: int
    n_docs: int
    deletions: FileEntry | None = None

    @property
    def file(self) -> FileEntry:
        """The segment's own file."""
        return FileEntry(self.name, self.size, self.checksum)


class CollectionEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A collection: log frames up to and including `flushed_lsn` are in its segments."""

    id: int
    name: str
    schema: dict[str, Any]
    segments: list[SegmentEntry] = []
    flushed_lsn: int = 0
    encoder: FileEntry | None = None


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One published state.

    generation: counts publications. epoch: counts openings for writing.
    next_file_number: above the number of every segment, deletion and encoder file.
    wal_number: the first log file that is still needed; it exists.
    features: flags that a reader must know; an unknown one is a FormatVersionError.
    """

    database_id: bytes
    generation: int = 1
    epoch: int = 1
    next_file_number: int = 1
    wal_number: int = 1
    collections: list[CollectionEntry] = []
    next_collection_id: int = 1
    features: list[str] = []
    format_version: int = VERSION

    def files(self) -> list[FileEntry]:
        """Every file that the manifest publishes."""
        found = []
        for collection in self.collections:
            for segment in collection.segments:
                found.append(segment.file)
                if segment.deletions is not None:
                    found.append(segment.deletions)
            if collection.encoder is not None:
                found.append(collection.encoder)
        return found


def encode(manifest: Manifest) -> bytes:
    """The bytes of a manifest file. Raises InvalidArgument when its contents break a rule."""
    if problem := find_problem(manifest):
        raise InvalidArgument("manifest", problem, "breaks the rules of the format")
    payload = msgspec.json.encode(manifest)
    prefix = PREFIX.pack(MAGIC, VERSION, 0, len(payload))
    data = prefix + crc32c(payload, crc32c(prefix)).to_bytes(4, "little") + payload
    if len(data) > MAX_BYTES:
        raise InvalidArgument("manifest", len(data), f"is above {MAX_BYTES} bytes")
    return data


def open_envelope(data: bytes, *, origin: str = MANIFEST) -> bytes:
    """The verified payload of a manifest file. Raises FormatVersionError or CorruptionError."""
    if data[: len(MAGIC)] != MAGIC[: len(data)]:
        raise FormatVersionError(
            origin, f"magic {data[: len(MAGIC)].hex(' ')}", f"manifests ({MAGIC.hex(' ')})"
        )
    if len(data) < HEADER_SIZE:
        raise CorruptionError(origin, len(data), f"at least {HEADER_SIZE} bytes", f"{len(data)}")
    _, version, _, size = PREFIX.unpack_from(data)
    payload = data[HEADER_SIZE:]
    if len(payload) != size:
        raise CorruptionError(origin, 12, f"a payload of {len(payload)} bytes", str(size))
    expected = int.from_bytes(data[PREFIX.size : HEADER_SIZE], "little")
    got = crc32c(payload, crc32c(data[: PREFIX.size]))
    if got != expected:
        raise CorruptionError(origin, PREFIX.size, f"CRC {expected:08x}", f"{got:08x}")
    if version != VERSION:
        raise FormatVersionError(origin, f"version {version}", f"version {VERSION}")
    return payload


def decode_payload(payload: bytes, *, origin: str = MANIFEST) -> Manifest:
    """The manifest in a payload, all rules checked. Raises like `open_envelope`."""
    # features first: they may explain fields that this version does not know
    found = _decoded(payload, _Features, origin).features
    if unknown := sorted(set(found) - KNOWN_FEATURES):
        raise FormatVersionError(
            origin, f"features {unknown}"[:200], f"features {sorted(KNOWN_FEATURES)}"
        )
    manifest = _decoded(payload, Manifest, origin)
    if problem := find_problem(manifest):
        raise CorruptionError(origin, HEADER_SIZE, "a consistent manifest", problem)
    return manifest


class _Features(msgspec.Struct):
    features: list[str] = []


StructT = TypeVar("StructT", bound=msgspec.Struct)


def _decoded(payload: bytes, kind: type[StructT], origin: str) -> StructT:
    try:
        return msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError, OverflowError) as error:
        raise CorruptionError(origin, HEADER_SIZE, "a manifest in JSON", str(error)) from None


def find_problem(manifest: Manifest) -> str | None:
    """The first rule that the manifest breaks, in words; None when it breaks none."""
    if len(manifest.database_id) != 16:
        return f"a database id of {len(manifest.database_id)} bytes, not 16"
    if manifest.format_version != VERSION:
        return f"format version {manifest.format_version} inside an envelope of {VERSION}"
    for field in ("generation", "epoch", "next_file_number", "wal_number", "next_collection_id"):
        if not 1 <= getattr(manifest, field) <= MAX_NUMBER:
            return f"{field} {getattr(manifest, field)} outside 1..2**62"
    if len(manifest.collections) > MAX_COLLECTIONS:
        return f"{len(manifest.collections)} collections, above {MAX_COLLECTIONS}"
    ids = [collection.id for collection in manifest.collections]
    names = [collection.name for collection in manifest.collections]
    if len(set(ids)) != len(ids) or len(set(names)) != len(names):
        return "two collections with one id or name"
    for collection in manifest.collections:
        if problem := _collection_problem(collection, manifest):
            return f"collection {collection.id}: {problem}"
    files = [file.name for file in manifest.files()]
    if len(set(files)) != len(files):
        return "one file published twice"
    return None


def _collection_problem(collection: CollectionEntry, manifest: Manifest) -> str | None:
    if not 1 <= collection.id < manifest.next_collection_id:
        return f"id outside 1..{manifest.next_collection_id - 1}"
    if not 1 <= len(collection.name) <= 255 or not collection.name.isprintable():
        return f"name {collection.name[:80]!r} is not 1..255 printable characters"
    if not 0 <= collection.flushed_lsn <= MAX_NUMBER:
        return f"flushed_lsn {collection.flushed_lsn} outside 0..2**62"
    if len(collection.segments) > MAX_SEGMENTS:
        return f"{len(collection.segments)} segments, above {MAX_SEGMENTS}"
    if sum(segment.n_docs for segment in collection.segments) > MAX_DOCS:
        return f"more than {MAX_DOCS} documents"
    for segment in collection.segments:
        if not 0 <= segment.n_docs <= MAX_DOCS:
            return f"segment {segment.name[:80]!r} with {segment.n_docs} documents"
        problem = _file_problem(segment.file, manifest.next_file_number)
        if problem is None and segment.deletions is not None:
            problem = _file_problem(segment.deletions, manifest.next_file_number)
        if problem:
            return problem
    if collection.encoder is not None:
        return _file_problem(collection.encoder, manifest.next_file_number)
    return None


def _file_problem(file: FileEntry, next_file_number: int) -> str | None:
    kind, number = parse_name(file.name)
    if kind not in PUBLISHED_KINDS:
        return f"file {file.name[:80]!r} has no name of a published file"
    if number >= next_file_number:
        return f"file {file.name!r} is not below next_file_number {next_file_number}"
    if not 0 <= file.size <= MAX_NUMBER or not 0 <= file.checksum < 2**32:
        return f"file {file.name!r} of {file.size} bytes with checksum {file.checksum}"
    return None


def publish(directory: Directory, manifest: Manifest) -> None:
    """Make this the state that the next opener finds; it survives a crash on return.

    The files that it names must be synced already, and so must the log up to the highest
    `flushed_lsn`; names are synced here, first.
    """
    replace(directory, stage(directory, manifest))


def stage(directory: Directory, manifest: Manifest) -> str:
    """Write a manifest beside the published one; its name there. An error leaves no trace."""
    data = encode(manifest)
    temporary = temporary_name(MANIFEST)
    try:
        output = directory.create(temporary)
        output.write(data)
        output.sync()
        output.close()
        # a manifest that outlives the names of its files would be a broken database
        directory.sync_directory()
    except BaseException:
        with suppress(OSError, RankRetrieveError):  # the first error is the one to tell
            directory.delete(temporary)
        raise
    return temporary


def replace(directory: Directory, staged: str) -> None:
    """Publish what was staged: the one atomic step.

    An OSError leaves the old state or the new one, and the caller must stop writing.
    """
    directory.rename(staged, MANIFEST)
    directory.sync_directory()


def load(directory: Directory) -> Manifest:
    """The published state. Raises NotFound, FormatVersionError or CorruptionError."""
    try:
        data = directory.read(MANIFEST, MAX_BYTES)
    except NotFound:
        raise NotFound("index", directory.path, "create it by opening for writing") from None
    return decode_payload(open_envelope(data))
