"""Bound queries that are no more than words of one group: the searcher has quicker ways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rank_retrieve.lexical.queries.boolean_plan import BooleanPlan
from rank_retrieve.lexical.queries.plan import Plan
from rank_retrieve.lexical.queries.term_plans import BagPlan
from rank_retrieve.lexical.searcher import LexicalSearcher
from rank_retrieve.types import Bitmap, Ranked


@dataclass(frozen=True, eq=False)
class FlatQuery:
    """Words, those that must be there, and how many there must be at least."""

    searcher: LexicalSearcher
    words: list[bytes]
    required: frozenset[bytes]
    minimum: int

    def search(self, k: int, allowed: Sequence[Bitmap | None] | None) -> Ranked:
        """The k best docs, scored as the plan would score them."""
        return self.searcher.search(
            self.words, k, allowed, required=self.required, minimum=self.minimum
        )


def flattened(plan: Plan | None) -> FlatQuery | None:
    """The plan as words, None where it is more than that."""
    if isinstance(plan, BagPlan):
        return _bag(plan)
    if isinstance(plan, BooleanPlan):
        return _boolean(plan)
    return None


def _bag(plan: BagPlan) -> FlatQuery | None:
    words = plan.words
    if words is None:
        return None
    searcher = plan.choice.group.searcher
    if plan.needed == plan.n_distinct > 1:
        return FlatQuery(searcher, words, frozenset(words), 1)
    return FlatQuery(searcher, words, frozenset(), plan.needed)


def _boolean(plan: BooleanPlan) -> FlatQuery | None:
    """Clauses of different words: each is rounded by itself, so that their sum is a bag's."""
    if plan.banned or plan.allowed or not (plan.must or plan.should):
        return None
    must, should = _words(plan.must), _words(plan.should)
    if must is None or should is None:
        return None
    of_must = [word for clause in must for word in clause]
    words = of_must + [word for clause in should for word in clause]
    first = (*plan.must, *plan.should)[0]
    assert isinstance(first, BagPlan)
    searcher = first.choice.group.searcher
    one_group = all(
        isinstance(each, BagPlan) and each.choice.group.searcher is searcher
        for each in (*plan.must, *plan.should)
    )
    n_distinct = sum(len(set(clause)) for clause in must + should)
    if not one_group or len(set(words)) < n_distinct:
        return None
    if any(len(set(clause)) > 1 for clause in must):
        return None
    if plan.needed == 0 or (plan.needed == 1 and not must):
        return FlatQuery(searcher, words, frozenset(of_must), 1)
    if must or any(len(set(clause)) > 1 for clause in should):
        return None
    return FlatQuery(searcher, words, frozenset(), plan.needed)


def _words(plans: Sequence[Plan]) -> list[list[bytes]] | None:
    """The words of each plan, None unless any of them is enough for it."""
    found = []
    for plan in plans:
        if not isinstance(plan, BagPlan) or plan.needed != 1 or plan.words is None:
            return None
        found.append(plan.words)
    return found
