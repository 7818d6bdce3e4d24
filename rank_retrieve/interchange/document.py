"""What a record must be to become a document."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class Located(NamedTuple):
    """A document and where it came from."""

    document: dict[str, Any]
    file: str
    line: int


class Unfit(Exception):  # noqa: N818 - readers turn it into a BadRecord
    """Why a record is not a document."""


def as_document(record: Any) -> dict[str, Any]:
    """The record with its id first and under `id`. Raises Unfit."""
    if not isinstance(record, dict):
        raise Unfit(f"not an object but {_kind(record)}")
    if "_id" in record:
        identity = record.pop("_id")
        if record.setdefault("id", identity) != identity:
            raise Unfit("has both _id and id, and they differ")
        del record["id"]
    elif "id" in record:
        identity = record.pop("id")
    else:
        raise Unfit('has neither "_id" nor "id"')
    if not isinstance(identity, str):
        raise Unfit(f"the id must be a string, got {_kind(identity)} {identity!r:.40}")
    if not identity:
        raise Unfit("the id is empty")
    for field in ("title", "text"):
        value = record.get(field)
        if value is not None and not isinstance(value, str):
            raise Unfit(f"the {field} must be a string, got {_kind(value)}")
    return {"id": identity, **record}


def header_fault(columns: Sequence[str]) -> str | None:
    """Why columns of these names hold no documents, or None."""
    if len(set(columns)) < len(columns):
        twice = next(column for column in columns if columns.count(column) > 1)
        return f"two columns are named {twice!r}"
    if "_id" not in columns and "id" not in columns:
        return f"no column is named _id or id, only {', '.join(columns)[:200]}"
    return None


def _kind(value: object) -> str:
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    return "null" if value is None else kinds.get(type(value), "a number")
