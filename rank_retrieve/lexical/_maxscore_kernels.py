"""Windowed MaxScore: the k best docs without looking at every posting.

After Turtle & Flood, "Query Evaluation: Strategies and Optimizations", 1995 (MaxScore), decided
anew for each window of documents with the bounds of the blocks that overlap it, as Lucene does.
Within a window the lists are ordered by their bounds. Those that together cannot lift a doc over
the threshold are not essential: only docs found by the others become candidates, and the lists
that are not essential are asked about candidates alone.

All numbers are doubled integer scores with the lowest bit set for a match, as in
`_search_kernels`, so the result is exactly that of `search_exhaustively`. The tail of a list, of
at most 127 postings and without bounds, is scored exactly for every window.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import inlined, kernel
from rank_retrieve.codecs._bitpack_kernels import unpack
from rank_retrieve.lexical._packing_kernels import small_float_value
from rank_retrieve.lexical._postings_kernels import (
    BAD_BLOCK,
    BAD_DOC,
    BLOCK,
    BLOCK_DOCS,
    BLOCK_END,
    BYTES,
    FLOAT64S,
    INT64S,
    LAST_DOC,
    LISTS,
    RECORD,
    RECORD_END,
    UINT32S,
    load_block,
    open_list,
)
from rank_retrieve.lexical._search_kernels import (
    GROUP_DOCS,
    WINDOW_DOCS,
    contributions,
    in_bitmap,
    push,
)

# further columns of a cursor
FIRST_BLOCK = 9  # of the list
BOUND_AT = 10  # place of the first block's bound
DECODED = 11  # block whose docs stand in the cursor's row, or -1
SCORED = 12  # block whose impacts stand there, or -1
TAIL_COUNT = 13
TAIL_NEXT = 14  # first posting of the tail at or after the window
WINDOW_BOUND = 15  # of the blocks that overlap the window
ORDER = 16  # row r: the term with the r-th least bound
PREFIX = 17  # row r: the sum of the bounds of the first r terms in that order
ANY_BOUND = 18  # of the list in the window, its tail included
CURSOR_COLUMNS = 19

# columns of the row after the last cursor
TOTAL, N_TAILS, NEXT_DOC = 0, 1, 2


@inlined
def _bound_blocks(
    bounds: Any,
    first: Any,
    n_blocks: Any,
    weight: Any,
    constant: Any,
    slope: Any,
    block_scores: Any,
    at: Any,
) -> None:
    """Doubled upper bounds of the contributions of blocks."""
    for block in range(n_blocks):
        best = 0.0
        pair = (first + block) * np.int64(8)
        for _ in range(np.int64(4)):
            frequency = np.float64(small_float_value(np.int64(bounds[pair])))
            length = np.float64(small_float_value(np.int64(bounds[pair + 1])))
            score = weight * frequency / (frequency + (constant + slope * length))
            # pairs of zeros can only come from damage; a bound of all is safe
            best = max(best, score if frequency > 0.0 else weight)
            pair += np.int64(2)
        # one more than the floor covers rounding, in the contribution and in this quotient
        block_scores[at + block] = np.int32((np.int64(best) + np.int64(1)) << np.int64(1))


@inlined
def _decode_docs(
    last_docs: Any,
    block_offsets: Any,
    block_bits: Any,
    postings: Any,
    n_docs: Any,
    cursors: Any,
    docs: Any,
    row: Any,
    block: Any,
) -> Any:
    """Decode the docs of one block into a cursor's row; 0, or a negative code."""
    place = row * np.int64(BLOCK_DOCS)
    doc_bits: Any = np.int64(block_bits[2 * block])
    frequency_bits = np.int64(block_bits[2 * block + 1])
    at = cursors[row, RECORD] + np.int64(block_offsets[block])
    end = at + np.int64(16) * (doc_bits + frequency_bits)
    if doc_bits > 31 or frequency_bits > 31 or end > cursors[row, RECORD_END]:
        return np.int64(BAD_BLOCK)
    previous = np.int64(-1)
    if block > cursors[row, FIRST_BLOCK]:
        previous = np.int64(last_docs[block - 1])
    cursors[row, DECODED] = np.int64(-1)
    unpack(postings, at, BLOCK_DOCS, doc_bits, docs, place)
    for i in range(place, place + BLOCK_DOCS):
        previous += np.int64(docs[i]) + np.int64(1)
        docs[i] = np.uint32(previous)
    if previous != np.int64(last_docs[block]) or previous >= n_docs:
        return np.int64(BAD_DOC)
    cursors[row, DECODED] = block
    return np.int64(0)


@inlined
def _decode_frequencies(
    block_offsets: Any, block_bits: Any, postings: Any, cursors: Any, frequencies: Any, row: Any
) -> None:
    """Decode the frequencies of the block whose docs stand in the row."""
    block = cursors[row, DECODED]
    place = row * np.int64(BLOCK_DOCS)
    doc_bits = np.int64(block_bits[2 * block])
    frequency_bits: Any = np.int64(block_bits[2 * block + 1])
    at = cursors[row, RECORD] + np.int64(block_offsets[block]) + np.int64(16) * doc_bits
    unpack(postings, at, BLOCK_DOCS, frequency_bits, frequencies, place)
    for i in range(place, place + BLOCK_DOCS):
        frequencies[i] += np.uint32(1)


@inlined
def _frequency_at(
    block_offsets: Any, block_bits: Any, postings: Any, cursors: Any, row: Any, position: Any
) -> Any:
    """One frequency of the block whose docs stand in the row, without decoding the others."""
    block = cursors[row, DECODED]
    bits = np.int64(block_bits[2 * block + 1])
    at = cursors[row, RECORD] + np.int64(block_offsets[block])
    at += np.int64(16) * np.int64(block_bits[2 * block])
    bit = position * bits
    at += bit >> np.int64(3)
    # 31 bits and a shift of at most 7 fit into five bytes; the padding makes them readable
    word = np.int64(0)
    for byte in range(np.int64(5)):
        word |= np.int64(postings[at + byte]) << (np.int64(8) * byte)
    mask = (np.int64(1) << bits) - np.int64(1)
    return ((word >> (bit & np.int64(7))) & mask) + np.int64(1)


@inlined
def _first_at_least(docs: Any, low: Any, high: Any, doc: Any) -> Any:
    """The first place in docs[low:high], ascending, that is not below doc."""
    while low < high:
        middle = (low + high) >> np.int64(1)
        if np.int64(docs[middle]) < doc:
            low = middle + np.int64(1)
        else:
            high = middle
    return low


@inlined
def _enter_window(
    last_docs: Any,
    block_scores: Any,
    n_terms: Any,
    n_docs: Any,
    window: Any,
    window_end: Any,
    cursors: Any,
    tail_docs: Any,
    tail_impacts: Any,
    accumulators: Any,
    touched: Any,
) -> None:
    """Bound each list in the window, order the lists, and add their tails to the scores.

    The last row of the cursors receives TOTAL, N_TAILS and NEXT_DOC, which is the least doc
    after the window that may stand in a list.
    """
    total = np.int64(0)
    n_tails = np.int64(0)
    next_doc: Any = n_docs
    for t in range(n_terms):
        block, end = cursors[t, BLOCK], cursors[t, BLOCK_END]
        while block < end and np.int64(last_docs[block]) < window:
            block += np.int64(1)
        cursors[t, BLOCK] = block
        bound = np.int64(0)
        at = cursors[t, BOUND_AT] - cursors[t, FIRST_BLOCK]
        while block < end:
            if block > cursors[t, FIRST_BLOCK]:
                after = np.int64(last_docs[block - 1]) + np.int64(1)
                if after >= window_end:
                    next_doc = min(next_doc, after)
                    break
            bound = max(bound, np.int64(block_scores[at + block]))
            if np.int64(last_docs[block]) >= window_end:
                next_doc = min(next_doc, window_end)
                break
            block += np.int64(1)
        cursors[t, WINDOW_BOUND] = bound
        place = t * np.int64(BLOCK_DOCS)
        i = place + cursors[t, TAIL_NEXT]
        tail_end = place + cursors[t, TAIL_COUNT]
        while i < tail_end and np.int64(tail_docs[i]) < window_end:
            slot = np.int64(tail_docs[i]) - window
            accumulators[slot] = (accumulators[slot] + tail_impacts[i]) | np.int32(1)
            touched[slot // GROUP_DOCS] = np.uint8(1)
            bound = max(bound, np.int64(tail_impacts[i]))
            n_tails += np.int64(1)
            i += np.int64(1)
        cursors[t, TAIL_NEXT] = i - place
        if i < tail_end:
            next_doc = min(next_doc, np.int64(tail_docs[i]))
        cursors[t, ANY_BOUND] = bound
        total += bound
        r: Any = t
        while r > 0:
            other = cursors[r - 1, ORDER]
            if cursors[other, WINDOW_BOUND] <= cursors[t, WINDOW_BOUND]:
                break
            cursors[r, ORDER] = other
            r -= np.int64(1)
        cursors[r, ORDER] = t
    cursors[0, PREFIX] = np.int64(0)
    for r in range(n_terms):
        bound = cursors[cursors[r, ORDER], WINDOW_BOUND]
        cursors[r + 1, PREFIX] = cursors[r, PREFIX] + bound
    cursors[n_terms, TOTAL] = total
    cursors[n_terms, N_TAILS] = n_tails
    cursors[n_terms, NEXT_DOC] = next_doc


@inlined
def _collect_touched(
    window: Any,
    window_end: Any,
    least: Any,
    live: Any,
    allowed: Any,
    accumulators: Any,
    touched: Any,
    candidates: Any,
    found: Any,
) -> Any:
    """Move the docs with more than `least` to the candidates and clear the window; their number."""
    n_candidates = np.int64(0)
    n_groups = (window_end - window + np.int64(GROUP_DOCS - 1)) // np.int64(GROUP_DOCS)
    for group in range(n_groups):
        if touched[group] == 0:
            continue
        touched[group] = np.uint8(0)
        first = np.int64(group) * np.int64(GROUP_DOCS)
        any_above = False
        for slot in range(first, first + GROUP_DOCS):
            any_above |= accumulators[slot] > least
        if any_above:
            for slot in range(first, first + GROUP_DOCS):
                if accumulators[slot] > least:
                    doc = window + slot
                    if in_bitmap(live, doc) and in_bitmap(allowed, doc):
                        candidates[n_candidates] = doc
                        found[n_candidates] = accumulators[slot]
                        n_candidates += np.int64(1)
        for slot in range(first, first + GROUP_DOCS):
            accumulators[slot] = np.int32(0)
    return n_candidates


@inlined
def _ask_optional(
    last_docs: Any,
    block_offsets: Any,
    block_bits: Any,
    postings: Any,
    lengths: Any,
    weights: Any,
    constant: Any,
    slope: Any,
    block_scores: Any,
    n_optional: Any,
    threshold: Any,
    n_candidates: Any,
    cursors: Any,
    docs: Any,
    candidates: Any,
    found: Any,
) -> Any:
    """Complete the scores of candidates from the lists that are not essential, strongest first.

    Candidates that cannot pass the threshold any more are dropped, or left as they are below it.
    Returns the number of the others, or a negative code.
    """
    n_docs = np.int64(len(lengths))
    r = n_optional - np.int64(1)
    while r >= 0 and n_candidates > 0:
        limit = threshold - cursors[r + 1, PREFIX]
        kept = np.int64(0)
        for c in range(n_candidates):
            if np.int64(found[c]) > limit:
                candidates[kept] = candidates[c]
                found[kept] = found[c]
                kept += np.int64(1)
        n_candidates = kept
        t = cursors[r, ORDER]
        if cursors[t, WINDOW_BOUND] > 0:
            limit = threshold - cursors[r, PREFIX]
            place = t * np.int64(BLOCK_DOCS)
            at = cursors[t, BOUND_AT] - cursors[t, FIRST_BLOCK]
            block, end = cursors[t, BLOCK], cursors[t, BLOCK_END]
            for c in range(n_candidates):
                doc = candidates[c]
                while block < end and np.int64(last_docs[block]) < doc:
                    block += np.int64(1)
                if block >= end:
                    break
                if np.int64(found[c]) + np.int64(block_scores[at + block]) <= limit:
                    continue
                if cursors[t, DECODED] != block:
                    status = _decode_docs(
                        last_docs, block_offsets, block_bits, postings, n_docs, cursors, docs, t,
                        block,
                    )  # fmt: skip
                    if status < 0:
                        return status
                high = place + np.int64(BLOCK_DOCS)
                i = _first_at_least(docs, place, high, doc)
                if i < high and np.int64(docs[i]) == doc:
                    frequency = np.float64(
                        _frequency_at(block_offsets, block_bits, postings, cursors, t, i - place)
                    )
                    saturation = frequency + (constant + slope * np.float64(lengths[doc]))
                    rounded = np.rint(weights[t] * frequency / saturation)
                    found[c] += np.int32(rounded) << np.int32(1)
        r -= np.int64(1)
    return n_candidates


@kernel(
    f"int64({LISTS}, {BYTES}, {UINT32S}, {INT64S}, {FLOAT64S}, float64, float64, int64, {BYTES}, "
    f"{BYTES}, int64[:, ::1], uint32[::1], uint32[::1], int32[::1], uint32[::1], int32[::1], "
    "int32[::1], int32[::1], uint8[::1], int64[::1], int32[::1], int64[::1], int64)"
)
def search_windows(
    bases: Any,
    starts: Any,
    document_frequencies: Any,
    last_docs: Any,
    block_offsets: Any,
    block_bits: Any,
    postings: Any,
    bounds: Any,
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
    tail_docs: Any,
    tail_impacts: Any,
    block_scores: Any,
    accumulators: Any,
    touched: Any,
    candidates: Any,
    found: Any,
    heap: Any,
    size: Any,
) -> Any:
    """The k best docs of one part; returns the size of the heap, or a negative code.

    cursors: int64 [n_terms + 1, CURSOR_COLUMNS]. block_scores: room for the full blocks of all
    lists. candidates, found: [WINDOW_DOCS]. The others are those of `search_exhaustively`.
    """
    n_docs = np.int64(len(lengths))
    n_terms = np.int64(len(ordinals))
    capacity = np.int64(len(heap))
    low_half = np.int64(4294967295)
    n_bounds = np.int64(0)
    for t in range(n_terms):
        status = open_list(
            bases, starts, document_frequencies, last_docs, block_offsets, block_bits, postings,
            ordinals[t], n_docs, cursors, t,
        )  # fmt: skip
        if status < 0:
            return status
        first, end = cursors[t, BLOCK], cursors[t, BLOCK_END]
        _bound_blocks(
            bounds, first, end - first, weights[t], constant, slope, block_scores, n_bounds
        )
        cursors[t, FIRST_BLOCK] = first
        cursors[t, BOUND_AT] = n_bounds
        n_bounds += end - first
        # the tail is decoded first and moved aside
        cursors[t, BLOCK] = end
        if end > first:
            cursors[t, LAST_DOC] = np.int64(last_docs[end - 1])
        count = load_block(
            last_docs, block_offsets, block_bits, postings, n_docs, cursors, tail_docs,
            frequencies, t,
        )  # fmt: skip
        if count < 0:
            return count
        contributions(
            tail_docs, frequencies, t * np.int64(BLOCK_DOCS), count, lengths, weights[t], constant,
            slope, tail_impacts,
        )  # fmt: skip
        cursors[t, TAIL_COUNT] = count
        cursors[t, TAIL_NEXT] = np.int64(0)
        cursors[t, BLOCK] = first
        cursors[t, DECODED] = np.int64(-1)
        cursors[t, SCORED] = np.int64(-1)
    threshold = np.int64(0)
    if size == capacity:
        threshold = ((heap[0] >> np.int64(32)) << np.int64(1)) | np.int64(1)
    window: Any = np.int64(0)
    while window < n_docs:
        window_end: Any = min(window + np.int64(WINDOW_DOCS), n_docs)
        _enter_window(
            last_docs, block_scores, n_terms, n_docs, window, window_end, cursors, tail_docs,
            tail_impacts, accumulators, touched,
        )  # fmt: skip
        total = cursors[n_terms, TOTAL]
        n_tails = cursors[n_terms, N_TAILS]
        next_doc = cursors[n_terms, NEXT_DOC]
        n_optional = np.int64(0)
        while n_optional < n_terms and (
            cursors[n_optional + 1, PREFIX] + np.int64(1) <= threshold
            or cursors[n_optional + 1, PREFIX] == 0
        ):
            n_optional += np.int64(1)
        optional_bound = cursors[n_optional, PREFIX]
        # what a doc must have from tails and essential lists to become a candidate
        needed = threshold - optional_bound
        direct = n_tails == 0 and n_optional == n_terms - 1
        n_candidates = np.int64(0)
        # ---- essential lists
        for r in range(n_optional, n_terms):
            t = cursors[r, ORDER]
            place = t * np.int64(BLOCK_DOCS)
            others = total - cursors[t, ANY_BOUND]
            at = cursors[t, BOUND_AT] - cursors[t, FIRST_BLOCK]
            block, end = cursors[t, BLOCK], cursors[t, BLOCK_END]
            while block < end:
                before = np.int64(-1)
                if block > cursors[t, FIRST_BLOCK]:
                    before = np.int64(last_docs[block - 1])
                if before + np.int64(1) >= window_end:
                    break
                if np.int64(block_scores[at + block]) + others + np.int64(1) > threshold:
                    if cursors[t, DECODED] != block:
                        status = _decode_docs(
                            last_docs, block_offsets, block_bits, postings, n_docs, cursors, docs,
                            t, block,
                        )  # fmt: skip
                        if status < 0:
                            return status
                    if cursors[t, SCORED] != block:
                        _decode_frequencies(
                            block_offsets, block_bits, postings, cursors, frequencies, t
                        )
                        contributions(
                            docs, frequencies, place, np.int64(BLOCK_DOCS), lengths, weights[t],
                            constant, slope, impacts,
                        )  # fmt: skip
                        cursors[t, SCORED] = block
                    low: Any = place
                    high: Any = place + np.int64(BLOCK_DOCS)
                    if before + np.int64(1) < window:
                        low = _first_at_least(docs, low, high, window)
                    if np.int64(last_docs[block]) >= window_end:
                        high = _first_at_least(docs, low, high, window_end)
                    if direct:
                        least = np.int32(max(needed, np.int64(-1)))
                        for i in range(low, high):
                            if impacts[i] | np.int32(1) > least:
                                doc = np.int64(docs[i])
                                if in_bitmap(live, doc) and in_bitmap(allowed, doc):
                                    candidates[n_candidates] = doc
                                    found[n_candidates] = impacts[i] | np.int32(1)
                                    n_candidates += np.int64(1)
                    else:
                        for i in range(low, high):
                            slot = np.int64(docs[i]) - window
                            accumulators[slot] = (accumulators[slot] + impacts[i]) | np.int32(1)
                            touched[slot // GROUP_DOCS] = np.uint8(1)
                if np.int64(last_docs[block]) >= window_end:
                    break
                block += np.int64(1)
        if not direct:
            n_candidates = _collect_touched(
                window, window_end, np.int32(max(needed, np.int64(0))), live, allowed,
                accumulators, touched, candidates, found,
            )  # fmt: skip
        n_candidates = _ask_optional(
            last_docs, block_offsets, block_bits, postings, lengths, weights, constant, slope,
            block_scores, n_optional, threshold, n_candidates, cursors, docs, candidates, found,
        )  # fmt: skip
        if n_candidates < 0:
            return n_candidates
        for c in range(n_candidates):
            if np.int64(found[c]) > threshold:
                score = np.int64(found[c] >> np.int32(1))
                key = (score << np.int64(32)) | (low_half - (base + candidates[c]))
                size = push(heap, size, key)
                if size == capacity:
                    threshold = ((heap[0] >> np.int64(32)) << np.int64(1)) | np.int64(1)
        window = next_doc - next_doc % np.int64(WINDOW_DOCS) if next_doc < n_docs else n_docs
    return size
