"""What an open database holds, the one lock that guards it, and what may still be done with it.

    open            until `close`; in the process that opened it only
    refusal         writes are refused until `resume()`: the disk was full
    poison          writes are refused for good: what is on the disk is not known any more
    half adopted    nothing is answered any more: the memory has half of a new state

The lock is held while batches are appended to the log and applied, but neither while they are
synced nor while anything is searched.
"""

from __future__ import annotations

import errno
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from rank_retrieve.collection.flush import FileNumbers
from rank_retrieve.collection.owner import Owner
from rank_retrieve.errors import InvalidArgument, PoisonedError, ReadOnlyError, ResourceExhausted
from rank_retrieve.persistence.manifest import CollectionEntry, Manifest

if TYPE_CHECKING:
    from rank_retrieve.collection.opening import Opened
    from rank_retrieve.collection.snapshot import Snapshot

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class State:
    """Everything in here is read and changed under the lock.

    stores: collections by name. wal: None for a reading handle. numbers: for new files.
    refusal: why writes are refused until `resume()`. poison: what ended writing for good.
    snapshots: those that were handed out, closed or not.
    """

    def __init__(self, opened: Opened) -> None:
        self.directory = opened.directory
        self.manifest: Manifest = opened.manifest
        self.stores = {store.entry.name: store for store in opened.stores}
        self.wal, self.writer_lock = opened.wal, opened.lock
        # a number is spent even when the file it named came to nothing
        self.numbers = FileNumbers(opened.manifest.next_file_number)
        self.lock = threading.RLock()
        self.owner = Owner(opened.directory.path)
        self.closed = False
        self.refusal: str | None = None
        self.poison: BaseException | None = None
        self.snapshots: weakref.WeakSet[Snapshot] = weakref.WeakSet()
        self._half_adopted = False

    @property
    def path(self) -> str:
        """Where the database is."""
        return self.directory.path

    @property
    def mode(self) -> Literal["r", "w"]:
        """How it was opened."""
        return "r" if self.wal is None else "w"

    # ------------------------------------------------------------------ may it be done

    def check_open(self) -> None:
        """Raises ForkedHandleError in a child process, InvalidArgument after `close`."""
        self.owner.check()
        if self.closed:
            raise InvalidArgument("database", self.path, "is closed", "open it again")

    def check_usable(self) -> None:
        """Raises PoisonedError also, where not even reading makes sense any more."""
        self.check_open()
        if self._half_adopted:
            self.raise_poisoned()

    def raise_poisoned(self) -> None:
        """Raises PoisonedError if an error has ended writing for good."""
        if self.poison is not None:
            raise PoisonedError(self.path, repr(self.poison)) from self.poison

    @contextmanager
    def locked(self) -> Iterator[None]:
        """The lock, to look."""
        self.check_open()
        with self.lock:
            self.check_usable()
            yield

    @contextmanager
    def locked_for(self, operation: str) -> Iterator[None]:
        """The lock, for a change; raises where changes are not possible."""
        self.check_open()
        with self.lock:
            self.check_writable(operation)
            yield

    def check_writable(self, operation: str) -> None:
        """Raises where changes are not possible; to be called under the lock."""
        self.check_usable()
        if self.wal is None:
            raise ReadOnlyError(operation)
        self.raise_poisoned()
        if self.refusal is not None:
            raise ReadOnlyError(operation, f"{self.refusal}; free space, then call resume()")

    # ------------------------------------------------------------------ what errors mean

    def stop_writing(self, error: BaseException) -> None:
        """Refuse writes for good; the first error is the one to tell."""
        if self.poison is None:
            self.poison = error

    def refuse_writes(self, reason: str) -> None:
        """Be read-only until `resume()`; the first reason is the one to tell."""
        with self.lock:
            if self.refusal is None:
                self.refusal = reason

    @contextmanager
    def storing(self, operation: str) -> Iterator[None]:
        """Errors while writing new files, before anything refers to them."""
        try:
            yield
        except OSError as error:
            if error.errno in FULL:
                raise ResourceExhausted(
                    "disk",
                    f"no space to {operation} ({error})",
                    "free space and try again; nothing acknowledged is lost",
                ) from error
            self.stop_writing(error)
            raise PoisonedError(self.path, repr(error)) from error

    @contextmanager
    def adopting(self) -> Iterator[None]:
        """Taking over in memory what is on disk; an interrupt in here ends the handle's use.

        Without this, it would go on with half of the new state. Reopening has all of it.
        """
        try:
            yield
        except BaseException as error:
            self.half_adopt(error)
            raise

    def half_adopt(self, error: BaseException) -> None:
        """Answer nothing any more: the memory has half of a new state."""
        self.stop_writing(error)
        self._half_adopted = True

    # ------------------------------------------------------------------ what is held

    @property
    def memtable_bytes(self) -> int:
        """What all collections keep in memory until the next flush."""
        total = 0
        for store in self.stores.values():  # after every write: a generator would cost more
            total += store.memtable.nbytes
        return total

    def entries_with(self, changed: Mapping[int, CollectionEntry]) -> list[CollectionEntry]:
        """The published collections, those changed replaced, by their ids."""
        return [changed.get(entry.id, entry) for entry in self.manifest.collections]

    def oldest_generation(self) -> int:
        """Of what is shown here and by snapshots that were not closed."""
        shown = [view.generation for view in self.snapshots if not view.closed]
        return min([self.manifest.generation, *shown])
