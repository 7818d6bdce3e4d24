"""Reading everything that is stored and comparing it with what it claims to be."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rank_retrieve.collection.live import LiveSegment
from rank_retrieve.errors import CorruptionError, NotFound
from rank_retrieve.persistence import Directory, SegmentReader
from rank_retrieve.persistence.manifest import CollectionEntry, FileEntry


@dataclass
class VerifyReport:
    """problems: what contradicts itself, empty when all is well. checked: what was read."""

    problems: list[str] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether nothing was found."""
        return not self.problems

    def count(self, what: str, number: int = 1) -> None:
        """Note that something was read."""
        self.checked[what] = self.checked.get(what, 0) + number

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        read = ", ".join(f"{number:,} {what}" for what, number in self.checked.items()) or "nothing"
        if self.ok:
            return f"clean: {read} checked"
        return "\n".join([f"{len(self.problems)} problems, {read} checked", *self.problems])


def files_of(entry: CollectionEntry) -> list[FileEntry]:
    """The files of a published collection."""
    files = [segment.file for segment in entry.segments]
    files += [segment.deletions for segment in entry.segments if segment.deletions is not None]
    return files if entry.encoder is None else [*files, entry.encoder]


def open_files(
    directory: Directory, files: Iterable[FileEntry]
) -> tuple[list[SegmentReader], VerifyReport]:
    """Published files, and a report with those that cannot be opened."""
    report, readers = VerifyReport(), []
    for file in files:
        report.count("files")
        try:
            readers.append(SegmentReader.open(directory, file.name, kind=None, expected=file))
        except (CorruptionError, NotFound) as error:
            report.problems.append(str(error))
    return readers, report


def verify_all(
    parts: Iterable[LiveSegment], readers: Iterable[SegmentReader], report: VerifyReport
) -> VerifyReport:
    """Read all of these files and segments."""
    for reader in readers:
        try:
            reader.verify()
        except CorruptionError as error:
            report.problems.append(str(error))
    for part in parts:
        verify_segment(part, report)
    return report


def verify_segment(part: LiveSegment, report: VerifyReport) -> None:
    """Open every structure of a segment, decode every document, find every id again."""
    segment = part.segment
    report.count("segments")
    try:
        for group in segment.schema.groups:
            segment.index(group.name)
        for name in segment.schema.vectors:
            if segment.vectors(name) is not None:
                segment.encoded(name)
        _ = segment.columns
        for doc in range(segment.n_docs):
            identity = segment.ids.id(doc)
            if segment.ids.find(identity) != doc:
                report.problems.append(f"{segment.name}: id {identity!r} of doc {doc} is not found")
            segment.stored(doc)
            report.count("documents")
    except CorruptionError as error:
        report.problems.append(str(error))
