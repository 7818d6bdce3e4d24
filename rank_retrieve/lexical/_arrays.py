"""What kernels of this package are given: arrays by name (`_signatures` declares their types)."""

from __future__ import annotations

from typing import NamedTuple

from rank_retrieve.types import (
    Float64s,
    Int32s,
    Int64s,
    UInt8s,
    UInt32s,
    UInt64s,
)


class Lists(NamedTuple):
    """The posting lists of one index, as `postings` draws them, and the lengths of its docs."""

    bases: UInt64s
    starts: UInt32s
    document_frequencies: UInt32s
    last_docs: UInt32s
    block_offsets: UInt32s
    block_bits: UInt8s
    bounds: UInt8s
    postings: UInt8s
    lengths: UInt32s
    peak_ordinals: UInt32s
    peaks: UInt8s


class Positioned(NamedTuple):
    """Where the terms of one index stand, as `positions` draws it."""

    bases: UInt64s
    starts: UInt32s
    packed: UInt8s
    n_fields: int


class Weighted(NamedTuple):
    """One query over one index.

    ordinals, weights: of its terms; ordinal -1 has an empty list. constant, slope: `scoring`,
    equation (3). base: what is added to docs. live, allowed: bitmaps, empty for all docs.
    n_required: so many of the first terms must be in a doc. minimum: so many of all terms.
    """

    ordinals: Int64s
    weights: Float64s
    constant: float
    slope: float
    base: int
    live: UInt64s
    allowed: UInt64s
    n_required: int
    minimum: int


class Batch(NamedTuple):
    """Queries over one index, see `_window_kernels.search_batch`.

    ordinals, weights: of all their terms, one query after the other; plans: int64
    [n_queries, PLAN_COLUMNS]; the others as for `Weighted`.
    """

    ordinals: Int64s
    weights: Float64s
    plans: Int64s
    constant: float
    slope: float
    base: int
    live: UInt64s
    allowed: UInt64s


class Work(NamedTuple):
    """Working memory, see `scratch`."""

    cursors: Int64s
    docs: UInt32s
    frequencies: UInt32s
    impacts: Int32s
    block_ends: Int32s
    block_scores: Int32s
    accumulators: Int32s
    touched: UInt8s
    touched_words: UInt64s
    candidates: Int64s
    found: Int32s
    slots: UInt32s
    held: UInt32s
