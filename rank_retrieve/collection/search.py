"""What searches a snapshot: the legs that a request can have, and the docs that filters allow.

One for each tuple of segments; `answering` leads a request through it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rank_retrieve.collection.answering import Answer
from rank_retrieve.collection.encoders import checked_rows
from rank_retrieve.collection.legs import DenseLeg, Leg, LexicalLeg
from rank_retrieve.collection.live import LiveSegment, bases_of
from rank_retrieve.collection.query_leg import QueryLeg, field_groups
from rank_retrieve.collection.request import Mode, SearchRequest
from rank_retrieve.collection.schema import Schema, TextGroup
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import (
    Bitmap,
    Encoder,
    Float32s,
    Hits,
    Int64s,
)

if TYPE_CHECKING:
    from rank_retrieve.dense.index_searcher import IndexPart
    from rank_retrieve.dense.structures import DenseSearcher
    from rank_retrieve.filters import Predicate
    from rank_retrieve.lexical import LexicalSearcher
    from rank_retrieve.lexical.scorers.exhaustive import ExhaustiveSearcher


Observe = Callable[[str, Mapping[str, float], int], None]


class Searcher:
    """Answers requests over a fixed tuple of segments; safe to share between threads.

    observe: called for each search as observe(mode, timings, number of hits).
    """

    def __init__(
        self,
        schema: Schema,
        parts: Sequence[LiveSegment],
        encoder: Encoder | None,
        encoder_field: str | None,
        observe: Observe | None = None,
    ) -> None:
        self.schema, self.parts = schema, tuple(parts)
        self.encoder, self.encoder_field = encoder, encoder_field
        self._observe = observe
        self.bases = bases_of(self.parts)
        self._lexical: dict[str, LexicalSearcher] = {}
        self._dense: dict[str, DenseSearcher] = {}

    # ------------------------------------------------------------------ docs

    def locate(self, doc: int) -> tuple[LiveSegment, int]:
        """The segment of a doc, and its number there."""
        part = bisect_right(self.bases, doc) - 1
        return self.parts[part], doc - self.bases[part]

    def ids(self, docs: Int64s) -> np.ndarray[Any, np.dtype[np.object_]]:
        """The ids of docs, as an object array."""
        result = np.empty(len(docs), dtype=object)
        located = map(self.locate, docs.tolist())
        result[:] = [part.segment.id(local) for part, local in located]
        return result

    def collections(self, docs: Int64s) -> list[str] | None:
        """The collection of each doc, where there are several."""
        return None

    # ------------------------------------------------------------------ legs

    def lexical_searcher(self, group: TextGroup) -> LexicalSearcher:
        """What ranks the texts of the fields under one analyzer."""
        from rank_retrieve.lexical import BM25Scorer, LexicalPart, LexicalSearcher

        found = self._lexical.get(group.name)
        if found is None:
            parts = [
                LexicalPart(p.segment.index(group.name), base, p.live, p.deleted.get(group.name))
                for p, base in zip(self.parts, self.bases, strict=False)
            ]
            found = self._lexical[group.name] = LexicalSearcher(parts, BM25Scorer())
        return found

    def _scoring(self, group: TextGroup, scorer: Any) -> LexicalSearcher | ExhaustiveSearcher:
        exact = self.lexical_searcher(group)
        if scorer is None:
            return exact
        from rank_retrieve.lexical.scorers.exhaustive import searcher_by

        return searcher_by(exact, scorer)

    def dense_parts(self, field: str) -> list[IndexPart]:
        """The vectors of a field, segment by segment."""
        from rank_retrieve.dense import IndexPart

        return [
            IndexPart(
                p.segment.vectors(field),
                base,
                p.live,
                p.segment.n_docs,
                p.segment.structure(field),
            )
            for p, base in zip(self.parts, self.bases, strict=False)
        ]

    def dense_searcher(self, field: str) -> DenseSearcher:
        """What ranks the vectors of a field."""
        from rank_retrieve.dense.indexes import searcher_over

        found = self._dense.get(field)
        if found is None:
            parts = self.dense_parts(field)
            found = self._dense[field] = searcher_over(parts, self.schema.vectors[field])
        return found

    def _lexical_leg(self, request: SearchRequest) -> LexicalLeg | QueryLeg:
        from rank_retrieve.analysis import get_analyzer

        groups = self.schema.groups
        if request.lexical is not None:
            found = field_groups(groups, self.parts, self.lexical_searcher)
            return QueryLeg(found, request.lexical, request.timeout_s)
        text = request.text or ""
        return LexicalLeg(
            [self._scoring(group, request.scorer) for group in groups],
            [get_analyzer(group.analyzer).terms(text) for group in groups],
            self.bases[-1],
        )

    def _dense_legs(self, request: SearchRequest) -> list[Leg]:
        from rank_retrieve.dense.indexes import asked_efforts

        given = self._given_vectors(request)
        vectors = self.schema.vectors
        specs = {field: vectors[field] for field in given if field in vectors}
        efforts = asked_efforts(specs, request.efforts)
        return [
            self._dense_leg(request, field, value, efforts[field])
            if field in vectors
            else self._multi_leg(request, field, value)
            for field, value in given.items()
        ]

    def _multi_leg(self, request: SearchRequest, field: str, given: Any) -> Leg:
        from rank_retrieve.collection.legs import MultiVectorLeg
        from rank_retrieve.dense.multi_vectors import MultiPart, MultiSearcher, as_tokens

        spec = self.schema.multis[field]
        parts = [
            MultiPart(p.segment.multi_vectors(field), base, p.live, p.segment.n_docs)
            for p, base in zip(self.parts, self.bases, strict=False)
        ]
        tokens = as_tokens(given, spec.dim, spec.metric, field, "float32")
        searcher = MultiSearcher(parts, spec.metric, spec.dim)
        return MultiVectorLeg(field, searcher, tokens, alone=not request.joint)

    def _given_vectors(self, request: SearchRequest) -> Mapping[str, Any]:
        """The query's vector by field; None where the encoder is to make it."""
        if not isinstance(request.vector, Mapping):
            return {self._field_asked(request): request.vector}
        unknown = sorted(set(map(str, request.vector)) - set(self.schema.arrays))
        if unknown or not request.vector or request.field is not None:
            raise InvalidArgument(
                "vector", unknown or sorted(map(str, request.vector)),
                "must have arrays by the names of vector fields, and then no field is given",
                f"the vector fields are {sorted(self.schema.arrays)}",
            )  # fmt: skip
        return request.vector

    def _dense_leg(
        self, request: SearchRequest, field: str, given: Any, effort: int | None
    ) -> DenseLeg:
        from rank_retrieve.dense.validate import as_query

        spec = self.schema.vectors[field]
        vector: Float32s | None
        if given is not None:
            vector = as_query(given, spec.dim, spec.metric, field)
        else:
            vector = self._encoded_query(request.text or "", field)
        searcher = self.dense_searcher(field)
        return DenseLeg(field, spec.kind, searcher, vector, effort, alone=not request.joint)

    def _encoded_query(self, text: str, field: str) -> Float32s | None:
        if self.encoder is None:
            raise InvalidArgument("vector", None, "this collection has no encoder for queries")
        encoded = self.encoder.encode_queries([text])
        return checked_rows(self.encoder, encoded, 1, self.schema.vectors[field])[0]

    def _field_asked(self, request: SearchRequest) -> str:
        if request.field is None and request.vector is None and self.encoder_field is not None:
            return self.encoder_field
        return self.vector_field(request.field)

    def vector_field(self, name: str | None) -> str:
        """The vector field of a name, or the only one. Raises InvalidArgument."""
        fields = self.schema.arrays
        if name is not None:
            if name not in fields:
                raise InvalidArgument(
                    "field", name, f"is none of the vector fields {sorted(fields)}"
                )
            return name
        if len(fields) == 1:
            return next(iter(fields))
        raise InvalidArgument(
            "field",
            None,
            f"the collection has the vector fields {sorted(fields)}",
            "say which one with field=...",
        )

    def mode(self, request: SearchRequest) -> Mode:
        """Which legs a request asks for; InvalidArgument where it cannot have them."""
        lexical = request.text is not None and bool(self.schema.texts)
        encodes = self.encoder is not None and request.encodable
        dense = bool(self.schema.arrays) and (request.vector is not None or encodes)
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
        if request.vector is not None and not self.schema.arrays:
            return "the collection has no vector field"
        if request.text is not None and request.vector is None and not self.schema.texts:
            return "the collection has no text field, and no encoder turns text into a vector"
        if request.text is None:
            return "a lexical or hybrid search needs text"
        return "a dense search needs vector=..., or a collection with a fitted encoder"

    # ------------------------------------------------------------------ filter

    def allowed(self, where: Mapping[str, Any] | Predicate | None) -> list[Bitmap] | None:
        """The docs of each segment that a filter lets through, dead ones included; None for all."""
        from rank_retrieve.filters import Predicate, parse

        if where is None:
            return None
        predicate = where if isinstance(where, Predicate) else parse(where)
        roots = {path.split(".")[0] for path in predicate.paths()}
        for name in roots & set(self.schema.arrays):
            raise InvalidArgument("where", name, "is a vector field, which has no filter")
        if roots & set(self.schema.texts):
            # text is not in the columns: its documents are read, one by one
            return [_matching_rows(predicate, part) for part in self.parts]
        return [predicate.evaluate(part.segment.columns) for part in self.parts]

    def matching(self, where: Mapping[str, Any] | Predicate | None) -> list[Bitmap]:
        """The live docs of each segment that a filter lets through."""
        allowed = self.allowed(where)
        full = [part.live_docs for part in self.parts]
        return full if allowed is None else [a & b for a, b in zip(allowed, full, strict=True)]

    # ------------------------------------------------------------------ run

    def run(self, request: SearchRequest) -> Hits:
        """The hits of a request, best first."""
        answer = Answer(self, request)
        hits = answer.hits()
        if self._observe is not None:
            self._observe(answer.mode, hits.timings, len(hits))
        return hits

    def count(self, request: SearchRequest) -> int:
        """How many documents the lexical leg of a request finds."""
        self.mode(request)
        return self._lexical_leg(request).count(self.allowed(request.where))

    def legs(self, request: SearchRequest, mode: Mode) -> list[Leg]:
        """The legs that a request asks for."""
        legs: list[Leg] = []
        if mode != "dense":
            legs.append(self._lexical_leg(request))
        if mode != "lexical":
            legs += self._dense_legs(request)
        return legs


def _matching_rows(predicate: Predicate, part: LiveSegment) -> Bitmap:
    segment = part.segment
    docs = [
        doc
        for doc in range(segment.n_docs)
        if part.is_live(doc) and predicate.matches({"id": segment.id(doc), **segment.stored(doc)})
    ]
    return Bitmap.from_docs(segment.n_docs, docs)
