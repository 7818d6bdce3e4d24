"""Unsigned LEB128 varints of 64-bit integers.

    offset  size   type  field
    0       1..10  u8[]  seven-bit groups, lowest first

A set top bit means another byte follows: 300 is AC 02. The shortest form is the only one: a
last byte of 00 behind another byte, or a value above 2**64 - 1, is damage.
"""

from __future__ import annotations

import numpy as np

from rank_retrieve.errors import CorruptionError, InvalidArgument
from rank_retrieve.types import Int64s, UInt8s, UInt64s

MAX_BYTES = 10
MAX_VALUE = 2**64 - 1
_FOUND = {-1: "the end of the buffer", -2: "one that is longer than 64 bits need"}


def encode(value: int) -> bytes:
    """The varint of one value, 0..2**64-1; InvalidArgument outside."""
    if not 0 <= value <= MAX_VALUE:
        raise InvalidArgument("value", value, "must be in 0..2**64-1")
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def decode(
    buffer: bytes | bytearray | memoryview, offset: int = 0, *, origin: str = "<memory>"
) -> tuple[int, int]:
    """The value at buffer[offset:], and the offset behind it; CorruptionError without a varint."""
    if offset < 0:
        raise InvalidArgument("offset", offset, "must not be negative")
    value = 0
    for i, byte in enumerate(buffer[offset : offset + MAX_BYTES]):
        if (byte == 0 and i) or (i == MAX_BYTES - 1 and byte > 1):
            raise CorruptionError(origin, offset, "a varint", _FOUND[-2])
        value |= (byte & 127) << 7 * i
        if byte < 128:
            return value, offset + i + 1
    raise CorruptionError(origin, offset, "a varint", _FOUND[-1])


def encode_array(values: UInt64s) -> UInt8s:
    """The varints of uint64 [n], one after the other, uint8 [bytes]."""
    from rank_retrieve.codecs import _varint_kernels

    source = np.ascontiguousarray(values)
    if source.dtype.kind not in "u" and len(source) and int(source.min()) < 0:
        raise InvalidArgument("values", int(source.min()), "must be in 0..2**64-1")
    source = source.astype(np.uint64, copy=False)
    out = np.empty(MAX_BYTES * len(source), dtype=np.uint8)
    return out[: _varint_kernels.encode(source, out)].copy()


def decode_array(
    buffer: bytes | bytearray | memoryview | UInt8s, count: int, *, origin: str = "<memory>"
) -> tuple[UInt64s, int]:
    """`count` values, uint64 [count], from the start of the buffer, and the offset behind them.

    CorruptionError when there are fewer, before memory for them is taken.
    """
    from rank_retrieve.codecs import _varint_kernels

    source = np.frombuffer(buffer, dtype=np.uint8)
    if not 0 <= count <= len(source):
        raise CorruptionError(origin, 0, f"{count} varints", f"{len(source)} bytes")
    out = np.empty(count, dtype=np.uint64)
    place: Int64s = np.zeros(1, dtype=np.int64)
    end = _varint_kernels.decode(source, out, place)
    if end < 0:
        raise CorruptionError(origin, int(place[0]), "a varint", _FOUND[end])
    return out, end
