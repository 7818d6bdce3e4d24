"""Loops of `varint` and `zigzag`; sizes are checked by the callers."""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import kernel
from rank_retrieve.types import Int64s, UInt8s, UInt64s

SHORT, OVERLONG = -1, -2


@kernel("int64(Array(uint64, 1, 'C', readonly=True), uint8[::1])")
def encode(values: UInt64s, out: UInt8s) -> Any:
    """Write the varints of all values, at most ten bytes each; how many bytes there are."""
    at = np.int64(0)
    for i in range(len(values)):
        value = values[i]
        while value >= np.uint64(128):
            out[at] = np.uint8((value & np.uint64(127)) | np.uint64(128))
            value >>= np.uint64(7)
            at += np.int64(1)
        out[at] = np.uint8(value)
        at += np.int64(1)
    return at


@kernel("int64(Array(uint8, 1, 'C', readonly=True), uint64[::1], int64[::1])")
def decode(buffer: UInt8s, out: UInt64s, place: Int64s) -> Any:
    """Read len(out) varints; the offset behind them, or SHORT or OVERLONG.

    place[0] becomes the offset of the varint that failed.
    """
    at = np.int64(0)
    for i in range(len(out)):
        place[0] = at
        value = np.uint64(0)
        shift = np.uint64(0)
        while True:
            if at == len(buffer):
                return np.int64(SHORT)
            byte = np.uint64(buffer[at])
            at += np.int64(1)
            # the tenth byte has room for one bit, and a zero at the end says nothing
            if shift == np.uint64(63) and byte > np.uint64(1):
                return np.int64(OVERLONG)
            if shift > np.uint64(0) and byte == np.uint64(0):
                return np.int64(OVERLONG)
            value |= (byte & np.uint64(127)) << shift
            if byte < np.uint64(128):
                break
            shift += np.uint64(7)
        out[i] = value
    return at


@kernel("void(Array(int64, 1, 'C', readonly=True), uint64[::1])")
def zigzag(values: Int64s, out: UInt64s) -> None:
    """0, -1, 1, -2, ... become 0, 1, 2, 3, ..."""
    for i in range(len(values)):
        out[i] = np.uint64((values[i] << np.int64(1)) ^ (values[i] >> np.int64(63)))


@kernel("void(Array(uint64, 1, 'C', readonly=True), int64[::1])")
def unzigzag(codes: UInt64s, out: Int64s) -> None:
    """0, 1, 2, 3, ... become 0, -1, 1, -2, ..."""
    for i in range(len(codes)):
        out[i] = np.int64(codes[i] >> np.uint64(1)) ^ -np.int64(codes[i] & np.uint64(1))
