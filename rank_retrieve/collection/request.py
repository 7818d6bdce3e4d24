"""A search as it was asked for, checked as far as possible without looking at the collection."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rank_retrieve.analysis import check_text
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Query

if TYPE_CHECKING:
    from rank_retrieve.filters import Predicate
    from rank_retrieve.fusion import FusionMethod

Mode = Literal["lexical", "dense", "hybrid"]
MODES: tuple[Mode, ...] = ("lexical", "dense", "hybrid")


@dataclass(frozen=True, eq=False)
class SearchRequest:
    """The arguments of `Snapshot.search`, in its order and under its names.

    vector: that of the query where none is given. Raises InvalidArgument.
    """

    query: str | Query | None = None
    k: int = 10
    vector: Any = None
    mode: Mode | None = None
    where: Mapping[str, Any] | Predicate | None = None
    fusion: FusionMethod | None = None
    candidates: int | None = None
    field: str | None = None

    @property
    def text(self) -> str | None:
        """What the lexical leg looks for, and an encoder encodes."""
        return self.query.text if isinstance(self.query, Query) else self.query

    def __post_init__(self) -> None:
        text, k = self.text, self.k
        if text is not None:
            check_text(text, "query")
        if isinstance(k, bool) or not isinstance(k, int | np.integer) or k < 1:
            raise InvalidArgument("k", k, "must be a whole number of at least 1")
        if self.mode is not None and self.mode not in MODES:
            raise InvalidArgument("mode", self.mode, f"must be one of {', '.join(MODES)}")
        self._check_fusion()
        if isinstance(self.query, Query) and self.vector is None:
            object.__setattr__(self, "vector", self.query.vector)
        if text is None and self.vector is None:
            raise InvalidArgument("query", None, "a search needs text, a vector, or both")
        object.__setattr__(self, "k", int(k))

    def _check_fusion(self) -> None:
        candidates, fusion = self.candidates, self.fusion
        if fusion is not None:
            from rank_retrieve.fusion import FusionMethod

            if isinstance(fusion, type) or not isinstance(fusion, FusionMethod):
                raise InvalidArgument("fusion", fusion, "must be a method such as rr.RRF(k=60)")
        if candidates is not None and (
            isinstance(candidates, bool) or not isinstance(candidates, int) or candidates < self.k
        ):
            raise InvalidArgument(
                "candidates", candidates, f"must be a whole number >= k = {self.k}"
            )
