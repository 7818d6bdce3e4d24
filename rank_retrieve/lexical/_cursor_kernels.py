"""The lists of one query, opened, bounded and decoded block by block.

The blocks of a list, and its tail as one more, stand in scratch as pairs (last doc, bound); they
are numbered there, with one place before each list for the doc that its first gap counts from.
All numbers are doubled integer scores, see `_best_kernels`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import borrowed, merged
from rank_retrieve.lexical._best_kernels import contribution
from rank_retrieve.lexical._packing_kernels import PEAK_LEVELS, small_float_value
from rank_retrieve.lexical._postings_kernels import (
    BAD_DOC,
    BLOCK,
    BLOCK_END,
    RECORD,
    RECORD_END,
    decode_docs,
    decode_frequencies,
    decode_tail,
    open_list,
)
from rank_retrieve.lexical.postings import BLOCK_DOCS
from rank_retrieve.simd.saturation import bound_blocks, score_block

# further columns of a cursor
START = 9  # number of the first block in scratch
END = 10  # after the last one
AT = 11  # first block that reaches the window
TAIL_COUNT = 12
LOADED = 13  # block whose docs stand at PLACE, or -1
SCORED = 14  # block whose impacts stand there, or -1
PLACE = 15
COUNT = 16  # postings there
BOUND = 17  # of the list in the window
ORDER = 18  # row r: the term with the r-th least bound
PREFIX = 19  # row r: the sum of the bounds of the first r terms in that order
DENSITY = 20  # postings that a window holds, if they are spread evenly
CURSOR_COLUMNS = 21


@borrowed
def open_lists(lists: Any, query: Any, work: Any) -> Any:
    """Put every cursor before its list, bound its blocks, decode its tail; 0 or a code."""
    n_docs = np.int64(len(lists.lengths))
    n_terms = np.int64(len(query.ordinals))
    cursors = work.cursors
    at = np.int64(1)
    for t in range(n_terms):
        status = open_list(lists, query.ordinals[t], cursors, t)
        if status < 0:
            return status
        first, n_blocks = cursors[t, BLOCK], cursors[t, BLOCK_END] - cursors[t, BLOCK]
        work.block_ends[at - 1] = np.int32(-1)
        previous = np.int64(-1)
        ascending: Any = True
        for j in range(n_blocks):
            last = np.int64(lists.last_docs[np.uint64(first + j)])
            ascending &= last > previous
            work.block_ends[np.uint64(at + j)] = np.int32(last)
            previous = last
        if not ascending or previous >= n_docs:
            return np.int64(BAD_DOC)
        weight = query.weights[t]
        bound_blocks(
            lists.bounds, first, n_blocks, weight, query.constant, query.slope,
            work.block_scores, at,
        )  # fmt: skip
        cursors[t, START] = at
        cursors[t, AT] = at
        at += n_blocks
        place = (n_terms + t) * np.int64(BLOCK_DOCS)
        count = decode_tail(lists, cursors, t, previous, work.docs, work.frequencies, place)
        if count < 0:
            return count
        if count > 0:
            # what stands behind the tail is scored too, and must be a doc for that
            for i in range(place + count, place + BLOCK_DOCS):
                work.docs[np.uint64(i)] = np.uint32(0)
                work.frequencies[np.uint64(i)] = np.uint32(1)
            score_block(
                work.docs, work.frequencies, place, lists.lengths, weight, query.constant,
                query.slope, work.impacts,
            )  # fmt: skip
            best = np.int32(0)
            for i in range(place, place + count):
                best = max(best, work.impacts[np.uint64(i)])
            for i in range(place + count, place + BLOCK_DOCS):
                work.docs[np.uint64(i)] = np.uint32(4294967295)
            work.block_ends[at] = np.int32(work.docs[place + count - 1])
            # a bound of 0 says that there are no docs
            work.block_scores[at] = best | np.int32(1)
            at += np.int64(1)
        cursors[t, END] = at
        cursors[t, TAIL_COUNT] = count
        cursors[t, LOADED] = np.int64(-1)
        cursors[t, SCORED] = np.int64(-1)
        at += np.int64(1)
    return np.int64(0)


@merged
def load_docs(lists: Any, work: Any, n_terms: Any, t: Any, block: Any) -> Any:
    """Have the docs of a block of list t at its PLACE; 0, or a negative code."""
    cursors = work.cursors
    if cursors[t, LOADED] == block:
        return np.int64(0)
    cursors[t, LOADED] = block
    if block == cursors[t, END] - np.int64(1) and cursors[t, TAIL_COUNT] > 0:
        cursors[t, PLACE] = (n_terms + t) * np.int64(BLOCK_DOCS)
        cursors[t, COUNT] = cursors[t, TAIL_COUNT]
        cursors[t, SCORED] = block
        return np.int64(0)
    cursors[t, PLACE] = t * np.int64(BLOCK_DOCS)
    cursors[t, COUNT] = np.int64(BLOCK_DOCS)
    return decode_docs(
        lists, cursors[t, BLOCK] + block - cursors[t, START],
        np.int64(work.block_ends[block - np.int64(1)]), cursors[t, RECORD],
        cursors[t, RECORD_END], work.docs, t * np.int64(BLOCK_DOCS),
    )  # fmt: skip


@merged
def load_impacts(lists: Any, query: Any, work: Any, t: Any, block: Any) -> None:
    """Have the impacts of the block whose docs are loaded."""
    cursors = work.cursors
    if cursors[t, SCORED] != block:
        place = cursors[t, PLACE]
        number = cursors[t, BLOCK] + block - cursors[t, START]
        decode_frequencies(lists, number, cursors[t, RECORD], work.frequencies, place)
        score_block(
            work.docs, work.frequencies, place, lists.lengths, query.weights[t], query.constant,
            query.slope, work.impacts,
        )  # fmt: skip
        cursors[t, SCORED] = block


@borrowed
def reached_by_peaks(lists: Any, query: Any, level: Any) -> Any:
    """A score that as many docs reach as `peaks` promises on a level: twice an integer."""
    least = np.int32(0)
    n_peaks = np.int64(len(lists.peak_ordinals))
    for t in range(len(query.ordinals)):
        low, high = np.int64(0), n_peaks
        while low < high:
            middle = (low + high) >> np.int64(1)
            if np.int64(lists.peak_ordinals[np.uint64(middle)]) < query.ordinals[t]:
                low = middle + np.int64(1)
            else:
                high = middle
        if low < n_peaks and np.int64(lists.peak_ordinals[low]) == query.ordinals[t]:
            at = np.int64(2) * (np.int64(PEAK_LEVELS) * low + level)
            frequency = small_float_value(np.int64(lists.peaks[at]))
            if frequency > 0:
                length = small_float_value(np.int64(lists.peaks[at + np.int64(1)]))
                reached = contribution(
                    frequency, length, query.weights[t], query.constant, query.slope
                )
                least = max(least, reached)
    return least
