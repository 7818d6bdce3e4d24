"""Dates in metadata, which Haystack keeps as ISO 8601 strings and compares as instants.

    meta    {"date": "2020-01-01T10:00:00+02:00"}    {"date": "2020-01-01"}
    dates   {"local": {"date": 10:00},               {"local": {"date": 00:00}}
             "utc": {"date": 08:00}}

A string that is a date is stored twice more, as the datetime that its clock shows and, where it
names a zone, as the instant. A date without a zone is taken to be in the zone of whatever it is
compared with, as Haystack has it: such a pair is compared by clock, all others by instant.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

DATES = "dates"
LOCAL = "local"
INSTANT = "utc"

_LOOKS_LIKE_A_DATE = re.compile(r"\d{4}-\d{2}-\d{2}(?:[Tt ].*)?", re.DOTALL)


def parse_date(value: object) -> datetime | None:
    """The datetime that a value is or spells in full, None for all else."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _LOOKS_LIKE_A_DATE.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value)
    except ValueError:
        return None


def dates_of(meta: Mapping[str, Any]) -> dict[str, Any] | None:
    """The dates in metadata, as above; None where there are none."""
    local = _collected(meta, lambda date: date.replace(tzinfo=UTC))
    if not local:
        return None
    instant = _collected(meta, lambda date: date if date.tzinfo is not None else None)
    return {LOCAL: local, INSTANT: instant} if instant else {LOCAL: local}


def _collected(meta: Mapping[str, Any], form: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in meta.items():
        if isinstance(value, Mapping):
            below = _collected(value, form)
            if below:
                found[key] = below
        elif (date := parse_date(value)) is not None and (kept := form(date)) is not None:
            found[key] = kept
    return found


def compared(path: str, operator: str, date: datetime) -> dict[str, Any]:
    """A filter for documents whose date at a path (below `meta`) stands so to another.

    operator: of our filters, such as "$gt".
    """
    local, instant = f"{DATES}.{LOCAL}.{path}", f"{DATES}.{INSTANT}.{path}"
    by_clock = {local: {operator: date.replace(tzinfo=UTC)}}
    if date.tzinfo is None:
        return by_clock
    return {
        "$or": [
            {instant: {operator: date}},
            {"$and": [by_clock, {instant: {"$exists": False}}]},
        ]
    }
