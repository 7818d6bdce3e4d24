"""Several retrievers as one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from rank_retrieve.errors import InvalidArgument, NotFound
from rank_retrieve.fusion.candidates import default_candidates
from rank_retrieve.fusion.completion import complete_legs
from rank_retrieve.fusion.fused import Fused
from rank_retrieve.fusion.method import FusionMethod, checked_k
from rank_retrieve.fusion.numbering import Numbering, check_same_kind
from rank_retrieve.fusion.rrf import RRF
from rank_retrieve.types import (
    Bitmap,
    Explanation,
    Float64s,
    Hit,
    Hits,
    Int64s,
    Query,
    Ranked,
    Retriever,
)


class FusionRanker:
    """A retriever that asks other retrievers and fuses their rankings.

    retrievers: at least one, over the same documents with the same ids. Each gets the query as it
        was passed, so a `Query(text=..., vector=...)` serves a lexical and a dense one; a
        retriever that needs a part which the query lacks raises InvalidArgument.
    method: RRF(k=60) when not given.
    candidates: how many hits to ask of each retriever, at least k are; None for
        `default_candidates(k)`, max(64, 2 k).
    complete: whether to ask each retriever for the scores of what only others found. They need a
        method `explain(query, id)` for that, as ours have; an explanation of 0 without children
        says that a document does not match.

    Equal scores keep the order of insertion where a retriever tells it by a method
    `position(id) -> int`. Where none does, integer ids count as positions, and other ids keep the
    order of the first retriever's hits, then of the second's.
    """

    def __init__(
        self,
        retrievers: Sequence[Retriever[Any]],
        method: FusionMethod | None = None,
        candidates: int | None = None,
        *,
        complete: bool = False,
    ) -> None:
        if isinstance(retrievers, str | Mapping) or not isinstance(retrievers, Sequence):
            raise InvalidArgument("retrievers", retrievers, "must be a sequence of retrievers")
        if not retrievers:
            raise InvalidArgument("retrievers", [], "must be at least one retriever")
        for retriever in retrievers:
            if isinstance(retriever, type) or not isinstance(retriever, Retriever):
                raise InvalidArgument("retrievers", retriever, "must have search(query, k)")
        chosen = RRF() if method is None else method
        if isinstance(chosen, type) or not isinstance(chosen, FusionMethod):
            raise InvalidArgument("method", method, "must be a fusion method, such as RRF(k=60)")
        self.retrievers = tuple(retrievers)
        self.method: FusionMethod = chosen
        self.candidates = None if candidates is None else checked_k(candidates, "candidates")
        self.names = _names(self.retrievers)
        self.complete = complete
        for name, retriever in zip(self.names, self.retrievers, strict=True):
            if complete and not hasattr(retriever, "explain"):
                raise InvalidArgument("complete", True, f"{name} has no explain(query, id)")

    def __len__(self) -> int:
        """The documents of the largest retriever."""
        return max(len(retriever) for retriever in self.retrievers)

    def search(self, query: Any, k: int = 10, *, allowed: Bitmap | None = None) -> Hits:
        """At most k hits of any retriever, best first.

        query: str, `Query` or a vector; handed to every retriever.
        allowed: positions (in order of insertion) that may be returned, handed to every retriever.
        Raises InvalidArgument for k < 1 or a query that one of the retrievers cannot use.
        """
        depth = self._depth(checked_k(k))
        return self._fused_hits(query, self._ask(_checked(query), depth, allowed), k, depth)

    def search_many(
        self, queries: Sequence[Any], k: int = 10, *, allowed: Bitmap | None = None
    ) -> list[Hits]:
        """The hits of each query, as `search` gives them.

        Retrievers with a `search_many(queries, k)` of their own are asked once for all queries.
        """
        depth = self._depth(checked_k(k))
        asked = checked_queries(queries)
        legs = [self._ask_many(retriever, asked, depth, allowed) for retriever in self.retrievers]
        return [
            self._fused_hits(query, [leg[number] for leg in legs], k, depth)
            for number, query in enumerate(asked)
        ]

    def explain(
        self,
        query: Any,
        id: Any,  # noqa: A002
        k: int = 10,
        *,
        allowed: Bitmap | None = None,
    ) -> Explanation:
        """How a document scores for a query, among the first k or not.

        k: sets the depth of the legs, as in `search`. Raises NotFound when no leg finds the id.
        """
        depth = self._depth(checked_k(k))
        legs = self._ask(_checked(query), depth, allowed)
        hits = self._fused_hits(query, legs, max(1, sum(len(leg) for leg in legs)), depth)
        for hit in hits:
            if hit.id == id:
                return hit.explain()
        raise NotFound("hit", str(id), f"no leg has it among its first {depth}")

    def _depth(self, k: int) -> int:
        return max(k, default_candidates(k) if self.candidates is None else self.candidates)

    def _ask(self, query: Any, depth: int, allowed: Bitmap | None) -> list[Hits]:
        return [retriever.search(query, depth, allowed=allowed) for retriever in self.retrievers]

    def _ask_many(
        self, retriever: Retriever[Any], queries: list[Any], depth: int, allowed: Bitmap | None
    ) -> list[Hits]:
        together = getattr(retriever, "search_many", None)
        if together is not None and allowed is None:
            hits: list[Hits] = list(together(queries, depth))
            return hits
        return [retriever.search(query, depth, allowed=allowed) for query in queries]

    @property
    def _position(self) -> Callable[[Any], int] | None:
        for retriever in self.retrievers:
            position: Callable[[Any], int] | None = getattr(retriever, "position", None)
            if position is not None:
                return position
        return None

    def _fused_hits(self, query: Any, legs: Sequence[Hits], k: int, depth: int) -> Hits:
        check_same_kind(legs)
        numbering = Numbering(self._position)
        ranked = [
            Ranked(numbering.docs(leg.ids), np.asarray(leg.scores, dtype=np.float64))
            for leg in legs
        ]
        if self.complete:
            ranked = complete_legs(
                ranked, [_scores(retriever, query, numbering) for retriever in self.retrievers]
            )
        fused = self.method.fuse(ranked, k)
        ids = numbering.ids(fused.docs)
        return Hits(
            ids,
            fused.scores,
            document=lambda position: _hit_in_any(legs, ids[position]).document,
            explain=lambda position: self._explanation(query, fused, legs, ids, position),
            plan={
                "fusion": {
                    "method": repr(self.method),
                    "candidates": depth,
                    "found": [len(leg) for leg in legs],
                    "complete": self.complete,
                },
                "legs": [
                    {"leg": name, **leg.plan} for name, leg in zip(self.names, legs, strict=True)
                ],
            },
        )

    def _explanation(
        self, query: Any, fused: Fused, legs: Sequence[Hits], ids: Any, position: int
    ) -> Explanation:
        below: list[Explanation | None] = []
        for number, (retriever, hits) in enumerate(zip(self.retrievers, legs, strict=True)):
            hit = _hit_of(hits, ids[position])
            if not fused.ranks[number, position]:
                below.append(None)
            elif hit is not None:
                below.append(hit.explain())
            else:
                below.append(cast("Any", retriever).explain(query, ids[position]))
        return fused.explain(int(fused.docs[position]), names=self.names, legs=below)

    def __repr__(self) -> str:
        return f"FusionRanker([{', '.join(self.names)}], method={self.method!r})"


def _hit_of(hits: Hits, identity: Any) -> Hit | None:
    """The hit with an id, None when there is none."""
    places = np.flatnonzero(hits.ids == identity)
    return hits[int(places[0])] if len(places) else None


def _hit_in_any(legs: Sequence[Hits], identity: Any) -> Hit:
    found = (_hit_of(hits, identity) for hits in legs)
    return next(hit for hit in found if hit is not None)


def _scores(retriever: Any, query: Any, numbering: Numbering) -> Callable[[Int64s], Float64s]:
    """What scores single documents of a retriever, NaN for those that do not match."""

    def scores(docs: Int64s) -> Float64s:
        found = []
        for identity in numbering.ids(docs).tolist():
            try:
                explanation = retriever.explain(query, identity)
            except NotFound:
                found.append(np.nan)
                continue
            absent = explanation.value == 0.0 and not explanation.children
            found.append(np.nan if absent else explanation.value)
        return np.array(found, dtype=np.float64)

    return scores


def _names(retrievers: Sequence[Retriever[Any]]) -> tuple[str, ...]:
    kinds = [type(retriever).__name__ for retriever in retrievers]
    counts = Counter(kinds)
    seen: Counter[str] = Counter()
    names = []
    for kind in kinds:
        seen[kind] += 1
        names.append(f"{kind} {seen[kind]}" if counts[kind] > 1 else kind)
    return tuple(names)


def _checked(query: Any) -> Any:
    if isinstance(query, Query):
        if query.text is None and query.vector is None:
            raise InvalidArgument("query", None, "a search needs text, a vector, or both")
        return query
    if isinstance(query, str | np.ndarray) or _is_numbers(query):
        return query
    raise InvalidArgument("query", query, "must be a string, a Query or a vector")


def _is_numbers(query: Any) -> bool:
    return (
        isinstance(query, list | tuple)
        and len(query) > 0
        and all(isinstance(value, int | float | np.number) for value in query)
    )


def checked_queries(queries: Sequence[Any]) -> list[Any]:
    """Queries as a list, each of a kind that retrievers may take; InvalidArgument otherwise."""
    if isinstance(queries, str | Query | Mapping) or not hasattr(queries, "__iter__"):
        raise InvalidArgument(
            "queries", queries, "must be a sequence of queries", "use search for one query"
        )
    return [_checked(query) for query in queries]
