"""The candidates of a fusion: every doc that some leg found, and where each leg put it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Float64s, Int64s, Ranked


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
        found = legs[0].docs if len(legs) == 1 else np.concatenate([leg.docs for leg in legs])
        order = np.argsort(found, kind="stable")
        ascending = found[order]
        first = np.empty(len(found), dtype=np.bool_)
        first[:1] = True
        np.not_equal(ascending[1:], ascending[:-1], out=first[1:])
        column = np.empty(len(found), dtype=np.int64)
        column[order] = np.cumsum(first) - 1
        docs = ascending[first]
        columns = []
        end = 0
        for number, leg in enumerate(legs, 1):
            start, end = end, end + len(leg)
            own = column[start:end]
            if len(own) > 1 and np.bincount(own).max() > 1:
                doc = docs[np.argmax(np.bincount(own))]
                raise InvalidArgument("legs", int(doc), f"leg {number} holds this doc twice")
            columns.append(own)
        return cls(tuple(legs), docs, tuple(columns))

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
            result[leg] = absent if isinstance(absent, float) else absent[leg]
            result[leg, columns] = leg_values
        return result

    def ranks(self) -> Int64s:
        """int64 [n_legs, n]: 1 for a leg's best doc, 0 where the leg does not hold the doc."""
        result = np.zeros((len(self.legs), len(self.docs)), dtype=np.int64)
        for leg, columns in enumerate(self.columns):
            result[leg, columns] = np.arange(1, len(columns) + 1)
        return result


def _check(leg: Ranked, number: int) -> None:
    docs, scores = leg.docs, leg.scores
    if docs.shape != scores.shape or docs.ndim != 1:
        shapes = f"{docs.shape} and {scores.shape}"
        raise InvalidArgument("legs", shapes, f"leg {number} needs as many docs as scores")
    if docs.dtype != np.int64 or scores.dtype != np.float64:
        kinds = f"{docs.dtype} and {scores.dtype}"
        raise InvalidArgument("legs", kinds, f"leg {number} needs int64 docs and float64 scores")
    if not np.isfinite(scores).all():
        bad = float(scores[~np.isfinite(scores)][0])
        raise InvalidArgument("legs", bad, f"leg {number} has a score that is not finite")
    if (scores[1:] > scores[:-1]).any():
        rank = int(np.argmax(scores[1:] > scores[:-1])) + 2
        raise InvalidArgument(
            "legs", float(scores[rank - 1]), f"leg {number} is not best first at rank {rank}"
        )
