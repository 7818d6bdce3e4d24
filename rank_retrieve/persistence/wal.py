"""The write-ahead log: what is committed but not yet in a segment. `wal_format` has its bytes.

`WriteAheadLog` writes, `scan` reads. `append` puts one frame into the file, `sync` makes it
survive; the two are apart so that callers choose when to wait. Frames are cheap to sync because
zeros are written ahead of them in steps of 256 KiB: a sync then changes neither the file's size nor
its extents, and needs no second write for the file system's journal. Bulk writes skip that.
"""

from __future__ import annotations

import errno
import os
import threading
from bisect import bisect_right
from collections.abc import Sequence
from contextlib import suppress

from rank_retrieve.codecs.checksum import crc32c
from rank_retrieve.errors import ForkedHandleError, InvalidArgument, NotFound, PoisonedError
from rank_retrieve.persistence.directory import Buffer, Directory, Output, as_view
from rank_retrieve.persistence.files import parse_name, wal_name
from rank_retrieve.persistence.group_commit import GroupCommit
from rank_retrieve.persistence.wal_format import (
    CHECKED,
    FILE_HEADER_SIZE,
    FRAME_END,
    FRAME_HEADER,
    FRAME_HEADER_SIZE,
    MAX_BODY_BYTES,
    FrameType,
    file_header,
    numbers_on_disk,
    padded,
)
from rank_retrieve.persistence.wal_frames import WalFrame
from rank_retrieve.persistence.wal_scan import WalScan, scan

__all__ = ["FrameType", "WalFrame", "WalScan", "WriteAheadLog", "numbers_on_disk", "scan"]

JOIN_BYTES = 1 << 16  # below, copying into one buffer costs less than a vectored write
RESERVE_BYTES = 1 << 18  # zeros written ahead in one go
RESERVE_BELOW_BYTES = RESERVE_BYTES // 4  # larger syncs gain nothing from zeros ahead
_PADDING = tuple(bytes(7 - length) + bytes([FRAME_END]) for length in range(8))


class WriteAheadLog:
    """The writing end of the log. Safe for threads; useless in a forked child.

    After any error in `append`, `sync` or `rotate` the log refuses to go on with PoisonedError:
    a failed sync must not be tried again, since the system may have dropped the bytes and
    reported it once. An OSError from `append` means that the frame is not in the log; anything
    else that interrupts it (KeyboardInterrupt) leaves that open until the log is scanned.
    """

    def __init__(
        self,
        directory: Directory,
        database_id: bytes,
        number: int,
        next_lsn: int,
        segment_bytes: int,
    ) -> None:
        self._directory, self._database_id = directory, database_id
        self._segment_bytes = segment_bytes
        self._numbers = [number]
        self._last_lsn = self._durable_lsn = next_lsn - 1
        self._append_lock = threading.Lock()  # taken before the lead, never after it
        self._group = GroupCommit()
        self._cause: BaseException | None = None
        self._resumable = False
        self._closed = False
        self._pid = os.getpid()
        self._output, self._seed = self._open_file(number)
        self._position = self._synced_position = self._reserved = FILE_HEADER_SIZE
        self._reserving = False  # whether syncs are small enough to gain from zeros ahead

    @classmethod
    def create(
        cls,
        directory: Directory,
        *,
        database_id: bytes,
        number: int,
        next_lsn: int,
        segment_bytes: int = 64 << 20,
    ) -> WriteAheadLog:
        """Start a log with a new file; on return the file and its name survive a crash.

        database_id: 16 bytes. number: above that of every log file in the directory.
        next_lsn: LSN of the first frame, 1 or more. segment_bytes: a file that would grow
        beyond is followed by another; a larger frame has a file to itself.
        Raises InvalidArgument, AlreadyExists, OSError.
        """
        if len(database_id) != 16:
            raise InvalidArgument("database_id", database_id, "must be 16 bytes")
        for argument, value in (("number", number), ("next_lsn", next_lsn)):
            if not 1 <= value < 2**62:
                raise InvalidArgument(argument, value, "must be in 1..2**62")
        if segment_bytes < 1:
            raise InvalidArgument("segment_bytes", segment_bytes, "must be positive")
        return cls(directory, database_id, number, next_lsn, segment_bytes)

    @property
    def last_lsn(self) -> int:
        """LSN of the last frame appended; one below the first when there is none."""
        return self._last_lsn

    @property
    def durable_lsn(self) -> int:
        """Every frame up to this LSN survives power loss."""
        return self._durable_lsn

    @property
    def numbers(self) -> tuple[int, ...]:
        """Numbers of the files of this log, ascending; the last one is being written."""
        return tuple(self._numbers)

    def append(self, frame_type: FrameType, *body: Buffer) -> int:
        """Write one frame, whose body is the buffers one after the other; return its LSN.

        Not synced. Raises InvalidArgument for a body above 4 GiB, OSError when the frame could
        not be written whole, PoisonedError after an earlier failure.
        """
        stored, error = self.append_many(frame_type, [b"".join(map(as_view, body))])
        if error is not None and not stored:
            raise error
        return self._last_lsn

    def append_many(
        self, frame_type: FrameType, bodies: Sequence[bytes]
    ) -> tuple[int, OSError | None]:
        """Write a frame for each body in one call; how many, and what kept the others out.

        Not synced. Fewer than all and no error: the next one belongs into another file, and the
        call is to be made again for the rest. With an error, the frames before it are in the
        log, whole, and may be synced if the disk was full; all others are not.
        Raises InvalidArgument for a body above 4 GiB, PoisonedError after an earlier failure.
        """
        self._check_owner()  # first: the fork may have copied a lock that is held
        with self._append_lock:
            self._check_usable()
            end = self._position + FRAME_HEADER_SIZE + padded(len(bodies[0]))
            if end > self._segment_bytes and self._position > FILE_HEADER_SIZE:
                try:
                    self._rotate()
                except OSError as error:
                    return 0, error
            return self._append(frame_type, bodies)

    def _append(self, frame_type: FrameType, bodies: Sequence[bytes]) -> tuple[int, OSError | None]:
        position, lsn, durable = self._position, self._last_lsn, self._durable_lsn
        buffers: list[bytes] = []
        ends: list[int] = []
        for body in bodies:
            length = len(body)
            check_body(length)
            end = position + FRAME_HEADER_SIZE + padded(length)
            if ends and end > self._segment_bytes:
                break
            lsn += 1
            checksum = crc32c(CHECKED.pack(position, lsn, length, durable, frame_type), self._seed)
            padding = _PADDING[length & 7]
            if length <= JOIN_BYTES:
                body += padding
                checksum = crc32c(body, checksum)
                buffers += (FRAME_HEADER.pack(lsn, length, checksum, durable, frame_type), body)
            else:
                checksum = crc32c(padding, crc32c(body, checksum))
                header = FRAME_HEADER.pack(lsn, length, checksum, durable, frame_type)
                buffers += (header, body, padding)
            position = end
            ends.append(end)
        try:
            if position > self._reserved and self._reserving:
                self._reserve(position)
            if position - self._position <= JOIN_BYTES:
                self._output.write(b"".join(buffers))
            else:
                self._output.write(*buffers)
        except OSError as error:
            # those that were stored whole will be replayed, whatever became of the others
            stored = bisect_right(ends, self._output.tell())
            if stored:
                self._position = ends[stored - 1]
                self._last_lsn += stored
            self._poison(error, resumable=_is_full(error))
            return stored, error
        except BaseException as error:
            self._poison(error, resumable=False)
            raise
        self._position, self._last_lsn = position, lsn
        return len(ends), None

    def sync(self, lsn: int) -> None:
        """Return when every frame up to `lsn` survives power loss.

        Callers that wait at the same time share one sync of the file. Raises OSError to the
        caller whose sync failed, PoisonedError to all others from then on.
        """
        self._check_owner()
        if self._durable_lsn >= lsn:
            return
        if lsn > self._last_lsn:
            raise InvalidArgument("lsn", lsn, f"the last frame is {self._last_lsn}")
        with self._group.lead(lsn) as leads:
            if leads and self._durable_lsn < lsn:
                self._sync_file()
        if self._durable_lsn < lsn:
            self._check_usable()  # the one who led for this caller has failed

    def _sync_file(self) -> None:
        """Sync all that is written; the caller leads, so no rotation changes the file."""
        if self._closed or not self._resumable:  # a write that found the disk full spoils no sync
            self._check_usable()
        # the order matters: whatever the position covers, the LSN read first does not exceed
        last_lsn = self._last_lsn
        position = self._position
        try:
            self._output.sync()
        except BaseException as error:
            self._poison(error, resumable=False)
            raise
        self._reserving = position - self._synced_position < RESERVE_BELOW_BYTES
        self._synced_position = position
        self._durable_lsn = last_lsn
        self._group.done(last_lsn)

    def rotate(self) -> int:
        """Sync the current file, start the next one, and return its number.

        Frames appended from now on are in files of this number or above.
        """
        self._check_owner()
        with self._append_lock:
            self._check_usable()
            self._rotate()
            return self._numbers[-1]

    def _rotate(self) -> None:
        with self._group.lead():
            self._check_usable()
            if self._durable_lsn < self._last_lsn:
                # a later file's frames must never outlive an earlier file's
                self._sync_file()
            self._start_next_file()

    def _start_next_file(self) -> None:
        number = self._numbers[-1] + 1
        try:
            output, seed = self._open_file(number)
            self._output.close()
            self._output, self._seed = output, seed
            self._position = self._synced_position = self._reserved = FILE_HEADER_SIZE
            self._reserving = False
            self._numbers.append(number)
        except BaseException as error:
            self._poison(error, resumable=_is_full(error))
            raise

    def _open_file(self, number: int) -> tuple[Output, int]:
        header = file_header(self._database_id, number, self._last_lsn + 1)
        output: Output = self._directory.create(wal_name(number))
        try:
            output.write(header)
            output.sync()
            self._directory.sync_directory()
        except BaseException:
            output.close()
            with suppress(OSError, NotFound):  # the number is needed for another attempt
                self._directory.delete(wal_name(number))
            raise
        return output, int.from_bytes(header[-4:], "little")

    def resume(self) -> None:
        """Go on after a full disk, in a new file, once there is space again.

        The refused frame's bytes stay behind in the old file; its LSN is given out anew.
        Raises PoisonedError when the cause was anything but a write refused for lack of space.
        """
        self._check_owner()
        with self._append_lock, self._group.lead():
            if self._cause is None:
                return
            if not self._resumable or self._closed:
                raise PoisonedError(self._directory.path, str(self._cause)) from self._cause
            self._cause, self._resumable = None, False
            self._sync_file()
            self._start_next_file()

    def delete_before(self, number: int) -> None:
        """Delete every log file below `number`; the manifest must no longer need them.

        Not synced: a file that reappears after a crash is below the manifest's `wal_number`.
        """
        for name in self._directory.list():
            kind, found = parse_name(name)
            if kind == "wal" and found < min(number, self._numbers[-1]):
                self._directory.delete(name)
        self._numbers = [n for n in self._numbers if n >= number] or self._numbers[-1:]

    def close(self) -> None:
        """Sync what is left, leave a witness that it was synced, and let go of the file.

        Closing twice, or after an error, only lets go. In a forked child it does nothing.
        """
        if self._pid != os.getpid():
            return
        with self._append_lock:
            if self._closed:
                return
            try:
                if self._cause is None:
                    with self._group.lead():
                        if self._durable_lsn < self._last_lsn:
                            self._sync_file()
                    if self._position > FILE_HEADER_SIZE:
                        # without it, damage to the last frame would pass for a torn tail; it
                        # only adds evidence, so it need be neither synced nor written at all
                        with suppress(OSError):
                            self._append(FrameType.WITNESS, (b"",))
            finally:
                self._closed = True
                self._output.close()

    def _reserve(self, end: int) -> None:
        limit = max(end, min(end + RESERVE_BYTES, self._segment_bytes))
        try:
            self._output.reserve(limit - self._position)
            self._reserved = limit
        except OSError as error:
            if not _is_full(error):
                raise
            # the frame itself may still fit; zeros ahead only make syncs cheaper
            self._reserving = False

    def _check_owner(self) -> None:
        if self._pid != os.getpid():
            raise ForkedHandleError(self._directory.path, self._pid)

    def _check_usable(self) -> None:
        if self._cause is not None:
            cause = f"{type(self._cause).__name__}: {self._cause}"
            raise PoisonedError(self._directory.path, cause) from self._cause
        if self._closed:
            raise PoisonedError(self._directory.path, "the log is closed")

    def _poison(self, error: BaseException, *, resumable: bool) -> None:
        if self._cause is None or self._resumable:
            self._cause, self._resumable = error, resumable


def check_body(n_bytes: int) -> None:
    """Raises InvalidArgument for a body that no frame can hold."""
    if n_bytes > MAX_BODY_BYTES:
        raise InvalidArgument("body", n_bytes, f"a frame holds at most {MAX_BODY_BYTES} bytes")


def _is_full(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in (
        errno.ENOSPC,
        errno.EDQUOT,
        errno.EFBIG,
    )
