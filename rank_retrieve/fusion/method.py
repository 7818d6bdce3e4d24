"""What a fusion method is, and the frame that every method of this package fills in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.fusion.fused import Fused
from rank_retrieve.fusion.pool import Pool
from rank_retrieve.types import Float64s, Ranked


@runtime_checkable
class FusionMethod(Protocol):
    """Several rankings to one. Methods hold parameters only, so one serves any number of calls."""

    def fuse(self, legs: Sequence[Ranked], k: int) -> Fused:
        """The k best docs of any leg, best first; equal scores by ascending doc.

        A doc needs to be in one leg only. An empty leg is a leg without results, not an error.
        Raises InvalidArgument for k < 1, no legs, a leg that is not a ranking (unsorted, a doc
        twice, scores not finite), or weights of the wrong number.
        """
        ...


class SumOverLegs(ABC):
    """A method whose score is a sum of one contribution a leg: all that we know are.

    Max and min are sums too, with one contribution that is not zero. In exchange every score
    explains itself exactly: float64 contributions, added from the first leg to the last.
    """

    @abstractmethod
    def contributions(self, pool: Pool) -> Float64s:
        """What each leg adds to each candidate, float64 [n_legs, n]."""

    @abstractmethod
    def formula(self, leg: int, rank: int, score: float) -> str:
        """How the contribution of one leg came about; rank 0: the leg does not hold the doc."""

    def fuse(self, legs: Sequence[Ranked], k: int) -> Fused:
        """The k best docs of any leg; see `FusionMethod.fuse`."""
        checked_k(k)
        pool = Pool.of(legs)
        contributions = self.contributions(pool)
        scores = contributions[0].copy()
        for row in contributions[1:]:
            scores += row
        # docs ascend, so a stable sort leaves equal scores in order of doc
        best = (-scores).argsort(kind="stable")[:k]
        return Fused(pool.docs[best], scores[best], contributions[:, best], pool.legs, self)


def checked_k(k: object, argument: str = "k") -> int:
    """A whole number of at least 1, or InvalidArgument."""
    if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
        raise InvalidArgument(argument, k, "must be a whole number of at least 1")
    return int(k)
