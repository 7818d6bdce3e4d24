"""Ranges of code points as sequences of byte ranges.

U+0000..U+10FFFF without surrogates is nine sequences, among them E0 A0-BF 80-BF. The splitting
is that of RE2 and of the Rust crate utf8-ranges: cut a range until all its code points have one
length in UTF-8 and the bytes behind the first that varies run over everything.
"""

from __future__ import annotations

from collections.abc import Iterator

_LAST_OF_LENGTH = (0x7F, 0x7FF, 0xFFFF, 0x10FFFF)

ByteRanges = tuple[tuple[int, int], ...]


def byte_sequences(low: int, high: int) -> Iterator[ByteRanges]:
    """Sequences that together spell exactly the code points low..high, none a surrogate."""
    for last in _LAST_OF_LENGTH:
        if low <= last < high:
            yield from byte_sequences(low, last)
            low = last + 1
    for continuation_bytes in (1, 2, 3):
        if high <= 0x7F:
            break
        mask = (1 << 6 * continuation_bytes) - 1
        if low & ~mask == high & ~mask:
            continue
        if low & mask:
            yield from byte_sequences(low, low | mask)
            yield from byte_sequences((low | mask) + 1, high)
            return
        if high & mask != mask:
            yield from byte_sequences(low, (high & ~mask) - 1)
            yield from byte_sequences(high & ~mask, high)
            return
    yield tuple(zip(chr(low).encode(), chr(high).encode(), strict=True))
