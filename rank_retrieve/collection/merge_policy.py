"""Which segments to merge next: pure functions over their sizes.

Documents are numbered in order of insertion, and equal scores are ordered by these numbers, so
only neighbours are merged (ADR 0006). A segment's tier grows by one with each factor of `fanout`
in its live bytes:

    tier 0            below floor_bytes
    tier t            below floor_bytes * fanout ** t

The rules, the first that applies:

    tiers    a run of neighbours of tier <= t with at least `fanout` of tier t becomes one
    deletes  a segment of which more than `deleted_share` is deleted is written again
    count    more than `max_segments`: the cheapest neighbours that bring it down become one, or as
             many of them as `max_merged_bytes` allows

So there are at most `max_segments` at rest, unless every two neighbours are more than a merge may
write: then at most one more than 2 * live bytes / max_merged_bytes. Space of deleted documents is
at most `deleted_share` of each segment of floor_bytes or more, unless what is alive in it is more
than a merge may write; such segments wait for `compact()`.

A document is rewritten about once for each tier that it passes. Segments of tier 0 are left to
the first rule when documents are deleted: what they waste is small.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class SegmentSize:
    """nbytes: of the file. n_docs: in it. n_live: of these, not deleted.

    small: whether its documents are compressed as well as they can be, as a merge does.
    """

    nbytes: int
    n_docs: int
    n_live: int
    small: bool = True

    @property
    def live_bytes(self) -> int:
        """What a rewrite would leave, roughly."""
        return self.nbytes * self.n_live // max(self.n_docs, 1)

    @property
    def deleted_share(self) -> float:
        """The part of the documents that is deleted, 0..1."""
        return (self.n_docs - self.n_live) / max(self.n_docs, 1)


@dataclass(frozen=True)
class MergePolicy:
    """fanout: segments of similar size that become one. max_segments: never more for long.

    floor_bytes: smaller segments count as equally small. deleted_share: above it, a segment is
    rewritten. max_merged_bytes: a merge that would write more is left to `compact()`. It bounds
    the memory of a merge, which holds metadata and the posting lists of one text group, but
    neither vectors nor documents: at most twice what it writes.
    """

    fanout: int = 10
    max_segments: int = 40
    floor_bytes: int = 1 << 20
    deleted_share: float = 0.3
    max_merged_bytes: int = 512 << 20

    def next_merge(self, sizes: Sequence[SegmentSize]) -> range | None:
        """The positions of neighbours to merge into one, oldest first; None when all is well.

        Applying the answers one after the other ends: each leaves fewer segments, or a segment
        without deletes in place of one with them.
        """
        return self._by_tier(sizes) or self._by_deletes(sizes) or self._by_count(sizes) or None

    def tier(self, size: SegmentSize) -> int:
        """How often `fanout` segments of the smallest tier went into one of this size."""
        tier, limit = 0, max(self.floor_bytes, 1)
        while size.live_bytes >= limit:
            tier, limit = tier + 1, limit * self.fanout
        return tier

    def _by_tier(self, sizes: Sequence[SegmentSize]) -> range | None:
        tiers = [self.tier(size) for size in sizes]
        for tier in sorted(set(tiers)):
            for run in _runs(tiers, tier):
                if sum(tiers[position] == tier for position in run) < self.fanout:
                    continue
                # the smaller segments around the first and the last of the tier come along
                window = self._fitting(sizes, run)
                if len(window) > 1:
                    return window
        return None

    def _by_deletes(self, sizes: Sequence[SegmentSize]) -> range | None:
        for position, size in enumerate(sizes):
            one = range(position, position + 1)
            if (
                size.deleted_share > self.deleted_share
                and size.nbytes >= self.floor_bytes
                and self._fits(sizes, one)
            ):
                return one
        return None

    def _by_count(self, sizes: Sequence[SegmentSize]) -> range | None:
        surplus = len(sizes) - self.max_segments
        for width in range(surplus + 1, 1, -1):
            windows = (range(start, start + width) for start in range(len(sizes) - width + 1))
            fitting = [window for window in windows if self._fits(sizes, window)]
            if fitting:
                return min(fitting, key=lambda window: _live_bytes(sizes, window))
        return None

    def _fitting(self, sizes: Sequence[SegmentSize], run: range) -> range:
        """The oldest of a run, as many as may be merged at once."""
        while not self._fits(sizes, run):
            run = run[:-1]
        return run

    def _fits(self, sizes: Sequence[SegmentSize], window: range) -> bool:
        return _live_bytes(sizes, window) <= self.max_merged_bytes


def _live_bytes(sizes: Sequence[SegmentSize], window: range) -> int:
    return sum(sizes[position].live_bytes for position in window)


def _runs(tiers: Sequence[int], highest: int) -> Iterator[range]:
    """The longest runs of neighbours of at most this tier."""
    start = 0
    for position in range(len(tiers) + 1):
        if position == len(tiers) or tiers[position] > highest:
            if position > start:
                yield range(start, position)
            start = position + 1
