"""Several inverted indexes into one, without their deleted documents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical.invert import (
    MAX_DOCS,
    PostingLists,
    gather_terms,
    running_total,
    sort_terms,
)
from rank_retrieve.lexical.inverted_index import InvertedIndex, write_slices
from rank_retrieve.lexical.positions import merge_occurrences, write_positions
from rank_retrieve.lexical.searcher import LexicalPart
from rank_retrieve.types import Int32s, Int64s, SectionSink, UInt8s, UInt32s

POSTING_BYTES = 16  # a document, a frequency, and at most as much when they are packed
MEMORY_BYTES = 256 << 20


def merge_inverted_indexes(
    sink: SectionSink,
    group: str,
    parts: Sequence[LexicalPart],
    *,
    memory_bytes: int = MEMORY_BYTES,
) -> None:
    """Write the index of the live documents of all parts, in the order of the parts.

    The sections equal, byte for byte, those of `write_inverted_index` over the same documents:
    documents are renumbered without gaps, and terms that no live document holds are gone. It has
    positions if all parts have them.
    `base` and `deleted` of the parts are not looked at.

    memory_bytes: for postings that are not packed yet; more are merged by ranges of terms, and
        leave memory as they are packed if the sink takes sections by pieces. Terms, 24 bytes
        for each of them, lengths and a list of documents are held beside it; so are all positions.

    Raises InvalidArgument for no parts, for parts of different scales or fields, and for more
    than 2**31 - 1 documents; CorruptionError for damaged lists.
    """
    if not parts:
        raise InvalidArgument("parts", 0, "must be at least one index")
    first = parts[0].index
    for part in parts:
        if (part.index.scale, part.index.n_fields) != (first.scale, first.n_fields):
            raise InvalidArgument(
                "parts",
                f"scale {part.index.scale}, {part.index.n_fields} fields",
                f"must all have scale {first.scale} and {first.n_fields} fields",
            )
        part.index.load()
    merge = _Merge(parts)
    write_slices(
        sink, group, merge.slices(max(1, memory_bytes // POSTING_BYTES)), *merge.terms(),
        merge.lengths, first.scale, first.n_fields,
    )  # fmt: skip
    if all(part.index.positions is not None for part in parts):
        indexes = [part.index for part in parts]
        occurrences = merge_occurrences(indexes, merge.new_docs, merge.numbers, merge.offsets)
        held = np.append(merge.offsets[:-1][merge.held], merge.offsets[-1])
        write_positions(sink, group, occurrences, held, first.n_fields)


class _Merge:
    """Parts, and how long each merged list is.

    numbers: for each part, the merged list of each of its terms, ascending.
    offsets: int64 [n_lists + 1], where the postings of each begin if all stand together.
    held: the lists that hold a live document; the others are dropped.
    """

    def __init__(self, parts: Sequence[LexicalPart]) -> None:
        from rank_retrieve.lexical import _invert_kernels

        self._parts = parts
        self._arena, self._starts, self._ends = _all_terms([part.index for part in parts])
        self._order = sort_terms(self._arena, self._starts, self._ends)
        numbers = np.empty(len(self._order), dtype=np.int64)
        n_lists = _invert_kernels.number_distinct(
            self._arena, self._starts, self._ends, self._order, numbers
        )
        self._all_numbers = numbers
        self.numbers = np.split(numbers, np.cumsum([part.index.n_terms for part in parts])[:-1])
        self.new_docs, self.lengths = _renumbered(parts)
        counts = np.zeros(n_lists, dtype=np.int64)
        nothing = np.empty(0, dtype=np.int32), np.empty(0, dtype=np.uint32)
        self._copy(0, n_lists, counts, *nothing)
        self.offsets = running_total(counts)
        self.held = counts > 0

    def terms(self) -> tuple[UInt8s, Int64s]:
        """The terms that are held: their bytes, and int64 [n + 1] offsets."""
        # the first of equal terms stands for them all
        representative = np.empty(len(self.held), dtype=np.int64)
        representative[self._all_numbers[self._order[::-1]]] = self._order[::-1]
        return gather_terms(self._arena, self._starts, self._ends, representative[self.held])

    def slices(self, most: int) -> Iterator[PostingLists]:
        """All lists that are held, in runs of at most so many postings, or of one list."""
        no_terms = np.empty(0, dtype=np.uint8), np.zeros(1, dtype=np.int64)
        first, n_lists = 0, len(self.held)
        while first < n_lists:
            begin = self.offsets[first]
            last = int(np.searchsorted(self.offsets, begin + most, side="right")) - 1
            last = max(last, first + 1)
            offsets = self.offsets[first : last + 1] - begin
            docs = np.empty(int(offsets[-1]), dtype=np.int32)
            frequencies = np.empty(len(docs), dtype=np.uint32)
            if len(docs):
                self._copy(first, last, offsets[:-1].copy(), docs, frequencies)
            kept = np.append(offsets[:-1][self.held[first:last]], offsets[-1])
            yield PostingLists(docs, frequencies, kept, self.lengths, *no_terms)
            first = last

    def _copy(
        self, first: int, last: int, next_posting: Int64s, docs: Int32s, frequencies: UInt32s
    ) -> None:
        """Append the live postings of the merged lists first .. last - 1; or count them."""
        from rank_retrieve.lexical import _merge_kernels as kernels
        from rank_retrieve.lexical.scratch import thread_scratch

        scratch = thread_scratch(1)
        for part, renumbered, lists in zip(self._parts, self.new_docs, self.numbers, strict=True):
            low, high = np.searchsorted(lists, (first, last))
            status = kernels.copy_live(
                part.index.lists, renumbered, lists[low:high] - first, int(low), scratch.cursors,
                scratch.docs, scratch.frequencies, next_posting, docs, frequencies,
            )  # fmt: skip
            if status < 0:
                raise part.index.damage(status, 0)


def _all_terms(indexes: Sequence[InvertedIndex]) -> tuple[UInt8s, Int64s, Int64s]:
    """The terms of all indexes one after the other: their bytes, starts and ends."""
    arenas, starts, ends, size = [], [], [], 0
    for index in indexes:
        arena, offsets = index.terms()
        arenas.append(arena)
        starts.append(offsets[:-1] + size)
        ends.append(offsets[1:] + size)
        size += len(arena)
    return np.concatenate(arenas), np.concatenate(starts), np.concatenate(ends)


def _renumbered(parts: Sequence[LexicalPart]) -> tuple[list[Int32s], UInt32s]:
    """For each part the merged number of each doc, -1 for dead ones; and all live lengths."""
    new_docs, lengths, n_docs = [], [], 0
    for part in parts:
        if part.live is None:
            mask = np.ones(part.index.n_docs, dtype=np.bool_)
        else:
            mask = part.live.to_mask()
        numbers = np.where(mask, np.cumsum(mask) - 1 + n_docs, -1)
        new_docs.append(numbers.astype(np.int32))
        lengths.append(part.index.lengths[mask])
        n_docs += int(np.count_nonzero(mask))
        if n_docs > MAX_DOCS:
            raise InvalidArgument("parts", n_docs, f"hold more than {MAX_DOCS} documents")
    return new_docs, np.concatenate(lengths)
