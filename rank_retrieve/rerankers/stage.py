"""What a stage is, and how stages follow one another.

    candidates -> stage -> reranked -> stage -> reranked ... -> the first k

A stage says of each candidate what its new score is the sum of; sorting, cutting and explaining
come with that. So every score explains itself: the stage's parts, and below them the score that
the candidate came with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.rerankers.candidates import Candidates, Source
from rank_retrieve.types import Explanation, Float64s, Int64s, Query


def _no_details(_: int) -> tuple[Explanation, ...]:
    return ()


@dataclass(frozen=True, eq=False)
class Part:
    """One summand of the new scores.

    values: float64 [n], one a candidate; NaN drops the candidate.
    formula: place of a candidate -> how its value came about.
    details: place -> what illustrates it.
    earlier: whether the value is made from the earlier score, which is then shown below it.
    """

    values: Float64s
    formula: Callable[[int], str]
    details: Callable[[int], tuple[Explanation, ...]] = _no_details
    earlier: bool = False


@dataclass(frozen=True, eq=False)
class Kept(Part):
    """The earlier score itself as a summand; `Kept.of(candidates)`."""

    @classmethod
    def of(cls, candidates: Candidates) -> Kept:
        """The scores that the candidates came with."""
        return cls(candidates.scores, lambda _: "earlier score", earlier=True)


@dataclass(frozen=True, eq=False)
class Reranked:
    """What a stage made of candidates: `scores` is the sum of the parts, from the first on.

    label: the stage and its parameters.
    Raises InvalidArgument for a part that has not one value a candidate.
    """

    candidates: Candidates
    parts: tuple[Part, ...]
    label: str

    def __post_init__(self) -> None:
        n = len(self.candidates)
        for part in self.parts:
            if part.values.shape != (n,):
                raise InvalidArgument(
                    "rerank", part.values.shape, f"{self.label} must give {n} values, one each"
                )

    @cached_property
    def scores(self) -> Float64s:
        """float64 [n candidates], NaN for those that were dropped."""
        total = np.zeros(len(self.candidates))
        for part in self.parts:
            total += part.values
        return total

    @cached_property
    def order(self) -> Int64s:
        """Places of candidates, best first; equal scores in the earlier order."""
        kept = np.flatnonzero(~np.isnan(self.scores))
        order: Int64s = kept[np.argsort(-self.scores[kept], kind="stable")]
        return order

    def explain(self, place: int, earlier: Explanation) -> Explanation:
        """How a candidate got its new score; its children sum exactly to it."""
        children = [self._child(part, place, earlier) for part in self.parts]
        if not any(part.earlier for part in self.parts):
            children.append(Explanation(0.0, "earlier score, does not count", (earlier,)))
        label = f"{self.label}, before: rank {place + 1}"
        return Explanation(float(self.scores[place]), label, tuple(children), "sum")

    def _child(self, part: Part, place: int, earlier: Explanation) -> Explanation:
        if isinstance(part, Kept):
            return earlier
        below = part.details(place) + ((earlier,) if part.earlier else ())
        return Explanation(float(part.values[place]), part.formula(place), below)


@runtime_checkable
class Stage(Protocol):
    """A step after retrieval. Stages hold parameters only, so one serves any number of calls."""

    def rerank(self, query: Query, candidates: Candidates, k: int) -> Reranked:
        """New scores for candidates, of which the k best are wanted.

        Finite scores; NaN drops a candidate, as long as min(k, n) stay.
        """
        ...


Rerank: TypeAlias = Stage | Callable[[Query, Candidates], Sequence[float]]
"""A stage, or a function (query, candidates) -> one score each, as `search(rerank=...)` takes."""


@dataclass(frozen=True, eq=False)
class Staged:
    """The end of the line: positions in the source, scores, and how they came about.

    positions: int64 [n]; scores: float64 [n], not increasing.
    stages: each with what it made.
    """

    source: Source
    positions: Int64s
    scores: Float64s
    stages: tuple[Reranked, ...] = field(default=())

    def explain(self, position: int) -> Explanation:
        """A tree with one level a stage, the last on top."""
        result = self.source.explain(position)
        for stage in self.stages:
            place = int(np.flatnonzero(stage.candidates.positions == position)[0])
            result = stage.explain(place, result)
        return result

    def describe(self) -> list[dict[str, Any]]:
        """The stages for a search's plan."""
        return [
            {"stage": stage.label, "candidates": len(stage.candidates)} for stage in self.stages
        ]


def as_stages(rerank: Rerank | Sequence[Rerank]) -> tuple[Stage, ...]:
    """Stages from what `search(rerank=...)` takes; InvalidArgument for anything else."""
    from rank_retrieve.rerankers.function import Scored

    given = rerank if isinstance(rerank, list | tuple) else (rerank,)
    stages: list[Stage] = []
    for stage in given:
        if isinstance(stage, Stage) and not isinstance(stage, type):
            stages.append(stage)
        elif callable(stage) and not isinstance(stage, type):
            stages.append(Scored(stage))
        else:
            raise InvalidArgument(
                "rerank", stage, "must be a stage, such as rr.MMR(), or a function"
            )
    return tuple(stages)


def run_stages(
    stages: Sequence[Stage], query: Query, source: Source, scores: Float64s, k: int
) -> Staged:
    """Send the source's hits through stages, one after the other, and keep the k best.

    scores: float64 [n], of the source's hits, not increasing.
    Raises InvalidArgument for a stage that gives scores which are not finite, or drops too many.
    """
    positions = np.arange(len(scores), dtype=np.int64)
    done: list[Reranked] = []
    for number, stage in enumerate(stages, 1):
        last = number == len(stages)
        candidates = Candidates(source, positions, scores)
        result = stage.rerank(query, candidates, k if last else len(candidates))
        order = result.order
        scores = result.scores[order]
        _check(stage, scores, min(k, len(candidates)), len(candidates))
        positions = positions[order]
        done.append(result)
    return Staged(source, positions[:k], scores[:k], tuple(done))


def _check(stage: Stage, scores: Float64s, wanted: int, n: int) -> None:
    if not np.isfinite(scores).all():
        raise InvalidArgument("rerank", stage, "gave a score that is infinite")
    if len(scores) < wanted:
        raise InvalidArgument("rerank", stage, f"kept {len(scores)} of {n}, {wanted} are wanted")
