"""Kernels that write packed posting lists; the bytes are drawn in `postings`."""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import borrowed, inlined, kernel
from rank_retrieve.codecs._bitpack_kernels import pack
from rank_retrieve.lexical import postings

BYTES = "Array(uint8, 1, 'C', True)"
INT32S = "Array(int32, 1, 'C', True)"
INT64S = "Array(int64, 1, 'C', True)"
UINT32S = "Array(uint32, 1, 'C', True)"

BLOCK_DOCS = postings.BLOCK_DOCS
BOUND_PAIRS = 4
PEAK_DOCS = postings.PEAK_DOCS
PEAK_LEVELS = len(PEAK_DOCS)
# frequencies that peaks tell apart, and codes of lengths
PEAK_FREQUENCIES = 16
PEAK_LENGTHS = 256


@borrowed
def small_float(value: Any) -> Any:
    """The greatest code whose `small_float_value` does not exceed value (0..2**32-1)."""
    if value < 16:
        return np.int64(value)
    shift = np.int64(1)
    while value >> shift >= 16:
        shift += np.int64(1)
    return np.int64(8) + shift * np.int64(8) + (value >> shift) - np.int64(8)


@borrowed
def small_float_value(code: Any) -> Any:
    """0..15 exactly, then four significant bits: 16, 18, 20, .. 30, 32, 36, .."""
    if code < 16:
        return np.int64(code)
    shift = (code - np.int64(8)) >> np.int64(3)
    return (np.int64(8) + (code & np.int64(7))) << shift


@inlined
def _bits_needed(value: Any) -> Any:
    bits = np.int64(0)
    while value >> bits != 0:
        bits += np.int64(1)
    return bits


@inlined
def _varint_size(value: Any) -> Any:
    size = np.int64(1)
    while value >= 128:
        value >>= np.int64(7)
        size += np.int64(1)
    return size


@inlined
def _put_varint(value: Any, out: Any, at: Any) -> Any:
    while value >= 128:
        out[at] = np.uint8((value & np.int64(127)) | np.int64(128))
        at += np.int64(1)
        value >>= np.int64(7)
    out[at] = np.uint8(value)
    return at + np.int64(1)


@inlined
def _put_bounds(
    docs: Any, frequencies: Any, start: Any, lengths: Any, front: Any, bounds: Any, block: Any
) -> None:
    """The pairs (frequency code, length code) that no other pair of the block outscores."""
    n_pairs: Any = np.int64(0)
    for i in range(start, start + BLOCK_DOCS):
        frequency = np.int64(frequencies[i])
        high = small_float(frequency)
        if small_float_value(high) < frequency:
            high += np.int64(1)
        short = small_float(np.int64(lengths[docs[i]]))
        beaten = False
        for p in range(n_pairs):
            if front[p, 0] >= high and front[p, 1] <= short:
                beaten = True
                break
        if beaten:
            continue
        kept: Any = np.int64(0)
        for p in range(n_pairs):
            if front[p, 0] > high or front[p, 1] < short:
                front[kept, 0] = front[p, 0]
                front[kept, 1] = front[p, 1]
                kept += np.int64(1)
        # frequencies ascend along the front, and so do lengths
        p = kept
        while p > 0 and front[p - 1, 0] > high:
            front[p, 0] = front[p - 1, 0]
            front[p, 1] = front[p - 1, 1]
            p -= np.int64(1)
        front[p, 0] = high
        front[p, 1] = short
        n_pairs = kept + np.int64(1)
    while n_pairs > BOUND_PAIRS:
        # one pair that outscores two neighbours replaces them where that loosens least
        best, best_cost = np.int64(0), np.int64(1 << 30)
        for p in range(n_pairs - 1):
            cost = front[p + 1, 0] - front[p, 0] + front[p + 1, 1] - front[p, 1]
            if cost < best_cost:
                best, best_cost = np.int64(p), cost
        front[best, 0] = front[best + 1, 0]
        for p in range(best + 1, n_pairs - 1):
            front[p, 0] = front[p + 1, 0]
            front[p, 1] = front[p + 1, 1]
        n_pairs -= np.int64(1)
    for p in range(np.int64(BOUND_PAIRS)):
        source = min(np.int64(p), n_pairs - np.int64(1))
        bounds[block * 8 + 2 * p] = np.uint8(front[source, 0])
        bounds[block * 8 + 2 * p + 1] = np.uint8(front[source, 1])


@kernel(
    f"int64({INT32S}, {UINT32S}, {INT64S}, {UINT32S}, int64[:, ::1], "
    "int64[::1], uint32[::1], uint32[::1], uint8[::1], uint8[::1])"
)
def measure(
    docs: Any,
    frequencies: Any,
    list_offsets: Any,
    lengths: Any,
    front: Any,
    starts: Any,
    last_docs: Any,
    block_offsets: Any,
    block_bits: Any,
    block_bounds: Any,
) -> Any:
    """Where each record begins, and the metadata of each block; returns the bytes of all.

    front is scratch of shape [BLOCK_DOCS + 1, 2]. Returns -1 - term for a record of 4 GiB
    or more.
    """
    at = np.int64(0)
    block = np.int64(0)
    n_terms = len(list_offsets) - 1
    for term in range(n_terms):
        starts[term] = at
        record = at
        i, end = list_offsets[term], list_offsets[term + 1]
        previous = np.int64(-1)
        if end - i >= BLOCK_DOCS:
            at += np.int64(4)
        while end - i >= BLOCK_DOCS:
            gaps = np.int64(0)
            counts = np.int64(0)
            _put_bounds(docs, frequencies, i, lengths, front, block_bounds, block)
            for j in range(i, i + BLOCK_DOCS):
                gaps |= np.int64(docs[j]) - previous - np.int64(1)
                counts |= np.int64(frequencies[j]) - np.int64(1)
                previous = np.int64(docs[j])
            doc_bits, frequency_bits = _bits_needed(gaps), _bits_needed(counts)
            last_docs[block] = np.uint32(previous)
            block_offsets[block] = np.uint32(at - record)
            block_bits[2 * block] = np.uint8(doc_bits)
            block_bits[2 * block + 1] = np.uint8(frequency_bits)
            at += np.int64(16) * (doc_bits + frequency_bits)
            i += np.int64(BLOCK_DOCS)
            block += np.int64(1)
        while i < end:
            gap = (np.int64(docs[i]) - previous - np.int64(1)) << np.int64(1)
            previous = np.int64(docs[i])
            at += _varint_size(gap)
            if frequencies[i] != 1:
                at += _varint_size(np.int64(frequencies[i]) - np.int64(2))
            i += np.int64(1)
        if at - record >= 4294967296:
            return np.int64(-1) - np.int64(term)
    starts[n_terms] = at
    return at


@kernel(
    f"int64({INT32S}, {UINT32S}, {INT64S}, {UINT32S}, {INT64S}, float64, int64[:, ::1], uint8[::1])"
)
def find_peaks(
    docs: Any,
    frequencies: Any,
    list_offsets: Any,
    lengths: Any,
    terms: Any,
    half_length: Any,
    counts: Any,
    peaks: Any,
) -> Any:
    """For each of some terms and level: a frequency and a length that enough docs reach.

    Of the pairs that PEAK_DOCS[level] docs reach (as great a frequency in as short a doc), the
    one with the greatest f / (f + 0.3 + 0.9 * length / average); half_length is the average
    over 0.9. counts: scratch, zeros of [PEAK_FREQUENCIES, PEAK_LENGTHS] before and after.
    peaks: zeros of [len(terms) * PEAK_LEVELS * 2]. Returns 0.
    """
    for number in range(len(terms)):
        term = terms[number]
        for i in range(list_offsets[term], list_offsets[term + 1]):
            frequency: Any = min(np.int64(frequencies[i]), np.int64(PEAK_FREQUENCIES - 1))
            length: Any = np.int64(lengths[docs[i]])
            code: Any = small_float(length)
            if small_float_value(code) < length:
                code += np.int64(1)
            counts[frequency, code] += np.int64(1)
        for frequency in range(np.int64(PEAK_FREQUENCIES - 2), np.int64(0), np.int64(-1)):
            for code in range(PEAK_LENGTHS):
                counts[frequency, code] += counts[frequency + 1, code]
        for level in range(PEAK_LEVELS):
            best = 0.0
            at = np.int64(2) * (np.int64(number) * np.int64(PEAK_LEVELS) + np.int64(level))
            for frequency in range(np.int64(1), np.int64(PEAK_FREQUENCIES)):
                n_docs, code = np.int64(0), np.int64(-1)
                while n_docs < PEAK_DOCS[level] and code < PEAK_LENGTHS - 1:
                    code += np.int64(1)
                    n_docs += counts[frequency, code]
                if n_docs < PEAK_DOCS[level]:
                    break
                f, length = np.float64(frequency), np.float64(small_float_value(code))
                score = f / (f + (0.3 + length / half_length))
                if score > best:
                    best = score
                    peaks[at] = np.uint8(frequency)
                    peaks[at + 1] = np.uint8(code)
        for frequency in range(PEAK_FREQUENCIES):
            for code in range(PEAK_LENGTHS):
                counts[frequency, code] = np.int64(0)
    return np.int64(0)


@kernel(f"void({INT32S}, {UINT32S}, {INT64S}, {INT64S}, {BYTES}, int64, int64[::1], uint8[::1])")
def pack_lists(
    docs: Any,
    frequencies: Any,
    list_offsets: Any,
    starts: Any,
    block_bits: Any,
    first_block: Any,
    values: Any,
    out: Any,
) -> None:
    """Write every record where `measure` placed it; values is scratch of BLOCK_DOCS.

    first_block: how many full blocks the lists before these have.
    """
    block = np.int64(0)
    for term in range(len(list_offsets) - 1):
        at = starts[term]
        i, end = list_offsets[term], list_offsets[term + 1]
        previous = np.int64(-1)
        if end - i >= BLOCK_DOCS:
            number = first_block + block
            for byte in range(np.int64(4)):
                out[at] = np.uint8((number >> (np.int64(8) * byte)) & np.int64(255))
                at += np.int64(1)
        while end - i >= BLOCK_DOCS:
            for j in range(BLOCK_DOCS):
                values[j] = np.int64(docs[i + j]) - previous - np.int64(1)
                previous = np.int64(docs[i + j])
            doc_bits: Any = np.int64(block_bits[2 * block])
            at = pack(values, BLOCK_DOCS, doc_bits, out, at)
            for j in range(BLOCK_DOCS):
                values[j] = np.int64(frequencies[i + j]) - np.int64(1)
            frequency_bits: Any = np.int64(block_bits[2 * block + 1])
            at = pack(values, BLOCK_DOCS, frequency_bits, out, at)
            i += np.int64(BLOCK_DOCS)
            block += np.int64(1)
        while i < end:
            gap = (np.int64(docs[i]) - previous - np.int64(1)) << np.int64(1)
            previous = np.int64(docs[i])
            if frequencies[i] == 1:
                at = _put_varint(gap | np.int64(1), out, at)
            else:
                at = _put_varint(gap, out, at)
                at = _put_varint(np.int64(frequencies[i]) - np.int64(2), out, at)
            i += np.int64(1)
