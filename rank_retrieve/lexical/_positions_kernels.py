"""Kernels over positions; `positions` draws the bytes.

Readers trust nothing but the sizes of arrays: what a record claims is checked before it is used
as a place, and a contradiction ends the kernel with a negative code from `positions.DAMAGE`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import borrowed, kernel, merged
from rank_retrieve.lexical._postings_kernels import load_block, open_list
from rank_retrieve.lexical._signatures import (
    CURSORS,
    INT32S,
    INT64,
    INT64S,
    LISTS,
    POSITIONED,
    UINT32S,
    WRITTEN_BYTES,
    WRITTEN_INT32S,
    WRITTEN_INT64S,
    WRITTEN_UINT32S,
)
from rank_retrieve.lexical.postings import BLOCK_DOCS, POSTINGS_PADDING
from rank_retrieve.simd.bits import field_at

BAD_RECORD, BAD_CHUNK, BAD_ORDER = -11, -12, -13
BASE_TERMS = 256
MAX_BITS = 32
CHUNK_HEADER = 2


# --------------------------------------------------------------------------- writing


@kernel(
    INT64(
        INT32S, INT64S, INT32S, INT64, WRITTEN_INT64S, WRITTEN_INT32S, WRITTEN_INT64S,
        WRITTEN_INT64S, WRITTEN_UINT32S, WRITTEN_UINT32S,
    )
)  # fmt: skip
def gather(
    tokens: Any,
    offsets: Any,
    positions: Any,
    n_fields: Any,
    last_run: Any,
    last_position: Any,
    next_posting: Any,
    next_value: Any,
    counts: Any,
    values: Any,
) -> Any:
    """Put the occurrences of each token where its posting list wants them.

    last_run is filled with -1 and counts with 0. next_posting and next_value hold the first
    place of each token's list, among postings and among values.
    """
    for run in range(len(offsets) - 1):
        field = run % n_fields
        first_run = run - field
        for i in range(offsets[run], offsets[run + 1]):
            token, position = tokens[i], positions[i]
            if last_run[token] < first_run:
                next_posting[token] += np.int64(1)
            delta = np.int64(position)
            if last_run[token] == run:
                delta -= np.int64(last_position[token])
            last_run[token] = run
            last_position[token] = position
            counts[next_posting[token] - np.int64(1)] += np.uint32(1)
            values[next_value[token]] = np.uint32(delta * n_fields + field)
            next_value[token] += np.int64(1)
    return np.int64(0)


@borrowed
def _width(union: Any) -> Any:
    bits = np.int64(0)
    while union > 0:
        union >>= np.int64(1)
        bits += np.int64(1)
    return bits


@borrowed
def _measure_chunk(counts: Any, values: Any, first: Any, last: Any, value: Any) -> Any:
    """Widths of counts and of values, and how many values: of postings first .. last - 1."""
    count_union, value_union, n_values = np.int64(0), np.int64(0), np.int64(0)
    for posting in range(first, last):
        count_union |= np.int64(counts[posting]) - np.int64(1)
        n_values += np.int64(counts[posting])
    for i in range(value, value + n_values):
        value_union |= np.int64(values[i])
    return _width(count_union), _width(value_union), n_values


@borrowed
def _bytes_of(n: Any, bits: Any) -> Any:
    return (n * bits + np.int64(7)) >> np.int64(3)


@kernel(INT64(INT64S, UINT32S, UINT32S, WRITTEN_INT64S))
def measure(list_offsets: Any, counts: Any, values: Any, starts: Any) -> Any:
    """Where each record begins; returns the bytes of all, or -1 for a record of 4 GiB."""
    at, value = np.int64(0), np.int64(0)
    for term in range(len(list_offsets) - 1):
        starts[term] = at
        first, last = list_offsets[term], list_offsets[term + 1]
        size = np.int64(4) * ((last - first - np.int64(1)) // np.int64(BLOCK_DOCS))
        while first < last:
            end = min(first + np.int64(BLOCK_DOCS), last)
            count_bits, value_bits, n_values = _measure_chunk(counts, values, first, end, value)
            size += np.int64(CHUNK_HEADER)
            size += _bytes_of(end - first, count_bits) + _bytes_of(n_values, value_bits)
            value += n_values
            first = end
        if size >= np.int64(1) << np.int64(32):
            return np.int64(-1)
        at += size
    starts[len(starts) - 1] = at
    return at


@borrowed
def _put(packed: Any, at: Any, bit: Any, value: Any, bits: Any) -> Any:
    """Write a value into zeroed bytes at a bit; the next bit."""
    place = np.uint64(at + (bit >> np.int64(3)))
    word = np.uint64(value) << np.uint64(bit & np.int64(7))
    while word > 0:
        packed[place] |= np.uint8(word & np.uint64(255))
        word >>= np.uint64(8)
        place += np.uint64(1)
    return bit + bits


@kernel(INT64(INT64S, UINT32S, UINT32S, INT64S, WRITTEN_BYTES))
def pack(list_offsets: Any, counts: Any, values: Any, starts: Any, packed: Any) -> Any:
    """Write each record into zeroed bytes, at the place that `measure` gave it."""
    value = np.int64(0)
    for term in range(len(list_offsets) - 1):
        first, last = list_offsets[term], list_offsets[term + 1]
        start = starts[term]
        at = start + np.int64(4) * ((last - first - np.int64(1)) // np.int64(BLOCK_DOCS))
        entry: Any = start
        while first < last:
            end = min(first + np.int64(BLOCK_DOCS), last)
            count_bits, value_bits, n_values = _measure_chunk(counts, values, first, end, value)
            packed[at] = np.uint8(count_bits)
            packed[at + 1] = np.uint8(value_bits)
            at += np.int64(CHUNK_HEADER)
            bit: Any = np.int64(0)
            for posting in range(first, end):
                bit = _put(packed, at, bit, np.int64(counts[posting]) - np.int64(1), count_bits)
            at += _bytes_of(end - first, count_bits)
            bit = np.int64(0)
            for i in range(value, value + n_values):
                bit = _put(packed, at, bit, values[i], value_bits)
            at += _bytes_of(n_values, value_bits)
            value += n_values
            first = end
            if first < last:
                for byte in range(np.int64(4)):
                    packed[entry] = np.uint8(((at - start) >> (np.int64(8) * byte)) & np.int64(255))
                    entry += np.int64(1)
    return value


# --------------------------------------------------------------------------- reading


@borrowed
def record_end(positions: Any, ordinal: Any) -> Any:
    """Where the record of a term ends, or a negative code; it begins at `record_start`."""
    after = ordinal + np.int64(1)
    start = record_start(positions, ordinal)
    end = np.int64(positions.bases[after // BASE_TERMS]) + np.int64(positions.starts[after])
    limit = np.int64(len(positions.packed)) - np.int64(POSTINGS_PADDING)
    if start < 0 or start > end or end > limit:
        return np.int64(BAD_RECORD)
    return end


@borrowed
def record_start(positions: Any, ordinal: Any) -> Any:
    """Where the record of a term begins."""
    base = np.int64(positions.bases[ordinal // BASE_TERMS])
    return base + np.int64(positions.starts[ordinal])


@borrowed
def chunk_start(positions: Any, start: Any, end: Any, n_chunks: Any, chunk: Any) -> Any:
    """Where a chunk of a record begins, its header inside the record; or a negative code."""
    directory = np.int64(4) * (n_chunks - np.int64(1))
    at = start + directory
    if at + np.int64(CHUNK_HEADER) > end:
        return np.int64(BAD_CHUNK)
    if chunk > 0:
        entry = start + np.int64(4) * (chunk - np.int64(1))
        offset = np.int64(0)
        for byte in range(np.int64(4)):
            offset |= np.int64(positions.packed[entry + byte]) << (np.int64(8) * byte)
        at = start + offset
    if at + np.int64(CHUNK_HEADER) > end:
        return np.int64(BAD_CHUNK)
    widest = max(positions.packed[at], positions.packed[at + np.int64(1)])
    if np.int64(widest) > np.int64(MAX_BITS):
        return np.int64(BAD_CHUNK)
    return at


@merged
def check_values(at: Any, end: Any, first: Any, count: Any, bits: Any) -> Any:
    """0 if values first .. first + count - 1 at `at` lie before `end`, else a code.

    Without bits all values are 0, and a document holds only one such: so `count` is never more
    than the bytes of a record stand for.
    """
    if (bits == 0 and count > 1) or at + _bytes_of(first + count, bits) > end:
        return np.int64(BAD_CHUNK)
    return np.int64(0)


@kernel(INT64(POSITIONED, INT64, INT64, WRITTEN_UINT32S, WRITTEN_UINT32S))
def decode_record(positions: Any, ordinal: Any, n_postings: Any, counts: Any, values: Any) -> Any:
    """Counts and values of all postings of a term; how many values, or a negative code.

    values: empty to decode counts only, else with room for as many as that returned.
    """
    end = record_end(positions, ordinal)
    if end < 0:
        return end
    start = record_start(positions, ordinal)
    packed = positions.packed
    n_chunks = (n_postings + np.int64(BLOCK_DOCS - 1)) // np.int64(BLOCK_DOCS)
    total = np.int64(0)
    for chunk in range(n_chunks):
        at = chunk_start(positions, start, end, n_chunks, chunk)
        if at < 0:
            return at
        count_bits = np.int64(packed[at])
        value_bits = np.int64(packed[at + np.int64(1)])
        at += np.int64(CHUNK_HEADER)
        first = chunk * np.int64(BLOCK_DOCS)
        n = min(n_postings - first, np.int64(BLOCK_DOCS))
        values_at = at + _bytes_of(n, count_bits)
        if values_at > end:
            return np.int64(BAD_CHUNK)
        n_values = np.int64(0)
        for i in range(n):
            count = field_at(packed, at, i, count_bits) + np.int64(1)
            if check_values(values_at, end, n_values, count, value_bits) < 0:
                return np.int64(BAD_CHUNK)
            counts[first + i] = np.uint32(count)
            n_values += count
        if len(values) > 0:
            if total + n_values > len(values):
                return np.int64(BAD_CHUNK)
            for i in range(n_values):
                values[total + i] = np.uint32(field_at(packed, values_at, i, value_bits))
        total += n_values
    return total


@kernel(INT64(INT64, UINT32S, UINT32S))
def check_order(n_fields: Any, counts: Any, values: Any) -> Any:
    """0 when fields and positions ascend in every document, else a negative code."""
    at = np.int64(0)
    for posting in range(len(counts)):
        before = np.int64(-1)
        for _ in range(np.int64(counts[posting])):
            value = np.int64(values[at])
            field = value % n_fields
            if field < before or (field == before and value < n_fields):
                return np.int64(BAD_ORDER)
            before = field
            at += np.int64(1)
    return np.int64(0)


@kernel(
    INT64(
        LISTS, POSITIONED, INT32S, INT64S, CURSORS, WRITTEN_UINT32S, WRITTEN_UINT32S,
        WRITTEN_INT64S, WRITTEN_INT64S, WRITTEN_UINT32S, WRITTEN_UINT32S,
    )
)  # fmt: skip
def copy_live(
    lists: Any,
    positions: Any,
    new_docs: Any,
    list_numbers: Any,
    cursors: Any,
    block_docs: Any,
    block_frequencies: Any,
    next_posting: Any,
    next_value: Any,
    counts: Any,
    values: Any,
) -> Any:
    """Append the occurrences of live docs to the merged lists that list_numbers names.

    new_docs [n_docs]: -1 for a dead doc. next_posting, next_value [n_lists]: the places after
    the last of each merged list. With empty counts, only next_value advances.
    Returns 0 or a negative code.
    """
    only_count = len(counts) == 0
    packed = positions.packed
    for ordinal in range(len(lists.document_frequencies)):
        term = np.int64(ordinal)
        status = open_list(lists, term, cursors, np.int64(0))
        if status < 0:
            return status
        end = record_end(positions, term)
        if end < 0:
            return end
        start = record_start(positions, term)
        n_postings = np.int64(lists.document_frequencies[ordinal])
        n_chunks = (n_postings + np.int64(BLOCK_DOCS - 1)) // np.int64(BLOCK_DOCS)
        posting, value = next_posting[list_numbers[ordinal]], next_value[list_numbers[ordinal]]
        for chunk in range(n_chunks):
            n = load_block(lists, cursors, block_docs, block_frequencies, np.int64(0), np.int64(0))
            if n < 0:
                return n
            at = chunk_start(positions, start, end, n_chunks, chunk)
            if at < 0:
                return at
            count_bits = np.int64(packed[at])
            value_bits = np.int64(packed[at + np.int64(1)])
            at += np.int64(CHUNK_HEADER)
            values_at = at + _bytes_of(n, count_bits)
            if values_at > end:
                return np.int64(BAD_CHUNK)
            before = np.int64(0)
            for i in range(n):
                count = field_at(packed, at, i, count_bits) + np.int64(1)
                if check_values(values_at, end, before, count, value_bits) < 0:
                    return np.int64(BAD_CHUNK)
                if new_docs[block_docs[i]] >= 0:
                    if not only_count:
                        if posting >= len(counts) or value + count > len(values):
                            return np.int64(BAD_CHUNK)
                        counts[posting] = np.uint32(count)
                        for j in range(count):
                            found = field_at(packed, values_at, before + j, value_bits)
                            values[value + j] = np.uint32(found)
                    posting += np.int64(1)
                    value += count
                before += count
        next_posting[list_numbers[ordinal]] = posting
        next_value[list_numbers[ordinal]] = value
    return np.int64(0)
