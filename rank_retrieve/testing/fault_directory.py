"""Directories whose Nth operation fails, once or from then on.

Run a workload without a fault and ask `count(kind)` how often it could fail; then run it again with
`Fault(kind, at)` for every `at` in 1..count, once and sticky. `FaultDirectory` wraps one directory;
`failing_files` reaches every folder of the file system that is used meanwhile, those of checkpoints
and of restored databases included.
"""

from __future__ import annotations

import enum
import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.persistence.directory import (
    Buffer,
    Directory,
    FSDirectory,
    FSOutput,
    Output,
    as_view,
)
from rank_retrieve.persistence.lock import Lock
from rank_retrieve.persistence.memory_directory import MemoryDirectory
from rank_retrieve.testing.crash_directory import CrashDirectory

Result = TypeVar("Result")


class FaultKind(enum.Enum):
    """What goes wrong."""

    EIO = "an operation that changes something fails with EIO and does nothing"
    READ_EIO = "an operation that reads fails with EIO"
    ENOSPC = "an operation that needs space fails with ENOSPC and does nothing"
    SHORT_WRITE = "a write stores its first half, then fails with ENOSPC"
    SYNC_KEPT = "a sync fails with EIO; the bytes arrive nevertheless"
    SYNC_DROPPED = "a sync fails with EIO; the bytes since the last one are lost"
    SYNC_CLEANED = "a sync fails with EIO; the bytes since the last one are seen until power loss"


APPLIES_TO: dict[FaultKind, frozenset[str]] = {
    FaultKind.EIO: frozenset(
        {"create", "write", "reserve", "sync", "rename", "delete", "sync_directory", "lock"}
    ),
    FaultKind.READ_EIO: frozenset({"open", "read", "size", "exists", "list"}),
    FaultKind.ENOSPC: frozenset({"create", "write", "reserve", "rename"}),
    FaultKind.SHORT_WRITE: frozenset({"write"}),
    FaultKind.SYNC_KEPT: frozenset({"sync", "sync_directory"}),
    FaultKind.SYNC_DROPPED: frozenset({"sync"}),
    FaultKind.SYNC_CLEANED: frozenset({"sync"}),
}

# a file that is mapped cannot be cut, nor can its pages be made clean
NEEDED_BELOW: dict[FaultKind, type] = {
    FaultKind.SYNC_DROPPED: MemoryDirectory,
    FaultKind.SYNC_CLEANED: CrashDirectory,
}


@dataclass(frozen=True)
class Fault:
    """The `at`-th operation, from 1, to which `kind` applies fails; `sticky`: later ones too."""

    kind: FaultKind
    at: int
    sticky: bool = False


class Faults:
    """Counts operations by what can befall them, and lets the one of `fault` fail.

    fault: None only counts; it may be changed at any time. performed, failed: operations so far.
    """

    def __init__(self, fault: Fault | None = None) -> None:
        self.fault = fault
        self.performed: list[str] = []
        self.failed: list[str] = []
        self._counts = dict.fromkeys(FaultKind, 0)
        self._off = False

    @contextmanager
    def off(self) -> Iterator[None]:
        """Let the block run without faults, and uncounted, to look at what is there."""
        before, self._off = self._off, True
        try:
            yield
        finally:
            self._off = before

    def count(self, kind: FaultKind) -> int:
        """How many operations so far could have failed this way."""
        return self._counts[kind]

    def fails(self, operation: str) -> bool:
        """Count an operation; whether it is to fail."""
        if self._off:
            return False
        self.performed.append(operation)
        for kind, operations in APPLIES_TO.items():
            self._counts[kind] += operation in operations
        fault = self.fault
        if fault is None or operation not in APPLIES_TO[fault.kind]:
            return False
        number = self._counts[fault.kind]
        if number != fault.at and not (fault.sticky and number > fault.at):
            return False
        self.failed.append(operation)
        return True

    def error(self) -> OSError:
        """What a failing operation raises."""
        full = self.fault is not None and self.fault.kind in (
            FaultKind.ENOSPC,
            FaultKind.SHORT_WRITE,
        )
        number = errno.ENOSPC if full else errno.EIO
        return OSError(number, os.strerror(number))

    def run(self, operation: str, action: Callable[[], Result]) -> Result:
        """Do something, or fail instead."""
        if self.fails(operation):
            raise self.error()
        return action()

    def write(self, buffers: tuple[Buffer, ...], write: Callable[..., None]) -> None:
        """Write, or fail, perhaps half way."""
        if self.fails("write"):
            if self.fault is not None and self.fault.kind is FaultKind.SHORT_WRITE:
                contents = b"".join(as_view(buffer) for buffer in buffers)
                write(contents[: len(contents) // 2])
            raise self.error()
        write(*buffers)


class FaultDirectory:
    """Another directory with a `fault`; None only counts.

    inner: what holds the files; a MemoryDirectory where a fault is to lose bytes, a CrashDirectory
    where only power loss is to show that they are lost.
    """

    def __init__(self, inner: Directory, fault: Fault | None = None) -> None:
        self.inner, self.faults = inner, Faults()
        self.fault = fault

    @property
    def fault(self) -> Fault | None:
        """What fails; it may be changed at any time."""
        return self.faults.fault

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        needed = NEEDED_BELOW.get(fault.kind, object) if fault else object
        if not isinstance(self.inner, needed):
            found = type(self.inner).__name__
            raise InvalidArgument("inner", found, f"must be a {needed.__name__}")
        self.faults.fault = fault

    @property
    def performed(self) -> list[str]:
        """The operations so far."""
        return self.faults.performed

    @property
    def failed(self) -> list[str]:
        """Those that failed."""
        return self.faults.failed

    @property
    def path(self) -> str:
        """As of the directory inside."""
        return self.inner.path

    @property
    def read_only(self) -> bool:
        """As of the directory inside."""
        return self.inner.read_only

    def count(self, kind: FaultKind) -> int:
        """How many operations so far could have failed this way."""
        return self.faults.count(kind)

    def _run(self, operation: str, action: Callable[[], Result]) -> Result:
        return self.faults.run(operation, action)

    def create(self, name: str) -> FaultOutput:
        """As in `Directory`, or failing."""
        return FaultOutput(self, name, self._run("create", lambda: self.inner.create(name)))

    def open(self, name: str) -> memoryview:
        """As in `Directory`, or failing."""
        return self._run("open", lambda: self.inner.open(name))

    def read(self, name: str, limit: int) -> bytes:
        """As in `Directory`, or failing."""
        return self._run("read", lambda: self.inner.read(name, limit))

    def size(self, name: str) -> int:
        """As in `Directory`, or failing."""
        return self._run("size", lambda: self.inner.size(name))

    def exists(self, name: str) -> bool:
        """As in `Directory`, or failing."""
        return self._run("exists", lambda: self.inner.exists(name))

    def list(self) -> list[str]:
        """As in `Directory`, or failing."""
        return self._run("list", lambda: self.inner.list())

    def rename(self, source: str, target: str) -> None:
        """As in `Directory`, or failing."""
        self._run("rename", lambda: self.inner.rename(source, target))

    def delete(self, name: str) -> None:
        """As in `Directory`, or failing."""
        self._run("delete", lambda: self.inner.delete(name))

    def sync(self, name: str) -> None:
        """As in `Directory`, or failing."""
        if self.faults.fails("sync"):
            if self.fault is not None and self.fault.kind is FaultKind.SYNC_CLEANED:
                self._lose(name)
            raise self.faults.error()
        self.inner.sync(name)

    def _lose(self, name: str) -> None:
        assert isinstance(self.inner, CrashDirectory)  # checked with the fault
        self.inner.lose(name)

    def sync_directory(self) -> None:
        """As in `Directory`, or failing."""
        self._run("sync_directory", lambda: self.inner.sync_directory())

    def lock(self, name: str, description: str) -> Lock:
        """As in `Directory`, or failing."""
        return self._run("lock", lambda: self.inner.lock(name, description))


class FaultOutput:
    """An `Output` that fails when its directory says so."""

    def __init__(self, directory: FaultDirectory, name: str, output: Output) -> None:
        self._directory, self._name, self._output = directory, name, output
        self._synced = 0

    def write(self, *buffers: Buffer) -> None:
        """As in `Output`, or failing, perhaps half way."""
        self._directory.faults.write(buffers, self._output.write)

    def tell(self) -> int:
        """As in `Output`."""
        return self._output.tell()

    def reserve(self, n_bytes: int) -> None:
        """As in `Output`, or failing."""
        self._directory._run("reserve", lambda: self._output.reserve(n_bytes))

    def sync(self) -> None:
        """As in `Output`, or failing, with the bytes kept or lost."""
        faults, inner = self._directory.faults, self._directory.inner
        if faults.fails("sync"):
            if faults.fault is not None and faults.fault.kind is FaultKind.SYNC_KEPT:
                self._output.sync()
            if faults.fault is not None and faults.fault.kind is FaultKind.SYNC_DROPPED:
                assert isinstance(inner, MemoryDirectory)  # checked with the fault
                inner.cut(self._name, self._synced)
            if faults.fault is not None and faults.fault.kind is FaultKind.SYNC_CLEANED:
                self._directory._lose(self._name)
            raise faults.error()
        self._output.sync()
        self._synced = self._output.tell()

    def close(self) -> None:
        """As in `Output`."""
        self._output.close()


@contextmanager
def failing_files(fault: Fault | None = None) -> Iterator[Faults]:
    """Let the Nth operation on any `FSDirectory` of this process fail while the block runs.

    Raises InvalidArgument for the kinds that lose bytes: a file that is mapped cannot be cut.
    """
    if fault is not None and fault.kind in NEEDED_BELOW:
        needed = NEEDED_BELOW[fault.kind].__name__
        raise InvalidArgument("fault", fault.kind.name, f"needs a {needed}")
    faults = Faults(fault)
    operations = APPLIES_TO[FaultKind.EIO] | APPLIES_TO[FaultKind.READ_EIO]
    places: list[tuple[type, str]] = [
        (owner, name)
        for owner in (FSDirectory, FSOutput)
        for name in sorted(operations)
        if name in vars(owner)
    ]
    originals = [(owner, name, vars(owner)[name]) for owner, name in places]
    try:
        for owner, name, original in originals:
            setattr(owner, name, _failing(faults, name, original))
        yield faults
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)


def _failing(faults: Faults, operation: str, original: Callable[..., Any]) -> Callable[..., Any]:
    def replacement(self: Any, *arguments: Any, **options: Any) -> Any:
        def action(*buffers: Buffer) -> Any:
            return original(self, *(buffers or arguments), **options)

        if operation == "write":
            return faults.write(arguments, action)
        if faults.fails(operation):
            if faults.fault is not None and faults.fault.kind is FaultKind.SYNC_KEPT:
                action()
            raise faults.error()
        return action()

    return replacement
