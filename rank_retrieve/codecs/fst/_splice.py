"""How helpers get into the FST's kernels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

F = TypeVar("F", bound=Callable[..., Any])


def spliced(function: F) -> F:
    """A helper whose statements are copied into its callers before they are compiled.

    Numba counts references to an array around each call that takes one, in atomic operations
    that cost more than a step of the walk: splicing made building 1.3 times and fuzzy search
    3 times as fast. It compiles longer, so the helper should have few callers.
    """
    return cast(F, njit(inline="always", error_model="numpy")(function))
