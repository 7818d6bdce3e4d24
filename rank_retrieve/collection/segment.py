"""One immutable segment of a collection: its documents and every structure that finds them.

    section                      what                                  owner
    meta                         msgpack: docs, text groups, vectors   here
    ids, ids.*                   doc <-> the user's id                 collection.ids
    documents, documents.*       stored bodies                         collection.documents
    terms.* postings.* ...       one inverted index a text group       lexical
    vectors.<field>*             vectors of one field                  dense
    encoded.<field>              docs whose vector the encoder made    here
    columns*                     metadata                              filters

A segment in the memtable has the same sections in memory, except that its bodies stay in the
records that the memtable holds anyway.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import msgspec
import numpy as np

from rank_retrieve.collection.documents import DocumentBlocks, DocumentStore
from rank_retrieve.collection.forward import joined
from rank_retrieve.collection.ids import IdTable, write_ids
from rank_retrieve.collection.record import Record, decode_body, texts_of, to_document
from rank_retrieve.collection.schema import ID, Schema
from rank_retrieve.errors import CorruptionError
from rank_retrieve.types import Bitmap, Float32s, Int32s, Sections, SectionSink

if TYPE_CHECKING:
    from rank_retrieve.analysis import Vocabulary
    from rank_retrieve.dense.vectors import VectorColumn
    from rank_retrieve.filters.columns import Columns
    from rank_retrieve.lexical.invert import ForwardIndex
    from rank_retrieve.lexical.inverted_index import InvertedIndex

SEGMENT_KIND = "collection-segment"
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


# --------------------------------------------------------------------------- writing


@dataclass
class Contents:
    """What a segment is made from: records, and what analysis made of them, in doc order.

    forwards: per text group, the documents' tokens, numbered by `vocabularies[group]`.
    metadata: the undeclared fields of each document, with its id.
    """

    records: list[Record]
    forwards: dict[str, ForwardIndex]
    metadata: list[dict[str, Any]]

    @property
    def vector_fields(self) -> list[str]:
        """The fields in which some document has a vector, sorted, so that equal documents make
        equal segments however they came together.
        """
        return sorted({name for record in self.records for name in record.vectors})

    @classmethod
    def of(
        cls, schema: Schema, records: list[Record], vocabularies: Mapping[str, Vocabulary]
    ) -> Contents:
        """Analyse records."""
        from rank_retrieve.lexical.invert import ForwardIndex

        bodies = [decode_body(record.body, "<memory>") for record in records]
        forwards = {}
        for group in schema.groups:
            texts = [text for body in bodies for text in texts_of(body, group.fields)]
            runs = vocabularies[group.name].analyze(texts)
            forwards[group.name] = ForwardIndex(runs.tokens, runs.offsets, len(group.fields))
        metadata = [
            metadata_of(schema, record.id, body)
            for record, body in zip(records, bodies, strict=True)
        ]
        return cls(records, forwards, metadata)

    @classmethod
    def concatenate(cls, parts: Sequence[tuple[Contents, Bitmap | None]]) -> Contents:
        """The live documents of several contents of one vocabulary, in order."""
        kept = [
            (part, np.arange(len(part.records)) if live is None else live.to_docs())
            for part, live in parts
        ]
        groups = list(parts[0][0].forwards) if parts else []
        return cls(
            [part.records[doc] for part, docs in kept for doc in docs.tolist()],
            {
                group: joined([(part.forwards[group], docs) for part, docs in kept])
                for group in groups
            },
            [part.metadata[doc] for part, docs in kept for doc in docs.tolist()],
        )


def metadata_of(schema: Schema, identity: str, body: Mapping[str, Any]) -> dict[str, Any]:
    """What filters see of a document: its id and the fields that are not declared."""
    return {ID: identity, **{n: v for n, v in body.items() if n not in schema.texts}}


def write_segment(
    sink: SectionSink,
    schema: Schema,
    contents: Contents,
    vocabularies: Mapping[str, Vocabulary],
    blocks: Future[DocumentBlocks] | None,
) -> None:
    """Write every section of a segment; without `blocks` for a segment of the memtable."""
    meta = SegmentMeta(
        len(contents.records), [group.name for group in schema.groups], contents.vector_fields
    )
    sink.add("meta", msgspec.msgpack.encode(meta))
    _write_structures(sink, schema, contents, vocabularies)
    if blocks is not None:
        blocks.result().write(sink)


def _write_structures(
    sink: SectionSink,
    schema: Schema,
    contents: Contents,
    vocabularies: Mapping[str, Vocabulary],
) -> None:
    """All sections except `meta` and the bodies."""
    from rank_retrieve.filters.columns import write_columns
    from rank_retrieve.lexical import write_inverted_index

    write_ids(sink, [record.id for record in contents.records])
    for group in schema.groups:
        write_inverted_index(
            sink,
            group.name,
            contents.forwards[group.name],
            *vocabularies[group.name].arena(),
            group.field_units,
            group.scale,
        )
    for name in contents.vector_fields:
        _write_vector_field(sink, name, contents.records)
    write_columns(sink, contents.metadata)


def _write_vector_field(sink: SectionSink, name: str, records: Sequence[Record]) -> None:
    from rank_retrieve.dense.vectors import write_vectors

    docs = [doc for doc, record in enumerate(records) if name in record.vectors]
    matrix = np.stack([records[doc].vectors[name] for doc in docs])
    some: Int32s | None = None if len(docs) == len(records) else np.array(docs, dtype=np.int32)
    write_vectors(sink, name, matrix, some, len(records))
    made = [doc for doc in docs if name in records[doc].encoded]
    sink.add(f"encoded.{name}", Bitmap.from_docs(len(records), made).to_bytes())


# --------------------------------------------------------------------------- reading


class Segment:
    """Reads a segment; every structure is opened when it is first needed, then kept."""

    def __init__(
        self, name: str, sections: Sections, schema: Schema, records: Sequence[Record] | None = None
    ) -> None:
        self.name, self.schema = name, schema
        self._sections = sections
        self._records = records
        self._opened: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._meta = _read_meta(sections, schema)
        self.n_docs = self._meta.n_docs

    def _once(self, key: str, opener: Callable[[], T]) -> T:
        found = self._opened.get(key)
        if found is None:
            with self._lock:
                found = self._opened.get(key)
                if found is None:
                    found = self._opened[key] = opener()
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

    @property
    def bodies(self) -> Bodies:
        """The documents' stored bytes."""
        if self._records is not None:
            return RecordBodies(self._records)
        return self._once("documents", lambda: DocumentStore(self._sections, self.n_docs))

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

    def vectors(self, field: str) -> VectorColumn | None:
        """The vectors of one field, None when no document here has any."""
        from rank_retrieve.dense.vectors import VectorColumn

        if field not in self._meta.vectors:
            return None

        def opener() -> VectorColumn:
            column = VectorColumn.open(self._sections, field)
            if column.n_docs != self.n_docs or column.dim != self.schema.vectors[field].dim:
                raise CorruptionError(
                    self.name,
                    0,
                    f"{self.n_docs} vectors of the schema's dimension",
                    f"{column.n_docs} of {column.dim}",
                )
            return column

        return self._once(f"vectors {field}", opener)

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
        result = {}
        for field in self._meta.vectors:
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
        return to_document(self.ids.id(doc), self.stored(doc), self.vectors_of(doc, encoded=False))

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
    except msgspec.DecodeError as error:
        raise CorruptionError(sections.origin, 0, "a segment's meta section", str(error)) from error
    fits = (
        0 <= meta.n_docs < 1 << 31
        and meta.groups == [group.name for group in schema.groups]
        and all(name in schema.vectors for name in meta.vectors)
    )
    if not fits:
        raise CorruptionError(sections.origin, 0, "a segment of this schema", repr(meta)[:200])
    return meta
