"""What a metadata value is, and how two of them compare.

    kind      Python type                    equal to              ordered by
    null      None                           null                  -
    bool      bool                           bools only            -
    int       int, 64 bits                   ints and floats       the exact number
    float     float, finite                  ints and floats       the exact number
    string    str                            strings               code point (= UTF-8 bytes)
    bytes     bytes                          bytes                 unsigned byte
    datetime  datetime with a time zone      the same instant      instant, to the microsecond
    object    dict with string keys          same keys and values, in any order      -
    array     list or tuple                  same length and elements, in order      -

Numbers compare exactly: 2**53 + 1 is not float(2**53). Values of different kinds are never equal
and never in order, but for ints and floats.
"""

from __future__ import annotations

from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any, TypeAlias

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
MIN_MICROSECONDS = (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND
MAX_MICROSECONDS = (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND


class Kind(IntEnum):
    """Kinds of values, with the codes that stored columns use."""

    NULL = 1
    BOOL = 2
    INT = 3
    FLOAT = 4
    STRING = 5
    BYTES = 6
    DATETIME = 7
    OBJECT = 8
    ARRAY = 9


# exact types: a subclass (numpy.float64, an Enum) would come back from storage as something else
KIND_OF: dict[type, Kind] = {
    type(None): Kind.NULL,
    bool: Kind.BOOL,
    int: Kind.INT,
    float: Kind.FLOAT,
    str: Kind.STRING,
    bytes: Kind.BYTES,
    datetime: Kind.DATETIME,
    dict: Kind.OBJECT,
    list: Kind.ARRAY,
    tuple: Kind.ARRAY,
}

Scalar: TypeAlias = "bool | int | float | str | bytes | datetime | None"


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970-01-01 UTC, exact and negative before; needs a time zone."""
    return (instant - EPOCH) // MICROSECOND


def identity(value: Any) -> tuple[Kind | None, Hashable]:
    """A key that two values share exactly when they are equal.

    A value of a kind that metadata cannot have is equal to nothing, itself included.
    """
    kind = KIND_OF.get(type(value))
    # datetimes by instant: Python calls two equal ones in a repeated hour of local time unequal
    if kind is Kind.DATETIME:
        return (kind, microseconds(value) if value.tzinfo is not None else object())
    if kind is Kind.FLOAT:
        return (Kind.INT, value)  # 1 and 1.0 hash alike and compare exactly
    if kind is Kind.ARRAY:
        return (kind, tuple([identity(element) for element in value]))
    if kind is Kind.OBJECT:
        return (kind, frozenset([(key, identity(element)) for key, element in value.items()]))
    if kind is None:
        return (None, object())
    return (kind, value)


def order_key(value: Any) -> tuple[Kind, Any] | None:
    """What ranges compare: keys with the same kind are ordered by their second part.

    None for values that have no order: null, bools, objects, arrays.
    """
    kind = KIND_OF.get(type(value))
    if kind is Kind.FLOAT:
        return (Kind.INT, value)
    if kind is Kind.DATETIME:
        return (kind, microseconds(value)) if value.tzinfo is not None else None
    if kind in (Kind.INT, Kind.STRING, Kind.BYTES):
        return (kind, value)
    return None


def sort_key(value: Any) -> tuple[Kind, Any]:
    """What scalars of any kinds are sorted by: first kind by kind, as they are numbered above.

    Ints and floats are one kind here too, and compare exactly.
    """
    kind = KIND_OF[type(value)]
    if kind is Kind.NULL:
        return (kind, 0)
    if kind is Kind.FLOAT:
        return (Kind.INT, value)
    return (kind, microseconds(value) if kind is Kind.DATETIME else value)
