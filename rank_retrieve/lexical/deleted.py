"""What deleted documents take from the statistics of an index.

An index is immutable, so its document frequencies count deleted documents for ever. Their share
is kept beside the deletion bitmap and subtracted, so that scores equal those of a fresh index.

    deleted.G
    offset  size  type         field
    0       4     u32          version, 1
    4       4     u32          n_terms, of the terms listed
    8       8     u64          n_docs, deleted
    16      8     u64          total length of the deleted documents, in units of 1/scale
    24      4*n   u32[n_terms] ordinals, ascending
    ..      4*n   u32[n_terms] how many deleted documents hold each, at least 1
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from rank_retrieve.errors import CorruptionError, FormatVersionError, InvalidArgument
from rank_retrieve.lexical.inverted_index import InvertedIndex
from rank_retrieve.lexical.postings import BLOCK_DOCS
from rank_retrieve.types import Bitmap, Int64s, Sections, SectionSink

VERSION = 1
HEADER = struct.Struct("<IIQQ")


@dataclass(frozen=True, eq=False)
class DeletedStatistics:
    """Statistics of the deleted documents of one index.

    ordinals: int64 [n], ascending; counts: int64 [n], deleted documents that hold each term.
    n_docs: deleted documents; total_length: the sum of their lengths, in units of 1/scale.
    """

    ordinals: Int64s
    counts: Int64s
    n_docs: int
    total_length: int

    @classmethod
    def none(cls) -> DeletedStatistics:
        """Nothing deleted."""
        return cls(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64), 0, 0)

    @classmethod
    def of(
        cls, index: InvertedIndex, docs: Int64s | Sequence[int], terms: Iterable[Iterable[bytes]]
    ) -> DeletedStatistics:
        """Of documents whose terms are known, as for a delete: no list is read.

        docs: distinct documents of the index, each counted here for the first time.
        terms: for each of docs, the terms of all its fields of this group, in any order and
            with any repetitions, analysed as they were for indexing.
        Raises InvalidArgument for a doc or a term that the index does not hold.
        """
        numbers = np.asarray(docs, dtype=np.int64)
        if len(np.unique(numbers)) != len(numbers):
            raise InvalidArgument("docs", numbers.tolist(), "must be distinct")
        if len(numbers) and not 0 <= int(numbers.min()) <= int(numbers.max()) < index.n_docs:
            raise InvalidArgument("docs", numbers.tolist(), f"must be in 0..{index.n_docs - 1}")
        counted: dict[bytes, int] = {}
        n_lists = 0
        for document in terms:
            n_lists += 1
            for term in set(document):
                counted[term] = counted.get(term, 0) + 1
        if n_lists != len(numbers):
            raise InvalidArgument(
                "terms", n_lists, f"must be given for each of {len(numbers)} docs"
            )
        distinct = list(counted)
        ordinals = index.ordinals(distinct)
        absent = np.flatnonzero(ordinals < 0)
        if len(absent):
            raise InvalidArgument(
                "terms", distinct[int(absent[0])], "is not in the index",
                "analyse the stored text with the analyzer of the index",
            )  # fmt: skip
        order = np.argsort(ordinals)
        counts = np.array([counted[term] for term in distinct], dtype=np.int64)
        total = int(index.lengths[numbers].sum(dtype=np.uint64))
        return cls(ordinals[order], counts[order], len(numbers), total)

    @classmethod
    def recount(cls, index: InvertedIndex, live: Bitmap) -> DeletedStatistics:
        """Of every document outside `live`, by reading all lists of the index once."""
        from rank_retrieve.lexical import _postings_kernels as kernels

        if live.size != index.n_docs:
            raise InvalidArgument("live", live.size, f"must have {index.n_docs} docs")
        index.load()
        dead = (~live).to_docs()
        if len(dead) == 0:
            return cls.none()
        counts = np.zeros(index.n_terms, dtype=np.int64)
        block = np.empty(BLOCK_DOCS, dtype=np.uint32)
        cursor = np.empty((1, kernels.CURSOR_COLUMNS), dtype=np.int64)
        status = kernels.count_outside(
            index.lists, live.bytes_view().view(np.uint64), cursor, block, np.empty_like(block),
            counts,
        )  # fmt: skip
        if status < 0:
            raise index.damage(status, 0)
        ordinals = np.flatnonzero(counts)
        total = int(index.lengths[dead].sum(dtype=np.uint64))
        return cls(ordinals, counts[ordinals], len(dead), total)

    def merged(self, other: DeletedStatistics) -> DeletedStatistics:
        """Of the documents of both, which must be different documents of the same index."""
        ordinals, places = np.unique(
            np.concatenate([self.ordinals, other.ordinals]), return_inverse=True
        )
        counts = np.zeros(len(ordinals), dtype=np.int64)
        np.add.at(counts, places, np.concatenate([self.counts, other.counts]))
        return DeletedStatistics(
            ordinals,
            counts,
            self.n_docs + other.n_docs,
            self.total_length + other.total_length,
        )

    def write(self, sink: SectionSink, group: str) -> None:
        """Store as section `deleted.<group>`."""
        header = HEADER.pack(VERSION, len(self.ordinals), self.n_docs, self.total_length)
        sink.add(
            f"deleted.{group}",
            header,
            self.ordinals.astype(np.uint32),
            self.counts.astype(np.uint32),
        )

    @classmethod
    def open(cls, sections: Sections, group: str, index: InvertedIndex) -> DeletedStatistics:
        """Read what `write` stored for an index.

        Raises CorruptionError when it contradicts itself or the index.
        """
        place = f"{sections.origin} (deleted.{group})"
        view = sections.section(f"deleted.{group}")
        if view.nbytes < HEADER.size:
            raise CorruptionError(place, 0, f">= {HEADER.size} bytes", str(view.nbytes))
        version, n_terms, n_docs, total_length = HEADER.unpack_from(view)
        if version != VERSION:
            raise FormatVersionError(place, f"version {version}", f"version {VERSION}")
        if view.nbytes != HEADER.size + 8 * n_terms:
            raise CorruptionError(place, 4, f"{HEADER.size + 8 * n_terms} bytes", str(view.nbytes))
        both = np.frombuffer(view, dtype=np.uint32, count=2 * n_terms, offset=HEADER.size)
        statistics = cls(
            both[:n_terms].astype(np.int64), both[n_terms:].astype(np.int64), n_docs, total_length
        )
        if not statistics._agrees_with(index):
            raise CorruptionError(place, 0, "counts within those of the index", "others")
        return statistics

    def _agrees_with(self, index: InvertedIndex) -> bool:
        ordinals, counts = self.ordinals, self.counts
        if self.n_docs > index.n_docs or self.total_length > index.total_length:
            return False
        if len(ordinals) == 0:
            return True
        if int(ordinals[0]) < 0 or int(ordinals[-1]) >= index.n_terms:
            return False
        if not bool((ordinals[1:] > ordinals[:-1]).all()):
            return False
        # document frequencies would have to be mapped for this; a search checks them
        return bool((counts >= 1).all() and (counts <= self.n_docs).all())
