"""Predicates: the tree that a filter becomes.

    Everything that fits          AllOf(())
    {"a": 1, "b": {"$ne": 2}}     AllOf((Where(a, Equal(1)), Not(Where(b, Equal(2)))))

`matches` is the specification, in plain Python over one document; `evaluate` gives the same
answer for all documents of a segment at once. One rule decides the rest: a path that reaches
nothing fits no condition, and `Not` turns that around, so a missing field matches `$ne`,
`$nin`, `$not` and `$exists: false` only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.filters.check import refuse
from rank_retrieve.filters.conditions import Condition
from rank_retrieve.filters.paths import Path, reach
from rank_retrieve.types import Bitmap

if TYPE_CHECKING:
    from rank_retrieve.filters.columns import Columns

MAX_DEPTH = 32
MAX_CLAUSES = 4_096


@dataclass(frozen=True, slots=True)
class Predicate(ABC):
    """A question about one document. Combine with `and_`, `or_`, or `&`, `|`, `~`.

    depth: levels of the tree, at most 32.
    clauses: nodes of the tree, at most 4,096.
    """

    depth: int = field(init=False, repr=False, compare=False, default=1)
    clauses: int = field(init=False, repr=False, compare=False, default=1)

    @abstractmethod
    def holds(self, value: Any) -> bool:
        """Whether a value that paths start from fits: a document, or an element of an array."""

    @abstractmethod
    def paths(self) -> frozenset[str]:
        """The dotted paths that the answer depends on."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """A filter that parses to the same tree."""

    def matches(self, document: Mapping[str, Any]) -> bool:
        """Whether one document fits."""
        return self.holds(document if isinstance(document, dict) else dict(document))

    def evaluate(self, columns: Columns) -> Bitmap:
        """The docs of a segment that fit.

        Raises CorruptionError where stored columns contradict their format.
        """
        from rank_retrieve.filters.evaluate import evaluate

        return evaluate(self, columns)

    def and_(self, *others: Predicate) -> Predicate:
        """All of them."""
        return all_of(self, *others)

    def or_(self, *others: Predicate) -> Predicate:
        """At least one of them."""
        return any_of(self, *others)

    def not_(self) -> Predicate:
        """The documents that do not fit."""
        if isinstance(self, Not):
            return self.part
        # everything and nothing have one form each
        if self == AllOf(()):
            return AnyOf(())
        return AllOf(()) if self == AnyOf(()) else Not(self)

    def __and__(self, other: Predicate) -> Predicate:
        return self.and_(other)

    def __or__(self, other: Predicate) -> Predicate:
        return self.or_(other)

    def __invert__(self) -> Predicate:
        return self.not_()

    def _measure(self, *parts: Predicate) -> None:
        depth = 1 + max((part.depth for part in parts), default=0)
        clauses = 1 + sum(part.clauses for part in parts)
        if depth > MAX_DEPTH:
            raise InvalidArgument("where", depth, f"is nested more than {MAX_DEPTH} deep")
        if clauses > MAX_CLAUSES:
            raise InvalidArgument(
                "where", clauses, f"has more than {MAX_CLAUSES} clauses",
                "use $in for many values of one path",
            )  # fmt: skip
        object.__setattr__(self, "depth", depth)
        object.__setattr__(self, "clauses", clauses)


@dataclass(frozen=True, slots=True)
class Where(Predicate):
    """Some value that the path reaches fits the condition.

    An empty path is the value itself, unexpanded: what `$elemMatch` asks of an element.
    """

    path: Path
    condition: Condition

    def holds(self, value: Any) -> bool:
        """Whether a value is reached, or an element of a reached array is, that fits."""
        condition = self.condition
        expands = condition.expands and bool(self.path)
        for reached in reach(value, self.path):
            if condition.test(reached):
                return True
            if expands and isinstance(reached, list | tuple):
                for element in reached:
                    if condition.test(element):
                        return True
        return False

    @property
    def name(self) -> str:
        """The path with its dots."""
        return ".".join(self.path)

    def paths(self) -> frozenset[str]:
        """The path."""
        return frozenset((self.name,))

    def to_dict(self) -> dict[str, Any]:
        """`{path: {operator: operand}}`."""
        return {self.name: self.condition.to_dict()}


@dataclass(frozen=True, slots=True)
class AllOf(Predicate):
    """Every part fits; with no parts, every document does."""

    parts: tuple[Predicate, ...]

    def __post_init__(self) -> None:
        self._measure(*self.parts)

    def holds(self, value: Any) -> bool:
        """Whether every part holds."""
        return all(part.holds(value) for part in self.parts)

    def paths(self) -> frozenset[str]:
        """The paths of all parts."""
        return frozenset().union(*(part.paths() for part in self.parts))

    def to_dict(self) -> dict[str, Any]:
        """`{"$and": [...]}`, or `{}`."""
        return {"$and": [part.to_dict() for part in self.parts]} if self.parts else {}


@dataclass(frozen=True, slots=True)
class AnyOf(Predicate):
    """At least one part fits; with no parts, no document does."""

    parts: tuple[Predicate, ...]

    def __post_init__(self) -> None:
        self._measure(*self.parts)

    def holds(self, value: Any) -> bool:
        """Whether some part holds."""
        return any(part.holds(value) for part in self.parts)

    def paths(self) -> frozenset[str]:
        """The paths of all parts."""
        return frozenset().union(*(part.paths() for part in self.parts))

    def to_dict(self) -> dict[str, Any]:
        """`{"$or": [...]}`; nothing at all is `{"$nor": [{}]}`."""
        return {"$or": [part.to_dict() for part in self.parts]} if self.parts else {"$nor": [{}]}


@dataclass(frozen=True, slots=True)
class Not(Predicate):
    """The part does not fit."""

    part: Predicate

    def __post_init__(self) -> None:
        self._measure(self.part)

    def holds(self, value: Any) -> bool:
        """Whether the part does not hold."""
        return not self.part.holds(value)

    def paths(self) -> frozenset[str]:
        """The paths of the part."""
        return self.part.paths()

    def to_dict(self) -> dict[str, Any]:
        """`{"$not": {...}}`."""
        return {"$not": self.part.to_dict()}


@dataclass(frozen=True, slots=True)
class ElementMatch(Condition):
    """An array with an element for which a whole predicate holds.

    of_dicts: the predicate's paths start in the element, which must be a dict; otherwise it
        asks about the element itself.
    operand: what `$elemMatch` was given.
    """

    predicate: Predicate
    of_dicts: bool
    operand: Mapping[str, Any] = field(compare=False, repr=False)
    expands: ClassVar[bool] = False

    def test(self, value: Any) -> bool:
        """Whether the value is an array with such an element."""
        return isinstance(value, list | tuple) and any(
            self.predicate.holds(element)
            for element in value
            if not self.of_dicts or isinstance(element, dict)
        )

    def to_dict(self) -> dict[str, Any]:
        """`{"$elemMatch": operand}`."""
        return {"$elemMatch": dict(self.operand)}


def all_of(*parts: Predicate) -> Predicate:
    """All parts, nested ones drawn into one level; a single part is itself."""
    flat = tuple(_flat(parts, AllOf))
    return flat[0] if len(flat) == 1 else AllOf(flat)


def any_of(*parts: Predicate) -> Predicate:
    """At least one part, nested ones drawn into one level; a single part is itself."""
    flat = tuple(_flat(parts, AnyOf))
    return flat[0] if len(flat) == 1 else AnyOf(flat)


def _flat(parts: tuple[Predicate, ...], kind: type[AllOf] | type[AnyOf]) -> Iterator[Predicate]:
    for part in parts:
        if not isinstance(part, Predicate):
            raise refuse(
                ("where",), part, "can only be combined with another filter",
                "wrap a dict with Filter.parse(...)",
            )  # fmt: skip
        if isinstance(part, kind):
            yield from part.parts
        else:
            yield part
