"""The hits of a search through stages: what stages may know of a collection's documents."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.rerankers import run_stages
from rank_retrieve.rerankers.candidates import value_at
from rank_retrieve.types import Explanation, Float32s, Float64s, Int64s, Query

if TYPE_CHECKING:
    from rank_retrieve.collection.live import LiveSegment
    from rank_retrieve.collection.request import SearchRequest
    from rank_retrieve.collection.schema import Schema
    from rank_retrieve.collection.search import Searcher
    from rank_retrieve.filters.columns import Column, Columns

Explain = Callable[[int], Explanation]


class DocsSource:
    """Docs of a searcher, as the candidates of stages.

    explain: doc -> how the search came to its score.
    """

    def __init__(self, searcher: Searcher, schema: Schema, docs: Int64s, explain: Explain) -> None:
        self._searcher, self._schema, self._docs, self._explain = searcher, schema, docs, explain
        self.ids = searcher.ids(docs)
        self._documents: dict[int, dict[str, Any]] = {}

    def document(self, position: int) -> dict[str, Any]:
        """The document as it was put; read once for all stages."""
        found = self._documents.get(position)
        if found is None:
            part, local = self._located(position)
            found = self._documents[position] = part.segment.document(local)
        return found

    def values(self, positions: Int64s, path: str) -> list[Any]:
        """From columns where they tell, else from the documents."""
        readers: dict[int, Callable[[int], Any] | None] = {}
        result = []
        for position in positions.tolist():
            part, local = self._located(position)
            key = id(part)
            if key not in readers:
                readers[key] = self._reader(part, path)
            read = readers[key]
            result.append(value_at(self.document(position), path) if read is None else read(local))
        return result

    def _reader(self, part: LiveSegment, path: str) -> Callable[[int], Any] | None:
        """What reads a path's value of one doc from a segment's columns; None if they can't."""
        if path.split(".")[0] in (*self._schema.texts, *self._schema.vectors):
            return None
        return _column_reader(part.segment.columns, path)

    def vectors(self, positions: Int64s, field: str | None) -> Float32s:
        """From the vector columns, those that the encoder made included."""
        name = self._field(field)
        docs = self._docs[positions]
        result = np.full((len(docs), self._schema.vectors[name].dim), np.nan, dtype=np.float32)
        bases = self._searcher.bases
        for part, (start, end) in zip(
            self._searcher.parts, itertools.pairwise(bases), strict=False
        ):
            places = np.flatnonzero((docs >= start) & (docs < end))
            column = part.segment.vectors(name) if len(places) else None
            if column is not None:
                rows = column.rows_of(docs[places] - start)
                result[places[rows >= 0]] = column.vectors[rows[rows >= 0]]
        return result

    def _field(self, field: str | None) -> str:
        fields = self._schema.vectors
        if field is None and len(fields) == 1:
            return next(iter(fields))
        if field is None or field not in fields:
            raise InvalidArgument("field", field, f"must be one of the vector fields {[*fields]}")
        return field

    def explain(self, position: int) -> Explanation:
        """How the search came to its score."""
        return self._explain(int(self._docs[position]))

    def _located(self, position: int) -> tuple[LiveSegment, int]:
        return self._searcher.locate(int(self._docs[position]))


def rerank_hits(
    searcher: Searcher,
    schema: Schema,
    request: SearchRequest,
    docs: Int64s,
    scores: Float64s,
    explain: Explain,
    k: int,
    plan: dict[str, Any],
) -> tuple[Int64s, Float64s, Explain]:
    """The request's stages over a ranking: docs and scores of the k best, and how they came about.

    docs, scores, explain: of the search before. plan: where the stages enter what they did.
    """
    source = DocsSource(searcher, schema, docs, explain)
    query = Query(request.text, request.vector)
    staged = run_stages(request.stages, query, source, scores, k)
    plan["rerank"] = staged.describe()
    places = {doc: place for place, doc in enumerate(docs.tolist())}
    return (
        docs[staged.positions],
        staged.scores,
        lambda doc: staged.explain(places[doc]),
    )


def _column_reader(columns: Columns, path: str) -> Callable[[int], Any] | None:
    from rank_retrieve.filters.part_values import stored_of_doc, values_of
    from rank_retrieve.filters.values import Kind

    steps = path.split(".")
    above = [columns.column(".".join(steps[:n])) for n in range(1, len(steps))]
    column = columns.column(path)
    # what is inside an array, and arrays and objects themselves, are in the documents only
    if _has(column, Kind.OBJECT) or any(_has(one, Kind.ARRAY) for one in (*above, column)):
        return None
    if column is None:
        return (lambda _: None) if columns.complete else None
    parts, origin = tuple(column.parts.values()), columns.origin

    def read(doc: int) -> Any:
        for part in parts:
            found = values_of(part, stored_of_doc(part, doc), origin)
            if found:
                return found[0]
        return None

    return read


def _has(column: Column | None, kind: Any) -> bool:
    return column is not None and kind in column.parts
