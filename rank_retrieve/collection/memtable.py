"""Documents that are in the write-ahead log but in no segment file yet.

New records wait in `pending`, so that a put costs no analysis. The first search after a write
seals them into a segment in memory; sealed segments are merged geometrically (a segment is at
least twice as large as its successor), so n documents are rebuilt at most log2(n) times each
and a search sees a handful of segments. Everything here is guarded by the database's lock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rank_retrieve.collection.live import LiveSegment
from rank_retrieve.collection.record import Record
from rank_retrieve.collection.schema import Schema
from rank_retrieve.collection.segment import Contents, Segment, write_segment
from rank_retrieve.types import Bitmap, MemorySections

if TYPE_CHECKING:
    from rank_retrieve.analysis import Vocabulary


@dataclass(eq=False)
class Tracked:
    """A segment as the writer sees it: what readers see, and deletes they don't see yet."""

    visible: LiveSegment
    doomed: set[int] = field(default_factory=set)
    changed: bool = False

    @property
    def n_live(self) -> int:
        """Live documents, with the deletes that are not published yet."""
        return self.visible.n_live - len(self.doomed)

    def find(self, identity: str) -> int:
        """The doc of an id if it is alive, else -1."""
        doc = self.visible.segment.ids.find(identity)
        return doc if doc >= 0 and self.is_live(doc) else -1

    def is_live(self, doc: int) -> bool:
        """Whether a doc is alive, deletes that are not published yet included."""
        return doc not in self.doomed and self.visible.is_live(doc)

    def publish(self) -> LiveSegment:
        """Let readers see the deletes."""
        if self.doomed:
            self.visible = self.visible.without(sorted(self.doomed))
            self.doomed = set()
            self.changed = True
        return self.visible


@dataclass(eq=False)
class _Sealed(Tracked):
    contents: Contents = field(kw_only=True)


class Memtable:
    """Records by id, newest last.

    nbytes: what was put in since the memtable was made, replaced records included: the
        measure of when to flush.
    """

    def __init__(self, schema: Schema, vocabularies: Mapping[str, Vocabulary]) -> None:
        self._schema, self._vocabularies = schema, vocabularies
        self._pending: dict[str, Record] = {}
        self._sealed: list[_Sealed] = []
        self._places: dict[str, tuple[_Sealed, int]] = {}
        self.nbytes = 0

    def __len__(self) -> int:
        """How many live records."""
        return len(self._pending) + len(self._places)

    def get(self, identity: str) -> Record | None:
        """The live record of an id."""
        record = self._pending.get(identity)
        if record is None and identity in self._places:
            part, doc = self._places[identity]
            record = part.contents.records[doc]
        return record

    def put(self, record: Record) -> None:
        """Add a record as the newest; the caller has removed any older one of its id."""
        self._pending[record.id] = record
        self.nbytes += record.nbytes

    def remove(self, identity: str) -> bool:
        """Forget an id; whether it was here."""
        if self._pending.pop(identity, None) is not None:
            return True
        place = self._places.pop(identity, None)
        if place is None:
            return False
        place[0].doomed.add(place[1])
        return True

    def seal(self) -> tuple[LiveSegment, ...]:
        """Everything that was put and not removed, as segments to search."""
        for part in self._sealed:
            part.publish()
        kept = [part for part in self._sealed if part.n_live]
        if self._pending:
            contents = Contents.of(self._schema, list(self._pending.values()), self._vocabularies)
            while kept and len(kept[-1].contents.records) < 2 * len(contents.records):
                older = kept.pop()
                contents = Contents.concatenate(
                    [(older.contents, older.visible.live), (contents, None)]
                )
            part = self._sealed_part(contents)
            # nothing is taken over before all of it is made: an interrupt loses no document
            kept.append(part)
            self._places.update(
                {record.id: (part, doc) for doc, record in enumerate(contents.records)}
            )
            self._pending = {}
        self._sealed = kept
        return tuple(part.visible for part in kept)

    def _sealed_part(self, contents: Contents) -> _Sealed:
        sections = MemorySections()
        write_segment(sections, self._schema, contents, self._vocabularies, None)
        segment = Segment("<memory>", sections, self._schema, contents.records)
        return _Sealed(LiveSegment(segment), contents=contents)

    def records(self) -> list[Record]:
        """The live records, oldest first."""
        sealed = [
            record
            for part in self._sealed
            for doc, record in enumerate(part.contents.records)
            if part.is_live(doc)
        ]
        return [*sealed, *self._pending.values()]

    def contents(self) -> Contents:
        """The live records as the contents of one segment, in the order of `records`."""
        parts: list[tuple[Contents, Bitmap | None]] = []
        for part in self._sealed:
            part.publish()
            parts.append((part.contents, part.visible.live))
        if self._pending or not parts:
            pending = list(self._pending.values())
            parts.append((Contents.of(self._schema, pending, self._vocabularies), None))
        if len(parts) == 1 and parts[0][1] is None:
            return parts[0][0]
        return Contents.concatenate(parts)


def find_live(parts: Sequence[Tracked], identity: str) -> tuple[Tracked, int] | None:
    """Where an id is alive, newest segment first."""
    for part in reversed(parts):
        doc = part.find(identity)
        if doc >= 0:
            return part, doc
    return None
