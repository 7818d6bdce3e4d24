"""The scratch of graph kernels: allocated here, one set for each thread at a time."""

from __future__ import annotations

import numpy as np

from rank_retrieve.types import Int64s, UInt64s

SPARE = 64  # seeds of a bridged walk beyond its limit
BATCH_NODES = 512


class Work:
    """Arrays of one thread, the table of their addresses, and the counts of one query.

    n: nodes that a walk may visit; width: of the widest list; code_bytes: of a row of codes.
    limit: keys that the pool holds; building: whether links are chosen, not only followed.
    """

    def __init__(
        self, n: int, width: int, code_bytes: int, limit: int, *, building: bool = False
    ) -> None:
        self.n, self.limit = n, limit
        keys = width * (width + 2) + 8 if building else 1
        self._arrays = (
            _aligned(limit + SPARE),  # pool
            np.zeros(-(-n // 64) + 1, np.uint64),  # visited: all zero between walks
            np.empty(n + SPARE, np.int32),  # touched
            np.empty(max(3 * width, BATCH_NODES) + SPARE, np.int32),  # ids
            np.empty(8, np.int64),  # addresses
            np.empty(16, np.int32),  # sums
            np.zeros(code_bytes, np.uint8),  # query
            np.empty(code_bytes, np.uint8),  # other query
            np.empty(width + 8, np.int64),  # chosen
            _aligned(keys),  # keys
            np.empty(1 if building else 8 * code_bytes, np.float32),  # wide: a tile of float16 rows
        )
        self.counts: Int64s = np.zeros((1, 2), np.int64)
        self.table: Int64s = np.array([array.ctypes.data for array in self._arrays], np.int64)


def _aligned(n_keys: int) -> UInt64s:
    """At least n_keys uint64 from a whole cache line on, with a line of zeros before them."""
    block = np.zeros(n_keys + 32, np.uint64)
    start = 8 + (-block.ctypes.data % 64) // 8
    return block[start : start + (n_keys + 15) // 8 * 8]


class WorkPool:
    """Scratch for searches of one graph, kept for the next search."""

    def __init__(self, n: int, width: int, code_bytes: int) -> None:
        self._sizes = (n, width, code_bytes)
        self._free: list[Work] = []

    def take(self, limit: int) -> Work:
        """Scratch that `give` takes back; from any thread."""
        try:
            work = self._free.pop()  # atomic
        except IndexError:
            return Work(*self._sizes, max(limit, 256))
        return work if work.limit >= limit else Work(*self._sizes, limit)

    def give(self, work: Work) -> None:
        """Keep scratch for the next search."""
        self._free.append(work)
