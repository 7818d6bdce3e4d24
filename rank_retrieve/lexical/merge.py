"""Several inverted indexes into one, without their deleted documents."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical.invert import (
    MAX_DOCS,
    PostingLists,
    gather_terms,
    running_total,
    sort_terms,
)
from rank_retrieve.lexical.inverted_index import InvertedIndex, write_lists
from rank_retrieve.lexical.searcher import LexicalPart
from rank_retrieve.types import Int32s, Int64s, SectionSink, UInt8s, UInt32s


def merge_inverted_indexes(sink: SectionSink, group: str, parts: Sequence[LexicalPart]) -> None:
    """Write the index of the live documents of all parts, in the order of the parts.

    The sections equal, byte for byte, those of `write_inverted_index` over the same documents:
    documents are renumbered without gaps, and terms that no live document holds are gone.
    `base` and `deleted` of the parts are not looked at.
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
    write_lists(sink, group, _merged_lists(parts), first.scale, first.n_fields)


def _merged_lists(parts: Sequence[LexicalPart]) -> PostingLists:
    from rank_retrieve.lexical import _invert_kernels

    arena, starts, ends = _all_terms([part.index for part in parts])
    order = sort_terms(arena, starts, ends)
    numbers = np.empty(len(order), dtype=np.int64)
    n_distinct = _invert_kernels.number_distinct(arena, starts, ends, order, numbers)
    new_docs, lengths = _renumbered(parts)
    list_numbers = np.split(numbers, np.cumsum([part.index.n_terms for part in parts])[:-1])

    counts = np.zeros(n_distinct, dtype=np.int64)
    no_docs, no_frequencies = np.empty(0, dtype=np.int32), np.empty(0, dtype=np.uint32)
    _copy(parts, new_docs, list_numbers, counts, no_docs, no_frequencies)
    offsets = running_total(counts)
    docs = np.empty(int(offsets[-1]), dtype=np.int32)
    frequencies = np.empty(int(offsets[-1]), dtype=np.uint32)
    if len(docs):
        _copy(parts, new_docs, list_numbers, offsets[:-1].copy(), docs, frequencies)

    # the first of equal terms stands for them all; lists of dead documents only are dropped
    representative = np.empty(n_distinct, dtype=np.int64)
    representative[numbers[order[::-1]]] = order[::-1]
    held = counts > 0
    sorted_arena, term_offsets = gather_terms(arena, starts, ends, representative[held])
    list_offsets = np.append(offsets[:-1][held], offsets[-1])
    return PostingLists(docs, frequencies, list_offsets, lengths, sorted_arena, term_offsets)


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


def _copy(
    parts: Sequence[LexicalPart],
    new_docs: Sequence[Int32s],
    list_numbers: Sequence[Int64s],
    next_posting: Int64s,
    docs: Int32s,
    frequencies: UInt32s,
) -> None:
    from rank_retrieve.lexical import _merge_kernels as kernels
    from rank_retrieve.lexical.scratch import thread_scratch

    scratch = thread_scratch(1)
    for part, renumbered, lists in zip(parts, new_docs, list_numbers, strict=True):
        status = kernels.copy_live(
            part.index.lists, renumbered, lists, scratch.cursors, scratch.docs,
            scratch.frequencies, next_posting, docs, frequencies,
        )  # fmt: skip
        if status < 0:
            raise part.index.damage(status, 0)
