"""Inverted lists of coded vectors: their arrays, and the sections that they are stored in.

    section                    type                 content
    ivfpq.<field>.meta         80 bytes             below
    ivfpq.<field>.centres      f32[n_lists, width]  centres of the lists, turned
    ivfpq.<field>.spreads      f32[n_lists]         root mean square distance of rows to them
    ivfpq.<field>.lengths      u32[n_lists]         rows of each list
    ivfpq.<field>.words        f32[m, part, 2^bits] words of each part
    ivfpq.<field>.rotation     f32[dim, width]      absent without one
    ivfpq.<field>              blocks               32 rows each, list after list

    offset  size  type  field of meta
    0       2     u16   layout, 1
    2       2     u16   metric: 0 cosine, 1 dot, 2 euclidean
    4       2     u16   bits of a code, 4 or 8
    6       2     u16   rotation: 0 none, 1 there is one
    8       4     u32   m, parts
    12      4     u32   part, components of a part; width = m * part
    16      4     u32   n_lists
    20      4     u32   dim
    24      8     u64   n, rows
    32      8     u64   n_blocks
    40      8     u64   trained, the number of vectors when lists and words were learnt
    48      32    u8    SHA-256 of the options that they were learnt by

    offset in a block         type     field
    0                         u8[]     codes: m rounded up to 4, times 16 bytes (4 bits: byte
                                       16 j + i is the code of row i and 16 times that of row
                                       i + 16), or 32 m bytes (8 bits: byte 32 j + i)
    codes                     f32[32]  scales, 0 behind the last row
    codes + 128               f32[32]  biases, 0 behind the last row
    codes + 256               i32[32]  rows, ascending within a list, -1 behind the last
    codes + 384               f32[32]  offsets, 0 behind the last row; under euclidean only

Everything is little-endian. A list begins with a block of its own, and has ceil(length / 32).
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.dense.codes import NUMBERS
from rank_retrieve.dense.kmeans import Centres, packed, products
from rank_retrieve.dense.pq import Coded, ProductQuantizer
from rank_retrieve.dense.sections import damaged, stored_array
from rank_retrieve.dense.vectors import VectorColumn
from rank_retrieve.errors import FormatVersionError
from rank_retrieve.types import (
    FLOAT_METRICS,
    Float32s,
    Int32s,
    Int64s,
    IVFPQOptions,
    Metric,
    Sections,
    SectionSink,
    UInt8s,
)

if TYPE_CHECKING:
    from rank_retrieve.dense.ivfpq_search import ListSearcher

LAYOUT = 1
BLOCK_ROWS = 32
_META = struct.Struct("<HHHHIIIIQQQ32s")
# places behind the codes: of scales, biases and offsets, and of rows
_PLACES, _ROWS = (0, 1, 3), 2


@dataclass(frozen=True, eq=False)
class Learnt:
    """What is learnt from vectors, before any of them is put into a list.

    centres: [n_lists, width], turned. rotation: float32 [dim, width] or None; a vector x (of unit
    length under cosine) is turned into x @ rotation, or else filled up with zeros.
    dim: components of a vector. trained: the number of vectors. digest: of the options.
    """

    metric: Metric
    dim: int
    centres: Centres
    quantizer: ProductQuantizer
    rotation: Float32s | None
    trained: int
    digest: bytes

    @property
    def width(self) -> int:
        """Components of a turned vector."""
        return self.quantizer.width

    @cached_property
    def turning(self) -> Float32s | None:
        """The rotation, packed as `kmeans.packed` packs rows: [n_blocks, width, 16]."""
        if self.rotation is None:
            return None
        columns = np.zeros((self.width, self.width), np.float32)
        columns[:, : self.dim] = self.rotation.T
        return packed(columns)[0]

    def turned(self, vectors: Float32s, norms: Float32s) -> Float32s:
        """Vectors as they are compared with centres: float32 [n, width].

        vectors: float32 [n, dim], norms: float32 [n].
        """
        result = np.zeros((len(vectors), self.width), np.float32)
        result[:, : self.dim] = vectors
        if self.metric == "cosine":
            result /= norms[:, np.newaxis]
        if self.turning is not None:
            result = np.ascontiguousarray(products(result, self.turning)[:, : self.width])
        return result


def digest_of(options: IVFPQOptions) -> bytes:
    """32 bytes that tell apart options by which other lists or codes would be learnt."""
    told = (options.n_lists, options.m, options.bits, options.rotation, options.training,
            options.steps, options.seed)  # fmt: skip
    return hashlib.sha256(repr(told).encode()).digest()


@dataclass(frozen=True, eq=False)
class Lists:
    """The rows of a vector column in lists; not changed once it is made.

    spreads: float32 [n_lists]; lengths: int64 [n_lists].
    blocks: uint8 [n_blocks, block bytes], see the module.
    rescored: candidates that are scored by their floats, None for a number that follows k.
    """

    learnt: Learnt
    spreads: Float32s
    lengths: Int64s
    blocks: UInt8s
    rescored: int | None = None

    @cached_property
    def n(self) -> int:
        """Rows."""
        return int(self.lengths.sum())

    @property
    def n_lists(self) -> int:
        """Lists, some of which may be empty."""
        return len(self.lengths)

    @property
    def metric(self) -> Metric:
        """What lists and codes were learnt for."""
        return self.learnt.metric

    @property
    def code_bytes(self) -> int:
        """Bytes of a block before the scales."""
        return code_bytes(self.learnt.quantizer.m, self.learnt.quantizer.bits)

    @cached_property
    def starts(self) -> Int64s:
        """The first block of each list, int64 [n_lists]."""
        return starts_of(self.lengths)

    @property
    def rows(self) -> Int32s:
        """The row of each place of each block, int32 [n_blocks, 32]; -1 behind a list's end."""
        return self._part(_ROWS).view("<i4")

    def _part(self, number: int) -> UInt8s:
        start = self.code_bytes + 4 * BLOCK_ROWS * number
        part: UInt8s = np.ascontiguousarray(self.blocks[:, start : start + 4 * BLOCK_ROWS])
        return part

    def labels(self) -> Int32s:
        """The list of each row, int32 [n]."""
        labels = np.empty(self.n, np.int32)
        of_blocks = np.repeat(np.arange(self.n_lists, dtype=np.int32), blocks_of(self.lengths))
        rows = self.rows
        there = rows >= 0
        labels[rows[there]] = np.repeat(of_blocks, there.sum(axis=1))
        return labels

    def coded(self) -> Coded:
        """The rows in their own order, as `packed_lists` takes them."""
        from rank_retrieve.dense import _pq_kernels as kernels

        quantizer, rows = self.learnt.quantizer, self.rows
        coded = Coded.empty(self.n, quantizer.m)
        there = rows >= 0
        for number in _parts_of(self.metric):
            coded.arrays[1 + number][rows[there]] = self._part(_PLACES[number]).view("<f4")[there]
        codes = np.ascontiguousarray(self.blocks[:, : self.code_bytes])
        kernels.unpack_codes(codes, np.ascontiguousarray(rows), quantizer.bits, coded.codes)
        return coded

    @cached_property
    def table(self) -> Int64s:
        """Addresses and sizes in the order of `_ivfpq_kernels.INDEX_SLOTS`; they are good while
        this lives.
        """
        centre_blocks, halves = self.learnt.centres.packed
        turning, quantizer = self.learnt.turning, self.learnt.quantizer
        m, part, _ = quantizer.words.shape
        blocks, scales = self.blocks.ctypes.data, self.code_bytes
        slots = [
            centre_blocks.ctypes.data, len(centre_blocks), halves.ctypes.data,
            self.spreads.ctypes.data, self.starts.ctypes.data, self.lengths.ctypes.data,
            self.n_lists, self.learnt.dim, self.learnt.width,
            0 if turning is None else turning.ctypes.data, 0 if turning is None else len(turning),
            quantizer.words.ctypes.data, m, part, quantizer.bits,
            blocks, self.blocks.shape[1],
            scales, scales + 4 * BLOCK_ROWS, scales + 8 * BLOCK_ROWS,
            scales + 12 * BLOCK_ROWS if self.metric == "euclidean" else 0,
        ]  # fmt: skip
        return np.array(slots, dtype=np.int64)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays that are stored."""
        learnt = self.learnt
        rotation = 0 if learnt.rotation is None else learnt.rotation.nbytes
        return (
            learnt.centres.rows.nbytes + self.spreads.nbytes + 4 * self.n_lists
            + learnt.quantizer.words.nbytes + rotation + self.blocks.nbytes
        )  # fmt: skip

    def searcher(self, column: VectorColumn, base: int) -> ListSearcher:
        """What searches these lists over their column; `base` is added to docs."""
        from rank_retrieve.dense.ivfpq_search import ListSearcher

        return ListSearcher(self, column, base)

    # ------------------------------------------------------------------- sections

    def write(self, sink: SectionSink, name: str) -> None:
        """Store the lists of a field."""
        learnt, prefix = self.learnt, f"ivfpq.{name}"
        m, part, _ = learnt.quantizer.words.shape
        meta = _META.pack(
            LAYOUT, NUMBERS[self.metric], learnt.quantizer.bits, int(learnt.rotation is not None),
            m, part, self.n_lists, learnt.dim, self.n, len(self.blocks), learnt.trained,
            learnt.digest,
        )  # fmt: skip
        sink.add(f"{prefix}.meta", meta)
        sink.add(f"{prefix}.centres", np.ascontiguousarray(learnt.centres.rows, "<f4"))
        sink.add(f"{prefix}.spreads", self.spreads)
        sink.add(f"{prefix}.lengths", self.lengths.astype("<u4"))
        sink.add(f"{prefix}.words", learnt.quantizer.words)
        if learnt.rotation is not None:
            sink.add(f"{prefix}.rotation", learnt.rotation)
        sink.add(prefix, self.blocks)

    @classmethod
    def open(
        cls,
        sections: Sections,
        name: str,
        column: VectorColumn,
        rescored: int | None = None,
    ) -> Lists:
        """Open the lists of a field beside its vectors, sharing memory.

        Every number that a search takes as an address or a size is checked, and every row is in
        one place. Raises CorruptionError, or FormatVersionError for a newer layout.
        """
        origin, prefix = sections.origin, f"ivfpq.{name}"
        raw = sections.section(f"{prefix}.meta")
        if len(raw) != _META.size:
            raise damaged(origin, f"{prefix}.meta", f"{_META.size} bytes", f"{len(raw)} bytes")
        (
            layout, number, bits, rotated, m, part, n_lists, dim, n, n_blocks, trained, digest,
        ) = _META.unpack(raw)  # fmt: skip
        if layout != LAYOUT:
            raise FormatVersionError(origin, f"ivfpq layout {layout}", f"layout {LAYOUT}")
        fits = (
            number < len(FLOAT_METRICS)
            and bits in (4, 8)
            and rotated <= 1
            and 1 <= m <= IVFPQOptions.MAX_PARTS
            and dim == column.dim
            and dim <= m * part < dim + m
            and 1 <= n_lists <= IVFPQOptions.MAX_LISTS
            and n == column.n
            and n_blocks <= n
        )
        if not fits:
            raise damaged(origin, f"{prefix}.meta", "lists over the vectors", raw.hex(" ", 4))
        metric, width = FLOAT_METRICS[number], m * part

        def array(part: str, dtype: str, shape: tuple[int, ...]) -> NDArray[Any]:
            return stored_array(sections, f"{prefix}{part}", dtype, shape)

        def floats(part: str, shape: tuple[int, ...]) -> Float32s:
            numbers: Float32s = array(part, "<f4", shape)
            if not np.isfinite(numbers).all():
                raise damaged(origin, f"{prefix}{part}", "finite numbers", "others")
            return numbers

        lengths = array(".lengths", "<u4", (n_lists,)).astype(np.int64)
        if int(lengths.sum()) != n or int(blocks_of(lengths).sum()) != n_blocks:
            raise damaged(origin, f"{prefix}.lengths", f"{n} rows in {n_blocks} blocks", "others")
        blocks = array("", "u1", (n_blocks, block_bytes(m, bits, metric)))
        learnt = Learnt(
            metric,
            dim,
            Centres(floats(".centres", (n_lists, width))),
            ProductQuantizer(floats(".words", (m, part, 1 << bits))),
            floats(".rotation", (dim, width)) if rotated else None,
            trained,
            digest,
        )
        lists = cls(learnt, floats(".spreads", (n_lists,)), lengths, blocks, rescored)
        if not _is_permutation(lists.rows, lengths, n):
            raise damaged(origin, prefix, f"each of {n} rows in one place", "others")
        return lists


def code_bytes(m: int, bits: int) -> int:
    """Bytes of the codes of a block."""
    return -(-m // 4) * 64 if bits == 4 else BLOCK_ROWS * m


def block_bytes(m: int, bits: int, metric: Metric) -> int:
    """Bytes of a block: codes, scales, biases, rows, offsets."""
    return code_bytes(m, bits) + (1 + len(_parts_of(metric))) * 4 * BLOCK_ROWS


def _parts_of(metric: Metric) -> range:
    """Which of scales, biases and offsets a block holds."""
    return range(3 if metric == "euclidean" else 2)


def blocks_of(lengths: Int64s) -> Int64s:
    """Blocks of lists of these lengths."""
    result: Int64s = -(-lengths // BLOCK_ROWS)
    return result


def starts_of(lengths: Int64s) -> Int64s:
    """The first block of each list."""
    ends: Int64s = np.cumsum(blocks_of(lengths))
    return ends - blocks_of(lengths)


def packed_lists(
    learnt: Learnt,
    spreads: Float32s,
    labels: Int32s,
    coded: Coded,
    rescored: int | None = None,
) -> Lists:
    """Coded rows in blocks, list after list.

    labels: int32 [n], the list of each row; coded: n rows; spreads: float32 [n_lists].
    """
    from rank_retrieve.dense import _pq_kernels as kernels

    quantizer, n_lists = learnt.quantizer, learnt.centres.k
    lengths = np.bincount(labels, minlength=n_lists).astype(np.int64)
    order = np.argsort(labels, kind="stable").astype(np.int64)
    n_blocks, size = int(blocks_of(lengths).sum()), code_bytes(quantizer.m, quantizer.bits)
    codes = np.zeros((n_blocks, size), np.uint8)
    rows = np.full((n_blocks, BLOCK_ROWS), -1, np.int32)
    kernels.pack_lists(
        coded.codes, order, np.cumsum(lengths), starts_of(lengths), quantizer.bits, codes, rows
    )
    blocks = _aligned(n_blocks, block_bytes(quantizer.m, quantizer.bits, learnt.metric))
    blocks[:, :size] = codes
    parts: dict[int, NDArray[Any]] = {_ROWS: rows}
    for number in _parts_of(learnt.metric):
        parts[_PLACES[number]] = np.where(rows >= 0, coded.arrays[1 + number][rows], np.float32(0))
    for place, array in parts.items():
        start = size + 4 * BLOCK_ROWS * place
        blocks[:, start : start + 4 * BLOCK_ROWS] = np.ascontiguousarray(array).view(np.uint8)
    return Lists(learnt, spreads, lengths, blocks, rescored)


def _is_permutation(rows: Int32s, lengths: Int64s, n: int) -> bool:
    """Whether the places before the ends of lists hold each row below n once."""
    if not n:
        return True
    filled = np.full(len(rows), BLOCK_ROWS)
    there = lengths > 0
    ends = starts_of(lengths)[there] + blocks_of(lengths)[there] - 1
    filled[ends] = (lengths[there] - 1) % BLOCK_ROWS + 1
    named = rows[np.arange(BLOCK_ROWS) < filled[:, np.newaxis]]
    if int(named.min()) < 0 or int(named.max()) >= n:
        return False
    seen = np.zeros(n, np.bool_)
    seen[named] = True
    return bool(seen.all())


def _aligned(n_blocks: int, size: int) -> UInt8s:
    """Room for blocks from a whole cache line on."""
    memory = np.empty(n_blocks * size + 64, np.uint8)
    start = -memory.ctypes.data % 64
    return memory[start : start + n_blocks * size].reshape(n_blocks, size)
