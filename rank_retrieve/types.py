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

from rank_retrieve._tables import Tabular
from rank_retrieve.errors import InvalidArgument

Float32s: TypeAlias = NDArray[np.float32]
Float64s: TypeAlias = NDArray[np.float64]
Int32s: TypeAlias = NDArray[np.int32]
Int64s: TypeAlias = NDArray[np.int64]
UInt8s: TypeAlias = NDArray[np.uint8]
UInt32s: TypeAlias = NDArray[np.uint32]
UInt64s: TypeAlias = NDArray[np.uint64]

Metric = Literal["cosine", "dot", "euclidean", "hamming"]
FLOAT_METRICS: tuple[Metric, ...] = ("cosine", "dot", "euclidean")
BIT_METRICS: tuple[Metric, ...] = ("hamming",)
METRICS = FLOAT_METRICS + BIT_METRICS
DType = Literal["float32", "float16"]
DTYPES: tuple[DType, ...] = ("float32", "float16")


# --------------------------------------------------------------------------- fields


@dataclass(frozen=True)
class Text:
    """A field that is analysed into terms and searched by BM25.

    analyzer: a name known to `rank_retrieve.analysis` ("english", "german", "simple", ...).
    boost: how much one occurrence here counts against one in a field with boost 1. Fields
        with the same analyzer are scored together as BM25F (Robertson, Zaragoza & Taylor,
        CIKM 2004): frequencies and lengths are weighted and summed, then BM25 is applied once.
        A multiple of 0.01 between 0.01 and 100, so that scores stay exact.
    positions: whether to keep where words stand. Phrases (`rr.Phrase`) are then found without
        reading documents; the index grows by about four fifths. Fields with the same
        analyzer share an index: positions are kept for all of them or none.
    """

    analyzer: str = "english"
    boost: float = 1.0
    positions: bool = False

    def __post_init__(self) -> None:
        if isinstance(self.boost, bool) or not isinstance(self.boost, int | float):
            raise InvalidArgument("boost", self.boost, "must be a number")
        hundredths = self.boost * 100
        if not 1 <= hundredths <= 10_000 or abs(hundredths - round(hundredths)) > 1e-6:
            raise InvalidArgument("boost", self.boost, "must be a multiple of 0.01 in 0.01..100")
        if not isinstance(self.positions, bool):
            raise InvalidArgument("positions", self.positions, "must be True or False")


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
class IVFPQOptions:
    """Lists of vectors that are near to each other, coded in a few bytes each (Jégou, Douze &
    Schmid, IEEE TPAMI 2011). Hits are scored by the vectors themselves.

    n_lists: lists, 1..65,536, but never more than one for eight vectors; None for about
        2.5 sqrt(number of vectors).
    m: parts of a vector, each coded by itself, 1..256. None for one for every four components
        with four bits, for every eight components with eight bits, and more of them below 128
        components.
    bits: of a part's code, 4 (fast) or 8.
    rotation: "none", or "opq" to learn one under which codes lose less (Ge et al., IEEE TPAMI
        2014); a query is then turned first.
    n_probe: lists that a search looks at unless it says otherwise, 1..65,536.
    rescored: candidates that are scored by their vectors, 1..65,536; at least k always. None for
        4 k + 56.
    training: vectors that lists and codes are learnt from at most, 256 or more; None for 64 for
        each list, and 32,768 at least.
    steps: of k-means, 1..1,000.
    seed: of the sample and the first centres, below 2^63.
    """

    MAX_LISTS: ClassVar[int] = 65_536
    MAX_PARTS: ClassVar[int] = 256
    MAX_RESCORED: ClassVar[int] = 65_536
    ROTATIONS: ClassVar[tuple[str, ...]] = ("none", "opq")

    n_lists: int | None = None
    m: int | None = None
    bits: int = 4
    rotation: Literal["none", "opq"] = "none"
    n_probe: int = 32
    rescored: int | None = None
    training: int | None = None
    steps: int = 10
    seed: int = 0

    def __post_init__(self) -> None:
        limits = {
            "n_lists": (1, self.MAX_LISTS),
            "m": (1, self.MAX_PARTS),
            "n_probe": (1, self.MAX_LISTS),
            "rescored": (1, self.MAX_RESCORED),
            "training": (256, (1 << 31) - 1),
            "steps": (1, 1_000),
            "seed": (0, (1 << 63) - 1),
        }
        for name, (least, most) in limits.items():
            value = getattr(self, name)
            if value is None and name in ("n_lists", "m", "rescored", "training"):
                continue
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
                raise InvalidArgument(name, value, f"must be an integer in {least}..{most}")
        if isinstance(self.bits, bool) or self.bits not in (4, 8):
            raise InvalidArgument("bits", self.bits, "must be 4 or 8")
        if self.rotation not in self.ROTATIONS:
            raise InvalidArgument("rotation", self.rotation, 'must be "none" or "opq"')


@dataclass(frozen=True)
class ExactOptions:
    """A scan of every vector, or of a code of every vector.

    quantizer: None reads all vectors. "int8" reads a code of one byte a component first, which
        bounds the score of each vector, and then those vectors that may be among the best: several
        times as fast, for a quarter more space; hits and scores are the same to the bit. "1bit"
        reads a code of one bit a component, which estimates scores, and then the vectors that look
        best: it may miss some of the nearest, for a twentieth more space.
    rescored: how many vectors "1bit" reads, 1..65,536; at least k always.
    """

    QUANTIZERS: ClassVar[tuple[str | None, ...]] = (None, "int8", "1bit")
    MAX_RESCORED: ClassVar[int] = 65_536

    quantizer: Literal["int8", "1bit"] | None = None
    rescored: int = 400

    def __post_init__(self) -> None:
        if self.quantizer not in self.QUANTIZERS:
            raise InvalidArgument("quantizer", self.quantizer, 'must be None, "int8" or "1bit"')
        value = self.rescored
        most = self.MAX_RESCORED
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= most:
            raise InvalidArgument("rescored", value, f"must be an integer in 1..{most}")


INDEX_OPTIONS: dict[str, type[ExactOptions] | type[HNSWOptions] | type[IVFPQOptions]] = {
    "exact": ExactOptions,
    "hnsw": HNSWOptions,
    "ivfpq": IVFPQOptions,
}


@dataclass(frozen=True)
class Vector:
    """A field of dense vectors, or of binary ones.

    dim: number of components, 1..65,536.
    metric: "cosine" and "dot" rank by similarity, highest first; "euclidean" ranks by the
        negated squared distance, so that higher is better everywhere. "hamming" ranks binary
        vectors (booleans, or bytes of `np.packbits`) by the negated number of bits that differ;
        they take a bit a component.
    index: "exact" scans every vector, `ExactOptions(quantizer="int8")` by codes first.
        `HNSWOptions(...)`, or "hnsw" for its defaults, walks a graph; `IVFPQOptions(...)`, or
        "ivfpq", looks at lists of nearby vectors. Both may miss some of the nearest. Segments of
        few vectors are scanned anyway, and so are binary ones.
    dtype: how components are stored: "float32", or "float16" in half the space, rounded; scores
        are those of what is stored, exactly. It means nothing to binary vectors.
    """

    dim: int
    metric: Metric = "cosine"
    index: Literal["exact", "hnsw", "ivfpq"] | ExactOptions | HNSWOptions | IVFPQOptions = "exact"
    dtype: DType = "float32"

    def __post_init__(self) -> None:
        if (
            isinstance(self.dim, bool)
            or not isinstance(self.dim, int)
            or not 1 <= self.dim <= 65536
        ):
            raise InvalidArgument("dim", self.dim, "must be an integer in 1..65536")
        if self.metric not in METRICS:
            raise InvalidArgument("metric", self.metric, f"must be one of {', '.join(METRICS)}")
        if self.dtype not in DTYPES:
            raise InvalidArgument("dtype", self.dtype, f"must be one of {', '.join(DTYPES)}")
        if isinstance(self.index, str) and self.index in INDEX_OPTIONS:
            object.__setattr__(self, "index", INDEX_OPTIONS[self.index]())
        if isinstance(self.index, ExactOptions) and self.index.quantizer is None:
            object.__setattr__(self, "index", "exact")
        if self.metric in BIT_METRICS and self.index != "exact":
            raise InvalidArgument("index", self.index, f'must be "exact" under {self.metric}')
        if self.index != "exact" and not isinstance(self.index, tuple(INDEX_OPTIONS.values())):
            raise InvalidArgument(
                "index",
                self.index,
                'must be "exact", "hnsw", "ivfpq", or options such as rr.HNSWOptions(...)',
            )

    @property
    def kind(self) -> str:
        """Which kind of index this is, without its options: "exact", "hnsw" or "ivfpq"."""
        for name, options in INDEX_OPTIONS.items():
            if isinstance(self.index, options):
                return name
        return "exact"


@dataclass(frozen=True)
class MultiVector:
    """A field of several dense vectors a document, one for each token: late interaction.

    A document's score for a query of several vectors is the sum, over these, of the highest
    similarity to a vector of the document (MaxSim of ColBERT: Khattab & Zaharia, SIGIR 2020).
    Every document is compared, and the score is exact.

    dim: components of each vector, 1..65,536. A document has an array [tokens, dim], 1..4,096
        tokens.
    metric: "cosine" or "dot".
    dtype: how components are stored, "float32" or "float16".
    """

    METRICS: ClassVar[tuple[Metric, ...]] = ("cosine", "dot")

    dim: int
    metric: Literal["cosine", "dot"] = "cosine"
    dtype: DType = "float32"

    def __post_init__(self) -> None:
        Vector(self.dim, self.metric, dtype=self.dtype)
        if self.metric not in self.METRICS:
            raise InvalidArgument("metric", self.metric, 'must be "cosine" or "dot"')


Field: TypeAlias = Text | Vector | MultiVector


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

    def __rich__(self) -> Any:
        from rank_retrieve._rendering import tree_table

        return tree_table(self)

    def _repr_html_(self) -> str:
        from rank_retrieve._rendering import tree_html

        return tree_html(self)

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
        """1 for the best hit, also where `offset` passed over it."""
        return self._hits.offset + self._position + 1

    @property
    def collection(self) -> str | None:
        """The collection that it was found in, of a search over several; else None."""
        return self._hits._collection(self._position)

    @property
    def document(self) -> dict[str, Any]:
        """The stored document; raises InvalidArgument where the retriever stores none."""
        return self._hits._document(self._position)

    def explain(self) -> Explanation:
        """How the score came about; the tree sums exactly to `score`."""
        return self._hits._explanation(self._position)

    def __repr__(self) -> str:
        return f"Hit(id={self.id!r}, score={self.score:.6g})"


@dataclass(frozen=True)
class Group:
    """Hits that share a value of the field that a search was grouped by, best first."""

    value: Any
    hits: tuple[Hit, ...]


class Hits(Tabular, Sequence[Hit]):
    """Hits, best first: a sequence of `Hit` over two arrays.

    ids: [n], strings as objects, or int64 positions for a retriever without ids.
    scores: float64 [n].
    offset: how many better hits were passed over.
    timings: seconds by stage, "total" among them; empty where nothing was timed.
    """

    def __init__(
        self,
        ids: NDArray[Any],
        scores: Float64s,
        *,
        document: Callable[[int], dict[str, Any]] | None = None,
        explain: Callable[[int], Explanation] | None = None,
        plan: Mapping[str, Any] | Callable[[], Mapping[str, Any]] | None = None,
        offset: int = 0,
        group_values: Sequence[Any] | None = None,
        collections: Sequence[str] | None = None,
        timings: Mapping[str, float] | None = None,
    ) -> None:
        self.ids, self.scores, self.offset = ids, scores, offset
        self.timings: Mapping[str, float] = timings or {}
        self._plan = plan
        self._get_document, self._explain = document, explain
        self._group_values, self._collections = group_values, collections

    @classmethod
    def empty(cls, plan: Mapping[str, Any] | None = None) -> Hits:
        """No hits."""
        return cls(np.empty(0, dtype=object), np.empty(0, dtype=np.float64), plan=plan)

    @property
    def plan(self) -> Mapping[str, Any]:
        """How the search was run (legs, filter strategy, candidates), for people to read."""
        if callable(self._plan):
            self._plan = self._plan()
        return self._plan or {}

    @property
    def groups(self) -> list[Group]:
        """The hits by the value that they were grouped by, the group of the best hit first.

        Empty for a search without `group_by`.
        """
        groups: list[tuple[Any, list[Hit]]] = []
        for hit, value in zip(self, self._group_values or (), strict=False):
            # one group, one object
            if not groups or groups[-1][0] is not value:
                groups.append((value, []))
            groups[-1][1].append(hit)
        return [Group(value, tuple(hits)) for value, hits in groups]

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
        """Ids, scores, plan and timings; documents and explanations stay with the index."""
        plain = {"_get_document": None, "_explain": None}
        return {**self.__dict__, **plain, "_plan": dict(self.plan)}

    # ------------------------------------------------------------------ as a table

    def _leading_columns(self) -> dict[str, Any]:
        ids = self.ids.tolist() if self.ids.dtype == object else self.ids
        return {"id": ids, "score": self.scores}

    def _all_documents(self) -> list[dict[str, Any]] | None:
        if self._get_document is None:
            return None
        return [self._get_document(position) for position in range(len(self))]

    # ------------------------------------------------------------------ for hits

    def _collection(self, position: int) -> str | None:
        return None if self._collections is None else self._collections[position]

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
