"""One file of the write-ahead log: its header, its frames, and signs of frames that are lost.

    read_header     is it a log file of this database?
    read_frames     whole frames in sequence; the first that does not hold ends them
    find_evidence   does a later frame say that the one that is missing was synced?
    likely_frames   where a later frame might be, found without checking every byte

`wal_format` has the bytes. Nothing here changes a file, allocates more than in proportion to the
number of frames, or takes time out of proportion to the bytes.
"""

from __future__ import annotations

import struct
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.codecs.checksum import crc32c
from rank_retrieve.errors import FormatVersionError
from rank_retrieve.persistence.wal_format import (
    FILE_HEADER,
    FILE_HEADER_SIZE,
    FRAME_END,
    FRAME_HEADER,
    FRAME_HEADER_SIZE,
    MAGIC,
    VERSION,
    FrameType,
    padded,
)

Status = Literal["clean", "torn", "damaged", "gap", "missing"]
Uint64s: TypeAlias = NDArray[np.uint64]
Bools: TypeAlias = NDArray[np.bool_]

KINDS = frozenset(FrameType)
OFFSET = struct.Struct("<Q")
COPY_BYTES = 4096  # below, a checksum of a copy is quicker than one of a view
CHUNK_WORDS = 1 << 20
EVIDENCE_BUDGET = 8  # times the bytes of the tail: hostile bytes must not make the search quadratic


class WalFrame(NamedTuple):
    """One frame: `body` is a view into the file, which stays valid when that is deleted."""

    lsn: int
    type: FrameType
    body: memoryview
    file: str
    offset: int


@dataclass
class WalFile:
    """What was found in one log file; bytes from `end` to `size` hold no frame."""

    name: str
    number: int
    first_lsn: int = 0
    has_header: bool = False
    size: int = 0
    end: int = 0
    status: Status = "clean"
    finding: str = ""
    view: memoryview = field(default=memoryview(b""), repr=False)
    offsets: array[int] = field(default_factory=lambda: array("q"), repr=False)

    @property
    def next_lsn(self) -> int:
        """One above the last frame."""
        return self.first_lsn + len(self.offsets)

    @property
    def seed(self) -> int:
        """What the checksums of its frames start from: that of its header."""
        return int.from_bytes(self.view[FILE_HEADER_SIZE - 4 : FILE_HEADER_SIZE], "little")

    @property
    def unborn(self) -> bool:
        """Whether it was cut off before its header was synced, and so never had a frame."""
        return self.status == "torn" and not self.has_header

    def frames(self, skipped: int = 0) -> Iterator[WalFrame]:
        """Its frames but for the first, in order, without the log's own witnesses."""
        for offset in self.offsets[skipped:]:
            lsn, length, _, _, kind = FRAME_HEADER.unpack_from(self.view, offset)
            if kind != FrameType.WITNESS:
                start = offset + FRAME_HEADER_SIZE
                body = self.view[start : start + length]
                yield WalFrame(lsn, FrameType(kind), body, self.name, offset)


class Frames:
    """The frames above an LSN, in order, without the log's own witnesses. Iterable repeatedly."""

    def __init__(self, files: Sequence[WalFile], above_lsn: int) -> None:
        self._files, self._above_lsn = files, above_lsn

    def __iter__(self) -> Iterator[WalFrame]:
        for file in self._files:
            yield from file.frames(max(0, self._above_lsn + 1 - file.first_lsn))

    def __len__(self) -> int:
        return sum(1 for _ in self)


def read_header(file: WalFile, database_id: bytes) -> bool:
    """Whether it is a log file of this database; if not, its `status` and `finding` say why."""
    header = bytes(file.view[:FILE_HEADER_SIZE])
    checksum = int.from_bytes(header[-4:], "little")
    if len(header) < FILE_HEADER_SIZE or crc32c(header[:-4]) != checksum or header[:8] != MAGIC:
        # frames are only ever written after the header was synced
        lost = has_bytes(file.view[FILE_HEADER_SIZE:])
        file.status = "damaged" if lost else "torn"
        file.finding = "the header at byte 0 is no log header" + (" of the frames below" * lost)
        return False
    _, version, flags, _, found_id, number, first_lsn, _ = FILE_HEADER.unpack_from(header)
    if version != VERSION or flags:
        raise FormatVersionError(
            file.name, f"version {version} flags {flags:#x}", f"version {VERSION} without flags"
        )
    if found_id != database_id or number != file.number:
        file.status = "damaged"
        file.finding = f"byte 16 is for file {number} of database {found_id.hex()}"
        return False
    if not 1 <= first_lsn < 2**62:
        file.status, file.finding = "damaged", f"byte 40 has a first LSN of {first_lsn}"
        return False
    file.first_lsn, file.has_header = first_lsn, True
    return True


def read_frames(file: WalFile, seed: int) -> None:
    """Collect the offsets of valid frames in sequence, from `file.end` on."""
    offset, lsn, append = file.end, file.next_lsn, file.offsets.append
    while stop := frame_end(file, offset, seed, lsn):
        append(offset)
        offset = stop
        lsn += 1
    file.end = offset


def frame_end(file: WalFile, offset: int, seed: int, lsn: int) -> int:
    """Where the frame of this LSN at this offset ends; 0 when there is no such frame."""
    view = file.view
    if offset + FRAME_HEADER_SIZE > file.size:
        return 0
    found, length, checksum, durable_lsn, kind = FRAME_HEADER.unpack_from(view, offset)
    stop: int = offset + FRAME_HEADER_SIZE + padded(length)
    if found != lsn or durable_lsn >= lsn or stop > file.size:
        return 0
    seed = crc32c(OFFSET.pack(offset) + view[offset : offset + 12], seed)
    rest = view[offset + 16 : stop]
    if crc32c(bytes(rest) if stop - offset < COPY_BYTES else rest, seed) != checksum:
        return 0
    if view[stop - 1] != FRAME_END:
        return 0
    if kind not in KINDS:
        raise FormatVersionError(file.name, f"frame type {kind}", "frame types 1..5")
    return stop


def find_evidence(file: WalFile, seed: int) -> str:
    """A sign further on that the frame wanted at `file.end` was synced; empty when none."""
    wanted = file.next_lsn

    def says_so(lsns: Uint64s, durables: Uint64s) -> Bools:
        return (lsns >= wanted) & (durables >= wanted) & (durables < lsns)

    try:
        for offset, lsn in likely_frames(file, file.end, says_so):
            if frame_end(file, offset, seed, lsn):
                return f"LSN {lsn} at byte {offset} was written after its sync"
    except ImitatedTooOften:
        return "the bytes after it imitate frames too often to tell a crash from damage"
    return ""


class ImitatedTooOften(Exception):  # noqa: N818 - a signal between modules, never seen by users
    """Bytes that look like frames would take too long to check."""


def likely_frames(
    file: WalFile, behind: int, chosen: Callable[[Uint64s, Uint64s], Bools]
) -> Iterator[tuple[int, int]]:
    """Offset and LSN of what looks like a frame, from byte `behind` on; none is checked.

    chosen: which are wanted, by arrays of their LSNs and durable LSNs.
    Raises ImitatedTooOften when checking all of them would take more than a few readings.
    """
    words = np.frombuffer(file.view, dtype="<u8", count=file.size // 8)
    budget = EVIDENCE_BUDGET * (file.size - behind)
    for start in range(behind // 8, len(words) - 3, CHUNK_WORDS):
        stop = min(start + CHUNK_WORDS, len(words) - 3)
        lsns = words[start:stop]
        likely = chosen(lsns, words[start + 2 : stop + 2])
        likely &= words[start + 3 : stop + 3] <= max(KINDS)
        for place in np.flatnonzero(likely).tolist():
            offset = (start + place) * 8
            budget -= min(int(words[start + place + 1]) & 0xFFFFFFFF, file.size - offset) + 64
            if budget < 0:
                raise ImitatedTooOften
            yield offset, int(lsns[place])


def has_bytes(view: memoryview) -> bool:
    """Whether anything but zeros is there."""
    return bool(np.frombuffer(view, dtype=np.uint8).any()) if len(view) else False
