"""Reads metadata columns: a column is opened when a filter names it, and stays where it is mapped.

`column_format` has the bytes, `column_writer` writes them, `evaluate` asks the questions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from rank_retrieve.errors import CorruptionError, FormatVersionError
from rank_retrieve.filters.column_format import (
    DENSE,
    DICTIONARIES,
    DIRECTORY,
    DOCS_ONLY,
    INTEGERS,
    MAX_COLUMNS,
    PRESENT,
    REPEATED,
    ROWS,
    UNIQUE,
    VERSION,
    WIDTHS,
    ColumnEntry,
    DirectoryEntry,
    PartEntry,
    offset_width,
    padded,
    section_of,
)
from rank_retrieve.filters.column_writer import write_columns
from rank_retrieve.filters.dictionary import Dictionary
from rank_retrieve.filters.values import Kind
from rank_retrieve.types import Int64s, Sections, UInt32s

__all__ = ["Column", "Columns", "Part", "write_columns"]

_decode_directory = msgspec.msgpack.Decoder(DirectoryEntry).decode
_decode_row = msgspec.msgpack.Decoder(dict[str, Any]).decode


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The values of one kind in a column.

    docs: uint32 [n], ascending, the doc of each value; None when value i is that of doc i.
    present: bool [n_docs], without docs: which values are there; None when all are.
    distinct: whether no doc comes twice.
    values: [n]: float64, or unsigned integers (values as steps from a base, codes of a
        dictionary); empty for null and object.
    """

    kind: Kind
    docs: UInt32s | None
    present: NDArray[np.bool_] | None
    distinct: bool
    values: NDArray[Any]
    base: int
    unit: int
    dictionary: Dictionary | None


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """Everything that one path reaches."""

    path: str
    parts: dict[Kind, Part]


class Columns:
    """The metadata of one segment; made by `Columns.open`.

    complete: whether every path has a column; without one, a path is then nowhere.
    """

    def __init__(self, sections: Sections, directory: DirectoryEntry) -> None:
        self.origin, self.n_docs = sections.origin, directory.n_docs
        self.complete = directory.complete
        self._sections, self._directory = sections, directory
        self._numbers = {entry.path: i for i, entry in enumerate(directory.columns)}
        self._columns: dict[str, Column] = {}
        self._rows: _Rows | None = None

    @classmethod
    def open(cls, sections: Sections, *, n_docs: int | None = None) -> Columns:
        """Open what `write_columns` wrote; `n_docs` is how many documents there must be.

        Raises FormatVersionError or CorruptionError; a column's own bytes are checked when it
        is first used.
        """
        raw = sections.section(DIRECTORY)
        try:
            directory = _decode_directory(raw)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            # another version may have another shape, but says its number first
            _check_version(sections.origin, raw)
            raise CorruptionError(
                sections.origin, 0, "a directory of columns", str(error)
            ) from error
        if directory.version != VERSION:
            _check_version(sections.origin, raw)
        result = cls(sections, directory)
        result._check(n_docs)
        return result

    def _check(self, n_docs: int | None) -> None:
        directory = self._directory
        if n_docs is not None and directory.n_docs != n_docs:
            raise self._damage(f"columns of {n_docs} documents", str(directory.n_docs))
        if len(directory.columns) > MAX_COLUMNS:
            raise self._damage(f"at most {MAX_COLUMNS} columns", str(len(directory.columns)))
        if len(self._numbers) != len(directory.columns):
            raise self._damage("one column for each path", "a path that comes twice")
        if directory.row_count > directory.n_docs:
            raise self._damage(f"at most {directory.n_docs} rows", str(directory.row_count))

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that have a column, the most frequent first."""
        return tuple(self._numbers)

    def column(self, path: str) -> Column | None:
        """The column of a path, None if it has none; CorruptionError if it is damaged."""
        column = self._columns.get(path)
        if column is None:
            number = self._numbers.get(path)
            if number is None:
                return None
            column = self._open_column(number)
            self._columns[path] = column
        return column

    def row_docs(self) -> UInt32s:
        """The docs that have a row, ascending."""
        return self._open_rows().docs

    def rows(self, docs: NDArray[Any]) -> Iterator[tuple[int, dict[str, Any]]]:
        """Docs, ascending, with those of their top-level fields that rows hold."""
        return self._open_rows().select(docs)

    def _open_rows(self) -> _Rows:
        if self._rows is None:
            self._rows = _Rows(self._sections, self._directory)
        return self._rows

    def _open_column(self, number: int) -> Column:
        entry = self._directory.columns[number]
        section = self._sections.section(section_of(number))
        reader = _PartReader(self.origin, section, self.n_docs)
        parts = {Kind(part.kind): reader.read(part) for part in entry.parts}
        if len(parts) != len(entry.parts) or reader.at != len(section):
            raise self._damage(_size_of(entry), f"{len(section)} bytes")
        return Column(entry.path, parts)

    def _damage(self, expected: str, got: str) -> CorruptionError:
        return CorruptionError(self.origin, 0, expected, got)


def _check_version(origin: str, raw: memoryview) -> None:
    try:
        first = msgspec.msgpack.decode(raw, type=list[Any])[:1]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return
    if first and type(first[0]) is int and first[0] != VERSION:
        raise FormatVersionError(origin, f"columns {first[0]}", f"columns {VERSION}")


def _size_of(entry: ColumnEntry) -> str:
    return f"the {len(entry.parts)} parts of column {entry.path!r}"


class _PartReader:
    """Walks the parts of one section, checking sizes before it makes an array."""

    def __init__(self, origin: str, section: memoryview, n_docs: int) -> None:
        self._origin, self._section, self._n_docs = origin, section, n_docs
        self.at = 0

    def read(self, entry: PartEntry) -> Part:
        kind = Kind(entry.kind)
        docs = self._docs(entry)
        present = self._present(entry)
        count = entry.count if present is None else self._n_docs
        dictionary = None
        if kind in DOCS_ONLY:
            values = self._array("u1", 0)
        elif kind is Kind.FLOAT:
            values = self._array("<f8", count)
        else:
            if entry.width not in WIDTHS:
                raise self._damage("a width of 1, 2, 4 or 8", str(entry.width))
            values = self._array(f"<u{entry.width}", count)
        if kind in INTEGERS and not -(1 << 63) <= entry.base < 1 << 63:
            raise self._damage("a base of 64 bits", str(entry.base))
        if kind in DICTIONARIES:
            dictionary = self._dictionary(entry, values)
        distinct = entry.docs != REPEATED
        return Part(kind, docs, present, distinct, values, entry.base, entry.unit, dictionary)

    def _dictionary(self, entry: PartEntry, codes: NDArray[Any]) -> Dictionary:
        offsets = self._array(f"<u{offset_width(entry.nbytes)}", entry.entries + 1)
        arena = self._take(entry.nbytes)
        if (
            int(offsets[0]) != 0
            or int(offsets[-1]) != entry.nbytes
            or bool(np.any(offsets[1:] < offsets[:-1]))
            or bool(np.any(offsets[2:] == offsets[1:-1]))  # only the first can be empty
        ):
            raise self._damage(f"{entry.entries} dictionary entries", "offsets out of order")
        if int(codes.max()) >= entry.entries:
            raise self._damage(f"codes below {entry.entries}", str(int(codes.max())))
        return Dictionary(offsets, arena)

    def _docs(self, entry: PartEntry) -> UInt32s | None:
        if entry.docs == DENSE and entry.count != self._n_docs:
            raise self._damage(f"{self._n_docs} values", str(entry.count))
        if entry.docs not in (UNIQUE, REPEATED):
            return None
        docs: UInt32s = self._array("<u4", entry.count)
        ascending = docs[1:] > docs[:-1] if entry.docs == UNIQUE else docs[1:] >= docs[:-1]
        if int(docs[-1]) >= self._n_docs or not bool(ascending.all()):
            raise self._damage(f"ascending docs below {self._n_docs}", "others")
        return docs

    def _present(self, entry: PartEntry) -> NDArray[np.bool_] | None:
        if entry.docs != PRESENT:
            return None
        bits = self._array("u1", (self._n_docs + 7) // 8)
        present = np.unpackbits(bits, count=self._n_docs, bitorder="little").view(np.bool_)
        if int(np.count_nonzero(present)) != entry.count:
            raise self._damage(f"{entry.count} docs", str(int(np.count_nonzero(present))))
        return present

    def _array(self, dtype: str, count: int) -> NDArray[Any]:
        kind = np.dtype(dtype)
        return np.frombuffer(self._take(count * kind.itemsize), dtype=kind)

    def _take(self, nbytes: int) -> memoryview:
        start = self.at
        if padded(nbytes) > len(self._section) - start:
            raise self._damage(f"{padded(nbytes)} more bytes", str(len(self._section) - start))
        self.at = start + padded(nbytes)
        return self._section[start : start + nbytes]

    def _damage(self, expected: str, got: str) -> CorruptionError:
        return CorruptionError(self._origin, self.at, expected, got)


class _Rows:
    """Documents, or what columns cannot say of them, as msgpack."""

    def __init__(self, sections: Sections, directory: DirectoryEntry) -> None:
        self._origin = sections.origin
        count = directory.row_count
        section = sections.section(ROWS) if count else memoryview(b"")
        first = padded(4 * count)
        if len(section) != first + 8 * count + directory.row_bytes:
            raise self._damage(f"{count} rows of {directory.row_bytes} bytes", str(len(section)))
        self.docs: UInt32s = np.frombuffer(section[: 4 * count], dtype="<u4")
        ends = np.frombuffer(section[first : first + 8 * count], dtype="<u8")
        self._arena = section[first + 8 * count :]
        if count and not (
            bool((self.docs[1:] > self.docs[:-1]).all())
            and int(self.docs[-1]) < directory.n_docs
            and bool((ends[1:] >= ends[:-1]).all())
            and int(ends[-1]) == directory.row_bytes
        ):
            raise self._damage(f"{count} rows in order", "a contradictory table")
        self._ends: Int64s = ends.astype(np.int64)

    def select(self, docs: NDArray[Any]) -> Iterator[tuple[int, dict[str, Any]]]:
        places = np.searchsorted(self.docs, docs)
        if len(docs) and (
            int(places[-1]) >= len(self.docs) or not np.array_equal(self.docs[places], docs)
        ):
            raise self._damage("a row for each array and object", "none for some")
        ends = self._ends[places].tolist()
        starts = np.where(places > 0, self._ends[places - 1], 0).tolist()
        for doc, start, end in zip(docs.tolist(), starts, ends, strict=True):
            try:
                yield doc, _decode_row(self._arena[start:end])
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
                raise self._damage("a msgpack row", str(error)) from error

    def _damage(self, expected: str, got: str) -> CorruptionError:
        return CorruptionError(self._origin, 0, expected, got)
