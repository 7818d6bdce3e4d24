"""Whole frames of a damaged log: those before the damage, and those after it.

`wal_scan` stops where a frame is missing, since a database must not have holes. Salvage goes on:
every frame whose checksum holds is one that was written there, under its LSN, in this database.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

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
    FrameType,
    file_header,
    numbers_on_disk,
)
from rank_retrieve.persistence.wal_scan import (
    CHUNK_WORDS,
    EVIDENCE_BUDGET,
    KINDS,
    WalFile,
    WalFrame,
    _frame_end,
)

MAX_STEP = 1 << 40  # LSNs further ahead are not believed


@dataclass(frozen=True)
class LostFrames:
    """LSNs first..last are not there. last is None at the end of the log: none may be missing."""

    first: int
    last: int | None
    place: str

    def __str__(self) -> str:
        if self.last is None:
            return f"{self.place}: bytes that are no frame; perhaps LSN {self.first} and more"
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

    def frames(self) -> Iterator[WalFrame]:
        """Every whole frame, without the log's own witnesses."""
        for file in self.files:
            for offset in file.offsets:
                lsn, length, _, _, kind = FRAME_HEADER.unpack_from(file.view, offset)
                if kind != FrameType.WITNESS:
                    start = offset + FRAME_HEADER_SIZE
                    body = file.view[start : start + length]
                    yield WalFrame(lsn, FrameType(kind), body, file.name, offset)


def salvage_log(
    directory: Directory, *, database_id: bytes | None, first: int | None
) -> SalvagedLog:
    """Find every whole frame. Changes nothing.

    database_id: None takes it from the first header that holds. first: the number of the first
    file that is needed, None when nobody knows.
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
            continue
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
        _collect(file, seed, log)
    return log


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
        return _frame_end(file, offset, seed, lsn)
    except FormatVersionError:
        return 0


def _collect(file: WalFile, seed: int, log: SalvagedLog) -> None:
    offset = FILE_HEADER_SIZE
    while True:
        while stop := _holds(file, offset, seed, log.next_lsn):
            file.offsets.append(offset)
            offset = stop
            log.next_lsn += 1
        found = _next_frame(file, offset, seed, log.next_lsn)
        if found is None:
            break
        place, lsn = found
        log.lost.append(
            LostFrames(log.next_lsn, lsn - 1, f"{file.name} at bytes {offset} to {place}")
        )
        offset, log.next_lsn = place, lsn
    if any(file.view[offset:]):
        log.lost.append(LostFrames(log.next_lsn, None, f"{file.name} from byte {offset} on"))


def _next_frame(file: WalFile, offset: int, seed: int, wanted: int) -> tuple[int, int] | None:
    """Place and LSN of the first frame behind `offset` with an LSN above `wanted`."""
    words = np.frombuffer(file.view, dtype="<u8", count=file.size // 8)
    budget = EVIDENCE_BUDGET * (file.size - offset)
    for start in range(offset // 8, len(words) - 3, CHUNK_WORDS):
        stop = min(start + CHUNK_WORDS, len(words) - 3)
        lsns, durables = words[start:stop], words[start + 2 : stop + 2]
        candidates = (lsns > wanted) & (lsns < wanted + MAX_STEP) & (durables < lsns)
        candidates &= words[start + 3 : stop + 3] <= max(KINDS)
        for place in np.flatnonzero(candidates).tolist():
            at, lsn = (start + place) * 8, int(lsns[place])
            budget -= min(int(words[start + place + 1]) & 0xFFFFFFFF, file.size - at) + 64
            if budget < 0:
                return None
            if _holds(file, at, seed, lsn):
                return at, lsn
    return None
