"""Reading everything that is stored and comparing it with what it claims to be.

    every file       size, header, footer, the checksum of every section, zeros between them
    posting lists    decoded: ascending docs, frequencies that add up to the stored lengths,
                     document frequencies and totals; terms ascending and numbered in order
    deletions        the statistics of deleted documents, counted again from the lists
    ids              each found again by its hash; no id alive twice in a collection
    documents        every body decoded, once: its texts are texts, and their words, cut and
                     stemmed again, those of the posting lists
    columns          made again from the bodies, and every value compared
    vectors          norms computed again, rows padded with zeros; what the encoder made, which
                     is nothing where there is none

All of it is read, and what is wrong is told in a report: nothing is raised, nothing changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.collection.live import LiveSegment
from rank_retrieve.collection.rereading import Reread
from rank_retrieve.collection.segment import metadata_of
from rank_retrieve.errors import CorruptionError, InvalidArgument, RankRetrieveError
from rank_retrieve.persistence import Directory, SegmentReader
from rank_retrieve.persistence.manifest import CollectionEntry, FileEntry
from rank_retrieve.types import MemorySections

if TYPE_CHECKING:
    from rank_retrieve.collection.segment import Segment
    from rank_retrieve.filters.columns import Column, Part


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
        except RankRetrieveError as error:
            report.problems.append(str(error))
        except OSError as error:
            report.problems.append(f"{file.name} cannot be read: {error}")
    return readers, report


def verify_all(
    collections: Iterable[tuple[Sequence[LiveSegment], str | None]],
    readers: Iterable[SegmentReader],
    report: VerifyReport,
) -> VerifyReport:
    """Read all of these files, and the segments of collections.

    collections: of each the segments, and the field that its encoder fills, None without one.
    """
    for reader in readers:
        with _reported(report):
            reader.verify()
    for parts, encoder_field in collections:
        for part in parts:
            verify_segment(part, encoder_field, report)
        if parts:
            with _reported(report):
                _ids_are_alive_once(parts, report)
    return report


def verify_segment(part: LiveSegment, encoder_field: str | None, report: VerifyReport) -> None:
    """Read every structure of a segment; damage to one does not hide what is wrong with others."""
    report.count("segments")
    for check in (_lists, _deletions, _ids, _vectors):
        with _reported(report):
            check(part, report)
    with _reported(report):
        _encoded(part.segment, encoder_field, report)
    with _reported(report):
        reread = Reread(part.segment)
        report.count("documents", len(reread.bodies))
        for compare in (_texts, _words, _columns):
            with _reported(report):
                compare(part.segment, reread, report)


@contextmanager
def _reported(report: VerifyReport) -> Iterator[None]:
    """What a check raises is a problem, and the next check goes on."""
    try:
        yield
    except RankRetrieveError as error:
        if str(error) not in report.problems:  # checks share structures
            report.problems.append(str(error))


def _lists(part: LiveSegment, report: VerifyReport) -> None:
    for group in part.segment.schema.groups:
        index = part.segment.index(group.name)
        index.verify()
        report.count("posting lists", index.n_terms)


def _deletions(part: LiveSegment, report: VerifyReport) -> None:
    from rank_retrieve.lexical import DeletedStatistics

    for group in part.segment.schema.groups:
        index = part.segment.index(group.name)
        stored = part.deleted.get(group.name) or DeletedStatistics.none()
        counted = DeletedStatistics.recount(index, part.live_docs)
        same = (
            (stored.n_docs, stored.total_length) == (counted.n_docs, counted.total_length)
            and np.array_equal(stored.ordinals, counted.ordinals)
            and np.array_equal(stored.counts, counted.counts)
        )
        if not same:
            report.problems.append(
                f"{part.segment.name}: the statistics of {counted.n_docs} deleted documents"
                f" of {group.name} are not those of its posting lists"
            )


def _ids(part: LiveSegment, report: VerifyReport) -> None:
    segment = part.segment
    if not len(segment.ids):
        return
    raw = [segment.ids.id(doc).encode() for doc in range(segment.n_docs)]
    for doc in np.flatnonzero(segment.ids.find_many(raw) != np.arange(len(raw))).tolist():
        identity = raw[doc].decode()
        report.problems.append(f"{segment.name}: id {identity!r} of doc {doc} is not found")


def _ids_are_alive_once(parts: Sequence[LiveSegment], report: VerifyReport) -> None:
    hashes = [part.segment.ids.chosen(part.live)[2] for part in parts]
    values, counts = np.unique(np.concatenate(hashes), return_counts=True)
    shared = values[counts > 1]
    if not len(shared):
        return
    # equal hashes may be of different ids
    seen: dict[str, str] = {}
    for part, found in zip(parts, hashes, strict=True):
        docs = part.live_docs.to_docs()
        for doc in docs[np.isin(found, shared)].tolist():
            identity = part.segment.ids.id(doc)
            if identity in seen:
                report.problems.append(
                    f"{part.segment.name}: id {identity!r} is alive in {seen[identity]} too"
                )
            seen[identity] = part.segment.name


def _texts(segment: Segment, reread: Reread, report: VerifyReport) -> None:
    for name, docs in reread.not_text.items():
        report.problems.append(
            f"{segment.name}: {len(docs)} documents have no text in text field {name!r},"
            f" the first is doc {docs[0]}"
        )


def _words(segment: Segment, reread: Reread, report: VerifyReport) -> None:
    for group, words in reread.words.items():
        other = np.flatnonzero(words.sums() != words.sums_of(segment.index(group)))
        if len(other):
            report.problems.append(
                f"{segment.name}: the words of {len(other)} documents are not those of the posting"
                f" lists of {group}, the first is doc {other[0]}"
            )


def _columns(segment: Segment, reread: Reread, report: VerifyReport) -> None:
    from rank_retrieve.filters.columns import Columns, write_columns

    made = MemorySections(segment.name)
    ids = segment.ids
    metadata = [
        metadata_of(segment.schema, ids.id(doc), body) for doc, body in enumerate(reread.bodies)
    ]
    try:
        write_columns(made, metadata)
    except InvalidArgument as error:
        raise CorruptionError(segment.name, 0, "metadata of documents", str(error)) from error
    expected = Columns.open(made, n_docs=segment.n_docs)
    found = segment.columns
    wrong = sorted(set(expected.paths) ^ set(found.paths))
    wrong += [path for path in expected.paths if path in found.paths and _differ(
        expected.column(path), found.column(path), segment.n_docs)]  # fmt: skip
    problem = f"{segment.name}: metadata differs from the documents in "
    report.problems += [f"{problem}column {path!r}" for path in wrong]
    docs = expected.row_docs()
    same_rows = np.array_equal(docs, found.row_docs()) and (
        list(expected.rows(docs)) == list(found.rows(docs))
    )
    if not same_rows or expected.complete != found.complete:
        report.problems.append(f"{problem}rows")
    report.count("columns", len(expected.paths))


def _differ(one: Column | None, other: Column | None, n_docs: int) -> bool:
    if one is None or other is None or set(one.parts) != set(other.parts):
        return True
    return any(
        not np.array_equal(a, b)
        for kind in one.parts
        for a, b in zip(
            _values(one.parts[kind], n_docs), _values(other.parts[kind], n_docs), strict=True
        )
    )


def _values(part: Part, n_docs: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """The docs of a part and what they have, however both are stored."""
    values = part.values
    docs = np.arange(n_docs, dtype=np.uint32) if part.docs is None else part.docs
    if part.present is not None:
        docs = docs[part.present]
        values = values[part.present] if len(values) else values
    if part.dictionary is not None:
        entries = np.array([part.dictionary[code] for code in range(len(part.dictionary))], "O")
        return docs, entries[values.astype(np.int64)]
    if values.dtype.kind == "f":
        return docs, values.view("u8")
    return docs, values.astype("O") * part.unit + part.base


def _vectors(part: LiveSegment, report: VerifyReport) -> None:
    segment = part.segment
    for name in segment.schema.vectors:
        column = segment.vectors(name)
        if column is None:
            continue
        segment.structure(name)
        report.problems += [f"{segment.name}: {fault}" for fault in column.faults(name)]
        report.count("vectors", column.n)
    for name in segment.schema.multis:
        several = segment.multi_vectors(name)
        if several is not None:
            faults = several.tokens.faults(name)
            report.problems += [f"{segment.name}: {fault}" for fault in faults]
            report.count("vectors", several.tokens.n)


def _encoded(segment: Segment, encoder_field: str | None, report: VerifyReport) -> None:
    for name in segment.schema.vectors:
        column = segment.vectors(name)
        if column is None:
            continue
        made = segment.encoded(name).to_docs()
        if len(made) and name != encoder_field:
            report.problems.append(
                f"{segment.name}: vectors of {name!r} are said to be of an encoder, and it has none"
            )
        if column.docs is not None and not np.isin(made, column.docs).all():
            report.problems.append(
                f"{segment.name}: vectors of {name!r} that the encoder made are not there"
            )
