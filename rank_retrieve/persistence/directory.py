"""The only way to touch files: a flat set of named, create-once files.

Nothing above this module opens a path. A `Directory` is local (`FSDirectory`), in memory
(`MemoryDirectory`), or one of the crashing and failing ones in `rank_retrieve.testing`; the
suite `rank_retrieve.testing.directory_contract.DirectoryContract` holds for all of them.

What survives a crash:

    the bytes of a file         once `sync` (of the output or by name) returned
    its name, a rename, delete  once `sync_directory` returned after it
    everything else             may be there, may be missing, may be half there, in any order
"""

from __future__ import annotations

import errno
import mmap
import os
import re
import stat
import sys
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, cast, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.errors import (
    AlreadyExists,
    CorruptionError,
    InvalidArgument,
    NotFound,
    ReadOnlyError,
)

if TYPE_CHECKING:
    from rank_retrieve.persistence.lock import Lock

Buffer: TypeAlias = bytes | bytearray | memoryview | NDArray[Any]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")
MAX_VECTORS = 512  # below every system's IOV_MAX (1,024 on Linux)
ZEROS = bytes(1 << 16)
MAX_NAME_BYTES = 255


class Output(Protocol):
    """A new file being written from front to back; nothing is buffered in the process."""

    def write(self, *buffers: Buffer) -> None:
        """Append the C-contiguous buffers. Raises OSError; part may then be written."""
        ...

    def tell(self) -> int:
        """Bytes written so far."""
        ...

    def reserve(self, n_bytes: int) -> None:
        """Announce that `n_bytes` will follow `tell()`; they may be filled with zeros already."""
        ...

    def sync(self) -> None:
        """Return when everything written is on the device. Raises OSError; never retry."""
        ...

    def close(self) -> None:
        """Let go of the file, without a sync. Closing twice is fine."""
        ...


@runtime_checkable
class Directory(Protocol):
    """A flat name space of files. Names match `[A-Za-z0-9][A-Za-z0-9._-]{0,127}`.

    Every method that takes a name raises InvalidArgument for any other name, every one that
    changes something raises ReadOnlyError when `read_only`, and all pass on OSError.
    """

    @property
    def path(self) -> str:
        """Where it is, for messages."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether every change is refused."""
        ...

    def create(self, name: str) -> Output:
        """A new empty file. Raises AlreadyExists: a name is written once."""
        ...

    def open(self, name: str) -> memoryview:
        """The bytes of the file as they are now, mapped read-only, 64-byte aligned.

        The view stays valid after a rename or delete. Raises NotFound.
        """
        ...

    def read(self, name: str, limit: int) -> bytes:
        """The whole file. Raises NotFound, and CorruptionError when it is above `limit` bytes."""
        ...

    def size(self, name: str) -> int:
        """Bytes in the file. Raises NotFound."""
        ...

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name."""
        ...

    def list(self) -> list[str]:
        """The names of all files, sorted; whatever no valid name can reach is left out."""
        ...

    def rename(self, source: str, target: str) -> None:
        """Give `source` the name `target`, atomically replacing a file there. Raises NotFound."""
        ...

    def delete(self, name: str) -> None:
        """Remove the name; open views keep their bytes. Raises NotFound."""
        ...

    def sync(self, name: str) -> None:
        """Return when the file's bytes are on the device. Raises NotFound, OSError."""
        ...

    def sync_directory(self) -> None:
        """Return when all creations, renames and deletions so far are on the device."""
        ...

    def lock(self, name: str, description: str) -> Lock:
        """Take the lock file `name` for this process. Raises LockedError naming the holder."""
        ...


class Nesting(Directory, Protocol):
    """A directory that can hold folders, each a directory of its own: checkpoints need it.

    What is in a folder is out of reach of the methods above: `list` leaves folders out, `exists`
    says no. A folder is as durable as its name in the one above it.
    """

    def folder(self, name: str, *, create: bool = False) -> Nesting:
        """The folder of this name; with `create` it is there, durably, on return.

        Raises NotFound, also for a link, or a file, of this name.
        """
        ...

    def folders(self) -> list[str]:
        """The names of all folders, sorted; links are left out."""
        ...

    def remove_folder(self, name: str) -> None:
        """Remove an empty folder, durably. Raises NotFound, OSError when something is in it."""
        ...

    def link(self, name: str, target: Directory) -> bool:
        """Give a file the same name in `target` too, sharing its bytes; whether that is possible.

        The name is durable after `target.sync_directory()`. Raises NotFound, AlreadyExists.
        """
        ...


def as_nesting(directory: Directory) -> Nesting | None:
    """The directory itself if it can hold folders."""
    # comparing with a protocol looks at every method, which is slow
    return cast(Nesting, directory) if hasattr(directory, "remove_folder") else None


def check_name(name: str) -> str:
    """The name itself; InvalidArgument when it could leave the flat name space."""
    if not isinstance(name, str) or not NAME.match(name):
        raise InvalidArgument(
            "name", name, "a file name is 1..128 of A-Z a-z 0-9 . _ - and starts with none of . _ -"
        )
    return name


def check_path(path: object) -> Path:
    """The path itself; InvalidArgument for what no file system can hold."""
    text = path.__fspath__() if isinstance(path, os.PathLike) else path
    if not isinstance(text, str) or not text:
        raise InvalidArgument("path", text, "must be a path in text, and not empty")
    try:
        encoded = os.fsencode(text)
    except UnicodeEncodeError:
        raise InvalidArgument("path", text, "has characters that no file name can have") from None
    if b"\0" in encoded or any(len(part) > MAX_NAME_BYTES for part in encoded.split(b"/")):
        raise InvalidArgument(
            "path", text, f"has a null character or a name of more than {MAX_NAME_BYTES} bytes"
        )
    return Path(text)


def as_view(buffer: Buffer) -> memoryview:
    """A flat view of bytes, without copying. ValueError if the buffer is not C-contiguous."""
    view = buffer.data if isinstance(buffer, np.ndarray) else memoryview(buffer)
    if view.ndim == 1 and view.format == "B" and view.contiguous:
        return view
    if not view.c_contiguous:
        raise ValueError("buffers must be C-contiguous")
    # cast() refuses shapes that hold a zero
    return view.cast("B") if view.nbytes else memoryview(b"")


class FSDirectory:
    """A folder of the local file system.

    create: make the folder, and its parents, if it is not there; otherwise NotFound.
    read_only: refuse every change.

    Files are reached relative to a descriptor of the folder and never through symbolic links;
    pipes, devices and folders inside it do not exist as far as this class is concerned.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, create: bool = False, read_only: bool = False
    ) -> None:
        self._path = check_path(path)
        self._read_only = read_only
        if create and not read_only:
            _make_folders(self._path)
        try:
            self._fd = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            raise NotFound("directory", str(path)) from None
        except NotADirectoryError:
            raise InvalidArgument("path", str(path), "is not a directory") from None
        self._finalizer = weakref.finalize(self, os.close, self._fd)

    @classmethod
    def of_descriptor(cls, fd: int, path: Path, *, read_only: bool = False) -> FSDirectory:
        """Over an open descriptor of a folder, which it owns from now on; path: for messages."""
        result = cls.__new__(cls)
        result._path, result._read_only, result._fd = path, read_only, fd
        result._finalizer = weakref.finalize(result, os.close, fd)
        return result

    def fileno(self) -> int:
        """The folder's descriptor, for calls relative to it."""
        return self._fd

    @property
    def path(self) -> str:
        """The folder, as it was given."""
        return str(self._path)

    @property
    def read_only(self) -> bool:
        """Whether every change is refused."""
        return self._read_only

    def close(self) -> None:
        """Let go of the folder; open outputs and views stay valid."""
        self._fd = -1  # the number may soon belong to another file
        self._finalizer()

    def create(self, name: str) -> FSOutput:
        """A new empty file. Raises AlreadyExists."""
        self._check_writable("create a file")
        flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            return FSOutput(os.open(check_name(name), flags, 0o644, dir_fd=self._fd))
        except FileExistsError:
            raise AlreadyExists("file", name) from None

    def open(self, name: str) -> memoryview:
        """The file as a read-only memory map."""
        with self._opened(name) as fd:
            size = os.fstat(fd).st_size
            if size == 0:
                return memoryview(b"")  # an empty file cannot be mapped
            # a map that keeps its own descriptor would cost one per segment
            options: dict[str, Any] = {"trackfd": False} if sys.version_info >= (3, 13) else {}
            return memoryview(mmap.mmap(fd, size, access=mmap.ACCESS_READ, **options))

    def read(self, name: str, limit: int) -> bytes:
        """The whole file; CorruptionError above `limit` bytes."""
        with self._opened(name) as fd:
            size = os.fstat(fd).st_size
            if size > limit:
                raise CorruptionError(name, 0, f"a file of at most {limit} bytes", f"{size} bytes")
            parts: list[bytes] = []
            while size > 0 and (part := os.read(fd, size)):
                parts.append(part)
                size -= len(part)
            return b"".join(parts)

    def size(self, name: str) -> int:
        """Bytes in the file."""
        with self._opened(name) as fd:
            return os.fstat(fd).st_size

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name."""
        try:
            return stat.S_ISREG(
                os.stat(check_name(name), dir_fd=self._fd, follow_symlinks=False).st_mode
            )
        except FileNotFoundError:
            return False

    def folders(self) -> list[str]:
        """The names of the folders inside, sorted."""
        from rank_retrieve.persistence.folders import list_folders

        return list_folders(self)

    def list(self) -> list[str]:
        """The names of all regular files, sorted."""
        return names_in(self._fd, lambda entry: entry.is_file(follow_symlinks=False))

    def rename(self, source: str, target: str) -> None:
        """Atomically give `source` the name `target`."""
        self._check_writable("rename a file")
        check_name(source), check_name(target)
        try:
            os.rename(source, target, src_dir_fd=self._fd, dst_dir_fd=self._fd)
        except FileNotFoundError:
            raise NotFound("file", source) from None

    def delete(self, name: str) -> None:
        """Remove the name."""
        self._check_writable("delete a file")
        try:
            os.unlink(check_name(name), dir_fd=self._fd)
        except FileNotFoundError:
            raise NotFound("file", name) from None

    def sync(self, name: str) -> None:
        """Return when the file's bytes are on the device."""
        self._check_writable("sync a file")
        with self._opened(name) as fd:
            sync_descriptor(fd)

    def sync_directory(self) -> None:
        """Return when all names are on the device."""
        self._check_writable("sync a directory")
        os.fsync(self._fd)

    def lock(self, name: str, description: str) -> Lock:
        """Take the lock file `name` for this process."""
        from rank_retrieve.persistence.lock import FileLock

        self._check_writable("lock a directory")
        flags = os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        fd = os.open(check_name(name), flags, 0o644, dir_fd=self._fd)
        return FileLock.acquire(fd, path=self.path, description=description)

    def folder(self, name: str, *, create: bool = False) -> FSDirectory:
        """A folder inside; made, durably, when `create` says so."""
        from rank_retrieve.persistence.folders import open_folder

        if create:
            self._check_writable("make a folder")
        return open_folder(self, name, create=create)

    def remove_folder(self, name: str) -> None:
        """Remove an empty folder, durably."""
        from rank_retrieve.persistence.folders import remove_folder

        self._check_writable("remove a folder")
        remove_folder(self, name)

    def link(self, name: str, target: Directory) -> bool:
        """A hard link of the same name in another folder of this file system."""
        from rank_retrieve.persistence.folders import link

        return isinstance(target, FSDirectory) and link(self, target, name)

    def _check_writable(self, operation: str) -> None:
        if self._read_only:
            raise ReadOnlyError(operation)

    @contextmanager
    def _opened(self, name: str) -> Iterator[int]:
        """A read-only descriptor of a regular file."""
        # without O_NONBLOCK, a pipe with a file's name would hang its reader
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        try:
            fd = os.open(check_name(name), flags, dir_fd=self._fd)
        except FileNotFoundError:
            raise NotFound("file", name) from None
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENXIO):
                raise NotFound("file", name, "a link or device of that name is ignored") from None
            raise
        try:
            if not stat.S_ISREG(os.fstat(fd).st_mode):
                raise NotFound("file", name, "something other than a file of that name is ignored")
            yield fd
        finally:
            os.close(fd)


class FSOutput:
    """An `Output` on a file descriptor that it owns."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._position = 0
        self._reserved = 0  # bytes of the file that exist, written or zero
        self._finalizer = weakref.finalize(self, os.close, fd)

    def write(self, *buffers: Buffer) -> None:
        """Append the buffers, in one system call if the system takes them all."""
        if len(buffers) == 1 and type(buffers[0]) is bytes:
            # the common case of a log frame: no views, no lists
            written = os.write(self._fd, buffers[0])
            self._position += written
            if written == len(buffers[0]):
                return
            buffers = (memoryview(buffers[0])[written:],)
        pending = [view for buffer in buffers if (view := as_view(buffer)).nbytes]
        first = 0
        while first < len(pending):
            written = os.writev(self._fd, pending[first : first + MAX_VECTORS])
            self._position += written
            while first < len(pending) and written >= pending[first].nbytes:
                written -= pending[first].nbytes
                first += 1
            if written:
                pending[first] = pending[first][written:]

    def tell(self) -> int:
        """Bytes written so far."""
        return self._position

    def reserve(self, n_bytes: int) -> None:
        """Write zeros ahead, so that later writes change neither size nor extents."""
        start = max(self._position, self._reserved)
        end = self._position + n_bytes
        while start < end:
            start += os.pwrite(self._fd, memoryview(ZEROS)[: end - start], start)
            self._reserved = start

    def sync(self) -> None:
        """Return when everything written is on the device."""
        if self._fd < 0:
            raise OSError(errno.EBADF, "bad file descriptor: the output is closed")
        sync_descriptor(self._fd)

    def close(self) -> None:
        """Let go of the file."""
        self._fd = -1  # the number may soon belong to another file
        self._finalizer()


def sync_descriptor(fd: int) -> None:
    """Push a file's bytes, and what is needed to read them back, to the device."""
    if sys.platform == "darwin":
        import fcntl

        fcntl.fcntl(fd, fcntl.F_FULLFSYNC)  # fsync there stops at the drive's cache
    elif hasattr(os, "fdatasync"):
        os.fdatasync(fd)
    else:
        os.fsync(fd)


def sync_folder(path: Path) -> None:
    """Make the names in a folder durable."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def names_in(folder: int, chosen: Callable[[os.DirEntry[str]], bool]) -> list[str]:
    """Valid names in an open folder, sorted."""
    # a fresh descriptor: threads that list through one would share its position
    fd = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder)
    try:
        with os.scandir(fd) as entries:
            return sorted(e.name for e in entries if NAME.match(e.name) and chosen(e))
    finally:
        os.close(fd)


def _make_folders(path: Path) -> None:
    """Make a folder and its parents, each synced in its own parent: a lost one loses its files."""
    missing = []
    folder = path.absolute()
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    for new in reversed(missing):
        with suppress(FileExistsError):
            new.mkdir()
        sync_folder(new.parent)
