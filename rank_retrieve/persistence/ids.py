"""The user's ids of a standalone retriever: positions, integers or strings.

    ids.integers  i64[n]      when the ids are integers
    ids.offsets   i64[n + 1]  when they are strings: where each begins in
    ids.bytes     u8[]        their UTF-8, end to end

Positions store nothing.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.errors import CorruptionError, InvalidArgument, NotFound
from rank_retrieve.types import Int64s, Sections, SectionSink

IdKind = Literal["positions", "integers", "strings"]


@dataclass(frozen=True, eq=False)
class Ids:
    """The ids of n documents in order of insertion.

    integers: int64 [n]; or offsets and text: int64 [n + 1] and UTF-8 bytes; or neither.
    """

    n_docs: int
    kind: IdKind
    integers: Int64s | None = None
    offsets: Int64s | None = None
    text: memoryview | None = None
    origin: str = "<memory>"

    @classmethod
    def of(cls, ids: Sequence[Any] | NDArray[Any] | None, n_docs: int) -> Ids:
        """Check the ids of n_docs documents; None stands for their positions.

        Raises InvalidArgument for another number of ids, for duplicates, for ids that are
        neither all strings nor all integers of 64 bits, and for lone surrogates.
        """
        if ids is None:
            return cls(n_docs, "positions")
        given = list(ids)
        if len(given) != n_docs:
            raise InvalidArgument("ids", len(given), f"must be {n_docs}, one for each document")
        if given and all(isinstance(value, str) for value in given):
            return cls._of_strings(given)
        return cls._of_integers(given)

    @classmethod
    def _of_strings(cls, given: list[str]) -> Ids:
        _refuse_duplicates(given)
        try:
            encoded = [value.encode() for value in given]
        except UnicodeEncodeError as error:
            raise InvalidArgument("ids", error.object, "has a lone surrogate") from None
        offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
        np.cumsum([len(value) for value in encoded], out=offsets[1:])
        return cls(len(given), "strings", offsets=offsets, text=memoryview(b"".join(encoded)))

    @classmethod
    def _of_integers(cls, given: list[Any]) -> Ids:
        for value in given:
            if isinstance(value, bool | np.bool_) or not hasattr(value, "__index__"):
                raise InvalidArgument("ids", value, "must be all strings or all integers")
        numbers = [operator.index(value) for value in given]
        _refuse_duplicates(numbers)
        try:
            return cls(len(given), "integers", integers=np.array(numbers, dtype=np.int64))
        except OverflowError:
            worst = max(numbers, key=abs)
            raise InvalidArgument("ids", worst, "must fit into 64 bits") from None

    def write(self, sink: SectionSink) -> None:
        """Store the sections of this kind."""
        if self.integers is not None:
            sink.add("ids.integers", self.integers)
        if self.offsets is not None and self.text is not None:
            sink.add("ids.offsets", self.offsets)
            sink.add("ids.bytes", self.text)

    @classmethod
    def open(cls, sections: Sections, kind: IdKind, n_docs: int) -> Ids:
        """Map what `write` stored. Raises CorruptionError for sections of a wrong size."""
        origin = sections.origin
        if kind == "integers":
            view = sections.section("ids.integers")
            _expect_size(origin, "ids.integers", 8 * n_docs, view.nbytes)
            return cls(n_docs, kind, integers=np.frombuffer(view, dtype=np.int64), origin=origin)
        if kind == "strings":
            view, text = sections.section("ids.offsets"), sections.section("ids.bytes")
            _expect_size(origin, "ids.offsets", 8 * (n_docs + 1), view.nbytes)
            offsets = np.frombuffer(view, dtype=np.int64)
            _expect_size(origin, "ids.bytes", int(offsets[-1]), text.nbytes)
            return cls(n_docs, kind, offsets=offsets, text=text, origin=origin)
        return cls(n_docs, kind, origin=origin)

    def take(self, docs: Int64s) -> NDArray[Any]:
        """The ids of docs: int64, or strings as objects."""
        if self.integers is not None:
            return self.integers[docs]
        if self.offsets is not None:
            result = np.empty(len(docs), dtype=object)
            result[:] = [self._string(doc) for doc in docs.tolist()]
            return result
        return docs

    def position(self, value: Any) -> int:
        """The doc of an id. Raises NotFound."""
        doc = self._positions.get(value)
        if doc is None or isinstance(value, bool):
            raise NotFound("document", str(value))
        return doc

    @cached_property
    def _positions(self) -> dict[Any, int]:
        ids = self.take(np.arange(self.n_docs, dtype=np.int64))
        return {value: doc for doc, value in enumerate(ids.tolist())}

    def _string(self, doc: int) -> str:
        assert self.offsets is not None
        assert self.text is not None
        start, end = int(self.offsets[doc]), int(self.offsets[doc + 1])
        if not 0 <= start <= end <= self.text.nbytes:
            raise CorruptionError(self.origin, 8 * doc, "ascending id offsets", f"{start}..{end}")
        try:
            return str(self.text[start:end], "utf-8")
        except UnicodeDecodeError:
            raise CorruptionError(self.origin, start, "an id in UTF-8", "other bytes") from None


def _refuse_duplicates(values: list[Any]) -> None:
    if len(set(values)) == len(values):
        return
    seen: set[Any] = set()
    for value in values:
        if value in seen:
            raise InvalidArgument("ids", value, "is given to two documents")
        seen.add(value)


def _expect_size(origin: str, place: str, expected: int, got: int) -> None:
    if expected != got:
        raise CorruptionError(f"{origin} ({place})", 0, f"{expected} bytes", f"{got} bytes")
