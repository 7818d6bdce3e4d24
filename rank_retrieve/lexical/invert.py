"""From documents of tokens to one list of documents per term."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical.positions import Occurrences, gather_occurrences
from rank_retrieve.types import Int32s, Int64s, UInt8s, UInt32s

MAX_DOCS = 2**31 - 1


@dataclass(frozen=True, eq=False)
class ForwardIndex:
    """The tokens of documents in order: field f of doc d is run d * n_fields + f.

    tokens: int32 [n_tokens], numbers of terms in a vocabulary.
    offsets: int64 [n_docs * n_fields + 1], where each run begins, from 0 to n_tokens.
    positions: int32 [n_tokens], the place of each token among the words of its run, strictly
        ascending in a run; or None where phrases are not to be found by them.
    Raises InvalidArgument for arrays that do not describe each other.
    """

    tokens: Int32s
    offsets: Int64s
    n_fields: int = 1
    positions: Int32s | None = None

    def __post_init__(self) -> None:
        tokens = np.ascontiguousarray(self.tokens, dtype=np.int32)
        offsets = np.ascontiguousarray(self.offsets, dtype=np.int64)
        object.__setattr__(self, "tokens", tokens)
        object.__setattr__(self, "offsets", offsets)
        if self.n_fields < 1:
            raise InvalidArgument("n_fields", self.n_fields, "must be at least 1")
        n_runs = len(offsets) - 1
        if n_runs < 0 or n_runs % self.n_fields or n_runs // self.n_fields > MAX_DOCS:
            raise InvalidArgument(
                "offsets", n_runs, f"must bound a multiple of {self.n_fields} runs"
            )
        ascending = bool((offsets[1:] >= offsets[:-1]).all())
        if offsets[0] != 0 or offsets[-1] != len(tokens) or not ascending:
            raise InvalidArgument(
                "offsets", int(offsets[-1]), f"must ascend from 0 to {len(tokens)}, the tokens"
            )
        if self.positions is not None:
            positions = np.ascontiguousarray(self.positions, dtype=np.int32)
            if positions.shape != tokens.shape:
                raise InvalidArgument("positions", len(positions), f"must be {len(tokens)}")
            object.__setattr__(self, "positions", positions)

    @property
    def n_docs(self) -> int:
        """Documents, also those without tokens."""
        return (len(self.offsets) - 1) // self.n_fields


@dataclass(frozen=True, eq=False)
class PostingLists:
    """Lists of documents for terms in ascending order of their bytes, not yet packed.

    docs: int32 [n_postings], ascending within a list.
    frequencies: uint32 [n_postings], in units of 1/scale, at least 1.
    list_offsets: int64 [n_terms + 1]; no list is empty.
    lengths: uint32 [n_docs], in units of 1/scale.
    arena, term_offsets: uint8 and int64 [n_terms + 1], the bytes of the terms.
    occurrences: where the terms stand, or None.
    """

    docs: Int32s
    frequencies: UInt32s
    list_offsets: Int64s
    lengths: UInt32s
    arena: UInt8s
    term_offsets: Int64s
    occurrences: Occurrences | None = None


def invert(
    forward: ForwardIndex, arena: UInt8s, term_offsets: Int64s, field_units: Sequence[int] | Int32s
) -> PostingLists:
    """Gather the postings of each term that occurs.

    arena, term_offsets: the vocabulary, uint8 and int64 [n_vocabulary + 1], distinct terms in
        the order of their token numbers; terms that do not occur cost next to nothing.
    field_units: how many units one occurrence in each field counts, at least 1 each.
    Raises InvalidArgument for tokens outside the vocabulary, and for a document longer than
    2**31 - 1 units.
    """
    from rank_retrieve.lexical import _invert_kernels as kernels

    units = np.ascontiguousarray(field_units, dtype=np.int32)
    if units.shape != (forward.n_fields,) or (units < 1).any():
        raise InvalidArgument(
            "field_units", units.tolist(), f"must be {forward.n_fields} integers of at least 1"
        )
    arena = np.ascontiguousarray(arena, dtype=np.uint8)
    spans = np.ascontiguousarray(term_offsets, dtype=np.int64)
    tokens, n_vocabulary = forward.tokens, len(spans) - 1
    if len(tokens) and (int(tokens.min()) < 0 or int(tokens.max()) >= n_vocabulary):
        raise InvalidArgument(
            "tokens", int(tokens.max()), f"must number the {n_vocabulary} terms of the vocabulary"
        )
    starts, ends = spans[:-1], spans[1:]
    if 4 * len(tokens) < n_vocabulary:
        # a small batch must not pay for a large vocabulary
        used, renumbered = np.unique(tokens, return_inverse=True)
        tokens = renumbered.astype(np.int32)
        starts, ends = starts[used], ends[used]
    n_tokens = len(starts)
    document_frequencies = np.zeros(n_tokens, dtype=np.int64)
    last_doc = np.full(n_tokens, -1, dtype=np.int32)
    lengths = np.empty(forward.n_docs, dtype=np.uint32)
    n_postings = kernels.count(
        tokens, forward.offsets, units, last_doc, document_frequencies, lengths
    )
    if n_postings < 0:
        raise InvalidArgument(
            "document", -1 - n_postings, f"is longer than {kernels.LENGTH_LIMIT} units",
            "split it into several documents",
        )  # fmt: skip
    occurring = np.flatnonzero(document_frequencies)
    starts, ends = starts[occurring], ends[occurring]
    order = sort_terms(arena, starts, ends)
    counts = document_frequencies[occurring][order]
    list_offsets = running_total(counts)
    next_posting = np.zeros(n_tokens, dtype=np.int64)
    next_posting[occurring[order]] = list_offsets[:-1]
    docs = np.empty(n_postings, dtype=np.int32)
    frequencies = np.empty(n_postings, dtype=np.uint32)
    last_doc.fill(-1)
    kernels.fill(
        tokens, forward.offsets, units, last_doc, next_posting, docs, frequencies, forward.n_docs
    )
    sorted_arena, sorted_offsets = gather_terms(arena, starts, ends, order)
    occurrences = None
    if forward.positions is not None:
        occurrences = gather_occurrences(
            tokens, forward.offsets, forward.positions, forward.n_fields, occurring[order],
            list_offsets,
        )  # fmt: skip
    return PostingLists(
        docs, frequencies, list_offsets, lengths, sorted_arena, sorted_offsets, occurrences
    )


def sort_terms(arena: UInt8s, starts: Int64s, ends: Int64s) -> Int64s:
    """The order of terms by their bytes, least first: int64 [n]."""
    from rank_retrieve.lexical import _invert_kernels as kernels

    keys = np.empty(len(starts), dtype=np.uint64)
    kernels.prefix_keys(arena, starts, ends, keys)
    order = np.argsort(keys, kind="stable").astype(np.int64, copy=False)
    kernels.settle_equal_keys(arena, starts, ends, keys, order, np.empty_like(order))
    return order


def gather_terms(
    arena: UInt8s, starts: Int64s, ends: Int64s, order: Int64s
) -> tuple[UInt8s, Int64s]:
    """The terms next to each other in the given order: their bytes, and int64 [n + 1] offsets."""
    from rank_retrieve.lexical import _invert_kernels as kernels

    offsets = running_total((ends - starts)[order])
    gathered = np.empty(int(offsets[-1]), dtype=np.uint8)
    kernels.gather_terms(arena, starts, ends, order, gathered, offsets)
    return gathered, offsets


def running_total(counts: Int64s) -> Int64s:
    """0, then the sum of the first, of the first two, ..: int64 [n + 1]."""
    totals = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=totals[1:])
    return totals
