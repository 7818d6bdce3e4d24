"""Named checkpoints: `checkpoints/<name>/` inside the database's folder.

    manifest                the state at that moment, published last: without it there is none
    checkpoint              JSON: name, when, how much; says that the folder is not to be changed
    wal-NNNNNNNNNN.log      an empty log that goes on where the manifest ends
    segment-*, deletions-*, encoder-*    hard links, or copies where there are none

A checkpoint is a database directory of its own, complete and ready to be read. Published files
never change, so a hard link is as good as a copy until the device loses the bytes of both: that
is what backups are for. Making one: the folder, its files, their names synced, the manifest by
rename. Dropping one: the manifest, durably, then the rest. Whatever a crash leaves in between has
no manifest, is not listed, and is cleared by the next checkpoint of that name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress

import msgspec

from rank_retrieve.errors import (
    AlreadyExists,
    CorruptionError,
    InvalidArgument,
    NotCommitted,
    NotFound,
    OutcomeUnknown,
    RankRetrieveError,
)
from rank_retrieve.persistence import manifest as manifests
from rank_retrieve.persistence.directory import NAME, Directory, Nesting, as_nesting
from rank_retrieve.persistence.files import CHECKPOINT, MANIFEST, wal_name
from rank_retrieve.persistence.folders import write_file
from rank_retrieve.persistence.manifest import Manifest
from rank_retrieve.persistence.wal_format import file_header

CHECKPOINTS = "checkpoints"
MAX_NOTE_BYTES = 1 << 16


class CheckpointInfo(msgspec.Struct, frozen=True):
    """One checkpoint. created: seconds since 1970. bytes: of all its files, shared or not."""

    name: str
    created: float
    documents: int
    bytes: int


def check_checkpoint_name(name: object) -> str:
    """The name itself, or InvalidArgument."""
    if not isinstance(name, str) or not NAME.match(name) or len(name) > 100:
        raise InvalidArgument(
            "checkpoint",
            name,
            "a name is 1..100 of A-Z a-z 0-9 . _ - and starts with none of . _ -",
        )
    return name


def checkpoints_of(directory: Directory, *, create: bool = False) -> Nesting | None:
    """The folder of a database's checkpoints; None when there is none yet.

    Raises InvalidArgument for a database in a directory that cannot hold folders.
    """
    parent = as_nesting(directory)
    if parent is None:
        raise InvalidArgument(
            "database",
            directory.path,
            "is in a directory without folders, which checkpoints need",
            "copy it with rr.backup",
        )
    if create:
        return parent.folder(CHECKPOINTS, create=True)
    with suppress(NotFound):
        return parent.folder(CHECKPOINTS)
    return None


def list_checkpoints(directory: Directory) -> list[CheckpointInfo]:
    """All complete checkpoints, oldest first. Raises CorruptionError for what cannot be read."""
    found = []
    try:
        home = checkpoints_of(directory)
        for name in [] if home is None else home.folders():
            assert home is not None
            folder = home.folder(name)
            if folder.exists(MANIFEST):
                found.append(read_note(folder))
    except OSError as error:
        place = f"{directory.path}/{CHECKPOINTS}"
        raise CorruptionError(place, 0, "folders that can be read", str(error)) from error
    return sorted(found, key=lambda info: (info.created, info.name))


def read_note(folder: Directory) -> CheckpointInfo:
    """What a checkpoint says of itself."""
    try:
        return msgspec.json.decode(folder.read(CHECKPOINT, MAX_NOTE_BYTES), type=CheckpointInfo)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise CorruptionError(
            f"{folder.path}/{CHECKPOINT}", 0, "a checkpoint's note", str(error)
        ) from None


def open_checkpoint(directory: Directory, name: str) -> Nesting:
    """The folder of a complete checkpoint. Raises NotFound, which tells of an incomplete one."""
    folder = _folder_of(directory, name)
    if folder is not None and folder.exists(MANIFEST):
        return folder
    if folder is not None:
        raise NotFound("checkpoint", name, "it is incomplete: make it again, or drop it")
    raise _unknown(directory, name)


def _folder_of(directory: Directory, name: str) -> Nesting | None:
    """The folder of a checkpoint, complete or not."""
    home = checkpoints_of(directory)
    with suppress(NotFound):
        return None if home is None else home.folder(check_checkpoint_name(name))
    return None


def _unknown(directory: Directory, name: str) -> NotFound:
    known = ", ".join(info.name for info in list_checkpoints(directory)) or "none yet"
    return NotFound("checkpoint", name, f"the checkpoints are: {known}")


def checkpoint_manifest(manifest: Manifest) -> Manifest:
    """The state of a checkpoint: the same, over a log with a single, empty file."""
    return msgspec.structs.replace(manifest, wal_number=1)


def empty_log(manifest: Manifest) -> dict[str, memoryview]:
    """The one log file of a checkpoint whose manifest has everything in segments."""
    next_lsn = max((entry.flushed_lsn for entry in manifest.collections), default=0) + 1
    return {wal_name(1): memoryview(file_header(manifest.database_id, 1, next_lsn))}


@contextmanager
def new_checkpoint(directory: Directory, name: str) -> Iterator[Directory]:
    """An empty folder for a checkpoint, which the block fills with `fill_checkpoint`.

    Raises AlreadyExists, NotCommitted when an OSError came before there could be one or nothing
    is left, OutcomeUnknown when it may be complete all the same.
    """
    try:
        home = checkpoints_of(directory, create=True)
        assert home is not None
        folder = home.folder(name, create=True)
        if folder.exists(MANIFEST):
            raise AlreadyExists("checkpoint", name, "drop it first, or choose another name")
        clear_checkpoint(folder)
    except OSError as error:
        raise NotCommitted(f"checkpoint {name!r}", str(error)) from error
    try:
        yield folder
    except BaseException as error:
        with suppress(OSError, RankRetrieveError):  # the first error is the one to tell
            clear_checkpoint(folder)
            home.remove_folder(name)
        if isinstance(error, OSError):
            kind = OutcomeUnknown if _may_be_complete(folder) else NotCommitted
            raise kind(f"checkpoint {name!r}", str(error)) from error
        raise


def _may_be_complete(folder: Directory) -> bool:
    try:
        return folder.exists(MANIFEST)
    except OSError:
        return True


def fill_checkpoint(
    source: Directory,
    manifest: Manifest,
    files: Mapping[str, memoryview],
    folder: Directory,
    info: CheckpointInfo,
) -> None:
    """Put a state into an empty folder; it is a checkpoint from the moment this returns.

    manifest: as `checkpoint_manifest` makes it; everything is in segments. files: the contents
    of what it names, for where a hard link is not possible.
    """
    linking = as_nesting(source)
    for name, contents in files.items():
        if linking is None or not linking.link(name, folder):
            write_file(folder, name, contents)
    for name, contents in empty_log(manifest).items():
        write_file(folder, name, contents)
    write_file(folder, CHECKPOINT, memoryview(msgspec.json.encode(info)))
    manifests.publish(folder, manifest)


def remove_checkpoint(directory: Directory, name: str) -> None:
    """Delete a checkpoint, or what is left of one; from the first step on there is none.

    Raises NotFound, and OutcomeUnknown after an error of the file system: as long as the
    checkpoint is still listed, it is whole.
    """
    try:
        home, folder = checkpoints_of(directory), _folder_of(directory, name)
        if home is None or folder is None:
            raise _unknown(directory, name)
        clear_checkpoint(folder)
        home.remove_folder(name)
    except OSError as error:
        raise OutcomeUnknown(f"dropping checkpoint {name!r}", str(error)) from error


def clear_checkpoint(folder: Directory) -> None:
    """Delete every file, the manifest first: half a checkpoint must not look like one."""
    names = folder.list()
    if MANIFEST in names:
        folder.delete(MANIFEST)
        folder.sync_directory()
    for name in names:
        if name != MANIFEST:
            folder.delete(name)
