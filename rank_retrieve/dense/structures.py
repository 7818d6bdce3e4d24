"""The contracts between a collection's vector fields and what finds their vectors.

structure      what lies beside the vectors of one segment: a graph, lists, codes
part searcher  searches one segment by it
dense searcher ranks several segments, exactly or by their structures
effort         what a query may ask of a structure: more of it finds more, in more time
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import (
    Bitmap,
    Explanation,
    Float32s,
    Float64s,
    Int64s,
    Metric,
    Ranked,
    Sections,
    SectionSink,
)

if TYPE_CHECKING:
    from rank_retrieve.dense.graph_search import Visible
    from rank_retrieve.dense.vectors import VectorColumn


@dataclass(frozen=True, eq=False)
class MergedPart:
    """One segment of a merge: its column, what lies beside it, and the docs that stay (None for
    all).
    """

    column: VectorColumn | None
    structure: Structure | None
    live: Bitmap | None


@dataclass(frozen=True)
class Effort:
    """What a query may ask of a kind of index: a whole number, more of which finds more.

    name: as users say it, "ef_search" for example. default, most: 1..most may be asked for.
    steps: values worth trying, ascending, to measure what they find.
    """

    name: str
    default: int
    most: int
    steps: tuple[int, ...] = ()

    def checked(self, value: Any) -> int:
        """The number itself, the default for None. Raises InvalidArgument."""
        if value is None:
            return self.default
        if (
            isinstance(value, bool)
            or not isinstance(value, int | np.integer)
            or not 1 <= value <= self.most
        ):
            raise InvalidArgument(self.name, value, f"must be an integer in 1..{self.most}")
        return int(value)


class Structure(Protocol):
    """What lies beside the vectors of one column, and finds the nearest of them."""

    @property
    def metric(self) -> Metric:
        """What it was made for."""
        ...

    @property
    def nbytes(self) -> int:
        """Bytes of all its arrays."""
        ...

    def searcher(self, column: VectorColumn, base: int) -> PartSearcher:
        """What searches it; `base` is added to docs."""
        ...


class PartSearcher(Protocol):
    """Searches one column by its structure. May be used by several threads at once."""

    column: VectorColumn

    def search(
        self, queries: Float32s, norms: Float64s, k: int, effort: int, visible: Visible
    ) -> list[Ranked] | None:
        """The best docs for each query, or None where the exact scan is the way.

        queries: float32 [m, stride], checked and padded; norms: [m], ones unless cosine.
        """
        ...

    def search_one(self, query: Float32s, k: int, effort: int) -> Ranked | None:
        """`search` for one query among all rows, to the bit, with less ado.

        query: C-contiguous float32 [dim], not checked yet; k and effort positive.
        Returns None when `search` is to do it, or to say what is wrong.
        """
        ...

    def plan(self, visible: Visible, k: int, effort: int) -> Planned:
        """How a search for k of the visible rows goes."""
        ...


class Planned(Protocol):
    """How one part is searched."""

    @property
    def way(self) -> str:
        """In one word."""
        ...


class Codes(Structure, Protocol):
    """Codes of all rows of a column."""

    @classmethod
    def of(cls, column: VectorColumn, metric: Metric) -> Self:
        """Code a column."""
        ...

    @classmethod
    def open(cls, sections: Sections, name: str, column: VectorColumn) -> Self:
        """Open the codes of a field beside its vectors. Raises CorruptionError."""
        ...

    def write(self, sink: SectionSink, name: str) -> None:
        """Store the codes of a field."""
        ...


class DenseSearcher(Protocol):
    """What a collection asks: `ExactSearcher` or `IndexSearcher`."""

    def search(
        self,
        vector: Any,
        k: int = 10,
        allowed: Sequence[Bitmap | None] | None = None,
        *,
        effort: int | None = None,
    ) -> Ranked:
        """The k nearest live docs, best first. effort: None for the default of the index."""
        ...

    def plan(
        self,
        k: int = 10,
        allowed: Sequence[Bitmap | None] | None = None,
        *,
        effort: int | None = None,
    ) -> list[str]:
        """The way each part is searched."""
        ...

    def scores(self, vector: Any, docs: Int64s) -> Float64s:
        """The scores of docs, NaN for docs without a vector."""
        ...

    def explain(self, vector: Any, doc: int) -> Explanation:
        """How the score of a doc came about."""
        ...
