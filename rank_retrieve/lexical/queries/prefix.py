"""Terms with one beginning."""

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


@dataclass(frozen=True, repr=False)
class Prefix(MultiTermQuery):
    """Documents with a term that begins with `prefix`, which is lower-cased but not stemmed.

    field: a text field, or several; by default all.
    rewrite: "constant" scores every document 1; "scoring" by BM25, as if the terms had been
        written out.
    max_expansions: how many terms there may be, 1..65,536; ResourceExhausted beyond.

    Terms are what the analyzer left: in an English field, "retriev" begins more of them than
    "retrieva", since both "retrieval" and "retrieving" are stored as "retriev".
    """

    prefix: str
    field: FieldChoice = None
    rewrite: Rewrite = "constant"
    max_expansions: int = MAX_EXPANSIONS

    def __post_init__(self) -> None:
        if not checked_text(self.prefix, "prefix"):
            raise InvalidArgument("prefix", "", "must not be empty", "use rr.MatchAll()")
        super().__post_init__()

    @property
    def label(self) -> str:
        """See `MultiTermQuery`."""
        return f"{self.prefix}*"

    def spans(self, analyzer: Analyzer) -> list[Span]:
        """See `MultiTermQuery`."""
        prefix = analyzer.folded(self.prefix).encode()
        return [Span(ge=prefix, lt=following(prefix))] if prefix else []


def following(prefix: bytes) -> bytes | None:
    """The least string above all that begin with a prefix; None when there is none."""
    stripped = prefix.rstrip(b"\xff")
    return stripped[:-1] + bytes([stripped[-1] + 1]) if stripped else None
