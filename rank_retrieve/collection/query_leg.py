"""The lexical leg of a query object such as `rr.Phrase`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from rank_retrieve.collection.record import texts_of
from rank_retrieve.types import Bitmap, Explanation, Float64s, Int64s, Ranked

if TYPE_CHECKING:
    from rank_retrieve.collection.live import LiveSegment
    from rank_retrieve.collection.schema import TextGroup
    from rank_retrieve.lexical import LexicalSearcher
    from rank_retrieve.lexical.queries import FieldGroup, LexicalQuery


class QueryLeg:
    """One query object over the text groups."""

    name = "lexical"

    def __init__(
        self, groups: Sequence[FieldGroup], query: LexicalQuery, timeout_s: float | None
    ) -> None:
        from rank_retrieve.lexical.queries import PreparedQuery

        self._query = query
        self._prepared = PreparedQuery(groups, query, timeout_s)

    def search(self, k: int, allowed: Sequence[Bitmap] | None) -> Ranked:
        """The k best docs that match."""
        return self._prepared.search(k, allowed)

    def count(self, allowed: Sequence[Bitmap] | None) -> int:
        """How many live docs match."""
        return self._prepared.count(allowed)

    def explain(self, doc: int) -> Explanation:
        """The clauses that match."""
        return self._prepared.explain(doc)

    def scores(self, docs: Int64s) -> Float64s:
        """The scores of docs; NaN for docs that do not match."""
        return self._prepared.scores(docs)

    def describe(self, k: int, allowed: Sequence[Bitmap] | None) -> dict[str, Any]:
        """The query."""
        return {"leg": self.name, "query": repr(self._query)}


def field_groups(
    groups: Sequence[TextGroup],
    parts: Sequence[LiveSegment],
    searcher_of: Callable[[TextGroup], LexicalSearcher],
) -> list[FieldGroup]:
    """The text groups of a collection as queries see them."""
    from rank_retrieve.analysis import get_analyzer
    from rank_retrieve.lexical.queries import FieldGroup

    def texts(part: int, docs: Int64s, fields: Sequence[str]) -> list[str]:
        segment = parts[part].segment
        return [text for doc in docs.tolist() for text in texts_of(segment.stored(doc), fields)]

    return [
        FieldGroup(
            group.fields, group.units, get_analyzer(group.analyzer), searcher_of(group), texts
        )
        for group in groups
    ]
