"""Kernels that score posting lists in integers; the arithmetic is defined in `scoring`.

An accumulator holds twice the integer score, with the lowest bit set once a term was found
in the doc: a doc whose contributions all round to zero is still a match.

A result is one int64 key, `score << 32 | (2**32 - 1 - doc)`, so that a greater key is a
better hit and equal scores are in order of docs. The k best keys stand in a min-heap that
the parts of an index fill one after the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import inlined, kernel
from rank_retrieve.lexical._postings_kernels import (
    BLOCK,
    BLOCK_DOCS,
    BLOCK_END,
    BYTES,
    COUNT,
    FLOAT64S,
    INT64S,
    LAST_DOC,
    LISTS,
    POSITION,
    TAIL_LEFT,
    UINT32S,
    load_block,
    open_list,
)

WINDOW_DOCS = 8192
GROUP_DOCS = 64

# rounds a float64 in 0..2**51 to the nearest integer, ties to even, as np.rint does
_ROUNDER = 6755399441055744.0


@kernel(f"int64({UINT32S}, {INT64S}, {INT64S}, {INT64S}, int64[::1])")
def add_document_frequencies(
    document_frequencies: Any,
    ordinals: Any,
    deleted_ordinals: Any,
    deleted_counts: Any,
    totals: Any,
) -> Any:
    """Add to totals how many live docs of a part hold each term; ordinal -1 holds none.

    Returns the number of full blocks in the lists of all terms together, or -1 for an ordinal
    of no term.
    """
    n_deleted = np.int64(len(deleted_ordinals))
    n_blocks = np.int64(0)
    for t in range(len(ordinals)):
        ordinal = ordinals[t]
        if ordinal < 0:
            continue
        if ordinal >= len(document_frequencies):
            return np.int64(-1)
        totals[t] += np.int64(document_frequencies[ordinal])
        n_blocks += np.int64(document_frequencies[ordinal]) // np.int64(BLOCK_DOCS)
        low, high = np.int64(0), n_deleted
        while low < high:
            middle = (low + high) >> np.int64(1)
            if deleted_ordinals[middle] < ordinal:
                low = middle + np.int64(1)
            else:
                high = middle
        if low < n_deleted and deleted_ordinals[low] == ordinal:
            totals[t] -= deleted_counts[low]
    return n_blocks


@inlined
def push(heap: Any, size: Any, key: Any) -> Any:
    """Offer a key to the min-heap of the len(heap) greatest; returns its new size."""
    capacity = np.int64(len(heap))
    if size < capacity:
        child = size
        while child > 0:
            parent = (child - np.int64(1)) >> np.int64(1)
            if heap[parent] <= key:
                break
            heap[child] = heap[parent]
            child = parent
        heap[child] = key
        return size + np.int64(1)
    if key <= heap[0]:
        return size
    parent = np.int64(0)
    while True:
        child = np.int64(2) * parent + np.int64(1)
        if child >= capacity:
            break
        if child + 1 < capacity and heap[child + 1] < heap[child]:
            child += np.int64(1)
        if heap[child] >= key:
            break
        heap[parent] = heap[child]
        parent = child
    heap[parent] = key
    return size


@inlined
def in_bitmap(bits: Any, doc: Any) -> Any:
    """Whether doc is in a bitmap; an empty array stands for all docs."""
    return len(bits) == 0 or (bits[doc >> 3] >> (doc & np.int64(7))) & np.uint8(1) != 0


@inlined
def contributions(
    docs: Any,
    frequencies: Any,
    place: Any,
    count: Any,
    lengths: Any,
    weight: Any,
    constant: Any,
    slope: Any,
    impacts: Any,
) -> None:
    """Twice the integer contribution of each posting of a loaded block (scoring, eq. 3)."""
    for i in range(place, place + count):
        frequency = np.float64(frequencies[i])
        saturation = frequency + (constant + slope * np.float64(lengths[docs[i]]))
        rounded = (weight * frequency / saturation + _ROUNDER) - _ROUNDER
        impacts[i] = np.int32(rounded) << np.int32(1)


@kernel(
    f"int64({LISTS}, {UINT32S}, {INT64S}, {FLOAT64S}, float64, float64, int64, {BYTES}, {BYTES}, "
    "int64[:, ::1], uint32[::1], uint32[::1], int32[::1], int32[::1], uint8[::1], int64[::1], "
    "int64)"
)
def search_exhaustively(
    bases: Any,
    starts: Any,
    document_frequencies: Any,
    last_docs: Any,
    block_offsets: Any,
    block_bits: Any,
    postings: Any,
    lengths: Any,
    ordinals: Any,
    weights: Any,
    constant: Any,
    slope: Any,
    base: Any,
    live: Any,
    allowed: Any,
    cursors: Any,
    docs: Any,
    frequencies: Any,
    impacts: Any,
    accumulators: Any,
    touched: Any,
    heap: Any,
    size: Any,
) -> Any:
    """Score every doc of one part that holds a term; returns the size of the heap, or a code.

    accumulators [WINDOW_DOCS] and touched [WINDOW_DOCS / GROUP_DOCS] are zero before and
    after, except after a negative code.
    """
    n_docs = np.int64(len(lengths))
    n_terms = len(ordinals)
    capacity = np.int64(len(heap))
    low_half = np.int64(4294967295)
    for t in range(n_terms):
        status = open_list(
            bases, starts, document_frequencies, last_docs, block_offsets, block_bits, postings,
            ordinals[t], n_docs, cursors, np.int64(t),
        )  # fmt: skip
        if status < 0:
            return status
    threshold = np.int32(0)
    if size == capacity:
        threshold = np.int32((heap[0] >> np.int64(32)) << np.int64(1)) | np.int32(1)
    window: Any = np.int64(0)
    while window < n_docs:
        window_end: Any = min(window + np.int64(WINDOW_DOCS), n_docs)
        next_doc: Any = n_docs
        for t in range(n_terms):
            place = np.int64(t) * np.int64(BLOCK_DOCS)
            while True:
                if cursors[t, POSITION] == cursors[t, COUNT]:
                    count = load_block(
                        last_docs, block_offsets, block_bits, postings, n_docs, cursors, docs,
                        frequencies, np.int64(t),
                    )  # fmt: skip
                    if count < 0:
                        return count
                    if count == 0:
                        break
                    contributions(
                        docs, frequencies, place, count, lengths, weights[t], constant, slope,
                        impacts,
                    )  # fmt: skip
                i = place + cursors[t, POSITION]
                end = place + cursors[t, COUNT]
                while i < end:
                    doc = np.int64(docs[i])
                    if doc >= window_end:
                        break
                    slot = doc - window
                    accumulators[slot] = (accumulators[slot] + impacts[i]) | np.int32(1)
                    touched[slot // GROUP_DOCS] = np.uint8(1)
                    i += np.int64(1)
                cursors[t, POSITION] = i - place
                if i < end:
                    next_doc = min(next_doc, np.int64(docs[i]))
                    break
        n_groups = (window_end - window + np.int64(GROUP_DOCS - 1)) // np.int64(GROUP_DOCS)
        for group in range(n_groups):
            if touched[group] == 0:
                continue
            touched[group] = np.uint8(0)
            first = np.int64(group) * np.int64(GROUP_DOCS)
            any_above = False
            for slot in range(first, first + GROUP_DOCS):
                any_above |= accumulators[slot] > threshold
            if any_above:
                for slot in range(first, first + GROUP_DOCS):
                    found = accumulators[slot]
                    if found > threshold:
                        doc = window + slot
                        if in_bitmap(live, doc) and in_bitmap(allowed, doc):
                            score = np.int64(found >> np.int32(1))
                            key = (score << np.int64(32)) | (low_half - (base + doc))
                            size = push(heap, size, key)
                            if size == capacity:
                                least = np.int32(heap[0] >> np.int64(32))
                                threshold = (least << np.int32(1)) | np.int32(1)
            for slot in range(first, first + GROUP_DOCS):
                accumulators[slot] = np.int32(0)
        # windows without postings are skipped
        window = next_doc - next_doc % np.int64(WINDOW_DOCS) if next_doc < n_docs else n_docs
    return size


@inlined
def _seek(
    last_docs: Any,
    block_offsets: Any,
    block_bits: Any,
    postings: Any,
    n_docs: Any,
    cursors: Any,
    docs: Any,
    frequencies: Any,
    row: Any,
    doc: Any,
) -> Any:
    """Load the block that would hold doc, forwards only: its count, 0 at the end, or a code."""
    place = row * np.int64(BLOCK_DOCS)
    count = cursors[row, COUNT]
    while count == 0 or np.int64(docs[place + count - 1]) < doc:
        block, end = cursors[row, BLOCK], cursors[row, BLOCK_END]
        if block == end and cursors[row, TAIL_LEFT] == 0:
            return np.int64(0)
        skipped = block
        while skipped < end and np.int64(last_docs[skipped]) < doc:
            skipped += np.int64(1)
        if skipped > block:
            cursors[row, BLOCK] = skipped
            cursors[row, LAST_DOC] = np.int64(last_docs[skipped - 1])
        count = load_block(
            last_docs, block_offsets, block_bits, postings, n_docs, cursors, docs, frequencies,
            row,
        )  # fmt: skip
        if count <= 0:
            return count
    return count


@kernel(
    f"int64({LISTS}, {UINT32S}, int64, {INT64S}, int64[:, ::1], uint32[::1], uint32[::1], "
    "int64[::1])"
)
def frequencies_of(
    bases: Any,
    starts: Any,
    document_frequencies: Any,
    last_docs: Any,
    block_offsets: Any,
    block_bits: Any,
    postings: Any,
    lengths: Any,
    ordinal: Any,
    wanted: Any,
    cursors: Any,
    docs: Any,
    frequencies: Any,
    found: Any,
) -> Any:
    """Put the frequency of one term in each of the ascending docs `wanted` into zeroed `found`."""
    n_docs = np.int64(len(lengths))
    status = open_list(
        bases, starts, document_frequencies, last_docs, block_offsets, block_bits, postings,
        ordinal, n_docs, cursors, np.int64(0),
    )  # fmt: skip
    if status < 0:
        return status
    for w in range(len(wanted)):
        count = _seek(
            last_docs, block_offsets, block_bits, postings, n_docs, cursors, docs, frequencies,
            np.int64(0), wanted[w],
        )  # fmt: skip
        if count <= 0:
            return count
        position = cursors[0, POSITION]
        while np.int64(docs[position]) < wanted[w]:
            position += np.int64(1)
        if np.int64(docs[position]) == wanted[w]:
            found[w] = np.int64(frequencies[position])
        cursors[0, POSITION] = position
    return np.int64(0)
