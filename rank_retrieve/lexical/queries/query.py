"""What every query object is: a frozen tree of bounded depth, size and boosts."""

from __future__ import annotations

import dataclasses
import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from rank_retrieve.analysis import check_text
from rank_retrieve.errors import InvalidArgument

if TYPE_CHECKING:
    from rank_retrieve.lexical.queries.plan import Plan
    from rank_retrieve.lexical.queries.scope import Scope

MAX_DEPTH = 64
MAX_NODES = 4096
MAX_CHARACTERS = 65_536
MAX_BOOST = 1e6

FieldChoice: TypeAlias = str | Sequence[str] | None
Clause: TypeAlias = "LexicalQuery | str"
Clauses: TypeAlias = "Clause | Sequence[Clause]"
"""A query, or several; a string is what `search` makes of it."""


class LexicalQuery(ABC):
    """Root of the query objects: `rr.Match`, `rr.Phrase`, `rr.Boolean` and the others.

    Queries are immutable, equal when they are written alike, and print as the code that makes
    them. `a & b`, `a | b` and `~a` are `rr.Boolean` with `must`, `should` and `must_not`.

    A tree is at most 64 levels deep and has at most 4,096 nodes; InvalidArgument beyond.
    """

    @property
    def children(self) -> tuple[LexicalQuery, ...]:
        """The queries that this one is made of."""
        return ()

    @property
    def words(self) -> str:
        """What the query looks for, as plain text: for an encoder, or a highlighter.

        Patterns and what must not occur are left out.
        """
        return " ".join(filter(None, (child.words for child in self.children)))

    @abstractmethod
    def bind(self, scope: Scope, boost: float | None) -> Plan | None:
        """How to find the query in an index.

        boost: what the scores are multiplied by; None where they don't matter.
        Returns None for a query of which analysis leaves nothing, such as stop words only.
        """

    def __post_init__(self) -> None:
        nodes, depth = 1, 1
        for child in self.children:
            nodes += child._size[0]
            depth = max(depth, child._size[1] + 1)
        if depth > MAX_DEPTH:
            raise InvalidArgument("query", depth, f"is nested more than {MAX_DEPTH} levels deep")
        if nodes > MAX_NODES:
            raise InvalidArgument("query", nodes, f"has more than {MAX_NODES} nodes")
        object.__setattr__(self, "_size_", (nodes, depth))

    @property
    def _size(self) -> tuple[int, int]:
        size: tuple[int, int] = self.__dict__["_size_"]
        return size

    def __and__(self, other: LexicalQuery) -> LexicalQuery:
        return _boolean(must=(self, other))

    def __or__(self, other: LexicalQuery) -> LexicalQuery:
        return _boolean(should=(self, other))

    def __invert__(self) -> LexicalQuery:
        return _boolean(must_not=(self,))

    def __repr__(self) -> str:
        shown = []
        for field in dataclasses.fields(self):  # type: ignore[arg-type]  # subclasses are
            value = getattr(self, field.name)
            if field.default is dataclasses.MISSING:
                shown.append(repr(value))
            elif value != field.default:
                shown.append(f"{field.name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


def as_query(value: object, argument: str) -> LexicalQuery:
    """A query, or a string as what `search` makes of it."""
    if isinstance(value, str):
        from rank_retrieve.lexical.queries.match import Match

        return Match(value)
    if not isinstance(value, LexicalQuery):
        raise InvalidArgument(argument, value, "must be a query such as rr.Match(...), or a string")
    return value


def as_queries(value: object, argument: str) -> tuple[LexicalQuery, ...]:
    """Some queries, from one or a sequence of them."""
    if isinstance(value, str | LexicalQuery):
        return (as_query(value, argument),)
    if not isinstance(value, Sequence):
        raise InvalidArgument(argument, value, "must be a sequence of queries")
    return tuple(as_query(each, argument) for each in value)


def checked_text(value: object, argument: str) -> str:
    """A string of bounded size that UTF-8 can spell."""
    check_text(value, argument)
    text = str(value)
    if len(text) > MAX_CHARACTERS:
        raise InvalidArgument(argument, len(text), f"has more than {MAX_CHARACTERS} characters")
    return text


def checked_field(value: FieldChoice) -> FieldChoice:
    """None, a name, or a tuple of names; a scope knows which exist."""
    if value is None or isinstance(value, str):
        return value
    names = tuple(value) if isinstance(value, Sequence) else ()
    if not names or not all(isinstance(name, str) for name in names):
        raise InvalidArgument("field", value, "must be the name of a text field, or several")
    return names


def checked_number(value: object, argument: str, least: float, most: float) -> float:
    """A finite number in a range."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidArgument(argument, value, "must be a number")
    if not math.isfinite(value) or not least <= value <= most:
        raise InvalidArgument(argument, value, f"must be in {least:g}..{most:g}")
    return float(value)


def checked_count(value: object, argument: str, least: int, most: int) -> int:
    """A whole number in a range."""
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidArgument(argument, value, f"must be a whole number in {least}..{most}")
    return value


def set_fields(query: LexicalQuery, /, **values: Any) -> None:
    """Put checked values into a frozen query that is being made."""
    for name, value in values.items():
        object.__setattr__(query, name, value)


def _boolean(**clauses: Any) -> LexicalQuery:
    from rank_retrieve.lexical.queries.boolean import Boolean

    return Boolean(**clauses)
