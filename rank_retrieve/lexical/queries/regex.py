"""Terms that a regular expression describes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rank_retrieve.lexical.queries.multi_term import (
    MAX_EXPANSIONS,
    MultiTermQuery,
    Rewrite,
    Span,
)
from rank_retrieve.lexical.queries.query import (
    FieldChoice,
)
from rank_retrieve.lexical.queries.wildcard import check_pattern

if TYPE_CHECKING:
    from rank_retrieve.analysis import Analyzer


@dataclass(frozen=True, repr=False)
class Regex(MultiTermQuery):
    r"""Documents with a term that a regular expression describes from its beginning to its end.

    . | ( ) (?: ) [a-z] [^a-z] * + ? {m,n} and escapes, as in `$regex` filters. It runs as an
    automaton beside the dictionary and never goes back. Letters fit both cases wherever the
    analyzer lower-cases terms.

    field: a text field, or several; by default all.
    rewrite: "constant" scores every document 1; "scoring" by BM25, as if the terms had been
        written out.
    max_expansions: how many terms there may be, 1..65,536; ResourceExhausted beyond.
    """

    pattern: str
    field: FieldChoice = None
    rewrite: Rewrite = "constant"
    max_expansions: int = MAX_EXPANSIONS

    def __post_init__(self) -> None:
        from rank_retrieve.codecs.fst import regex

        check_pattern(self.pattern)
        regex(self.pattern)
        super().__post_init__()

    @property
    def label(self) -> str:
        """See `MultiTermQuery`."""
        return f"/{self.pattern}/"

    def spans(self, analyzer: Analyzer) -> list[Span]:
        """See `MultiTermQuery`."""
        from rank_retrieve.codecs.fst import regex

        return [Span(regex(self.pattern, ignore_case=analyzer.folds_case))]
