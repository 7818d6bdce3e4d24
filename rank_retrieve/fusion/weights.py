"""How much each leg counts."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rank_retrieve.errors import InvalidArgument


def checked_weights(weights: Sequence[float] | None) -> tuple[float, ...] | None:
    """Finite, none negative, not all zero, as a tuple; None means that all legs count alike."""
    if weights is None:
        return None
    if isinstance(weights, str | bytes) or not hasattr(weights, "__iter__"):
        raise InvalidArgument("weights", weights, "must be a sequence of numbers, one a leg")
    result = []
    for weight in weights:
        try:
            value = float(weight)
        except (TypeError, ValueError):
            raise InvalidArgument("weights", weight, "must be numbers") from None
        if not math.isfinite(value) or value < 0:
            raise InvalidArgument("weights", value, "must be finite and not negative")
        result.append(value)
    if not any(result):
        raise InvalidArgument("weights", tuple(result), "must not all be zero")
    return tuple(result)


def weights_for(weights: tuple[float, ...] | None, n_legs: int) -> tuple[float, ...]:
    """One weight a leg; InvalidArgument when there are more or fewer weights than legs."""
    if weights is None:
        return (1.0,) * n_legs
    if len(weights) != n_legs:
        raise InvalidArgument("weights", weights, f"must be {n_legs} numbers, one a leg")
    return weights
