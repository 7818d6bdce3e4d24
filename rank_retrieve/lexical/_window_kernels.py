"""Windowed MaxScore: the k best docs without looking at every posting.

After Turtle & Flood, "Query Evaluation: Strategies and Optimizations", 1995 (MaxScore), decided
anew for each window of documents with the bounds of the blocks that overlap it, as Lucene does.
Within a window the lists are ordered by their bounds. Those that together cannot lift a doc over
the threshold are optional: only docs found by the others become candidates, and the optional
lists are asked about candidates alone, or added up like the others where that costs less.

The result is that of adding up all postings, to the last bit: whatever is skipped could not have
changed it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import borrowed, kernel
from rank_retrieve.lexical._best_kernels import (
    contribution,
    in_bitmap,
    key_of,
    push,
    threshold_of,
)
from rank_retrieve.lexical._cursor_kernels import (
    AT,
    BOUND,
    COUNT,
    DENSITY,
    END,
    ORDER,
    PLACE,
    PREFIX,
    SCORED,
    START,
    load_docs,
    load_impacts,
    open_lists,
    reached_by_peaks,
)
from rank_retrieve.lexical._postings_kernels import BLOCK, RECORD, frequency_at
from rank_retrieve.lexical._signatures import INT64, LISTS, WEIGHTED, WORK, WRITTEN_INT64S
from rank_retrieve.lexical.postings import BLOCK_DOCS
from rank_retrieve.simd.integers import (
    any_above,
    clear_group,
    count_below,
    lowest_bit,
    mask_above,
)

GROUP_DOCS = 64
FIRST_WINDOW_DOCS = 1024
MIN_WINDOW_DOCS = 8192
MAX_WINDOW_DOCS = 65536
# a window should hold this many postings, if it need not be larger than the largest for that
WINDOW_POSTINGS = 2048


@borrowed
def _enter_window(work: Any, n_terms: Any, n_docs: Any, window: Any, window_end: Any) -> Any:
    """Bound each list in the window and order the lists; the least doc that may follow it."""
    cursors, ends = work.cursors, work.block_ends
    next_doc: Any = n_docs
    for t in range(n_terms):
        block, end = cursors[t, AT], cursors[t, END]
        while block < end and np.int64(ends[np.uint64(block)]) < window:
            block += np.int64(1)
        cursors[t, AT] = block
        bound = np.int32(0)
        while block < end:
            after = np.int64(ends[np.uint64(block - np.int64(1))]) + np.int64(1)
            if after >= window_end:
                next_doc = min(next_doc, after)
                break
            bound = max(bound, work.block_scores[np.uint64(block)])
            if np.int64(ends[np.uint64(block)]) >= window_end:
                next_doc = window_end
                break
            block += np.int64(1)
        cursors[t, BOUND] = np.int64(bound)
        r: Any = t
        while r > 0:
            other = cursors[r - 1, ORDER]
            if cursors[other, BOUND] <= np.int64(bound):
                break
            cursors[r, ORDER] = other
            r -= np.int64(1)
        cursors[r, ORDER] = t
    cursors[0, PREFIX] = np.int64(0)
    for r in range(n_terms):
        cursors[r + 1, PREFIX] = cursors[r, PREFIX] + cursors[cursors[r, ORDER], BOUND]
    return max(next_doc, window_end)


@borrowed
def _add_block(work: Any, place: Any, low: Any, high: Any, window: Any) -> None:
    """Add the impacts of a block to the window."""
    accumulators = work.accumulators
    for i in range(place + low, place + high):
        slot = np.uint64(np.int64(work.docs[np.uint64(i)]) - window)
        accumulators[slot] = (accumulators[slot] + work.impacts[np.uint64(i)]) | np.int32(1)
        work.touched[slot >> np.uint64(6)] = np.uint8(1)


@borrowed
def _take(
    query: Any,
    work: Any,
    place: Any,
    low: Any,
    high: Any,
    needed: Any,
    optional_bound: Any,
    n_candidates: Any,
) -> Any:
    """Make the postings of one block that exceed `needed` candidates; their number."""
    for half in range(np.int64(0), high, np.int64(GROUP_DOCS)):
        # impacts are even: one less stands for the bit of a match
        above = mask_above(work.impacts, place + half, needed - np.int32(1))
        while above != 0:
            bit = lowest_bit(above)
            above &= above - np.uint64(1)
            i = np.uint64(place + half + bit)
            doc = np.int64(work.docs[i])
            if (
                low <= half + bit < high
                and in_bitmap(query.live, doc)
                and in_bitmap(query.allowed, doc)
            ):
                work.candidates[np.uint64(n_candidates)] = doc
                work.found[np.uint64(n_candidates)] = (
                    work.impacts[i] | np.int32(1)
                ) + optional_bound
                n_candidates += np.int64(1)
    return n_candidates


@borrowed
def _offer(
    query: Any, work: Any, place: Any, high: Any, threshold: Any, best: Any, k: Any, size: Any
) -> Any:
    """Offer the postings of a block of the only list; how many keys `best` holds."""
    for half in range(np.int64(0), high, np.int64(GROUP_DOCS)):
        above = mask_above(work.impacts, place + half, threshold - np.int32(1))
        while above != 0:
            bit = lowest_bit(above)
            above &= above - np.uint64(1)
            i = np.uint64(place + half + bit)
            doc = np.int64(work.docs[i])
            found = work.impacts[i] | np.int32(1)
            if (
                half + bit < high
                and found > threshold
                and in_bitmap(query.live, doc)
                and in_bitmap(query.allowed, doc)
            ):
                size = push(best, k, size, key_of(found, query.base + doc))
                threshold = threshold_of(best, k, size, threshold)
    return size


@borrowed
def _collect(
    query: Any, work: Any, window: Any, window_end: Any, needed: Any, optional_bound: Any
) -> Any:
    """Move docs that found more than `needed` to the candidates, clear the window; their number."""
    accumulators, candidates, found = work.accumulators, work.candidates, work.found
    n_candidates = np.int64(0)
    n_groups = (window_end - window + np.int64(GROUP_DOCS - 1)) // np.int64(GROUP_DOCS)
    first_group = window // np.int64(GROUP_DOCS)
    for word in range((n_groups + np.int64(7)) >> np.int64(3)):
        if work.touched_words[np.uint64(word)] == 0:
            continue
        work.touched_words[np.uint64(word)] = np.uint64(0)
        last = min(np.int64(8) * word + np.int64(8), n_groups)
        for group in range(np.int64(8) * word, last):
            first = group * np.int64(GROUP_DOCS)
            if any_above(accumulators, first, needed):
                above = mask_above(accumulators, first, needed)
                if len(query.live) > 0:
                    above &= query.live[np.uint64(first_group + group)]
                if len(query.allowed) > 0:
                    above &= query.allowed[np.uint64(first_group + group)]
                while above != 0:
                    slot = first + lowest_bit(above)
                    above &= above - np.uint64(1)
                    candidates[np.uint64(n_candidates)] = window + slot
                    found[np.uint64(n_candidates)] = accumulators[np.uint64(slot)] + optional_bound
                    n_candidates += np.int64(1)
            clear_group(accumulators, first)
    return n_candidates


@borrowed
def _complete(
    lists: Any, query: Any, work: Any, n_optional: Any, threshold: Any, n_candidates: Any
) -> Any:
    """Put exact contributions of the optional lists in place of their bounds, strongest first.

    A candidate's found score counts each of these lists with its bound in the window. Candidates
    that cannot pass the threshold any more are dropped. Returns the number of the others, or a
    negative code.
    """
    n_terms = np.int64(len(query.ordinals))
    cursors, ends, found = work.cursors, work.block_ends, work.found
    r = n_optional - np.int64(1)
    while r >= 0 and n_candidates > 0:
        t = cursors[r, ORDER]
        block, end, bound = cursors[t, AT], cursors[t, END], np.int32(cursors[t, BOUND])
        kept = np.int64(0)
        for c in range(n_candidates):
            value = found[np.uint64(c)] - bound
            doc = work.candidates[np.uint64(c)]
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


@kernel(
    INT64(LISTS, WEIGHTED, WORK, INT64, INT64, WRITTEN_INT64S, INT64, INT64),
    borrows=True,
)
def search_windows(
    lists: Any,
    query: Any,
    work: Any,
    level: Any,
    lookup_cost: Any,
    best: Any,
    k: Any,
    size: Any,
) -> Any:
    """The k best docs of one part; returns how many keys `best` holds, or a negative code.

    level: of the peaks that hold for k docs, or -1 for none.
    lookup_cost: of asking a list for one candidate, in postings that might be added up instead;
        negative to add up all lists.
    accumulators, touched: zero before and after, except after a negative code.
    """
    n_docs = np.int64(len(lists.lengths))
    n_terms = np.int64(len(query.ordinals))
    cursors, ends = work.cursors, work.block_ends
    status = open_lists(lists, query, work)
    if status < 0:
        return status
    threshold = np.int32(0)
    if level >= 0:
        threshold = reached_by_peaks(lists, query, level)
    threshold = threshold_of(best, k, size, threshold)
    n_postings = np.int64(0)
    for t in range(n_terms):
        n_postings += (cursors[t, END] - cursors[t, START]) * np.int64(BLOCK_DOCS)
    window_docs: Any = np.int64(MIN_WINDOW_DOCS)
    while window_docs < MAX_WINDOW_DOCS and (
        n_postings * window_docs < n_docs * np.int64(WINDOW_POSTINGS)
    ):
        window_docs += window_docs
    if n_terms == 1:
        window_docs = n_docs
    for t in range(n_terms):
        n_blocks = cursors[t, END] - cursors[t, START]
        cursors[t, DENSITY] = n_blocks * np.int64(BLOCK_DOCS) * window_docs // n_docs
    # how many lists to add up at least, learnt from window to window
    n_added: Any = np.int64(1)
    window: Any = np.int64(0)
    while window < n_docs:
        # small windows at first, until there is a threshold to speak of
        size_docs = min(window_docs, max(window, np.int64(FIRST_WINDOW_DOCS)))
        if n_terms == 1:
            size_docs = n_docs
        window_end: Any = min(window + size_docs, n_docs)
        next_doc = _enter_window(work, n_terms, n_docs, window, window_end)
        next_window = next_doc - next_doc % np.int64(GROUP_DOCS) if next_doc < n_docs else n_docs
        total = cursors[n_terms, PREFIX]
        if total + np.int64(1) <= np.int64(threshold):
            window = next_window
            continue
        n_optional = np.int64(0)
        if lookup_cost >= 0:
            while n_optional < n_terms and (
                cursors[n_optional + 1, PREFIX] + np.int64(1) <= np.int64(threshold)
                or cursors[n_optional + 1, PREFIX] == 0
            ):
                n_optional += np.int64(1)
        n_strict = n_optional
        n_optional = min(n_optional, n_terms - min(n_added, n_terms))
        # what a doc must find in the lists that are added up to become a candidate
        optional_bound = np.int32(cursors[n_optional, PREFIX])
        needed = max(threshold - optional_bound, np.int32(0))
        direct = n_optional == n_terms - np.int64(1)
        n_candidates = np.int64(0)
        for r in range(n_optional, n_terms):
            t = cursors[r, ORDER]
            others = np.int32(total - cursors[t, BOUND]) + np.int32(1)
            block, end = cursors[t, AT], cursors[t, END]
            while block < end:
                before = np.int64(ends[np.uint64(block - np.int64(1))])
                if before + np.int64(1) >= window_end:
                    break
                last = np.int64(ends[np.uint64(block)])
                if work.block_scores[np.uint64(block)] + others > threshold:
                    status = load_docs(lists, work, n_terms, t, block)
                    if status < 0:
                        return status
                    load_impacts(lists, query, work, t, block)
                    place = cursors[t, PLACE]
                    low, high = np.int64(0), cursors[t, COUNT]
                    if before + np.int64(1) < window:
                        low = count_below(work.docs, place, window)
                    if last >= window_end:
                        high = count_below(work.docs, place, window_end)
                    if n_terms == 1:
                        size = _offer(query, work, place, high, threshold, best, k, size)
                        threshold = threshold_of(best, k, size, threshold)
                    elif direct:
                        n_candidates = _take(
                            query, work, place, low, high, needed, optional_bound, n_candidates
                        )
                    else:
                        _add_block(work, place, low, high, window)
                if last >= window_end:
                    break
                block += np.int64(1)
        if not direct:
            n_candidates = _collect(query, work, window, window_end, needed, optional_bound)
        # another list is added up where that costs less than asking it, one fewer where much more
        if lookup_cost >= 0:
            n_added = n_terms - n_optional
            if n_optional > 0 and (
                n_candidates * lookup_cost > cursors[cursors[n_optional - 1, ORDER], DENSITY]
            ):
                n_added += np.int64(1)
            elif n_optional < n_strict and (
                np.int64(8) * n_candidates * lookup_cost
                < cursors[cursors[n_optional, ORDER], DENSITY]
            ):
                n_added -= np.int64(1)
        n_candidates = _complete(lists, query, work, n_optional, threshold, n_candidates)
        if n_candidates < 0:
            return n_candidates
        for c in range(n_candidates):
            value = work.found[np.uint64(c)]
            if value > threshold:
                doc = query.base + work.candidates[np.uint64(c)]
                size = push(best, k, size, key_of(value, doc))
                threshold = threshold_of(best, k, size, threshold)
        window = next_window
    return size
