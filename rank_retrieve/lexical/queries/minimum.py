"""How many optional clauses must match, as people write it."""

from __future__ import annotations

import re

from rank_retrieve.errors import InvalidArgument

MAX_CLAUSES = 65_536
_PERCENTAGE = re.compile(r"(-?)(\d{1,3})%")


def checked_minimum(value: object) -> int | str | None:
    """None, a whole number, or a percentage such as "75%"; see `clauses_needed`."""
    if value is None:
        return None
    if isinstance(value, str):
        found = _PERCENTAGE.fullmatch(value)
        if found and int(found[2]) <= 100:
            return value
    elif isinstance(value, int) and not isinstance(value, bool) and abs(value) <= MAX_CLAUSES:
        return value
    raise InvalidArgument(
        "minimum_should_match", value, 'must be a whole number, or a percentage such as "75%"'
    )


def clauses_needed(minimum: int | str, n_clauses: int) -> int:
    """How many of n_clauses, 0..n_clauses; percentages are rounded down.

    A negative number or percentage says how many may be missing.
    """
    if isinstance(minimum, str):
        found = _PERCENTAGE.fullmatch(minimum)
        assert found is not None
        share = int(found[2]) * n_clauses // 100
        wanted = n_clauses - share if found[1] else share
    else:
        wanted = n_clauses + minimum if minimum < 0 else minimum
    return max(wanted, 0)
