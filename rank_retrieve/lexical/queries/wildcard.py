"""Terms that fit a pattern with * and ?."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical.queries.multi_term import (
    MAX_EXPANSIONS,
    MultiTermQuery,
    Rewrite,
    Span,
)
from rank_retrieve.lexical.queries.query import (
    FieldChoice,
    checked_text,
)

if TYPE_CHECKING:
    from rank_retrieve.analysis import Analyzer

MAX_PATTERN = 1024


@dataclass(frozen=True, repr=False)
class Wildcard(MultiTermQuery):
    r"""Documents with a term that fits a pattern: `*` is any run of characters, `?` any one.

    A backslash takes the next character as it is. The pattern is lower-cased but not stemmed, and
    must fit the whole term as the analyzer left it.

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
        from rank_retrieve.codecs.fst import wildcard

        check_pattern(self.pattern)
        wildcard(self.pattern)
        super().__post_init__()

    @property
    def label(self) -> str:
        """See `MultiTermQuery`."""
        return self.pattern

    def spans(self, analyzer: Analyzer) -> list[Span]:
        """See `MultiTermQuery`."""
        from rank_retrieve.codecs.fst import wildcard

        return [Span(wildcard(analyzer.folded(self.pattern)))]


def check_pattern(pattern: object) -> None:
    """A pattern of bounded size."""
    if not checked_text(pattern, "pattern"):
        raise InvalidArgument("pattern", "", "must not be empty")
    if len(str(pattern)) > MAX_PATTERN:
        raise InvalidArgument("pattern", pattern, f"has more than {MAX_PATTERN} characters")
