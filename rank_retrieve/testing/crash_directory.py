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
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from rank_retrieve.persistence.directory import Buffer, as_view
from rank_retrieve.persistence.lock import Lock
from rank_retrieve.persistence.memory_directory import MemoryDirectory, MemoryOutput


@dataclass(frozen=True)
class Create:
    """A name for a new, empty file."""

    name: str
    inode: int


@dataclass(frozen=True)
class Write:
    """Bytes at an offset of a file; `zeros` were only announced and may be overwritten."""

    inode: int
    offset: int
    contents: bytes = field(repr=False)
    zeros: bool = False


@dataclass(frozen=True)
class Sync:
    """A file's bytes are on the device."""

    inode: int


@dataclass(frozen=True)
class Rename:
    """A name moves to another."""

    source: str
    target: str
    inode: int


@dataclass(frozen=True)
class Delete:
    """A name goes."""

    name: str


@dataclass(frozen=True)
class SyncDirectory:
    """All names are on the device."""


@dataclass(frozen=True)
class Mark:
    """Something that the test wants to know happened before the crash."""

    value: Any


Operation: TypeAlias = Create | Write | Sync | Rename | Delete | SyncDirectory | Mark


@dataclass(frozen=True)
class Crash:
    """One state that a crash may leave.

    at: how many recorded operations came before it. label: which of the unsynced ones arrived.
    marks: the values given to `mark` before it.
    """

    at: int
    label: str
    marks: tuple[Any, ...]
    files: Mapping[str, bytes] = field(repr=False)

    def directory(self) -> MemoryDirectory:
        """The state, to be opened and changed at will."""
        return MemoryDirectory(self.files)


class CrashDirectory:
    """A `Directory` in memory that records its operations.

    start: files that are there, synced, from the beginning.
    zeros_bytes: how much of what `reserve` announces is filled with zeros.
    """

    path = ":crash:"
    read_only = False

    def __init__(self, start: Mapping[str, bytes] | None = None, *, zeros_bytes: int = 0) -> None:
        self._live = MemoryDirectory(start)
        self._start = dict(start or {})
        self._zeros_bytes = zeros_bytes
        self._inodes = {name: number for number, name in enumerate(self._start)}
        self._next_inode = itertools.count(len(self._start))
        self.log: list[Operation] = []

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
        inode = self._inodes[name] = next(self._next_inode)
        self.log.append(Create(name, inode))
        return CrashOutput(self, output, inode)

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

    def list(self) -> list[str]:
        """As in `Directory`."""
        return self._live.list()

    def rename(self, source: str, target: str) -> None:
        """As in `Directory`; recorded."""
        self._live.rename(source, target)
        inode = self._inodes.pop(source)
        self._inodes[target] = inode
        self.log.append(Rename(source, target, inode))

    def delete(self, name: str) -> None:
        """As in `Directory`; recorded."""
        self._live.delete(name)
        del self._inodes[name]
        self.log.append(Delete(name))

    def sync(self, name: str) -> None:
        """As in `Directory`; recorded."""
        self._live.sync(name)
        self.log.append(Sync(self._inodes[name]))

    def sync_directory(self) -> None:
        """As in `Directory`; recorded."""
        self.log.append(SyncDirectory())

    def lock(self, name: str, description: str) -> Lock:
        """As in `Directory`. Not recorded: locks end with their process."""
        lock = self._live.lock(name, description)
        self._inodes.setdefault(name, next(self._next_inode))
        return lock

    # ------------------------------------------------------------------ crashes

    def crashes(
        self, *, since: int = 0, all_subsets_of: int = 4, subsets: int = 0, seed: int = 0
    ) -> Iterator[Crash]:
        """Every different state after at least `since` operations, in order of time.

        all_subsets_of: up to how many unsynced operations every subset is tried. subsets: how
        many random ones are tried above that, from `seed`. States that are the same, with the
        same marks, come once.
        """
        chance = random.Random(seed)
        seen: set[int] = set()
        device = _Device(
            dict(enumerate(self._start.values())),
            {name: number for number, name in enumerate(self._start)},
        )
        marks: list[Any] = []
        for at in range(len(self.log) + 1):
            if at:
                operation = self.log[at - 1]
                if isinstance(operation, Mark):
                    marks.append(operation.value)
                else:
                    device.take(operation)
            if at < since:
                continue
            for label, arrived in _arrivals(device.pending, all_subsets_of, subsets, chance):
                files = device.files(arrived)
                key = hash((len(marks), *sorted((n, hash(c)) for n, c in files.items())))
                if key not in seen:
                    seen.add(key)
                    yield Crash(at, label, tuple(marks), files)


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


@dataclass
class _Device:
    """What is surely on the device, and the operations that may or may not be."""

    contents: dict[int, bytes]
    names: dict[str, int]
    pending: list[Operation] = field(default_factory=list)

    def take(self, operation: Operation) -> None:
        """Go one step on in time."""
        settled: list[Operation] = []
        if isinstance(operation, Sync):
            settled = [op for op in self.pending if _is_write(op, operation.inode)]
            self.pending = [op for op in self.pending if not _is_write(op, operation.inode)]
        elif isinstance(operation, SyncDirectory):
            settled = [op for op in self.pending if not isinstance(op, Write)]
            self.pending = [op for op in self.pending if isinstance(op, Write)]
        else:
            self.pending.append(operation)
        for op in settled:
            _apply(op, self.contents, self.names)

    def files(self, arrived: list[Operation]) -> dict[str, bytes]:
        """The files, with these of the pending operations on the device."""
        contents, names = dict(self.contents), dict(self.names)
        for operation in arrived:
            _apply(operation, contents, names)
        return {name: contents.get(inode, b"") for name, inode in names.items()}


def _is_write(operation: Operation, inode: int) -> bool:
    return isinstance(operation, Write) and operation.inode == inode


def _apply(operation: Operation, contents: dict[int, bytes], names: dict[str, int]) -> None:
    if isinstance(operation, Write):
        before, offset = contents.get(operation.inode, b""), operation.offset
        end = offset + len(operation.contents)
        head = before[:offset].ljust(offset, b"\0")
        contents[operation.inode] = head + operation.contents + before[end:]
    elif isinstance(operation, Create):
        names[operation.name] = operation.inode
    elif isinstance(operation, Rename):
        names[operation.target] = operation.inode
        if names.get(operation.source) == operation.inode:
            del names[operation.source]
    elif isinstance(operation, Delete):
        names.pop(operation.name, None)


def _arrivals(
    pending: list[Operation], all_subsets_of: int, subsets: int, chance: random.Random
) -> Iterator[tuple[str, list[Operation]]]:
    """Which of the pending operations reached the device, and in what shape."""
    yield "synced only", []
    if not pending:
        return
    yield "everything", list(pending)
    for index, operation in enumerate(pending):
        before, after = pending[:index], pending[index + 1 :]
        yield f"without {operation}", [*before, *after]
        yield f"only {operation}", [operation]
        if isinstance(operation, Write) and not operation.zeros:
            for label, shape in _shapes(operation):
                yield label, [*before, shape]
                yield f"{label}, the rest whole", [*before, shape, *after]
    yield "names without contents", [op for op in pending if not isinstance(op, Write)]
    yield "contents without names", [op for op in pending if isinstance(op, Write)]
    if len(pending) <= all_subsets_of:
        for size in range(2, len(pending)):
            for chosen in itertools.combinations(pending, size):
                yield f"{size} of {len(pending)}", list(chosen)
    else:
        for number in range(subsets):
            chosen_ops = [op for op in pending if chance.random() < 0.5]
            yield f"random subset {number}", chosen_ops


def _shapes(write: Write) -> Iterator[tuple[str, Write]]:
    """The same write torn, or arriving as zeros."""
    size = len(write.contents)
    cuts = {size // 3, 2 * size // 3, *range(512, size, 512)[:8], *range(4096, size, 4096)[:8]}
    # a device writes whole sectors: tears also fall on sectors of the file, not of the write
    cuts |= {cut for cut in (-write.offset % 512, -write.offset % 4096) if cut < size}
    for cut in sorted(cuts - {0}):
        head = write.contents[:cut]
        yield f"{write} torn at {cut}", replace(write, contents=head)
        yield f"{write} zero from {cut}", replace(write, contents=head.ljust(size, b"\0"))
    yield f"{write} as zeros", replace(write, contents=bytes(size))
