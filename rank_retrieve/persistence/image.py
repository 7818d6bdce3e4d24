"""Everything that a database is at one moment: its files by name, held open.

An image is taken without a lock and without a write, beside a writer at work: published files
never change, their maps outlive their names, and of the log only whole frames are taken. It is
itself a database directory, so that a copy of it opens like any other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rank_retrieve.errors import CorruptionError
from rank_retrieve.persistence import manifest as manifests
from rank_retrieve.persistence.directory import Directory
from rank_retrieve.persistence.files import MANIFEST, parse_name
from rank_retrieve.persistence.folders import write_file
from rank_retrieve.persistence.manifest import Manifest
from rank_retrieve.persistence.reading import recover_beside_writer
from rank_retrieve.persistence.recovery import recover
from rank_retrieve.persistence.segment import SegmentReader


@dataclass(frozen=True)
class Image:
    """files: the contents of every published file and of the log, without the manifest."""

    manifest: Manifest
    files: dict[str, memoryview]

    def __iter__(self) -> Iterator[tuple[str, memoryview]]:
        """Name and contents, the manifest first."""
        yield MANIFEST, memoryview(manifests.encode(self.manifest))
        yield from self.files.items()

    @property
    def n_bytes(self) -> int:
        """Bytes of all files."""
        return sum(len(contents) for _, contents in self)

    @property
    def n_docs(self) -> int:
        """Documents in published segments, deleted ones included; the log holds more."""
        return sum(s.n_docs for c in self.manifest.collections for s in c.segments)


def take_image(directory: Directory) -> Image:
    """The published state and the log above it, as a reader finds them.

    Raises NotFound when there is no index, FormatVersionError, CorruptionError.
    """
    found = recover_beside_writer(directory)
    files = {name: reader.contents for name, reader in found.files.items()}
    for file in found.scan.files:
        # what is behind the last frame is no frame, and zeros written ahead
        files[file.name] = file.view if file.unborn else file.view[: file.end]
    return Image(found.manifest, files)


def expected_kind(manifest: Manifest, name: str) -> bool:
    """Whether a copy of this manifest's database has a file of this name, besides itself."""
    kind, number = parse_name(name)
    if kind == "wal":
        return number >= manifest.wal_number
    return any(file.name == name for file in manifest.files())


def write_image(image: Image, target: Directory) -> None:
    """Copy an image into an empty directory; see `finish_copy`."""
    for name, contents in image.files.items():
        write_file(target, name, contents)
    finish_copy(target, image.manifest)


def finish_copy(target: Directory, manifest: Manifest) -> None:
    """Verify every byte of the copied files, then publish the manifest over them.

    Without its manifest a copy is no database: whatever interrupts it before leaves none.
    Raises CorruptionError when a file is not what the manifest says.
    """
    for file in manifest.files():
        if not target.exists(file.name):
            raise CorruptionError(file.name, 0, f"a file of {file.size} bytes", "no file")
        SegmentReader.open(target, file.name, kind=None, expected=file).verify()
    manifests.publish(target, manifest)
    recover(target)  # the log too is whole
