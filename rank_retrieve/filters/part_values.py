"""The values of a column's part, from the numbers that are stored for them.

kind       stored                 value
null       nothing                None
bool, int  steps from a base      base + unit * step
float      the float              itself
datetime   steps, microseconds    the instant, in UTC
string     a code                 that entry of the dictionary, UTF-8
bytes      a code                 that entry of the dictionary
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.errors import CorruptionError
from rank_retrieve.filters.columns import Column, Part
from rank_retrieve.filters.values import EPOCH, Kind

SCALARS = frozenset(Kind) - {Kind.OBJECT, Kind.ARRAY}


def values_of(part: Part, stored: NDArray[Any], origin: str) -> list[Any]:
    """Stored values of a scalar part as Python's.

    Raises CorruptionError, naming `origin`, for what no document can have held.
    """
    return _DECODERS[part.kind](part, stored, origin)


def stored_of_doc(part: Part, doc: int) -> NDArray[Any]:
    """What a part stores for one doc."""
    if part.docs is not None:
        low, high = np.searchsorted(part.docs, [doc, doc + 1])
        if part.kind is Kind.NULL:
            return np.zeros(int(high - low), dtype=np.uint8)
        return part.values[int(low) : int(high)]
    there = part.present is None or bool(part.present[doc])
    if part.kind is Kind.NULL:
        return np.zeros(int(there), dtype=np.uint8)
    return part.values[doc : doc + int(there)]


def scalars_of_doc(column: Column, doc: int, origin: str) -> Iterator[Any]:
    """Every scalar that a column has for one doc."""
    for kind, part in column.parts.items():
        if kind in SCALARS:
            yield from values_of(part, stored_of_doc(part, doc), origin)


# --------------------------------------------------------------------------- decoders


def _nulls(part: Part, stored: NDArray[Any], origin: str) -> list[Any]:
    return [None] * len(stored)


def _bools(part: Part, stored: NDArray[Any], origin: str) -> list[Any]:
    return [bool(number) for number in _integers(part, stored, origin)]


def _integers(part: Part, stored: NDArray[Any], origin: str) -> list[Any]:
    return [part.base + part.unit * step for step in stored.tolist()]


def _floats(part: Part, stored: NDArray[Any], origin: str) -> list[Any]:
    return list(stored.tolist())


def _datetimes(part: Part, stored: NDArray[Any], origin: str) -> list[Any]:
    try:
        return [
            EPOCH + timedelta(microseconds=number) for number in _integers(part, stored, origin)
        ]
    except OverflowError as error:
        raise CorruptionError(origin, 0, "instants of the years 1 to 9999", str(error)) from error


def _bytes(part: Part, stored: NDArray[Any], origin: str) -> list[Any]:
    assert part.dictionary is not None
    return [part.dictionary[code] for code in stored.tolist()]


def _strings(part: Part, stored: NDArray[Any], origin: str) -> list[Any]:
    try:
        return [entry.decode("utf-8") for entry in _bytes(part, stored, origin)]
    except UnicodeDecodeError as error:
        raise CorruptionError(origin, 0, "strings in UTF-8", error.reason) from error


_DECODERS: dict[Kind, Callable[[Part, NDArray[Any], str], list[Any]]] = {
    Kind.NULL: _nulls,
    Kind.BOOL: _bools,
    Kind.INT: _integers,
    Kind.FLOAT: _floats,
    Kind.STRING: _strings,
    Kind.BYTES: _bytes,
    Kind.DATETIME: _datetimes,
}
