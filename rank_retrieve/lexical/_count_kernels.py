"""The kernel that counts the docs that hold a term of a query, without scoring them."""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import borrowed, kernel
from rank_retrieve.lexical._postings_kernels import (
    BLOCK,
    BLOCK_END,
    COUNT,
    LAST_DOC,
    POSITION,
    RECORD,
    RECORD_END,
    TAIL_LEFT,
    decode_docs,
    decode_tail,
    open_list,
)
from rank_retrieve.lexical._signatures import INT64, LISTS, WEIGHTED, WORK
from rank_retrieve.lexical.postings import BLOCK_DOCS
from rank_retrieve.simd.integers import count_bits


@borrowed
def _load_next(lists: Any, work: Any, t: Any) -> Any:
    """Decode the docs of the next block of list t: how many, 0 at the end, or a negative code."""
    cursors = work.cursors
    place = t * np.int64(BLOCK_DOCS)
    block, count = cursors[t, BLOCK], np.int64(BLOCK_DOCS)
    if block < cursors[t, BLOCK_END]:
        status = decode_docs(
            lists, block, cursors[t, LAST_DOC], cursors[t, RECORD], cursors[t, RECORD_END],
            work.docs, place,
        )  # fmt: skip
        if status < 0:
            return status
        cursors[t, BLOCK] = block + np.int64(1)
    else:
        count = decode_tail(
            lists, cursors, t, cursors[t, LAST_DOC], work.docs, work.frequencies, place
        )
        if count < 0:
            return count
        cursors[t, TAIL_LEFT] = np.int64(0)
    if count > 0:
        cursors[t, LAST_DOC] = np.int64(work.docs[place + count - np.int64(1)])
    cursors[t, POSITION] = np.int64(0)
    cursors[t, COUNT] = count
    return count


@kernel(INT64(LISTS, WEIGHTED, WORK), borrows=True)
def count_matches(lists: Any, query: Any, work: Any) -> Any:
    """How many docs of one part hold a term, or a negative code.

    touched_words: zero before and after, except after a negative code; here each of its bits
    stands for a doc of the window.
    """
    n_docs = np.int64(len(lists.lengths))
    n_terms = np.int64(len(query.ordinals))
    cursors, marks = work.cursors, work.touched_words
    window_docs = np.int64(64) * np.int64(len(marks))
    for t in range(n_terms):
        status = open_list(lists, query.ordinals[t], cursors, t)
        if status < 0:
            return status
    n_matches = np.int64(0)
    window: Any = np.int64(0)
    while window < n_docs:
        window_end: Any = min(window + window_docs, n_docs)
        next_doc: Any = n_docs
        for t in range(n_terms):
            place = t * np.int64(BLOCK_DOCS)
            while True:
                if cursors[t, POSITION] == cursors[t, COUNT]:
                    status = _load_next(lists, work, t)
                    if status < 0:
                        return status
                    if status == 0:
                        break
                i, end = place + cursors[t, POSITION], place + cursors[t, COUNT]
                while i < end:
                    doc = np.int64(work.docs[np.uint64(i)])
                    if doc >= window_end:
                        break
                    slot = np.uint64(doc - window)
                    marks[slot >> np.uint64(6)] |= np.uint64(1) << (slot & np.uint64(63))
                    i += np.int64(1)
                cursors[t, POSITION] = i - place
                if i < end:
                    next_doc = min(next_doc, np.int64(work.docs[np.uint64(i)]))
                    break
        first_word = np.uint64(window >> np.int64(6))
        for word in range(np.uint64((window_end - window + np.int64(63)) >> np.int64(6))):
            mark = marks[word]
            marks[word] = np.uint64(0)
            if len(query.live) > 0:
                mark &= query.live[first_word + word]
            if len(query.allowed) > 0:
                mark &= query.allowed[first_word + word]
            n_matches += count_bits(mark)
        window = next_doc - next_doc % np.int64(64) if next_doc < n_docs else n_docs
    return n_matches
