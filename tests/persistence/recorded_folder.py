"""What a crash may leave of a real folder, from the syncs that the system was asked for.

`os.fsync` and `os.fdatasync` are replaced: each looks at what has changed in the folder since the
last one, notes that as not yet durable, and then what it makes durable. The states are those of
`rank_retrieve.testing.crash_model`. Nothing is really synced, so this is quick.

A folder that is moved is noted as one more name for it and one name less, which may arrive apart:
harsher than any file system.
"""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

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
    Write,
    arrivals,
)

IGNORED = ("lock",)  # its contents decide nothing


@dataclass(frozen=True)
class State:
    """files: contents by path below the folder; a path that ends in "/" is an empty folder."""

    at: int
    label: str
    marks: tuple[Any, ...]
    files: dict[str, bytes] = field(repr=False)

    def write(self, target: Path) -> Path:
        """Make it real, in a new folder."""
        target.mkdir()
        for path, contents in self.files.items():
            place = target / path
            if path.endswith("/"):
                place.mkdir(parents=True, exist_ok=True)
            else:
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(contents)
        return target

    def inside(self, prefix: str) -> dict[str, bytes]:
        """The files of one folder, by their paths below it."""
        start = f"{prefix}/"
        return {
            path.removeprefix(start): contents
            for path, contents in self.files.items()
            if path.startswith(start) and path != start
        }


class RecordedFolder:
    """Records what is made durable below `root`, a folder that is there and empty."""

    def __init__(self, root: Path, monkeypatch: Any) -> None:
        self.root = root
        self.log: list[Operation] = []
        self._numbers = {root.stat().st_ino: 0}
        self._contents: dict[int, bytes] = {}
        self._names: dict[int, dict[str, int]] = {0: {}}
        self._folders: dict[int, dict[str, int]] = {0: {}}
        self._kept: list[int] = []
        monkeypatch.setattr(os, "fsync", self._sync)
        monkeypatch.setattr(os, "fdatasync", self._sync)

    def close(self) -> None:
        """Let go of the files that were seen."""
        while self._kept:
            os.close(self._kept.pop())

    def mark(self, value: Any) -> None:
        """Something happened now, such as an acknowledged write."""
        self._look()
        self.log.append(Mark(value))

    def states(self, *, limit: int | None = None, seed: int = 0) -> Iterator[State]:
        """Every different state, in order of time; `limit` of them at random if there are more."""
        found = list(self._states())
        if limit is not None and len(found) > limit:
            chosen = sorted(random.Random(seed).sample(range(len(found)), limit))
            found = [found[number] for number in chosen]
        yield from found

    def _states(self) -> Iterator[State]:
        device, marks, seen = Device(), [], set()
        for at, operation in enumerate([None, *self.log]):
            if isinstance(operation, Mark):
                marks.append(operation.value)
            elif operation is not None:
                device.take(operation)
            for label, arrived in arrivals(device.pending, 4, 4, random.Random(at)):
                files = device.files(arrived)
                key = hash((len(marks), *sorted((n, hash(c)) for n, c in files.items())))
                if key not in seen:
                    seen.add(key)
                    yield State(at, label(), tuple(marks), files)

    def _sync(self, fd: int) -> None:
        self._look()
        inode = os.fstat(fd).st_ino
        if inode in self._numbers:
            self.log.append(SyncDirectory(self._numbers[inode]))
        elif inode in self._contents:
            self.log.append(Sync(inode))

    def _look(self) -> None:
        """Note what is other than it was."""
        self._look_into(self.root, 0)

    def _look_into(self, path: Path, folder: int) -> None:
        names: dict[str, int] = {}
        folders: dict[str, int] = {}
        for entry in sorted(os.scandir(path), key=lambda entry: entry.name):
            if entry.name in IGNORED:
                continue
            inode = entry.stat().st_ino
            if entry.is_dir():
                if inode not in self._numbers:
                    self._keep(entry.path)
                    number = self._numbers[inode] = len(self._numbers)
                    self._names[number], self._folders[number] = {}, {}
                folders[entry.name] = self._numbers[inode]
            else:
                names[entry.name] = inode
                self._look_at(Path(entry.path), inode)
        self._compare_folders(folder, folders)
        self._compare_names(folder, names)
        for name, number in folders.items():
            self._look_into(path / name, number)

    def _look_at(self, path: Path, inode: int) -> None:
        if inode not in self._contents:
            self._keep(path)
        contents, before = path.read_bytes(), self._contents.get(inode, b"")
        if contents != before:
            pairs = enumerate(zip(contents, before, strict=False))
            shorter = min(len(contents), len(before))
            same = next((at for at, (new, old) in pairs if new != old), shorter)
            self.log.append(Write(inode, same, contents[same:]))
        self._contents[inode] = contents

    def _keep(self, path: str | Path) -> None:
        # or its inode's number would soon be that of another file
        self._kept.append(os.open(path, os.O_RDONLY))

    def _compare_folders(self, folder: int, now: dict[str, int]) -> None:
        before, self._folders[folder] = self._folders[folder], now
        for name, number in now.items():
            if before.get(name) != number:
                self.log.append(MakeFolder(name, number, folder))
        for name in before.keys() - now.keys():
            self.log.append(RemoveFolder(name, folder))

    def _compare_names(self, folder: int, now: dict[str, int]) -> None:
        before, self._names[folder] = self._names[folder], now
        gone = {inode: name for name, inode in before.items() if name not in now}
        for name, inode in now.items():
            if before.get(name) == inode:
                continue
            if inode in gone:
                self.log.append(Rename(gone.pop(inode), name, inode, folder))
            else:
                known = any(inode in names.values() for names in self._names.values())
                self.log.append((Link if known else Create)(name, inode, folder))
        for name in gone.values():
            self.log.append(Delete(name, folder))
