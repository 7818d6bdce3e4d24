"""One immutable segment of a collection: its documents and every structure that finds them.

    section                      what                                  owner
    meta                         msgpack: docs, text groups, vectors   here
    ids, ids.*                   doc <-> the user's id                 collection.ids
    documents, documents.*       stored bodies                         collection.documents
    terms.* postings.* ...       one inverted index a text group       lexical
    vectors.<field>*             vectors of one field                  dense
    hnsw.<field>*                the graph over them, where asked for  dense
    int8.<field>*                codes of them, where asked for        dense
    encoded.<field>              docs whose vector the encoder made    here
    columns*                     metadata                              filters

A segment in the memtable has the same sections in memory, except that its bodies stay in the
records that the memtable holds anyway (`memtable_segment`). What writes them is in `contents`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec
import numpy as np

from rank_retrieve.collection.documents import DOCUMENT_WORDS, DocumentStore
from rank_retrieve.collection.ids import IdTable
from rank_retrieve.collection.record import Record, decode_body, to_document
from rank_retrieve.collection.schema import ID, Schema
from rank_retrieve.errors import CorruptionError
from rank_retrieve.persistence.segment import SegmentReader
from rank_retrieve.types import Bitmap, Float32s, Sections

if TYPE_CHECKING:
    from rank_retrieve.dense.multi_vectors import MultiColumn
    from rank_retrieve.dense.structures import Structure
    from rank_retrieve.dense.vectors import VectorColumn
    from rank_retrieve.filters.columns import Columns
    from rank_retrieve.lexical.inverted_index import InvertedIndex

SEGMENT_KIND = "collection-segment"
SEGMENT_FLAGS = DOCUMENT_WORDS
T = TypeVar("T")


class SegmentMeta(msgspec.Struct, array_like=True):
    """What a segment says of itself."""

    n_docs: int
    groups: list[str]
    vectors: list[str]


class Bodies(Protocol):
    """Where a segment's stored bodies come from."""

    def body(self, doc: int) -> bytes | memoryview:
        """The stored bytes of one document."""
        ...

    def bodies(self) -> Iterator[bytes | memoryview]:
        """All of them, in doc order."""
        ...


class RecordBodies:
    """Bodies that are still in memory."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    def body(self, doc: int) -> bytes:
        """The stored bytes of one document."""
        return self._records[doc].body

    def bodies(self) -> Iterator[bytes]:
        """All of them, in doc order."""
        return (record.body for record in self._records)


def metadata_of(schema: Schema, identity: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """What filters see of a document: its id and the fields that are not declared."""
    return {ID: identity, **{n: v for n, v in body.items() if n not in schema.texts}}


class Segment:
    """Reads a segment; every structure is opened when it is first needed, then kept."""

    def __init__(
        self, name: str, sections: Sections, schema: Schema, records: Sequence[Record] | None = None
    ) -> None:
        self.name, self.schema = name, schema
        self._sections = sections
        self._records = records
        self._opened: dict[str, Any] = {}
        self.opening_s: dict[str, float] = {}  # by structure
        self._lock = threading.Lock()
        self._meta = _read_meta(sections, schema)
        self.n_docs = self._meta.n_docs

    def _once(self, key: str, opener: Callable[[], T]) -> T:
        found = self._opened.get(key)
        if found is None:
            with self._lock:
                found = self._opened.get(key)
                if found is None:
                    start = perf_counter()
                    found = opener()
                    self.opening_s[key] = perf_counter() - start
                    self._opened[key] = found
        result: T = found
        return result

    @property
    def ids(self) -> IdTable:
        """The documents' ids."""
        return self._once("ids", self._open_ids)

    def _open_ids(self) -> IdTable:
        table = IdTable(self._sections)
        if len(table) != self.n_docs:
            raise CorruptionError(self.name, 0, f"{self.n_docs} ids", str(len(table)))
        return table

    def id(self, doc: int) -> str:
        """The id of a doc."""
        return self.ids.id(doc) if self._records is None else self._records[doc].id

    @property
    def bodies(self) -> Bodies:
        """The documents' stored bytes."""
        if self._records is not None:
            return RecordBodies(self._records)
        return self.blocks

    @property
    def blocks(self) -> DocumentStore:
        """The blocks that the bodies of a segment in a file lie in."""
        return self._once("documents", lambda: DocumentStore(self._sections, self.n_docs))

    @property
    def small(self) -> bool:
        """Whether its documents are stored as small as they get; nothing is read for it."""
        sections = self._sections
        return isinstance(sections, SegmentReader) and bool(
            sections.section_size("documents.words")
        )

    def index(self, group: str) -> InvertedIndex:
        """The inverted index of one text group."""
        from rank_retrieve.lexical.inverted_index import InvertedIndex

        def opener() -> InvertedIndex:
            index = InvertedIndex.open(self._sections, group)
            if index.n_docs != self.n_docs:
                raise CorruptionError(
                    self.name, 0, f"an index of {self.n_docs} documents", str(index.n_docs)
                )
            return index

        return self._once(f"index {group}", opener)

    def has_vectors(self, field: str) -> bool:
        """Whether a document here has a vector in this field, or several."""
        return field in self._meta.vectors

    def vectors(self, field: str) -> VectorColumn | None:
        """The vectors of one field, None when no document here has any."""
        from rank_retrieve.dense.validate import element_of
        from rank_retrieve.dense.vectors import VectorColumn

        if field not in self._meta.vectors:
            return None

        def opener() -> VectorColumn:
            column = VectorColumn.open(self._sections, field)
            spec = self.schema.vectors[field]
            element = element_of(spec.metric, spec.dtype)
            if (column.n_docs, column.dim, column.element) != (self.n_docs, spec.dim, element):
                raise CorruptionError(
                    self.name,
                    0,
                    f"{self.n_docs} vectors of {spec.dim} {element.name}",
                    f"{column.n_docs} of {column.dim} {column.element.name}",
                )
            return column

        return self._once(f"vectors {field}", opener)

    def multi_vectors(self, field: str) -> MultiColumn | None:
        """The vectors of a field of several a document, None when no document here has any."""
        from rank_retrieve.dense.multi_vectors import MultiColumn
        from rank_retrieve.dense.validate import element_of

        if field not in self._meta.vectors:
            return None

        def opener() -> MultiColumn:
            column = MultiColumn.open(self._sections, field, self.n_docs)
            spec, found = self.schema.multis[field], column.tokens
            element = element_of(spec.metric, spec.dtype)
            if (found.dim, found.element) != (spec.dim, element):
                raise CorruptionError(
                    self.name,
                    0,
                    f"vectors of {spec.dim} {element.name}",
                    f"of {found.dim} {found.element.name}",
                )
            return column

        return self._once(f"multi {field}", opener)

    def structure(self, field: str) -> Structure | None:
        """What lies beside the vectors of one field, None where there is nothing."""
        from rank_retrieve.dense.indexes import index_kind

        column, spec = self.vectors(field), self.schema.vectors[field]
        if column is None:
            return None
        kind = index_kind(spec)
        return self._once(
            f"structure {field}", lambda: kind.open(self._sections, field, column, spec)
        )

    def encoded(self, field: str) -> Bitmap:
        """The docs whose vector the encoder made."""

        def opener() -> Bitmap:
            raw = self._sections.section(f"encoded.{field}")
            if len(raw) != -(-self.n_docs // 64) * 8:
                raise CorruptionError(self.name, 0, f"{self.n_docs} bits", f"{len(raw)} bytes")
            return Bitmap.from_bytes(self.n_docs, raw)

        return self._once(f"encoded {field}", opener)

    @property
    def columns(self) -> Columns:
        """The documents' metadata, by column."""
        from rank_retrieve.filters.columns import Columns

        return self._once("columns", lambda: Columns.open(self._sections, n_docs=self.n_docs))

    def stored(self, doc: int) -> dict[str, Any]:
        """The fields of a document except id and vectors."""
        return decode_body(self.bodies.body(doc), self.name)

    def vectors_of(self, doc: int, *, encoded: bool) -> dict[str, Float32s]:
        """A document's vectors; without those that the encoder made unless asked for."""
        if self._records is not None:
            held = self._records[doc]
            return {n: row for n, row in held.vectors.items() if encoded or n not in held.encoded}
        result = {}
        for field in self._meta.vectors:
            if field in self.schema.multis:
                several = self.multi_vectors(field)
                tokens = None if several is None else several.of(doc)
                if tokens is not None:
                    result[field] = tokens
                continue
            column = self.vectors(field)
            row = None if column is None else column.row_of(doc)
            if (
                column is not None
                and row is not None
                and (encoded or doc not in self.encoded(field))
            ):
                result[field] = column.vectors[row]
        return result

    def document(self, doc: int) -> dict[str, Any]:
        """The document as it was put."""
        return to_document(self.id(doc), self.stored(doc), self.vectors_of(doc, encoded=False))

    def record(self, doc: int) -> Record:
        """The document in stored form, to be written again."""
        if self._records is not None:
            return self._records[doc]
        vectors = {name: np.array(row) for name, row in self.vectors_of(doc, encoded=True).items()}
        made = frozenset(name for name in vectors if doc in self.encoded(name))
        return Record(self.ids.id(doc), bytes(self.bodies.body(doc)), vectors, made)


def _read_meta(sections: Sections, schema: Schema) -> SegmentMeta:
    raw = sections.section("meta")
    try:
        meta = msgspec.msgpack.decode(raw, type=SegmentMeta)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CorruptionError(sections.origin, 0, "a segment's meta section", str(error)) from error
    fits = (
        0 <= meta.n_docs < 1 << 31
        and meta.groups == [group.name for group in schema.groups]
        and all(name in schema.arrays for name in meta.vectors)
    )
    if not fits:
        raise CorruptionError(sections.origin, 0, "a segment of this schema", repr(meta)[:200])
    return meta
