"""A retriever with stages behind it, for use without a database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.fusion.method import checked_k
from rank_retrieve.fusion.ranker import checked_queries
from rank_retrieve.rerankers.candidates import HitsSource
from rank_retrieve.rerankers.stage import Rerank, as_stages, run_stages
from rank_retrieve.types import Bitmap, Hits, Query, Retriever

MIN_CHOICE = 100
CHOICE_PER_HIT = 10


class Reranker:
    """Asks a retriever for candidates and sends them through stages.

    retriever: anything with search(query, k).
    stages: a stage, a function (query, candidates) -> scores, or several of them.
    candidates: how many hits to ask for, at least k are; None for max(100, 10 k).
    document: id -> document, where the retriever stores none.
    """

    def __init__(
        self,
        retriever: Retriever[Any],
        stages: Rerank | Sequence[Rerank],
        *,
        candidates: int | None = None,
        document: Callable[[Any], Mapping[str, Any]] | None = None,
    ) -> None:
        if isinstance(retriever, type) or not isinstance(retriever, Retriever):
            raise InvalidArgument("retriever", retriever, "must have search(query, k)")
        self.retriever = retriever
        self.stages = as_stages(stages)
        if candidates is not None:
            checked_k(candidates, "candidates")
        self.candidates = candidates
        self._document = document

    def __len__(self) -> int:
        """The documents of the retriever."""
        return len(self.retriever)

    def search(self, query: Any, k: int = 10, *, allowed: Bitmap | None = None) -> Hits:
        """At most k hits, best first; equal scores in the order of the stage before.

        query: handed to the retriever; stages get it as a `Query`.
        """
        asked = self.candidates or max(MIN_CHOICE, CHOICE_PER_HIT * checked_k(k))
        hits = self.retriever.search(query, max(k, asked), allowed=allowed)
        source = HitsSource(hits, self._document)
        staged = run_stages(self.stages, as_query(query), source, np.asarray(hits.scores), k)
        positions = staged.positions

        def document(place: int) -> dict[str, Any]:
            return source.document(int(positions[place]))

        return Hits(
            hits.ids[positions],
            staged.scores,
            document=document,
            explain=lambda place: staged.explain(int(positions[place])),
            plan={**hits.plan, "rerank": staged.describe()},
        )

    def search_many(self, queries: Sequence[Any], k: int = 10) -> list[Hits]:
        """The hits of each query, as `search` gives them."""
        return [self.search(query, k) for query in checked_queries(queries)]


def as_query(query: Any) -> Query:
    """Text, vector or `Query` as a `Query`."""
    if isinstance(query, Query):
        return query
    return Query(text=query) if isinstance(query, str) else Query(vector=query)
