"""Several indexes under one ranking, with the statistics of them all."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rank_retrieve.errors import CorruptionError, InvalidArgument
from rank_retrieve.lexical._arrays import Batch, Weighted
from rank_retrieve.lexical.batch import LOOKUP_COST, MAX_DOC, KnownTerm, PreparedQuery, QueryBatch
from rank_retrieve.lexical.deleted import DeletedStatistics
from rank_retrieve.lexical.inverted_index import InvertedIndex, term_arena
from rank_retrieve.lexical.scoring import (
    MAX_QUERY_TERMS,
    BM25Scorer,
    CollectionStatistics,
)
from rank_retrieve.types import Bitmap, Explanation, Float64s, Int64s, Ranked, UInt64s

if TYPE_CHECKING:
    from rank_retrieve.lexical.scratch import Scratch

# what a searcher keeps of terms takes about 300 bytes each
KNOWN_TERMS = 32_768
# for results of the queries of one call
MAX_PLACES = 2**20
__all__ = ["KnownTerm", "LexicalPart", "LexicalSearcher"]

_ALL_DOCS: UInt64s = np.empty(0, dtype=np.uint64)


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
    def live_words(self) -> UInt64s:
        """The live docs as kernels read them; empty for all."""
        return _ALL_DOCS if self.live is None else self.live.bytes_view().view(np.uint64)


class _Kernels(NamedTuple):
    add_document_frequencies: Callable[..., int]
    search_batch: Callable[..., int]
    count_matches: Callable[..., int]
    thread_scratch: Callable[..., Scratch]
    discard_scratch: Callable[[], None]


@cache
def _load_kernels() -> _Kernels:
    from rank_retrieve.lexical import _count_kernels, _lookup_kernels, _window_kernels, scratch

    return _Kernels(
        _lookup_kernels.add_document_frequencies,
        _window_kernels.search_batch,
        _count_kernels.count_matches,
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
        self._lookup_cost = {None: LOOKUP_COST, True: 0, False: -1}[skipping]
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
        self._known: dict[bytes, KnownTerm] = {}
        self._order = sorted(range(len(parts)), key=lambda number: parts[number].base)
        self.statistics = CollectionStatistics(n_docs, total_length, scale)

    def search(
        self,
        terms: Sequence[bytes],
        k: int,
        allowed: Sequence[Bitmap | None] | None = None,
        *,
        required: Iterable[bytes] = (),
        minimum: int = 1,
    ) -> Ranked:
        """The k best live docs that hold at least one of the terms.

        terms: final terms; a repeated term weighs as often as it stands there.
        allowed: for each part, in the order given to the constructor, the docs that may be
            returned, or None for all.
        required: terms among them that a doc must hold.
        minimum: how many distinct terms a doc must hold at least.
        Returns exactly min(k, matches) docs, numbered base + doc; equal scores by ascending doc.
        Raises InvalidArgument for k < 1, for more than 65,536 distinct terms, for required terms
        that are not among the terms, for required terms and a minimum above 1 at once, and for
        bitmaps of another size; CorruptionError for damaged lists.
        """
        _check_k(k)
        masks = self._masks(allowed)
        query = self._prepare(terms, required, minimum)
        return Ranked.empty() if query is None else self._run([query], int(k), masks)[0]

    def search_many(
        self,
        queries: Sequence[Sequence[bytes]],
        k: int,
        allowed: Sequence[Bitmap | None] | None = None,
    ) -> list[Ranked]:
        """`search` for each query, in order, by one call of the kernel for each part.

        The GIL is released meanwhile: threads that share queries out in runs scale with them.
        """
        _check_k(k)
        masks = self._masks(allowed)
        prepared = [self._prepare(terms) for terms in queries]
        held = [query for query in prepared if query is not None]
        step = max(1, MAX_PLACES // (2 * min(int(k), self.n_docs) + 1))
        found = (
            ranked
            for start in range(0, len(held), step)
            for ranked in self._run(held[start : start + step], int(k), masks)
        )
        return [Ranked.empty() if query is None else next(found) for query in prepared]

    def count(self, terms: Sequence[bytes], allowed: Sequence[Bitmap | None] | None = None) -> int:
        """How many live docs hold at least one of the terms: what `search` finds for any k.

        Arguments and errors as for `search`.
        """
        masks = self._masks(allowed)
        query = self._prepare(terms)
        if query is None:
            return 0
        if len(query.known) == 1 and allowed is None:
            return query.most_matches()
        loaded, total = _load_kernels(), 0
        for number, mask in enumerate(masks):
            part = self.parts[number]
            scratch = loaded.thread_scratch(len(query.known), 0)
            weighted = self._weighted(query, number, mask)
            found = loaded.count_matches(part.index.lists, weighted, scratch.work)
            if found < 0:
                loaded.discard_scratch()
                raise part.index.damage(found, int(weighted.ordinals.max()))
            total += found
        return total

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

    def _prepare(
        self, terms: Sequence[bytes], required: Iterable[bytes] = (), minimum: int = 1
    ) -> PreparedQuery | None:
        """Look terms up and weigh them; None when no live document can match."""
        counted: dict[bytes, int] = {}
        for term in terms:
            counted[term] = counted.get(term, 0) + 1
        if len(counted) > MAX_QUERY_TERMS:
            raise InvalidArgument("query", len(counted), f"has over {MAX_QUERY_TERMS} terms")
        remembered = self._known
        try:
            known = {term: remembered[term] for term in counted}
        except KeyError:
            known = self.known(counted)
        held = sorted([term for term in counted if known[term].document_frequency])
        demanded = set(required)
        if demanded or type(minimum) is not int or minimum != 1:
            _check_demands(counted, demanded, minimum)
            if demanded.difference(held) or minimum > len(held):
                return None
            # the list that all others are compared with should be the shortest
            held.sort(
                key=lambda term: known[term].document_frequency if term in demanded else MAX_DOC
            )
        if not held:
            return None
        of_terms = [known[term] for term in held]
        query_frequencies = [counted[term] for term in held]
        weights = self.scorer.weigh(
            query_frequencies, [term.idf for term in of_terms], self.statistics
        )
        return PreparedQuery(
            held, query_frequencies, of_terms, weights, len(demanded), max(minimum, 1)
        )

    def known(self, terms: Iterable[bytes]) -> dict[bytes, KnownTerm]:
        """Where distinct terms are in the parts, and their statistics over live docs."""
        wanted, remembered = list(terms), self._known
        known = {term: remembered[term] for term in wanted if term in remembered}
        if len(known) < len(wanted):
            found = self._look_up([term for term in wanted if term not in known])
            known.update(found)
            if len(remembered) + len(found) > KNOWN_TERMS:
                # other threads go on with the one that they have
                remembered = self._known = {}
            remembered.update(found)
        return known

    def _look_up(self, terms: list[bytes]) -> dict[bytes, KnownTerm]:
        """Find terms in every part."""
        arena, offsets = term_arena(terms)
        totals = np.zeros(len(terms), dtype=np.int64)
        ordinals, n_blocks = [], []
        add_document_frequencies = _load_kernels().add_document_frequencies
        for part in self.parts:
            found = part.index.dictionary.get_many(arena, offsets)
            blocks = np.zeros(len(terms), dtype=np.int64)
            status = add_document_frequencies(
                part.index.lists, found, part.statistics.ordinals, part.statistics.counts,
                totals, blocks,
            )  # fmt: skip
            if status < 0 or int(blocks.max()) > part.index.n_blocks:
                raise part.index.damage(-1, 0)
            ordinals.append(found.tolist())
            n_blocks.append(blocks.tolist())
        frequencies = totals.tolist()
        if min(frequencies) < 0 or max(frequencies) > self.n_docs:
            raise CorruptionError(
                self.parts[0].index.origin,
                0,
                f"document frequencies in 0..{self.n_docs}",
                f"{max(frequencies, key=abs)}",
            )
        return {
            term: KnownTerm(
                tuple(part[t] for part in ordinals),
                tuple(part[t] for part in n_blocks),
                frequencies[t],
                self.scorer.idf(self.n_docs, frequencies[t]) if frequencies[t] else 0.0,
            )
            for t, term in enumerate(terms)
        }

    def _run(
        self, queries: Sequence[PreparedQuery], k: int, masks: Sequence[UInt64s]
    ) -> list[Ranked]:
        """The k best docs of each query."""
        limits = [min(k, self.n_docs, query.most_matches()) for query in queries]
        batch, loaded = QueryBatch(queries, limits), _load_kernels()
        weights = queries[0].weights
        for number, mask in enumerate(masks):
            part = self.parts[number]
            plans = batch.plans(part.statistics.n_docs, len(mask) == 0 and self._lookup_cost >= 0)
            scratch = loaded.thread_scratch(batch.most_terms, batch.most_blocks(number))
            arrays = Batch(
                batch.ordinals(number), batch.weights, plans, weights.constant,
                weights.slope, part.base, part.live_words, mask,
            )  # fmt: skip
            status = loaded.search_batch(
                part.index.lists, arrays, scratch.work, self._lookup_cost, batch.best
            )
            if status < 0:
                loaded.discard_scratch()
                raise part.index.damage(status, int(arrays.ordinals.max()))
            batch.keep_sizes(plans)
        return batch.ranked()

    def _weighted(self, query: PreparedQuery, number: int, mask: UInt64s) -> Weighted:
        part, weights = self.parts[number], query.weights
        return Weighted(
            query.ordinals(number), weights.scaled, weights.constant, weights.slope, part.base,
            part.live_words, mask, query.n_required, query.minimum,
        )  # fmt: skip

    def _masks(self, allowed: Sequence[Bitmap | None] | None) -> list[UInt64s]:
        if allowed is None:
            return [_ALL_DOCS] * len(self.parts)
        if len(allowed) != len(self.parts):
            raise InvalidArgument("allowed", len(allowed), f"must be {len(self.parts)} bitmaps")
        masks = []
        for part, number in zip(self.parts, self._order, strict=True):
            bitmap = allowed[number]
            if bitmap is not None and bitmap.size != part.index.n_docs:
                raise InvalidArgument("allowed", bitmap.size, f"must have {part.index.n_docs} docs")
            masks.append(_ALL_DOCS if bitmap is None else bitmap.bytes_view().view(np.uint64))
        return masks

    def _integer_scores(self, query: PreparedQuery, number: int, docs: Int64s) -> Int64s:
        index = self.parts[number].index
        order = np.argsort(docs, kind="stable")
        ascending = docs[order]
        lengths = index.lengths[ascending].astype(np.float64)
        saturation = query.weights.constant + query.weights.slope * lengths
        sums = np.zeros(len(docs), dtype=np.int64)
        for scaled, ordinal in zip(query.weights.scaled, query.ordinals(number), strict=True):
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

    def _explanation(self, query: PreparedQuery | None, number: int, doc: int) -> Explanation:
        from rank_retrieve.lexical.explain import TermFacts, explain_score

        index = self.parts[number].index
        facts = []
        if query is not None:
            wanted = np.array([doc], dtype=np.int64)
            for term, ordinal in enumerate(query.ordinals(number)):
                if ordinal < 0:
                    continue
                frequency = int(index.frequencies(int(ordinal), wanted)[0])
                if frequency:
                    facts.append(
                        TermFacts(
                            term=query.terms[term],
                            query_frequency=query.query_frequencies[term],
                            document_frequency=query.known[term].document_frequency,
                            frequency=frequency,
                            contribution=query.weights.unit
                            * self.scorer.contribution(
                                query.weights, term, frequency, int(index.lengths[doc])
                            ),
                        )
                    )
        return explain_score(facts, self.scorer, self.statistics, int(index.lengths[doc]))


def _check_k(k: object) -> None:
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise InvalidArgument("k", k, "must be an integer of at least 1")


def _check_demands(terms: Iterable[bytes], required: set[bytes], minimum: object) -> None:
    missing = required.difference(terms)
    if missing:
        raise InvalidArgument("required", min(missing), "is none of the terms")
    if isinstance(minimum, bool) or not isinstance(minimum, int) or minimum < 1:
        raise InvalidArgument("minimum", minimum, "must be an integer of at least 1")
    if required and minimum > 1:
        raise InvalidArgument("minimum", minimum, "cannot stand beside required terms")
