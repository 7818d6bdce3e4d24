"""How metadata lies in a segment: typed columns for dotted paths, rows for what has no column.

    section      content
    columns      msgpack [version, n_docs, complete, row_count, row_bytes, [column, ...]]
    columns.<i>  the parts of column i, one after the other
    columns.rows (when row_count > 0) what only a whole document can answer

A column holds every value that its path reaches, paired with its doc, split by kind into parts:

    column = [path, [part, ...]]
    part   = [kind, count, docs, width, base, unit, entries, nbytes]

    kind          1 null, 2 bool, 3 int, 4 float, 5 string, 6 bytes, 7 datetime, 8 object, 9 array
    docs          0: one value for each doc, 1: at most one, 2: several for some docs,
                  3: at most one, most docs have it

Each array of a part is padded with zeros to a multiple of 8 bytes:

    array     type         present when
    docs      u32[count]   docs is 1 or 2: the doc of each value, ascending
              u8[(n_docs + 7) / 8]   docs is 3: a bit for each doc, lowest first, set if it has one
    values    f64[n]       float
              uN[n]        bool, int, datetime (microseconds since 1970, UTC), array (its length):
                           value = base + unit * stored; N = 8 * width
              uN[n]        string, bytes: position in the dictionary
                           n = count, but for docs = 3 n = n_docs, zero where there is none
    offsets   u32 or u64 [entries + 1]   string, bytes: where each entry starts; u64 when
                           nbytes needs more than 32 bits
    entries   u8[nbytes]   string (UTF-8), bytes: the dictionary, distinct, ascending

Null and object have docs only. The elements of an array are values of the array's own path; an
array within an array has no pair of its own, and is found through the outer one. Keys have no
dots, so a path names one place.

Example: `year` of three documents 2021, absent, 2019 is one part

    [3, 2, 1, 1, 2019, 1, 0, 0]    00 00 00 00 02 00 00 00    02 00 00 00 00 00 00 00

docs 0 and 2, then the stored bytes 2 and 0: 2019 + 2 and 2019 + 0, padded.

At most 256 paths have a column, the most frequent first; `complete` says that no path was left
out. Rows hold, for each document that needs it, msgpack of those top-level fields that are
arrays or objects, or that have a path without a column:

    columns.rows   u32 docs[row_count], ascending, padded; u64 ends[row_count]; u8[row_bytes]
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec

from rank_retrieve.filters.values import Kind

VERSION = 1
MAX_COLUMNS = 256
MAX_DOCS = 1 << 31

DIRECTORY = "columns"
ROWS = "columns.rows"

DENSE, UNIQUE, REPEATED, PRESENT = 0, 1, 2, 3

DOCS_ONLY = frozenset((Kind.NULL, Kind.OBJECT))
INTEGERS = frozenset((Kind.BOOL, Kind.INT, Kind.DATETIME, Kind.ARRAY))
DICTIONARIES = frozenset((Kind.STRING, Kind.BYTES))
WIDTHS = (1, 2, 4, 8)

Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0)]


class PartEntry(msgspec.Struct, array_like=True, frozen=True):
    """The values of one kind in a column."""

    kind: Annotated[int, msgspec.Meta(ge=1, le=9)]
    count: Annotated[int, msgspec.Meta(ge=1)]
    docs: Annotated[int, msgspec.Meta(ge=0, le=3)]
    width: Annotated[int, msgspec.Meta(ge=0, le=8)] = 0
    base: int = 0
    unit: Annotated[int, msgspec.Meta(ge=1)] = 1
    entries: Count = 0
    nbytes: Count = 0


class ColumnEntry(msgspec.Struct, array_like=True, frozen=True):
    """One path."""

    path: str
    parts: list[PartEntry]


class DirectoryEntry(msgspec.Struct, array_like=True, frozen=True):
    """What the `columns` section holds."""

    version: int
    n_docs: Annotated[int, msgspec.Meta(ge=0, lt=MAX_DOCS)]
    complete: bool
    row_count: Count
    row_bytes: Count
    columns: list[ColumnEntry]


def section_of(number: int) -> str:
    """The section of column `number`."""
    return f"columns.{number}"


def padded(nbytes: int) -> int:
    """The next multiple of 8."""
    return (nbytes + 7) & ~7


def offset_width(nbytes: int) -> int:
    """Bytes of one dictionary offset."""
    return 4 if nbytes < 1 << 32 else 8
