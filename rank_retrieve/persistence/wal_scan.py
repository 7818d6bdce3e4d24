"""Reading the write-ahead log: which frames are there, and what is wrong with the rest.

    clean    the log ends where zeros or the file end
    torn     the last file ends in bytes that are no frame, and no evidence says that there was a
             synced one: the usual trace of a crash; everything before them counts
    damaged  bytes that were synced are not what was written
    gap      a file does not go on where the one before it ended
    missing  a file is not there

The evidence is of two kinds: a later file starts above the LSN that is wanted (files are synced
before the next one is started), or a frame further on in the same file, valid in itself, says that
the wanted LSN was durable before it was written. Reading changes nothing, allocates in proportion
to the number of frames at most, and takes time in proportion to the bytes.
"""

from __future__ import annotations

import itertools
import struct
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np

from rank_retrieve.codecs.checksum import crc32c
from rank_retrieve.errors import FormatVersionError, NotFound
from rank_retrieve.persistence.directory import Directory
from rank_retrieve.persistence.files import wal_name
from rank_retrieve.persistence.wal_format import (
    FILE_HEADER,
    FILE_HEADER_SIZE,
    FRAME_END,
    FRAME_HEADER,
    FRAME_HEADER_SIZE,
    MAGIC,
    VERSION,
    FrameType,
    numbers_on_disk,
    padded,
)

Status = Literal["clean", "torn", "damaged", "gap", "missing"]

SEVERITIES: tuple[Status, ...] = ("missing", "gap", "damaged", "torn", "clean")
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
    def unborn(self) -> bool:
        """Whether it was cut off before its header was synced, and so never had a frame."""
        return self.status == "torn" and not self.has_header


class Frames:
    """The frames above an LSN, in order, without the log's own witnesses. Iterable repeatedly."""

    def __init__(self, files: Sequence[WalFile], above_lsn: int) -> None:
        self._files, self._above_lsn = files, above_lsn

    def __iter__(self) -> Iterator[WalFrame]:
        for file in self._files:
            skipped = max(0, self._above_lsn + 1 - file.first_lsn)
            for offset in file.offsets[skipped:]:
                lsn, length, _, _, kind = FRAME_HEADER.unpack_from(file.view, offset)
                if kind != FrameType.WITNESS:
                    start = offset + FRAME_HEADER_SIZE
                    body = file.view[start : start + length]
                    yield WalFrame(lsn, FrameType(kind), body, file.name, offset)

    def __len__(self) -> int:
        return sum(1 for _ in self)


@dataclass(frozen=True)
class TornTail:
    """Bytes at the end of the last file that are no frame."""

    file: str
    offset: int
    size: int


@dataclass(frozen=True)
class WalScan:
    """The log as found. `status` is the worst of its files'."""

    status: Status
    files: tuple[WalFile, ...]
    findings: tuple[str, ...]

    @property
    def next_lsn(self) -> int:
        """One above the last frame, 0 when there is no file."""
        return self.files[-1].next_lsn if self.files else 0

    @property
    def next_number(self) -> int:
        """A number for the next log file: above that of every file there is."""
        return self.files[-1].number + 1 if self.files else 1

    @property
    def n_bytes(self) -> int:
        """Bytes of headers and frames."""
        return sum(file.end for file in self.files)

    @property
    def tail(self) -> TornTail | None:
        """Where the last file is torn."""
        for file in self.files:
            if file.status == "torn":
                return TornTail(file.name, file.end, file.size - file.end)
        return None

    def frames(self, above_lsn: int = 0) -> Frames:
        """The frames with a higher LSN."""
        return Frames(self.files, above_lsn)


def scan(directory: Directory, *, database_id: bytes, first: int | None = None) -> WalScan:
    """Read all log files from number `first` on; lower ones are obsolete.

    first: a number that a manifest vouches for; None takes the lowest there is.
    Raises FormatVersionError for a log of a newer version; all else is told by `status`.
    """
    numbers = [n for n in numbers_on_disk(directory) if first is None or n >= first]
    start = first if first is not None else (numbers[0] if numbers else 1)
    if not numbers:
        return WalScan("missing", (), (f"{wal_name(start)} is not there",))
    files: list[WalFile] = []
    problems: list[tuple[Status, str]] = []
    for wanted, number in zip([start, *(n + 1 for n in numbers)], numbers, strict=False):
        if number > wanted:
            problems.append(("missing", f"{wal_name(wanted)} is not there"))
        file = WalFile(wal_name(number), number)
        _scan_file(file, directory, database_id, files[-1] if files else None)
        files.append(file)
    if first is not None and files[0].unborn:
        files[0].status = "damaged"  # it was whole when the manifest was published
    born = [file for file in files if not file.unborn]
    for file, following in itertools.pairwise(born):
        _judge_seam(file, following)
    for file in files:
        if file.unborn and born and file.number < born[-1].number:
            # nothing was lost with it, as the seam around it shows
            file.status, file.finding = "clean", ""
    problems += [(file.status, f"{file.name}: {file.finding}") for file in files if file.finding]
    statuses: set[Status] = {status for status, _ in problems}
    worst: Status = next((status for status in SEVERITIES if status in statuses), "clean")
    return WalScan(worst, tuple(files), tuple(finding for _, finding in problems))


def _scan_file(
    file: WalFile, directory: Directory, database_id: bytes, before: WalFile | None
) -> None:
    """Fill in what the file shows by itself, as if it were the last one."""
    file.first_lsn = before.next_lsn if before else 0
    try:
        file.view = directory.open(file.name)
    except NotFound:
        # deleted since it was listed: a writer is at work, and the reader has to start over
        file.status, file.finding = "missing", "is not there"
        return
    file.size = len(file.view)
    if not _read_header(file, database_id):
        return
    seed = int.from_bytes(file.view[FILE_HEADER_SIZE - 4 : FILE_HEADER_SIZE], "little")
    file.end = FILE_HEADER_SIZE
    while True:
        _read_frames(file, seed)
        if not _any(file.view[file.end :]):
            return
        evidence = _find_evidence(file, seed)
        if not _frame_end(file, file.end, seed, file.next_lsn):
            break
        # a writer was at work: the frame has been completed, and followed, while we looked
    wanted = f"LSN {file.next_lsn} at byte {file.end}"
    if evidence:
        file.status, file.finding = "damaged", f"{wanted} is not what was written: {evidence}"
    else:
        file.status = "torn"
        file.finding = f"no frame of {wanted}, nor a sign that one was synced"


def _read_header(file: WalFile, database_id: bytes) -> bool:
    header = bytes(file.view[:FILE_HEADER_SIZE])
    checksum = int.from_bytes(header[-4:], "little")
    if len(header) < FILE_HEADER_SIZE or crc32c(header[:-4]) != checksum or header[:8] != MAGIC:
        # frames are only ever written after the header was synced
        lost = _any(file.view[FILE_HEADER_SIZE:])
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


def _read_frames(file: WalFile, seed: int) -> None:
    """Collect the offsets of valid frames in sequence, from `file.end` on."""
    offset, lsn, append = file.end, file.next_lsn, file.offsets.append
    while stop := _frame_end(file, offset, seed, lsn):
        append(offset)
        offset = stop
        lsn += 1
    file.end = offset


def _frame_end(file: WalFile, offset: int, seed: int, lsn: int) -> int:
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


def _find_evidence(file: WalFile, seed: int) -> str:
    """A sign further on that the frame wanted at `file.end` was synced; empty when none."""
    wanted = file.next_lsn
    words = np.frombuffer(file.view, dtype="<u8", count=file.size // 8)
    budget = EVIDENCE_BUDGET * (file.size - file.end)
    for start in range(file.end // 8, len(words) - 3, CHUNK_WORDS):
        stop = min(start + CHUNK_WORDS, len(words) - 3)
        lsns, durables = words[start:stop], words[start + 2 : stop + 2]
        candidates = (lsns >= wanted) & (durables >= wanted) & (durables < lsns)
        candidates &= words[start + 3 : stop + 3] <= max(KINDS)
        for place in np.flatnonzero(candidates).tolist():
            offset, lsn = (start + place) * 8, int(lsns[place])
            budget -= min(int(words[start + place + 1]) & 0xFFFFFFFF, file.size - offset) + 64
            if budget < 0:
                return "the bytes after it imitate frames too often to tell a crash from damage"
            if _frame_end(file, offset, seed, lsn):
                return f"LSN {lsn} at byte {offset} was written after its sync"
    return ""


def _judge_seam(file: WalFile, following: WalFile) -> None:
    """What the next file says about this one, which was synced before it was started."""
    if not (file.has_header and following.has_header):
        return  # damage that is reported already
    if following.first_lsn == file.next_lsn:
        if file.status == "torn":
            # a write that was refused (disk full) before the log went on in the next file, or a
            # torn end that an earlier recovery set aside
            file.status, file.finding = "clean", ""
    elif file.status == "clean" or following.first_lsn < file.next_lsn:
        file.status = "gap"
        file.finding = (
            f"ends before LSN {file.next_lsn}, but {following.name} starts with"
            f" {following.first_lsn}"
        )
    elif file.status == "torn":
        file.status = "damaged"
        file.finding = (
            f"no frame of LSN {file.next_lsn} at byte {file.end}, which was synced before"
            f" {following.name} was started with {following.first_lsn}"
        )


def _any(view: memoryview) -> bool:
    return bool(np.frombuffer(view, dtype=np.uint8).any()) if len(view) else False
