"""Plans whose docs all score alike: every doc, the docs of many terms, any plan's docs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rank_retrieve.lexical.queries.fields import docs_with_any, reads_texts
from rank_retrieve.lexical.queries.plan import Found, Plan, places_in
from rank_retrieve.lexical.queries.scope import Choice, Scope
from rank_retrieve.lexical.queries.term_plans import ScopedPlan
from rank_retrieve.types import Explanation, Float64s, Int32s, Int64s


def _constant(docs: Int32s, score: float) -> Found:
    scores: Float64s = np.full(len(docs), score)
    return Found(docs, scores)


class AllPlan(Plan):
    """Every doc."""

    def __init__(self, scope: Scope, score: float) -> None:
        self._scope, self._score = scope, score

    def most(self, part: int) -> int:
        """See `Plan`."""
        return self._scope.n_docs(part)

    def find(self, part: int, within: Int32s | None) -> Found:
        """See `Plan`."""
        if within is None:
            within = np.arange(self._scope.n_docs(part), dtype=np.int32)
        return _constant(within, self._score)

    def explain(self, part: int, doc: int) -> Explanation | None:
        """See `Plan`."""
        return Explanation(self._score, "every document scores the same")


class ConstantPlan(Plan):
    """The docs of a plan."""

    def __init__(self, plan: Plan, score: float) -> None:
        self._plan, self._score = plan, score

    def most(self, part: int) -> int:
        """See `Plan`."""
        return self._plan.most(part)

    def find(self, part: int, within: Int32s | None) -> Found:
        """See `Plan`."""
        return _constant(self._plan.find(part, within).docs, self._score)

    def explain(self, part: int, doc: int) -> Explanation | None:
        """See `Plan`."""
        if self._plan.explain(part, doc) is None:
            return None
        return Explanation(self._score, "constant score of the documents that match")


class TermSetPlan(ScopedPlan):
    """The docs that hold any of many terms."""

    def __init__(
        self, scope: Scope, choice: Choice, ordinals: Sequence[Int64s], score: float, label: str
    ) -> None:
        super().__init__(scope, choice)
        self._ordinals, self._score, self._label = ordinals, score, label
        self._docs: dict[int, Int32s] = {}

    def most(self, part: int) -> int:
        """See `Plan`."""
        frequencies = self.index(part).lists.document_frequencies[self._ordinals[part]]
        return min(int(frequencies.sum(dtype=np.uint64)), self.scope.n_docs(part))

    def find(self, part: int, within: Int32s | None) -> Found:
        """See `Plan`."""
        self.scope.deadline.check()
        docs, ordinals = self._docs.get(part), self._ordinals[part]
        if docs is None and within is not None and reads_texts(self.choice, part):
            return _constant(
                docs_with_any(self.scope, self.choice, part, ordinals, within), self._score
            )
        if docs is None:
            docs = docs_with_any(self.scope, self.choice, part, ordinals, None)
            self._docs[part] = docs
        if within is not None:
            docs = docs[places_in(docs, within)[0]]
        return _constant(docs, self._score)

    def explain(self, part: int, doc: int) -> Explanation | None:
        """See `Plan`."""
        if not len(self.find(part, np.array([doc], dtype=np.int32)).docs):
            return None
        return Explanation(self._score, f"constant score of {self._label}{self.choice.label}")
