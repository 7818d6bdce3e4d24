"""Documents that are in the write-ahead log but in no segment file yet.

New records wait in `pending`, so that a put costs no analysis. The first search after a write
seals them into a segment in memory; sealed segments are merged geometrically (a segment is at
least twice as large as its successor), so n documents are rebuilt at most log2(n) times each
and a search sees a handful of segments. Everything here is guarded by the database's lock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from rank_retrieve.collection.batch import Change
from rank_retrieve.collection.contents import Contents
from rank_retrieve.collection.live import LiveSegment
from rank_retrieve.collection.memtable_segment import memtable_segment
from rank_retrieve.collection.record import Record
from rank_retrieve.collection.schema import Schema
from rank_retrieve.collection.segment import Segment
from rank_retrieve.types import Bitmap

if TYPE_CHECKING:
    from rank_retrieve.analysis import Vocabulary

DELETE_BYTES = 32  # in the log, beside the id


class _View(NamedTuple):
    visible: LiveSegment
    doomed: set[int]
    changed: bool


class Tracked:
    """A segment as the writer sees it: what readers see, and deletes they don't see yet.

    visible: what readers see. doomed: docs that were deleted since. changed: whether `visible`
    has deletes that no file has yet. They change together, in one assignment: an interrupt
    finds either the state before or the state after.
    """

    def __init__(self, visible: LiveSegment) -> None:
        self._view = _View(visible, set(), False)

    @property
    def visible(self) -> LiveSegment:
        """What readers see."""
        return self._view.visible

    @property
    def doomed(self) -> set[int]:
        """Docs that are deleted, where readers don't see it yet."""
        return self._view.doomed

    @property
    def changed(self) -> bool:
        """Whether there are deletes that no file has yet."""
        return self._view.changed

    def doom(self, docs: Sequence[int]) -> None:
        """Delete live docs, for readers to see after `publish`."""
        self._view.doomed.update(docs)

    def written(self) -> None:
        """The visible deletes are in a file now."""
        self._view = self._view._replace(changed=False)

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

    def live_now(self) -> LiveSegment:
        """What is alive, deletes that are not published yet included, without statistics."""
        if not self.doomed:
            return LiveSegment(self.visible.segment, self.visible.live)
        live = self.visible.live_docs.copy()
        for doc in self.doomed:
            live.discard(doc)
        return LiveSegment(self.visible.segment, live)

    def publish(self) -> LiveSegment:
        """Let readers see the deletes."""
        if self.doomed:
            fresh = self.visible.without(sorted(self.doomed))
            self._view = _View(fresh, set(), True)
        return self.visible


class _Sealed(Tracked):
    """A segment in memory, with what it was made of."""

    def __init__(self, segment: Segment, contents: Contents) -> None:
        super().__init__(LiveSegment(segment))
        self.contents = contents
        self.places = {record.id: doc for doc, record in enumerate(contents.records)}

    def find(self, identity: str) -> int:
        """The doc of an id if it is alive, else -1."""
        doc = self.places.get(identity, -1)
        return doc if doc >= 0 and self.is_live(doc) else -1


class Memtable:
    """Records by id, newest last.

    nbytes: roughly what was put and deleted since the memtable was made, replaced records
        included: the measure of when to flush, since the log grows with all of it.
    """

    def __init__(self, schema: Schema, vocabularies: Mapping[str, Vocabulary]) -> None:
        self._schema, self._vocabularies = schema, vocabularies
        # sealed segments and pending records change hands in one assignment
        self._held: tuple[tuple[_Sealed, ...], dict[str, Record]] = ((), {})
        self.nbytes = 0

    @property
    def _sealed(self) -> tuple[_Sealed, ...]:
        return self._held[0]

    @property
    def _pending(self) -> dict[str, Record]:
        return self._held[1]

    def __len__(self) -> int:
        """How many live records."""
        return len(self._pending) + sum(part.n_live for part in self._sealed)

    def get(self, identity: str) -> Record | None:
        """The live record of an id."""
        record = self._pending.get(identity)
        if record is not None:
            return record
        found = find_live(self._sealed, identity)
        return None if found is None else found[0].contents.records[found[1]]

    def apply(self, changes: Mapping[str, Change]) -> int:
        """Put and delete what a batch says, its records as the newest; how many were here."""
        sealed, pending = self._held
        replaced = nbytes = 0
        for identity, record in changes.items():
            if pending.pop(identity, None) is not None:
                replaced += 1
            elif sealed and (found := find_live(sealed, identity)) is not None:
                found[0].doom([found[1]])
                replaced += 1
            if record is None:
                nbytes += len(identity) + DELETE_BYTES
            else:
                pending[identity] = record
                nbytes += record.nbytes
        self.nbytes += nbytes
        return replaced

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
            kept.append(self._sealed_part(contents))
        self._held = (tuple(kept), {})
        return tuple(part.visible for part in kept)

    def _sealed_part(self, contents: Contents) -> _Sealed:
        return _Sealed(memtable_segment(contents, self._vocabularies), contents)

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


Part = TypeVar("Part", bound=Tracked)


def find_live(parts: Sequence[Part], identity: str) -> tuple[Part, int] | None:
    """Where an id is alive, newest segment first."""
    for part in reversed(parts):
        doc = part.find(identity)
        if doc >= 0:
            return part, doc
    return None
