"""One query over one snapshot: legs, filter, fusion, and what became of each.

    request -> filter as one bitmap a segment -> each leg's ranking -> fusion -> hits

Every leg filters before it ranks, so a filtered search returns min(k, matches) hits: a
document matches the lexical leg when it holds a term of the query, the dense leg when it has
a vector, and the hybrid search when it matches either leg.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from rank_retrieve.collection.encoders import checked_rows
from rank_retrieve.collection.live import LiveSegment, bases_of
from rank_retrieve.collection.request import Mode, SearchRequest
from rank_retrieve.collection.schema import Schema, TextGroup
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import (
    Bitmap,
    Encoder,
    Explanation,
    Float32s,
    Hits,
    Int64s,
    Ranked,
)

if TYPE_CHECKING:
    from rank_retrieve.dense.indexes import DenseSearcher
    from rank_retrieve.filters import Predicate
    from rank_retrieve.fusion import Fused, FusionMethod
    from rank_retrieve.lexical import LexicalSearcher

MIN_CANDIDATES = 100
CANDIDATES_PER_HIT = 10


class Leg(Protocol):
    """One ranking of the documents for one query."""

    name: str

    def search(self, k: int, allowed: Sequence[Bitmap] | None) -> Ranked:
        """The k best live docs, of those allowed."""
        ...

    def explain(self, doc: int) -> Explanation:
        """How the leg scores a doc."""
        ...

    def describe(self) -> dict[str, Any]:
        """What the leg looked for, for the plan."""
        ...


class LexicalLeg:
    """BM25 over the text groups; a document's score is the sum over its groups."""

    name = "lexical"

    def __init__(
        self, searchers: Sequence[LexicalSearcher], terms: Sequence[list[bytes]], n_docs: int
    ) -> None:
        self._legs = [(s, t) for s, t in zip(searchers, terms, strict=True) if t]
        self._n_docs = n_docs

    def search(self, k: int, allowed: Sequence[Bitmap] | None) -> Ranked:
        """The k best docs that hold at least one term."""
        if not self._legs:
            return Ranked.empty()
        if len(self._legs) == 1:
            searcher, terms = self._legs[0]
            return searcher.search(terms, k, allowed)
        # a sum over groups has no order until every match of every group is known
        found = [s.search(t, max(self._n_docs, 1), allowed) for s, t in self._legs]
        docs = np.unique(np.concatenate([ranked.docs for ranked in found]))
        totals = np.zeros(len(docs), dtype=np.float64)
        for ranked in found:
            totals[np.searchsorted(docs, ranked.docs)] += ranked.scores
        return Ranked.best(docs, totals, k)

    def explain(self, doc: int) -> Explanation:
        """The terms of each group."""
        parts = [searcher.explain(terms, doc) for searcher, terms in self._legs]
        if len(parts) == 1:
            return parts[0]
        total = 0.0
        for part in parts:
            total += part.value
        return Explanation(total, "sum over analyzers", tuple(parts), "sum")

    def describe(self) -> dict[str, Any]:
        """The analysed terms."""
        terms = [term.decode("utf-8") for _, found in self._legs for term in found]
        return {"leg": self.name, "terms": terms}


class DenseLeg:
    """Similarity of one vector field to the query's vector."""

    name = "dense"

    def __init__(
        self, field: str, kind: str, searcher: DenseSearcher, vector: Float32s | None
    ) -> None:
        self._field, self._kind = field, kind
        self._searcher, self._vector = searcher, vector

    def search(self, k: int, allowed: Sequence[Bitmap] | None) -> Ranked:
        """The k most similar docs that have a vector."""
        if self._vector is None:
            return Ranked.empty()
        return self._searcher.search(self._vector, k, allowed)

    def explain(self, doc: int) -> Explanation:
        """The similarity."""
        if self._vector is None:
            raise InvalidArgument("doc", doc, "was not ranked by the dense leg")
        return self._searcher.explain(self._vector, doc)

    def describe(self) -> dict[str, Any]:
        """Field and index."""
        return {"leg": self.name, "field": self._field, "index": self._kind}


class Searcher:
    """Answers requests over a fixed tuple of segments; safe to share between threads."""

    def __init__(
        self,
        schema: Schema,
        parts: Sequence[LiveSegment],
        encoder: Encoder | None,
        encoder_field: str | None,
    ) -> None:
        self._schema, self.parts = schema, tuple(parts)
        self._encoder, self._encoder_field = encoder, encoder_field
        self.bases = bases_of(self.parts)
        self._lexical: dict[str, LexicalSearcher] = {}
        self._dense: dict[str, DenseSearcher] = {}

    # ------------------------------------------------------------------ docs

    def locate(self, doc: int) -> tuple[LiveSegment, int]:
        """The segment of a doc, and its number there."""
        part = int(np.searchsorted(self.bases, doc, side="right")) - 1
        return self.parts[part], doc - self.bases[part]

    def ids(self, docs: Int64s) -> np.ndarray[Any, np.dtype[np.object_]]:
        """The ids of docs, as an object array."""
        result = np.empty(len(docs), dtype=object)
        for i, doc in enumerate(docs.tolist()):
            part, local = self.locate(doc)
            result[i] = part.segment.id(local)
        return result

    # ------------------------------------------------------------------ legs

    def _lexical_searcher(self, group: TextGroup) -> LexicalSearcher:
        from rank_retrieve.lexical import BM25Scorer, LexicalPart, LexicalSearcher

        found = self._lexical.get(group.name)
        if found is None:
            parts = [
                LexicalPart(p.segment.index(group.name), base, p.live, p.deleted.get(group.name))
                for p, base in zip(self.parts, self.bases, strict=False)
            ]
            found = self._lexical[group.name] = LexicalSearcher(parts, BM25Scorer())
        return found

    def _dense_searcher(self, field: str) -> DenseSearcher:
        from rank_retrieve.dense import IndexPart
        from rank_retrieve.dense.indexes import searcher_over

        found = self._dense.get(field)
        if found is None:
            parts = [
                IndexPart(
                    p.segment.vectors(field),
                    base,
                    p.live,
                    p.segment.n_docs,
                    p.segment.graph(field),
                )
                for p, base in zip(self.parts, self.bases, strict=False)
            ]
            found = self._dense[field] = searcher_over(parts, self._schema.vectors[field])
        return found

    def _lexical_leg(self, text: str) -> LexicalLeg:
        from rank_retrieve.analysis import get_analyzer

        groups = self._schema.groups
        return LexicalLeg(
            [self._lexical_searcher(group) for group in groups],
            [get_analyzer(group.analyzer).terms(text) for group in groups],
            self.bases[-1],
        )

    def _dense_leg(self, request: SearchRequest) -> DenseLeg:
        from rank_retrieve.dense.validate import as_query

        field = self._vector_field(request)
        spec = self._schema.vectors[field]
        vector: Float32s | None
        if request.vector is not None:
            vector = as_query(request.vector, spec.dim, spec.metric, field)
        else:
            vector = self._encoded_query(request.text or "", field)
        return DenseLeg(field, spec.kind, self._dense_searcher(field), vector)

    def _encoded_query(self, text: str, field: str) -> Float32s | None:
        if self._encoder is None:
            raise InvalidArgument("vector", None, "this collection has no encoder for queries")
        encoded = self._encoder.encode_queries([text])
        return checked_rows(self._encoder, encoded, 1, self._schema.vectors[field])[0]

    def _vector_field(self, request: SearchRequest) -> str:
        fields = self._schema.vectors
        if request.field is not None:
            if request.field not in fields:
                raise InvalidArgument(
                    "field", request.field, f"is none of the vector fields {sorted(fields)}"
                )
            return request.field
        if request.vector is None and self._encoder_field is not None:
            return self._encoder_field
        if len(fields) == 1:
            return next(iter(fields))
        raise InvalidArgument(
            "field",
            None,
            f"the collection has the vector fields {sorted(fields)}",
            "say which one with field=...",
        )

    def _mode(self, request: SearchRequest) -> Mode:
        lexical = request.text is not None and bool(self._schema.texts)
        encodes = self._encoder is not None and request.text is not None
        dense = bool(self._schema.vectors) and (request.vector is not None or encodes)
        possible: dict[Mode, bool] = {
            "hybrid": lexical and dense,
            "lexical": lexical,
            "dense": dense,
        }
        if request.mode is not None:
            if not possible[request.mode]:
                raise InvalidArgument("mode", request.mode, self._why_not(request))
            return request.mode
        for mode, can in possible.items():
            if can:
                return mode
        raise InvalidArgument("query", request.text, self._why_not(request))

    def _why_not(self, request: SearchRequest) -> str:
        if request.vector is not None and not self._schema.vectors:
            return "the collection has no vector field"
        if request.text is not None and request.vector is None and not self._schema.texts:
            return "the collection has no text field, and no encoder turns text into a vector"
        if request.text is None:
            return "a lexical or hybrid search needs text"
        return "a dense search needs vector=..., or a collection with a fitted encoder"

    # ------------------------------------------------------------------ filter

    def _allowed(self, where: Mapping[str, Any] | Predicate | None) -> list[Bitmap] | None:
        from rank_retrieve.filters import Predicate, parse

        if where is None:
            return None
        predicate = where if isinstance(where, Predicate) else parse(where)
        roots = {path.split(".")[0] for path in predicate.paths()}
        for name in roots & set(self._schema.vectors):
            raise InvalidArgument("where", name, "is a vector field, which has no filter")
        if roots & set(self._schema.texts):
            # text is not in the columns: its documents are read, one by one
            return [_matching_rows(predicate, part) for part in self.parts]
        return [predicate.evaluate(part.segment.columns) for part in self.parts]

    def matching(self, where: Mapping[str, Any] | Predicate | None) -> list[Bitmap]:
        """The live docs of each segment that a filter lets through."""
        allowed = self._allowed(where)
        full = [part.live_docs for part in self.parts]
        return full if allowed is None else [a & b for a, b in zip(allowed, full, strict=True)]

    # ------------------------------------------------------------------ run

    def run(self, request: SearchRequest) -> Hits:
        """The hits of a request, best first."""
        mode = self._mode(request)
        legs: list[Leg] = []
        if mode != "dense":
            legs.append(self._lexical_leg(request.text or ""))
        if mode != "lexical":
            legs.append(self._dense_leg(request))
        if request.fusion is not None and mode != "hybrid":
            raise InvalidArgument("fusion", request.fusion, f"a {mode} search has one leg only")
        allowed = self._allowed(request.where)
        plan: dict[str, Any] = {"mode": mode, "legs": [leg.describe() for leg in legs]}
        if allowed is not None:
            matching = sum(
                len(a if p.live is None else a & p.live)
                for a, p in zip(allowed, self.parts, strict=True)
            )
            plan["filter"] = {"strategy": "bitmap before ranking", "documents": matching}
        if mode != "hybrid":
            ranked = legs[0].search(request.k, allowed)
            return self._hits(ranked.docs, ranked.scores, legs[0].explain, plan)
        return self._fused(request, legs, allowed, plan)

    def _fused(
        self,
        request: SearchRequest,
        legs: list[Leg],
        allowed: list[Bitmap] | None,
        plan: dict[str, Any],
    ) -> Hits:
        from rank_retrieve.fusion import RRF

        method: FusionMethod = request.fusion if request.fusion is not None else RRF()
        depth = request.candidates or max(MIN_CANDIDATES, CANDIDATES_PER_HIT * request.k)
        rankings = [leg.search(depth, allowed) for leg in legs]
        fused = method.fuse(rankings, request.k)
        plan["fusion"] = {
            "method": repr(method),
            "candidates": depth,
            "found": [len(r) for r in rankings],
        }
        return self._hits(
            fused.docs, fused.scores, lambda doc: _explain_fused(fused, legs, rankings, doc), plan
        )

    def _hits(self, docs: Int64s, scores: Any, explain: Any, plan: dict[str, Any]) -> Hits:
        def document(position: int) -> dict[str, Any]:
            part, local = self.locate(int(docs[position]))
            return part.segment.document(local)

        def explanation(position: int) -> Explanation:
            result: Explanation = explain(int(docs[position]))
            return result

        return Hits(self.ids(docs), scores, document=document, explain=explanation, plan=plan)


def _explain_fused(
    fused: Fused, legs: Sequence[Leg], rankings: Sequence[Ranked], doc: int
) -> Explanation:
    """The fusion's sum, with the leg's own explanation below each summand."""
    below = [
        leg.explain(doc) if doc in ranked.docs else None
        for leg, ranked in zip(legs, rankings, strict=True)
    ]
    return fused.explain(doc, names=[leg.name for leg in legs], legs=below)


def _matching_rows(predicate: Predicate, part: LiveSegment) -> Bitmap:
    segment = part.segment
    docs = [
        doc
        for doc in range(segment.n_docs)
        if part.is_live(doc) and predicate.matches({"id": segment.id(doc), **segment.stored(doc)})
    ]
    return Bitmap.from_docs(segment.n_docs, docs)
