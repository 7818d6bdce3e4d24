"""A directory that remembers enough to say what a crash could have left behind.

Everything done to it is recorded. A crash may come after each step, and of what was not synced by
then any part may have reached the device: bytes of a file need a sync of the file, names need a
sync of the directory. `crashes` yields the states that are worth a look:

    synced only, everything
    each unsynced operation missing, or the only one to arrive
    each unsynced write torn at thirds, 512 bytes and 4 KiB, with and without what came after it
    each unsynced write arriving as zeros, whole or from a tear on
    all names without contents, all contents without names
    subsets: all of them when they are few, otherwise some at random

The model is harsher than most file systems; what survives it survives them. (Its ancestors: ALICE,
Pillai et al., OSDI 2014; CrashMonkey, Mohan et al., OSDI 2018.)
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rank_retrieve.persistence.directory import Buffer, Directory, as_view
from rank_retrieve.persistence.lock import Lock
from rank_retrieve.persistence.memory_directory import MemoryDirectory, MemoryOutput
from rank_retrieve.testing.crash_model import (
    Create,
    Delete,
    Device,
    Link,
    MakeFolder,
    Mark,
    Operation,
    RemoveFolder,
    Rename,
    Sync,
    SyncDirectory,
    SyncLost,
    Write,
    arrivals,
)


@dataclass(frozen=True)
class Crash:
    """One state that a crash may leave.

    at: how many recorded operations came before it. label: which of the unsynced ones arrived.
    marks: the values given to `mark` before it. files: as `MemoryDirectory` takes them.
    """

    at: int
    label: str
    marks: tuple[Any, ...]
    files: Mapping[str, bytes] = field(repr=False)

    def directory(self) -> MemoryDirectory:
        """The state, to be opened and changed at will."""
        return MemoryDirectory(self.files)


class CrashDirectory:
    """A `Directory` in memory that records its operations, and those in its folders.

    start: files that are there, synced, from the beginning; as `MemoryDirectory` takes them.
    zeros_bytes: how much of what `reserve` announces is filled with zeros.
    enumerated: states that the latest `crashes` looked at so far, equal ones included.
    """

    path = ":crash:"
    read_only = False

    def __init__(self, start: Mapping[str, bytes] | None = None, *, zeros_bytes: int = 0) -> None:
        self._zeros_bytes = zeros_bytes
        self._numbers = itertools.count(1)  # of inodes and folders
        self._start = Device()
        self.log: list[Operation] = []
        self.enumerated = 0
        self._adopt(MemoryDirectory(start), 0, self)

    def _adopt(self, live: MemoryDirectory, number: int, root: CrashDirectory) -> None:
        """Become the folder of this number, with what is in it already."""
        self._live, self._number, self._root = live, number, root
        self._inodes: dict[str, int] = {}
        self._inside: dict[str, CrashDirectory] = {}
        names, folders = root._start.names[number], root._start.folders[number]
        for name in live.list():
            inode = self._inodes[name] = names[name] = next(root._numbers)
            root._start.contents[inode] = bytes(live.open(name))
        for name in live.folders():
            made = folders[name] = next(root._numbers)
            self._inside[name] = self._nested(name, made)

    def _nested(self, name: str, number: int) -> CrashDirectory:
        inside = CrashDirectory.__new__(CrashDirectory)
        inside.path = f"{self.path}/{name}"
        inside.log = self.log
        inside._adopt(self._live.folder(name), number, self._root)
        return inside

    def mark(self, value: Any) -> None:
        """Record that something happened now, such as an acknowledged write."""
        self.log.append(Mark(value))

    def files(self) -> dict[str, bytes]:
        """What a process sees now, synced or not."""
        return self._live.files()

    # ------------------------------------------------------------------ Directory

    def create(self, name: str) -> CrashOutput:
        """As in `Directory`; recorded."""
        output = self._live.create(name)
        inode = self._inodes[name] = next(self._root._numbers)
        self.log.append(Create(name, inode, self._number))
        return CrashOutput(self._root, output, inode)

    def open(self, name: str) -> memoryview:
        """As in `Directory`."""
        return self._live.open(name)

    def read(self, name: str, limit: int) -> bytes:
        """As in `Directory`."""
        return self._live.read(name, limit)

    def size(self, name: str) -> int:
        """As in `Directory`."""
        return self._live.size(name)

    def exists(self, name: str) -> bool:
        """As in `Directory`."""
        return self._live.exists(name)

    def folders(self) -> list[str]:
        """As in `Nesting`."""
        return self._live.folders()

    def list(self) -> list[str]:
        """As in `Directory`."""
        return self._live.list()

    def rename(self, source: str, target: str) -> None:
        """As in `Directory`; recorded."""
        self._live.rename(source, target)
        inode = self._inodes.pop(source)
        self._inodes[target] = inode
        self.log.append(Rename(source, target, inode, self._number))

    def delete(self, name: str) -> None:
        """As in `Directory`; recorded."""
        self._live.delete(name)
        del self._inodes[name]
        self.log.append(Delete(name, self._number))

    def sync(self, name: str) -> None:
        """As in `Directory`; recorded."""
        self._live.sync(name)
        self.log.append(Sync(self._inodes[name]))

    def lose(self, name: str) -> None:
        """What was not synced of a file stays in sight and never reaches the device; recorded."""
        self.log.append(SyncLost(self._inodes[name]))

    def sync_directory(self) -> None:
        """As in `Directory`; recorded."""
        self.log.append(SyncDirectory(self._number))

    def lock(self, name: str, description: str) -> Lock:
        """As in `Directory`. Not recorded: locks end with their process."""
        lock = self._live.lock(name, description)
        self._inodes.setdefault(name, next(self._root._numbers))
        return lock

    def folder(self, name: str, *, create: bool = False) -> CrashDirectory:
        """As in `Nesting`; recorded when it is made."""
        made = create and name not in self._inside
        self._live.folder(name, create=create)
        if made:
            number = next(self._root._numbers)
            self._inside[name] = self._nested(name, number)
            self.log.append(MakeFolder(name, number, self._number))
        if create:
            self.sync_directory()
        return self._inside[name]

    def remove_folder(self, name: str) -> None:
        """As in `Nesting`; recorded."""
        self._live.remove_folder(name)
        del self._inside[name]
        self.log.append(RemoveFolder(name, self._number))
        self.sync_directory()

    def link(self, name: str, target: Directory) -> bool:
        """As in `Nesting`; recorded. Only between folders of one record."""
        if not isinstance(target, CrashDirectory) or target._root is not self._root:
            return False
        self._live.link(name, target._live)
        inode = target._inodes[name] = self._inodes[name]
        self.log.append(Link(name, inode, target._number))
        return True

    # ------------------------------------------------------------------ crashes

    def synced(self) -> MemoryDirectory:
        """What is sure to be there if the power fails now."""
        device = self._root._start.copy()
        for operation in self.log:
            if not isinstance(operation, Mark):
                device.take(operation)
        return MemoryDirectory(device.files([]))

    def crashes(
        self,
        *,
        since: int = 0,
        all_subsets_of: int = 4,
        subsets: int = 0,
        share: float = 1.0,
        seed: int = 0,
    ) -> Iterator[Crash]:
        """Every different state after at least `since` operations, in order of time.

        all_subsets_of: up to how many unsynced operations every subset is tried. subsets: how
        many random ones are tried above that, from `seed`. share: of all states only this part
        is drawn, from `seed`. States that are the same, with the same marks, come once.
        """
        chance = random.Random(seed)
        seen: set[int] = set()
        device = self._root._start.copy()
        marks: list[Any] = []
        self.enumerated = 0
        for at in range(len(self.log) + 1):
            if at:
                operation = self.log[at - 1]
                if isinstance(operation, Mark):
                    marks.append(operation.value)
                else:
                    device.take(operation)
            if at < since:
                continue
            for name, arrived in arrivals(device.pending, all_subsets_of, subsets, chance):
                if share < 1.0 and chance.random() >= share:
                    continue
                self.enumerated += 1
                files = device.files(arrived)
                key = hash((len(marks), frozenset(files.items())))
                if key not in seen:
                    seen.add(key)
                    yield Crash(at, name(), tuple(marks), files)


class CrashOutput:
    """An `Output` that records its writes."""

    def __init__(self, directory: CrashDirectory, output: MemoryOutput, inode: int) -> None:
        self._directory, self._output, self._inode = directory, output, inode

    def write(self, *buffers: Buffer) -> None:
        """As in `Output`; recorded as one write."""
        contents = b"".join(as_view(buffer) for buffer in buffers)
        offset = self._output.tell()
        self._output.write(contents)
        if contents:
            self._directory.log.append(Write(self._inode, offset, contents))

    def tell(self) -> int:
        """As in `Output`."""
        return self._output.tell()

    def reserve(self, n_bytes: int) -> None:
        """Write as many zeros as the directory was told to; recorded as a write."""
        n_bytes = min(n_bytes, self._directory._zeros_bytes)
        self._output.reserve(n_bytes)
        if n_bytes:
            self._output.fill(n_bytes)
            place = self._output.tell()
            self._directory.log.append(Write(self._inode, place, bytes(n_bytes), zeros=True))

    def sync(self) -> None:
        """As in `Output`; recorded."""
        self._output.sync()
        self._directory.log.append(Sync(self._inode))

    def close(self) -> None:
        """As in `Output`."""
        self._output.close()
