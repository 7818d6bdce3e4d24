"""The candidates of a fusion: every doc that some leg found, and where each leg put it."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Float64s, Int64s, Ranked

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Pool:
    """The union of the legs.

    legs: the rankings, in the order in which they were given.
    docs: int64 [n], every doc of any leg, ascending and once.
    columns: for each leg int64 [len(leg)]: the place in `docs` of each of its docs, best first.
    """

    legs: tuple[Ranked, ...]
    docs: Int64s
    columns: tuple[Int64s, ...]

    @classmethod
    def of(cls, legs: Sequence[Ranked]) -> Pool:
        """Unite legs; InvalidArgument for no legs, or one that is not a ranking.

        Scores must be finite and not increase, and a leg may hold a doc only once: a method
        would otherwise turn them into a plausible, wrong order.
        """
        if not legs:
            raise InvalidArgument("legs", [], "fusion needs at least one leg")
        for number, leg in enumerate(legs, 1):
            _check(leg, number)
        found = np.concatenate([leg.docs for leg in legs])
        order = found.argsort(kind="stable")
        ascending = found[order]
        first = np.empty(len(found), dtype=np.bool_)
        first[:1] = True
        np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
        column = np.empty(len(found), dtype=np.int64)
        column[order] = first.cumsum()
        column -= 1
        ends = list(itertools.accumulate(map(len, legs)))
        _check_once(ascending, order, first, ends)
        columns = tuple([column[start:end] for start, end in zip([0, *ends], ends, strict=False)])
        return cls(tuple(legs), ascending[first], columns)

    def __len__(self) -> int:
        return len(self.docs)

    def counts(self) -> Int64s:
        """In how many legs each candidate is: int64 [n]."""
        return np.bincount(np.concatenate(self.columns), minlength=len(self.docs))

    def table(self, values: Sequence[Float64s], absent: Sequence[float] | float = 0.0) -> Float64s:
        """Values of each leg's docs, best first, as float64 [n_legs, n].

        absent: what stands where a leg does not hold the doc, one for all legs or one for each.
        """
        result = np.empty((len(self.legs), len(self.docs)), dtype=np.float64)
        for leg, (columns, leg_values) in enumerate(zip(self.columns, values, strict=True)):
            row = result[leg]
            row.fill(absent if isinstance(absent, float) else absent[leg])
            row[columns] = leg_values
        return result


def _check(leg: Ranked, number: int) -> None:
    docs, scores = leg.docs, leg.scores
    if docs.shape != scores.shape or docs.ndim != 1:
        shapes = f"{docs.shape} and {scores.shape}"
        raise InvalidArgument("legs", shapes, f"leg {number} needs as many docs as scores")
    if docs.dtype != np.int64 or scores.dtype != np.float64:
        kinds = f"{docs.dtype} and {scores.dtype}"
        raise InvalidArgument("legs", kinds, f"leg {number} needs int64 docs and float64 scores")
    if not len(scores):
        return
    # of scores that fall, the first and the last are the only ones that can be infinite
    falls = bool((scores[1:] <= scores[:-1]).all())
    if not (falls and math.isfinite(scores[0]) and math.isfinite(scores[-1])):
        if not np.isfinite(scores).all():
            bad = float(scores[~np.isfinite(scores)][0])
            raise InvalidArgument("legs", bad, f"leg {number} has a score that is not finite")
        rank = int(np.argmax(scores[1:] > scores[:-1])) + 2
        raise InvalidArgument(
            "legs", float(scores[rank - 1]), f"leg {number} is not best first at rank {rank}"
        )


def _check_once(
    ascending: Int64s, order: Int64s, first: NDArray[np.bool_], ends: list[int]
) -> None:
    """InvalidArgument for a doc that one leg holds twice: equal neighbours from the same leg."""
    again = np.flatnonzero(~first)
    if not len(again):
        return
    bounds = np.array(ends)
    leg = bounds.searchsorted(order[again], side="right")
    same = leg == bounds.searchsorted(order[again - 1], side="right")
    if same.any():
        at = int(np.argmax(same))
        doc = int(ascending[again[at]])
        raise InvalidArgument("legs", doc, f"leg {int(leg[at]) + 1} holds this doc twice")
