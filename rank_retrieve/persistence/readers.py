"""Who reads a database: marks in the system's table of locks, without a byte written anywhere.

A reading handle holds two shared locks of one byte each on the database's folder; nobody ever waits
for them, and where they are says what there is to say:

    bit 62      bits 61..40   bits 39..34   bits 33..0
    0           process id    slot          the oldest generation that the handle still shows
    1           process id    slot          when it was last moved, in seconds since 1970

The system drops the locks of a process that ends, however it ends, so no mark is ever left
behind; reading on a read-only medium needs no other way. Locks of open file descriptions (OFD)
are used: they belong to the handle, not to the process, and don't meet the writer's `flock`.
Where a system or file system has none, readers stay unknown. See ADR 0011.
"""

from __future__ import annotations

import itertools
import os
import struct
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from rank_retrieve.persistence.directory import Directory, FSDirectory

FLOCK = struct.Struct("@hhqqi4x")  # type, whence, start, length, pid: `struct flock` of 64 bits
VALUE_BITS, SLOT_BITS, PID_BITS = 34, 6, 22
TIME_REGION = 1 << 62
END = 1 << 63
MAX_MARKS = 4096  # hostile neighbours may hold any number of locks

Clock = Callable[[], float]


@dataclass(frozen=True)
class ReaderInfo:
    """A reading handle that is open somewhere on this machine.

    pid: its process, as numbered in its own container. generation: the oldest that it still
    shows. behind: how many generations were published since. idle_s: seconds since it was
    opened or last refreshed.
    """

    pid: int
    generation: int
    behind: int
    idle_s: float

    @property
    def stale(self) -> bool:
        """Whether it keeps files from being freed that are not published any more."""
        return self.behind > 0

    def __str__(self) -> str:
        return (
            f"reader in process {self.pid}: generation {self.generation}, {self.behind} behind,"
            f" refreshed {self.idle_s:.0f} s ago"
        )


class ReaderMark:
    """The mark of one reading handle, there until it is released or the process ends."""

    def __init__(self, fd: int, clock: Clock) -> None:
        self._fd, self._clock = fd, clock
        self._pid = os.getpid()
        self._prefix = (self._pid << SLOT_BITS | next(_slots) % (1 << SLOT_BITS)) << VALUE_BITS
        self._held: tuple[int, ...] = ()
        self._finalizer = weakref.finalize(self, _close, fd, self._pid)
        self._finalizer.atexit = False
        _marks.add(self)

    @classmethod
    def make(
        cls, directory: Directory, generation: int, *, clock: Clock = time.time
    ) -> ReaderMark | None:
        """Mark a reader of this generation; None where that is not possible."""
        fd = _descriptor(directory)
        if fd < 0:
            return None
        mark = cls(fd, clock)
        try:
            mark.move(generation)
        except OSError:
            mark.release()  # a file system without locks: it can be read all the same
            return None
        return mark

    def move(self, generation: int) -> None:
        """Say that the handle shows this generation now, or older ones down to it."""
        if self._fd < 0:
            return
        limit = (1 << VALUE_BITS) - 1
        wanted = (
            self._prefix | min(generation, limit),
            TIME_REGION | self._prefix | min(max(int(self._clock()), 0), limit),
        )
        for place in wanted:
            _lock(self._fd, shared=True, place=place)
        # the new ones first: a reader is never without a mark
        for place in self._held:
            if place not in wanted:
                _lock(self._fd, shared=False, place=place)
        self._held = wanted

    def release(self) -> None:
        """Take the mark away."""
        fd, self._fd = self._fd, -1
        if fd < 0 or self._pid != os.getpid():
            return
        # closing is not enough: a child that was forked just now has the descriptor too
        with suppress(OSError):
            for place in self._held:
                _lock(fd, shared=False, place=place)
        self._finalizer()


def list_readers(
    directory: Directory, generation: int, *, clock: Clock = time.time
) -> list[ReaderInfo]:
    """The readers of a database whose published generation is this one, longest idle first.

    Handles that share a process and a slot, of which there are 64, are told as one.
    """
    fd = _descriptor(directory)
    if fd < 0:
        return []
    try:
        places = list(itertools.islice(_places(fd, 0, END), MAX_MARKS))
    except OSError:
        return []
    finally:
        os.close(fd)
    shown: dict[int, int] = {}
    moved: dict[int, int] = {}
    for place in places:
        handle = (place & ~TIME_REGION) >> VALUE_BITS
        value = place & ((1 << VALUE_BITS) - 1)
        values = moved if place & TIME_REGION else shown
        values[handle] = min(value, values.get(handle, value))
    now = clock()
    found = [
        ReaderInfo(
            handle >> SLOT_BITS,
            value,
            max(0, generation - value),
            max(0.0, now - moved.get(handle, now)),
        )
        for handle, value in shown.items()
    ]
    return sorted(found, key=lambda reader: (-reader.idle_s, reader.pid, reader.generation))


def _descriptor(directory: Directory) -> int:
    """A descriptor of the folder that is nobody else's, for its own locks; -1 without any."""
    if not isinstance(directory, FSDirectory) or not _has_locks():
        return -1
    try:
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        return os.open(".", flags, dir_fd=directory.fileno())
    except OSError:
        return -1


def _has_locks() -> bool:
    try:
        import fcntl
    except ImportError:
        return False
    return hasattr(fcntl, "F_OFD_SETLK")


def _lock(fd: int, *, shared: bool, place: int) -> None:
    import fcntl

    kind = fcntl.F_RDLCK if shared else fcntl.F_UNLCK
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, FLOCK.pack(kind, os.SEEK_SET, place, 1, 0))


def _places(fd: int, start: int, stop: int) -> Iterator[int]:
    """The first byte of every lock of others within a range, in no order."""
    import fcntl

    pending = [(start, stop)]
    while pending:
        low, high = pending.pop()
        if low >= high:
            continue
        # a length of 0 reaches to the end, which has no number that fits
        length = 0 if high == END else high - low
        query = FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, low, length, 0)
        kind, _, found, size, _ = FLOCK.unpack(fcntl.fcntl(fd, fcntl.F_OFD_GETLK, query))
        if kind == fcntl.F_UNLCK:
            continue
        yield found
        # the system names any one lock of the range, not the lowest
        pending += [(low, found), (found + size if size else END, high)]


def _close(fd: int, pid: int) -> None:
    if pid == os.getpid():
        os.close(fd)


_slots = itertools.count()
_marks: weakref.WeakSet[ReaderMark] = weakref.WeakSet()


def _after_fork_in_child() -> None:
    for mark in list(_marks):
        # a kept descriptor would hold the parent's mark beyond its death
        fd, mark._fd = mark._fd, -1
        mark._finalizer.detach()
        if fd >= 0:
            os.close(fd)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
