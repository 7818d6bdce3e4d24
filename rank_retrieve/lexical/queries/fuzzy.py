"""Terms that are almost a word."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical.queries.multi_term import (
    Expansion,
    MultiTermQuery,
    Rewrite,
    Span,
    live_terms,
)
from rank_retrieve.lexical.queries.query import (
    FieldChoice,
    checked_count,
    checked_text,
    set_fields,
)

if TYPE_CHECKING:
    from rank_retrieve.analysis import Analyzer
    from rank_retrieve.lexical.queries.scope import Choice, Scope

MAX_EDITS = 2
MAX_WORD = 255
FUZZY_EXPANSIONS = 50


@dataclass(frozen=True, repr=False)
class Fuzzy(MultiTermQuery):
    """Documents with a term within so many edits of a word: Levenshtein's, or of neighbours.

    text: one word, analysed as the texts were: in an English field, both the word and the terms
        it is compared with are stems.
    edits: 0..2 characters inserted, deleted, replaced, or exchanged with their neighbour.
    prefix_length: so many first characters must be equal.
    max_expansions: only so many terms are looked for, 1..65,536: those with the fewest edits,
        then the first in order.
    transpositions: whether exchanging two neighbours is one edit instead of two.
    field: a text field, or several; by default all.
    rewrite: "constant" scores every document 1; "scoring" by BM25, the weight of a term d edits
        away multiplied by 1 - d / (characters of the shorter of term and word).
    """

    text: str
    field: FieldChoice = None
    edits: int = MAX_EDITS
    prefix_length: int = 0
    max_expansions: int = FUZZY_EXPANSIONS
    transpositions: bool = True
    rewrite: Rewrite = "constant"

    def __post_init__(self) -> None:
        if len(checked_text(self.text, "text")) > MAX_WORD:
            raise InvalidArgument("text", self.text, f"has more than {MAX_WORD} characters")
        if not isinstance(self.transpositions, bool):
            raise InvalidArgument("transpositions", self.transpositions, "must be True or False")
        set_fields(
            self,
            edits=checked_count(self.edits, "edits", 0, MAX_EDITS),
            prefix_length=checked_count(self.prefix_length, "prefix_length", 0, MAX_WORD),
        )
        super().__post_init__()

    @property
    def words(self) -> str:
        """The word."""
        return self.text

    @property
    def label(self) -> str:
        """See `MultiTermQuery`."""
        return f"{self.text}~{self.edits}"

    def spans(self, analyzer: Analyzer) -> list[Span]:
        """Terms within 0 edits, within 1, ..

        Raises InvalidArgument where the analyzer makes several terms of the text.
        """
        from rank_retrieve.codecs.fst import levenshtein

        terms = analyzer.terms(self.text)
        if len(terms) > 1:
            raise InvalidArgument(
                "text", self.text, f"is not one word but {len(terms)} for this field",
                "join one rr.Fuzzy for each word with rr.Boolean",
            )  # fmt: skip
        return [
            Span(
                levenshtein(
                    term.decode(),
                    edits,
                    transpositions=self.transpositions,
                    exact_prefix=self.prefix_length,
                )
            )
            for term in terms
            for edits in range(self.edits + 1)
        ]

    def expand(self, scope: Scope, choice: Choice, spans: list[Span]) -> Expansion:
        """The nearest live terms: of each distance the first, until there are enough."""
        searcher = choice.group.searcher
        chosen: dict[bytes, int] = {}
        for edits, span in enumerate(spans):
            room = self.max_expansions - len(chosen)
            found: set[bytes] = set()
            for part in searcher.parts:
                terms = (term for term, _ in live_terms(scope, part, span) if term not in chosen)
                found.update(islice(terms, room))
            chosen.update(dict.fromkeys(sorted(found)[:room], edits))
        known = searcher.known(chosen)
        ordinals = [
            np.array(
                sorted(each.ordinals[part] for each in known.values() if each.ordinals[part] >= 0),
                dtype=np.int64,
            )
            for part in range(len(searcher.parts))
        ]
        length = len(choice.group.analyzer.terms(self.text)[0].decode())
        factors = {
            term: 1.0 - edits / min(len(term.decode()), length) for term, edits in chosen.items()
        }
        return Expansion({term: max(factor, 0.0) for term, factor in factors.items()}, ordinals)
