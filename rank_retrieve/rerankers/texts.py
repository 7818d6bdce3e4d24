"""The text of a document, as models read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.rerankers.candidates import Candidates, value_at
from rank_retrieve.types import Query

TextOf: TypeAlias = str | Sequence[str] | Callable[[Mapping[str, Any]], str]
"""A field, several whose texts are joined by spaces, or a function of the document."""


def check_text_of(text: TextOf) -> None:
    """InvalidArgument for what names no field and is no function."""
    if callable(text) or (isinstance(text, str) and text):
        return
    if isinstance(text, str) or not isinstance(text, Sequence) or not text:
        raise InvalidArgument("text", text, "must be a field, several fields, or a function")
    for field in text:
        if not isinstance(field, str) or not field:
            raise InvalidArgument("text", field, "must be the name of a field")


def text_of(document: Mapping[str, Any], text: TextOf) -> str:
    """The text of one document; fields that it lacks are left out."""
    if callable(text):
        return text(document)
    fields = (text,) if isinstance(text, str) else text
    found = [value_at(document, field) for field in fields]
    return " ".join(str(value) for value in found if value is not None)


def texts_of(candidates: Candidates, text: TextOf) -> list[str]:
    """One text a candidate."""
    return [text_of(candidate.document, text) for candidate in candidates]


def query_text(query: Query, stage: str) -> str:
    """The query's text; InvalidArgument where it has none."""
    if query.text is None:
        raise InvalidArgument("query", None, f"{stage} needs the query's text")
    return query.text
