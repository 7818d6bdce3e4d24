"""Docs of a window that may pass the threshold: taken from its accumulators, and completed.

A candidate's found score counts each list that was not added with its bound in the window; these
lists are then asked, strongest first, and candidates that cannot pass any more are dropped.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import merged
from rank_retrieve.lexical._adding_kernels import GROUP_DOCS
from rank_retrieve.lexical._best_kernels import contribution, in_bitmap
from rank_retrieve.lexical._cursor_kernels import (
    AT,
    BOUND,
    END,
    ORDER,
    PLACE,
    SCORED,
    START,
    load_docs,
)
from rank_retrieve.lexical._postings_kernels import BLOCK, RECORD, frequency_at
from rank_retrieve.lexical.postings import BLOCK_DOCS
from rank_retrieve.simd.gathers import mask_where
from rank_retrieve.simd.integers import (
    clear_group,
    count_below,
    lowest_bit,
    mask_above,
)

NO_SLOT = 2**32 - 1


@merged
def take_from_slots(
    query: Any, work: Any, window: Any, n_docs: Any, needed: Any, optional_bound: Any, n_slots: Any
) -> Any:
    """Make candidates of noted slots with more than `needed`, and clear the window; how many.

    For windows with few postings. n_docs: of the window. Candidates are in no order.
    """
    accumulators, slots = work.accumulators, work.slots
    n_candidates = np.int64(0)
    for i in range(n_slots, n_slots + np.int64(GROUP_DOCS)):
        slots[np.uint64(i)] = np.uint32(NO_SLOT)
    for first in range(np.int64(0), n_slots, np.int64(GROUP_DOCS)):
        above = mask_where(accumulators, slots, first, np.int64(0), n_docs, needed)
        while above != 0:
            slot = np.uint64(slots[np.uint64(first + lowest_bit(above))])
            above &= above - np.uint64(1)
            value = accumulators[slot]
            doc = window + np.int64(slot)
            # a doc of several lists was noted several times
            if (
                value != 0
                and (query.minimum <= 1 or np.int64(work.held[slot]) >= query.minimum)
                and in_bitmap(query.live, doc)
                and in_bitmap(query.allowed, doc)
            ):
                work.candidates[np.uint64(n_candidates)] = doc
                work.found[np.uint64(n_candidates)] = value + optional_bound
                n_candidates += np.int64(1)
            accumulators[slot] = np.int32(0)
    for i in range(n_slots):
        accumulators[np.uint64(slots[np.uint64(i)])] = np.int32(0)
    if query.minimum > 1:
        for i in range(n_slots):
            work.held[np.uint64(slots[np.uint64(i)])] = np.uint32(0)
    for word in range((n_docs + np.int64(511)) >> np.int64(9)):
        work.touched_words[np.uint64(word)] = np.uint64(0)
    return n_candidates


@merged
def take_from_groups(
    query: Any, work: Any, window: Any, n_docs: Any, needed: Any, optional_bound: Any
) -> Any:
    """Make candidates of docs with more than `needed`, and clear the window; how many.

    For windows with many postings. n_docs: of the window. Candidates ascend.
    """
    accumulators = work.accumulators
    n_candidates = np.int64(0)
    n_groups = (n_docs + np.int64(GROUP_DOCS - 1)) // np.int64(GROUP_DOCS)
    first_group = window // np.int64(GROUP_DOCS)
    for word in range((n_groups + np.int64(7)) >> np.int64(3)):
        if work.touched_words[np.uint64(word)] == 0:
            continue
        work.touched_words[np.uint64(word)] = np.uint64(0)
        last = min(np.int64(8) * word + np.int64(8), n_groups)
        for group in range(np.int64(8) * word, last):
            first = group * np.int64(GROUP_DOCS)
            above = mask_above(accumulators, first, needed)
            if above != 0:
                if len(query.live) > 0:
                    above &= query.live[np.uint64(first_group + group)]
                if len(query.allowed) > 0:
                    above &= query.allowed[np.uint64(first_group + group)]
                while above != 0:
                    slot = np.uint64(first + lowest_bit(above))
                    above &= above - np.uint64(1)
                    if query.minimum <= 1 or np.int64(work.held[slot]) >= query.minimum:
                        work.candidates[np.uint64(n_candidates)] = window + np.int64(slot)
                        work.found[np.uint64(n_candidates)] = accumulators[slot] + optional_bound
                        n_candidates += np.int64(1)
            clear_group(accumulators, first)
            if query.minimum > 1:
                for i in range(first, first + np.int64(GROUP_DOCS)):
                    work.held[np.uint64(i)] = np.uint32(0)
    return n_candidates


@merged
def complete(
    lists: Any, query: Any, work: Any, n_optional: Any, threshold: Any, n_candidates: Any
) -> Any:
    """Put exact contributions of the first n_optional lists in place of their bounds.

    Candidates that cannot pass the threshold any more are dropped. Returns the number of the
    others, or a negative code.
    """
    n_terms = np.int64(len(query.ordinals))
    cursors, ends, found = work.cursors, work.block_ends, work.found
    r = n_optional - np.int64(1)
    while r >= 0 and n_candidates > 0:
        t = cursors[r, ORDER]
        block, end, bound = cursors[t, AT], cursors[t, END], np.int32(cursors[t, BOUND])
        kept, previous = np.int64(0), np.int64(0)
        for c in range(n_candidates):
            value = found[np.uint64(c)] - bound
            doc = work.candidates[np.uint64(c)]
            if doc < previous:
                block = cursors[t, AT]
            previous = doc
            while block < end and np.int64(ends[np.uint64(block)]) < doc:
                block += np.int64(1)
            if block < end and value + work.block_scores[np.uint64(block)] > threshold:
                status = load_docs(lists, work, n_terms, t, block)
                if status < 0:
                    return status
                place = cursors[t, PLACE]
                i = count_below(work.docs, place, doc)
                if i < BLOCK_DOCS and np.int64(work.docs[np.uint64(place + i)]) == doc:
                    if cursors[t, SCORED] == block:
                        value += work.impacts[np.uint64(place + i)]
                    else:
                        number = cursors[t, BLOCK] + block - cursors[t, START]
                        value += contribution(
                            frequency_at(lists, number, cursors[t, RECORD], i),
                            lists.lengths[np.uint64(doc)], query.weights[t], query.constant,
                            query.slope,
                        )  # fmt: skip
            work.candidates[np.uint64(kept)] = doc
            found[np.uint64(kept)] = value
            kept += np.int64(value > threshold)
        n_candidates = kept
        r -= np.int64(1)
    return n_candidates
