"""Haystack's documents and ours.

    Document(id="d1", content="A cat.", meta={"year": 2021}, embedding=[...])
    {"id": "d1", "content": "A cat.", "meta": {"year": 2021}, "embedding": [...]}

Also "blob", "sparse_embedding" where there is one, and "dates" (dates.py). A score is not stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from haystack import Document
from haystack.dataclasses import ByteStream, SparseEmbedding

from rank_retrieve.adapters.haystack.dates import DATES, dates_of
from rank_retrieve.adapters.haystack.filters import META

CONTENT = "content"
EMBEDDING = "embedding"


def to_ours(document: Document) -> dict[str, Any]:
    """What is put for a document."""
    stored: dict[str, Any] = {"id": document.id, CONTENT: document.content, META: document.meta}
    if document.embedding is not None:
        stored[EMBEDDING] = document.embedding
    blob, sparse = document.blob, document.sparse_embedding
    if blob is not None:
        stored["blob"] = {"data": blob.data, "meta": blob.meta, "mime_type": blob.mime_type}
    if sparse is not None:
        stored["sparse_embedding"] = {"indices": sparse.indices, "values": sparse.values}
    return with_dates(stored)


def with_dates(stored: dict[str, Any]) -> dict[str, Any]:
    """The document with the dates that its metadata has now."""
    dates = dates_of(stored[META])
    stored.pop(DATES, None)
    return stored if dates is None else {**stored, DATES: dates}


def to_theirs(
    stored: Mapping[str, Any], *, score: float | None = None, with_embedding: bool = True
) -> Document:
    """The document that was put."""
    blob, sparse = stored.get("blob"), stored.get("sparse_embedding")
    embedding = stored.get(EMBEDDING) if with_embedding else None
    return Document(
        id=stored["id"],
        content=stored.get(CONTENT),
        meta=stored.get(META) or {},
        score=score,
        embedding=None if embedding is None else embedding.tolist(),
        blob=None if blob is None else ByteStream(**blob),
        sparse_embedding=None if sparse is None else SparseEmbedding(**sparse),
    )
