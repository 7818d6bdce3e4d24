"""The result of a fusion, with what is needed to explain every score of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from rank_retrieve.errors import InvalidArgument, NotFound
from rank_retrieve.types import Explanation, Float64s, Int64s, Ranked


class Formulas(Protocol):
    """A fusion method, as far as explanations ask it; `repr` is its name there."""

    def formula(self, leg: int, rank: int, score: float) -> str:
        """How the contribution of one leg came about; rank 0: the leg does not hold the doc."""
        ...


@dataclass(frozen=True, eq=False)
class Fused:
    """Docs of several legs in one ranking, best first; equal scores by ascending doc.

    docs: int64 [n].
    scores: float64 [n], the sum of `contributions` over legs, added from the first leg on.
    contributions: float64 [n_legs, n], what each leg adds to the score.
    legs: the rankings that were fused.
    method: what fused them.
    """

    docs: Int64s
    scores: Float64s
    contributions: Float64s
    legs: tuple[Ranked, ...]
    method: Formulas

    def __len__(self) -> int:
        return len(self.docs)

    @property
    def n_legs(self) -> int:
        """How many rankings were fused."""
        return len(self.legs)

    @cached_property
    def ranks(self) -> Int64s:
        """int64 [n_legs, n]: 1 for a leg's best doc, 0 where the leg does not hold the doc."""
        result = np.zeros((self.n_legs, len(self)), dtype=np.int64)
        for row, leg in zip(result, self.legs, strict=True):
            rank_of = {doc: rank for rank, doc in enumerate(leg.docs.tolist(), 1)}
            row[:] = [rank_of.get(doc, 0) for doc in self.docs.tolist()]
        return result

    @cached_property
    def leg_scores(self) -> Float64s:
        """float64 [n_legs, n]: the leg's own score, NaN where it does not hold the doc."""
        result = np.full((self.n_legs, len(self)), np.nan)
        for row, leg, ranks in zip(result, self.legs, self.ranks, strict=True):
            row[ranks > 0] = leg.scores[ranks[ranks > 0] - 1]
        return result

    def position(self, doc: int) -> int:
        """Where a doc stands, 0 for the best; NotFound when it is not among the results."""
        places = np.flatnonzero(self.docs == doc)
        if not len(places):
            raise NotFound("fused doc", str(doc), "fuse with a larger k to explain more docs")
        return int(places[0])

    def explain(
        self,
        doc: int,
        *,
        names: Sequence[str] | None = None,
        legs: Sequence[Explanation | None] | None = None,
    ) -> Explanation:
        """How a doc got its score: one child a leg, whose values sum exactly to the score.

        names: what to call the legs, "leg 1" and so on when not given.
        legs: each leg's explanation of its own score, shown below its contribution.
        Raises NotFound for a doc that is not among the results, InvalidArgument for names or
        legs of the wrong number.
        """
        at = self.position(doc)
        if names is None:
            names = [f"leg {number}" for number in range(1, self.n_legs + 1)]
        details: Sequence[Explanation | None] = [None] * self.n_legs if legs is None else legs
        for argument, given in (("names", names), ("legs", details)):
            if len(given) != self.n_legs:
                raise InvalidArgument(argument, len(given), f"must be {self.n_legs}, one a leg")
        children = tuple(
            self._child(leg, at, names[leg], details[leg]) for leg in range(self.n_legs)
        )
        found = int(np.count_nonzero(self.ranks[:, at]))
        label = f"{self.method!r}, found by {found} of {self.n_legs} legs"
        return Explanation(float(self.scores[at]), label, children, "sum")

    def _child(self, leg: int, at: int, name: str, detail: Explanation | None) -> Explanation:
        rank, score = int(self.ranks[leg, at]), float(self.leg_scores[leg, at])
        where = f"rank {rank}, score {score:.6g}" if rank else "not found"
        label = f"{name} ({where}): {self.method.formula(leg, rank, score)}"
        value = float(self.contributions[leg, at])
        return Explanation(value, label, () if detail is None else (detail,))
