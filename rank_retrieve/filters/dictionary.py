"""The distinct strings of a column, ascending, numbered from 0."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.types import UInt64s

if TYPE_CHECKING:
    from rank_retrieve.codecs.fst import Automaton

MANY_ENTRIES = 64


class Dictionary:
    """Byte strings over one arena; entry i lies between offsets[i] and offsets[i + 1].

    offsets: unsigned [entries + 1], checked by who made it: from 0, ascending, in the arena;
        only the first entry may be empty.
    """

    def __init__(self, offsets: NDArray[Any], arena: memoryview) -> None:
        self._offsets, self._arena = offsets, arena
        self._prefixes: UInt64s | None = None
        self._common = 0

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, code: int) -> bytes:
        return bytes(self._arena[int(self._offsets[code]) : int(self._offsets[code + 1])])

    def first_not_below(self, entry: bytes) -> int:
        """The first code whose entry is not less than the given one, `len` if all are."""
        return bisect_left(self, entry)

    def find_many(self, entries: Sequence[bytes]) -> list[int]:
        """The codes of those entries that are there, in the order of the entries."""
        if len(entries) < MANY_ENTRIES or len(self) < MANY_ENTRIES:
            ranges = [(0, len(self))] * len(entries)
        else:
            ranges = self._narrow(entries)
        found = []
        for entry, (low, high) in zip(entries, ranges, strict=True):
            code = bisect_left(self, entry, low, high) if high - low > 1 else low
            if code < high and self[code] == entry:
                found.append(code)
        return found

    def matching(self, automaton: Automaton) -> NDArray[np.bool_]:
        """Which entries an automaton accepts, bool [entries]."""
        arena = np.frombuffer(self._arena, dtype=np.uint8)
        return automaton.matches_each(arena, self._offsets.astype(np.int64))

    def _narrow(self, entries: Sequence[bytes]) -> list[tuple[int, int]]:
        """Where each entry can be, by the eight bytes that follow what all entries share."""
        if self._prefixes is None:
            self._prefixes = self._make_prefixes()
        start = self._common
        keys = np.array(
            [int.from_bytes(entry[start : start + 8].ljust(8, b"\0"), "big") for entry in entries],
            dtype=np.uint64,
        )
        lows = np.searchsorted(self._prefixes, keys, side="left").tolist()
        highs = np.searchsorted(self._prefixes, keys, side="right").tolist()
        # an entry that lacks the shared part finds a range too, but not itself in it
        return list(zip(lows, highs, strict=True))

    def _make_prefixes(self) -> UInt64s:
        first, last = self[0], self[len(self) - 1]
        # entries are sorted: what the first and the last share, all share
        differ = (i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b)
        self._common = next(differ, min(len(first), len(last)))
        offsets = self._offsets.astype(np.int64)
        places, ends = offsets[:-1] + self._common, offsets[1:]
        arena = np.frombuffer(self._arena, dtype=np.uint8)
        prefixes = np.zeros(len(self), dtype=np.uint64)
        for _ in range(8):
            inside = places < ends
            byte = np.where(inside, arena[np.minimum(places, len(arena) - 1)], 0)
            prefixes = (prefixes << np.uint64(8)) | byte.astype(np.uint64)
            places = places + 1
        return prefixes
