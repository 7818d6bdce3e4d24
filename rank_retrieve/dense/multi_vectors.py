"""Several vectors a document, one for each token: stored one after the other, ranked by MaxSim.

    section                   type           content
    vectors.<field>.tokens*                  all tokens as a column of their own, see `vectors`
    vectors.<field>.starts    u64[docs + 1]  the first token of each doc, and their number

Little-endian. A document without vectors has no tokens. Every document is compared, so nothing is
missed; see `_max_sim_kernels` for the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rank_retrieve.dense.elements import FLOAT16, Element
from rank_retrieve.dense.scans import METRIC_NUMBERS
from rank_retrieve.dense.searcher import check_k, check_size
from rank_retrieve.dense.validate import as_matrix, row_norms
from rank_retrieve.dense.vectors import VectorColumn, merge_vectors, stride_of, write_vectors
from rank_retrieve.errors import CorruptionError, InvalidArgument
from rank_retrieve.types import (
    Bitmap,
    Explanation,
    Float32s,
    Float64s,
    Int64s,
    Metric,
    Ranked,
    Sections,
    SectionSink,
)

MAX_TOKENS = 4_096


def as_tokens(value: Any, dim: int, metric: Metric, name: str, dtype: str) -> Float32s:
    """The vectors of one document or query, float32 [tokens, dim], never the caller's own memory.

    Raises InvalidArgument or DimensionMismatch, see `dense.validate`.
    """
    tokens = np.array(as_matrix(value, dim, metric, name, dtype), copy=True)
    if not 1 <= len(tokens) <= MAX_TOKENS:
        raise InvalidArgument(name, tokens.shape, f"must have 1..{MAX_TOKENS} rows, one a token")
    return tokens


class MultiColumn:
    """The tokens of one field in one segment.

    tokens: a column with a row for each token; starts: int64 [n_docs + 1].
    """

    def __init__(self, tokens: VectorColumn, starts: Int64s) -> None:
        self.tokens, self.starts, self.n_docs = tokens, starts, len(starts) - 1

    @classmethod
    def open(cls, sections: Sections, field: str, n_docs: int) -> MultiColumn:
        """Open a field, sharing memory. Raises CorruptionError or FormatVersionError."""
        tokens = VectorColumn.open(sections, f"{field}.tokens")
        raw = sections.section(f"vectors.{field}.starts")
        starts = np.frombuffer(raw, dtype="<i8") if len(raw) == 8 * (n_docs + 1) else None
        if (
            starts is None
            or starts[0] != 0
            or starts[-1] != tokens.n
            or (starts[1:] < starts[:-1]).any()
        ):
            raise CorruptionError(
                f"{sections.origin} (vectors.{field}.starts)", 0,
                f"where the tokens of {n_docs} documents begin", f"{len(raw)} bytes of others",
            )  # fmt: skip
        return cls(tokens, starts)

    def of(self, doc: int) -> Float32s | None:
        """The vectors of a doc, float32 [tokens, dim]; None where it has none."""
        first, last = self.starts[doc : doc + 2].tolist()
        return None if first == last else np.array(self.tokens.vectors[first:last])


def write_multi_vectors(
    sink: SectionSink, field: str, rows: Sequence[Float32s | None], element: Element
) -> None:
    """Write a field: for each doc its vectors, checked, or None. One at least has some."""
    lengths = [0 if tokens is None else len(tokens) for tokens in rows]
    matrix = np.concatenate([tokens for tokens in rows if tokens is not None])
    write_vectors(sink, f"{field}.tokens", matrix, None, len(matrix), element=element)
    sink.add(f"vectors.{field}.starts", np.cumsum([0, *lengths]).astype("<i8"))


def merge_multi_vectors(
    sink: SectionSink,
    field: str,
    parts: Sequence[tuple[MultiColumn | None, Bitmap | None, int]],
) -> bool:
    """Write the live documents of several columns, one after the other; whether any has vectors.

    parts: (column or None where no doc has vectors, live docs or None for all, n_docs), in order.
    """
    lengths: list[Int64s] = [np.zeros(1, dtype=np.int64)]
    columns: list[tuple[VectorColumn | None, Bitmap | None, int]] = []
    for column, live, n_docs in parts:
        kept = np.ones(n_docs, dtype=np.bool_) if live is None else live.to_mask()
        if column is None:
            lengths.append(np.zeros(int(kept.sum()), dtype=np.int64))
            continue
        counts = np.diff(column.starts)
        lengths.append(counts[kept])
        mask = Bitmap.from_mask(np.repeat(kept, counts))
        columns.append((column.tokens, mask, column.tokens.n))
    starts = np.cumsum(np.concatenate(lengths))
    if not starts[-1]:
        return False
    merge_vectors(sink, f"{field}.tokens", columns)
    sink.add(f"vectors.{field}.starts", starts.astype("<i8"))
    return True


@dataclass(frozen=True, eq=False)
class MultiPart:
    """One segment's tokens in a ranking over several; as `DensePart`."""

    column: MultiColumn | None
    base: int
    live: Bitmap | None
    n_docs: int

    def __post_init__(self) -> None:
        check_size("live", self.live, self.n_docs)


class MultiSearcher:
    """Ranks the documents of its parts by MaxSim. May be used by several threads at once."""

    def __init__(self, parts: Sequence[MultiPart], metric: Metric, dim: int) -> None:
        self._parts, self._dim = tuple(parts), dim
        self.metric: Metric = metric

    def search(
        self, tokens: Any, k: int = 10, allowed: Sequence[Bitmap | None] | None = None
    ) -> Ranked:
        """The k best live docs with vectors, best first, equal scores by ascending doc.

        tokens: any array [query tokens, dim]. allowed: a bitmap over the docs of each part, None
            for all. Raises InvalidArgument or DimensionMismatch.
        """
        from rank_retrieve.dense import _max_sim_kernels as kernels

        check_k(k)
        asked = _Asked(as_tokens(tokens, self._dim, self.metric, "query", "float32"), self.metric)
        filters = [None] * len(self._parts) if allowed is None else allowed
        here = [(p, f) for p, f in zip(self._parts, filters, strict=True) if p.column is not None]
        kept = min(k, sum(part.n_docs for part, _ in here))
        if not kept:
            return Ranked.empty()
        scores, docs, count = np.empty(kept), np.empty(kept, np.int64), np.empty(1, np.int64)
        table = np.array([_slots(part, bitmap) for part, bitmap in here], dtype=np.int64)
        halves = any(p.column.tokens.element is FLOAT16 for p, _ in here if p.column is not None)
        kernels.scan_tokens(
            table, *asked.arguments, int(halves), asked.norms, scores, docs, count, asked.best,
            *asked.scratch,
        )  # fmt: skip
        n = int(count[0])
        return Ranked(docs[:n].copy(), scores[:n].copy())

    def scores(self, tokens: Any, docs: Int64s) -> Float64s:
        """The scores of docs, to the bit those of `search`; NaN for docs without vectors."""
        asked = _Asked(as_tokens(tokens, self._dim, self.metric, "query", "float32"), self.metric)
        docs = np.asarray(docs, dtype=np.int64)
        scores = np.full(len(docs), np.nan)
        for part in self._parts:
            inside = np.flatnonzero((docs >= part.base) & (docs < part.base + part.n_docs))
            if part.column is not None and len(inside):
                scores[inside] = self._score(part, asked, docs[inside] - part.base)
        return scores

    def explain(self, tokens: Any, doc: int) -> Explanation:
        """The summands of a doc's score. Raises InvalidArgument when it has no vectors."""
        asked = _Asked(as_tokens(tokens, self._dim, self.metric, "query", "float32"), self.metric)
        for part in self._parts:
            if part.column is not None and part.base <= doc < part.base + part.n_docs:
                score = float(self._score(part, asked, np.array([doc - part.base]))[0])
                if not np.isnan(score):
                    children = tuple(
                        Explanation(
                            value, f"token {number}: the most similar token's {self.metric}"
                        )
                        for number, value in enumerate(asked.best.tolist(), 1)
                    )
                    return Explanation(score, "MaxSim over the query's tokens", children, "sum")
        raise InvalidArgument("doc", doc, "has no vectors in this field")

    def _score(self, part: MultiPart, asked: _Asked, docs: Int64s) -> Float64s:
        from rank_retrieve.dense import _max_sim_kernels as kernels

        assert part.column is not None
        scores, table = np.empty(len(docs)), np.array([_slots(part, None)], dtype=np.int64)
        halves = int(part.column.tokens.element is FLOAT16)
        kernels.score_tokens(
            table, np.ascontiguousarray(docs), *asked.arguments, halves, asked.norms, scores,
            asked.best, *asked.scratch,
        )  # fmt: skip
        return scores


class _Asked:
    """A query's tokens as the kernels read them, and scratch."""

    def __init__(self, tokens: Float32s, metric: Metric) -> None:
        n, stride = len(tokens), stride_of(tokens.shape[1])
        self._rows = np.zeros((-(-n // 4) * 4, stride), dtype=np.float32)
        self._rows[:n, : tokens.shape[1]] = tokens
        self.norms: Float64s = np.ones(n)
        if metric == "cosine":
            self.norms = row_norms(tokens).astype(np.float64)
        self.arguments = (self._rows.ctypes.data, n, stride, METRIC_NUMBERS[metric])
        self.best: Float64s = np.empty(n)
        self.scratch = np.empty(4, np.int64), np.empty(16 + 4 * stride, np.float32)


def _slots(part: MultiPart, allowed: Bitmap | None) -> list[int]:
    column = part.column
    assert column is not None
    bits = [0 if b is None else b.bytes_view().ctypes.data for b in (part.live, allowed)]
    return [
        column.tokens.rows.ctypes.data, column.tokens.norms.ctypes.data, column.starts.ctypes.data,
        *bits, part.base, part.n_docs,
    ]  # fmt: skip
