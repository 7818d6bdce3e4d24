"""Blocks of up to 128 unsigned integers, each in the same number of bits.

    offset           size      type  field
    0                2 * bits  u8[]  16 values: bit j of value i is bit (i * bits + j)
    2 * bits         2 * bits  u8[]  the next 16
    ...                              ceil(n / 16) groups, the last one filled up with zeros

Bit b of a group is bit (b mod 8) of its byte (b div 8): lowest first. Neither n nor bits is
stored; the format around the block knows them. bits is 0..32, and 0 bits take 0 bytes.

The values 1, 2, 3, 4 in 3 bits: 001 010 011 100 reads, lowest bit first, as the bytes
D1 08 00 00 00 00 (1 + 2 * 8 + 3 * 64 = D1 and a carried bit, 4 * 512 = 08 00 ...).

Every group starts at a byte and holds the same bits at the same places, so that one shuffle,
one shift and one mask decode it in a vector register (Lemire & Boytsov 2015,
doi:10.1002/spe.2203, describe the family).
"""

from __future__ import annotations

import numpy as np

from rank_retrieve.errors import CorruptionError, InvalidArgument
from rank_retrieve.types import Int64s, UInt8s, UInt32s

BLOCK = 128
GROUP = 16
MAX_BITS = 32


def packed_size(n: int, bits: int) -> int:
    """Bytes that n values of `bits` bits take."""
    return -(-n // GROUP) * 2 * bits


def bits_needed(values: Int64s) -> int:
    """Width of the widest of `values`, int64 [n]; 0 for none, InvalidArgument outside u32."""
    top = int(values.max()) if len(values) else 0
    if top >> MAX_BITS or (len(values) and int(values.min()) < 0):
        worst = int(values.min()) if int(values.min()) < 0 else top
        raise InvalidArgument("values", worst, "must be in 0..2**32-1")
    return top.bit_length()


def pack_block(values: Int64s, bits: int | None = None) -> UInt8s:
    """Pack up to 128 values, int64 [n], into uint8 [packed_size(n, bits)].

    bits: the width; by default the smallest that holds them all. InvalidArgument when a value
    does not fit or there are more than 128.
    """
    from rank_retrieve.codecs import _bitpack_kernels

    values = np.ascontiguousarray(values, dtype=np.int64)
    needed = bits_needed(values)
    bits = needed if bits is None else bits
    if not needed <= bits <= MAX_BITS:
        raise InvalidArgument("bits", bits, f"must be in {needed}..{MAX_BITS} for these values")
    _check_count(len(values))
    out = np.empty(packed_size(len(values), bits), dtype=np.uint8)
    _bitpack_kernels.pack(values, len(values), bits, out, 0)
    return out


def unpack_block(
    buffer: bytes | bytearray | memoryview | UInt8s,
    n: int,
    bits: int,
    offset: int = 0,
    *,
    origin: str = "<memory>",
) -> UInt32s:
    """The n values, uint32 [n], of the block at buffer[offset:].

    origin: file name for the CorruptionError raised when the buffer ends before the block does.
    """
    from rank_retrieve.codecs import _bitpack_kernels

    _check_count(n)
    if not 0 <= bits <= MAX_BITS:
        raise InvalidArgument("bits", bits, f"must be in 0..{MAX_BITS}")
    source = np.frombuffer(buffer, dtype=np.uint8)
    size = packed_size(n, bits)
    if not 0 <= offset <= len(source) - size:
        raise CorruptionError(
            origin, offset, f"a block of {size} bytes", f"{len(source) - offset} bytes"
        )
    out = np.empty(n, dtype=np.uint32)
    _bitpack_kernels.unpack(source, offset, n, bits, out, 0)
    return out


def _check_count(n: int) -> None:
    if not 0 <= n <= BLOCK:
        raise InvalidArgument("n", n, f"a block holds 0..{BLOCK} values")
