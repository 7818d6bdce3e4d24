"""Where a query is looked for: text fields by analyzer, their statistics, and the time there is."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from rank_retrieve.errors import DeadlineExceeded, InvalidArgument
from rank_retrieve.lexical.queries.query import FieldChoice

if TYPE_CHECKING:
    from rank_retrieve.analysis import Analyzer
    from rank_retrieve.lexical.scoring import TermWeights
    from rank_retrieve.lexical.searcher import LexicalSearcher
    from rank_retrieve.types import Float64s, Int32s, Int64s, UInt32s

MAX_TOTAL_BOOST = 1e30

TextSource: TypeAlias = "Callable[[int, Int64s, Sequence[str]], list[str]]"
"""texts(part, docs, fields): for each doc of a part its text in each field, "" for none."""


@dataclass(frozen=True, eq=False)
class FieldGroup:
    """Text fields under one analyzer, scored together.

    fields: their names. units: what an occurrence in each counts, in units of 1/scale.
    texts: where stored texts come from, None where there are none.
    """

    fields: tuple[str, ...]
    units: tuple[int, ...]
    analyzer: Analyzer
    searcher: LexicalSearcher
    texts: TextSource | None


@dataclass(frozen=True, eq=False)
class Choice:
    """Some fields of a group.

    number: of the group in the scope. units: float64 [n_fields], 0 for the fields not chosen.
    whole: whether all of its fields are chosen.
    """

    group: FieldGroup
    number: int
    units: Float64s
    whole: bool

    @property
    def label(self) -> str:
        """For explanations: nothing, or where."""
        return "" if self.whole else " in " + ", ".join(self.names)

    @property
    def names(self) -> list[str]:
        """The fields that are chosen."""
        return [name for name, units in zip(self.group.fields, self.units, strict=True) if units]


class Deadline:
    """When a query has to be answered."""

    def __init__(self, timeout_s: float | None, clock: Callable[[], float] = time.monotonic):
        if timeout_s is not None and (
            isinstance(timeout_s, bool)
            or not isinstance(timeout_s, int | float)
            or not 0 < timeout_s < float("inf")
        ):
            raise InvalidArgument("timeout_s", timeout_s, "must be a positive number of seconds")
        self._timeout_s, self._clock = timeout_s, clock
        self._end = None if timeout_s is None else clock() + timeout_s

    def check(self) -> None:
        """Raise DeadlineExceeded when the time is up."""
        if self._end is not None and self._clock() > self._end:
            assert self._timeout_s is not None
            raise DeadlineExceeded("the query", self._timeout_s)

    def lift(self) -> None:
        """Let what follows take its time."""
        self._end = None


class GroupWeights:
    """The weights of everything in one query that is scored by the statistics of one group.

    They share one power of two, as the terms of a bag of words do (`scoring`, equation 4).
    """

    def __init__(self, group: FieldGroup) -> None:
        self._group = group
        self._given: list[float] = []

    def add(self, weight: float) -> int:
        """The number of a new weight."""
        self._given.append(weight)
        return len(self._given) - 1

    @cached_property
    def settled(self) -> TermWeights:
        """All of them together; none may be added any more."""
        searcher = self._group.searcher
        return searcher.scorer.weigh([1] * len(self._given), self._given, searcher.statistics)

    def contributions(
        self, number: int, docs: Int32s, frequencies: Float64s, lengths: UInt32s
    ) -> Float64s:
        """What documents score by one weight (`scoring`, equation 3), float64 [n].

        docs: of one part. frequencies: all above 0; these and lengths, uint32 [docs of the
        part], in units of 1/scale.
        """
        from rank_retrieve.lexical._contribution_kernels import contributions

        weights = self.settled
        scores: Float64s = np.empty(len(docs))
        contributions(
            docs, frequencies, lengths, weights.scaled[number], weights.constant, weights.slope,
            weights.unit, scores,
        )  # fmt: skip
        return scores


class Scope:
    """What one query is bound to.

    groups: with the same parts, in the same order.
    """

    def __init__(self, groups: Sequence[FieldGroup], deadline: Deadline) -> None:
        self.groups, self.deadline = tuple(groups), deadline
        self.weights = [GroupWeights(group) for group in groups]

    @property
    def n_parts(self) -> int:
        """How many indexes each group has."""
        return len(self.groups[0].searcher.parts)

    def n_docs(self, part: int) -> int:
        """The docs of a part, deleted ones included."""
        return int(self.groups[0].searcher.parts[part].index.n_docs)

    @property
    def fields(self) -> Iterator[str]:
        """All text fields."""
        return (name for group in self.groups for name in group.fields)

    def choose(self, field: FieldChoice) -> list[Choice]:
        """The groups that have the fields, with what of each is meant.

        Raises InvalidArgument for a name that is no text field.
        """
        if field is None:
            return self._everything
        wanted = {field} if isinstance(field, str) else field
        unknown = set(wanted) - set(self.fields)
        if unknown:
            raise InvalidArgument(
                "field", min(unknown), f"is none of the text fields {sorted(self.fields)}"
            )
        chosen = []
        for number, group in enumerate(self.groups):
            units = np.array(
                [
                    unit if name in wanted else 0
                    for name, unit in zip(group.fields, group.units, strict=True)
                ],
                dtype=np.float64,
            )
            if units.any():
                chosen.append(Choice(group, number, units, bool(units.all())))
        return chosen

    @cached_property
    def _everything(self) -> list[Choice]:
        return [
            Choice(group, number, np.array(group.units, dtype=np.float64), True)
            for number, group in enumerate(self.groups)
        ]

    @staticmethod
    def boosted(boost: float, by: float) -> float:
        """The product of two boosts."""
        if boost * by > MAX_TOTAL_BOOST:
            raise InvalidArgument("boost", boost * by, f"is more than {MAX_TOTAL_BOOST:g} in all")
        return boost * by
