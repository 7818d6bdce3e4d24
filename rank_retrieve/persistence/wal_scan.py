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
from dataclasses import dataclass

from rank_retrieve.errors import NotFound
from rank_retrieve.persistence.directory import Directory
from rank_retrieve.persistence.files import wal_name
from rank_retrieve.persistence.wal_format import FILE_HEADER_SIZE, numbers_on_disk
from rank_retrieve.persistence.wal_frames import (
    Frames,
    Status,
    WalFile,
    find_evidence,
    frame_end,
    has_bytes,
    read_frames,
    read_header,
)

SEVERITIES: tuple[Status, ...] = ("missing", "gap", "damaged", "torn", "clean")


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
    if not read_header(file, database_id):
        return
    seed = file.seed
    file.end = FILE_HEADER_SIZE
    while True:
        read_frames(file, seed)
        if not has_bytes(file.view[file.end :]):
            return
        evidence = find_evidence(file, seed)
        if not frame_end(file, file.end, seed, file.next_lsn):
            break
        # a writer was at work: the frame has been completed, and followed, while we looked
    wanted = f"LSN {file.next_lsn} at byte {file.end}"
    if evidence:
        file.status, file.finding = "damaged", f"{wanted} is not what was written: {evidence}"
    else:
        file.status = "torn"
        file.finding = f"no frame of {wanted}, nor a sign that one was synced"


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
