"""Loops of `bitpack`; kernels of higher layers call `pack` and `unpack` directly.

Sizes are the caller's to check: `pack` writes `packed_size(n, bits)` bytes, `unpack` reads as
many, and neither looks at anything beyond them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import kernel
from rank_retrieve.types import Int64s, UInt8s, UInt32s

GROUP = 16


@kernel("int64(int64, int64)")
def packed_size(n: Any, bits: Any) -> Any:
    """Bytes that n values of `bits` bits take: whole groups of 16, two bytes a bit."""
    return np.int64((n + np.int64(15)) >> np.int64(4)) * bits * np.int64(2)


@kernel("int64(Array(int64, 1, 'C', readonly=True), int64)")
def bits_needed(values: Int64s, n: Any) -> Any:
    """Width of the widest of the first n values; 64 when one is negative."""
    union = np.int64(0)
    for i in range(n):
        union |= values[i]
    if union < np.int64(0):
        return np.int64(64)
    bits = np.int64(0)
    while union > np.int64(0):
        union >>= np.int64(1)
        bits += np.int64(1)
    return bits


@kernel("int64(Array(int64, 1, 'C', readonly=True), int64, int64, uint8[::1], int64)")
def pack(values: Int64s, n: Any, bits: Any, out: UInt8s, offset: Any) -> Any:
    """Write values[:n], each below 2**bits (bits <= 32), at out[offset:]; the next offset."""
    if bits == np.int64(0):
        return offset
    padded = ((n + np.int64(15)) >> np.int64(4)) << np.int64(4)
    pending = np.uint64(0)
    held = np.int64(0)
    at = np.int64(offset)
    for i in range(padded):
        if i < n:
            pending |= np.uint64(values[i]) << np.uint64(held)
        held += bits
        while held >= np.int64(16):
            out[at] = np.uint8(pending & np.uint64(255))
            out[at + np.int64(1)] = np.uint8((pending >> np.uint64(8)) & np.uint64(255))
            at += np.int64(2)
            pending >>= np.uint64(16)
            held -= np.int64(16)
    return at


@kernel("int64(Array(uint8, 1, 'C', readonly=True), int64, int64, int64, uint32[::1], int64)")
def _unpack_short(
    buffer: UInt8s, offset: Any, n: Any, bits: Any, out: UInt32s, out_offset: Any
) -> Any:
    # buffers of less than a word: two bytes at a time, as `pack` wrote them
    mask = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    pending = np.uint64(0)
    held = np.int64(0)
    at = np.int64(offset)
    for i in range(n):
        while held < bits:
            pending |= np.uint64(buffer[at]) << np.uint64(held)
            pending |= np.uint64(buffer[at + np.int64(1)]) << np.uint64(held + np.int64(8))
            at += np.int64(2)
            held += np.int64(16)
        out[out_offset + i] = np.uint32(pending & mask)
        pending >>= np.uint64(bits)
        held -= bits
    return np.int64(offset) + ((n + np.int64(15)) >> np.int64(4)) * bits * np.int64(2)


@kernel("int64(Array(uint8, 1, 'C', readonly=True), int64, int64, int64, uint32[::1], int64)")
def unpack(buffer: UInt8s, offset: Any, n: Any, bits: Any, out: UInt32s, out_offset: Any) -> Any:
    """Read n values of `bits` bits (<= 32) into out[out_offset:]; the offset behind the block."""
    if bits == np.int64(0):
        for i in range(n):
            out[out_offset + i] = np.uint32(0)
        return offset
    end = offset + ((n + np.int64(15)) >> np.int64(4)) * bits * np.int64(2)
    mask = (np.uint64(1) << np.uint64(bits)) - np.uint64(1)
    last_word = np.int64(len(buffer)) - np.int64(8)
    if last_word < np.int64(0):
        return _unpack_short(buffer, offset, n, bits, out, out_offset)
    position = offset << np.int64(3)
    for i in range(n):
        start = position >> np.int64(3)
        # near the end of the buffer a whole word is read from further left
        if start > last_word:
            start = last_word
        # unsigned indices spare the test for counting from the end
        p = np.uint64(start)
        word = (
            np.uint64(buffer[p])
            | np.uint64(buffer[p + np.uint64(1)]) << np.uint64(8)
            | np.uint64(buffer[p + np.uint64(2)]) << np.uint64(16)
            | np.uint64(buffer[p + np.uint64(3)]) << np.uint64(24)
            | np.uint64(buffer[p + np.uint64(4)]) << np.uint64(32)
            | np.uint64(buffer[p + np.uint64(5)]) << np.uint64(40)
            | np.uint64(buffer[p + np.uint64(6)]) << np.uint64(48)
            | np.uint64(buffer[p + np.uint64(7)]) << np.uint64(56)
        )
        shift = np.uint64(position - (start << np.int64(3)))
        out[out_offset + i] = np.uint32((word >> shift) & mask)
        position += bits
    return end
