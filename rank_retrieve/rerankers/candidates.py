"""What a stage looks at: the best hits so far, with a way to everything that is known of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, overload

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Explanation, Float32s, Float64s, Hits, Int64s


class Source(Protocol):
    """Where candidates come from. Positions count from 0, in the first ranking's order."""

    @property
    def ids(self) -> NDArray[Any]:
        """The ids, [n]."""
        ...

    def document(self, position: int) -> dict[str, Any]:
        """The stored document."""
        ...

    def values(self, positions: Int64s, path: str) -> list[Any]:
        """What each document has at a dotted path, None where it has nothing."""
        ...

    def vectors(self, positions: Int64s, field: str | None) -> Float32s:
        """float32 [len(positions), dim], rows of NaN for documents without a vector.

        field: may be None where there is one vector field only.
        """
        ...

    def explain(self, position: int) -> Explanation:
        """How the first ranking came to its score."""
        ...


@dataclass(frozen=True, eq=False)
class Candidate:
    """One of the candidates; `place` counts from 0."""

    candidates: Candidates
    place: int

    @property
    def id(self) -> Any:
        """The user's id."""
        value = self.candidates.source.ids[self.candidates.positions[self.place]]
        return value.item() if isinstance(value, np.generic) else value

    @property
    def score(self) -> float:
        """The score before the stage."""
        return float(self.candidates.scores[self.place])

    @property
    def rank(self) -> int:
        """1 for the best, before the stage."""
        return self.place + 1

    @property
    def document(self) -> dict[str, Any]:
        """The stored document."""
        return self.candidates.document(self.place)


class Candidates(Sequence[Candidate]):
    """Hits on their way through the stages, best first.

    positions: int64 [n], which of the source's hits these are.
    scores: float64 [n], not increasing.
    """

    def __init__(self, source: Source, positions: Int64s, scores: Float64s) -> None:
        self.source, self.positions, self.scores = source, positions, scores

    def document(self, place: int) -> dict[str, Any]:
        """The stored document of one candidate."""
        return self.source.document(int(self.positions[place]))

    def values(self, path: str) -> list[Any]:
        """What each document has at a dotted path ("author.name"), None where it has nothing."""
        return self.source.values(self.positions, path)

    def vectors(self, field: str | None = None) -> Float32s:
        """float32 [n, dim], rows of NaN for documents without a vector."""
        return self.source.vectors(self.positions, field)

    def __len__(self) -> int:
        return len(self.positions)

    @overload
    def __getitem__(self, index: int) -> Candidate: ...
    @overload
    def __getitem__(self, index: slice) -> list[Candidate]: ...
    def __getitem__(self, index: int | slice) -> Candidate | list[Candidate]:
        if isinstance(index, slice):
            return [Candidate(self, place) for place in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        if not 0 <= place < len(self):
            raise IndexError(f"candidate {index} of {len(self)}")
        return Candidate(self, place)


class HitsSource:
    """Hits of any retriever; what they know of their documents is in `hit.document`.

    document: id -> document, for retrievers that store none.
    """

    def __init__(
        self, hits: Hits, document: Callable[[Any], Mapping[str, Any]] | None = None
    ) -> None:
        self._hits, self._document = hits, document

    @property
    def ids(self) -> NDArray[Any]:
        """The ids of the hits."""
        return self._hits.ids

    def document(self, position: int) -> dict[str, Any]:
        """The document of a hit."""
        hit = self._hits[position]
        return hit.document if self._document is None else dict(self._document(hit.id))

    def values(self, positions: Int64s, path: str) -> list[Any]:
        """By way of the documents."""
        return [value_at(self.document(position), path) for position in positions.tolist()]

    def vectors(self, positions: Int64s, field: str | None) -> Float32s:
        """By way of the documents; field must be given."""
        if field is None:
            raise InvalidArgument("field", None, "must name the vectors' field in the documents")
        rows = self.values(positions, field)
        dims = {len(row) for row in rows if row is not None}
        if len(dims) > 1:
            raise InvalidArgument("field", field, f"has vectors of different lengths {dims}")
        result = np.full((len(rows), max(dims, default=0)), np.nan, dtype=np.float32)
        for place, row in enumerate(rows):
            if row is not None:
                result[place] = row
        return result

    def explain(self, position: int) -> Explanation:
        """The retriever's own explanation."""
        return self._hits[position].explain()


def value_at(document: Mapping[str, Any], path: str) -> Any:
    """What a document has at a dotted path, None where there is nothing.

    >>> value_at({"author": {"name": "Ada"}}, "author.name")
    'Ada'
    """
    value: Any = document
    for step in path.split("."):
        if not isinstance(value, Mapping) or step not in value:
            return None
        value = value[step]
    return value
