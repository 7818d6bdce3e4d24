"""A directory whose Nth operation fails, once or from then on.

Run a workload without a fault and ask `count(kind)` how often it could fail; then run it again with
`Fault(kind, at)` for every `at` in 1..count, once and sticky.
"""

from __future__ import annotations

import enum
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.persistence.directory import Buffer, Directory, Output, as_view
from rank_retrieve.persistence.lock import Lock
from rank_retrieve.persistence.memory_directory import MemoryDirectory

Result = TypeVar("Result")


class FaultKind(enum.Enum):
    """What goes wrong."""

    EIO = "an operation that changes something fails with EIO and does nothing"
    READ_EIO = "an operation that reads fails with EIO"
    ENOSPC = "an operation that needs space fails with ENOSPC and does nothing"
    SHORT_WRITE = "a write stores its first half, then fails with ENOSPC"
    SYNC_KEPT = "a sync fails with EIO; the bytes arrive nevertheless"
    SYNC_DROPPED = "a sync fails with EIO; the bytes since the last one are lost"


APPLIES_TO: dict[FaultKind, frozenset[str]] = {
    FaultKind.EIO: frozenset(
        {"create", "write", "reserve", "sync", "rename", "delete", "sync_directory", "lock"}
    ),
    FaultKind.READ_EIO: frozenset({"open", "read", "size", "exists", "list"}),
    FaultKind.ENOSPC: frozenset({"create", "write", "reserve", "rename"}),
    FaultKind.SHORT_WRITE: frozenset({"write"}),
    FaultKind.SYNC_KEPT: frozenset({"sync", "sync_directory"}),
    FaultKind.SYNC_DROPPED: frozenset({"sync"}),
}


@dataclass(frozen=True)
class Fault:
    """The `at`-th operation, from 1, to which `kind` applies fails; `sticky`: later ones too."""

    kind: FaultKind
    at: int
    sticky: bool = False


class FaultDirectory:
    """Another directory with a `fault`; None only counts.

    SYNC_DROPPED needs a `MemoryDirectory` inside, whose files it can cut.
    """

    def __init__(self, inner: Directory, fault: Fault | None = None) -> None:
        if (
            fault
            and fault.kind is FaultKind.SYNC_DROPPED
            and not isinstance(inner, MemoryDirectory)
        ):
            raise InvalidArgument("inner", type(inner).__name__, "must be a MemoryDirectory")
        self.inner, self.fault = inner, fault
        self.performed: list[str] = []
        self.failed: list[str] = []

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
        return sum(operation in APPLIES_TO[kind] for operation in self.performed)

    def _fails(self, operation: str) -> bool:
        self.performed.append(operation)
        fault = self.fault
        if fault is None or operation not in APPLIES_TO[fault.kind]:
            return False
        number = self.count(fault.kind)
        if number != fault.at and not (fault.sticky and number > fault.at):
            return False
        self.failed.append(operation)
        return True

    def _error(self) -> OSError:
        full = self.fault is not None and self.fault.kind in (
            FaultKind.ENOSPC,
            FaultKind.SHORT_WRITE,
        )
        number = errno.ENOSPC if full else errno.EIO
        return OSError(number, os.strerror(number))

    def _run(self, operation: str, action: Callable[[], Result]) -> Result:
        if self._fails(operation):
            raise self._error()
        return action()

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
        self._run("sync", lambda: self.inner.sync(name))

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
        directory = self._directory
        if directory._fails("write"):
            if directory.fault is not None and directory.fault.kind is FaultKind.SHORT_WRITE:
                contents = b"".join(as_view(buffer) for buffer in buffers)
                self._output.write(contents[: len(contents) // 2])
            raise directory._error()
        self._output.write(*buffers)

    def tell(self) -> int:
        """As in `Output`."""
        return self._output.tell()

    def reserve(self, n_bytes: int) -> None:
        """As in `Output`, or failing."""
        self._directory._run("reserve", lambda: self._output.reserve(n_bytes))

    def sync(self) -> None:
        """As in `Output`, or failing, with the bytes kept or lost."""
        directory = self._directory
        if directory._fails("sync"):
            fault, inner = directory.fault, directory.inner
            if fault is not None and fault.kind is FaultKind.SYNC_KEPT:
                self._output.sync()
            if fault is not None and fault.kind is FaultKind.SYNC_DROPPED:
                assert isinstance(inner, MemoryDirectory)  # checked by the constructor
                inner.cut(self._name, self._synced)
            raise directory._error()
        self._output.sync()
        self._synced = self._output.tell()

    def close(self) -> None:
        """As in `Output`."""
        self._output.close()
