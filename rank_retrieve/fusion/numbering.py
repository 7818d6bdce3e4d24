"""Ids of several retrievers to docs, so that fusion can order ties by insertion, and back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from rank_retrieve.errors import InvalidArgument, NotFound
from rank_retrieve.types import Hits, Int64s

# above every position of insertion
FIRST_UNKNOWN = 1 << 40


class Numbering:
    """Docs for the ids of one query's hits.

    position: id -> its position of insertion, NotFound for an unknown id; None when no retriever
        tells. An id's doc is its position. Without one, an integer is its own doc, and other ids
        are numbered as they appear, the first leg's hits before those of the second.
    """

    def __init__(self, position: Callable[[Any], int] | None) -> None:
        self._position = position
        self._docs: dict[Any, int] = {}
        self._ids: dict[int, Any] = {}

    def docs(self, ids: np.ndarray[Any, Any]) -> Int64s:
        """The docs of one leg's ids, int64 [n]."""
        if self._position is None and _are_integers(ids):
            return ids.astype(np.int64)
        return np.array([self._doc(id_) for id_ in ids.tolist()], dtype=np.int64)

    def ids(self, docs: Int64s) -> np.ndarray[Any, Any]:
        """The ids of docs: int64 for integers, objects otherwise."""
        if not self._ids:
            return docs
        found = [self._ids[doc] for doc in docs.tolist()]
        if found and isinstance(found[0], int):
            return np.array(found, dtype=np.int64)
        result = np.empty(len(docs), dtype=object)
        result[:] = found
        return result

    def _doc(self, id_: Any) -> int:
        doc = self._docs.get(id_)
        if doc is None:
            doc = self._known(id_)
            self._docs[id_] = doc
            self._ids[doc] = id_
        return doc

    def _known(self, id_: Any) -> int:
        if self._position is not None:
            try:
                return int(self._position(id_))
            except NotFound:
                pass  # another retriever's document
        return FIRST_UNKNOWN + len(self._docs)


def check_same_kind(hits: Sequence[Hits]) -> None:
    """InvalidArgument when some legs name documents by integers and others by strings."""
    if len({_are_integers(leg.ids) for leg in hits if len(leg)}) > 1:
        raise InvalidArgument(
            "retrievers",
            [leg.ids.dtype.name for leg in hits],
            "some retrievers name documents by integers, others by strings",
            "build all of them with the same ids",
        )


def _are_integers(ids: np.ndarray[Any, Any]) -> bool:
    return ids.dtype.kind in "iu"
