"""The state behind one collection's handle: disk segments, memtable, encoder.

Everything here is guarded by the database's lock. Readers never see this object: they get a
`Snapshot` over the immutable segments that `visible()` returns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rank_retrieve.collection.batch import Change
from rank_retrieve.collection.encoders import (
    EncoderSettings,
    TrainableEncoder,
    unfitted_encoder,
)
from rank_retrieve.collection.encoding import TextEncoding
from rank_retrieve.collection.live import LiveSegment
from rank_retrieve.collection.memtable import Memtable, Tracked, find_live
from rank_retrieve.collection.record import Record
from rank_retrieve.collection.schema import Schema
from rank_retrieve.errors import NotFound
from rank_retrieve.types import Encoder

if TYPE_CHECKING:
    from rank_retrieve.analysis import Vocabulary
    from rank_retrieve.collection.snapshot import Snapshot
    from rank_retrieve.persistence.manifest import CollectionEntry, SegmentEntry


class DiskSegment(Tracked):
    """A published segment file, as its manifest entry names it."""

    def __init__(self, visible: LiveSegment, *, entry: SegmentEntry) -> None:
        super().__init__(visible)
        self.entry = entry


@dataclass(frozen=True)
class Prepared:
    """A batch that is ready to be applied: whatever could fail on the way has been done.

    doomed: what it deletes or replaces in segments on disk.
    """

    changes: Mapping[str, Change]
    doomed: list[tuple[DiskSegment, list[int]]]


class CollectionStore:
    """entry: what the manifest says. encoder: fitted, or None. merges: published since opening."""

    def __init__(self, entry: CollectionEntry, schema: Schema) -> None:
        self.entry, self.schema = entry, schema
        self.encoder: Encoder | None = None
        self.settings: EncoderSettings | None = None
        self.unfitted: TrainableEncoder | None = None
        self.dropped = False
        self.merges = 0
        self.disk: list[DiskSegment] = []
        self.vocabularies: dict[str, Vocabulary] = self._new_vocabularies()
        self.memtable = Memtable(schema, self.vocabularies)
        self.dirty = False
        self._visible: tuple[LiveSegment, ...] | None = None
        self.view: Snapshot | None = None
        self.view_parts: tuple[LiveSegment, ...] | None = None

    def _new_vocabularies(self) -> dict[str, Vocabulary]:
        from rank_retrieve.analysis import Vocabulary, get_analyzer

        return {
            group.name: Vocabulary(get_analyzer(group.analyzer)) for group in self.schema.groups
        }

    def attach_settings(self, settings: EncoderSettings | None) -> None:
        """Take over the stored settings; an encoder that can be trained is made anew."""
        self.settings = settings
        if settings is not None:
            self.unfitted = unfitted_encoder(settings)

    def check_there(self) -> None:
        """Raises NotFound for a collection that was dropped."""
        if self.dropped:
            raise NotFound("collection", self.entry.name, "it was dropped")

    @property
    def encoding(self) -> TextEncoding:
        """What gives documents the encoder's vectors."""
        return TextEncoding(self.schema, self.encoder, self.encoder_field)

    @property
    def encoder_field(self) -> str | None:
        """The vector field that the encoder fills."""
        return None if self.settings is None else self.settings.field

    def __len__(self) -> int:
        """How many live documents."""
        return len(self.memtable) + sum(part.n_live for part in self.disk)

    def get(self, identity: str) -> Record | None:
        """The live record of an id."""
        record = self.memtable.get(identity)
        if record is None:
            found = find_live(self.disk, identity)
            if found is not None:
                record = found[0].visible.segment.record(found[1])
        return record

    def contains(self, identity: str) -> bool:
        """Whether an id is alive."""
        return self.memtable.get(identity) is not None or find_live(self.disk, identity) is not None

    def prepare(self, changes: Mapping[str, Change]) -> Prepared:
        """Look up what a batch replaces; reads, changes nothing. Raises CorruptionError."""
        doomed: list[tuple[DiskSegment, list[int]]] = []
        if not self.disk:
            return Prepared(changes, doomed)
        names = [name.encode("utf-8") for name in changes]
        for part in self.disk:
            docs = part.visible.segment.ids.find_many(names)
            alive = [doc for doc in docs[docs >= 0].tolist() if part.is_live(doc)]
            if alive:
                doomed.append((part, alive))
        return Prepared(changes, doomed)

    def apply(self, prepared: Prepared) -> int:
        """Make a committed batch visible to the next search; how many ids were there before."""
        replaced = 0
        for part, docs in prepared.doomed:
            # a batch that was prepared together with this one may have deleted them
            alive = [doc for doc in docs if part.is_live(doc)]
            part.doom(alive)
            replaced += len(alive)
        replaced += self.memtable.apply(prepared.changes)
        self.dirty = True
        self._visible = None
        return replaced

    def visible(self) -> tuple[LiveSegment, ...]:
        """The segments a reader sees now, oldest first."""
        if self._visible is None:
            disk = [part.publish() for part in self.disk]
            self._visible = (*disk, *self.memtable.seal())
        return self._visible

    def flushed(self, entry: CollectionEntry, disk: list[DiskSegment]) -> None:
        """Take over what a flush published; the memtable is empty again."""
        vocabularies = self._new_vocabularies()
        self.entry, self.disk = entry, disk
        for part, published in zip(disk, entry.segments, strict=True):
            part.entry = published
            part.written()
        self.vocabularies = vocabularies
        self.memtable = Memtable(self.schema, vocabularies)
        self.dirty = False
        self._visible = None

    def merged(self, entry: CollectionEntry, disk: list[DiskSegment]) -> None:
        """Take over what a compaction published; the memtable stays as it is."""
        self.merges += 1
        self.entry, self.disk = entry, disk
        self._visible = None
        # or the space of the old files would be taken until the next search
        self.view = self.view_parts = None

    def let_go(self) -> None:
        """Drop the segments, of a collection whose database was closed."""
        self.disk, self.memtable = [], Memtable(self.schema, {})
        self._visible = self.view = self.view_parts = None
