"""What a segment is made from, and the writers of its sections; `segment` has what they are.

    records      as they were put, in doc order
    forwards     what analysis made of their texts, numbered by a vocabulary
    sections     meta, ids, one inverted index a text group, vectors, graphs, metadata, bodies

The same writers make segment files and the segments of the memtable.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from rank_retrieve._threads import HelperThread
from rank_retrieve.collection.analysing import analysed
from rank_retrieve.collection.documents import DocumentBlocks
from rank_retrieve.collection.forward import joined
from rank_retrieve.collection.ids import write_ids
from rank_retrieve.collection.record import Record, decode_body
from rank_retrieve.collection.schema import Schema, TextGroup
from rank_retrieve.collection.segment import SegmentMeta, metadata_of
from rank_retrieve.types import (
    Bitmap,
    Int32s,
    MemorySections,
    MultiVector,
    SectionSink,
    Vector,
)

if TYPE_CHECKING:
    from rank_retrieve.analysis import Vocabulary
    from rank_retrieve.dense.vectors import VectorColumn
    from rank_retrieve.lexical.invert import ForwardIndex

THREAD_ABOVE_TOKENS = 1 << 16  # fewer are inverted in less time than a thread takes to start


@dataclass
class Contents:
    """What a segment is made from: records, and what analysis made of them, in doc order.

    forwards: per text group, the documents' tokens, numbered by `vocabularies[group]`.
    """

    schema: Schema
    records: list[Record]
    forwards: dict[str, ForwardIndex]

    @property
    def vector_fields(self) -> list[str]:
        """The fields in which some document has a vector, sorted, so that equal documents make
        equal segments however they came together.
        """
        if not self.schema.arrays:
            return []
        return sorted({name for record in self.records for name in record.vectors})

    @classmethod
    def of(
        cls, schema: Schema, records: list[Record], vocabularies: Mapping[str, Vocabulary]
    ) -> Contents:
        """Analyse records."""
        forwards = {
            group.name: analysed(records, group, vocabularies[group.name])
            for group in schema.groups
        }
        return cls(schema, records, forwards)

    @classmethod
    def concatenate(cls, parts: Sequence[tuple[Contents, Bitmap | None]]) -> Contents:
        """The live documents of several contents of one vocabulary, in order; one at least."""
        kept = [
            (part, np.arange(len(part.records)) if live is None else live.to_docs())
            for part, live in parts
        ]
        return cls(
            parts[0][0].schema,
            [part.records[doc] for part, docs in kept for doc in docs.tolist()],
            {
                group: joined([(part.forwards[group], docs) for part, docs in kept])
                for group in parts[0][0].forwards
            },
        )


def write_segment(
    sink: SectionSink,
    contents: Contents,
    vocabularies: Mapping[str, Vocabulary],
    blocks: Future[DocumentBlocks],
) -> None:
    """Write every section of a segment."""
    from rank_retrieve.dense.indexes import index_kind

    schema, records = contents.schema, contents.records
    n_tokens = sum(len(forward.tokens) for forward in contents.forwards.values())
    write_meta(sink, contents)
    columns = MemorySections()
    # kernels let go of the GIL; what Python makes is made beside them
    with HelperThread(beside=n_tokens >= THREAD_ABOVE_TOKENS) as helper:
        inverted = [
            helper.submit(_text_sections, group, contents, vocabularies[group.name])
            for group in schema.groups
        ]
        write_ids_of(sink, records)
        write_columns_of(columns, schema, records)
        for sections in inverted:
            _copy(sections.result(), sink)
    for name in contents.vector_fields:
        spec = contents.schema.arrays[name]
        column = write_vector_field(sink, name, contents.records, spec)
        if isinstance(spec, Vector) and column is not None:
            kind = index_kind(spec)
            if kind.wants(column.n):
                kind.write(sink, name, column, spec)
        write_encoded_docs(sink, name, contents.records)
    _copy(columns, sink)
    blocks.result().write(sink)


def _text_sections(group: TextGroup, contents: Contents, vocabulary: Vocabulary) -> MemorySections:
    sections = MemorySections()
    write_text_group(sections, group, contents, vocabulary)
    return sections


def _copy(sections: MemorySections, sink: SectionSink) -> None:
    for name, section in sections.buffers.items():
        sink.add(name, section)


def write_meta(sink: SectionSink, contents: Contents) -> None:
    """What the segment says of itself."""
    groups = [group.name for group in contents.schema.groups]
    meta = SegmentMeta(len(contents.records), groups, contents.vector_fields)
    sink.add("meta", msgspec.msgpack.encode(meta))


def write_ids_of(sink: SectionSink, records: Sequence[Record]) -> None:
    """The ids."""
    write_ids(sink, [record.id for record in records])


def write_text_group(
    sink: SectionSink, group: TextGroup, contents: Contents, vocabulary: Vocabulary
) -> None:
    """The inverted index of one text group."""
    from rank_retrieve.lexical import write_inverted_index

    write_inverted_index(
        sink,
        group.name,
        contents.forwards[group.name],
        *vocabulary.arena(),
        group.field_units,
        group.scale,
    )


def write_columns_of(sink: SectionSink, schema: Schema, records: Sequence[Record]) -> None:
    """The metadata."""
    from rank_retrieve.filters.columns import write_columns

    write_columns(
        sink,
        [
            metadata_of(schema, record.id, decode_body(record.body, "<memory>"))
            for record in records
        ],
    )


def write_vector_field(
    sink: SectionSink, name: str, records: Sequence[Record], spec: Vector | MultiVector
) -> VectorColumn | None:
    """The vectors of one field, as they will be read; None where documents have several."""
    from rank_retrieve.dense.multi_vectors import write_multi_vectors
    from rank_retrieve.dense.validate import element_of
    from rank_retrieve.dense.vectors import write_vectors

    element = element_of(spec.metric, spec.dtype)
    if isinstance(spec, MultiVector):
        write_multi_vectors(sink, name, [r.vectors.get(name) for r in records], element)
        return None
    docs = [doc for doc, record in enumerate(records) if name in record.vectors]
    matrix = np.stack([records[doc].vectors[name] for doc in docs])
    some: Int32s | None = None if len(docs) == len(records) else np.array(docs, dtype=np.int32)
    return write_vectors(sink, name, matrix, some, len(records), element=element)


def write_encoded_docs(sink: SectionSink, name: str, records: Sequence[Record]) -> None:
    """Which of a field's vectors the encoder made."""
    made = [doc for doc, record in enumerate(records) if name in record.encoded]
    sink.add(f"encoded.{name}", Bitmap.from_docs(len(records), made).to_bytes())
