"""What values a metadata field has, as Haystack's stores tell it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any

from rank_retrieve.adapters.haystack.filters import META

_TYPES: dict[type, str] = {bool: "boolean", int: "int", float: "float"}


def values_of(metas: Iterable[Mapping[str, Any]], field: str) -> Iterator[Any]:
    """The values of a field that are not None; its name may start with "meta."."""
    key = field.removeprefix(f"{META}.")
    for meta in metas:
        value = meta.get(key)
        if value is None and "." in key:
            value = _reached(meta, key)
        if value is not None:
            yield value


def _reached(meta: Mapping[str, Any], path: str) -> Any:
    value: Any = meta
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def distinct(values: Iterable[Any]) -> list[Any]:
    """The different values, 1, 1.0, True and "1" among them, sorted by their text."""
    found: dict[Hashable, Any] = {}
    for value in values:
        found.setdefault(_identity(value), value)
    return sorted(found.values(), key=lambda value: (str(value), type(value).__name__))


def _identity(value: Any) -> Hashable:
    if isinstance(value, list | tuple):
        return (list, tuple(_identity(element) for element in value))
    if isinstance(value, Mapping):
        return (dict, frozenset((key, _identity(element)) for key, element in value.items()))
    return (type(value), value)


def field_types(metas: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """The type of each field, by the last value that it has."""
    types: dict[str, dict[str, str]] = {}
    for meta in metas:
        for key, value in meta.items():
            if value is not None:
                types[key] = {"type": _TYPES.get(type(value), "keyword")}
    return types


def min_and_max(values: Iterable[Any]) -> dict[str, Any]:
    """The extremes of numbers, or of strings; None for a mixture, and where there are none."""
    ordered = [value for value in values if isinstance(value, int | float | str)]
    kinds = {isinstance(value, str) for value in ordered}
    if len(kinds) != 1:
        return {"min": None, "max": None}
    return {"min": min(ordered), "max": max(ordered)}
