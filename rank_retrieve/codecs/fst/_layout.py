"""Numbers of the FST format, shared by its writer, its reader and their kernels."""

from __future__ import annotations

import struct
from typing import Final

MAGIC: Final = b"RRFS"
VERSION: Final = 1

# magic, version, flags, terms, bytes of all terms, length of the file, longest term, reserved
HEADER: Final = struct.Struct("<4sHHQQQII")
SHORT_LABELS_AT: Final = HEADER.size  # 40
SHORT_LABELS: Final = 80
HEADER_BYTES: Final = SHORT_LABELS_AT + SHORT_LABELS  # 120
LEAF_ADDRESS: Final = HEADER_BYTES  # every file begins its nodes with the one shared leaf

# what `FstBuilder` writes there: Latin letters, digits, the bytes of Greek and Cyrillic
DEFAULT_SHORT_LABELS: Final[bytes] = (
    b"abcdefghijklmnopqrstuvwxyz0123456789"
    b"-._'\xc3\xc4\xc5\xce\xcf\xd0\xd1\xd9" + bytes(range(0xB0, 0xC0)) + bytes(range(0x80, 0x90))
)

MAX_TERM_BYTES: Final = 4096
MAX_VALUE: Final = 2**63 - 1

# bits 3..6 of a node's last byte: 0..8 is the width of a branch's outputs, or one of these
SHORT_CHAIN: Final = 9  # and 10..13
LEAF: Final = 14
CHAIN: Final = 15
