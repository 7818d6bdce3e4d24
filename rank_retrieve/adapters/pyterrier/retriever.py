"""PyTerrier's transformer over any collection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
import pyterrier as pt

from rank_retrieve.collection import Collection, Snapshot
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Hits, Query

if TYPE_CHECKING:
    from rank_retrieve.adapters.pyterrier.index import RankRetrieveIndex

DOCNO = "docno"
QUERY_VEC = "query_vec"

Mode = Literal["lexical", "dense", "hybrid"]

# the columns of queries that a mode needs, and its name in a drawing
_NEEDED: dict[str, list[str]] = {
    "lexical": ["query"],
    "dense": [QUERY_VEC],
    "hybrid": ["query", QUERY_VEC],
}
_LABELS = {"lexical": "BM25", "dense": "Dense", "hybrid": "Hybrid"}


class RankRetrieveRetriever(pt.Transformer):
    """Ranks documents for each query of a frame.

    index: a `RankRetrieveIndex`, an `rr.Collection`, or a snapshot of one.
    mode: "lexical" needs the column query, "dense" query_vec, "hybrid" both. A collection with an
        encoder makes vectors itself: it needs the query only.
    num_results: at most so many documents a query.
    where: a filter, as `rr.Collection.search` takes it. fusion: of a hybrid retriever.
    fields: of documents that become columns of the result, such as their text.
    threads: how many search at once, by default one for each core.
    """

    def __init__(
        self,
        index: RankRetrieveIndex | Collection | Snapshot,
        *,
        mode: Mode = "lexical",
        num_results: int = 1000,
        where: Any = None,
        fusion: Any = None,
        fields: Sequence[str] = (),
        threads: int | None = None,
    ) -> None:
        if mode not in _NEEDED:
            raise InvalidArgument("mode", mode, f"must be one of {', '.join(_NEEDED)}")
        self.index, self.mode, self.num_results = index, mode, num_results
        self.where, self.fusion, self.fields, self.threads = where, fusion, tuple(fields), threads

    @property
    def schematic(self) -> dict[str, str | None]:
        """How a drawn pipeline shows it; without a help page, which would be looked for online."""
        return {"label": _LABELS[self.mode], "help_url": None}

    @property
    def _searched(self) -> Collection | Snapshot | None:
        if isinstance(self.index, Collection | Snapshot):
            return self.index
        return self.index.collection

    def _columns(self) -> list[str]:
        searched = self._searched
        encodes = getattr(searched, "encoder", None) is not None
        return ["query"] if encodes else _NEEDED[self.mode]

    def transform(self, inp: pd.DataFrame) -> pd.DataFrame:
        """The queries of a frame with docno, score (higher is better) and rank (from 0)."""
        needed = self._columns()
        pt.validate.columns(inp, includes=["qid", *needed])
        # a frame of results holds a query once for each document
        queries = inp[pt.model.query_columns(inp, qid=True)].drop_duplicates(subset="qid")
        hits = self._search(queries, needed)
        counts = [len(found) for found in hits]
        result = queries.iloc[np.repeat(np.arange(len(queries)), counts)].reset_index(drop=True)
        nothing = np.empty(0)
        result[DOCNO] = np.concatenate([nothing.astype(object), *(found.ids for found in hits)])
        result["score"] = np.concatenate([nothing, *(found.scores for found in hits)])
        ranks = [np.arange(count) for count in counts]
        result["rank"] = np.concatenate([nothing.astype(np.int64), *ranks])
        if self.fields:
            documents = [hit.document for found in hits for hit in found]
            for name in self.fields:
                column = [document.get(name) for document in documents]
                result[name] = pd.Series(column, index=result.index, dtype=object)
        return result

    def _search(self, queries: pd.DataFrame, needed: Sequence[str]) -> Sequence[Hits]:
        searched = self._searched
        if searched is None:
            return [_NO_HITS] * len(queries)
        texts = queries["query"] if "query" in needed else [None] * len(queries)
        vectors = queries[QUERY_VEC] if QUERY_VEC in needed else [None] * len(queries)
        requests = [
            Query(text=text, vector=vector) for text, vector in zip(texts, vectors, strict=True)
        ]
        options = {"where": self.where, "mode": self.mode}
        if self.fusion is not None:
            options["fusion"] = self.fusion
        return searched.search_many(requests, self.num_results, threads=self.threads, **options)

    def subtransformers(self) -> dict[str, pt.Transformer]:
        """None; PyTerrier would take an empty `fields` for some."""
        return {}

    def fuse_rank_cutoff(self, k: int) -> RankRetrieveRetriever:
        """What `retriever % k` compiles to: a search that is no deeper than needed."""
        return self._with(num_results=k) if k < self.num_results else self

    def _with(self, **changes: Any) -> RankRetrieveRetriever:
        settings: dict[str, Any] = {
            "mode": self.mode,
            "num_results": self.num_results,
            "where": self.where,
            "fusion": self.fusion,
            "fields": self.fields,
            "threads": self.threads,
        }
        return RankRetrieveRetriever(self.index, **{**settings, **changes})

    def __repr__(self) -> str:
        return f"RankRetrieveRetriever({self.index!r}, mode={self.mode!r}, k={self.num_results})"


_NO_HITS = Hits(np.empty(0, dtype=object), np.empty(0, dtype=np.float64))
