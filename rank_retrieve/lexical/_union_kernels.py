"""Kernels over the lists of many terms at once, and over the fields in which terms stand."""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import borrowed, kernel
from rank_retrieve.lexical._positions_kernels import (
    BAD_CHUNK,
    CHUNK_HEADER,
    check_values,
    chunk_start,
    record_end,
    record_start,
)
from rank_retrieve.lexical._postings_kernels import load_block, open_list
from rank_retrieve.lexical._signatures import (
    CURSORS,
    FLOAT64S,
    INT64,
    INT64S,
    LISTS,
    POSITIONED,
    WRITTEN_FLOAT64S,
    WRITTEN_INT32S,
    WRITTEN_UINT32S,
    WRITTEN_WORDS,
)
from rank_retrieve.lexical.postings import BLOCK_DOCS
from rank_retrieve.simd.bits import field_at


@kernel(
    INT64(LISTS, INT64S, CURSORS, WRITTEN_UINT32S, WRITTEN_UINT32S, WRITTEN_WORDS), borrows=True
)
def mark_docs(
    lists: Any, ordinals: Any, cursors: Any, docs: Any, frequencies: Any, words: Any
) -> Any:
    """Set the bit of every doc in the lists of some terms; 0 or a negative code."""
    for t in range(len(ordinals)):
        status = open_list(lists, ordinals[t], cursors, np.int64(0))
        if status < 0:
            return status
        while True:
            count = load_block(lists, cursors, docs, frequencies, np.int64(0), np.int64(0))
            if count < 0:
                return count
            if count == 0:
                break
            for i in range(count):
                doc = np.uint64(docs[i])
                words[doc >> np.uint64(6)] |= np.uint64(1) << (doc & np.uint64(63))
    return np.int64(0)


@borrowed
def _weigh_chunk(
    positions: Any, ordinal: Any, n_postings: Any, chunk: Any, n: Any, units: Any, weighed: Any
) -> Any:
    """The units that each of the n postings of a chunk has in its fields; 0 or a negative code."""
    packed = positions.packed
    end = record_end(positions, ordinal)
    if end < 0:
        return end
    n_chunks = (n_postings + np.int64(BLOCK_DOCS - 1)) // np.int64(BLOCK_DOCS)
    at = chunk_start(positions, record_start(positions, ordinal), end, n_chunks, chunk)
    if at < 0:
        return at
    count_bits, value_bits = np.int64(packed[at]), np.int64(packed[at + np.int64(1)])
    at += np.int64(CHUNK_HEADER)
    values_at = at + ((n * count_bits + np.int64(7)) >> np.int64(3))
    if values_at > end:
        return np.int64(BAD_CHUNK)
    before = np.int64(0)
    for i in range(n):
        count = field_at(packed, at, i, count_bits) + np.int64(1)
        if check_values(values_at, end, before, count, value_bits) < 0:
            return np.int64(BAD_CHUNK)
        total = 0.0
        for j in range(before, before + count):
            total += units[field_at(packed, values_at, j, value_bits) % positions.n_fields]
        weighed[i] = total
        before += count
    return np.int64(0)


@kernel(
    INT64(
        LISTS, POSITIONED, INT64, FLOAT64S, CURSORS, WRITTEN_UINT32S, WRITTEN_UINT32S,
        WRITTEN_FLOAT64S, WRITTEN_INT32S, WRITTEN_FLOAT64S,
    ),
    borrows=True,
)  # fmt: skip
def postings_in_fields(
    lists: Any,
    positions: Any,
    ordinal: Any,
    units: Any,
    cursors: Any,
    block_docs: Any,
    block_frequencies: Any,
    weighed: Any,
    docs: Any,
    frequencies: Any,
) -> Any:
    """The postings of a term in fields of more than 0 units; how many, or a negative code.

    docs, frequencies: room for the document frequency of the term. weighed: for a block.
    """
    status = open_list(lists, ordinal, cursors, np.int64(0))
    if status < 0:
        return status
    n_postings = np.int64(lists.document_frequencies[ordinal])
    n_found, chunk = np.int64(0), np.int64(0)
    while True:
        count = load_block(lists, cursors, block_docs, block_frequencies, np.int64(0), np.int64(0))
        if count <= 0:
            return count if count < 0 else n_found
        status = _weigh_chunk(positions, ordinal, n_postings, chunk, count, units, weighed)
        if status < 0:
            return status
        for i in range(count):
            docs[n_found] = np.int32(block_docs[i])
            frequencies[n_found] = weighed[i]
            n_found += np.int64(weighed[i] > 0.0)
        chunk += np.int64(1)


@kernel(
    INT64(
        LISTS, POSITIONED, INT64S, FLOAT64S, CURSORS, WRITTEN_UINT32S, WRITTEN_UINT32S,
        WRITTEN_FLOAT64S, WRITTEN_WORDS,
    ),
    borrows=True,
)  # fmt: skip
def mark_docs_in_fields(
    lists: Any,
    positions: Any,
    ordinals: Any,
    units: Any,
    cursors: Any,
    docs: Any,
    frequencies: Any,
    weighed: Any,
    words: Any,
) -> Any:
    """`mark_docs`, for terms in fields of more than 0 units."""
    for t in range(len(ordinals)):
        status = open_list(lists, ordinals[t], cursors, np.int64(0))
        if status < 0:
            return status
        n_postings = np.int64(lists.document_frequencies[ordinals[t]])
        chunk = np.int64(0)
        while True:
            count = load_block(lists, cursors, docs, frequencies, np.int64(0), np.int64(0))
            if count < 0:
                return count
            if count == 0:
                break
            status = _weigh_chunk(positions, ordinals[t], n_postings, chunk, count, units, weighed)
            if status < 0:
                return status
            for i in range(count):
                if weighed[i] > 0.0:
                    doc = np.uint64(docs[i])
                    words[doc >> np.uint64(6)] |= np.uint64(1) << (doc & np.uint64(63))
            chunk += np.int64(1)
    return np.int64(0)
