"""The words that every layer shares: fields, queries, hits, explanations, and the contracts.

Internally a document is a number (`doc`); to its user it is an `id`. Retrievers inside a
collection rank docs (`Ranked`); what users see are hits with ids (`Hits`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Protocol, TypeAlias, TypeVar, overload, runtime_checkable

import numpy as np
from bitarray import bitarray
from numpy.typing import NDArray

from rank_retrieve.errors import InvalidArgument

Float32s: TypeAlias = NDArray[np.float32]
Float64s: TypeAlias = NDArray[np.float64]
Int32s: TypeAlias = NDArray[np.int32]
Int64s: TypeAlias = NDArray[np.int64]
UInt8s: TypeAlias = NDArray[np.uint8]
UInt32s: TypeAlias = NDArray[np.uint32]
UInt64s: TypeAlias = NDArray[np.uint64]

Metric = Literal["cosine", "dot", "euclidean"]
METRICS: tuple[Metric, ...] = ("cosine", "dot", "euclidean")


# --------------------------------------------------------------------------- fields


@dataclass(frozen=True)
class Text:
    """A field that is analysed into terms and searched by BM25.

    analyzer: a name known to `rank_retrieve.analysis` ("english", "german", "simple", ...).
    boost: how much one occurrence here counts against one in a field with boost 1. Fields
        with the same analyzer are scored together as BM25F (Robertson, Zaragoza & Taylor,
        CIKM 2004): frequencies and lengths are weighted and summed, then BM25 is applied once.
        A multiple of 0.01 between 0.01 and 100, so that scores stay exact.
    """

    analyzer: str = "english"
    boost: float = 1.0

    def __post_init__(self) -> None:
        if isinstance(self.boost, bool) or not isinstance(self.boost, int | float):
            raise InvalidArgument("boost", self.boost, "must be a number")
        hundredths = self.boost * 100
        if not 1 <= hundredths <= 10_000 or abs(hundredths - round(hundredths)) > 1e-6:
            raise InvalidArgument("boost", self.boost, "must be a multiple of 0.01 in 0.01..100")


@dataclass(frozen=True)
class HNSWOptions:
    """A navigable graph over the vectors (Malkov & Yashunin, IEEE TPAMI 2020).

    m: links of a node above layer 0; on layer 0 it may have twice as many. 2..256.
    ef_construction: candidates that links are chosen from, 1..65,536.
    ef_search: candidates of a search that does not say otherwise, 1..65,536.
    seed: of the random layers, below 2^64.
    """

    MAX_M: ClassVar[int] = 256
    MAX_EF: ClassVar[int] = 65_536

    m: int = 16
    ef_construction: int = 200
    ef_search: int = 64
    seed: int = 0

    def __post_init__(self) -> None:
        limits = {
            "m": (2, self.MAX_M),
            "ef_construction": (1, self.MAX_EF),
            "ef_search": (1, self.MAX_EF),
            "seed": (0, (1 << 64) - 1),
        }
        for name, (least, most) in limits.items():
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise InvalidArgument(name, value, f"must be an integer in {least}..{most}")


@dataclass(frozen=True)
class Vector:
    """A field of dense vectors, float32.

    dim: number of components, 1..65,536.
    metric: "cosine" and "dot" rank by similarity, highest first; "euclidean" ranks by the
        negated squared distance, so that higher is better everywhere.
    index: "exact" scans every vector; `HNSWOptions(...)`, or "hnsw" for its defaults, walks a
        graph and may miss some of the nearest. Segments of few vectors are scanned anyway.
    """

    dim: int
    metric: Metric = "cosine"
    index: Literal["exact", "hnsw"] | HNSWOptions = "exact"

    def __post_init__(self) -> None:
        if (
            isinstance(self.dim, bool)
            or not isinstance(self.dim, int)
            or not 1 <= self.dim <= 65536
        ):
            raise InvalidArgument("dim", self.dim, "must be an integer in 1..65536")
        if self.metric not in METRICS:
            raise InvalidArgument("metric", self.metric, f"must be one of {', '.join(METRICS)}")
        if self.index == "hnsw":
            object.__setattr__(self, "index", HNSWOptions())
        if self.index != "exact" and not isinstance(self.index, HNSWOptions):
            raise InvalidArgument(
                "index", self.index, 'must be "exact", "hnsw" or rr.HNSWOptions(...)'
            )

    @property
    def kind(self) -> Literal["exact", "hnsw"]:
        """Which kind of index this is, without its options."""
        return "hnsw" if isinstance(self.index, HNSWOptions) else "exact"


Field: TypeAlias = Text | Vector


# --------------------------------------------------------------------------- queries


@dataclass(frozen=True, eq=False)
class Query:
    """What to look for: text for lexical retrievers, a vector for dense ones, or both.

    vector: any array or sequence of real numbers [dim]; whoever searches checks it.
    """

    text: str | None = None
    vector: Float32s | Sequence[float] | None = None


# --------------------------------------------------------------------------- sets of docs


class Bitmap:
    """A set of docs below `size`, one bit each, lowest bit first, padded with zeros to 64 bits.

    Kernels read it through `bytes_view`: doc d is in the set when
    `view[d >> 3] >> (d & 7) & 1` is one.
    """

    __slots__ = ("_bits", "size")

    def __init__(self, size: int, *, full: bool = False) -> None:
        self.size = size
        self._bits = bitarray(-(-size // 64) * 64, endian="little")  # bitarray(n) is all zero
        if full:
            self._bits[:size] = True

    @classmethod
    def from_mask(cls, mask: NDArray[np.bool_]) -> Bitmap:
        """From a boolean array, shape [size]."""
        result = cls(len(mask))
        packed = np.packbits(mask, bitorder="little")
        result.bytes_view()[: len(packed)] = packed
        return result

    @classmethod
    def from_docs(cls, size: int, docs: NDArray[Any] | Sequence[int]) -> Bitmap:
        """From doc numbers below `size`, in any order."""
        mask = np.zeros(size, dtype=np.bool_)
        mask[np.asarray(docs, dtype=np.int64)] = True
        return cls.from_mask(mask)

    @classmethod
    def from_bytes(cls, size: int, buffer: bytes | memoryview) -> Bitmap:
        """From `to_bytes`; the caller has checked that the buffer holds `size` bits."""
        mask = np.unpackbits(
            np.frombuffer(buffer, dtype=np.uint8), count=size, bitorder="little"
        ).view(np.bool_)
        return cls.from_mask(mask)

    def to_bytes(self) -> bytes:
        """The bits, lowest first, padded with zeros to a multiple of eight bytes."""
        return self._bits.tobytes()

    def bytes_view(self) -> UInt8s:
        """The bits as uint8[ceil(size / 64) * 8], shared, for kernels."""
        return np.frombuffer(memoryview(self._bits), dtype=np.uint8)

    def copy(self) -> Bitmap:
        """An independent copy."""
        result = Bitmap(0)
        result.size, result._bits = self.size, self._bits.copy()
        return result

    def add(self, doc: int) -> None:
        """Put one doc into the set."""
        if not 0 <= doc < self.size:
            raise IndexError(doc)
        self._bits[doc] = True

    def discard(self, doc: int) -> None:
        """Take one doc out of the set."""
        if not 0 <= doc < self.size:
            raise IndexError(doc)
        self._bits[doc] = False

    def to_mask(self) -> NDArray[np.bool_]:
        """As a boolean array, shape [size]."""
        return np.unpackbits(self.bytes_view(), count=self.size, bitorder="little").view(np.bool_)

    def to_docs(self) -> Int64s:
        """The docs in the set, ascending."""
        return np.flatnonzero(self.to_mask()).astype(np.int64, copy=False)

    def __contains__(self, doc: object) -> bool:
        return isinstance(doc, int) and 0 <= doc < self.size and bool(self._bits[doc])

    def __len__(self) -> int:
        """How many docs are in the set."""
        return self._bits.count()

    def __and__(self, other: Bitmap) -> Bitmap:
        return self._combined(other, self._bits & other._bits)

    def __or__(self, other: Bitmap) -> Bitmap:
        return self._combined(other, self._bits | other._bits)

    def __invert__(self) -> Bitmap:
        return Bitmap(self.size, full=True)._minus(self)

    def _minus(self, other: Bitmap) -> Bitmap:
        return self._combined(other, self._bits & ~other._bits)

    def _combined(self, other: Bitmap, bits: bitarray) -> Bitmap:
        if self.size != other.size:
            raise ValueError(f"bitmaps of {self.size} and {other.size} docs")
        result = Bitmap(0)
        result.size, result._bits = self.size, bits
        return result

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Bitmap):
            return NotImplemented
        return self.size == other.size and self._bits == other._bits

    __hash__ = None  # type: ignore[assignment]  # mutable

    def __repr__(self) -> str:
        return f"Bitmap({len(self)} of {self.size})"


# --------------------------------------------------------------------------- results


@dataclass(frozen=True, eq=False)
class Ranked:
    """Docs of one leg, best first; equal scores by ascending doc.

    docs: int64 [n], numbered over all segments of a snapshot in order of insertion.
    scores: float64 [n], not increasing.
    """

    docs: Int64s
    scores: Float64s

    def __len__(self) -> int:
        return len(self.docs)

    @classmethod
    def empty(cls) -> Ranked:
        """No docs."""
        return cls(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float64))

    @classmethod
    def best(cls, docs: Int64s, scores: Float64s, k: int) -> Ranked:
        """The k best of unordered candidates: highest score first, then lowest doc."""
        if k < len(docs):
            kept = np.argpartition(-scores, k - 1)[:k] if k > 0 else np.empty(0, dtype=np.int64)
            if k > 0:
                # argpartition breaks ties at the edge as it likes: settle them by doc
                edge = scores[kept].min()
                above = np.flatnonzero(scores > edge)
                tied = np.flatnonzero(scores == edge)
                tied = tied[np.argsort(docs[tied], kind="stable")][: k - len(above)]
                kept = np.concatenate([above, tied])
            docs, scores = docs[kept], scores[kept]
        order = np.lexsort((docs, -scores))
        return cls(docs[order], scores[order])


@dataclass(frozen=True)
class Explanation:
    """One step of a score: its value, how it came about, and the steps it was made from.

    combine says how `value` follows from the values of `children`:
        "sum": added from left to right in float64, exactly equal to `value`;
        "detail": the children illustrate a formula that `label` spells out.
    """

    value: float
    label: str
    children: tuple[Explanation, ...] = ()
    combine: Literal["sum", "detail"] = "detail"

    def adds_up(self) -> bool:
        """Whether every sum in the tree equals its value to the last bit."""
        if self.combine == "sum":
            total = 0.0
            for child in self.children:
                total += child.value
            if total != self.value:
                return False
        return all(child.adds_up() for child in self.children)

    def to_dict(self) -> dict[str, Any]:
        """As plain dicts and lists, ready for JSON."""
        result: dict[str, Any] = {"value": self.value, "label": self.label}
        if self.children:
            result["combine"] = self.combine
            result["children"] = [child.to_dict() for child in self.children]
        return result

    def __str__(self) -> str:
        return "\n".join(self._lines(0))

    def _lines(self, depth: int) -> Iterator[str]:
        yield f"{'  ' * depth}{self.value:.9g} = {self.label}"
        for child in self.children:
            yield from child._lines(depth + 1)


class Hit:
    """One result: `id`, `score`, `rank` (from 1), the stored `document`, and `explain()`."""

    __slots__ = ("_hits", "_position")

    def __init__(self, hits: Hits, position: int) -> None:
        self._hits, self._position = hits, position

    @property
    def id(self) -> Any:
        """The user's id: a string, or the position in the input of a retriever without ids."""
        value = self._hits.ids[self._position]
        return value.item() if isinstance(value, np.generic) else value

    @property
    def score(self) -> float:
        """Higher is better."""
        return float(self._hits.scores[self._position])

    @property
    def rank(self) -> int:
        """1 for the best hit."""
        return self._position + 1

    @property
    def document(self) -> dict[str, Any]:
        """The stored document; raises InvalidArgument where the retriever stores none."""
        return self._hits._document(self._position)

    def explain(self) -> Explanation:
        """How the score came about; the tree sums exactly to `score`."""
        return self._hits._explanation(self._position)

    def __repr__(self) -> str:
        return f"Hit(id={self.id!r}, score={self.score:.6g})"


class Hits(Sequence[Hit]):
    """Hits, best first: a sequence of `Hit` over two arrays.

    ids: [n], strings as objects, or int64 positions for a retriever without ids.
    scores: float64 [n].
    plan: how the search was run (legs, filter strategy, candidates), for people to read.
    """

    def __init__(
        self,
        ids: NDArray[Any],
        scores: Float64s,
        *,
        document: Callable[[int], dict[str, Any]] | None = None,
        explain: Callable[[int], Explanation] | None = None,
        plan: Mapping[str, Any] | None = None,
    ) -> None:
        self.ids, self.scores = ids, scores
        self.plan: Mapping[str, Any] = plan or {}
        self._get_document, self._explain = document, explain

    @classmethod
    def empty(cls, plan: Mapping[str, Any] | None = None) -> Hits:
        """No hits."""
        return cls(np.empty(0, dtype=object), np.empty(0, dtype=np.float64), plan=plan)

    def __len__(self) -> int:
        return len(self.ids)

    @overload
    def __getitem__(self, index: int) -> Hit: ...
    @overload
    def __getitem__(self, index: slice) -> list[Hit]: ...
    def __getitem__(self, index: int | slice) -> Hit | list[Hit]:
        if isinstance(index, slice):
            return [Hit(self, i) for i in range(*index.indices(len(self)))]
        position = index + len(self) if index < 0 else index
        if not 0 <= position < len(self):
            raise IndexError(f"hit {index} of {len(self)}")
        return Hit(self, position)

    def __getstate__(self) -> dict[str, Any]:
        """Ids, scores and plan; documents and explanations stay with the index."""
        plain = {"_get_document": None, "_explain": None}
        return {**self.__dict__, **plain, "plan": dict(self.plan)}

    def _document(self, position: int) -> dict[str, Any]:
        if self._get_document is None:
            raise InvalidArgument(
                "document",
                self[position].id,
                "these hits came without documents",
                "look the id up in the collection or in your own list",
            )
        return self._get_document(position)

    def _explanation(self, position: int) -> Explanation:
        if self._explain is None:
            return Explanation(float(self.scores[position]), "score of a retriever without detail")
        return self._explain(position)

    def __repr__(self) -> str:
        shown = ", ".join(repr(hit) for hit in self[:3])
        return f"Hits({len(self)}: {shown}{', ...' if len(self) > 3 else ''})"


# --------------------------------------------------------------------------- contracts

QueryT = TypeVar("QueryT", contravariant=True)


@runtime_checkable
class Retriever(Protocol[QueryT]):
    """Anything that ranks: the contract that `rank_retrieve.testing.RetrieverContract` checks.

    A retriever that takes both forms also accepts a `Query` and uses its own part of it.
    """

    def search(self, query: QueryT, k: int = 10, *, allowed: Bitmap | None = None) -> Hits:
        """At most k hits, best first; equal scores by ascending position of insertion.

        allowed: positions (in order of insertion) that may be returned; with it, exactly
            min(k, matching and allowed) hits come back.
        Raises InvalidArgument for k < 1 or a query of the wrong kind.
        """
        ...

    def __len__(self) -> int:
        """How many documents can be found."""
        ...


@runtime_checkable
class Encoder(Protocol):
    """Text to vectors.

    A row of zeros means that nothing in the text is known to the encoder: the document then
    has no vector, and the query has no dense leg.
    """

    @property
    def dim(self) -> int:
        """Components of each vector."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes whenever the same text would get another vector."""
        ...

    def encode_documents(self, texts: Sequence[str]) -> Float32s:
        """float32 [len(texts), dim]."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> Float32s:
        """float32 [len(texts), dim]."""
        ...


class SectionSink(Protocol):
    """Where writers of index structures put their bytes: a segment file, or memory."""

    def add(self, name: str, *buffers: bytes | bytearray | memoryview | NDArray[Any]) -> None:
        """Store the concatenation of C-contiguous buffers under a name used once."""
        ...


class Sections(Protocol):
    """Where readers of index structures find their bytes, 64-byte aligned and checksummed."""

    @property
    def origin(self) -> str:
        """A file name, for error messages."""
        ...

    def section(self, name: str) -> memoryview:
        """The bytes of one section, verified before first use; CorruptionError if absent."""
        ...

    def __contains__(self, name: object) -> bool: ...


@dataclass
class MemorySections:
    """Sections that never were a file: the memtable's segments. Sink and source in one."""

    origin: str = "<memory>"
    buffers: dict[str, memoryview] = field(default_factory=dict)

    def add(self, name: str, *buffers: bytes | bytearray | memoryview | NDArray[Any]) -> None:
        """Copy the buffers into one 64-byte-aligned block."""
        if name in self.buffers:
            raise ValueError(f"section {name!r} was added twice")
        views = [view for buffer in buffers if (view := _flat_view(buffer)).nbytes]
        size = sum(view.nbytes for view in views)
        block = np.empty(size + 64, dtype=np.uint8)
        start = -block.ctypes.data % 64
        place = _flat_view(block[start : start + size])
        at = 0
        for view in views:
            place[at : at + view.nbytes] = view
            at += view.nbytes
        self.buffers[name] = place

    def section(self, name: str) -> memoryview:
        """The bytes of one section."""
        return self.buffers[name]

    def __contains__(self, name: object) -> bool:
        return name in self.buffers


def _flat_view(buffer: Any) -> memoryview:
    view = memoryview(buffer)
    # cast() refuses shapes that hold a zero
    return view.cast("B") if view.nbytes else memoryview(b"")
