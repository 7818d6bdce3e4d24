"""Queries that stand for many terms of the index: what they share, and how they are expanded."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from rank_retrieve.errors import InvalidArgument, ResourceExhausted
from rank_retrieve.lexical.queries.query import (
    FieldChoice,
    LexicalQuery,
    checked_count,
    checked_field,
    set_fields,
)

if TYPE_CHECKING:
    from rank_retrieve.analysis import Analyzer
    from rank_retrieve.codecs.fst import Automaton
    from rank_retrieve.lexical.queries.plan import Plan
    from rank_retrieve.lexical.queries.scope import Choice, Scope
    from rank_retrieve.lexical.searcher import LexicalPart
    from rank_retrieve.types import Int64s

Rewrite = Literal["constant", "scoring"]
REWRITES: tuple[Rewrite, ...] = ("constant", "scoring")
MAX_EXPANSIONS = 16_384
MOST_EXPANSIONS = 65_536
# the deadline is looked at after so many terms
CHECK_TERMS = 1024


@dataclass(frozen=True)
class Span:
    """Terms of a dictionary: those the automaton accepts, ge <= term < lt; None is open."""

    automaton: Automaton | None = None
    ge: bytes | None = None
    lt: bytes | None = None


@dataclass(frozen=True, eq=False)
class Expansion:
    """The live terms that a query stands for.

    terms: with the factor of each one's weight. ordinals: for each part, of those it holds.
    """

    terms: dict[bytes, float]
    ordinals: list[Int64s]


class MultiTermQuery(LexicalQuery):
    """A query for all terms of the index that are like something.

    rewrite: "constant" scores every document 1; "scoring" by BM25, as if the terms had been
        written out.
    max_expansions: how many terms there may be.
    """

    field: FieldChoice
    rewrite: Rewrite
    max_expansions: int

    def __post_init__(self) -> None:
        if self.rewrite not in REWRITES:
            raise InvalidArgument("rewrite", self.rewrite, f"must be one of {', '.join(REWRITES)}")
        set_fields(
            self,
            field=checked_field(self.field),
            max_expansions=checked_count(self.max_expansions, "max_expansions", 1, MOST_EXPANSIONS),
        )
        super().__post_init__()

    @property
    @abstractmethod
    def label(self) -> str:
        """What is looked for, for explanations and errors."""

    @abstractmethod
    def spans(self, analyzer: Analyzer) -> list[Span]:
        """The terms, the best first, under one analyzer."""

    def expand(self, scope: Scope, choice: Choice, spans: list[Span]) -> Expansion:
        """The live terms of all spans. Raises ResourceExhausted for too many."""
        terms: dict[bytes, float] = {}
        ordinals = []
        for part in choice.group.searcher.parts:
            held = []
            for span in spans:
                for term, ordinal in live_terms(scope, part, span):
                    held.append(ordinal)
                    terms[term] = 1.0
                    if len(terms) > self.max_expansions:
                        raise ResourceExhausted(
                            f"query {self.label}",
                            f"stands for more than {self.max_expansions} terms",
                            "make it more selective, or raise max_expansions",
                        )
            ordinals.append(np.array(held, dtype=np.int64))
        return Expansion(terms, ordinals)

    def bind(self, scope: Scope, boost: float | None) -> Plan | None:
        """See `LexicalQuery.bind`."""
        from rank_retrieve.lexical.queries.plan import summed

        plans = []
        for choice in scope.choose(self.field):
            spans = self.spans(choice.group.analyzer)
            if spans:
                plans.append(self._plan(scope, choice, spans, boost))
        return summed(scope, plans)

    def _plan(self, scope: Scope, choice: Choice, spans: list[Span], boost: float | None) -> Plan:
        from rank_retrieve.lexical.queries.set_plans import TermSetPlan
        from rank_retrieve.lexical.queries.term_plans import bag

        expansion = self.expand(scope, choice, spans)
        if self.rewrite == "scoring" and boost is not None:
            factors = {term: by for term, by in expansion.terms.items() if by != 1.0}
            return bag(scope, choice, list(expansion.terms), 1, boost, factors)
        return TermSetPlan(scope, choice, expansion.ordinals, boost or 0.0, self.label)


def live_terms(scope: Scope, part: LexicalPart, span: Span) -> Iterator[tuple[bytes, int]]:
    """The terms of a span that a live document of the part holds, ascending."""
    from rank_retrieve.codecs.fst.automaton import EVERYTHING

    found = part.index.dictionary.search(span.automaton or EVERYTHING, span.ge, span.lt)
    deleted = part.statistics
    all_gone = part.index.lists.document_frequencies[deleted.ordinals] == deleted.counts
    dead = frozenset(deleted.ordinals[all_gone].tolist())
    for number, (term, ordinal) in enumerate(found):
        if number % CHECK_TERMS == 0:
            scope.deadline.check()
        if ordinal not in dead:
            yield term, ordinal
