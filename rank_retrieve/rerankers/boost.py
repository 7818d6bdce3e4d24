"""Scores that follow the documents' fields."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.rerankers.candidates import Candidates
from rank_retrieve.rerankers.expression import Expression
from rank_retrieve.rerankers.stage import Kept, Part, Reranked
from rank_retrieve.types import Float64s, Query

SCORE = "score"


class _Combine(NamedTuple):
    """gain: (earlier scores, values) -> what is added; neutral: the value that changes nothing."""

    gain: Callable[[Float64s, Float64s], Float64s]
    formula: str


COMBINES = {
    "multiply": _Combine(
        lambda scores, values: np.abs(scores) * (values - 1.0), "|earlier score| x ({} - 1)"
    ),
    "add": _Combine(lambda _, values: values, "{}"),
    "replace": _Combine(lambda _, values: values, "{}"),
}


@dataclass(frozen=True)
class Boost:
    """New scores by an expression over the document's fields.

    expression: such as "1 + 0.1 * log1p(citations)" or "2 * (category == 'books')"; see
        `Expression`. The variable `score` is the earlier score.
    how: "multiply" adds |score| * (value - 1), which is score * value for scores that are not
        negative; "add" adds the value; "replace" takes the value alone.
    missing: the value for a document where the expression has none, for example because a field
        is missing; None leaves its score as it is (under "replace", InvalidArgument).

    Raises InvalidArgument for an expression that cannot be read, with the place of the error.
    """

    expression: str
    how: Literal["multiply", "add", "replace"] = "multiply"
    missing: float | None = None

    def __post_init__(self) -> None:
        if self.how not in COMBINES:
            raise InvalidArgument("how", self.how, f"must be one of {', '.join(COMBINES)}")
        missing = self.missing
        number = isinstance(missing, int | float) and not isinstance(missing, bool)
        if missing is not None and not (number and math.isfinite(missing)):
            raise InvalidArgument("missing", missing, "must be a finite number or None")
        object.__setattr__(self, "_parsed", Expression(self.expression))

    def rerank(self, query: Query, candidates: Candidates, k: int) -> Reranked:
        """The earlier scores, and what the expression adds or puts in their place."""
        parsed: Expression = getattr(self, "_parsed")  # noqa: B009 - made once, no field
        columns = {name: candidates.values(name) for name in parsed.fields if name != SCORE}
        if SCORE in parsed.fields:
            columns[SCORE] = candidates.scores.tolist()
        found = parsed.values(columns, len(candidates))
        empty = np.isnan(found)
        combine = COMBINES[self.how]
        values = found if self.missing is None else np.where(empty, self.missing, found)
        added = combine.gain(candidates.scores, values)
        if self.missing is None:
            if self.how == "replace" and empty.any():
                first = candidates[int(np.argmax(empty))].id
                raise InvalidArgument(
                    "expression", self.expression, f"has no value for {first!r}", "pass missing="
                )
            added = np.where(empty, 0.0, added)

        def why(place: int) -> str:
            if empty[place]:
                return f"{self.expression} has no value here"
            known = ", ".join(f"{name} = {column[place]!r}" for name, column in columns.items())
            shown = combine.formula.format(f"{values[place]:.6g}")
            return f"{shown}, of {self.expression}" + (f" with {known}" if known else "")

        changed = Part(added, why)
        kept = () if self.how == "replace" else (Kept.of(candidates),)
        return Reranked(candidates, (*kept, changed), f"boost, {self.how}: {self.expression}")
