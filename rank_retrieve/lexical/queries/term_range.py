"""Terms between two others."""

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
class TermRange(MultiTermQuery):
    """Documents with a term from `lower` to `upper`, in the order of UTF-8 bytes.

    lower, upper: lower-cased but not stemmed; None is open.
    include_lower, include_upper: whether the bounds themselves are meant.
    field: a text field, or several; by default all.
    rewrite: "constant" scores every document 1; "scoring" by BM25, as if the terms had been
        written out.
    max_expansions: how many terms there may be, 1..65,536; ResourceExhausted beyond.
    """

    lower: str | None = None
    upper: str | None = None
    include_lower: bool = True
    include_upper: bool = True
    field: FieldChoice = None
    rewrite: Rewrite = "constant"
    max_expansions: int = MAX_EXPANSIONS

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            if getattr(self, name) is not None:
                checked_text(getattr(self, name), name)
            included = getattr(self, f"include_{name}")
            if not isinstance(included, bool):
                raise InvalidArgument(f"include_{name}", included, "must be True or False")
        super().__post_init__()

    @property
    def label(self) -> str:
        """See `MultiTermQuery`."""
        opening, closing = "{["[self.include_lower], "}]"[self.include_upper]
        lower = "*" if self.lower is None else self.lower
        upper = "*" if self.upper is None else self.upper
        return f"{opening}{lower} TO {upper}{closing}"

    def spans(self, analyzer: Analyzer) -> list[Span]:
        """See `MultiTermQuery`."""
        lower = upper = None
        # the least string above another is that string and a zero byte
        if self.lower is not None:
            lower = analyzer.folded(self.lower).encode() + b"\0" * (not self.include_lower)
        if self.upper is not None:
            upper = analyzer.folded(self.upper).encode() + b"\0" * self.include_upper
        return [Span(ge=lower, lt=upper)]
