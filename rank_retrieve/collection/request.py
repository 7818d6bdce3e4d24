"""A search as it was asked for, checked as far as possible without looking at the collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from rank_retrieve.analysis import check_text
from rank_retrieve.collection.projection import Projection
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical.queries.query import LexicalQuery
from rank_retrieve.types import Query

if TYPE_CHECKING:
    from rank_retrieve.filters import Predicate
    from rank_retrieve.fusion import FusionMethod
    from rank_retrieve.lexical.scorers import Scorer
    from rank_retrieve.lexical.scoring import BM25Scorer
    from rank_retrieve.rerankers import Rerank, Stage

Mode = Literal["lexical", "dense", "hybrid"]
MODES: tuple[Mode, ...] = ("lexical", "dense", "hybrid")
MIN_CHOICE = 100
CHOICE_PER_HIT = 10


@dataclass(frozen=True, eq=False)
class SearchRequest:
    """The arguments of `Snapshot.search`, in its order and under its names.

    vector: that of the query where none is given. Raises InvalidArgument.
    """

    query: str | Query | LexicalQuery | None = None
    k: int = 10
    vector: Any = None
    mode: Mode | None = None
    where: Mapping[str, Any] | Predicate | None = None
    fusion: FusionMethod | None = None
    candidates: int | None = None
    field: str | None = None
    offset: int = 0
    min_score: float | None = None
    sort: str | Sequence[str] | None = None
    group_by: str | None = None
    group_size: int = 1
    fields: Sequence[str] | None = None
    with_vectors: bool = True
    complete: bool = False
    rerank: Rerank | Sequence[Rerank] | None = None
    timeout_s: float | None = None
    ef_search: int | None = None
    n_probe: int | None = None
    scorer: str | BM25Scorer | Scorer | None = None

    @property
    def efforts(self) -> dict[str, int | None]:
        """What is asked of the indexes of vector fields, by the names that they have there."""
        return {"ef_search": self.ef_search, "n_probe": self.n_probe}

    @property
    def joint(self) -> bool:
        """Whether several vector fields are searched, each by a vector of its own."""
        return isinstance(self.vector, Mapping) and len(self.vector) > 1

    @cached_property
    def stages(self) -> tuple[Stage, ...]:
        """What the candidates go through after the search."""
        if self.rerank is None:
            return ()
        from rank_retrieve.rerankers import as_stages

        return as_stages(self.rerank)

    @cached_property
    def projection(self) -> Projection:
        """What the documents of the hits hold."""
        return Projection(self.fields, self.with_vectors)

    @property
    def last(self) -> int:
        """How many hits, or groups, must be known to return the last one asked for."""
        return self.offset + self.k

    @cached_property
    def depth(self) -> int:
        """How many candidates a ranking has that is not returned as it is.

        It depends on the size of a page alone, so that all pages have the same candidates.
        """
        if self.candidates:
            return self.candidates
        if self.plain:
            from rank_retrieve.fusion.candidates import default_candidates

            return default_candidates(self.k)
        return max(MIN_CHOICE, CHOICE_PER_HIT * self.k * self.group_size)

    @property
    def plain(self) -> bool:
        """Whether the ranking of the search is the order of its hits."""
        return self.rerank is None and self.sort is None and self.group_by is None

    @property
    def text(self) -> str | None:
        """What the lexical leg looks for, and an encoder encodes."""
        if isinstance(self.query, LexicalQuery):
            return self.query.words
        return self.query.text if isinstance(self.query, Query) else self.query

    @cached_property
    def lexical(self) -> LexicalQuery | None:
        """What the lexical leg looks for where that is no bag of words, or may not take long."""
        if isinstance(self.query, LexicalQuery):
            return self.query
        if self.text is None or self.timeout_s is None:
            return None
        from rank_retrieve.lexical.queries import Match

        return Match(self.text)

    @property
    def encodable(self) -> bool:
        """Whether there is a text for an encoder: a pattern is none."""
        return bool(self.text) if isinstance(self.query, LexicalQuery) else self.text is not None

    def __post_init__(self) -> None:
        text = self.text
        if text is not None:
            check_text(text, "query")
        for name, least in (("k", 1), ("offset", 0), ("group_size", 1)):
            number = getattr(self, name)
            if (
                isinstance(number, bool)
                or not isinstance(number, int | np.integer)
                or number < least
            ):
                raise InvalidArgument(name, number, f"must be a whole number of at least {least}")
            object.__setattr__(self, name, int(number))
        if self.mode is not None and self.mode not in MODES:
            raise InvalidArgument("mode", self.mode, f"must be one of {', '.join(MODES)}")
        self._check_fusion()
        self._check_order()
        self._check_scorer()
        if isinstance(self.query, Query) and self.vector is None:
            object.__setattr__(self, "vector", self.query.vector)
        if text is None and self.vector is None:
            raise InvalidArgument("query", None, "a search needs text, a vector, or both")

    def _check_fusion(self) -> None:
        candidates, fusion = self.candidates, self.fusion
        if fusion is not None:
            from rank_retrieve.fusion import FusionMethod

            if isinstance(fusion, type) or not isinstance(fusion, FusionMethod):
                raise InvalidArgument("fusion", fusion, "must be a method such as rr.RRF(k=60)")
        if candidates is not None and (
            isinstance(candidates, bool)
            or not isinstance(candidates, int)
            or candidates < self.last
        ):
            least = f"k = {self.k}" if not self.offset else f"offset + k = {self.last}"
            raise InvalidArgument("candidates", candidates, f"must be a whole number >= {least}")

    def _check_scorer(self) -> None:
        if self.scorer is None:
            return
        from rank_retrieve.lexical.scorers.profiles import as_scorer

        object.__setattr__(self, "scorer", as_scorer(self.scorer))
        if self.lexical is not None:
            raise InvalidArgument(
                "scorer", self.scorer, "is for a query of plain text, without timeout_s"
            )

    def _check_order(self) -> None:
        least = self.min_score
        if least is not None and (
            isinstance(least, bool)
            or not isinstance(least, int | float | np.integer | np.floating)
            or least != least
        ):
            raise InvalidArgument("min_score", least, "must be a number")
        if self.group_by is None and self.group_size != 1:
            raise InvalidArgument("group_size", self.group_size, "is for a search with group_by")
        if self.group_by is not None and self.sort is not None:
            raise InvalidArgument("sort", self.sort, "cannot be combined with group_by")
        self.projection  # noqa: B018 - a projection that does not fit is refused here
        self.stages  # noqa: B018 - and so is what is no stage
