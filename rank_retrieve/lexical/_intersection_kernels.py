"""Required terms whose shortest list is short: its docs are sought in the others, one by one.

Each list is entered only where a doc is sought: blocks are skipped by their last docs, at steps
that double, and neither bounded nor decoded on the way.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import borrowed, merged
from rank_retrieve.lexical._best_kernels import (
    contribution,
    in_bitmap,
    key_of,
    push,
    threshold_of,
)
from rank_retrieve.lexical._cursor_kernels import AT, COUNT, LOADED
from rank_retrieve.lexical._postings_kernels import (
    BLOCK,
    BLOCK_END,
    RECORD,
    RECORD_END,
    decode_docs,
    decode_tail,
    frequency_at,
    open_list,
)
from rank_retrieve.lexical.postings import BLOCK_DOCS
from rank_retrieve.simd.integers import count_below

NO_DOC = 2**32 - 1
# seeking a doc takes as long as a quarter of what a block takes that is bounded and compared
SEEKS_A_BLOCK = 4


@merged
def is_selective(lists: Any, query: Any) -> Any:
    """Whether seeking the docs of the first list costs less than windows over all lists."""
    n_blocks = np.int64(0)
    for t in range(len(query.ordinals)):
        if query.ordinals[t] >= 0:
            df = np.int64(lists.document_frequencies[np.uint64(query.ordinals[t])])
            n_blocks += df // np.int64(BLOCK_DOCS) + np.int64(1)
    if query.ordinals[0] < 0:
        return True
    lead = np.int64(lists.document_frequencies[np.uint64(query.ordinals[0])])
    return lead < n_blocks * np.int64(SEEKS_A_BLOCK)


@borrowed
def _load(lists: Any, work: Any, t: Any, block: Any) -> Any:
    """Have the docs of a block, or of the tail behind the last, at t * 128; how many, or a code."""
    cursors = work.cursors
    place, previous = t * np.int64(BLOCK_DOCS), np.int64(-1)
    if block > cursors[t, BLOCK]:
        previous = np.int64(lists.last_docs[np.uint64(block - np.int64(1))])
    cursors[t, LOADED] = block
    if block < cursors[t, BLOCK_END]:
        cursors[t, COUNT] = np.int64(BLOCK_DOCS)
        status = decode_docs(
            lists, block, previous, cursors[t, RECORD], cursors[t, RECORD_END], work.docs, place
        )
        return status if status < 0 else np.int64(BLOCK_DOCS)
    count = decode_tail(lists, cursors, t, previous, work.docs, work.frequencies, place)
    if count >= 0:
        for i in range(place + count, place + BLOCK_DOCS):
            work.docs[np.uint64(i)] = np.uint32(NO_DOC)
    cursors[t, COUNT] = count
    return count


@merged
def _seek(lists: Any, work: Any, t: Any, doc: Any) -> Any:
    """Load the block of list t that would hold a doc; its postings, or a negative code."""
    cursors, last_docs = work.cursors, lists.last_docs
    low, end = cursors[t, AT], cursors[t, BLOCK_END]
    high, step = low, np.int64(1)
    while high < end and np.int64(last_docs[np.uint64(high)]) < doc:
        low = high + np.int64(1)
        high += step
        step += step
    high = min(high, end)
    while low < high:
        middle = (low + high) >> np.int64(1)
        if np.int64(last_docs[np.uint64(middle)]) < doc:
            low = middle + np.int64(1)
        else:
            high = middle
    cursors[t, AT] = low
    if cursors[t, LOADED] == low:
        return cursors[t, COUNT]
    return _load(lists, work, t, low)


@merged
def _impact(lists: Any, query: Any, work: Any, t: Any, doc: Any, i: Any) -> Any:
    """What posting i of the loaded block of list t contributes to a doc."""
    cursors = work.cursors
    block = cursors[t, LOADED]
    if block < cursors[t, BLOCK_END]:
        frequency = frequency_at(lists, block, cursors[t, RECORD], i)
    else:
        frequency = np.int64(work.frequencies[np.uint64(t * np.int64(BLOCK_DOCS) + i)])
    length = lists.lengths[np.uint64(doc)]
    return contribution(frequency, length, query.weights[t], query.constant, query.slope)


@borrowed
def search_intersection(lists: Any, query: Any, work: Any, best: Any, k: Any, size: Any) -> Any:
    """The k best docs that hold all required terms; how many keys `best` holds, or a code."""
    n_terms, cursors = np.int64(len(query.ordinals)), work.cursors
    candidates, found, slots = work.candidates, work.found, work.slots
    for t in range(n_terms):
        if t < query.n_required and query.ordinals[t] < 0:
            return size
        status = open_list(lists, query.ordinals[t], cursors, t)
        if status < 0:
            return status
        cursors[t, AT] = cursors[t, BLOCK]
        cursors[t, LOADED] = np.int64(-1)
    threshold = threshold_of(best, k, size, np.int32(0))
    for block in range(cursors[0, BLOCK], cursors[0, BLOCK_END] + np.int64(1)):
        count = _load(lists, work, np.int64(0), np.int64(block))
        if count < 0:
            return count
        n_left = np.int64(0)
        for i in range(count):
            doc = np.int64(work.docs[np.uint64(i)])
            candidates[np.uint64(n_left)] = doc
            slots[np.uint64(n_left)] = np.uint32(i)
            found[np.uint64(n_left)] = np.int32(1)
            n_left += np.int64(in_bitmap(query.live, doc) and in_bitmap(query.allowed, doc))
        for t in range(np.int64(1), n_terms):
            kept = np.int64(0)
            for c in range(n_left):
                doc = candidates[np.uint64(c)]
                status = _seek(lists, work, np.int64(t), doc)
                if status < 0:
                    return status
                i = count_below(work.docs, np.int64(t) * np.int64(BLOCK_DOCS), doc)
                value, held = found[np.uint64(c)], False
                if i < status:
                    at = np.uint64(np.int64(t) * np.int64(BLOCK_DOCS) + i)
                    held = np.int64(work.docs[at]) == doc
                if held:
                    value += _impact(lists, query, work, np.int64(t), doc, i)
                candidates[np.uint64(kept)] = doc
                slots[np.uint64(kept)] = slots[np.uint64(c)]
                found[np.uint64(kept)] = value
                kept += np.int64(held or t >= query.n_required)
            n_left = kept
        for c in range(n_left):
            doc = candidates[np.uint64(c)]
            first = np.int64(slots[np.uint64(c)])
            value = found[np.uint64(c)] + _impact(lists, query, work, np.int64(0), doc, first)
            if value > threshold:
                size = push(best, k, size, key_of(value, query.base + doc))
                threshold = threshold_of(best, k, size, threshold)
    return size
