"""Several indexes under one ranking, with the statistics of them all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rank_retrieve.errors import CorruptionError, InvalidArgument
from rank_retrieve.lexical.deleted import DeletedStatistics
from rank_retrieve.lexical.inverted_index import InvertedIndex, term_arena
from rank_retrieve.lexical.scoring import (
    MAX_QUERY_TERMS,
    BM25Scorer,
    CollectionStatistics,
    TermWeights,
)
from rank_retrieve.types import Bitmap, Explanation, Float64s, Int64s, Ranked, UInt8s

if TYPE_CHECKING:
    from rank_retrieve.lexical.scratch import Scratch

# keys of the kernels hold 32 bits of doc
MAX_DOC = 2**32 - 1
# up to which k skipping is faster, for queries of 1, 2, 3, 4 terms: measured on 300,000 passages
SKIPPING_K = (1000, 200, 50, 10)
_ALL_DOCS: UInt8s = np.empty(0, dtype=np.uint8)


@dataclass(frozen=True, eq=False)
class LexicalPart:
    """One index within a searcher.

    index: its inverted index.
    base: what is added to its docs to number them within the searcher.
    live: the docs that are not deleted, or None when all live.
    deleted: the statistics of the others; counted by reading the whole index when None.
    Raises InvalidArgument when live or deleted contradict the index.
    """

    index: InvertedIndex
    base: int = 0
    live: Bitmap | None = None
    deleted: DeletedStatistics | None = None

    def __post_init__(self) -> None:
        index, live = self.index, self.live
        if live is not None and live.size != index.n_docs:
            raise InvalidArgument("live", live.size, f"must have {index.n_docs} docs")
        if self.base < 0 or self.base + index.n_docs > MAX_DOC:
            raise InvalidArgument("base", self.base, f"must keep docs in 0..{MAX_DOC - 1}")
        deleted = self.deleted
        if deleted is None:
            deleted = (
                DeletedStatistics.none() if live is None else DeletedStatistics.recount(index, live)
            )
            object.__setattr__(self, "deleted", deleted)
        n_live = index.n_docs if live is None else len(live)
        if n_live + deleted.n_docs != index.n_docs:
            raise InvalidArgument(
                "deleted", deleted.n_docs, f"must count the {index.n_docs - n_live} deleted docs"
            )

    @property
    def statistics(self) -> DeletedStatistics:
        """`deleted`, never None."""
        assert self.deleted is not None
        return self.deleted

    @cached_property
    def live_bytes(self) -> UInt8s:
        """The live docs as kernels read them; empty for all."""
        return _ALL_DOCS if self.live is None else self.live.bytes_view()


@dataclass(frozen=True, eq=False)
class _PreparedQuery:
    """The distinct terms of a query that some live document holds, in order of bytes."""

    terms: list[bytes]
    query_frequencies: list[int]
    document_frequencies: list[int]
    ordinals: list[Int64s]  # one array per part, -1 where the part lacks the term
    n_blocks: list[int]  # for each part, the full blocks of all these lists
    weights: TermWeights


class _Kernels(NamedTuple):
    add_document_frequencies: Callable[..., int]
    search_exhaustively: Callable[..., int]
    search_windows: Callable[..., int]
    thread_scratch: Callable[[int], Scratch]
    discard_scratch: Callable[[], None]


@cache
def _load_kernels() -> _Kernels:
    from rank_retrieve.lexical import _maxscore_kernels, _search_kernels, scratch

    return _Kernels(
        _search_kernels.add_document_frequencies,
        _search_kernels.search_exhaustively,
        _maxscore_kernels.search_windows,
        scratch.thread_scratch,
        scratch.discard_scratch,
    )


class LexicalSearcher:
    """Searches parts as if they were one index of their live documents.

    parts: with docs that do not overlap; all of one scale.
    skipping: whether to pass over blocks that cannot hold one of the k best, or to score every
        posting; the result is the same. By default whichever should be faster.
    Safe to share between threads; the GIL is released while lists are read.
    """

    def __init__(
        self,
        parts: Sequence[LexicalPart],
        scorer: BM25Scorer | None = None,
        *,
        skipping: bool | None = None,
    ) -> None:
        self.skipping = skipping
        self.parts = tuple(sorted(parts, key=lambda part: part.base))
        self.scorer = scorer or BM25Scorer()
        end, scale, n_docs, total_length = 0, 1, 0, 0
        for number, part in enumerate(self.parts):
            if part.base < end:
                raise InvalidArgument("parts", part.base, f"overlaps docs below {end}")
            if number and part.index.scale != scale:
                raise InvalidArgument("parts", part.index.scale, f"mixes scales with {scale}")
            end, scale = part.base + part.index.n_docs, part.index.scale
            n_docs += part.index.n_docs - part.statistics.n_docs
            total_length += part.index.total_length - part.statistics.total_length
        self.n_docs = n_docs
        self._order = sorted(range(len(parts)), key=lambda number: parts[number].base)
        self.statistics = CollectionStatistics(n_docs, total_length, scale)

    def search(
        self,
        terms: Sequence[bytes],
        k: int,
        allowed: Sequence[Bitmap | None] | None = None,
    ) -> Ranked:
        """The k best live docs that hold at least one of the terms.

        terms: final terms; a repeated term weighs as often as it stands there.
        allowed: for each part, in the order given to the constructor, the docs that may be
            returned, or None for all.
        Returns exactly min(k, matches) docs, numbered base + doc; equal scores by ascending doc.
        Raises InvalidArgument for k < 1, for more than 65,536 distinct terms, and for bitmaps
        of another size; CorruptionError for damaged lists.
        """
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise InvalidArgument("k", k, "must be an integer of at least 1")
        masks = self._masks(allowed)
        query = self._prepare(terms)
        if query is None:
            return Ranked.empty()
        limit = min(int(k), self.n_docs, sum(query.document_frequencies))
        heap, size = np.empty(limit, dtype=np.int64), 0
        for number, mask in enumerate(masks):
            size = self._search_part(query, number, mask, heap, size)
        keys = np.sort(heap[:size])[::-1]
        docs = MAX_DOC - (keys & MAX_DOC)
        return Ranked(docs, (keys >> 32).astype(np.float64) * query.weights.unit)

    def scores(self, terms: Sequence[bytes], docs: Int64s) -> Float64s:
        """The score of each doc, 0 where it holds none of the terms: float64 [len(docs)].

        docs: numbered as `search` does, in any order.
        Raises InvalidArgument for a doc of no part.
        """
        docs = np.ascontiguousarray(docs, dtype=np.int64)
        sums = np.zeros(len(docs), dtype=np.int64)
        query = self._prepare(terms)
        covered = np.zeros(len(docs), dtype=np.bool_)
        for number, part in enumerate(self.parts):
            inside = (docs >= part.base) & (docs < part.base + part.index.n_docs)
            covered |= inside
            if query is not None and inside.any():
                sums[inside] = self._integer_scores(query, number, docs[inside] - part.base)
        if not covered.all():
            raise InvalidArgument("docs", int(docs[~covered][0]), "is in no part of this index")
        return sums.astype(np.float64) * (query.weights.unit if query is not None else 1.0)

    def explain(self, terms: Sequence[bytes], doc: int) -> Explanation:
        """The score of one doc, term by term; the terms' values sum exactly to it."""
        query = self._prepare(terms)
        for number, part in enumerate(self.parts):
            if part.base <= doc < part.base + part.index.n_docs:
                return self._explanation(query, number, doc - part.base)
        raise InvalidArgument("doc", doc, "is in no part of this index")

    # ----------------------------------------------------------------- one query

    def _prepare(self, terms: Sequence[bytes]) -> _PreparedQuery | None:
        """Look terms up and weigh them; None when no live document holds any."""
        counted = Counter(terms)
        distinct = sorted(counted)
        if not distinct:
            return None
        if len(distinct) > MAX_QUERY_TERMS:
            raise InvalidArgument("query", len(distinct), f"has over {MAX_QUERY_TERMS} terms")
        arena, offsets = term_arena(distinct)
        totals = np.zeros(len(distinct), dtype=np.int64)
        ordinals, n_blocks = [], []
        add_document_frequencies = _load_kernels().add_document_frequencies
        for part in self.parts:
            found = part.index.dictionary.get_many(arena, offsets)
            n_part_blocks = add_document_frequencies(
                part.index.arrays.document_frequencies, found, part.statistics.ordinals,
                part.statistics.counts, totals,
            )  # fmt: skip
            if not 0 <= n_part_blocks <= part.index.n_blocks:
                raise part.index.damage(-1, 0)
            n_blocks.append(n_part_blocks)
            ordinals.append(found)
        document_frequencies = totals.tolist()
        if min(document_frequencies) < 0 or max(document_frequencies) > self.n_docs:
            worst = max(document_frequencies, key=abs)
            raise CorruptionError(
                self.parts[0].index.origin,
                0,
                f"document frequencies in 0..{self.n_docs}",
                f"{worst}",
            )
        if min(document_frequencies) == 0:
            held = totals > 0
            distinct = [term for term, is_held in zip(distinct, held, strict=True) if is_held]
            if not distinct:
                return None
            ordinals = [found[held] for found in ordinals]
            document_frequencies = totals[held].tolist()
        query_frequencies = [counted[term] for term in distinct]
        weights = self.scorer.weigh(query_frequencies, document_frequencies, self.statistics)
        return _PreparedQuery(
            distinct, query_frequencies, document_frequencies, ordinals, n_blocks, weights
        )

    def _search_part(
        self, query: _PreparedQuery, number: int, mask: UInt8s, heap: Int64s, size: int
    ) -> int:
        """Offer the docs of one part to the heap; returns its new size."""
        loaded = _load_kernels()
        part, weights, ordinals = self.parts[number], query.weights, query.ordinals[number]
        index, scaled, n_blocks = part.index, weights.scaled, query.n_blocks[number]
        scratch = loaded.thread_scratch(len(ordinals))
        if n_blocks == 0 or not self._skips(len(ordinals), len(heap)):
            size = loaded.search_exhaustively(
                *index.arrays, index.lengths, ordinals, scaled, weights.constant, weights.slope,
                part.base, part.live_bytes, mask, scratch.cursors, scratch.docs,
                scratch.frequencies, scratch.impacts, scratch.accumulators, scratch.touched, heap,
                size,
            )  # fmt: skip
        else:
            scratch.reserve_blocks(n_blocks)
            size = loaded.search_windows(
                *index.arrays, index.block_bounds, index.lengths, ordinals, scaled,
                weights.constant, weights.slope, part.base, part.live_bytes, mask, scratch.cursors,
                scratch.docs, scratch.frequencies, scratch.impacts, scratch.tail_docs,
                scratch.tail_impacts, scratch.block_scores, scratch.accumulators, scratch.touched,
                scratch.candidates, scratch.found, heap, size,
            )  # fmt: skip
        if size < 0:
            loaded.discard_scratch()
            raise index.damage(size, int(ordinals.max()))
        return size

    def _skips(self, n_terms: int, k: int) -> bool:
        if self.skipping is not None:
            return self.skipping
        return n_terms <= len(SKIPPING_K) and k <= SKIPPING_K[n_terms - 1]

    def _masks(self, allowed: Sequence[Bitmap | None] | None) -> list[UInt8s]:
        if allowed is None:
            return [_ALL_DOCS] * len(self.parts)
        if len(allowed) != len(self.parts):
            raise InvalidArgument("allowed", len(allowed), f"must be {len(self.parts)} bitmaps")
        masks = []
        for part, number in zip(self.parts, self._order, strict=True):
            bitmap = allowed[number]
            if bitmap is not None and bitmap.size != part.index.n_docs:
                raise InvalidArgument("allowed", bitmap.size, f"must have {part.index.n_docs} docs")
            masks.append(_ALL_DOCS if bitmap is None else bitmap.bytes_view())
        return masks

    def _integer_scores(self, query: _PreparedQuery, number: int, docs: Int64s) -> Int64s:
        index = self.parts[number].index
        order = np.argsort(docs, kind="stable")
        ascending = docs[order]
        lengths = index.lengths[ascending].astype(np.float64)
        saturation = query.weights.constant + query.weights.slope * lengths
        sums = np.zeros(len(docs), dtype=np.int64)
        for scaled, ordinal in zip(query.weights.scaled, query.ordinals[number], strict=True):
            if ordinal >= 0:
                frequencies = index.frequencies(int(ordinal), ascending).astype(np.float64)
                contributions = np.zeros(len(docs))
                np.divide(
                    scaled * frequencies,
                    frequencies + saturation,
                    out=contributions,
                    where=frequencies > 0,
                )
                sums += np.rint(contributions).astype(np.int64)
        result = np.empty_like(sums)
        result[order] = sums
        return result

    def _explanation(self, query: _PreparedQuery | None, number: int, doc: int) -> Explanation:
        from rank_retrieve.lexical.explain import TermFacts, explain_score

        index = self.parts[number].index
        facts = []
        if query is not None:
            wanted = np.array([doc], dtype=np.int64)
            for term, ordinal in enumerate(query.ordinals[number]):
                if ordinal < 0:
                    continue
                frequency = int(index.frequencies(int(ordinal), wanted)[0])
                if frequency:
                    facts.append(
                        TermFacts(
                            term=query.terms[term],
                            query_frequency=query.query_frequencies[term],
                            document_frequency=query.document_frequencies[term],
                            frequency=frequency,
                            contribution=query.weights.unit
                            * self.scorer.contribution(
                                query.weights, term, frequency, int(index.lengths[doc])
                            ),
                        )
                    )
        return explain_score(facts, self.scorer, self.statistics, int(index.lengths[doc]))
