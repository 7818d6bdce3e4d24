"""From a path to a database that is ready: create it, or recover it.

The engine's part of the ten steps of recovery (`persistence.recovery` has the rest):

    1 fence     take the writer's lock
    8 replay    apply the log's batches above each collection's `flushed_lsn` to its memtable
    9 re-home   start a new log file, so that a torn tail is never written behind, and publish a
                new epoch. What was replayed stays in memory and its log files stay needed, until
                the usual flush; a log of many files is moved to segments at once
    10 clean    count again, then remove what the published state does not name
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import msgspec

from rank_retrieve.collection.flush import FileNumbers, FlushedStore
from rank_retrieve.collection.replay import replayed
from rank_retrieve.collection.store import CollectionStore
from rank_retrieve.errors import CorruptionError, InvalidArgument, NotFound, ReadOnlyError
from rank_retrieve.persistence import Directory, FSDirectory, MemoryDirectory
from rank_retrieve.persistence import manifest as manifests
from rank_retrieve.persistence.checkpoints import CHECKPOINTS
from rank_retrieve.persistence.directory import check_path
from rank_retrieve.persistence.files import CHECKPOINT, LOCK, MANIFEST, parse_name
from rank_retrieve.persistence.manifest import Manifest
from rank_retrieve.persistence.reading import recover_beside_writer
from rank_retrieve.persistence.recovery import (
    Recovered,
    quarantine,
    recover,
    remove_orphans,
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
            recovered = recover(directory, writable=True, report=report)
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
    number = max(numbers_on_disk(directory), default=0) + 1
    wal = WriteAheadLog.create(directory, database_id=database_id, number=number, next_lsn=1)
    manifest = Manifest(database_id, wal_number=number)
    manifests.publish(directory, manifest)
    return Opened(directory, manifest, [], wal, lock, report)


def _rehomed(directory: Directory, lock: Lock, recovered: Recovered) -> Opened:
    """Steps 8 to 10 for a writer."""
    stores = replayed(recovered)
    report = recovered.report
    before = recovered.manifest
    with report.step("re-home") as step:
        if recovered.torn_tail is not None:
            name = quarantine(directory, recovered.torn_tail)
            if name is not None:
                step.findings.append(f"the torn end of the log was set aside as {name}")
        for file in recovered.scan.files:
            # what was read may be in the system's cache only; a new log that outlives it would
            # turn a power loss into a gap
            directory.sync(file.name)
        wal = WriteAheadLog.create(
            directory,
            database_id=before.database_id,
            number=recovered.next_wal_number,
            next_lsn=recovered.next_lsn,
        )
        numbers = FileNumbers(_next_file_number(recovered))
        lsn = wal.last_lsn
        counted = [len(store) for store in stores]
        dirty = [store for store in stores if store.dirty]
        kept = len(recovered.scan.files) < MAX_LOG_FILES
        parts = [] if kept else [FlushedStore(s, directory, numbers, lsn) for s in dirty]
        entries = {part.entry.id: part.entry for part in parts}
        manifest = msgspec.structs.replace(
            before,
            generation=before.generation + 1,
            epoch=before.epoch + 1,
            next_file_number=numbers.next,
            wal_number=before.wal_number if kept and dirty else wal.numbers[-1],
            collections=[entries.get(entry.id, entry) for entry in before.collections],
        )
        manifests.publish(directory, manifest)
        for part in parts:
            part.store.flushed(part.entry, part.disk)
        step.facts["collections"] = len(parts)
        step.facts["kept_in_log"] = len(dirty) - len(parts)
    with report.step("clean") as step:
        _prove(stores, counted)
        step.facts["documents"] = sum(counted)
        step.findings += remove_orphans(directory, manifest)
    return Opened(directory, manifest, stores, wal, lock, report)


def _next_file_number(recovered: Recovered) -> int:
    """Above every file that is there: a flush that crashed has used numbers without saying so."""
    used = [parse_name(name)[1] + 1 for name in recovered.inventory.unpublished]
    return max(recovered.manifest.next_file_number, *used, 0)


def _prove(stores: Sequence[CollectionStore], counted: Sequence[int]) -> None:
    for store, expected in zip(stores, counted, strict=True):
        if len(store) != expected:
            raise CorruptionError(
                store.entry.name, 0, f"{expected} recovered documents", str(len(store))
            )
