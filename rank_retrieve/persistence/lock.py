"""One writer per directory: an advisory lock on a file that is never removed.

The lock is `flock`, not POSIX `lockf`: the latter is lost when *any* descriptor of the file is
closed in the process. Two handles in one process are told apart by a registry keyed by device
and inode, which also catches two paths to one folder. The file is never unlinked: a waiter
could then lock a file that has lost its name while another locks its successor.

The file's text names the holder; it is for people only and never decides anything.

    pid 4711 on host example (rank-retrieve writer)
"""

from __future__ import annotations

import os
import socket
import threading
import weakref
from contextlib import suppress
from typing import Protocol

from rank_retrieve.errors import LockedError

HOLDER_BYTES = 400


class Lock(Protocol):
    """A lock that is held until it is released or its process ends."""

    def release(self) -> None:
        """Let others take it. Releasing twice, or in a forked child, does nothing."""
        ...


def holder_description(description: str) -> str:
    """How this process introduces itself to those who find the lock taken."""
    return f"pid {os.getpid()} on host {socket.gethostname()} ({description})"


class FileLock:
    """`flock` on a descriptor that this object owns."""

    def __init__(self, fd: int, identity: tuple[int, int]) -> None:
        self._fd = fd
        self._identity = identity
        self._pid = os.getpid()
        # a handle that was lost, not closed, must not lock its directory for ever
        self._finalizer = weakref.finalize(self, _abandon, fd, self._pid)
        self._finalizer.atexit = False

    @classmethod
    def acquire(cls, fd: int, *, path: str, description: str) -> FileLock:
        """Lock the file behind `fd`, or close it and raise LockedError naming the holder."""
        import portalocker  # here, so that reading handles need not load it

        try:
            status = os.fstat(fd)
            identity = (status.st_dev, status.st_ino)
            with _mutex:
                if identity in _held:
                    raise LockedError(path, _holder(fd))
                try:
                    portalocker.lock(
                        fd, portalocker.LockFlags.EXCLUSIVE | portalocker.LockFlags.NON_BLOCKING
                    )
                except portalocker.AlreadyLocked:
                    raise LockedError(path, _holder(fd)) from None
                except portalocker.LockException as error:
                    if isinstance(error.args[0] if error.args else None, OSError):
                        raise error.args[0] from None
                    raise
                with suppress(OSError):  # a full disk may leave the holder unnamed, not unlocked
                    os.ftruncate(fd, 0)
                    os.pwrite(fd, holder_description(description).encode()[:HOLDER_BYTES], 0)
                lock = cls(fd, identity)
                _held[identity] = lock
                return lock
        except BaseException:
            os.close(fd)  # which drops a flock that was taken but not registered
            raise

    def release(self) -> None:
        """Let others take it."""
        with _mutex:
            # in a forked child the lock is the parent's: an unlock here would release it there
            if self._fd < 0 or self._pid != os.getpid():
                return
            import portalocker

            fd, self._fd = self._fd, -1
            self._finalizer.detach()
            _held.pop(self._identity, None)
            with suppress(OSError):
                os.ftruncate(fd, 0)
            # closing is not enough: a child between fork and `_disown` has the descriptor too
            with suppress(portalocker.LockException):
                portalocker.unlock(fd)
            os.close(fd)

    def _disown(self) -> None:
        """In a forked child: let go of the descriptor, which leaves the parent's lock alone."""
        fd, self._fd = self._fd, -1
        self._finalizer.detach()
        if fd >= 0:
            os.close(fd)


def _abandon(fd: int, pid: int) -> None:
    """Drop the flock with the descriptor; in a forked child it was closed already."""
    if pid == os.getpid():
        os.close(fd)


def _holder(fd: int) -> str:
    text = os.pread(fd, HOLDER_BYTES, 0).decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "?" for c in text) or "another process"


_mutex = threading.RLock()
_held: weakref.WeakValueDictionary[tuple[int, int], FileLock] = weakref.WeakValueDictionary()


def _after_fork_in_child() -> None:
    global _mutex
    _mutex = threading.RLock()  # another thread may have held it at the moment of the fork
    for lock in list(_held.values()):
        lock._disown()  # a kept descriptor would hold the lock beyond the parent's death
    _held.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
