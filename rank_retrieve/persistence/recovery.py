"""From a directory after a crash to a state that is a prefix of what was committed.

Ten steps; those marked * need to know what documents are and are taken by the collection layer, in
the same report. The first eight change nothing, so they also serve readers and read-only media.

     1 fence *     the writer's lock
     2 identify    magic, format version and feature flags of the manifest
     3 select      the one published manifest; there is no silent fallback to another state
     4 validate    its names, ids, numbers and limits
     5 segments    size, footer and checksum of every published file
     6 inventory   what else is there: temporary, unpublished, obsolete, set aside, unknown
     7 log         clean, torn, damaged, gap or missing
     8 replay *    whole batches above each collection's `flushed_lsn`
     9 re-home *   `quarantine` the torn tail, `renew` the last log file; a new one behind it, a new
                   epoch, published
    10 clean *     compare counts, then `remove_orphans` of the state just published
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from rank_retrieve.errors import CorruptionError, NotFound
from rank_retrieve.persistence import manifest as manifests
from rank_retrieve.persistence.directory import Buffer, Directory
from rank_retrieve.persistence.files import (
    MANIFEST,
    PUBLISHED_KINDS,
    parse_name,
    quarantine_name,
    wal_name,
)
from rank_retrieve.persistence.inventory import Inventory, take_inventory
from rank_retrieve.persistence.manifest import Manifest
from rank_retrieve.persistence.recovery_report import RecoveryReport
from rank_retrieve.persistence.segment import SegmentReader, temporary_name
from rank_retrieve.persistence.wal_format import FILE_HEADER_SIZE
from rank_retrieve.persistence.wal_frames import Frames
from rank_retrieve.persistence.wal_scan import TornTail, WalScan, scan

__all__ = [
    "Recovered",
    "RecoveryReport",
    "quarantine",
    "recover",
    "remove_orphans",
    "renew",
]


@dataclass(frozen=True)
class Recovered:
    """What steps 2 to 7 found; nothing was changed.

    files: every published file, opened, by name. They stay readable when they are deleted.
    frames: the log above the lowest `flushed_lsn`; each collection skips those it has.
    """

    manifest: Manifest
    files: dict[str, SegmentReader]
    scan: WalScan
    frames: Frames
    inventory: Inventory
    report: RecoveryReport

    @property
    def next_lsn(self) -> int:
        """LSN for the first frame of the next log."""
        return self.scan.next_lsn

    @property
    def next_wal_number(self) -> int:
        """Number for the first file of the next log."""
        return self.scan.next_number

    @property
    def torn_tail(self) -> TornTail | None:
        """The end of the log that does not count, if there is one."""
        return self.scan.tail


def recover(directory: Directory, *, report: RecoveryReport | None = None) -> Recovered:
    """Steps 2 to 7: find the published state and the log above it. Changes nothing.

    The caller holds the writer's lock, or looks where nobody writes; beside a writer, which may
    publish at any moment, see `reading.recover_beside_writer`.
    report: steps are added to it; a new one otherwise.
    Raises NotFound when there is no index, FormatVersionError, CorruptionError.
    """
    report = RecoveryReport() if report is None else report
    with report.step("identify") as step:
        payload = manifests.open_envelope(_read_manifest(directory))
        step.facts["format_version"] = manifests.VERSION
    with report.step("select") as step:
        leftover = [n for n in directory.list() if n.startswith(f"{MANIFEST}.")]
        step.findings += [f"{name} was never published" for name in leftover]
    with report.step("validate") as step:
        manifest = manifests.decode_payload(payload)
        step.facts["database_id"] = manifest.database_id.hex()
        step.facts["generation"] = manifest.generation
        step.facts["epoch"] = manifest.epoch
    with report.step("segments") as step:
        files = _open_files(directory, manifest)
        step.facts["files"] = len(files)
        step.facts["bytes"] = sum(file.info.size for file in files.values())
    with report.step("inventory") as step:
        inventory = take_inventory(directory, manifest)
        step.facts.update(inventory.counts())
        step.findings += [f"{name} is none of ours and is left alone" for name in inventory.unknown]
    with report.step("log") as step:
        found = scan(directory, database_id=manifest.database_id, first=manifest.wal_number)
        step.facts["status"] = found.status
        step.facts["files"] = len(found.files)
        step.facts["bytes"] = found.n_bytes
        step.findings += found.findings
        _check_log(manifest, found)
        flushed = [collection.flushed_lsn for collection in manifest.collections]
        frames = found.frames(min(flushed, default=found.next_lsn))
        step.facts["next_lsn"] = found.next_lsn
    return Recovered(manifest, files, found, frames, inventory, report)


def _read_manifest(directory: Directory) -> bytes:
    """The manifest's bytes; NotFound only where no database can ever have been."""
    try:
        return directory.read(MANIFEST, manifests.MAX_BYTES)
    except NotFound:
        evidence = _trace(directory)
    if not evidence:
        raise NotFound("index", directory.path, "create it by opening for writing")
    try:
        return directory.read(MANIFEST, manifests.MAX_BYTES)  # published while we looked
    except NotFound:
        raise CorruptionError(MANIFEST, 0, f"a manifest beside {evidence}", "no file") from None


def _trace(directory: Directory) -> str:
    """A file that only a published database can have; empty when there is none."""
    for name in directory.list():
        kind, _ = parse_name(name)
        if kind in PUBLISHED_KINDS or (kind == "wal" and _has_frames(directory, name)):
            return name
    return ""


def _has_frames(directory: Directory, name: str) -> bool:
    """Whether there is anything below the header; a creation that was cut short has nothing."""
    with suppress(NotFound):
        below = directory.open(name)[FILE_HEADER_SIZE:]
        return len(below) > 0 and bool(np.frombuffer(below, dtype=np.uint8).any())
    return False


def _open_files(directory: Directory, manifest: Manifest) -> dict[str, SegmentReader]:
    files = {}
    for file in manifest.files():
        try:
            files[file.name] = SegmentReader.open(directory, file.name, kind=None, expected=file)
        except NotFound:
            expected = f"a published file of {file.size} bytes"
            raise CorruptionError(file.name, 0, expected, "none") from None
    return files


def _check_log(manifest: Manifest, found: WalScan) -> None:
    """Refuse a log that has lost what was durable; a torn end is no loss."""
    if found.status == "missing":
        raise CorruptionError(
            wal_name(manifest.wal_number), 0, "all log files from this one on", found.findings[0]
        )
    if found.status in ("damaged", "gap"):
        file = next(file for file in found.files if file.status == found.status)
        raise CorruptionError(file.name, file.end, "the log as it was synced", file.finding)
    # the log is synced before a manifest says that its frames are in segments
    flushed = max((collection.flushed_lsn for collection in manifest.collections), default=0)
    if flushed >= found.next_lsn:
        last = found.files[-1]
        raise CorruptionError(
            last.name, last.end, f"frames up to LSN {flushed}", f"the last is {last.next_lsn - 1}"
        )


def quarantine(directory: Directory, tail: TornTail) -> str | None:
    """Set aside the bytes of a torn tail, so that nothing is lost that a person might read.

    Returns the name of the new file, which survives a crash; None when there are only zeros.
    Doing it again changes nothing.
    """
    name = quarantine_name(tail.file, tail.offset)
    if directory.exists(name):
        return name
    contents = bytes(directory.open(tail.file)[tail.offset : tail.offset + tail.size])
    contents = contents.rstrip(b"\0")
    if not contents:
        return None
    _replace(directory, name, contents)
    return name


def renew(directory: Directory, found: WalScan) -> str | None:
    """Write the last log file anew, up to the end of its last frame; its name, if that was needed.

    Who wrote it may have failed to sync it. The system then holds those bytes for clean: they are
    read, another sync of the file returns, and power loss takes them. A log that went on in the
    next file would then have a gap. A copy in another file is synced like any other, and leaves the
    torn end out, behind which there may be whole frames whose LSNs are given out again. Earlier
    files were synced before they had a successor. Needs space; an error leaves the file as it was.
    """
    file = [file for file in found.files if file.has_header][-1]
    if not file.offsets and file.status == "clean":
        return None
    _replace(directory, file.name, file.view[: file.end])
    return file.name


def _replace(directory: Directory, name: str, contents: Buffer) -> None:
    """Give a name these contents, durably; it has them or what it had before at any moment."""
    temporary = temporary_name(name)
    try:
        output = directory.create(temporary)
        try:
            output.write(contents)
            output.sync()
        finally:
            output.close()
        directory.rename(temporary, name)
    except BaseException:
        with suppress(OSError, NotFound):  # an attempt on a full disk must not leave it fuller
            directory.delete(temporary)
        raise
    directory.sync_directory()


def remove_orphans(
    directory: Directory, manifest: Manifest | None, *, keep: Collection[str] = ()
) -> list[str]:
    """Delete what neither the manifest nor `keep` needs; return the names.

    manifest: the state that was published last, durably; None before the first one, which
    clears what an interrupted creation left. keep: files that only log frames name so far.
    Temporary, unpublished and obsolete files go; unknown and quarantined ones stay. Not synced:
    what reappears after a crash is an orphan again. The caller holds the writer's lock.
    """
    if manifest is None and (evidence := _trace(directory)):
        raise CorruptionError(MANIFEST, 0, f"a manifest beside {evidence}", "no file")
    removed = []
    for name in take_inventory(directory, manifest).orphans:
        if name not in keep:
            directory.delete(name)
            removed.append(name)
    return removed
