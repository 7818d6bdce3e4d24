"""How a bound query is answered: plans that list the docs of one part, scored.

A plan is evaluated part by part over ascending docs. Scores are float64. Whatever adds scores up
does so from left to right in the order of its clauses, and its explanation does the same, so the
two agree to the last bit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from rank_retrieve.types import Explanation, Float64s, Int32s, Int64s

if TYPE_CHECKING:
    from rank_retrieve.lexical.queries.scope import Scope

# above this share of a part's docs, an array over all of them costs less than sorting
DENSE_SHARE = 16


class Found(NamedTuple):
    """docs: int32 [n], ascending, deleted ones perhaps included. scores: float64 [n]."""

    docs: Int32s
    scores: Float64s

    @classmethod
    def nothing(cls) -> Found:
        """No docs."""
        return cls(np.empty(0, dtype=np.int32), np.empty(0))

    @classmethod
    def unscored(cls, docs: Int32s) -> Found:
        """Docs with score 0."""
        return cls(docs, np.zeros(len(docs)))

    def chosen(self, places: Int64s) -> Found:
        """Some of them."""
        return Found(self.docs[places], self.scores[places])


class Plan(ABC):
    """A bound query."""

    @abstractmethod
    def most(self, part: int) -> int:
        """No more docs of a part than this match: known without looking at them."""

    @abstractmethod
    def find(self, part: int, within: Int32s | None) -> Found:
        """The docs of a part that match, of the ascending docs `within` or of all."""

    @abstractmethod
    def explain(self, part: int, doc: int) -> Explanation | None:
        """How a doc scores, None when it does not match."""


class SumPlan(Plan):
    """Docs of enough plans, with the sum of the scores of those that match."""

    def __init__(self, scope: Scope, plans: Sequence[Plan], label: str) -> None:
        self._scope, self._plans, self._label = scope, plans, label

    def most(self, part: int) -> int:
        """See `Plan`."""
        return sum(plan.most(part) for plan in self._plans)

    def find(self, part: int, within: Int32s | None) -> Found:
        """See `Plan`."""
        found = [plan.find(part, within) for plan in self._plans]
        return added_up(found, 1, self._scope.n_docs(part))

    def explain(self, part: int, doc: int) -> Explanation | None:
        """See `Plan`."""
        found = [plan.explain(part, doc) for plan in self._plans]
        return sum_of([each for each in found if each is not None], self._label)


def summed(scope: Scope, plans: Sequence[Plan]) -> Plan | None:
    """The plans of the fields under each analyzer as one; None for none."""
    if len(plans) < 2:
        return plans[0] if plans else None
    return SumPlan(scope, plans, "sum over analyzers")


def sum_of(parts: Sequence[Explanation], label: str) -> Explanation | None:
    """The sum of what matched; None when nothing did."""
    if not parts:
        return None
    total = 0.0
    for part in parts:
        total += part.value
    return Explanation(total, label, tuple(parts), "sum")


def added_up(found: Sequence[Found], needed: int, n_docs: int) -> Found:
    """Docs that are in at least `needed` (>= 1) of several results, scores added in order."""
    found = [each for each in found if len(each.docs)]
    if len(found) < needed or not found:
        return Found.nothing()
    if len(found) == 1:
        return found[0]
    slots, docs = _slots(found, n_docs)
    n_slots = n_docs if docs is None else len(docs)
    sums, counts = np.zeros(n_slots), np.zeros(n_slots, dtype=np.int32)
    for each, places in zip(found, slots, strict=True):
        sums[places] += each.scores
        counts[places] += 1
    kept = np.flatnonzero(counts >= needed)
    return Found(kept.astype(np.int32) if docs is None else docs[kept], sums[kept])


def best_of(found: Sequence[Found], tie_breaker: float, n_docs: int) -> Found:
    """Docs of any result with the greatest score, and the others' by the tie breaker in order."""
    held = [each for each in found if len(each.docs)]
    if len(held) < 2:
        return held[0] if held else Found.nothing()
    slots, docs = _slots(held, n_docs)
    n_slots = n_docs if docs is None else len(docs)
    best, winner = np.full(n_slots, -1.0), np.full(n_slots, -1, dtype=np.int32)
    for number, (each, places) in enumerate(zip(held, slots, strict=True)):
        better = each.scores > best[places]
        best[places[better]] = each.scores[better]
        winner[places[better]] = number
    for number, (each, places) in enumerate(zip(held, slots, strict=True)):
        others = winner[places] != number
        best[places[others]] += tie_breaker * each.scores[others]
    kept = np.flatnonzero(winner >= 0)
    return Found(kept.astype(np.int32) if docs is None else docs[kept], best[kept])


def _slots(found: Sequence[Found], n_docs: int) -> tuple[list[Int64s], Int32s | None]:
    """A place for each doc of each result, and the docs of the places; None for all docs."""
    if sum(len(each.docs) for each in found) * DENSE_SHARE > n_docs:
        return [each.docs.astype(np.int64) for each in found], None
    docs = np.unique(np.concatenate([each.docs for each in found]))
    return [np.searchsorted(docs, each.docs) for each in found], docs


def places_in(docs: Int32s, wanted: Int32s) -> tuple[Int64s, Int64s]:
    """Where two ascending arrays agree: the places in docs, and those in wanted."""
    if len(docs) == 0 or len(wanted) == 0:
        nowhere = np.empty(0, dtype=np.int64)
        return nowhere, nowhere
    if len(docs) < len(wanted):
        there, here = places_in(wanted, docs)
        return here, there
    places = np.searchsorted(docs, wanted)
    places[places == len(docs)] = 0
    hit = np.flatnonzero(docs[places] == wanted)
    return places[hit], hit
