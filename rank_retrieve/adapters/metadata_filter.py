"""Filters over a framework document's metadata, which our document holds as one dict.

    {"year": 2021}                  {"metadata.year": 2021}
    rr.Filter.exists("author.name") rr.Filter.exists("metadata.author.name")

Nested, a framework's metadata may use any name, such as "id" or "text".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rank_retrieve.filters import Predicate, parse
from rank_retrieve.filters.predicate import AllOf, AnyOf, Not, Where


def below(field: str, where: Mapping[str, Any] | Predicate | None) -> Predicate | None:
    """The filter with each path one step down, in the dict of that field; None stays None.

    Raises InvalidArgument for what is not a filter, with the path as the caller wrote it.
    """
    if where is None:
        return None
    return _moved(where if isinstance(where, Predicate) else parse(where), field)


def _moved(predicate: Predicate, field: str) -> Predicate:
    return _MOVES[type(predicate)](predicate, field)


_MOVES: dict[type[Predicate], Callable[[Any, str], Predicate]] = {
    Where: lambda part, field: Where((field, *part.path), part.condition),
    AllOf: lambda part, field: AllOf(tuple(_moved(p, field) for p in part.parts)),
    AnyOf: lambda part, field: AnyOf(tuple(_moved(p, field) for p in part.parts)),
    Not: lambda part, field: Not(_moved(part.part, field)),
}
