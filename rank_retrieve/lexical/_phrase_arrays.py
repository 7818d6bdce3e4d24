"""What the kernels of phrases are given: arrays by name, and their declared types."""

from __future__ import annotations

from typing import Any, NamedTuple

from numba import types

from rank_retrieve.lexical._signatures import (
    CURSORS,
    WRITTEN_FLOAT64S,
    WRITTEN_INT64S,
    WRITTEN_UINT32S,
)
from rank_retrieve.types import Float64s, Int64s, UInt32s

_tuple: Any = types.NamedTuple


class Slots(NamedTuple):
    """A phrase: its distinct terms, and which of them stands at which place.

    ordinals: [n_lists], rarest first. lists, places: [n_slots], places ascending from 0.
    units: [n_fields], what an occurrence in each field counts, 0 where it is not looked for.
    slop: 0 for an exact phrase. repeats: whether a term has several slots.
    """

    ordinals: Int64s
    lists: Int64s
    places: Int64s
    units: Float64s
    slop: int
    repeats: int


class PhraseWork(NamedTuple):
    """Working memory.

    cursors [n_lists, CURSOR_COLUMNS]; docs, frequencies [n_lists * BLOCK_DOCS]: a block of each
    list. noted [BLOCK_DOCS, 2]: where common docs stand in two blocks. positions: those of one
    field of a document, list after list; bounds [n_lists + 1] between them. at, places, waiting
    [n_slots]: of the sloppy matcher.
    """

    cursors: Int64s
    docs: UInt32s
    frequencies: UInt32s
    noted: Int64s
    positions: Int64s
    bounds: Int64s
    at: Int64s
    places: Int64s
    waiting: Int64s


SLOTS = _tuple(
    [*[WRITTEN_INT64S] * 3, WRITTEN_FLOAT64S, types.int64, types.int64],
    Slots,
)
PHRASE_WORK = _tuple([CURSORS, *[WRITTEN_UINT32S] * 2, CURSORS, *[WRITTEN_INT64S] * 5], PhraseWork)
