"""Backups into one file, and the way back: from an archive or a checkpoint to a new directory."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

from rank_retrieve.collection.database import Database
from rank_retrieve.errors import AlreadyExists, CorruptionError, InvalidArgument, NotFound
from rank_retrieve.persistence import Directory, FSDirectory
from rank_retrieve.persistence import manifest as manifests
from rank_retrieve.persistence.archive import ArchiveReader, write_archive
from rank_retrieve.persistence.checkpoints import check_checkpoint_name, open_checkpoint
from rank_retrieve.persistence.directory import sync_descriptor, sync_folder
from rank_retrieve.persistence.files import MANIFEST
from rank_retrieve.persistence.folders import new_folder
from rank_retrieve.persistence.image import (
    Image,
    expected_kind,
    finish_copy,
    take_image,
    write_image,
)
from rank_retrieve.persistence.manifest import Manifest

StrPath: TypeAlias = str | os.PathLike[str]

_counter = itertools.count(1)


@dataclass(frozen=True)
class BackupReport:
    """path: the archive. digest: BLAKE2b-256 that names its contents, in hexadecimal."""

    path: str
    files: int
    bytes: int
    digest: str


@dataclass(frozen=True)
class RestoreReport:
    """path: the new database, every byte of which was verified."""

    path: str
    files: int
    bytes: int
    collections: tuple[str, ...]


# --------------------------------------------------------------------------- backup


def backup(source: StrPath | Directory | Database, archive: StrPath) -> BackupReport:
    """Copy a database into one file, while it may be written to.

    source: a database, its path, or that of a checkpoint. Every write that was acknowledged
        before the call is in the backup; the source is not changed.
    archive: a new file; it has its name only when it is complete and synced.

    Raises AlreadyExists for an archive that is there, NotFound, CorruptionError, OSError.
    """
    target = Path(archive).absolute()
    if os.path.lexists(target):
        raise AlreadyExists("archive", os.fspath(archive), "choose another name")
    image = _image_of(source)
    with _new_file(target) as file:
        digest = write_archive(image, file)
    return BackupReport(os.fspath(archive), len(image.files) + 1, image.n_bytes, digest)


def _image_of(source: StrPath | Directory | Database) -> Image:
    if isinstance(source, Database):
        return take_image(source._opened_directory())
    if isinstance(source, str | os.PathLike):
        return take_image(FSDirectory(source, read_only=True))
    if isinstance(source, Directory):
        return take_image(source)
    raise InvalidArgument("source", source, "must be a database, a path or a Directory")


@contextmanager
def _new_file(target: Path) -> Iterator[BinaryIO]:
    """A file that gets its name when the block has ended well; nothing is ever replaced."""
    temporary = target.with_name(f"{target.name[:90]}.{os.getpid()}-{next(_counter)}.tmp")
    try:
        with temporary.open("xb", buffering=0) as file:
            yield _Whole(file)  # type: ignore[misc]
            sync_descriptor(file.fileno())
        _name(temporary, target)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
    sync_folder(target.parent)


class _Whole:
    """An unbuffered file whose `write` takes all of it: buffers would write again after errors."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def write(self, buffer: bytes | memoryview) -> int:
        view = memoryview(buffer)
        while view:
            view = view[self._file.write(view) :]
        return len(buffer)


def _name(temporary: Path, target: Path) -> None:
    try:
        target.hardlink_to(temporary)  # unlike a rename, it fails where something is
    except FileExistsError:
        raise AlreadyExists("archive", os.fspath(target), "choose another name") from None
    except OSError:
        temporary.rename(target)


# --------------------------------------------------------------------------- restore


def restore(source: StrPath | Directory | tuple[Database, str], target: StrPath) -> RestoreReport:
    """Make a new database from an archive, or from a checkpoint.

    source: an archive file; the folder of a checkpoint, or of a database; or (database, name
        of its checkpoint).
    target: a path where nothing is, or an empty folder. The database appears there when every
        byte of it has been verified; until then, and after any failure, nothing does.

    Raises InvalidArgument for a target that is not empty, NotFound, CorruptionError,
    FormatVersionError.
    """
    if not isinstance(target, str | os.PathLike):
        raise InvalidArgument("target", target, "must be a path")
    if isinstance(source, str | os.PathLike) and not Path(source).is_dir():
        if not Path(source).exists():
            raise NotFound("archive or checkpoint", os.fspath(source))
        if not Path(source).is_file():  # a pipe would be waited for
            raise InvalidArgument("source", os.fspath(source), "is neither a file nor a folder")
        with new_folder(target) as directory:
            manifest, files, size = _restore_archive(Path(source), directory)
    else:
        image = take_image(_folder_of(source))
        manifest, files, size = image.manifest, len(image.files) + 1, image.n_bytes
        with new_folder(target) as directory:
            write_image(image, directory)
    names = tuple(sorted(entry.name for entry in manifest.collections))
    return RestoreReport(os.fspath(target), files, size, names)


def _folder_of(source: StrPath | Directory | tuple[Database, str]) -> Directory:
    if isinstance(source, str | os.PathLike):
        return FSDirectory(source, read_only=True)
    if isinstance(source, Directory):
        return source
    if isinstance(source, tuple) and len(source) == 2 and isinstance(source[0], Database):
        return open_checkpoint(source[0]._opened_directory(), check_checkpoint_name(source[1]))
    raise InvalidArgument(
        "source", source, "must be an archive, a checkpoint's folder or (database, name)"
    )


def _restore_archive(path: Path, directory: Directory) -> tuple[Manifest, int, int]:
    with path.open("rb") as file:
        reader = ArchiveReader(file, origin=os.fspath(path), size=os.fstat(file.fileno()).st_size)
        manifest: Manifest | None = None
        for entry in reader:
            if manifest is None:
                if entry.name != MANIFEST:
                    raise CorruptionError(
                        os.fspath(path), entry.offset, "the manifest first", entry.name
                    )
                payload = manifests.open_envelope(entry.read(manifests.MAX_BYTES))
                manifest = manifests.decode_payload(payload)
                continue
            if not expected_kind(manifest, entry.name):
                raise CorruptionError(
                    os.fspath(path), entry.offset, "a file of the database", entry.name
                )
            output = directory.create(entry.name)
            try:
                for chunk in entry.chunks:
                    output.write(chunk)
                output.sync()
            finally:
                output.close()
    assert manifest is not None  # an archive has one file at least
    finish_copy(directory, manifest)
    return manifest, reader.n_files, reader.n_bytes
