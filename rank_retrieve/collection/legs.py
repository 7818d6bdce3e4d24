"""The legs of a query: each one ranking of the documents, which can say how it scores one.

lexical   BM25 over the text groups
dense     similarity of one vector field, or MaxSim of one with several vectors a document
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Bitmap, Explanation, Float32s, Float64s, Int64s, Ranked

if TYPE_CHECKING:
    from rank_retrieve.dense.multi_vectors import MultiSearcher
    from rank_retrieve.dense.structures import DenseSearcher, Effort
    from rank_retrieve.lexical import LexicalSearcher
    from rank_retrieve.lexical.scorers.exhaustive import ExhaustiveSearcher


class Leg(Protocol):
    """One ranking of the documents for one query."""

    name: str

    def search(self, k: int, allowed: Sequence[Bitmap] | None) -> Ranked:
        """The k best live docs, of those allowed."""
        ...

    def explain(self, doc: int) -> Explanation:
        """How the leg scores a doc."""
        ...

    def scores(self, docs: Int64s) -> Float64s:
        """The scores of docs, float64 [len(docs)]; NaN for docs that do not match the leg."""
        ...

    def describe(self, k: int, allowed: Sequence[Bitmap] | None) -> dict[str, Any]:
        """What the leg looked for, and how it went about it, for the plan."""
        ...


@runtime_checkable
class Efforts(Protocol):
    """A searcher that a query may ask for more or less."""

    effort: Effort


class LexicalLeg:
    """BM25 over the text groups; a document's score is the sum over its groups."""

    name = "lexical"

    def __init__(
        self,
        searchers: Sequence[LexicalSearcher | ExhaustiveSearcher],
        terms: Sequence[list[bytes]],
        n_docs: int,
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

    def count(self, allowed: Sequence[Bitmap] | None) -> int:
        """How many live docs hold at least one term."""
        if len(self._legs) == 1:
            searcher, terms = self._legs[0]
            return searcher.count(terms, allowed)
        return len(self.search(max(self._n_docs, 1), allowed))

    def explain(self, doc: int) -> Explanation:
        """The terms of each group."""
        parts = [searcher.explain(terms, doc) for searcher, terms in self._legs]
        if len(parts) == 1:
            return parts[0]
        total = 0.0
        for part in parts:
            total += part.value
        return Explanation(total, "sum over analyzers", tuple(parts), "sum")

    def scores(self, docs: Int64s) -> Float64s:
        """The sums over the groups; NaN for docs that hold no term."""
        totals = np.zeros(len(docs), dtype=np.float64)
        for searcher, terms in self._legs:
            totals += searcher.scores(terms, docs)
        totals[totals == 0.0] = np.nan
        return totals

    def describe(self, k: int, allowed: Sequence[Bitmap] | None) -> dict[str, Any]:
        """The analysed terms."""
        terms = [term.decode("utf-8") for _, found in self._legs for term in found]
        return {"leg": self.name, "terms": terms}


class DenseLeg:
    """Similarity of one vector field to the query's vector; `alone` among the dense legs."""

    def __init__(
        self,
        field: str,
        kind: str,
        searcher: DenseSearcher,
        vector: Float32s | None,
        effort: int | None = None,
        *,
        alone: bool = True,
    ) -> None:
        self.name = "dense" if alone else f"dense:{field}"
        self._field, self._kind = field, kind
        self._searcher, self._vector, self._effort = searcher, vector, effort

    def search(self, k: int, allowed: Sequence[Bitmap] | None) -> Ranked:
        """The k most similar docs that have a vector."""
        if self._vector is None:
            return Ranked.empty()
        return self._searcher.search(self._vector, k, allowed, effort=self._effort)

    def explain(self, doc: int) -> Explanation:
        """The similarity."""
        if self._vector is None:
            raise InvalidArgument("doc", doc, "was not ranked by the dense leg")
        return self._searcher.explain(self._vector, doc)

    def scores(self, docs: Int64s) -> Float64s:
        """The similarities; NaN for docs without a vector."""
        if self._vector is None:
            return np.full(len(docs), np.nan)
        return self._searcher.scores(self._vector, docs)

    def describe(self, k: int, allowed: Sequence[Bitmap] | None) -> dict[str, Any]:
        """Field and index, and the ways that the planner chose for the segments."""
        found: dict[str, Any] = {"leg": self.name, "field": self._field, "index": self._kind}
        if self._vector is None:
            return found
        ways = self._searcher.plan(k, allowed, effort=self._effort)
        found["ways"] = ways
        if isinstance(self._searcher, Efforts):
            found[self._searcher.effort.name] = self._searcher.effort.checked(self._effort)
        if allowed is not None:
            found["filtered"] = ", ".join(ways)
        return found


class MultiVectorLeg:
    """MaxSim of one field of several vectors a document to those of the query."""

    def __init__(
        self, field: str, searcher: MultiSearcher, tokens: Float32s, *, alone: bool = True
    ) -> None:
        self.name = "dense" if alone else f"dense:{field}"
        self._field, self._searcher, self._tokens = field, searcher, tokens

    def search(self, k: int, allowed: Sequence[Bitmap] | None) -> Ranked:
        """The k docs with the highest MaxSim, of those that have vectors."""
        return self._searcher.search(self._tokens, k, allowed)

    def explain(self, doc: int) -> Explanation:
        """The nearest token for each of the query's."""
        return self._searcher.explain(self._tokens, doc)

    def scores(self, docs: Int64s) -> Float64s:
        """MaxSim of each doc; NaN for docs without vectors."""
        return self._searcher.scores(self._tokens, docs)

    def describe(self, k: int, allowed: Sequence[Bitmap] | None) -> dict[str, Any]:
        """Field, and how many vectors were asked with."""
        return {
            "leg": self.name, "field": self._field, "index": "max-sim", "tokens": len(self._tokens),
        }  # fmt: skip
