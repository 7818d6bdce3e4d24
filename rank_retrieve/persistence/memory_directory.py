"""A directory that lives and dies with its process: tests, `:memory:` databases, crash states."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Mapping

import numpy as np

from rank_retrieve.errors import AlreadyExists, CorruptionError, LockedError, NotFound
from rank_retrieve.persistence.directory import Buffer, Directory, as_view, check_name
from rank_retrieve.persistence.lock import holder_description

ALIGNMENT = 64


class MemoryFile:
    """Bytes that grow at the end; shared by all names, outputs and views of one file."""

    __slots__ = ("_chunks", "_size", "_view")

    def __init__(self, contents: bytes = b"") -> None:
        self._chunks: list[bytes] = [contents] if contents else []
        self._size = len(contents)
        self._view: memoryview | None = None

    def __len__(self) -> int:
        return self._size

    def append(self, chunk: bytes) -> None:
        """Add bytes at the end; views taken before keep their length."""
        if chunk:
            self._chunks.append(chunk)
            self._size += len(chunk)
            self._view = None

    def replace(self, contents: bytes) -> None:
        """Put other contents under the same file; only for the simulated failures of tests."""
        self.__init__(contents)  # type: ignore[misc]

    def contents(self) -> bytes:
        """A copy of all bytes."""
        if len(self._chunks) > 1:
            self._chunks = [b"".join(self._chunks)]
        return self._chunks[0] if self._chunks else b""

    def view(self) -> memoryview:
        """All bytes, read-only, 64-byte aligned like a map of a file."""
        if self._view is None:
            block = np.empty(self._size + ALIGNMENT, dtype=np.uint8)
            start = -block.ctypes.data % ALIGNMENT
            place = block.data[start : start + self._size]
            place[:] = self.contents()
            self._view = place.toreadonly()
        return self._view


class MemoryOutput:
    """An `Output` into a `MemoryFile`."""

    def __init__(self, file: MemoryFile) -> None:
        self._file = file
        self._position = 0
        self._closed = False

    def write(self, *buffers: Buffer) -> None:
        """Append copies of the buffers."""
        chunk = b"".join(as_view(buffer) for buffer in buffers)
        self._check_open()
        if self._position < len(self._file):  # inside zeros that `fill` wrote
            contents = self._file.contents()
            tail = contents[self._position + len(chunk) :]
            self._file.replace(contents[: self._position] + chunk + tail)
        else:
            self._file.append(chunk)
        self._position += len(chunk)

    def tell(self) -> int:
        """Bytes written so far."""
        return self._position

    def reserve(self, n_bytes: int) -> None:
        """Nothing to gain: growing memory costs no journal."""
        self._check_open()

    def fill(self, n_bytes: int) -> None:
        """Do what `reserve` may do: append zeros up to `n_bytes` after the position."""
        self._file.append(bytes(max(0, self._position + n_bytes - len(self._file))))

    def sync(self) -> None:
        """Memory has nothing below it."""
        self._check_open()

    def close(self) -> None:
        """Refuse further writes."""
        self._closed = True

    def _check_open(self) -> None:
        if self._closed:
            raise OSError(9, "the output is closed")  # EBADF, as a closed descriptor gives


class MemoryDirectory:
    """Files and folders in dicts. Safe for threads; locks are held against the same object only.

    files: contents by name, or by path for those in folders: "a", "inner/b". A path that ends
        in "/" is an empty folder.
    """

    read_only = False

    def __init__(self, files: Mapping[str, bytes] | None = None, *, path: str = ":memory:") -> None:
        self.path = path
        self._files: dict[str, MemoryFile] = {}
        self._folders: dict[str, MemoryDirectory] = {}
        self._mutex = threading.RLock()
        self._held: dict[str, str] = {}
        for name, contents in (files or {}).items():
            *folders, last = name.split("/")
            place = self
            for folder in folders:
                place = place.folder(folder, create=True)
            if last or not folders:
                place._files[check_name(last)] = MemoryFile(contents)

    def files(self) -> dict[str, bytes]:
        """A copy of everything, as the constructor takes it, sorted by name; folders last."""
        with self._mutex:
            found = {name: file.contents() for name, file in sorted(self._files.items())}
            for name, folder in sorted(self._folders.items()):
                inside = folder.files() or {"": b""}
                found |= {f"{name}/{path}": contents for path, contents in inside.items()}
            return found

    def cut(self, name: str, size: int) -> None:
        """Lose what follows `size` bytes; only for the simulated failures of tests."""
        with self._mutex:
            self._file(name).replace(self._file(name).contents()[:size])

    def create(self, name: str) -> MemoryOutput:
        """A new empty file. Raises AlreadyExists."""
        with self._mutex:
            if check_name(name) in self._files or name in self._folders:
                raise AlreadyExists("file", name)
            self._files[name] = MemoryFile()
            return MemoryOutput(self._files[name])

    def open(self, name: str) -> memoryview:
        """The bytes as they are now."""
        with self._mutex:
            return self._file(name).view()

    def read(self, name: str, limit: int) -> bytes:
        """The whole file; CorruptionError above `limit` bytes."""
        with self._mutex:
            file = self._file(name)
            if len(file) > limit:
                raise CorruptionError(
                    name, 0, f"a file of at most {limit} bytes", f"{len(file)} bytes"
                )
            return file.contents()

    def size(self, name: str) -> int:
        """Bytes in the file."""
        with self._mutex:
            return len(self._file(name))

    def exists(self, name: str) -> bool:
        """Whether there is a file of this name."""
        with self._mutex:
            return check_name(name) in self._files

    def folders(self) -> list[str]:
        """The names of all folders, sorted."""
        with self._mutex:
            return sorted(self._folders)

    def list(self) -> list[str]:
        """The names of all files, sorted."""
        with self._mutex:
            return sorted(self._files)

    def rename(self, source: str, target: str) -> None:
        """Give `source` the name `target`."""
        with self._mutex:
            if check_name(target) in self._folders:
                raise OSError(errno.EISDIR, os.strerror(errno.EISDIR))
            self._files[target] = self._file(source)
            if source != target:
                del self._files[source]

    def delete(self, name: str) -> None:
        """Remove the name."""
        with self._mutex:
            self._file(name)
            del self._files[name]

    def sync(self, name: str) -> None:
        """Memory has nothing below it."""
        with self._mutex:
            self._file(name)

    def sync_directory(self) -> None:
        """Memory has nothing below it."""

    def lock(self, name: str, description: str) -> MemoryLock:
        """Take the name for one holder."""
        with self._mutex:
            if check_name(name) in self._held:
                raise LockedError(self.path, self._held[name])
            self._held[name] = holder_description(description)
            self._files.setdefault(name, MemoryFile())
            return MemoryLock(self, name)

    def folder(self, name: str, *, create: bool = False) -> MemoryDirectory:
        """A folder inside; with `create` it is made if it is not there."""
        with self._mutex:
            found = self._folders.get(check_name(name))
            if found is None:
                if not create or name in self._files:
                    raise NotFound("folder", name)
                found = self._folders[name] = MemoryDirectory(path=f"{self.path}/{name}")
            return found

    def remove_folder(self, name: str) -> None:
        """Remove an empty folder."""
        with self._mutex:
            inside = self.folder(name)
            with inside._mutex:  # no file may be made there in between
                if inside._files or inside._folders:
                    raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY))
                del self._folders[name]

    def link(self, name: str, target: Directory) -> bool:
        """Give the file the same name in another directory in memory, sharing its bytes."""
        with self._mutex:
            file = self._file(name)
        if not isinstance(target, MemoryDirectory):
            return False
        with target._mutex:
            if name in target._files or name in target._folders:
                raise AlreadyExists("file", name)
            target._files[name] = file
        return True

    def _file(self, name: str) -> MemoryFile:
        try:
            return self._files[check_name(name)]
        except KeyError:
            raise NotFound("file", name) from None


class MemoryLock:
    """A name held in a `MemoryDirectory`."""

    def __init__(self, directory: MemoryDirectory, name: str) -> None:
        self._directory: MemoryDirectory | None = directory
        self._name = name

    def release(self) -> None:
        """Give the name back; releasing twice is fine."""
        if self._directory is not None:
            with self._directory._mutex:
                self._directory._held.pop(self._name, None)
            self._directory = None
