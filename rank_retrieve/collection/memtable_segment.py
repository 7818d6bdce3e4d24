"""A segment in the memtable: the structures of a segment file, each made when it is first read.

Text is inverted at once, under the database's lock, since the vocabulary goes on growing. Ids,
vectors and metadata wait in the records until a search reads them: a search for words pays
neither for columns nor for a matrix of vectors, which matters most behind a recovery.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from rank_retrieve.collection.contents import (
    Contents,
    write_columns_of,
    write_encoded_docs,
    write_ids_of,
    write_meta,
    write_text_group,
    write_vector_field,
)
from rank_retrieve.collection.segment import Segment
from rank_retrieve.types import MemorySections, SectionSink

if TYPE_CHECKING:
    from rank_retrieve.analysis import Vocabulary

ORIGIN = "<memory>"


class LazySections:
    """Sections in memory; families of them are written when the first of them is read."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self._made = MemorySections(origin)
        self._waiting: dict[str, Callable[[SectionSink], object]] = {}
        self._lock = threading.Lock()

    def add_now(self, write: Callable[[SectionSink], None]) -> None:
        """Write sections at once."""
        write(self._made)

    def add_later(self, family: str, write: Callable[[SectionSink], object]) -> None:
        """Let `write` make the section `family` and those named `family.*` on demand."""
        self._waiting[family] = write

    def section(self, name: str) -> memoryview:
        """The bytes of one section."""
        self._make(name)
        return self._made.section(name)

    def __contains__(self, name: object) -> bool:
        self._make(str(name))
        return name in self._made

    def _make(self, name: str) -> None:
        with self._lock:
            for family in self._waiting:
                if name == family or name.startswith(f"{family}."):
                    break
            else:
                return
            # in a sink of its own, so that an interrupted attempt can be made again
            fresh = MemorySections(self.origin)
            self._waiting[family](fresh)
            self._made.buffers.update(fresh.buffers)
            del self._waiting[family]


def memtable_segment(contents: Contents, vocabularies: Mapping[str, Vocabulary]) -> Segment:
    """The records as a segment to search."""
    schema, records, sections = contents.schema, contents.records, LazySections(ORIGIN)
    sections.add_now(partial(write_meta, contents=contents))
    for group in schema.groups:
        write = partial(
            write_text_group, group=group, contents=contents, vocabulary=vocabularies[group.name]
        )
        sections.add_now(write)
    # of what waits, nothing holds the tokens: a snapshot may outlive the memtable by far
    sections.add_later("ids", partial(write_ids_of, records=records))
    for name in contents.vector_fields:
        spec = schema.arrays[name]
        vectors = partial(write_vector_field, name=name, records=records, spec=spec)
        sections.add_later(f"vectors.{name}", vectors)
        write = partial(write_encoded_docs, name=name, records=records)
        sections.add_later(f"encoded.{name}", write)
    sections.add_later("columns", partial(write_columns_of, schema=schema, records=records))
    return Segment(ORIGIN, sections, schema, records)
