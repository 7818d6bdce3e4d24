"""A retriever saved by itself: a directory with one segment file, `<kind>.segment`.

Its first section, named as the kind, is JSON that says what the others mean; `version` in it is
that of the retriever's own layout.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from rank_retrieve.errors import CorruptionError, FormatVersionError, InvalidArgument
from rank_retrieve.persistence.directory import Directory, FSDirectory
from rank_retrieve.persistence.segment import SegmentReader, write_file_atomically
from rank_retrieve.types import SectionSink

Description = TypeVar("Description")


def save_retriever(
    path: str | os.PathLike[str] | Directory,
    kind: str,
    description: Any,
    write: Callable[[SectionSink], None],
) -> None:
    """Write description and sections; atomically replaces what was saved there before.

    path: a directory, made where absent. description: a msgspec Struct with `version`.
    """

    def write_all(sink: SectionSink) -> None:
        sink.add(kind, msgspec.json.encode(description))
        write(sink)

    write_file_atomically(_directory(path, create=True), f"{kind}.segment", kind, write_all)


def open_retriever(
    path: str | os.PathLike[str] | Directory,
    kind: str,
    version: int,
    description: type[Description],
) -> tuple[SegmentReader, Description]:
    """The sections and the description of a saved retriever.

    Raises NotFound when there is none, FormatVersionError for another version, CorruptionError.
    """
    sections = SegmentReader.open(_directory(path, create=False), f"{kind}.segment", kind=kind)
    raw = sections.section(kind)
    try:
        found = msgspec.json.decode(raw, type=dict[str, Any]).get("version")
        if found != version:
            raise FormatVersionError(
                sections.origin, f"{kind} version {found!r}", f"{kind} version {version}"
            )
        return sections, msgspec.json.decode(raw, type=description)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CorruptionError(sections.origin, 0, "a description in JSON", str(error)) from None


def _directory(path: object, *, create: bool) -> Directory:
    if isinstance(path, str | os.PathLike):
        return FSDirectory(path, create=create)
    if isinstance(path, Directory):
        return path
    raise InvalidArgument("path", path, "must be a path or a Directory")
