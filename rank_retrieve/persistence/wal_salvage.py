"""Whole frames of a damaged log: those before the damage, and those after it.

`wal_scan` stops where a frame is missing, since a database must not have holes. Salvage goes on:
every frame whose checksum holds is one that was written there, under its LSN, in this database.

Two kinds of whole frames are left out, both behind a frame that is not there, and so is what
recovery leaves out:

    - those whose LSN the next file gives out again: recovery had found the log torn before them
    - those behind the first gap that nothing says was ever synced: a crash may keep a later write
      and lose an earlier one. A later frame's durable LSN says so, the start of a later file, and
      a manifest
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from rank_retrieve.codecs.checksum import crc32c
from rank_retrieve.errors import FormatVersionError
from rank_retrieve.persistence.directory import Directory
from rank_retrieve.persistence.files import wal_name
from rank_retrieve.persistence.wal_format import (
    FILE_HEADER,
    FILE_HEADER_SIZE,
    FRAME_HEADER,
    FRAME_HEADER_SIZE,
    MAGIC,
    VERSION,
    file_header,
    numbers_on_disk,
)
from rank_retrieve.persistence.wal_frames import (
    Bools,
    ImitatedTooOften,
    Uint64s,
    WalFile,
    WalFrame,
    frame_end,
    has_bytes,
    likely_frames,
)

MAX_STEP = 1 << 40  # LSNs further ahead are not believed


@dataclass(frozen=True)
class LostFrames:
    """LSNs first..last are not there. last is None at the end of the log: none may be missing.

    left_out: LSNs of the first and last whole frame behind the end of the log.
    """

    first: int
    last: int | None
    place: str
    left_out: tuple[int, int] | None = None

    def __str__(self) -> str:
        if self.last is None:
            open_end = f"{self.place}: bytes that are no frame; perhaps LSN {self.first} and more"
            if self.left_out is None:
                return open_end
            first, last = self.left_out
            return (
                f"{open_end}. Whole frames of LSN {first} to {last} behind them are left out:"
                " nothing says that what was before them was ever synced"
            )
        many = self.last > self.first
        span = f"LSN {self.first} to {self.last} are" if many else f"LSN {self.first} is"
        return f"{self.place}: {span} lost"


@dataclass
class SalvagedLog:
    """files: of which `frames` are read, in LSN order. lost: what was there and is not."""

    database_id: bytes | None
    next_lsn: int = 0
    files: list[WalFile] = field(default_factory=list)
    lost: list[LostFrames] = field(default_factory=list)
    tear: LostFrames | None = None  # the first gap of the last file that nothing says was synced

    def frames(self) -> Iterator[WalFrame]:
        """Every whole frame, without the log's own witnesses."""
        for file in self.files:
            yield from file.frames()


def salvage_log(
    directory: Directory, *, database_id: bytes | None, first: int | None, durable_lsn: int = 0
) -> SalvagedLog:
    """Find every whole frame that was or may have been committed. Changes nothing.

    database_id: None takes it from the first header that holds. first: the number of the first
    file that is needed, None when nobody knows. durable_lsn: a manifest vouches for frames up to
    this one.
    """
    numbers = [n for n in numbers_on_disk(directory) if first is None or n >= first]
    log = SalvagedLog(database_id)
    wanted = first
    for number in numbers:
        file = WalFile(wal_name(number), number, view=directory.open(wal_name(number)))
        file.size = len(file.view)
        seed = _seed(file, log)
        missing = "" if wanted in (None, number) else f"{wal_name(wanted or 0)} is not there"
        wanted = number + 1
        if seed is None:
            if file.size:
                log.lost.append(LostFrames(log.next_lsn, None, f"{file.name} without a header"))
            if has_bytes(file.view[FILE_HEADER_SIZE:]):
                log.tear = None  # it was in use, and what was before it synced
            continue
        if file.first_lsn < log.next_lsn:
            _forget(log, file.first_lsn)
        if log.next_lsn and file.first_lsn > log.next_lsn:
            place = missing or f"between {log.files[-1].name} and {file.name}"
            _close_tail(log, file.first_lsn)
            log.lost.append(LostFrames(log.next_lsn, file.first_lsn - 1, place))
        elif missing and not log.next_lsn and file.first_lsn > 1:
            log.lost.append(LostFrames(1, file.first_lsn - 1, missing))
        else:
            _close_tail(log, log.next_lsn)
        log.next_lsn = max(log.next_lsn, file.first_lsn)
        log.files.append(file)
        _collect(file, seed, log, durable_lsn)
    if log.tear is not None:
        _end_at(log, log.tear)
    return log


def _forget(log: SalvagedLog, first_lsn: int) -> tuple[int, int] | None:
    """Leave out what was found under this LSN and above; the LSNs of the first and last frame."""
    dropped = []
    for file in log.files:
        while file.offsets and (lsn := _lsn_at(file, file.offsets[-1])) >= first_lsn:
            dropped.append(lsn)
            file.offsets.pop()
    log.lost = [
        lost if lost.last is None or lost.last < first_lsn else replace(lost, last=first_lsn - 1)
        for lost in log.lost
        if lost.first < first_lsn
    ]
    log.next_lsn = first_lsn
    return (min(dropped), max(dropped)) if dropped else None


def _lsn_at(file: WalFile, offset: int) -> int:
    lsn: int = FRAME_HEADER.unpack_from(file.view, offset)[0]
    return lsn


def _end_at(log: SalvagedLog, tear: LostFrames) -> None:
    """The log ended here, as far as anything says, whatever lies behind."""
    left_out = _forget(log, tear.first)
    log.lost.append(LostFrames(tear.first, None, tear.place, left_out))


def _close_tail(log: SalvagedLog, next_lsn: int) -> None:
    """The next file says where this one ended, so nothing is open any more at its end."""
    if log.lost and log.lost[-1].last is None and next_lsn >= log.next_lsn:
        log.lost.pop()


def _seed(file: WalFile, log: SalvagedLog) -> int | None:
    """The seed of a file's frames, and its first LSN, from its header or from what it must be."""
    header = bytes(file.view[:FILE_HEADER_SIZE])
    if len(header) < FILE_HEADER_SIZE:
        return None
    magic, version, _, _, found_id, number, first_lsn, _ = FILE_HEADER.unpack_from(header)
    sound = crc32c(header[:-4]) == int.from_bytes(header[-4:], "little")
    if sound and magic == MAGIC and version == VERSION and number == file.number:
        if log.database_id is None:
            log.database_id = found_id
        if found_id != log.database_id:
            return None  # of another database
        file.first_lsn = first_lsn
        return int.from_bytes(header[-4:], "little")
    if log.database_id is None or file.size < FILE_HEADER_SIZE + FRAME_HEADER_SIZE:
        return None
    at_start = FRAME_HEADER.unpack_from(file.view, FILE_HEADER_SIZE)[0]
    for guess in (at_start, log.next_lsn):
        if 1 <= guess < 2**62:
            rebuilt = file_header(log.database_id, file.number, guess)
            seed = int.from_bytes(rebuilt[-4:], "little")
            if _holds(file, FILE_HEADER_SIZE, seed, at_start):
                file.first_lsn = guess
                return seed
    return None


def _holds(file: WalFile, offset: int, seed: int, lsn: int) -> int:
    """Where the frame ends; 0 when there is none that this version knows."""
    try:
        return frame_end(file, offset, seed, lsn)
    except FormatVersionError:
        return 0


def _collect(file: WalFile, seed: int, log: SalvagedLog, durable_lsn: int) -> None:
    offset = FILE_HEADER_SIZE
    gaps: list[tuple[int, LostFrames]] = []  # with the number of frames before each
    while True:
        while stop := _holds(file, offset, seed, log.next_lsn):
            file.offsets.append(offset)
            offset = stop
            log.next_lsn += 1
        found = _next_frame(file, offset, seed, log.next_lsn)
        if found is None:
            break
        place, lsn = found
        lost = LostFrames(log.next_lsn, lsn - 1, f"{file.name} at bytes {offset} to {place}")
        gaps.append((len(file.offsets), lost))
        log.lost.append(lost)
        offset, log.next_lsn = place, lsn
    log.tear = _first_tear(file, gaps, durable_lsn)
    if any(file.view[offset:]):
        log.lost.append(LostFrames(log.next_lsn, None, f"{file.name} from byte {offset} on"))


def _first_tear(
    file: WalFile, gaps: Sequence[tuple[int, LostFrames]], durable_lsn: int
) -> LostFrames | None:
    """The first gap of which no frame behind it says that it was synced, nor a manifest."""
    durables = [FRAME_HEADER.unpack_from(file.view, offset)[3] for offset in file.offsets]
    unproven = None
    for n_before, lost in reversed(gaps):
        durable_lsn = max(durable_lsn, *durables[n_before:])
        del durables[n_before:]
        if durable_lsn < lost.first:
            unproven = lost
    return unproven


def _next_frame(file: WalFile, offset: int, seed: int, wanted: int) -> tuple[int, int] | None:
    """Place and LSN of the first frame behind `offset` with an LSN above `wanted`."""

    def is_ahead(lsns: Uint64s, durables: Uint64s) -> Bools:
        return (lsns > wanted) & (lsns < wanted + MAX_STEP) & (durables < lsns)

    try:
        for place, lsn in likely_frames(file, offset, is_ahead):
            if _holds(file, place, seed, lsn):
                return place, lsn
    except ImitatedTooOften:
        return None
    return None
