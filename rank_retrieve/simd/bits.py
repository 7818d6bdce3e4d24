"""Numbers of a few bits each, one after the other: read one, add up many.

Bits run from the lowest of each byte up, as in `codecs.bitpack`, but arrays are not padded to
groups. As in `integers`, sizes are the caller's to check: up to seven bytes behind the last one
of an array are read.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types

from rank_retrieve._numba import merged
from rank_retrieve.simd.integers import address, count_bits, intrinsic, load, replaces

_I64 = ir.IntType(64)
# fields of so many bits lie within a word of which up to seven bits are passed over
_USABLE_BITS = 57
MAX_BITS = 32
# the lowest bit of every field, by the width of fields
_LOWEST = np.array(
    [0, *(sum(1 << bit for bit in range(0, 64, width)) for width in range(1, MAX_BITS + 1))],
    dtype=np.uint64,
)


def word_at(buffer: Any, at: Any) -> Any:
    """The eight bytes buffer[at:at + 8], uint8, as a uint64, lowest first."""
    word = np.uint64(0)
    for byte in range(np.uint64(8)):
        word |= np.uint64(buffer[np.uint64(at) + np.uint64(byte)]) << (np.uint64(8 * byte))
    return word


@intrinsic
def _word_at(typing: Any, buffer: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return load(builder, address(context, builder, signature.args[0], *arguments), _I64)

    return types.uint64(buffer, types.int64), generate


@replaces(word_at)
def _word_at_once(buffer: Any, at: Any) -> Any:
    return _word_at(buffer, np.int64(at))


@merged
def field_at(buffer: Any, at: Any, index: Any, bits: Any) -> Any:
    """Number `index` of those of `bits` bits (0..32) at buffer[at:]."""
    bit = index * bits
    word = word_at(buffer, at + (bit >> np.int64(3))) >> np.uint64(bit & np.int64(7))
    return np.int64(word & ((np.uint64(1) << np.uint64(bits)) - np.uint64(1)))


@merged
def sum_fields(buffer: Any, at: Any, first: Any, last: Any, bits: Any) -> Any:
    """The sum of the numbers first .. last - 1 of those of `bits` bits (0..32) at buffer[at:]."""
    if bits == 0:
        return np.int64(0)
    total = np.int64(0)
    step = np.int64(_USABLE_BITS) // bits
    lowest = _LOWEST[bits]
    while first < last:
        n = min(step, last - first)
        bit = first * bits
        word = word_at(buffer, at + (bit >> np.int64(3))) >> np.uint64(bit & np.int64(7))
        word &= (np.uint64(1) << np.uint64(n * bits)) - np.uint64(1)
        # bit by bit of all numbers at once
        for plane in range(bits):
            ones = (word >> np.uint64(plane)) & lowest
            total += count_bits(ones) << plane
        first += n
    return total
