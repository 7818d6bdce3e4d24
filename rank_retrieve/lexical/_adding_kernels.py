"""A window's lists, added up: one int32 for each doc of the window.

Three ways, by what the list may change: every posting (`add_list`), those of docs that other lists
have found and that may still pass (`add_where_found`), or the same for a list in which a doc must
stand (`keep_where_found`). What is added are doubled integer scores, see `_best_kernels`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import merged
from rank_retrieve.lexical._best_kernels import contribution, in_bitmap
from rank_retrieve.lexical._cursor_kernels import (
    AT,
    COUNT,
    END,
    PLACE,
    SCORED,
    START,
    load_docs,
    load_impacts,
)
from rank_retrieve.lexical._postings_kernels import BLOCK, RECORD, frequency_at
from rank_retrieve.lexical.postings import BLOCK_DOCS
from rank_retrieve.simd.gathers import mask_where
from rank_retrieve.simd.integers import count_below, count_bits, lowest_bit

GROUP_DOCS = 64
# up to so many postings, docs are found again by their slots instead of a scan of the window
SPARSE_POSTINGS = 1024
# a block with so many postings to score is scored whole
MANY_POSTINGS = 12


@merged
def add_list(
    lists: Any,
    query: Any,
    work: Any,
    t: Any,
    window: Any,
    window_end: Any,
    threshold: Any,
    n_slots: Any,
) -> Any:
    """Add a list to the window; how many postings were added, or a negative code.

    Blocks that with `others` cannot pass the threshold are left out. The first SPARSE_POSTINGS
    slots, or all when terms are required, are noted in `slots`; groups in `touched`.

    threshold: less what the other lists may give.
    """
    n_terms = np.int64(len(query.ordinals))
    cursors, ends, accumulators = work.cursors, work.block_ends, work.accumulators
    n_noted = np.int64(SPARSE_POSTINGS)
    if query.n_required > 0:
        n_noted = np.int64(len(work.slots)) - np.int64(BLOCK_DOCS)
    block, end = cursors[t, AT], cursors[t, END]
    while block < end:
        before = np.int64(ends[np.uint64(block - np.int64(1))])
        if before + np.int64(1) >= window_end:
            break
        last = np.int64(ends[np.uint64(block)])
        if np.int64(work.block_scores[np.uint64(block)]) > threshold:
            status = load_docs(lists, work, n_terms, t, block)
            if status < 0:
                return status
            load_impacts(lists, query, work, t, block)
            place = cursors[t, PLACE]
            low, high = place, place + cursors[t, COUNT]
            if before + np.int64(1) < window:
                low = place + count_below(work.docs, place, window)
            if last >= window_end:
                high = place + count_below(work.docs, place, window_end)
            if n_slots <= n_noted:
                for i in range(high - low):
                    slot = np.int64(work.docs[np.uint64(low + i)]) - window
                    work.slots[np.uint64(n_slots + i)] = np.uint32(slot)
            for i in range(low, high):
                slot = np.uint64(np.int64(work.docs[np.uint64(i)]) - window)
                value = accumulators[slot] + work.impacts[np.uint64(i)]
                accumulators[slot] = value | np.int32(1)
                work.touched[slot >> np.uint64(6)] = np.uint8(1)
            if query.minimum > 1:
                for i in range(low, high):
                    slot = np.uint64(np.int64(work.docs[np.uint64(i)]) - window)
                    work.held[slot] += np.uint32(1)
            n_slots += high - low
        if last >= window_end:
            break
        block += np.int64(1)
    return n_slots


@merged
def _impact(lists: Any, query: Any, work: Any, t: Any, block: Any, i: Any) -> Any:
    """What posting i of the loaded block of list t contributes."""
    cursors = work.cursors
    at = np.uint64(cursors[t, PLACE] + i)
    if cursors[t, SCORED] == block:
        return work.impacts[at]
    number = cursors[t, BLOCK] + block - cursors[t, START]
    return contribution(
        frequency_at(lists, number, cursors[t, RECORD], i),
        lists.lengths[np.uint64(work.docs[at])], query.weights[t], query.constant, query.slope,
    )  # fmt: skip


@merged
def add_where_found(
    lists: Any,
    query: Any,
    work: Any,
    t: Any,
    window: Any,
    window_end: Any,
    threshold: Any,
) -> Any:
    """Add a list to docs of the window that may pass with it; 0, or a negative code.

    threshold: less what the lists may give that are neither added nor this one.
    """
    n_terms = np.int64(len(query.ordinals))
    cursors, ends, accumulators = work.cursors, work.block_ends, work.accumulators
    block, end = cursors[t, AT], cursors[t, END]
    while block < end:
        if np.int64(ends[np.uint64(block - np.int64(1))]) + np.int64(1) >= window_end:
            break
        status = load_docs(lists, work, n_terms, t, block)
        if status < 0:
            return status
        place = cursors[t, PLACE]
        bound = np.int64(work.block_scores[np.uint64(block)])
        least = np.int32(max(threshold - bound, np.int64(0)))
        for half in range(np.int64(0), cursors[t, COUNT], np.int64(GROUP_DOCS)):
            above = mask_where(
                accumulators, work.docs, place + half, window, window_end - window, least
            )
            if count_bits(above) >= np.int64(MANY_POSTINGS):
                load_impacts(lists, query, work, t, block)
            while above != 0:
                i = half + lowest_bit(above)
                above &= above - np.uint64(1)
                slot = np.uint64(np.int64(work.docs[np.uint64(place + i)]) - window)
                accumulators[slot] += _impact(lists, query, work, t, block, i)
        if np.int64(ends[np.uint64(block)]) >= window_end:
            break
        block += np.int64(1)
    return np.int64(0)


@merged
def keep_where_found(
    lists: Any,
    query: Any,
    work: Any,
    t: Any,
    window: Any,
    window_end: Any,
    threshold: Any,
    n_slots: Any,
) -> Any:
    """Keep, of the noted docs, those that stand in a list too and may pass; how many, or a code.

    They ascend in `slots` afterwards, and the accumulators of all others are 0.

    threshold: as for `add_where_found`.
    """
    n_terms = np.int64(len(query.ordinals))
    cursors, ends, accumulators = work.cursors, work.block_ends, work.accumulators
    block, end = cursors[t, AT], cursors[t, END]
    n_kept = np.int64(0)
    while block < end:
        if np.int64(ends[np.uint64(block - np.int64(1))]) + np.int64(1) >= window_end:
            break
        bound = np.int64(work.block_scores[np.uint64(block)])
        least = np.int32(max(threshold - bound, np.int64(0)))
        status = load_docs(lists, work, n_terms, t, block)
        if status < 0:
            return status
        place = cursors[t, PLACE]
        for half in range(np.int64(0), cursors[t, COUNT], np.int64(GROUP_DOCS)):
            above = mask_where(
                accumulators, work.docs, place + half, window, window_end - window, least
            )
            if count_bits(above) >= np.int64(MANY_POSTINGS):
                load_impacts(lists, query, work, t, block)
            while above != 0:
                i = half + lowest_bit(above)
                above &= above - np.uint64(1)
                doc = np.int64(work.docs[np.uint64(place + i)])
                if in_bitmap(query.live, doc) and in_bitmap(query.allowed, doc):
                    value = accumulators[np.uint64(doc - window)]
                    work.candidates[np.uint64(n_kept)] = doc - window
                    work.found[np.uint64(n_kept)] = value + _impact(lists, query, work, t, block, i)
                    n_kept += np.int64(1)
        if np.int64(ends[np.uint64(block)]) >= window_end:
            break
        block += np.int64(1)
    for i in range(n_slots):
        accumulators[np.uint64(work.slots[np.uint64(i)])] = np.int32(0)
    for i in range(n_kept):
        slot = work.candidates[np.uint64(i)]
        work.slots[np.uint64(i)] = np.uint32(slot)
        accumulators[np.uint64(slot)] = work.found[np.uint64(i)]
    return n_kept
