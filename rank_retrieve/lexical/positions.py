"""Where terms stand in documents: the two sections that phrases are found with.

Written for groups that ask for it, beside the posting lists, in their order (all numbers
little-endian). A document's texts count words from 0, one field apart from another; stop words
are counted though they have no postings.

    positions.table.G
    offset  size  type   field
    0       4     u32    version, 1
    4       4     u32    n_fields
    8       8     u64    n_terms
    16      8     u64    n_occurrences, of all terms in all documents
    24      ..    u64[n_terms // 256 + 1]  where the record of every 256th term begins
    ..      ..    u32[n_terms + 1]         where each record begins, after that base

    positions.G   one record for each term, end to end, then 64 zero bytes

A record has a chunk for each full block of the term's postings, and one for its tail:

    offset  size      type   field
    0       4*(c-1)   u32    where chunks 1 .. c - 1 begin, from the start of the record
    ..      1         u8     a, the width of counts
    ..      1         u8     v, the width of values
    ..      n*a bits         for each of the n postings: occurrences in the document, less one
    ..      m*v bits         the values of the m occurrences of all n documents
    ..                       .. next chunk ..

Both arrays of bits begin on a byte and run from the lowest bit of each byte up. A value is
delta * n_fields + field, where delta is the distance from the occurrence before it in the same
field of the document, or the position itself for the first one there. Fields ascend in a
document, and positions ascend strictly in a field.

So the documents "b a b" and "b" with one field have: a, at 1 of document 0, the record 00 01 01
(one chunk: counts of no bits, values of one bit; 1); and b, at 0 and 2 of document 0 and at 0 of
document 1, the record 01 02 01 08 (counts less one: 1, 0; values of two bits: 0, 2, 0).

One value of a chunk is found without unpacking the others: its place follows from the counts
before it, and every value has the same width.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rank_retrieve.errors import CorruptionError, FormatVersionError, InvalidArgument
from rank_retrieve.lexical._arrays import Positioned
from rank_retrieve.types import Int32s, Int64s, Sections, SectionSink, UInt32s

if TYPE_CHECKING:
    from rank_retrieve.lexical.inverted_index import InvertedIndex

VERSION = 1
HEADER = struct.Struct("<IIQQ")
BASE_TERMS = 256
MAX_VALUE = 2**32 - 1
PADDING = 64

# what a kernel found wrong -> what it expected
DAMAGE = {
    -11: "a record inside the positions",
    -12: "a chunk inside its record, of at most 32 bits",
    -13: "ascending fields, and ascending positions in each",
}


@dataclass(frozen=True, eq=False)
class Occurrences:
    """Where the terms of posting lists stand, in the order of the postings.

    counts: uint32 [n_postings], at least 1 each.
    values: uint32 [n_occurrences], delta * n_fields + field.
    """

    counts: UInt32s
    values: UInt32s


def section_names(group: str) -> tuple[str, str]:
    """The sections that hold the positions of a group."""
    return f"positions.table.{group}", f"positions.{group}"


def gather_occurrences(
    tokens: Int32s,
    offsets: Int64s,
    positions: Int32s,
    n_fields: int,
    listed: Int64s,
    list_offsets: Int64s,
) -> Occurrences:
    """The occurrences of documents of tokens, as `ForwardIndex` has them.

    listed: int64 [n_lists], the token of each list. list_offsets: int64 [n_lists + 1].
    Raises InvalidArgument for a document too long for values of 32 bits.
    """
    from rank_retrieve.lexical import _positions_kernels as kernels

    if len(positions) and (int(positions.max()) + 1) * n_fields > MAX_VALUE:
        raise InvalidArgument(
            "positions", int(positions.max()), f"{n_fields} fields leave room for fewer words",
            "split the document into several",
        )  # fmt: skip
    n_tokens = int(tokens.max()) + 1 if len(tokens) else 0
    totals = np.bincount(tokens, minlength=n_tokens)[listed] if n_tokens else listed
    next_posting = np.zeros(n_tokens, dtype=np.int64)
    next_posting[listed] = list_offsets[:-1]
    next_value = np.zeros(n_tokens, dtype=np.int64)
    next_value[listed] = np.cumsum(totals) - totals
    counts = np.zeros(int(list_offsets[-1]), dtype=np.uint32)
    values = np.empty(len(tokens), dtype=np.uint32)
    kernels.gather(
        tokens, offsets, positions, n_fields, np.full(n_tokens, -1, dtype=np.int64),
        np.zeros(n_tokens, dtype=np.int32), next_posting, next_value, counts, values,
    )  # fmt: skip
    return Occurrences(counts, values)


def write_positions(
    sink: SectionSink, group: str, occurrences: Occurrences, list_offsets: Int64s, n_fields: int
) -> None:
    """Pack occurrences into the two sections of a group.

    Raises InvalidArgument for a term whose record takes 4 GiB or more.
    """
    from rank_retrieve.lexical import _positions_kernels as kernels

    n_terms = len(list_offsets) - 1
    starts = np.empty(n_terms + 1, dtype=np.int64)
    counts, values = occurrences.counts, occurrences.values
    size = kernels.measure(list_offsets, counts, values, starts)
    relative = starts - starts[np.arange(n_terms + 1) // BASE_TERMS * BASE_TERMS]
    if size < 0 or int(relative.max()) > MAX_VALUE:
        raise InvalidArgument(
            "positions", int(starts.max()), "of 256 terms exceed 4 GiB", "use several segments"
        )
    packed = np.zeros(size + PADDING, dtype=np.uint8)
    kernels.pack(list_offsets, counts, values, starts, packed)
    table, records = section_names(group)
    sink.add(
        table,
        HEADER.pack(VERSION, n_fields, n_terms, len(values)),
        starts[::BASE_TERMS].astype(np.uint64),
        relative.astype(np.uint32),
    )
    sink.add(records, packed)


class Positions:
    """The reader of one group's positions; safe to share between threads.

    arrays: for kernels. n_occurrences: of all terms.
    """

    def __init__(
        self, index: InvertedIndex, origin: str, arrays: Positioned, n_occurrences: int
    ) -> None:
        self._index, self.origin = index, origin
        self.arrays, self.n_occurrences = arrays, n_occurrences

    @classmethod
    def open(cls, sections: Sections, group: str, index: InvertedIndex) -> Positions:
        """Map the positions of an index.

        Raises FormatVersionError for another version, CorruptionError for a table that
        contradicts itself or the index.
        """
        table_name, records_name = section_names(group)
        origin = f"{sections.origin} ({records_name})"
        table, records = sections.section(table_name), sections.section(records_name)
        if table.nbytes < HEADER.size:
            raise CorruptionError(origin, 0, f">= {HEADER.size} bytes", str(table.nbytes))
        version, n_fields, n_terms, n_occurrences = HEADER.unpack_from(table)
        if version != VERSION:
            raise FormatVersionError(origin, f"version {version}", f"version {VERSION}")
        n_bases = index.n_terms // BASE_TERMS + 1
        sane = (
            (n_fields, n_terms) == (index.n_fields, index.n_terms)
            and table.nbytes == HEADER.size + 8 * n_bases + 4 * (n_terms + 1)
            and records.nbytes >= PADDING
            and index.n_postings <= n_occurrences <= index.n_postings + 8 * records.nbytes
        )
        if not sane:
            raise CorruptionError(
                origin, 0, f"positions of {index.n_terms} terms, {index.n_fields} fields",
                f"{n_terms} terms, {n_fields} fields, {n_occurrences} occurrences",
            )  # fmt: skip
        arrays = Positioned(
            np.frombuffer(table, np.uint64, n_bases, HEADER.size),
            np.frombuffer(table, np.uint32, n_terms + 1, HEADER.size + 8 * n_bases),
            np.frombuffer(records, np.uint8),
            n_fields,
        )
        for array in arrays[:3]:
            # kernels are declared for read-only arrays, which these are in files only
            array.flags.writeable = False
        return cls(index, origin, arrays, n_occurrences)

    def of(self, ordinal: int) -> Occurrences:
        """The occurrences of one term, in the order of its postings.

        Raises CorruptionError for a record that contradicts the format.
        """
        from rank_retrieve.lexical import _positions_kernels as kernels

        n_postings = self._index.document_frequency(ordinal)
        if n_postings > self._index.n_docs:
            raise self._index.damage(-1, ordinal)
        counts = np.empty(n_postings, dtype=np.uint32)
        nothing = np.empty(0, dtype=np.uint32)
        total = kernels.decode_record(self.arrays, ordinal, n_postings, counts, nothing)
        if total < 0:
            raise self.damage(total, ordinal)
        values = np.empty(total, dtype=np.uint32)
        if kernels.decode_record(self.arrays, ordinal, n_postings, counts, values) < 0:
            raise self.damage(-12, ordinal)
        return Occurrences(counts, values)

    def verify(self) -> None:
        """Read every record once. Raises CorruptionError for any contradiction."""
        from rank_retrieve.lexical import _positions_kernels as kernels

        total = 0
        for ordinal in range(self._index.n_terms):
            found = self.of(ordinal)
            status = kernels.check_order(self.arrays.n_fields, found.counts, found.values)
            if status < 0:
                raise self.damage(status, ordinal)
            total += len(found.values)
        if total != self.n_occurrences:
            raise CorruptionError(self.origin, 16, f"{self.n_occurrences} occurrences", str(total))

    def damage(self, code: int, ordinal: int) -> CorruptionError:
        """The error for a negative result of a kernel that read the positions of a term."""
        if int(code) not in DAMAGE:
            return self._index.damage(code, ordinal)
        arrays = self.arrays
        start = int(arrays.bases[ordinal // BASE_TERMS]) + int(arrays.starts[ordinal])
        return CorruptionError(
            self.origin, start, DAMAGE[int(code)], f"otherwise, for term {ordinal}"
        )


def merge_occurrences(
    indexes: Sequence[InvertedIndex],
    new_docs: Sequence[Int32s],
    list_numbers: Sequence[Int64s],
    list_offsets: Int64s,
) -> Occurrences:
    """The occurrences of the live documents of several indexes, which all have positions.

    new_docs: for each index, the merged number of each doc, -1 for a dead one.
    list_numbers: for each index, the merged list of each term.
    list_offsets: int64 [n_lists + 1], where the postings of each merged list begin.
    Raises CorruptionError for damaged lists.
    """
    from rank_retrieve.lexical import _positions_kernels as kernels
    from rank_retrieve.lexical.scratch import thread_scratch

    scratch = thread_scratch(1)
    nothing = np.empty(0, dtype=np.uint32)

    def copy(next_posting: Int64s, next_value: Int64s, counts: UInt32s, values: UInt32s) -> None:
        for index, docs, lists in zip(indexes, new_docs, list_numbers, strict=True):
            positions = index.positions
            assert positions is not None
            status = kernels.copy_live(
                index.lists, positions.arrays, docs, lists, scratch.cursors, scratch.docs,
                scratch.frequencies, next_posting, next_value, counts, values,
            )  # fmt: skip
            if status < 0:
                raise positions.damage(status, 0)

    sizes = np.zeros(len(list_offsets) - 1, dtype=np.int64)
    copy(list_offsets[:-1].copy(), sizes, nothing, nothing)
    counts = np.empty(int(list_offsets[-1]), dtype=np.uint32)
    values = np.empty(int(sizes.sum()), dtype=np.uint32)
    if len(counts):
        copy(list_offsets[:-1].copy(), np.cumsum(sizes) - sizes, counts, values)
    return Occurrences(counts, values)
