"""zstd frames (RFC 8878) whose size is known and checked before anything is allocated.

    offset  size   type    field
    0       4      u32 LE  magic, FD2FB528: the bytes 28 B5 2F FD
    4       1      u8      frame header descriptor
    5       0..1   u8      window descriptor, absent in small frames
    ...     1..8   u64 LE  content size, always present in ours
    ...     ...    u8[]    blocks: 3 bytes of header, then at most 128 KiB of content each

Neither dictionary nor checksum: the section around the frame has a CRC-32C. The content
"abc" is 28 B5 2F FD 20 03 19 00 00 61 62 63: size 3, and one raw block that is the last.

The size is stored a second time by whoever stores the frame. A reader passes it in, and a frame
that claims another one is refused: zstandard's own `max_output_size` is not looked at when the
frame declares a size.
"""

from __future__ import annotations

import threading

import zstandard

from rank_retrieve.errors import CorruptionError, InvalidArgument

LEVELS = range(1, 20)
MAX_CONTENT_BYTES = 1 << 29
_BLOCK_CONTENT_BYTES = 128 << 10
_BLOCK_BYTES = 4  # the shortest block that has content: its header and one byte to repeat


def compress(content: bytes | bytearray | memoryview, level: int = 3) -> bytes:
    """One frame; level 1 (quick) to 19 (small). InvalidArgument for another level or > 512 MiB."""
    if level not in LEVELS:
        raise InvalidArgument("level", level, "must be in 1..19")
    size = memoryview(content).nbytes
    if size > MAX_CONTENT_BYTES:
        raise InvalidArgument(
            "content", f"{size} bytes", f"a frame holds at most {MAX_CONTENT_BYTES} bytes"
        )
    return _compressor(level).compress(content)


class _Compressors(threading.local):
    """One a level and thread: making one costs more than compressing a small frame with it."""

    def __init__(self) -> None:
        self.by_level: dict[int, zstandard.ZstdCompressor] = {}


_compressors = _Compressors()


def _compressor(level: int) -> zstandard.ZstdCompressor:
    found = _compressors.by_level.get(level)
    if found is None:
        found = _compressors.by_level[level] = zstandard.ZstdCompressor(
            level=level, write_content_size=True, write_checksum=False, write_dict_id=False
        )
    return found


def decompress(
    buffer: bytes | bytearray | memoryview, size: int, *, origin: str, offset: int
) -> bytes:
    """The content of the one frame that fills `buffer`; `size` is exactly what it must have.

    origin, offset: file and place of the frame, for the CorruptionError raised when the frame is
    damaged, has another size, needs more than 512 MiB, or is followed by other bytes. Memory:
    at most `size`, and a size that so short a frame cannot have is refused beforehand.
    """
    length = memoryview(buffer).nbytes
    most = min(MAX_CONTENT_BYTES, (length // _BLOCK_BYTES + 1) * _BLOCK_CONTENT_BYTES)
    if not 0 <= size <= most:
        raise CorruptionError(origin, offset, f"content of at most {most} bytes", f"{size} bytes")
    try:
        declared = zstandard.get_frame_parameters(buffer).content_size
        if declared != size:
            raise CorruptionError(origin, offset, f"a frame of {size} bytes", f"{declared} bytes")
        if size:
            decompressor = zstandard.ZstdDecompressor()
            content = decompressor.decompress(buffer, allow_extra_data=False)
        else:
            # `decompress` believes a declared size of 0 without looking at the rest
            content = _decompress_nothing(buffer)
    except zstandard.ZstdError as error:
        raise CorruptionError(origin, offset, "a zstd frame", str(error)) from None
    if len(content) != size:
        raise CorruptionError(origin, offset, f"{size} bytes", f"{len(content)} bytes")
    return content


def _decompress_nothing(buffer: bytes | bytearray | memoryview) -> bytes:
    window = zstandard.ZstdDecompressor(max_window_size=1 << 20).decompressobj()
    content = window.decompress(bytes(buffer))
    if not window.eof or window.unused_data:
        raise zstandard.ZstdError("an empty frame that does not end")
    return content
