"""One query over one snapshot: legs, filter, fusion, stages, selection, and what became of each.

    request -> filter as one bitmap a segment -> each leg's ranking -> fusion -> stages -> a page

Every leg filters before it ranks, so a filtered search returns min(k, matches) hits: a
document matches the lexical leg when it holds a term of the query, the dense leg when it has
a vector, and the hybrid search when it matches either leg.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from time import perf_counter
from typing import TYPE_CHECKING, Any

from rank_retrieve.collection.request import Mode, SearchRequest
from rank_retrieve.collection.selecting import Ranking, Selection, Selector
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Bitmap, Explanation, Hits, Ranked

if TYPE_CHECKING:
    from rank_retrieve.collection.legs import Leg
    from rank_retrieve.collection.search import Searcher
    from rank_retrieve.fusion import Fused, FusionMethod

Explain = Callable[[int], Explanation]


class Stopwatch:
    """Seconds by stage; a stage that comes twice is added up."""

    __slots__ = ("_last", "_start", "seconds")

    def __init__(self) -> None:
        self._start = self._last = perf_counter()
        self.seconds: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        """What has passed since the lap before belongs to this stage."""
        now = perf_counter()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._last
        self._last = now

    def stop(self) -> dict[str, float]:
        """The stages, and all of them as "total"."""
        self.seconds["total"] = self._last - self._start
        return self.seconds


@dataclass(frozen=True, eq=False)
class _Ranked:
    """A ranking, how it explains itself, and what the plan says of it."""

    ranking: Ranking
    explain: Explain
    facts: Mapping[str, Any]


class Answer:
    """One request on its way to hits."""

    def __init__(self, searcher: Searcher, request: SearchRequest) -> None:
        self._searcher, self._request = searcher, request
        self._selector = Selector(searcher.schema, searcher.parts, searcher.bases)
        self._watch = Stopwatch()
        self.mode: Mode = searcher.mode(request)
        several = self.mode == "hybrid" or request.joint
        if request.fusion is not None and not several:
            raise InvalidArgument(
                "fusion", request.fusion, f"a {self.mode} search has one leg only"
            )
        fixed = several or bool(request.stages)
        if fixed and request.last > request.depth:
            raise InvalidArgument(
                "offset", request.offset,
                f"goes with k = {request.k} beyond the {request.depth} candidates that are fused "
                "or reranked",
                f"pass candidates={request.last} or more, the same for every page",
            )  # fmt: skip
        self._selector.check(request)

    def hits(self) -> Hits:
        """The hits, best first."""
        searcher, request, watch = self._searcher, self._request, self._watch
        legs = searcher.legs(request, self.mode)
        watch.lap("query")
        allowed = searcher.allowed(request.where)
        if allowed is not None:
            watch.lap("filter")
        ranked = self._fused(legs, allowed) if len(legs) > 1 else self._alone(legs[0], allowed)
        if request.stages:
            ranked = self._reranked(ranked)
            watch.lap("rerank")
        chosen = self._selector.select(request, ranked.ranking)
        if request.sort is not None or request.group_by is not None:
            watch.lap("select")
        return self._made(chosen, ranked, legs, allowed)

    # ------------------------------------------------------------------ rankings

    def _alone(self, leg: Leg, allowed: list[Bitmap] | None) -> _Ranked:
        """One leg's ranking, as deep as is asked for."""

        def best(n: int) -> Ranked:
            found = leg.search(n, allowed)
            self._watch.lap(leg.name)
            return found

        limit = self._searcher.bases[-1]
        return _Ranked(Ranking(best, limit, leg.name == "lexical"), leg.explain, {})

    def _fused(self, legs: Sequence[Leg], allowed: list[Bitmap] | None) -> _Ranked:
        from rank_retrieve.fusion import RRF, complete_legs

        request = self._request
        method: FusionMethod = request.fusion if request.fusion is not None else RRF()
        rankings = []
        for leg in legs:
            rankings.append(leg.search(request.depth, allowed))
            self._watch.lap(leg.name)
        found = [len(ranked) for ranked in rankings]
        if request.complete:
            rankings = complete_legs(rankings, [leg.scores for leg in legs])
        wanted = request.last if request.plain else sum(len(ranked) for ranked in rankings)
        fused = method.fuse(rankings, max(wanted, 1))
        self._watch.lap("fusion")
        facts = {
            "fusion": {
                "method": method,
                "candidates": request.depth,
                "found": found,
                "complete": request.complete,
            }
        }
        return _Ranked(
            _fixed(Ranked(fused.docs, fused.scores)),
            lambda doc: _explain_fused(fused, legs, rankings, doc),
            facts,
        )

    def _reranked(self, before: _Ranked) -> _Ranked:
        from rank_retrieve.collection.reranking import rerank_hits

        searcher, request = self._searcher, self._request
        found = before.ranking.best(request.depth)
        facts: dict[str, Any] = {}
        paged = request.sort is None and request.group_by is None
        wanted = request.last if paged else max(len(found.docs), 1)
        docs, scores, explain = rerank_hits(
            searcher, searcher.schema, request, found.docs, found.scores, before.explain,
            wanted, facts,
        )  # fmt: skip
        return _Ranked(_fixed(Ranked(docs, scores)), explain, {**before.facts, **facts})

    # ------------------------------------------------------------------ hits

    def _made(
        self,
        chosen: Selection,
        ranked: _Ranked,
        legs: Sequence[Leg],
        allowed: list[Bitmap] | None,
    ) -> Hits:
        searcher, request, docs = self._searcher, self._request, chosen.docs

        def document(position: int) -> dict[str, Any]:
            part, local = searcher.locate(int(docs[position]))
            return request.projection.document(part.segment, local)

        def explanation(position: int) -> Explanation:
            found = ranked.explain(int(docs[position]))
            return found if allowed is None else _with_filter(found, plan()["filter"])

        @cache
        def plan() -> dict[str, Any]:
            return self._plan(ranked, legs, allowed)

        ids = searcher.ids(docs)
        self._watch.lap("hits")
        return Hits(
            ids,
            chosen.scores,
            document=document,
            explain=explanation,
            plan=plan,
            offset=request.offset if request.group_by is None else 0,
            group_values=chosen.groups,
            collections=searcher.collections(docs),
            timings=self._watch.stop(),
        )

    def _plan(
        self, ranked: _Ranked, legs: Sequence[Leg], allowed: list[Bitmap] | None
    ) -> dict[str, Any]:
        """How the request was answered; made when somebody looks."""
        request = self._request
        depth = request.last if len(legs) == 1 else request.depth
        plan: dict[str, Any] = {
            "mode": self.mode,
            "legs": [leg.describe(depth, allowed) for leg in legs],
        }
        if allowed is not None:
            live = zip(allowed, self._searcher.parts, strict=True)
            matching = sum(len(a if p.live is None else a & p.live) for a, p in live)
            ways = [f"{leg['leg']}: {leg['filtered']}" for leg in plan["legs"] if "filtered" in leg]
            plan["filter"] = {
                "strategy": "; ".join(["bitmap before ranking", *ways]),
                "documents": matching,
            }
        plan |= ranked.facts
        if "fusion" in plan:
            plan["fusion"] = {**plan["fusion"], "method": repr(plan["fusion"]["method"])}
        return plan


def _fixed(ranked: Ranked) -> Ranking:
    """The ranking of candidates that are all known."""
    return Ranking(lambda n: Ranked(ranked.docs[:n], ranked.scores[:n]), len(ranked), True)


def _explain_fused(
    fused: Fused, legs: Sequence[Leg], rankings: Sequence[Ranked], doc: int
) -> Explanation:
    """The fusion's sum, with the leg's own explanation below each summand."""
    below = [
        leg.explain(doc) if doc in ranked.docs else None
        for leg, ranked in zip(legs, rankings, strict=True)
    ]
    return fused.explain(doc, names=[leg.name for leg in legs], legs=below)


def _with_filter(found: Explanation, chosen: Mapping[str, Any]) -> Explanation:
    """An explanation that also says how the filter was applied, which adds nothing to a score."""
    label = f"filter, {chosen['strategy']}: {chosen['documents']} documents fit"
    children = (*found.children, Explanation(0.0, label))
    return Explanation(found.value, found.label, children, found.combine)
