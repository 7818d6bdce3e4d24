"""A segment together with which of its documents are still alive.

Segments never change; deleting a document makes a new `LiveSegment` over the same segment.
The statistics of deleted documents travel with it, so that document frequencies, the number
of documents and the average length always count live documents only.

    section of a .del file   content
    meta                     msgpack [n_docs, live docs]
    live                     the live docs, one bit each, lowest first, padded to 8 bytes
    deleted.<group>...       DeletedStatistics of each text group
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec

from rank_retrieve.collection.record import texts_of
from rank_retrieve.collection.segment import Segment
from rank_retrieve.errors import CorruptionError, InvalidArgument
from rank_retrieve.types import Bitmap, Sections, SectionSink

if TYPE_CHECKING:
    from rank_retrieve.collection.schema import TextGroup
    from rank_retrieve.lexical import DeletedStatistics

DELETIONS_KIND = "deletions"
RECOUNT_ABOVE = 8  # deleting more than an eighth, reading all postings is cheaper


@dataclass(frozen=True)
class LiveSegment:
    """live: None while every document is alive. deleted: per text group."""

    segment: Segment
    live: Bitmap | None = None
    deleted: Mapping[str, DeletedStatistics] = field(default_factory=dict)

    @property
    def n_live(self) -> int:
        """How many documents are alive."""
        return self.segment.n_docs if self.live is None else len(self.live)

    @property
    def live_docs(self) -> Bitmap:
        """The docs that are alive; a bitmap of none is falsy, so never `live or ...`."""
        return Bitmap(self.segment.n_docs, full=True) if self.live is None else self.live

    def is_live(self, doc: int) -> bool:
        """Whether a doc of the segment is alive."""
        return self.live is None or doc in self.live

    def without(self, docs: Sequence[int]) -> LiveSegment:
        """The same segment after deleting some of its live docs."""
        from rank_retrieve.lexical import DeletedStatistics

        if not docs:
            return self
        segment = self.segment
        live = Bitmap(segment.n_docs, full=True) if self.live is None else self.live.copy()
        for doc in docs:
            live.discard(doc)
        deleted = {}
        for group in segment.schema.groups:
            index, before = segment.index(group.name), self.deleted.get(group.name)
            if len(docs) * RECOUNT_ABOVE > segment.n_docs:
                deleted[group.name] = DeletedStatistics.recount(index, live)
                continue
            try:
                gone = DeletedStatistics.of(index, docs, self._terms_of(docs, group))
            except (InvalidArgument, CorruptionError):
                # the bodies are damaged or not what was indexed, as `verify` tells; the lists
                # are what is searched, so they alone say what is gone from them
                deleted[group.name] = DeletedStatistics.recount(index, live)
                continue
            deleted[group.name] = gone if before is None else before.merged(gone)
        return LiveSegment(segment, live, deleted)

    def _terms_of(self, docs: Sequence[int], group: TextGroup) -> Iterator[list[bytes]]:
        """The terms of documents, by analysing their stored texts again."""
        from rank_retrieve.analysis import get_analyzer

        analyzer = get_analyzer(group.analyzer)
        for doc in docs:
            texts = texts_of(self.segment.stored(doc), group.fields)
            yield [term for text in texts for term in analyzer.terms(text)]

    def write_deletions(self, sink: SectionSink) -> None:
        """Write what a .del file holds."""
        live = self.live_docs
        sink.add("meta", msgspec.msgpack.encode([self.segment.n_docs, len(live)]))
        sink.add("live", live.to_bytes())
        for group, statistics in self.deleted.items():
            statistics.write(sink, group)

    @classmethod
    def open(cls, segment: Segment, deletions: Sections | None) -> LiveSegment:
        """From a .del file, or without one."""
        from rank_retrieve.lexical import DeletedStatistics

        if deletions is None:
            return cls(segment)
        try:
            n_docs, n_live = msgspec.msgpack.decode(deletions.section("meta"), type=tuple[int, int])
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise CorruptionError(deletions.origin, 0, "deletions", str(error)) from error
        raw = deletions.section("live")
        words = -(-segment.n_docs // 64) * 8
        if n_docs != segment.n_docs or len(raw) != words:
            raise CorruptionError(
                deletions.origin, 0, f"deletions of {segment.n_docs} documents", str(n_docs)
            )
        live = Bitmap.from_bytes(n_docs, raw)
        if len(live) != n_live:
            raise CorruptionError(deletions.origin, 0, f"{n_live} live documents", str(len(live)))
        deleted = {
            group.name: DeletedStatistics.open(deletions, group.name, segment.index(group.name))
            for group in segment.schema.groups
        }
        return cls(segment, live, deleted)


def bases_of(parts: Sequence[LiveSegment]) -> list[int]:
    """The number of the first doc of each segment, and the total behind them."""
    return list(itertools.accumulate((p.segment.n_docs for p in parts), initial=0))
