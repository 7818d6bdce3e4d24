"""Kernels that read packed posting lists; the bytes are drawn in `postings`.

They trust nothing but the sizes of the arrays: every offset, bit width and document is
checked before it is used as an index, and a contradiction ends the kernel with a negative
code from `postings.DAMAGE`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import inlined, kernel
from rank_retrieve.codecs._bitpack_kernels import unpack

BLOCK_DOCS = 128
BASE_TERMS = 256
POSTINGS_PADDING = 64

# columns of a cursor: one term's place in its list
RECORD, RECORD_END, BLOCK, BLOCK_END, TAIL_LEFT, TAIL_AT, LAST_DOC, POSITION, COUNT = range(9)
CURSOR_COLUMNS = 9

# what a reader found wrong, as negative results
BAD_RECORD, BAD_BLOCK, BAD_DOC, BAD_TAIL, BAD_FREQUENCY = -1, -2, -3, -4, -5

BYTES = "Array(uint8, 1, 'C', True)"
INT32S = "Array(int32, 1, 'C', True)"
INT64S = "Array(int64, 1, 'C', True)"
UINT32S = "Array(uint32, 1, 'C', True)"
UINT64S = "Array(uint64, 1, 'C', True)"
FLOAT64S = "Array(float64, 1, 'C', True)"
# bases, starts, document frequencies, last docs, block offsets, block bits, postings
LISTS = f"{UINT64S}, {UINT32S}, {UINT32S}, {UINT32S}, {UINT32S}, {BYTES}, {BYTES}"


@inlined
def open_list(
    bases: Any,
    starts: Any,
    document_frequencies: Any,
    last_docs: Any,
    block_offsets: Any,
    block_bits: Any,
    postings: Any,
    ordinal: Any,
    n_docs: Any,
    cursors: Any,
    row: Any,
) -> Any:
    """Put a cursor before the first posting of a term; 0, or a negative code.

    The caller has checked that ordinal is a term of this index, or -1 for an empty list.
    """
    if ordinal < 0:
        for column in range(np.int64(COUNT) + np.int64(1)):
            cursors[row, column] = np.int64(0)
        return np.int64(0)
    record = np.int64(bases[ordinal // BASE_TERMS]) + np.int64(starts[ordinal])
    after = ordinal + np.int64(1)
    record_end = np.int64(bases[after // BASE_TERMS]) + np.int64(starts[after])
    df = np.int64(document_frequencies[ordinal])
    limit = np.int64(len(postings)) - np.int64(POSTINGS_PADDING)
    if record < 0 or record > record_end or record_end > limit or df < 1 or df > n_docs:
        return np.int64(BAD_RECORD)
    n_blocks = df // np.int64(BLOCK_DOCS)
    first_block = np.int64(0)
    tail_at = record
    if n_blocks > 0:
        if record_end - record < 4:
            return np.int64(BAD_RECORD)
        for byte in range(np.int64(4)):
            first_block |= np.int64(postings[record + byte]) << (np.int64(8) * byte)
        if first_block + n_blocks > len(last_docs):
            return np.int64(BAD_RECORD)
        final = first_block + n_blocks - np.int64(1)
        width = np.int64(block_bits[2 * final]) + np.int64(block_bits[2 * final + 1])
        tail_at = record + np.int64(block_offsets[final]) + np.int64(16) * width
        if tail_at > record_end:
            return np.int64(BAD_RECORD)
    cursors[row, RECORD] = record
    cursors[row, RECORD_END] = record_end
    cursors[row, BLOCK] = first_block
    cursors[row, BLOCK_END] = first_block + n_blocks
    cursors[row, TAIL_LEFT] = df - n_blocks * np.int64(BLOCK_DOCS)
    cursors[row, TAIL_AT] = tail_at
    cursors[row, LAST_DOC] = np.int64(-1)
    cursors[row, POSITION] = np.int64(0)
    cursors[row, COUNT] = np.int64(0)
    return np.int64(0)


@inlined
def load_block(
    last_docs: Any,
    block_offsets: Any,
    block_bits: Any,
    postings: Any,
    n_docs: Any,
    cursors: Any,
    docs: Any,
    frequencies: Any,
    row: Any,
) -> Any:
    """Decode the next block of a cursor into row `row`: its count, 0 at the end, or a code.

    docs and frequencies are uint32 [rows * BLOCK_DOCS]. A block that is loaded has ascending
    docs below n_docs and frequencies of at least one.
    """
    place = row * np.int64(BLOCK_DOCS)
    block = cursors[row, BLOCK]
    previous = cursors[row, LAST_DOC]
    count = np.int64(0)
    if block < cursors[row, BLOCK_END]:
        doc_bits: Any = np.int64(block_bits[2 * block])
        frequency_bits: Any = np.int64(block_bits[2 * block + 1])
        at = cursors[row, RECORD] + np.int64(block_offsets[block])
        end = at + np.int64(16) * (doc_bits + frequency_bits)
        if doc_bits > 31 or frequency_bits > 31 or end > cursors[row, RECORD_END]:
            return np.int64(BAD_BLOCK)
        at = unpack(postings, at, BLOCK_DOCS, doc_bits, docs, place)
        unpack(postings, at, BLOCK_DOCS, frequency_bits, frequencies, place)
        for i in range(place, place + BLOCK_DOCS):
            previous += np.int64(docs[i]) + np.int64(1)
            docs[i] = np.uint32(previous)
            frequencies[i] += np.uint32(1)
        if previous != np.int64(last_docs[block]) or previous >= n_docs:
            return np.int64(BAD_DOC)
        cursors[row, BLOCK] = block + np.int64(1)
        count = np.int64(BLOCK_DOCS)
    else:
        count = cursors[row, TAIL_LEFT]
        at, end = cursors[row, TAIL_AT], cursors[row, RECORD_END]
        for i in range(place, place + count):
            gap, shift = np.int64(0), np.int64(0)
            while True:
                if at >= end or shift > 28:
                    return np.int64(BAD_TAIL)
                byte = np.int64(postings[at])
                at += np.int64(1)
                gap |= (byte & np.int64(127)) << shift
                shift += np.int64(7)
                if byte < 128:
                    break
            previous += (gap >> np.int64(1)) + np.int64(1)
            if previous >= n_docs:
                return np.int64(BAD_DOC)
            docs[i] = np.uint32(previous)
            frequency = np.int64(1)
            if gap & np.int64(1) == 0:
                frequency, shift = np.int64(0), np.int64(0)
                while True:
                    if at >= end or shift > 28:
                        return np.int64(BAD_TAIL)
                    byte = np.int64(postings[at])
                    at += np.int64(1)
                    frequency |= (byte & np.int64(127)) << shift
                    shift += np.int64(7)
                    if byte < 128:
                        break
                frequency += np.int64(2)
                if frequency >= 2147483648:
                    return np.int64(BAD_FREQUENCY)
            frequencies[i] = np.uint32(frequency)
        cursors[row, TAIL_LEFT] = np.int64(0)
        cursors[row, TAIL_AT] = at
    cursors[row, LAST_DOC] = previous
    cursors[row, POSITION] = np.int64(0)
    cursors[row, COUNT] = count
    return count


@kernel(f"int64({LISTS}, int64, int64, int64[:, ::1], uint32[::1], uint32[::1])")
def decode_list(
    bases: Any,
    starts: Any,
    document_frequencies: Any,
    last_docs: Any,
    block_offsets: Any,
    block_bits: Any,
    postings: Any,
    ordinal: Any,
    n_docs: Any,
    cursors: Any,
    docs: Any,
    frequencies: Any,
) -> Any:
    """Decode one whole list; docs and frequencies have room for df rounded up to blocks."""
    status = open_list(
        bases, starts, document_frequencies, last_docs, block_offsets, block_bits, postings,
        ordinal, n_docs, cursors, np.int64(0),
    )  # fmt: skip
    if status < 0:
        return status
    done = np.int64(0)
    while True:
        count = load_block(
            last_docs, block_offsets, block_bits, postings, n_docs, cursors,
            docs[done:], frequencies[done:], np.int64(0),
        )  # fmt: skip
        if count <= 0:
            return count if count < 0 else done
        done += count


@kernel(f"int64({LISTS}, int64, {BYTES}, int64[:, ::1], uint32[::1], uint32[::1], int64[::1])")
def count_outside(
    bases: Any,
    starts: Any,
    document_frequencies: Any,
    last_docs: Any,
    block_offsets: Any,
    block_bits: Any,
    postings: Any,
    n_docs: Any,
    live: Any,
    cursors: Any,
    docs: Any,
    frequencies: Any,
    counts: Any,
) -> Any:
    """How many docs of each list are not in the bitmap `live`; 0, or a negative code."""
    for ordinal in range(len(document_frequencies)):
        status = open_list(
            bases, starts, document_frequencies, last_docs, block_offsets, block_bits, postings,
            np.int64(ordinal), n_docs, cursors, np.int64(0),
        )  # fmt: skip
        if status < 0:
            return status
        while True:
            count = load_block(
                last_docs, block_offsets, block_bits, postings, n_docs, cursors, docs,
                frequencies, np.int64(0),
            )  # fmt: skip
            if count < 0:
                return count
            if count == 0:
                break
            for i in range(count):
                doc = np.int64(docs[i])
                if (live[doc >> 3] >> (doc & 7)) & 1 == 0:
                    counts[ordinal] += np.int64(1)
    return np.int64(0)
