"""Following the log while a writer appends to it.

A follower remembers where it stopped and reads what came since, in time proportional to that. A
frame that is not there whole is not there yet: whether it ever will be is none of a reader's
business. Whatever does not go on where it stopped (a file that was deleted, a log that was
started anew, damage) ends the trail; reading all of it again then tells what happened.
"""

from __future__ import annotations

from typing import NamedTuple

from rank_retrieve.errors import NotFound
from rank_retrieve.persistence.directory import Directory
from rank_retrieve.persistence.files import wal_name
from rank_retrieve.persistence.wal_format import FILE_HEADER_SIZE
from rank_retrieve.persistence.wal_frames import (
    Frames,
    WalFile,
    WalFrame,
    find_evidence,
    frame_end,
    has_bytes,
    read_frames,
    read_header,
)
from rank_retrieve.persistence.wal_scan import WalScan


class LogPosition(NamedTuple):
    """Where the next frame is expected: in which file, at which byte, under which LSN."""

    number: int
    offset: int
    next_lsn: int


class TrailLost(Exception):  # noqa: N818 - a signal between modules, never seen by users
    """The log does not go on at this position; read the manifest again."""


def end_of(found: WalScan) -> LogPosition:
    """The position behind a scan."""
    file = [file for file in found.files if file.has_header][-1]
    return LogPosition(file.number, file.end, file.next_lsn)


def follow(
    directory: Directory, database_id: bytes, position: LogPosition
) -> tuple[list[WalFrame], LogPosition]:
    """The frames behind a position, in order, and the position behind them.

    Raises TrailLost where the log does not go on, FormatVersionError.
    """
    frames: list[WalFrame] = []
    while True:
        found, after = _read_on(directory, database_id, position)
        frames += found
        following = _header(directory, database_id, after.number + 1)
        if following is None:
            return frames, after
        if following.first_lsn == after.next_lsn:
            after = LogPosition(following.number, FILE_HEADER_SIZE, after.next_lsn)
        elif following.first_lsn < after.next_lsn or after == position:
            raise TrailLost
        # otherwise the file grew, and then had a successor, after it was read
        position = after


def _read_on(
    directory: Directory, database_id: bytes, position: LogPosition
) -> tuple[list[WalFrame], LogPosition]:
    file = _header(directory, database_id, position.number)
    if file is None or file.size < position.offset:
        raise TrailLost
    seed = file.seed
    file.first_lsn, file.end = position.next_lsn, position.offset
    read_frames(file, seed)
    behind = file.view[file.end :]
    evidence = find_evidence(file, seed) if not file.offsets and has_bytes(behind) else ""
    # unless it has been completed while we looked, what is there was synced and is damaged
    if evidence and not frame_end(file, file.end, seed, file.next_lsn):
        raise TrailLost
    after = LogPosition(position.number, file.end, file.next_lsn)
    return list(Frames((file,), position.next_lsn - 1)), after


def _header(directory: Directory, database_id: bytes, number: int) -> WalFile | None:
    """A log file with a header of this database; None when there is no such file yet."""
    file = WalFile(wal_name(number), number)
    try:
        file.view = directory.open(file.name)
    except NotFound:
        return None
    file.size = len(file.view)
    if read_header(file, database_id):
        return file
    if file.status == "damaged":
        raise TrailLost
    return None
