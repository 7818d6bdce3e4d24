"""The vectors of one field in one segment, each property in an array of its own.

    section                  type            content
    vectors.<field>.meta     32 bytes        below
    vectors.<field>          [n, stride]     rows, as they were put, padded with zeros (`elements`)
    vectors.<field>.norms    f32[n]          Euclidean norms
    vectors.<field>.docs     i32[n]          the doc of each row, ascending; absent when
                                             row r is doc r

    offset  size  type  field of meta
    0       2     u16   layout, 1
    2       2     u16   element type: 1 = float32, 2 = float16, 3 = bits
    4       4     u32   dim
    8       4     u32   stride: dim rounded up to a multiple of 16, of 64 for bits
    12      4     u32   flags, bit 0: there is a docs section
    16      8     u64   n, rows
    24      8     u64   n_docs, docs of the segment

Everything is little-endian, and sections start at multiples of 64 bytes, so every float32 row
does.
One row [1, 2] of a segment of one document, dim 2: meta is
01 00 01 00 02 00 00 00 10 00 00 00 00 00 00 00 01 00.. (8 bytes) 01 00.. (8 bytes), the rows are
00 00 80 3F 00 00 00 40 and 56 zeros, the norm is BD 1B 0F 40 (2.236068).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from rank_retrieve.dense.elements import (
    BY_NUMBER,
    ELEMENTS,
    FLOAT32,
    Element,
    FloatRows,
    Rows,
    blocks_of,
)
from rank_retrieve.dense.sections import damaged, stored_array
from rank_retrieve.dense.validate import MAX_DIM, row_norms
from rank_retrieve.errors import FormatVersionError, InvalidArgument
from rank_retrieve.types import (
    Bitmap,
    Float32s,
    Int32s,
    Int64s,
    MemorySections,
    Sections,
    SectionSink,
)

LAYOUT = 1
HAS_DOCS = 1
_META = struct.Struct("<HHIIIQQ")
_MAX_DOCS = (1 << 31) - 1


def stride_of(dim: int) -> int:
    """Components of a stored float32 row: dim rounded up to a whole number of 64-byte lines."""
    return FLOAT32.stride(dim)


def padded(matrix: Float32s) -> Float32s:
    """Rows filled up with zeros to C-contiguous float32 [n, stride]; itself if nothing lacks."""
    return FLOAT32.rows(matrix, matrix.shape[1])


def norms_of(element: Element, rows: Rows, dim: int) -> Float32s:
    """Euclidean norms of stored rows, float32 [n]; NaN or infinite for a row not finite."""
    norms = np.empty(len(rows), dtype=np.float32)
    for block in blocks_of(len(rows)):
        norms[block] = row_norms(np.ascontiguousarray(element.floats(rows[block], dim)))
    return norms


def column_of(
    vectors: Rows,
    docs: Int32s | None = None,
    n_docs: int | None = None,
    *,
    element: Element = FLOAT32,
    dim: int | None = None,
) -> VectorColumn:
    """A column in memory, with a copy of the vectors.

    Arguments as of `write_vectors`; n_docs is the number of rows by default.
    """
    n, width = vectors.shape
    dim = width if dim is None else dim
    # Element.rows may give the caller's own memory back
    rows = np.array(element.rows(vectors, dim), copy=True, order="C")
    total = n if n_docs is None else n_docs
    return VectorColumn(dim, total, rows, norms_of(element, rows, dim), docs, element)


# --------------------------------------------------------------------------- writing


def write_vectors(
    sink: SectionSink,
    field: str,
    vectors: Rows,
    docs: Int32s | None,
    n_docs: int,
    *,
    element: Element = FLOAT32,
    dim: int | None = None,
) -> VectorColumn:
    """Write the vectors of a field; the column, as it will be read.

    vectors: float32 [n, dim], checked by `dense.validate`, with values that the element type can
        hold; or for bits uint8 [n, ceil(dim / 8)], packed.
    docs: int32 [n], strictly ascending and below n_docs; None when row r is doc r.
    dim: components of a vector, where the rows are packed.
    Raises InvalidArgument for shapes that contradict each other or for a value not finite.
    """
    n, width = vectors.shape
    dim = width if dim is None else dim
    if vectors.dtype not in (np.float32, element.dtype) or not 1 <= dim <= MAX_DIM:
        raise InvalidArgument(
            field, (vectors.shape, str(vectors.dtype)), "must be float32 [n, dim]"
        )
    _check_docs(field, docs, n, n_docs)
    rows = element.rows(vectors, dim)
    norms = norms_of(element, rows, dim)
    if not np.isfinite(norms).all():
        raise InvalidArgument(field, "NaN or infinity", "vectors must be finite")
    _write(sink, field, element, dim, n, n_docs, [rows], [norms], docs)
    return VectorColumn(dim, n_docs, rows, norms, docs, element)


def merge_vectors(
    sink: SectionSink,
    field: str,
    parts: Sequence[tuple[VectorColumn | None, Bitmap | None, int]],
) -> bool:
    """Write the live rows of several columns one after the other, as compaction does.

    parts: (column or None where no doc has a vector, live docs or None for all, n_docs), in
        order; the docs of the result are the live docs of all parts, numbered from 0.
    Rows are copied byte by byte from the columns' own memory, straight into the sink.
    Returns whether anything was written: nothing is when no live doc has a vector.
    Raises InvalidArgument when the columns differ in dimension or element type.
    """
    rows: list[Rows] = []
    norms: list[Float32s] = []
    docs: list[Int32s] = []
    kinds = {(column.dim, column.element.name) for column, _, _ in parts if column is not None}
    if len(kinds) > 1:
        raise InvalidArgument(
            field, sorted(kinds), "columns to merge must have one dimension and element type"
        )
    base = 0
    for column, live, n_docs in parts:
        if column is not None:
            kept, numbers = _live_rows(column, live)
            for start, stop in _runs(kept):
                rows.append(column.rows[start:stop])
                norms.append(column.norms[start:stop])
            docs.append((base + numbers).astype(np.int32))
        base += n_docs if live is None else len(live)
    if base > _MAX_DOCS:
        raise InvalidArgument(field, base, f"a segment holds at most {_MAX_DOCS} documents")
    n = sum(len(block) for block in rows)
    if n == 0:
        return False
    some = None if n == base else np.concatenate(docs)
    dim, name = kinds.pop()
    _write(sink, field, ELEMENTS[name], dim, n, base, rows, norms, some)
    return True


def merged_column(
    parts: Sequence[tuple[VectorColumn | None, Bitmap | None, int]],
) -> VectorColumn:
    """What `merge_vectors` writes, as a column in memory; some live doc must have a vector."""
    sections = MemorySections()
    merge_vectors(sections, "merged", parts)
    return VectorColumn.open(sections, "merged")


def _write(
    sink: SectionSink,
    field: str,
    element: Element,
    dim: int,
    n: int,
    n_docs: int,
    rows: Sequence[Rows],
    norms: Sequence[Float32s],
    docs: Int32s | None,
) -> None:
    flags = 0 if docs is None else HAS_DOCS
    meta = _META.pack(LAYOUT, element.number, dim, element.stride(dim), flags, n, n_docs)
    sink.add(f"vectors.{field}.meta", meta)
    sink.add(f"vectors.{field}", *rows)
    sink.add(f"vectors.{field}.norms", *norms)
    if docs is not None:
        sink.add(f"vectors.{field}.docs", np.ascontiguousarray(docs, dtype="<i4"))


def _check_docs(field: str, docs: Int32s | None, n: int, n_docs: int) -> None:
    if not 0 <= n_docs <= _MAX_DOCS:
        raise InvalidArgument(field, n_docs, f"a segment holds at most {_MAX_DOCS} documents")
    if docs is None:
        if n != n_docs:
            raise InvalidArgument(field, n, f"there must be {n_docs} rows, one for each document")
    elif len(docs) != n or not _ascending(docs, n_docs):
        raise InvalidArgument(
            field, len(docs), f"docs must be {n} ascending numbers below {n_docs}"
        )


def _ascending(docs: Int32s, n_docs: int) -> bool:
    """Whether docs ascend strictly within 0..n_docs."""
    if not len(docs):
        return True
    return bool(docs[0] >= 0 and docs[-1] < n_docs and (docs[1:] > docs[:-1]).all())


def _live_rows(column: VectorColumn, live: Bitmap | None) -> tuple[Int64s, Int64s]:
    """The rows of live docs, and the number of each of these docs among the live ones."""
    docs = np.arange(column.n) if column.docs is None else column.docs.astype(np.int64)
    if live is None:
        return np.arange(column.n), docs
    mask = live.to_mask()
    rows = np.flatnonzero(mask[docs])
    return rows, (np.cumsum(mask) - 1)[docs[rows]]


def live_rows(column: VectorColumn, live: Bitmap | None) -> Int64s:
    """The rows of live docs, ascending: int64."""
    return _live_rows(column, live)[0]


def _runs(rows: Int64s) -> Iterator[tuple[int, int]]:
    """Ascending numbers as half-open ranges of neighbours."""
    if len(rows):
        breaks = np.flatnonzero(np.diff(rows) != 1) + 1
        starts, stops = rows[np.r_[0, breaks]], rows[np.r_[breaks - 1, len(rows) - 1]] + 1
        yield from zip(starts.tolist(), stops.tolist(), strict=True)


# --------------------------------------------------------------------------- reading


class VectorColumn:
    """Reads what `write_vectors` wrote, over the sections' own memory.

    dim: components of a vector. n: rows. n_docs: docs of the segment.
    rows: [n, row items of the element type], padded.
    vectors: float32 [n, dim]: a view of the rows, or `FloatRows` where they are of another type.
    norms: float32 [n]. docs: int32 [n] ascending, or None when row r is doc r.
    """

    __slots__ = ("dim", "docs", "element", "n", "n_docs", "norms", "rows", "vectors")

    def __init__(
        self,
        dim: int,
        n_docs: int,
        rows: Rows,
        norms: Float32s,
        docs: Int32s | None,
        element: Element = FLOAT32,
    ) -> None:
        self.dim, self.n, self.n_docs = dim, len(rows), n_docs
        self.rows, self.norms, self.docs, self.element = rows, norms, docs, element
        self.vectors: Any = rows[:, :dim] if element is FLOAT32 else FloatRows(element, rows, dim)

    @classmethod
    def open(cls, sections: Sections, field: str) -> VectorColumn:
        """Open a field's column, sharing memory; every size is checked.

        Raises CorruptionError, or FormatVersionError for a layout or element type of a newer
        version.
        """
        origin, name = sections.origin, f"vectors.{field}"
        meta = sections.section(f"{name}.meta")
        if len(meta) != _META.size:
            raise damaged(origin, f"{name}.meta", f"{_META.size} bytes", f"{len(meta)} bytes")
        layout, number, dim, stride, flags, n, n_docs = _META.unpack(meta)
        element = BY_NUMBER.get(number)
        if layout != LAYOUT or element is None or flags & ~HAS_DOCS:
            raise FormatVersionError(
                origin,
                f"vectors layout {layout}, element type {number}, flags {flags:#x}",
                f"layout {LAYOUT}, element type 1..{len(BY_NUMBER)}",
            )
        if not 1 <= dim <= MAX_DIM or stride != element.stride(dim):
            raise damaged(origin, f"{name}.meta", "dim and its stride", f"{dim} and {stride}")
        if n > n_docs or n_docs > _MAX_DOCS or (not flags and n != n_docs):
            raise damaged(origin, f"{name}.meta", "rows for docs", f"{n} for {n_docs}")
        items = element.row_items(dim)
        rows = stored_array(sections, name, element.dtype, (n, items))
        norms = stored_array(sections, f"{name}.norms", "<f4", (n,))
        docs = None
        if flags & HAS_DOCS:
            docs = stored_array(sections, f"{name}.docs", "<i4", (n,))
            if not _ascending(docs, n_docs):
                raise damaged(origin, f"{name}.docs", f"ascending docs below {n_docs}", "others")
        return cls(dim, n_docs, rows, norms, docs, element)

    def with_more(self, matrix: Float32s) -> VectorColumn:
        """A column in memory with more rows behind these, of a segment of so many docs.

        matrix: float32 [n, dim] that the element type can hold. Only without a docs section.
        """
        new = self.element.rows(matrix, self.dim)
        rows = np.concatenate([self.rows, new])
        norms = np.concatenate([self.norms, norms_of(self.element, new, self.dim)])
        return VectorColumn(self.dim, len(rows), rows, norms, None, self.element)

    def only(self, kept: Int64s) -> VectorColumn:
        """A column in memory of some rows, which become docs from 0 on."""
        rows, norms = self.rows[kept], self.norms[kept]
        return VectorColumn(self.dim, len(kept), rows, norms, None, self.element)

    def row_of(self, doc: int) -> int | None:
        """The row of a doc, None when it has no vector."""
        if not 0 <= doc < self.n_docs:
            return None
        if self.docs is None:
            return doc
        row = int(np.searchsorted(self.docs, doc))
        return row if row < self.n and self.docs[row] == doc else None

    def rows_of(self, docs: Int64s) -> Int64s:
        """The rows of docs, -1 where a doc has no vector; int64 [len(docs)]."""
        inside = (docs >= 0) & (docs < self.n_docs)
        if self.docs is None:
            return np.where(inside, docs, -1)
        if not self.n:
            return np.full(len(docs), -1, dtype=np.int64)
        rows = np.minimum(np.searchsorted(self.docs, docs), self.n - 1)
        return np.where(inside & (self.docs[rows] == docs), rows, -1).astype(np.int64)

    def faults(self, name: str) -> list[str]:
        """What contradicts the rows of a field, for people to read. Reads all of them."""
        found = []
        norms = norms_of(self.element, self.rows, self.dim)
        if not np.array_equal(norms, self.norms):
            found.append(f"norms of {name!r} are not those of its rows")
        if not all(self.element.is_padded(self.rows[b], self.dim) for b in blocks_of(self.n)):
            found.append(f"rows of {name!r} are not padded with zeros")
        return found

    def __repr__(self) -> str:
        return f"VectorColumn({self.n} of {self.n_docs} docs, dim {self.dim}, {self.element.name})"
