"""What judgements say of a collection's own legs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rank_retrieve.collection.request import SearchRequest
from rank_retrieve.types import Hits, Ranked

if TYPE_CHECKING:
    from rank_retrieve.collection.legs import Leg
    from rank_retrieve.collection.search import Searcher
    from rank_retrieve.evaluation import FusionFit, Qrels
    from rank_retrieve.fusion import FusionMethod


def leg_hits(searcher: Searcher, request: SearchRequest) -> dict[str, Hits]:
    """The hits of each leg of a search before they are fused, in the order of the weights."""
    allowed = searcher.allowed(request.where)
    legs = searcher.legs(request, searcher.mode(request))
    return {leg.name: _hits(searcher, leg, leg.search(request.k, allowed)) for leg in legs}


def _hits(searcher: Searcher, leg: Leg, ranked: Ranked) -> Hits:
    docs = ranked.docs.tolist()

    def document(position: int) -> dict[str, Any]:
        part, local = searcher.locate(docs[position])
        return part.segment.document(local)

    return Hits(
        searcher.ids(ranked.docs),
        ranked.scores,
        document=document,
        explain=lambda position: leg.explain(docs[position]),
    )


def fit_fusion(
    searcher: Searcher,
    queries: Mapping[str, Any],
    qrels: Qrels,
    metric: str,
    candidates: int,
    options: Mapping[str, Any],
    *,
    methods: Sequence[FusionMethod] | None,
    folds: int,
    seed: int,
) -> FusionFit:
    """`evaluation.fit_fusion` over the legs of hybrid searches; options: those of `search`."""
    from rank_retrieve import evaluation

    runs: dict[str, dict[str, dict[str, float]]] = {}
    judged = evaluation.judged_queries(list(queries), qrels)
    for name in judged:
        request = SearchRequest(queries[name], candidates, **options)
        for leg, hits in leg_hits(searcher, request).items():
            scores = dict(zip(hits.ids.tolist(), hits.scores.tolist(), strict=True))
            runs.setdefault(leg, {})[name] = scores
    return evaluation.fit_fusion(
        runs, None, {name: qrels[name] for name in judged}, metric,
        methods=methods, candidates=candidates, folds=folds, seed=seed,
    )  # fmt: skip
