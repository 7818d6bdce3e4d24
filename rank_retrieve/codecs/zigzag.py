"""Signed integers as unsigned ones that are small when the signed ones are near zero.

    value  0  -1  1  -2  2  ...  2**63 - 1  -2**63
    code   0   1  2   3  4  ...  2**64 - 2  2**64 - 1

Written as varints or bit-packed. Of ascending or slowly changing values the differences are
coded: 100, 101, 99 are the differences 100, 1, -2, so the codes 200, 2, 3. Differences wrap
around at 64 bits, so that any sequence comes back.
"""

from __future__ import annotations

import numpy as np

from rank_retrieve.types import Int64s, UInt64s


def encode(values: Int64s) -> UInt64s:
    """Codes of int64 [n], uint64 [n]."""
    from rank_retrieve.codecs import _varint_kernels

    source = np.ascontiguousarray(values, dtype=np.int64)
    out = np.empty(len(source), dtype=np.uint64)
    _varint_kernels.zigzag(source, out)
    return out


def decode(codes: UInt64s) -> Int64s:
    """Values of uint64 [n], int64 [n]."""
    from rank_retrieve.codecs import _varint_kernels

    source = np.ascontiguousarray(codes, dtype=np.uint64)
    out = np.empty(len(source), dtype=np.int64)
    _varint_kernels.unzigzag(source, out)
    return out


def encode_deltas(values: Int64s) -> UInt64s:
    """Codes of the differences, uint64 [n]; the first is that of values[0] itself."""
    source = np.ascontiguousarray(values, dtype=np.int64)
    deltas = source.copy()
    deltas[1:] -= source[:-1]
    return encode(deltas)


def decode_deltas(codes: UInt64s) -> Int64s:
    """The values whose differences were coded, int64 [n]."""
    return np.cumsum(decode(codes), dtype=np.int64)
