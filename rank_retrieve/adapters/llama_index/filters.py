r"""LlamaIndex's metadata filters as ours, nested ones too.

    MetadataFilter(key="year", operator=">=", value=2020)      {"metadata.year": {"$gte": 2020}}
    MetadataFilters(filters=[a, b], condition="not")           {"$nor": [a, b]}
    operator "text_match", value "6F."                         {"metadata.key": {"$regex": "6F\."}}

A missing key fits "!=", "nin" and "is_empty" only. The keys "ref_doc_id", "doc_id" and
"document_id" stand for the document that a node was made from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
)

from rank_retrieve.adapters.llama_index.nodes import REF_DOC_ID
from rank_retrieve.adapters.passages import METADATA
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.filters import Predicate, parse

Clause: TypeAlias = dict[str, Any]

_OF_THE_SOURCE = frozenset((REF_DOC_ID, "doc_id", "document_id"))
_SPECIAL = frozenset(r".|()[]{}*+?^$\-")


def to_predicate(
    filters: MetadataFilters | None,
    *,
    node_ids: Sequence[str] | None = None,
    doc_ids: Sequence[str] | None = None,
) -> Predicate | None:
    """All of these as one filter, None when none is given. Raises InvalidArgument."""
    parts: list[Clause] = []
    if filters is not None:
        parts.append(_group(filters))
    if node_ids is not None:
        parts.append({"id": {"$in": list(node_ids)}})
    if doc_ids is not None:
        parts.append({REF_DOC_ID: {"$in": list(doc_ids)}})
    return parse({"$and": parts}) if parts else None


def of_query(query: VectorStoreQuery) -> Predicate | None:
    """The filter of a query; an index that holds no nodes itself sends an empty list of them."""
    return to_predicate(
        query.filters, node_ids=query.node_ids or None, doc_ids=query.doc_ids or None
    )


def _group(filters: MetadataFilters) -> Clause:
    parts = [
        _group(part) if isinstance(part, MetadataFilters) else _single(part)
        for part in filters.filters
    ]
    # theirs lets everything by when there is nothing to ask, whatever the condition
    return _CONDITIONS[filters.condition or FilterCondition.AND](parts) if parts else {}


def _single(part: MetadataFilter) -> Clause:
    path = REF_DOC_ID if part.key in _OF_THE_SOURCE else f"{METADATA}.{part.key}"
    return _OPERATORS[part.operator](path, part.value)


def _operator(name: str) -> Callable[[str, Any], Clause]:
    return lambda path, value: {path: {name: value}}


def _matching(options: str) -> Callable[[str, Any], Clause]:
    def clause(path: str, value: Any) -> Clause:
        if not isinstance(value, str):
            raise InvalidArgument(path, value, "a text match needs a string")
        pattern = "".join(f"\\{c}" if c in _SPECIAL else c for c in value)
        return {path: {"$regex": pattern, "$options": options}}

    return clause


def _is_empty(path: str, value: Any) -> Clause:
    return {"$or": [{path: {"$in": [None, ""]}}, {path: {"$exists": False}}, {path: {"$size": 0}}]}


_CONDITIONS: dict[FilterCondition, Callable[[list[Clause]], Clause]] = {
    FilterCondition.AND: lambda parts: {"$and": parts},
    FilterCondition.OR: lambda parts: {"$or": parts},
    FilterCondition.NOT: lambda parts: {"$nor": parts},
}
_OPERATORS: dict[FilterOperator, Callable[[str, Any], Clause]] = {
    FilterOperator.EQ: _operator("$eq"),
    FilterOperator.NE: _operator("$ne"),
    FilterOperator.GT: _operator("$gt"),
    FilterOperator.GTE: _operator("$gte"),
    FilterOperator.LT: _operator("$lt"),
    FilterOperator.LTE: _operator("$lte"),
    FilterOperator.IN: _operator("$in"),
    FilterOperator.NIN: _operator("$nin"),
    FilterOperator.ANY: _operator("$in"),
    FilterOperator.ALL: _operator("$all"),
    FilterOperator.CONTAINS: _operator("$eq"),
    FilterOperator.TEXT_MATCH: _matching(""),
    FilterOperator.TEXT_MATCH_INSENSITIVE: _matching("i"),
    FilterOperator.IS_EMPTY: _is_empty,
}
