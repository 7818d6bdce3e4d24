"""Values that JSON lacks, as objects in the form of MongoDB Extended JSON v2 (relaxed).

    datetime   {"$date": "2021-05-06T07:08:09.123456Z"}
    bytes      {"$binary": {"base64": "AAE=", "subType": "00"}}

No key of stored metadata begins with "$", so such an object is never metadata itself.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

DATE, BINARY = "$date", "$binary"


def tag(value: Any) -> Any:
    """The value with datetimes and bytes as tagged objects, for a JSON encoder."""
    if isinstance(value, dict):
        return {key: tag(element) for key, element in value.items()}
    if isinstance(value, list | tuple):
        return [tag(element) for element in value]
    if isinstance(value, datetime):
        return {DATE: value.astimezone(UTC).isoformat().replace("+00:00", "Z")}
    if isinstance(value, bytes):
        return {BINARY: {"base64": base64.b64encode(value).decode("ascii"), "subType": "00"}}
    return value


def untag(value: Any) -> Any:
    """The reverse of `tag`. Raises ValueError for a tagged object of no such value."""
    if isinstance(value, list):
        return [untag(element) for element in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((key, held),) = value.items()
        if key in _READERS:
            return _READERS[key](held)
    return {key: untag(element) for key, element in value.items()}


def _date(held: Any) -> datetime:
    if isinstance(held, str):
        found = datetime.fromisoformat(held)
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    raise ValueError(f"{DATE} holds {type(held).__name__}, not an ISO 8601 string")


def _binary(held: Any) -> bytes:
    if isinstance(held, dict) and isinstance(held.get("base64"), str):
        try:
            return base64.b64decode(held["base64"], validate=True)
        except binascii.Error as error:
            raise ValueError(f"{BINARY}: {error}") from error
    raise ValueError(f'{BINARY} must hold {{"base64": ..., "subType": ...}}')


_READERS: dict[str, Callable[[Any], Any]] = {DATE: _date, BINARY: _binary}
