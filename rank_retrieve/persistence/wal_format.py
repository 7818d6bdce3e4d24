"""The bytes of the write-ahead log.

    offset  size  type   field
    0       8     u8[]   magic: 89 52 52 57 41 4C 0D 0A  ("\\x89RRWAL\\r\\n")
    8       2     u16    format version, 1
    10      2     u16    flags a reader must know, 0
    12      4     u32    reserved, 0
    16      16    u8[]   database id
    32      8     u64    number of the file
    40      8     u64    LSN of the first frame
    48      12    u8[]   reserved, 0
    60      4     u32    CRC-32C of bytes 0..60
    64      ...          frames, each at a multiple of 8:
                  8     u64   LSN: one more than that of the frame before
                  4     u32   length of the body
                  4     u32   CRC-32C, see below
                  8     u64   durable LSN: frames up to it were synced before this write
                  1     u8    type: 1 batch, 5 witness; 2 to 4 reserved
                  7     u8[]  reserved, 0
                  ...   u8[]  body
                  ...   u8[]  zeros, then the byte 5A, up to a multiple of 8

Little-endian. A frame's CRC is seeded with the file's own CRC and covers the frame's offset (u64)
and all of the frame but the CRC itself: a stale or moved frame is refused.
One frame is one batch, so a batch is there whole or not at all. A log ends where zeros begin or the
file ends; zeros are written ahead of the frames so that a sync need not grow the file.

The first frame of a log, of type 1 with the body "hi", is at byte 64:

    01 00 00 00 00 00 00 00 | 02 00 00 00 | CRC         LSN, length, CRC
    00 00 00 00 00 00 00 00 | 01 00 00 00 00 00 00 00   durable LSN, type
    68 69 00 00 00 00 00 5A                             body, padding
"""

from __future__ import annotations

import enum
import struct

from rank_retrieve.codecs.checksum import crc32c
from rank_retrieve.persistence.directory import Directory
from rank_retrieve.persistence.files import parse_name

MAGIC = b"\x89RRWAL\r\n"
VERSION = 1
FILE_HEADER = struct.Struct("<8sHHI16sQQ12s")
FILE_HEADER_SIZE = FILE_HEADER.size + 4
FRAME_HEADER = struct.Struct("<QIIQB7x")
FRAME_HEADER_SIZE = FRAME_HEADER.size
CHECKED = struct.Struct("<QQIQB7x")  # offset, LSN, length, durable LSN, type
FRAME_END = 0x5A  # a last byte that reserved zeros cannot stand in for
MAX_BODY_BYTES = 2**32 - 1 - 4096


class FrameType(enum.IntEnum):
    """What a frame's body is. Witness frames are the log's own and never reach a reader.

    Nothing writes the types 2 to 4: the manifest says what they were meant for.
    """

    BATCH = 1
    ADD_SEGMENT = 2
    MERGE = 3
    CHECKPOINT = 4
    WITNESS = 5


def file_header(database_id: bytes, number: int, first_lsn: int) -> bytes:
    """The first 64 bytes of a log file; the last four are the seed of its frames."""
    header = FILE_HEADER.pack(MAGIC, VERSION, 0, 0, database_id, number, first_lsn, b"")
    return header + crc32c(header).to_bytes(4, "little")


def padded(n_bytes: int) -> int:
    """Length of a body with its padding of one to eight bytes."""
    return (n_bytes & ~7) + 8


def numbers_on_disk(directory: Directory) -> list[int]:
    """Numbers of the log files in a directory, ascending."""
    found = []
    for name in directory.list():
        kind, number = parse_name(name)
        if kind == "wal":
            found.append(number)
    return sorted(found)
