"""Telling the system which bytes of a memory map will be read.

By itself it reads on behind every page that is touched, on some devices by 8 MiB: opening a large
index would read a good part of it to look at a few footers. So a map starts as `read_sparsely`,
and whoever is about to read a range from end to end says so. Advice changes no bytes; where the
system takes none, or the view is no map, nothing happens.
"""

from __future__ import annotations

import mmap
from contextlib import suppress

STEP_BYTES = 128 << 10  # the least that a system reads ahead at one word, by default
FEW_BYTES = 64 << 10  # below, one touch reads it soon enough


def read_sparsely(view: memoryview) -> None:
    """Read nothing of this map but the pages that are touched."""
    mapped = view.obj
    if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_RANDOM"):
        with suppress(OSError):  # some systems know the call and refuse it
            mapped.madvise(mmap.MADV_RANDOM)


def read_soon(view: memoryview, offset: int, n_bytes: int) -> None:
    """Read this range of the map now, beside what the caller does, and further reads as usual.

    view: the whole map.
    """
    mapped = view.obj
    if n_bytes < FEW_BYTES or not isinstance(mapped, mmap.mmap) or not hasattr(mmap, "MADV_NORMAL"):
        return
    start = offset - offset % mmap.PAGESIZE
    end = min(offset + n_bytes, len(mapped))
    with suppress(OSError):
        for at in range(start, end, STEP_BYTES):
            mapped.madvise(mmap.MADV_WILLNEED, at, min(STEP_BYTES, end - at))
        mapped.madvise(mmap.MADV_NORMAL, start, end - start)
