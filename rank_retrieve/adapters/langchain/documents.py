"""LangChain's documents and ours.

How one stands for the other:

    Document(id="d1", page_content="A cat.", metadata={"year": 2021})
    {"id": "d1", "text": "A cat.", "metadata": {"year": 2021}, "vector": [...]}
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.documents import Document

from rank_retrieve.adapters.passages import METADATA
from rank_retrieve.errors import InvalidArgument

TEXT = "text"
VECTOR = "vector"


def to_ours(
    texts: Sequence[str],
    metadatas: Sequence[Mapping[str, Any] | None] | None,
    ids: Sequence[str | None] | None,
) -> list[dict[str, Any]]:
    """Our documents, without vectors; a random id for each that has none.

    Raises InvalidArgument when the numbers of texts, metadatas and ids differ.
    """
    for name, given in (("metadatas", metadatas), ("ids", ids)):
        if given and len(given) != len(texts):
            raise InvalidArgument(
                name, len(given), f"must be as many as there are texts, {len(texts)}"
            )
    rows = metadatas or [None] * len(texts)
    return [
        {"id": identity or str(uuid.uuid4()), TEXT: text, METADATA: dict(row or {})}
        for text, row, identity in zip(texts, rows, ids or [None] * len(texts), strict=True)
    ]


def to_theirs(document: Mapping[str, Any]) -> Document:
    """A document of the vector store."""
    return Document(
        id=document["id"],
        page_content=document.get(TEXT) or "",
        metadata=document.get(METADATA) or {},
    )
