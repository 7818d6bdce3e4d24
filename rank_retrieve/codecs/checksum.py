"""CRC-32C: the Castagnoli polynomial, as iSCSI (RFC 3720, appendix B.4) and most stores use it.

    offset  size  type    field
    0       4     u32 LE  crc32c of the bytes that it guards

The nine bytes "123456789" have the checksum E3069283; stored, 83 92 06 E3. Not masked.
"""

from __future__ import annotations

from typing import Any

import google_crc32c
import numpy as np
from numpy.typing import NDArray

from rank_retrieve.errors import CorruptionError


def crc32c(buffer: bytes | bytearray | memoryview | NDArray[Any], seed: int = 0) -> int:
    """Checksum of the buffer, 0..2**32-1; seed: the checksum of the bytes before it.

    `crc32c(b, crc32c(a)) == crc32c(a + b)`.
    """
    if isinstance(buffer, np.ndarray):
        return int(google_crc32c.extend(seed, np.ascontiguousarray(buffer)))
    if not isinstance(buffer, bytes):
        # the C function takes no view that must be released, and an array is none
        buffer = memoryview(buffer)
        if not buffer.nbytes:
            return seed
        return int(google_crc32c.extend(seed, np.frombuffer(buffer, dtype=np.uint8)))
    return int(google_crc32c.extend(seed, buffer))


def check_crc32c(
    buffer: bytes | bytearray | memoryview | NDArray[Any],
    expected: int,
    *,
    origin: str,
    offset: int,
    seed: int = 0,
) -> None:
    """Raise CorruptionError(origin, offset) unless the buffer has the expected checksum."""
    got = crc32c(buffer, seed)
    if got != expected:
        raise CorruptionError(origin, offset, f"checksum {expected:08x}", f"{got:08x}")
