"""Words side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical.queries.query import (
    FieldChoice,
    LexicalQuery,
    checked_count,
    checked_field,
    checked_text,
    set_fields,
)

if TYPE_CHECKING:
    from rank_retrieve.lexical.queries.plan import Plan
    from rank_retrieve.lexical.queries.scope import Scope

MAX_SLOP = 1_000_000
MAX_PHRASE_TERMS = 64


@dataclass(frozen=True, repr=False)
class Phrase(LexicalQuery):
    """Documents with the words of a text one after the other, in one field.

    field: a text field, or several; by default all.
    slop: how many places the words may be moved in all, as in Lucene: 1 lets one word stand
        between, 2 also swaps two neighbours. A match that takes d moves counts 1 / (1 + d).

    Stop words are gaps: "state of the art" finds "state in an art". The score is BM25 with the
    occurrences of the phrase as frequency, and the sum of its terms' idf. Quick in fields with
    positions (`rr.Text(positions=True)`); else the candidates' texts are read and analysed.
    """

    text: str
    field: FieldChoice = None
    slop: int = 0

    def __post_init__(self) -> None:
        set_fields(
            self,
            text=checked_text(self.text, "text"),
            field=checked_field(self.field),
            slop=checked_count(self.slop, "slop", 0, MAX_SLOP),
        )
        super().__post_init__()

    @property
    def words(self) -> str:
        """The text."""
        return self.text

    def bind(self, scope: Scope, boost: float | None) -> Plan | None:
        """See `LexicalQuery.bind`."""
        from rank_retrieve.lexical.phrases import PhraseShape
        from rank_retrieve.lexical.queries.phrase_plan import PhrasePlan
        from rank_retrieve.lexical.queries.plan import summed
        from rank_retrieve.lexical.queries.term_plans import bag

        plans: list[Plan] = []
        for choice in scope.choose(self.field):
            placed = choice.group.analyzer.positioned_terms(self.text)
            terms = tuple(term for term, _ in placed)
            if len(terms) > MAX_PHRASE_TERMS:
                raise InvalidArgument(
                    "phrase", len(terms), f"has more than {MAX_PHRASE_TERMS} terms"
                )
            if len(terms) == 1:
                plans.append(bag(scope, choice, terms, 1, boost))
            elif terms:
                places = tuple(place - placed[0][1] for _, place in placed)
                plans.append(
                    PhrasePlan(scope, choice, PhraseShape(terms, places, self.slop), boost)
                )
        return summed(scope, plans)
