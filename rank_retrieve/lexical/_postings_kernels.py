"""Kernels that read packed posting lists; the bytes are drawn in `postings`.

They trust nothing but the sizes of the arrays: every offset, bit width and document is
checked before it is used as an index, and a contradiction ends the kernel with a negative
code from `postings.DAMAGE`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import borrowed, kernel, merged
from rank_retrieve.codecs._bitpack_kernels import unpack
from rank_retrieve.lexical._signatures import (
    BITMAP,
    CURSORS,
    INT64,
    INT64S,
    LISTS,
    WRITTEN_INT64S,
    WRITTEN_UINT32S,
)
from rank_retrieve.lexical.postings import BLOCK_DOCS, POSTINGS_PADDING
from rank_retrieve.simd.integers import NARROW_BITS, unpack_ascending, unpack_block

BASE_TERMS = 256

# columns of a cursor: one term's place in its list
RECORD, RECORD_END, BLOCK, BLOCK_END, TAIL_LEFT, TAIL_AT, LAST_DOC, POSITION, COUNT = range(9)
CURSOR_COLUMNS = 9

# what a reader found wrong, as negative results
BAD_RECORD, BAD_BLOCK, BAD_DOC, BAD_TAIL, BAD_FREQUENCY = -1, -2, -3, -4, -5


@borrowed
def open_list(lists: Any, ordinal: Any, cursors: Any, row: Any) -> Any:
    """Put a cursor before the first posting of a term; 0, or a negative code.

    The caller has checked that ordinal is a term of this index, or -1 for an empty list.
    """
    if ordinal < 0:
        for column in range(np.int64(COUNT) + np.int64(1)):
            cursors[row, column] = np.int64(0)
        return np.int64(0)
    postings = lists.postings
    record = np.int64(lists.bases[ordinal // BASE_TERMS]) + np.int64(lists.starts[ordinal])
    after = ordinal + np.int64(1)
    record_end = np.int64(lists.bases[after // BASE_TERMS]) + np.int64(lists.starts[after])
    df = np.int64(lists.document_frequencies[ordinal])
    limit = np.int64(len(postings)) - np.int64(POSTINGS_PADDING)
    n_docs = np.int64(len(lists.lengths))
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
        if first_block + n_blocks > len(lists.last_docs):
            return np.int64(BAD_RECORD)
        final = first_block + n_blocks - np.int64(1)
        width = np.int64(lists.block_bits[2 * final]) + np.int64(lists.block_bits[2 * final + 1])
        tail_at = record + np.int64(lists.block_offsets[final]) + np.int64(16) * width
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


@borrowed
def _unpack_wide(postings: Any, at: Any, bits: Any, previous: Any, docs: Any, place: Any) -> Any:
    """`unpack_ascending` for any width; gaps that wide are rare."""
    unpack(postings, at, BLOCK_DOCS, bits, docs, place)
    for i in range(place, place + BLOCK_DOCS):
        previous += np.int64(docs[i]) + np.int64(1)
        docs[i] = np.uint32(previous)
    return previous


@merged
def decode_docs(
    lists: Any, block: Any, previous: Any, record: Any, record_end: Any, docs: Any, place: Any
) -> Any:
    """Decode the docs of a full block to docs[place:place + 128]; 0, or a negative code.

    previous: the last doc of the block before it in the list, or -1. On success the docs ascend
    below n_docs, and the frequencies of the block lie within the record too.
    """
    doc_bits: Any = np.int64(lists.block_bits[2 * block])
    frequency_bits = np.int64(lists.block_bits[2 * block + 1])
    at = record + np.int64(lists.block_offsets[block])
    end = at + np.int64(16) * (doc_bits + frequency_bits)
    n_docs = np.int64(len(lists.lengths))
    if doc_bits > 31 or frequency_bits > 31 or end > record_end:
        return np.int64(BAD_BLOCK)
    if previous >= n_docs:
        return np.int64(BAD_DOC)
    if doc_bits <= NARROW_BITS:
        # 128 gaps below 2**24 after a doc below 2**31 stay below 2**32
        previous = unpack_ascending(lists.postings, at, doc_bits, previous, docs, place)
    else:
        previous = _unpack_wide(lists.postings, at, doc_bits, previous, docs, place)
    if previous != np.int64(lists.last_docs[block]) or previous >= n_docs:
        return np.int64(BAD_DOC)
    return np.int64(0)


@merged
def decode_frequencies(lists: Any, block: Any, record: Any, frequencies: Any, place: Any) -> None:
    """Decode the frequencies of a full block whose docs were decoded."""
    at = record + np.int64(lists.block_offsets[block])
    at += np.int64(16) * np.int64(lists.block_bits[2 * block])
    bits: Any = np.int64(lists.block_bits[2 * block + 1])
    if bits <= NARROW_BITS:
        unpack_block(lists.postings, at, bits, frequencies, place)
    else:
        unpack(lists.postings, at, BLOCK_DOCS, bits, frequencies, place)
        for i in range(place, place + BLOCK_DOCS):
            frequencies[i] += np.uint32(1)


@merged
def frequency_at(lists: Any, block: Any, record: Any, position: Any) -> Any:
    """One frequency of a full block whose docs were decoded."""
    bits = np.int64(lists.block_bits[2 * block + 1])
    at = record + np.int64(lists.block_offsets[block])
    at += np.int64(16) * np.int64(lists.block_bits[2 * block])
    bit = position * bits
    first = np.uint64(at + (bit >> np.int64(3)))
    # 31 bits and a shift of at most 7 fit into five bytes; the padding makes them readable
    word = np.int64(0)
    for byte in range(np.uint64(5)):
        word |= np.int64(lists.postings[first + byte]) << np.int64(np.uint64(8) * byte)
    mask = (np.int64(1) << bits) - np.int64(1)
    return ((word >> (bit & np.int64(7))) & mask) + np.int64(1)


@borrowed
def decode_tail(
    lists: Any,
    cursors: Any,
    row: Any,
    previous: Any,
    docs: Any,
    frequencies: Any,
    place: Any,
) -> Any:
    """Decode the tail of a list to places from `place` on; its count, or a negative code.

    previous: the last doc of the last full block, or -1.
    """
    n_docs = np.int64(len(lists.lengths))
    postings = lists.postings
    count = cursors[row, TAIL_LEFT]
    at, end = cursors[row, TAIL_AT], cursors[row, RECORD_END]
    for i in range(place, place + count):
        gap, shift = np.int64(0), np.int64(0)
        while True:
            if at >= end or shift > 28:
                return np.int64(BAD_TAIL)
            byte = np.int64(postings[np.uint64(at)])
            at += np.int64(1)
            gap |= (byte & np.int64(127)) << shift
            shift += np.int64(7)
            if byte < 128:
                break
        previous += (gap >> np.int64(1)) + np.int64(1)
        if previous >= n_docs:
            return np.int64(BAD_DOC)
        frequency = np.int64(1)
        if gap & np.int64(1) == 0:
            frequency, shift = np.int64(0), np.int64(0)
            while True:
                if at >= end or shift > 28:
                    return np.int64(BAD_TAIL)
                byte = np.int64(postings[np.uint64(at)])
                at += np.int64(1)
                frequency |= (byte & np.int64(127)) << shift
                shift += np.int64(7)
                if byte < 128:
                    break
            frequency += np.int64(2)
            if frequency >= 2147483648:
                return np.int64(BAD_FREQUENCY)
        docs[np.uint64(i)] = np.uint32(previous)
        frequencies[np.uint64(i)] = np.uint32(frequency)
    return count


@borrowed
def load_block(lists: Any, cursors: Any, docs: Any, frequencies: Any, row: Any, place: Any) -> Any:
    """Decode the next block of cursor `row`: its count, 0 at the end, or a code.

    docs and frequencies, uint32, have room for BLOCK_DOCS from place on. A block that is loaded
    has ascending docs below n_docs and frequencies of at least one.
    """
    block = cursors[row, BLOCK]
    count = np.int64(BLOCK_DOCS)
    if block < cursors[row, BLOCK_END]:
        status = decode_docs(
            lists, block, cursors[row, LAST_DOC], cursors[row, RECORD], cursors[row, RECORD_END],
            docs, place,
        )  # fmt: skip
        if status < 0:
            return status
        decode_frequencies(lists, block, cursors[row, RECORD], frequencies, place)
        cursors[row, BLOCK] = block + np.int64(1)
    else:
        count = decode_tail(lists, cursors, row, cursors[row, LAST_DOC], docs, frequencies, place)
        if count <= 0:
            return count
        cursors[row, TAIL_LEFT] = np.int64(0)
    cursors[row, LAST_DOC] = np.int64(docs[place + count - np.int64(1)])
    cursors[row, POSITION] = np.int64(0)
    cursors[row, COUNT] = count
    return count


@borrowed
def seek_block(lists: Any, cursors: Any, docs: Any, frequencies: Any, row: Any, doc: Any) -> Any:
    """Load the block that would hold doc to the front: its count, 0 at the end, or a code."""
    count = cursors[row, COUNT]
    while count == 0 or np.int64(docs[count - 1]) < doc:
        block, end = cursors[row, BLOCK], cursors[row, BLOCK_END]
        if block == end and cursors[row, TAIL_LEFT] == 0:
            return np.int64(0)
        skipped = block
        while skipped < end and np.int64(lists.last_docs[skipped]) < doc:
            skipped += np.int64(1)
        if skipped > block:
            cursors[row, BLOCK] = skipped
            cursors[row, LAST_DOC] = np.int64(lists.last_docs[skipped - 1])
        count = load_block(lists, cursors, docs, frequencies, row, np.int64(0))
        if count <= 0:
            return count
    return count


@kernel(INT64(LISTS, INT64, CURSORS, WRITTEN_UINT32S, WRITTEN_UINT32S))
def decode_list(lists: Any, ordinal: Any, cursors: Any, docs: Any, frequencies: Any) -> Any:
    """Decode one whole list; docs and frequencies have room for df rounded up to blocks."""
    status = open_list(lists, ordinal, cursors, np.int64(0))
    if status < 0:
        return status
    done = np.int64(0)
    while True:
        count = load_block(lists, cursors, docs, frequencies, np.int64(0), done)
        if count <= 0:
            return count if count < 0 else done
        done += count


@kernel(INT64(LISTS, INT64, INT64S, CURSORS, WRITTEN_UINT32S, WRITTEN_UINT32S, WRITTEN_INT64S))
def frequencies_of(
    lists: Any, ordinal: Any, wanted: Any, cursors: Any, docs: Any, frequencies: Any, found: Any
) -> Any:
    """Put the frequency of one term in each of the ascending docs `wanted` into zeroed `found`."""
    status = open_list(lists, ordinal, cursors, np.int64(0))
    if status < 0:
        return status
    for w in range(len(wanted)):
        count = seek_block(lists, cursors, docs, frequencies, np.int64(0), wanted[w])
        if count <= 0:
            return count
        position = cursors[0, POSITION]
        while np.int64(docs[position]) < wanted[w]:
            position += np.int64(1)
        if np.int64(docs[position]) == wanted[w]:
            found[w] = np.int64(frequencies[position])
        cursors[0, POSITION] = position
    return np.int64(0)


@kernel(INT64(LISTS, BITMAP, CURSORS, WRITTEN_UINT32S, WRITTEN_UINT32S, WRITTEN_INT64S))
def count_outside(
    lists: Any, live: Any, cursors: Any, docs: Any, frequencies: Any, counts: Any
) -> Any:
    """How many docs of each list are not in the bitmap `live`; 0, or a negative code."""
    for ordinal in range(len(lists.document_frequencies)):
        status = open_list(lists, np.int64(ordinal), cursors, np.int64(0))
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
                if (live[doc >> np.uint64(6)] >> (doc & np.uint64(63))) & np.uint64(1) == 0:
                    counts[ordinal] += np.int64(1)
    return np.int64(0)
