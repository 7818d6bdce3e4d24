"""What a device holds after a crash: operations, in whatever part they reached it.

`CrashDirectory` records operations; `Device` takes them one after the other and keeps apart what is
surely there and what is pending; `arrivals` says which of the pending ones a crash may let through.
"""

from __future__ import annotations

import functools
import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Create:
    """A name for a new, empty file. `folder` is the number of the folder, 0 for the outermost."""

    name: str
    inode: int
    folder: int = 0


@dataclass(frozen=True)
class Link:
    """One more name for a file."""

    name: str
    inode: int
    folder: int = 0


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
class SyncLost:
    """A sync failed: what is pending of a file's bytes is read as before, and never arrives."""

    inode: int


@dataclass(frozen=True)
class Rename:
    """A name moves to another."""

    source: str
    target: str
    inode: int
    folder: int = 0


@dataclass(frozen=True)
class Delete:
    """A name goes."""

    name: str
    folder: int = 0


@dataclass(frozen=True)
class MakeFolder:
    """A name for a new folder, which is number `made` from now on."""

    name: str
    made: int
    folder: int = 0


@dataclass(frozen=True)
class RemoveFolder:
    """The name of a folder goes."""

    name: str
    folder: int = 0


@dataclass(frozen=True)
class SyncDirectory:
    """All names in one folder are on the device."""

    folder: int = 0


@dataclass(frozen=True)
class Mark:
    """Something that the test wants to know happened before the crash."""

    value: Any


Naming: TypeAlias = Create | Link | Rename | Delete | MakeFolder | RemoveFolder
Operation: TypeAlias = Naming | Write | Sync | SyncLost | SyncDirectory | Mark


class Device:
    """What is surely on the device, and the operations that may or may not be.

    contents: bytes by inode. names, folders: by the folder's number, inodes and folders' numbers
    by name.
    """

    def __init__(self) -> None:
        self.contents: dict[int, bytes] = {}
        self.names: defaultdict[int, dict[str, int]] = defaultdict(dict)
        self.folders: defaultdict[int, dict[str, int]] = defaultdict(dict)
        self.pending: list[Operation] = []

    def copy(self) -> Device:
        """The same, to go on without changing this one; the pending operations left out."""
        other = Device()
        other.contents = dict(self.contents)
        other.names.update({folder: dict(names) for folder, names in self.names.items()})
        other.folders.update({folder: dict(inside) for folder, inside in self.folders.items()})
        return other

    def take(self, operation: Operation) -> None:
        """Go one step on in time."""
        if isinstance(operation, Sync | SyncDirectory):
            settled = [op for op in self.pending if _settles(operation, op)]
            self.pending = [op for op in self.pending if not _settles(operation, op)]
            for op in settled:
                self.apply(op)
        elif isinstance(operation, SyncLost):
            # the system holds these pages for clean, so no later sync writes them either
            self.pending = [op for op in self.pending if not _is_of(op, operation.inode)]
        else:
            self.pending.append(operation)

    def files(self, arrived: Sequence[Operation]) -> dict[str, bytes]:
        """The files, with these of the pending operations on the device."""
        after = self.copy()
        for operation in arrived:
            after.apply(operation)
        return dict(after._files(0, ""))

    def _files(self, folder: int, prefix: str) -> Iterator[tuple[str, bytes]]:
        names, folders = self.names[folder], self.folders[folder]
        if prefix and not names and not folders:
            yield prefix, b""
        for name, inode in names.items():
            yield prefix + name, self.contents.get(inode, b"")
        for name, number in folders.items():
            yield from self._files(number, f"{prefix}{name}/")

    def apply(self, operation: Operation) -> None:
        """Let one operation arrive."""
        _ARRIVE[type(operation)](self, operation)


def _write(device: Device, write: Write) -> None:
    before, offset = device.contents.get(write.inode, b""), write.offset
    end = offset + len(write.contents)
    head = before[:offset].ljust(offset, b"\0")
    device.contents[write.inode] = head + write.contents + before[end:]


def _name(device: Device, operation: Create | Link) -> None:
    device.names[operation.folder][operation.name] = operation.inode


def _rename(device: Device, rename: Rename) -> None:
    names = device.names[rename.folder]
    names[rename.target] = rename.inode
    if rename.source != rename.target and names.get(rename.source) == rename.inode:
        del names[rename.source]


def _delete(device: Device, delete: Delete) -> None:
    device.names[delete.folder].pop(delete.name, None)


def _make_folder(device: Device, made: MakeFolder) -> None:
    device.folders[made.folder][made.name] = made.made


def _remove_folder(device: Device, removed: RemoveFolder) -> None:
    device.folders[removed.folder].pop(removed.name, None)


_ARRIVE: dict[type, Callable[[Device, Any], None]] = {
    Write: _write,
    Create: _name,
    Link: _name,
    Rename: _rename,
    Delete: _delete,
    MakeFolder: _make_folder,
    RemoveFolder: _remove_folder,
}


def _is_of(operation: Operation, inode: int) -> bool:
    return isinstance(operation, Write) and operation.inode == inode


def _settles(sync: Sync | SyncDirectory, operation: Operation) -> bool:
    """Whether an operation is on the device after this sync."""
    if isinstance(operation, Write):
        return isinstance(sync, Sync) and sync.inode == operation.inode
    return isinstance(sync, SyncDirectory) and getattr(operation, "folder", None) == sync.folder


Arrival: TypeAlias = tuple[Callable[[], str], list[Operation]]
"""How to call it, and what has arrived; the name is only made when somebody asks."""


def arrivals(
    pending: list[Operation], all_subsets_of: int, subsets: int, chance: random.Random
) -> Iterator[Arrival]:
    """Which of the pending operations reached the device, and in what shape."""
    yield lambda: "synced only", []
    if not pending:
        return
    yield lambda: "everything", list(pending)
    for index, operation in enumerate(pending):
        before, after = pending[:index], pending[index + 1 :]
        yield partial("without {}".format, operation), [*before, *after]
        yield partial("only {}".format, operation), [operation]
        if isinstance(operation, Write) and not operation.zeros:
            for label, shape in _shapes(operation):
                name = partial(label.format, operation)
                yield name, [*before, shape]
                yield partial(_whole_rest, name), [*before, shape, *after]
    yield lambda: "names without contents", [op for op in pending if not isinstance(op, Write)]
    yield lambda: "contents without names", [op for op in pending if isinstance(op, Write)]
    if len(pending) <= all_subsets_of:
        for size in range(2, len(pending)):
            for chosen in itertools.combinations(pending, size):
                yield partial("{} of {}".format, size, len(pending)), list(chosen)
    else:
        for number in range(subsets):
            chosen_ops = [op for op in pending if chance.random() < 0.5]
            yield partial("random subset {}".format, number), chosen_ops


def _whole_rest(name: Callable[[], str]) -> str:
    return f"{name()}, the rest whole"


@functools.lru_cache(maxsize=1024)  # a write is pending at many moments
def _shapes(write: Write) -> list[tuple[str, Write]]:
    """The same write torn, or arriving as zeros; {} in their names stands for the write."""
    size = len(write.contents)
    shapes: list[tuple[str, Write]] = []
    cuts = {size // 3, 2 * size // 3, *range(512, size, 512)[:8], *range(4096, size, 4096)[:8]}
    # a device writes whole sectors: tears also fall on sectors of the file, not of the write
    cuts |= {cut for cut in (-write.offset % 512, -write.offset % 4096) if cut < size}
    for cut in sorted(cuts - {0}):
        head = write.contents[:cut]
        shapes.append((f"{{}} torn at {cut}", replace(write, contents=head)))
        zeros = replace(write, contents=head.ljust(size, b"\0"))
        shapes.append((f"{{}} zero from {cut}", zeros))
    return [*shapes, ("{} as zeros", replace(write, contents=bytes(size)))]
