"""Windowed MaxScore: the k best docs without looking at every posting.

After Turtle & Flood, "Query Evaluation: Strategies and Optimizations", 1995 (MaxScore), decided
anew for each window of documents with the bounds of the blocks that overlap it, as Lucene does.
Within a window the lists are ordered by their bounds. Those that together cannot lift a doc over
the threshold are optional: only docs found by the others become candidates. The strongest optional
list is added to those docs alone, where they are many; the others are asked about candidates.

Where terms are required, the first n_required lists are intersected, the one with the fewest docs
first, and the others are optional; see `_intersection_kernels` for those with few docs.

The result is that of adding up all postings, to the last bit: whatever is skipped could not have
changed it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import borrowed, kernel, merged
from rank_retrieve.lexical._adding_kernels import (
    GROUP_DOCS,
    SPARSE_POSTINGS,
    add_list,
    add_where_found,
    keep_where_found,
)
from rank_retrieve.lexical._arrays import Weighted
from rank_retrieve.lexical._best_kernels import in_bitmap, key_of, push, threshold_of
from rank_retrieve.lexical._candidate_kernels import complete, take_from_groups, take_from_slots
from rank_retrieve.lexical._cursor_kernels import (
    AT,
    BOUND,
    COUNT,
    DENSITY,
    END,
    ORDER,
    PLACE,
    PREFIX,
    START,
    load_docs,
    load_impacts,
    open_lists,
    reached_by_peaks,
)
from rank_retrieve.lexical._intersection_kernels import is_selective, search_intersection
from rank_retrieve.lexical._signatures import BATCH, INT64, LISTS, WORK, WRITTEN_INT64S
from rank_retrieve.lexical.postings import BLOCK_DOCS
from rank_retrieve.simd.integers import lowest_bit, mask_above

FIRST_WINDOW_DOCS = 1024
MIN_WINDOW_DOCS = 8192
MAX_WINDOW_DOCS = 65536
# a window should hold this many postings, if it need not be larger than the largest for that
WINDOW_POSTINGS = 2048
# the strongest optional list is added to found docs when it has at most so many postings for each
FILTERED_POSTINGS = 32


@merged
def _enter_window(
    work: Any, n_required: Any, n_terms: Any, n_docs: Any, window: Any, end: Any
) -> Any:
    """Bound each list in the window, order those not required; the least doc that may follow.

    The bound of a list without docs there is 0. PREFIX of the last place is the sum of all.
    """
    cursors, ends = work.cursors, work.block_ends
    next_doc: Any = n_docs
    next_required: Any = np.int64(0)
    for t in range(n_terms):
        block, last_block = cursors[t, AT], cursors[t, END]
        while block < last_block and np.int64(ends[np.uint64(block)]) < window:
            block += np.int64(1)
        cursors[t, AT] = block
        bound = np.int32(0)
        after: Any = n_docs
        while block < last_block:
            first = np.int64(ends[np.uint64(block - np.int64(1))]) + np.int64(1)
            if first >= end:
                after = first
                break
            bound = max(bound, work.block_scores[np.uint64(block)])
            if np.int64(ends[np.uint64(block)]) >= end:
                after = end
                break
            block += np.int64(1)
        cursors[t, BOUND] = np.int64(bound)
        if t < n_required:
            next_required = max(next_required, after)
            continue
        next_doc = min(next_doc, after)
        r: Any = t - n_required
        while r > 0:
            other = cursors[r - 1, ORDER]
            if cursors[other, BOUND] <= np.int64(bound):
                break
            cursors[r, ORDER] = other
            r -= np.int64(1)
        cursors[r, ORDER] = t
    cursors[0, PREFIX] = np.int64(0)
    for r in range(n_terms - n_required):
        cursors[r + 1, PREFIX] = cursors[r, PREFIX] + cursors[cursors[r, ORDER], BOUND]
    if n_required > 0:
        next_doc = next_required
    return max(next_doc, end)


@borrowed
def _search_one_list(
    lists: Any, query: Any, work: Any, threshold: Any, best: Any, k: Any, size: Any
) -> Any:
    """`search_windows` for a single term: its blocks in order, those that may pass."""
    cursors = work.cursors
    for block in range(cursors[0, START], cursors[0, END]):
        if work.block_scores[np.uint64(block)] + np.int32(1) <= threshold:
            continue
        status = load_docs(lists, work, np.int64(1), np.int64(0), block)
        if status < 0:
            return status
        load_impacts(lists, query, work, np.int64(0), block)
        place, count = cursors[0, PLACE], cursors[0, COUNT]
        for half in range(np.int64(0), count, np.int64(GROUP_DOCS)):
            # impacts are even: one less stands for the bit of a match
            above = mask_above(work.impacts, place + half, threshold - np.int32(1))
            while above != 0:
                bit = lowest_bit(above)
                above &= above - np.uint64(1)
                i = np.uint64(place + half + bit)
                doc = np.int64(work.docs[i])
                found = work.impacts[i] | np.int32(1)
                if (
                    half + bit < count
                    and found > threshold
                    and in_bitmap(query.live, doc)
                    and in_bitmap(query.allowed, doc)
                ):
                    size = push(best, k, size, key_of(found, query.base + doc))
                    threshold = threshold_of(best, k, size, threshold)
    return size


@merged
def _bound_required(work: Any, n_required: Any, n_terms: Any) -> Any:
    """The sum of the bounds of all lists, or -1 where a required list has no docs."""
    cursors = work.cursors
    total = cursors[n_terms - n_required, PREFIX]
    for t in range(n_required):
        if cursors[t, BOUND] == 0:
            return np.int64(-1)
        total += cursors[t, BOUND]
    return total


@borrowed
def _intersect(
    lists: Any, query: Any, work: Any, window: Any, window_end: Any, limit: Any, n_slots: Any
) -> Any:
    """Keep, of the docs found in the first list, those in all required ones; how many, or a code.

    limit: the threshold, less what all lists but the first may give.
    """
    for t in range(np.int64(1), query.n_required):
        limit += work.cursors[t, BOUND]
        n_slots = keep_where_found(
            lists, query, work, np.int64(t), window, window_end, limit, n_slots
        )
        if n_slots < 0:
            return n_slots
    return n_slots


@borrowed
def _search_windows(
    lists: Any, query: Any, work: Any, level: Any, lookup_cost: Any, best: Any, k: Any, size: Any
) -> Any:
    """The k best docs of one part; returns how many keys `best` holds, or a negative code.

    level: of the peaks that hold for k docs, or -1 for none.
    lookup_cost: of asking a list for one candidate, in postings that might be added up instead;
        negative to add up all lists.
    accumulators, touched, held: zero before and after, except after a negative code.
    """
    n_docs = np.int64(len(lists.lengths))
    n_terms, n_required = np.int64(len(query.ordinals)), query.n_required
    cursors = work.cursors
    if n_required > 0 and is_selective(lists, query):
        return search_intersection(lists, query, work, best, k, size)
    status = open_lists(lists, query, work)
    if status < 0:
        return status
    threshold = np.int32(0)
    if level >= 0:
        threshold = reached_by_peaks(lists, query, level)
    threshold = threshold_of(best, k, size, threshold)
    if query.minimum > 1:
        # whoever is counted must be added up
        lookup_cost = np.int64(-1)
    if n_terms == 1:
        return _search_one_list(lists, query, work, threshold, best, k, size)
    n_postings = np.int64(0)
    for t in range(n_terms):
        if n_required == 0 or t == 0:
            n_postings += (cursors[t, END] - cursors[t, START]) * np.int64(BLOCK_DOCS)
    window_docs: Any = np.int64(MIN_WINDOW_DOCS)
    while window_docs < MAX_WINDOW_DOCS and (
        n_postings * window_docs < n_docs * np.int64(WINDOW_POSTINGS)
    ):
        window_docs += window_docs
    for t in range(n_terms):
        n_blocks = cursors[t, END] - cursors[t, START]
        cursors[t, DENSITY] = n_blocks * np.int64(BLOCK_DOCS) * window_docs // n_docs
    # how many lists to add up at least, learnt from window to window
    n_added: Any = np.int64(1)
    window: Any = np.int64(0)
    while window < n_docs:
        # small windows at first, until there is a threshold to speak of
        size_docs = min(window_docs, max(window, np.int64(FIRST_WINDOW_DOCS)))
        window_end: Any = min(window + size_docs, n_docs)
        next_doc = _enter_window(work, n_required, n_terms, n_docs, window, window_end)
        next_window = next_doc - next_doc % np.int64(GROUP_DOCS) if next_doc < n_docs else n_docs
        limit = np.int64(threshold)
        n_candidates = np.int64(0)
        total: Any = _bound_required(work, n_required, n_terms)
        n_asked: Any = n_terms - n_required
        if total + np.int64(1) > limit:
            # lists from n_optional on are added up; with required terms, the first of them
            n_optional = np.int64(0)
            if lookup_cost >= 0 and n_required == 0:
                while n_optional < n_terms and (
                    cursors[n_optional + 1, PREFIX] + np.int64(1) <= limit
                    or cursors[n_optional + 1, PREFIX] == 0
                ):
                    n_optional += np.int64(1)
            n_strict = n_optional
            n_optional = min(n_optional, n_terms - min(n_added, n_terms))
            if n_required > 0:
                n_optional = n_terms - np.int64(1)
            n_slots: Any = np.int64(0)
            for r in range(n_optional, n_terms):
                row = cursors[r, ORDER] if n_required == 0 else np.int64(0)
                others = total - cursors[row, BOUND] + np.int64(1)
                n_slots = add_list(
                    lists, query, work, row, window, window_end, limit - others, n_slots
                )
                if n_slots < 0:
                    return n_slots
            if n_required > 1:
                others = total - cursors[0, BOUND] + np.int64(1)
                n_slots = _intersect(
                    lists, query, work, window, window_end, limit - others, n_slots
                )
                if n_slots < 0:
                    return n_slots
            elif n_required == 0:
                n_asked = n_optional
            if n_required == 0 and n_optional > 0:
                t = cursors[n_optional - 1, ORDER]
                if cursors[t, BOUND] > 0 and (
                    n_slots * np.int64(FILTERED_POSTINGS) > cursors[t, DENSITY]
                ):
                    n_asked -= np.int64(1)
                    status = add_where_found(
                        lists, query, work, t, window, window_end, limit - cursors[n_asked, PREFIX]
                    )
                    if status < 0:
                        return status
            # what a doc must have found so far to become a candidate
            optional_bound = np.int32(cursors[n_asked, PREFIX])
            needed = max(threshold - optional_bound, np.int32(0))
            if n_slots <= SPARSE_POSTINGS or n_required > 0:
                n_candidates = take_from_slots(
                    query, work, window, window_end - window, needed, optional_bound, n_slots
                )
            else:
                n_candidates = take_from_groups(
                    query, work, window, window_end - window, needed, optional_bound
                )
            # another list is added up where that costs less than asking, one fewer where much more
            if lookup_cost >= 0 and n_required == 0:
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
        n_candidates = complete(lists, query, work, n_asked, threshold, n_candidates)
        if n_candidates < 0:
            return n_candidates
        for c in range(n_candidates):
            # candidates are in no order, but all come after those of earlier windows
            value = work.found[np.uint64(c)]
            doc = query.base + work.candidates[np.uint64(c)]
            size = push(best, k, size, key_of(value, doc))
        threshold = threshold_of(best, k, size, threshold)
        window = next_window
    return size


# columns of a plan: one query of a batch
FIRST, N_TERMS, N_REQUIRED, MINIMUM, LEVEL, K, PLACES, N_PLACES, SIZE = range(9)
PLAN_COLUMNS = 9


@kernel(INT64(LISTS, BATCH, WORK, INT64, WRITTEN_INT64S), borrows=True)
def search_batch(lists: Any, batch: Any, work: Any, lookup_cost: Any, best: Any) -> Any:
    """The best docs of one part for each query of a batch; 0, or a negative code.

    A row of batch.plans tells which terms a query has (FIRST, N_TERMS), how many of them are
    required or must be there at least, the level of its peaks, k, where its keys stand in `best`
    (PLACES, N_PLACES), and how many there are: SIZE is written, and the code after an error.
    """
    for q in range(len(batch.plans)):
        plan = batch.plans[q]
        first, last = plan[FIRST], plan[FIRST] + plan[N_TERMS]
        query = Weighted(
            batch.ordinals[first:last], batch.weights[first:last], batch.constant, batch.slope,
            batch.base, batch.live, batch.allowed, plan[N_REQUIRED], plan[MINIMUM],
        )  # fmt: skip
        places = best[plan[PLACES] : plan[PLACES] + plan[N_PLACES]]
        size = _search_windows(
            lists, query, work, plan[LEVEL], lookup_cost, places, plan[K], plan[SIZE]
        )
        plan[SIZE] = size
        if size < 0:
            return size
    return np.int64(0)
