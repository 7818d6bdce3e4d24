"""Phrases: which documents hold them, and how often, by positions or by the texts themselves.

Kernels are in `_phrase_kernels`, their definition of a match in `_phrase_match_kernels`.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rank_retrieve.types import Float64s, Int32s, Int64s, UInt64s

if TYPE_CHECKING:
    from rank_retrieve.lexical._phrase_arrays import PhraseWork, Slots
    from rank_retrieve.lexical.inverted_index import InvertedIndex

FIRST_ROOM = 1 << 12


@dataclass(frozen=True)
class PhraseShape:
    """A phrase, without saying which numbers its terms have.

    terms: as they stand in it, at least two. places: of each among its words, ascending from 0;
    words that are dropped leave gaps. slop: see `_phrase_match_kernels`.
    """

    terms: tuple[bytes, ...]
    places: tuple[int, ...]
    slop: int = 0

    @property
    def distinct(self) -> list[bytes]:
        """Its terms without repetitions, in the order of their first place."""
        return list(dict.fromkeys(self.terms))


def find_phrase(
    index: InvertedIndex,
    shape: PhraseShape,
    ordinals: Mapping[bytes, int],
    units: Float64s,
    live: UInt64s,
    within: Int32s | None,
) -> tuple[Int32s, Float64s]:
    """The docs of an index that hold a phrase, ascending, and how often each does.

    index: has positions. ordinals: of each term of the phrase in the index. units: float64
    [n_fields], what an occurrence in each field counts, 0 for fields that are not looked at.
    live: bitmap of the docs to look at, empty for all. within: look at these ascending docs only.
    Raises CorruptionError for damaged lists.
    """
    from rank_retrieve.lexical import _phrase_kernels as kernels
    from rank_retrieve.lexical._phrase_match_kernels import NEEDS_ROOM

    positions = index.positions
    assert positions is not None
    rarest_first = sorted(
        (index.document_frequency(ordinal), term) for term, ordinal in ordinals.items()
    )
    distinct = [term for _, term in rarest_first]
    room = min(rarest_first[0][0], index.n_docs) if within is None else len(within)
    slots = _slots(shape, distinct, [ordinals[term] for term in distinct], units)
    docs, found = np.empty(room, dtype=np.int32), np.empty(room)
    if within is None and len(distinct) == 1:
        within = index.postings(ordinals[distinct[0]])[0]
    room_for_positions = FIRST_ROOM
    while True:
        work = _work(len(distinct), len(shape.terms), room_for_positions)
        if within is None:
            status = kernels.find_phrase(
                index.lists, positions.arrays, slots, live, work, docs, found
            )
        else:
            status = kernels.find_phrase_within(
                index.lists, positions.arrays, slots, live, within, work, docs, found
            )
        if status >= 0:
            return docs[:status], found[:status]
        if status != NEEDS_ROOM:
            raise positions.damage(status, max(ordinals.values()))
        room_for_positions *= 4


def phrase_in_texts(
    tokens: Int32s,
    offsets: Int64s,
    positions: Int32s,
    numbers: Mapping[bytes, int],
    shape: PhraseShape,
    units: Float64s,
) -> Float64s:
    """How often each of some analysed documents holds a phrase: float64 [n_docs].

    tokens, offsets, positions: as in `ForwardIndex`, with a field for each of units. numbers:
    the token of each term that may occur. units: as for `find_phrase`.
    """
    from rank_retrieve.lexical import _phrase_kernels as kernels

    found = np.zeros((len(offsets) - 1) // len(units))
    distinct = shape.distinct
    if not all(term in numbers for term in distinct):
        return found
    slots = _slots(shape, distinct, [numbers[term] for term in distinct], units)
    longest = int(np.diff(offsets).max(initial=0))
    room = max(FIRST_ROOM, (len(distinct) + 2) * longest)
    work = _work(len(distinct), len(shape.terms), room)
    status = kernels.find_in_tokens(tokens, offsets, positions, len(units), slots, work, found)
    assert status == 0
    return found


def _slots(
    shape: PhraseShape, distinct: Sequence[bytes], ordinals: Sequence[int], units: Float64s
) -> Slots:
    from rank_retrieve.lexical._phrase_arrays import Slots

    numbers = {term: number for number, term in enumerate(distinct)}
    return Slots(
        np.array(ordinals, dtype=np.int64),
        np.array([numbers[term] for term in shape.terms], dtype=np.int64),
        np.array(shape.places, dtype=np.int64),
        units,
        shape.slop,
        int(len(distinct) < len(shape.terms)),
    )


def _work(n_lists: int, n_slots: int, room: int) -> PhraseWork:
    from rank_retrieve.lexical import _phrase_kernels as kernels
    from rank_retrieve.lexical._phrase_arrays import PhraseWork
    from rank_retrieve.lexical.postings import BLOCK_DOCS

    key = (n_lists, n_slots, room)
    kept: dict[tuple[int, int, int], PhraseWork] = _threads.__dict__.setdefault("kept", {})
    found = kept.get(key)
    if found is not None:
        return found
    if len(kept) > 8:
        kept.clear()
    found = kept[key] = PhraseWork(
        cursors=np.zeros((n_lists, kernels.CURSOR_COLUMNS), dtype=np.int64),
        docs=np.empty(n_lists * BLOCK_DOCS, dtype=np.uint32),
        frequencies=np.empty(n_lists * BLOCK_DOCS, dtype=np.uint32),
        noted=np.empty((BLOCK_DOCS, 2), dtype=np.int64),
        positions=np.empty(room, dtype=np.int64),
        bounds=np.empty(n_lists + 1, dtype=np.int64),
        at=np.empty(n_slots, dtype=np.int64),
        places=np.empty(n_slots, dtype=np.int64),
        waiting=np.zeros(n_slots, dtype=np.int64),
    )
    return found


_threads = threading.local()
