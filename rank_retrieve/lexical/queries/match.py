"""Words, analysed as the texts were: what `search` makes of a string."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical.queries.minimum import checked_minimum, clauses_needed
from rank_retrieve.lexical.queries.query import (
    FieldChoice,
    LexicalQuery,
    checked_field,
    checked_text,
    set_fields,
)

if TYPE_CHECKING:
    from rank_retrieve.lexical.queries.plan import Plan
    from rank_retrieve.lexical.queries.scope import Scope

Operator = Literal["or", "and"]
OPERATORS: tuple[Operator, ...] = ("or", "and")


@dataclass(frozen=True, repr=False)
class Match(LexicalQuery):
    """Documents with words of a text, scored by BM25.

    field: a text field, or several; by default all.
    operator: whether one word is enough ("or") or all must be there ("and").
    minimum_should_match: with "or", how many of the distinct terms must be there: a number, a
        percentage ("75%", rounded down), or a negative one of either: how many may be missing.

    Fields with another analyzer are a search of their own: a document matches when its fields
    under one analyzer do, and its score is the sum over all analyzers that match.
    """

    text: str
    field: FieldChoice = None
    operator: Operator = "or"
    minimum_should_match: int | str | None = None

    def __post_init__(self) -> None:
        set_fields(
            self,
            text=checked_text(self.text, "text"),
            field=checked_field(self.field),
            minimum_should_match=checked_minimum(self.minimum_should_match),
        )
        if self.operator not in OPERATORS:
            raise InvalidArgument("operator", self.operator, 'must be "or" or "and"')
        if self.operator == "and" and self.minimum_should_match is not None:
            raise InvalidArgument(
                "minimum_should_match", self.minimum_should_match, 'is for operator="or"'
            )
        super().__post_init__()

    @property
    def is_conjunction(self) -> bool:
        """Whether all words must be there, in whatever fields."""
        return self.operator == "and" and self.field is None

    @property
    def words(self) -> str:
        """The text."""
        return self.text

    def bind(self, scope: Scope, boost: float | None) -> Plan | None:
        """See `LexicalQuery.bind`."""
        from rank_retrieve.lexical.queries.plan import summed
        from rank_retrieve.lexical.queries.term_plans import bag

        plans = []
        for choice in scope.choose(self.field):
            terms = choice.group.analyzer.terms(self.text)
            if terms:
                n_distinct, needed = len(set(terms)), 1
                if self.operator == "and":
                    needed = n_distinct
                elif self.minimum_should_match is not None:
                    needed = max(1, clauses_needed(self.minimum_should_match, n_distinct))
                plans.append(bag(scope, choice, terms, needed, boost))
        return summed(scope, plans)
