"""From a path to a database that is ready: create it, or recover it.

The engine's part of the ten steps of recovery (`persistence.recovery` has the rest):

    1 fence     take the writer's lock
    8 replay    apply the log's batches above each collection's `flushed_lsn` to its memtable
    9 re-home   write the last log file anew, start another behind it, and prepare a new epoch.
                What was replayed stays in memory and its log files stay needed, until the usual
                flush; a log of many files is moved to segments at once
    10 clean    publish it, count what was moved to segments again, then remove what the published
                state does not name

An error before step 10 leaves the database as it was, without the files of the attempt where the
disk was full; an error in it leaves either state.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from rank_retrieve.collection.flush import FileNumbers, FlushedStore, NewFiles
from rank_retrieve.collection.replay import replayed
from rank_retrieve.collection.state import FULL
from rank_retrieve.collection.store import CollectionStore
from rank_retrieve.errors import (
    CorruptionError,
    InvalidArgument,
    NotFound,
    PoisonedError,
    ReadOnlyError,
    ResourceExhausted,
    StorageError,
)
from rank_retrieve.persistence import Directory, FSDirectory, MemoryDirectory
from rank_retrieve.persistence import manifest as manifests
from rank_retrieve.persistence.checkpoints import CHECKPOINTS
from rank_retrieve.persistence.directory import check_path
from rank_retrieve.persistence.files import CHECKPOINT, LOCK, MANIFEST, parse_name, wal_name
from rank_retrieve.persistence.manifest import Manifest
from rank_retrieve.persistence.reading import recover_beside_writer
from rank_retrieve.persistence.recovery import (
    Recovered,
    quarantine,
    recover,
    remove_orphans,
    renew,
)
from rank_retrieve.persistence.recovery_report import RecoveryReport
from rank_retrieve.persistence.wal import WriteAheadLog, numbers_on_disk
from rank_retrieve.persistence.wal_tail import LogPosition, end_of

if TYPE_CHECKING:
    from rank_retrieve.persistence import Lock

MEMORY = ":memory:"
HOLDER = "rank-retrieve writer"
MAX_LOG_FILES = 8  # each opening adds one


@dataclass
class Opened:
    """What a `Database` is made from. wal and lock: None for a reader, which has log_end."""

    directory: Directory
    manifest: Manifest
    stores: list[CollectionStore]
    wal: WriteAheadLog | None
    lock: Lock | None
    report: RecoveryReport
    log_end: LogPosition | None = None


def open_path(path: str | os.PathLike[str] | Directory, mode: Literal["r", "w"]) -> Opened:
    """Open the database at a path, in a `Directory`, or at ":memory:"."""
    try:
        return _open_path(path, mode)
    except OSError as error:
        where = path.path if isinstance(path, Directory) else os.fspath(path)
        reason = error.strerror or str(error)
        raise StorageError(where, os.fsdecode(error.filename or ""), reason, error.errno) from error


def _open_path(path: str | os.PathLike[str] | Directory, mode: Literal["r", "w"]) -> Opened:
    if isinstance(path, MemoryDirectory) or (
        # comparing with a protocol is slow, and needless for what is a path anyway
        not isinstance(path, str | os.PathLike) and isinstance(path, Directory)
    ):
        return open_directory(path, mode)
    folder = check_path(path)
    if path == MEMORY:
        if mode == "r":
            raise InvalidArgument("mode", mode, "a new database in memory has nothing to read")
        return open_directory(MemoryDirectory(), mode)
    if os.path.lexists(folder) and not folder.is_dir():
        raise InvalidArgument("path", str(folder), "is a file, not a directory")
    if mode == "r":
        return open_directory(FSDirectory(folder, read_only=True), mode)
    _refuse_foreign(folder)
    return open_directory(FSDirectory(folder, create=True), mode)


def open_directory(directory: Directory, mode: Literal["r", "w"]) -> Opened:
    """Open the database in a directory; see `open_path`."""
    report = RecoveryReport()
    if mode == "r":
        recovered = recover_beside_writer(directory, report=report)
        stores = replayed(recovered)
        end = end_of(recovered.scan)
        return Opened(directory, recovered.manifest, stores, None, None, report, end)
    if directory.exists(CHECKPOINT):
        raise ReadOnlyError(f"write to {directory.path}", "a checkpoint is kept as it is")
    with report.step("fence"):
        lock = directory.lock(LOCK, HOLDER)
    try:
        try:
            recovered = recover(directory, report=report)
        except NotFound:
            return _created(directory, lock, report)
        return _rehomed(directory, lock, recovered)
    except BaseException:
        lock.release()
        raise


def _refuse_foreign(path: Path) -> None:
    """Refuse to make a database among files that are not ours."""
    if not path.is_dir():
        return
    names = sorted(entry.name for entry in path.iterdir())
    if CHECKPOINTS in names and MANIFEST not in names:
        raise CorruptionError(MANIFEST, 0, f"a manifest beside {CHECKPOINTS}/", "no file")
    strangers = [name for name in names if parse_name(name)[0] == "unknown"]
    if strangers and "manifest" not in names:
        raise InvalidArgument(
            "path",
            os.fspath(path),
            f"holds other files ({', '.join(strangers[:3])}) and no rank-retrieve index",
            "choose a new or empty directory",
        )


def _created(directory: Directory, lock: Lock, report: RecoveryReport) -> Opened:
    """A new database. It exists from the moment its manifest does."""
    database_id = os.urandom(16)
    with _storing(directory):
        number = max(numbers_on_disk(directory), default=0) + 1
        wal = WriteAheadLog.create(directory, database_id=database_id, number=number, next_lsn=1)
        manifest = Manifest(database_id, wal_number=number)
        with _unpublished(directory, wal):
            staged = manifests.stage(directory, manifest)
    with _published(directory, wal):
        manifests.replace(directory, staged)
    return Opened(directory, manifest, [], wal, lock, report)


def _rehomed(directory: Directory, lock: Lock, recovered: Recovered) -> Opened:
    """Steps 8 to 10 for a writer."""
    stores = replayed(recovered)
    report = recovered.report
    before = recovered.manifest
    numbers = FileNumbers(_next_file_number(recovered))
    dirty = [store for store in stores if store.dirty]
    kept = len(recovered.scan.files) < MAX_LOG_FILES
    with (
        report.step("re-home") as step,
        NewFiles(directory, numbers) as files,
        _storing(directory),
    ):
        removed = _remove_unfinished(directory, recovered)
        if recovered.torn_tail is not None:
            name = quarantine(directory, recovered.torn_tail)
            if name is not None:
                step.findings.append(f"the torn end of the log was set aside as {name}")
        renew(directory, recovered.scan)
        wal = WriteAheadLog.create(
            directory,
            database_id=before.database_id,
            number=recovered.next_wal_number,
            next_lsn=recovered.next_lsn,
        )
        with _unpublished(directory, wal):
            moved = [] if kept else dirty
            counted = [len(store) for store in moved]
            parts = [FlushedStore(store, directory, files, wal.last_lsn) for store in moved]
            entries = {part.entry.id: part.entry for part in parts}
            manifest = msgspec.structs.replace(
                before,
                generation=before.generation + 1,
                epoch=before.epoch + 1,
                next_file_number=numbers.next,
                wal_number=before.wal_number if kept and dirty else wal.numbers[-1],
                collections=[entries.get(entry.id, entry) for entry in before.collections],
            )
            staged = manifests.stage(directory, manifest)
        step.facts["collections"] = len(parts)
        step.facts["kept_in_log"] = len(dirty) - len(parts)
    with report.step("clean") as step, _published(directory, wal):
        manifests.replace(directory, staged)
        for part in parts:
            part.store.flushed(part.entry, part.disk)
        _prove(moved, counted)
        step.facts["documents"] = sum(len(store) for store in stores)
        step.findings += [*removed, *remove_orphans(directory, manifest)]
    return Opened(directory, manifest, stores, wal, lock, report)


@contextmanager
def _storing(directory: Directory) -> Iterator[None]:
    """Errors before the new manifest is published: the database is as it was."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise ResourceExhausted(
                "disk",
                f"no space to open {directory.path} for writing ({error})",
                'free space and try again, or open it with mode="r"; nothing acknowledged is lost',
            ) from error
        raise PoisonedError(directory.path, repr(error)) from error


@contextmanager
def _unpublished(directory: Directory, wal: WriteAheadLog) -> Iterator[None]:
    """Where no manifest names the new log file yet: an error takes it away again."""
    try:
        yield
    except BaseException:
        wal.close()
        with suppress(OSError, NotFound):
            directory.delete(wal_name(wal.numbers[-1]))
        raise


@contextmanager
def _published(directory: Directory, wal: WriteAheadLog) -> Iterator[None]:
    """Where either manifest may be the published one: all files stay."""
    try:
        yield
    except BaseException as error:
        wal.close()
        if isinstance(error, OSError):
            raise PoisonedError(directory.path, repr(error)) from error
        raise


def _remove_unfinished(directory: Directory, recovered: Recovered) -> list[str]:
    """Delete what crashed attempts left, before this one needs space; the names.

    What has a number that the manifest has not spent is named by no manifest, not even by one that
    power loss would bring back. The rest has to wait until the new manifest is durable.
    """
    unspent = recovered.manifest.next_file_number
    inventory = recovered.inventory
    names = [*inventory.temporary]
    names += [name for name in inventory.unpublished if parse_name(name)[1] >= unspent]
    for name in names:
        directory.delete(name)
    return names


def _next_file_number(recovered: Recovered) -> int:
    """Above every file that is there: a flush that crashed has used numbers without saying so."""
    used = [parse_name(name)[1] + 1 for name in recovered.inventory.unpublished]
    return max(recovered.manifest.next_file_number, *used, 0)


def _prove(stores: Sequence[CollectionStore], counted: Sequence[int]) -> None:
    """The documents that were moved to segments are all there; those in the log were only read."""
    for store, expected in zip(stores, counted, strict=True):
        if len(store) != expected:
            raise CorruptionError(
                store.entry.name, 0, f"{expected} documents in segments", str(len(store))
            )
