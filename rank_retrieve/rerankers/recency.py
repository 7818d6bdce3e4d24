"""What is new counts more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.rerankers.candidates import Candidates
from rank_retrieve.rerankers.stage import Kept, Part, Reranked
from rank_retrieve.types import Query


def _utc_now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Recency:
    """Lifts documents by age: score + weight * |score| * 2^(-age / half_life).

    A document of this moment gains `weight` times its score, one as old as `half_life` half of
    that, one without a date nothing. (Exponential decay, as in Li & Croft, "Time-based language
    models", CIKM 2003.)

    field: dotted path to a datetime, or a string in ISO 8601; without a time zone it is UTC.
        A date in the future is as good as this moment.
    half_life: a timedelta above zero.
    weight: at least 0.
    now: the moment that ages count from, or what tells it; the clock when not given.
    """

    field: str
    half_life: timedelta
    weight: float = 0.5
    now: datetime | Callable[[], datetime] = _utc_now

    def __post_init__(self) -> None:
        if not isinstance(self.field, str) or not self.field:
            raise InvalidArgument("field", self.field, "must be the name of a field")
        if not isinstance(self.half_life, timedelta) or self.half_life <= timedelta(0):
            raise InvalidArgument("half_life", self.half_life, "must be a timedelta above zero")
        number = isinstance(self.weight, int | float) and not isinstance(self.weight, bool)
        if not number or not 0 <= self.weight < np.inf:
            raise InvalidArgument("weight", self.weight, "must be finite and not negative")
        if not callable(self.now):
            instant(self.now, "now")

    def rerank(self, query: Query, candidates: Candidates, k: int) -> Reranked:
        """The earlier scores, and what age adds."""
        now = instant(self.now() if callable(self.now) else self.now, "now")
        ages = [
            None if value is None else max(now - instant(value, self.field), timedelta(0))
            for value in candidates.values(self.field)
        ]
        shares = np.array(
            [0.0 if age is None else 2.0 ** -(age / self.half_life) for age in ages],
            dtype=np.float64,
        )
        gains = self.weight * np.abs(candidates.scores) * shares

        def why(place: int) -> str:
            age = ages[place]
            if age is None:
                return f"no {self.field}"
            days = age / timedelta(days=1)
            return (
                f"{self.weight:g} x |earlier score| x 2^(-age / half-life) = {shares[place]:.6g}, "
                f"{self.field} {days:.4g} days ago"
            )

        label = f"recency of {self.field}, half-life {self.half_life / timedelta(days=1):g} days"
        return Reranked(candidates, (Kept.of(candidates), Part(gains, why)), label)


def instant(value: Any, name: str) -> datetime:
    """An aware datetime from a datetime, a date or a string in ISO 8601; else InvalidArgument."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise InvalidArgument(name, value, "must be a date in ISO 8601") from None
    elif isinstance(value, date) and not isinstance(value, datetime):
        value = datetime.combine(value, time())
    if not isinstance(value, datetime):
        raise InvalidArgument(
            name,
            value,
            "must be a datetime, or a string in ISO 8601",
            'for numbers, such as a year, use rr.Boost("...")',
        )
    return value if value.tzinfo is not None else value.replace(tzinfo=UTC)
