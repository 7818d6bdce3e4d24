"""Posting lists packed slice by slice: the records go at once, their tables are kept.

Records are the bulk of an index; the tables that find them take nine bytes a term and eighteen
for each 128 postings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from rank_retrieve._threads import HelperThread
from rank_retrieve.lexical.invert import PostingLists, running_total
from rank_retrieve.lexical.postings import BLOCK_DOCS, POSTINGS_PADDING, PackedLists, pack
from rank_retrieve.types import Int64s, SectionSink, UInt8s, UInt32s

THREAD_ABOVE_POSTINGS = 1 << 17  # fewer are packed in less time than a thread takes to start


@runtime_checkable
class PieceSink(SectionSink, Protocol):
    """A sink that takes a section piece by piece."""

    def add_pieces(self, name: str, pieces: Iterable[Any]) -> None:
        """Like `add`, with pieces that are made one after the other and let go of."""
        ...


class PackedTables:
    """What finds the records of lists that are packed slice by slice."""

    def __init__(self) -> None:
        self._packed: list[PackedLists] = []
        self._counts: list[Int64s] = []
        self.n_blocks = 0

    def packed(self, slices: Iterable[PostingLists]) -> Iterator[memoryview]:
        """The bytes of `postings`, a piece for each slice."""
        for lists in slices:
            self._counts.append(np.diff(lists.list_offsets))
            for packed in self._pack(lists):
                self._packed.append(replace(packed, postings=packed.postings[:0].copy()))
                yield packed.postings.data[:-POSTINGS_PADDING]
        yield memoryview(bytes(POSTINGS_PADDING))

    def _pack(self, lists: PostingLists) -> list[PackedLists]:
        if len(lists.docs) < THREAD_ABOVE_POSTINGS:
            found = [pack(lists, self.n_blocks)]
        else:
            # the kernels let go of the GIL
            lower, upper = _halves(lists)
            with HelperThread() as helper:
                n_below = int((np.diff(lower.list_offsets) // BLOCK_DOCS).sum())
                second = helper.submit(pack, upper, self.n_blocks + n_below)
                found = [pack(lower, self.n_blocks), second.result()]
        self.n_blocks += sum(len(packed.last_docs) for packed in found)
        return found

    @property
    def starts(self) -> Int64s:
        """Where each record begins: int64 [n_terms + 1]."""
        sizes = [np.diff(packed.starts) for packed in self._packed]
        return running_total(np.concatenate([np.empty(0, dtype=np.int64), *sizes]))

    @property
    def counts(self) -> Int64s:
        """The document frequency of each term."""
        return np.concatenate([np.empty(0, dtype=np.int64), *self._counts])

    @property
    def blocks(self) -> tuple[NDArray[Any], ...]:
        """The arrays of the block table."""
        names = ("last_docs", "block_offsets", "block_bounds", "block_bits")
        return tuple(self._joined(name) for name in names)

    @property
    def peaks(self) -> tuple[UInt32s, UInt8s]:
        """The ordinals of the terms that have peaks, and the peaks."""
        first, ordinals = 0, [np.empty(0, dtype=np.uint32)]
        for packed in self._packed:
            ordinals.append(packed.peak_ordinals + np.uint32(first))
            first += len(packed.starts) - 1
        return np.concatenate(ordinals), self._joined("peaks")

    def _joined(self, name: str) -> NDArray[Any]:
        # of no slice at all, an empty array of any type
        parts = [getattr(packed, name) for packed in self._packed]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.uint8)


def _halves(lists: PostingLists) -> tuple[PostingLists, PostingLists]:
    """The lists of about the first half of all postings, and the others."""
    offsets = lists.list_offsets
    middle = int(np.searchsorted(offsets, offsets[-1] // 2))
    cut = int(offsets[middle])
    return (
        replace(
            lists,
            docs=lists.docs[:cut],
            frequencies=lists.frequencies[:cut],
            list_offsets=offsets[: middle + 1],
        ),
        replace(
            lists,
            docs=lists.docs[cut:],
            frequencies=lists.frequencies[cut:],
            list_offsets=offsets[middle:] - cut,
        ),
    )
