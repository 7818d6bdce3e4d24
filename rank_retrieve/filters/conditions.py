"""What a filter asks of one value: the leaves of a predicate.

    operator                 condition            asks
    $eq, $ne                 Equal                is it equal?
    $in, $nin, $all          OneOf, Equal         is it equal to one of these?
    $gt $gte $lt $lte        Compare              is it in order with a value of its own kind?
    $exists                  Exists               is it there at all? (null is)
    $regex                   Matches              is it a string in which the pattern is found?
    $size                    Size                 is it an array of so many elements?
    $elemMatch               ElementMatch         (in `predicate`) does one element fit it all?

`test` is the plain specification; `evaluate` answers the same from columns.
"""

from __future__ import annotations

import operator
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from rank_retrieve.filters.values import KIND_OF, Kind, identity, order_key

if TYPE_CHECKING:
    from rank_retrieve.codecs.fst import Automaton

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


class Condition(ABC):
    """A question about one value.

    expands: whether an array also fits when one of its elements does.
    """

    __slots__ = ()
    expands: ClassVar[bool] = True

    @abstractmethod
    def test(self, value: Any) -> bool:
        """Whether the value itself fits; arrays are not expanded here."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """As an operator and its operand."""


@dataclass(frozen=True, slots=True)
class Equal(Condition):
    """Equal to one value of any kind."""

    value: Any = field(compare=False)
    key: tuple[Kind | None, Hashable] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", identity(self.value))

    def test(self, value: Any) -> bool:
        """Whether the value is equal."""
        return identity(value) == self.key

    def to_dict(self) -> dict[str, Any]:
        """`{"$eq": value}`."""
        return {"$eq": self.value}


@dataclass(frozen=True, slots=True)
class OneOf(Condition):
    """Equal to one of several values."""

    values: tuple[Any, ...] = field(compare=False)
    keys: frozenset[tuple[Kind | None, Hashable]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "keys", frozenset(map(identity, self.values)))

    def test(self, value: Any) -> bool:
        """Whether the value is equal to one of them."""
        return identity(value) in self.keys

    def to_dict(self) -> dict[str, Any]:
        """`{"$in": [values]}`."""
        return {"$in": list(self.values)}


@dataclass(frozen=True, slots=True)
class Compare(Condition):
    """Greater or less than a number, string, bytes or datetime; other kinds never fit."""

    operator: str
    value: Any = field(compare=False)
    key: tuple[Kind, Any] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        key = order_key(self.value)
        if key is None:
            raise TypeError(f"{type(self.value).__name__} has no order")
        object.__setattr__(self, "key", key)

    def test(self, value: Any) -> bool:
        """Whether the value is of the same kind and in order."""
        key = order_key(value)
        return (
            key is not None
            and key[0] is self.key[0]
            and COMPARISONS[self.operator](key[1], self.key[1])
        )

    def to_dict(self) -> dict[str, Any]:
        """`{"$gt": value}` and so on."""
        return {self.operator: self.value}


@dataclass(frozen=True, slots=True)
class Exists(Condition):
    """There, whatever the value."""

    expands: ClassVar[bool] = False

    def test(self, value: Any) -> bool:
        """True: a value that was reached exists."""
        return True

    def to_dict(self) -> dict[str, Any]:
        """`{"$exists": True}`."""
        return {"$exists": True}


@dataclass(frozen=True, slots=True)
class Size(Condition):
    """An array of exactly so many elements."""

    length: int
    expands: ClassVar[bool] = False

    def test(self, value: Any) -> bool:
        """Whether the value is an array of that length."""
        return KIND_OF.get(type(value)) is Kind.ARRAY and len(value) == self.length

    def to_dict(self) -> dict[str, Any]:
        """`{"$size": length}`."""
        return {"$size": self.length}


@dataclass(frozen=True, slots=True)
class Matches(Condition):
    """A string in which a regular expression is found; run as an automaton, never backtracking.

    options: "i" ignores case, "s" lets a dot be a line feed too.
    Raises InvalidArgument pointing at the character where the pattern is not regular.
    """

    pattern: str
    options: str = ""
    automaton: Automaton = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        from rank_retrieve.codecs import fst

        automaton = fst.regex(
            self.pattern,
            anywhere=True,
            ignore_case="i" in self.options,
            dot_all="s" in self.options,
        )
        object.__setattr__(self, "automaton", automaton)

    def test(self, value: Any) -> bool:
        """Whether the value is a string and the pattern is found in it."""
        return type(value) is str and self.automaton.matches(value.encode())

    def to_dict(self) -> dict[str, Any]:
        """`{"$regex": pattern}`, with `"$options"` where there are some."""
        return {"$regex": self.pattern, **({"$options": self.options} if self.options else {})}
