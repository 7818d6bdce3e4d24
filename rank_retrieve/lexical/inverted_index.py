"""An inverted index as seven sections of a segment.

For a group of fields named G (all numbers little-endian):

    index.G        64 bytes, below
    lengths.G      u32[n_docs]  length of each document, in units of 1/scale
    terms.fst.G    codecs.fst   term -> ordinal, its place in ascending order of bytes
    terms.table.G  u64[n_terms // 256 + 1]  where the record of every 256th term begins
                   u32[n_terms + 1]         where each record begins, after that base
                   u32[n_terms]             document frequencies
    blocks.G       u32[n_blocks] u32[n_blocks] u8[8 * n_blocks] u8[2 * n_blocks]
    postings.G     records, then 64 zero bytes; they and the block table: `postings`
    peaks.G        u32 n_peaks, u32 0, u32[n_peaks] u8[6 * n_peaks]: `postings`; absent from
                   indexes of the first versions
    positions.G, positions.table.G  where terms stand, only if asked for: `positions`

    offset  size  type   field of index.G
    0       8     bytes  52 52 69 6E 76 69 64 78, "RRinvidx"
    8       4     u32    version, 1
    12      4     u32    flags, 0; a reader refuses flags that it does not know
    16      8     u64    n_docs
    24      8     u64    n_terms
    32      8     u64    n_blocks
    40      8     u64    n_postings
    48      8     u64    total length, the sum of all lengths
    56      4     u32    scale
    60      4     u32    n_fields

Opening reads the header only, so it takes the same time for any number of documents; the other
sections are mapped, without copying, when they are first needed, and checked where they are used.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from rank_retrieve._threads import HelperThread
from rank_retrieve.codecs import fst
from rank_retrieve.errors import CorruptionError, FormatVersionError, InvalidArgument
from rank_retrieve.lexical._arrays import Lists
from rank_retrieve.lexical.invert import (
    MAX_DOCS,
    ForwardIndex,
    PostingLists,
    invert,
)
from rank_retrieve.lexical.packed_tables import PackedTables, PieceSink
from rank_retrieve.lexical.positions import Positions, write_positions
from rank_retrieve.lexical.positions import section_names as position_sections
from rank_retrieve.lexical.postings import (
    BLOCK_DOCS,
    DAMAGE,
    PEAK_DOCS,
    POSTINGS_PADDING,
    coded_value,
)
from rank_retrieve.types import Int32s, Int64s, Sections, SectionSink, UInt8s, UInt32s

MAGIC = b"RRinvidx"
VERSION = 1
HEADER = struct.Struct("<8sIIQQQQQII")
PEAKS = struct.Struct("<II")
BASE_TERMS = 256
MAX_SCALE = 1_000_000
THREAD_ABOVE_TERM_BYTES = 1 << 15  # a smaller dictionary is made before a thread has started


def section_names(group: str) -> tuple[str, ...]:
    """The sections that hold the index of a group."""
    kinds = ("index", "lengths", "terms.fst", "terms.table", "blocks", "postings", "peaks")
    return tuple(f"{kind}.{group}" for kind in kinds)


def write_inverted_index(
    sink: SectionSink,
    group: str,
    forward: ForwardIndex,
    arena: UInt8s,
    term_offsets: Int64s,
    field_units: Sequence[int] | Int32s,
    scale: int,
) -> None:
    """Index documents of tokens; equal documents and terms give equal bytes.

    arena, term_offsets: the vocabulary of the tokens, see `invert`.
    field_units, scale: an occurrence in field i counts field_units[i] / scale.
    Raises InvalidArgument as `invert` does.
    """
    write_lists(
        sink, group, invert(forward, arena, term_offsets, field_units), scale, forward.n_fields
    )


def write_lists(
    sink: SectionSink, group: str, lists: PostingLists, scale: int, n_fields: int
) -> None:
    """Pack posting lists into the sections of a group."""
    write_slices(
        sink, group, [lists], lists.arena, lists.term_offsets, lists.lengths, scale, n_fields
    )
    if lists.occurrences is not None:
        write_positions(sink, group, lists.occurrences, lists.list_offsets, n_fields)


def write_slices(
    sink: SectionSink,
    group: str,
    slices: Iterable[PostingLists],
    arena: UInt8s,
    term_offsets: Int64s,
    lengths: UInt32s,
    scale: int,
    n_fields: int,
) -> None:
    """`write_lists` for lists that come in pieces, of consecutive terms each.

    slices: one is held at a time, if the sink takes pieces; their own terms are not looked at.
    arena, term_offsets, lengths: of all, as in `PostingLists`.
    """
    if isinstance(scale, bool) or not isinstance(scale, int) or not 1 <= scale <= MAX_SCALE:
        raise InvalidArgument("scale", scale, f"must be an integer in 1..{MAX_SCALE}")
    tables = PackedTables()
    with HelperThread(beside=len(arena) >= THREAD_ABOVE_TERM_BYTES) as helper:
        dictionary = helper.submit(fst.build, arena, term_offsets)
        pieces = tables.packed(slices)
        if isinstance(sink, PieceSink):
            sink.add_pieces(f"postings.{group}", pieces)
        else:
            sink.add(f"postings.{group}", *pieces)
    starts, counts, n_blocks = tables.starts, tables.counts, tables.n_blocks
    n_terms = len(counts)
    relative = starts - starts[np.arange(n_terms + 1) // BASE_TERMS * BASE_TERMS]
    if len(relative) and int(relative.max()) >= 2**32:
        raise InvalidArgument("postings", int(relative.max()), "256 lists exceed 4 GiB")
    header = HEADER.pack(
        MAGIC, VERSION, 0, len(lengths), n_terms, n_blocks, int(counts.sum()),
        int(lengths.sum(dtype=np.uint64)), scale, n_fields,
    )  # fmt: skip
    sink.add(f"index.{group}", header)
    sink.add(f"lengths.{group}", lengths)
    sink.add(f"terms.fst.{group}", dictionary.result())
    bases = starts[::BASE_TERMS].astype(np.uint64)
    sink.add(f"terms.table.{group}", bases, relative.astype(np.uint32), counts.astype(np.uint32))
    sink.add(f"blocks.{group}", *tables.blocks)
    ordinals, peaks = tables.peaks
    sink.add(f"peaks.{group}", PEAKS.pack(len(ordinals), 0), ordinals, peaks)


class _Mapped(NamedTuple):
    """The sections behind the header, as arrays of the agreed sizes."""

    lists: Lists
    dictionary: fst.Fst


class InvertedIndex:
    """The reader of one group's sections; safe to share between threads.

    n_docs, n_terms, n_blocks, n_postings: sizes.
    total_length: the sum of all lengths, in units of 1/scale.
    scale, n_fields: as written.

    Only the header is read at first; the other sections are mapped when they are first needed,
    and a CorruptionError about them is raised then. Resident memory of an open index: this
    object; its arrays are views of the sections.
    """

    def __init__(self, sections: Sections, group: str, header: tuple[Any, ...]) -> None:
        self._sections, self._group = sections, group
        self.origin = f"{sections.origin} ({group})"
        (
            _, _, _, self.n_docs, self.n_terms, self.n_blocks, self.n_postings,
            self.total_length, self.scale, self.n_fields,
        ) = header  # fmt: skip

    @classmethod
    def open(cls, sections: Sections, group: str) -> InvertedIndex:
        """Read the header of a group.

        Raises FormatVersionError for a layout that this version does not know, and
        CorruptionError for counts that contradict each other.
        """
        origin = f"{sections.origin} (index.{group})"
        view = sections.section(f"index.{group}")
        _expect(view.nbytes == HEADER.size, origin, HEADER.size, view.nbytes)
        header = HEADER.unpack(view)
        magic, version, flags, n_docs, n_terms, n_blocks, n_postings, total, scale, _ = header
        if magic != MAGIC or version != VERSION or flags:
            found = f"{magic!r} version {version} flags {flags:#x}"
            raise FormatVersionError(origin, found, f"{MAGIC!r} version {VERSION} flags 0x0")
        sane = (
            n_docs <= MAX_DOCS
            and n_blocks <= n_postings // BLOCK_DOCS
            and n_terms <= n_postings <= n_terms * n_docs
            and total <= n_docs * MAX_DOCS
            and 1 <= scale <= MAX_SCALE
        )
        _expect(sane, origin, "counts that agree", header[3:])
        return cls(sections, group, header)

    def load(self) -> None:
        """Map all sections now. Raises CorruptionError for sizes that contradict the header."""
        _ = self._mapped

    @cached_property
    def _mapped(self) -> _Mapped:
        n_docs, n_terms, n_blocks = self.n_docs, self.n_terms, self.n_blocks
        n_bases = n_terms // BASE_TERMS + 1
        lengths = self._section("lengths", 4 * n_docs)
        table = self._section("terms.table", 8 * n_bases + 4 * (n_terms + 1) + 4 * n_terms)
        blocks = self._section("blocks", 18 * n_blocks)
        postings = self._section("postings")
        _expect(
            postings.nbytes >= POSTINGS_PADDING, f"{self.origin} (postings)",
            f"at least {POSTINGS_PADDING} bytes", postings.nbytes,
        )  # fmt: skip
        dictionary = fst.Fst.open(self._section("terms.fst"), origin=f"{self.origin} (terms.fst)")
        _expect(len(dictionary) == n_terms, f"{self.origin} (terms.fst)", n_terms, len(dictionary))
        peaks, n_peaks = self._open_peaks()
        starts_at = 8 * n_bases
        lists = Lists(
            bases=_array(table, np.uint64, 0, n_bases),
            starts=_array(table, np.uint32, starts_at, n_terms + 1),
            document_frequencies=_array(table, np.uint32, starts_at + 4 * (n_terms + 1), n_terms),
            last_docs=_array(blocks, np.uint32, 0, n_blocks),
            block_offsets=_array(blocks, np.uint32, 4 * n_blocks, n_blocks),
            block_bits=_array(blocks, np.uint8, 16 * n_blocks, 2 * n_blocks),
            bounds=_array(blocks, np.uint8, 8 * n_blocks, 8 * n_blocks),
            postings=_array(postings, np.uint8, 0, postings.nbytes),
            lengths=_array(lengths, np.uint32, 0, n_docs),
            peak_ordinals=_array(peaks, np.uint32, PEAKS.size, n_peaks),
            peaks=_array(peaks, np.uint8, PEAKS.size + 4 * n_peaks, 6 * n_peaks),
        )
        return _Mapped(lists, dictionary)

    def _open_peaks(self) -> tuple[memoryview, int]:
        """The section and how many terms it lists; none where an older version wrote the index."""
        if f"peaks.{self._group}" not in self._sections:
            return memoryview(b""), 0
        section = self._section("peaks")
        origin = f"{self.origin} (peaks)"
        _expect(section.nbytes >= PEAKS.size, origin, f"{PEAKS.size} bytes", section.nbytes)
        n_peaks, reserved = PEAKS.unpack_from(section)
        size = PEAKS.size + 10 * n_peaks
        _expect(section.nbytes == size, origin, f"{size} bytes", section.nbytes)
        _expect(reserved == 0, origin, 0, reserved)
        return section, n_peaks

    def _section(self, name: str, size: int | None = None) -> memoryview:
        view = self._sections.section(f"{name}.{self._group}")
        if size is not None:
            _expect(view.nbytes == size, f"{self.origin} ({name})", f"{size} bytes", view.nbytes)
        return view

    @cached_property
    def positions(self) -> Positions | None:
        """Where terms stand, None where that was not asked for.

        Raises CorruptionError for positions of another index.
        """
        if position_sections(self._group)[0] not in self._sections:
            return None
        return Positions.open(self._sections, self._group, self)

    @property
    def lists(self) -> Lists:
        """The posting lists, for kernels."""
        return self._mapped.lists

    @property
    def lengths(self) -> UInt32s:
        """The length of each doc, uint32 [n_docs], in units of 1/scale."""
        return self._mapped.lists.lengths

    @property
    def dictionary(self) -> fst.Fst:
        """Terms and their ordinals."""
        return self._mapped.dictionary

    def ordinals(self, terms: Sequence[bytes]) -> Int64s:
        """The ordinal of each term, -1 where the index does not hold it: int64 [len(terms)]."""
        arena, offsets = term_arena(terms)
        found: Int64s = self.dictionary.get_many(arena, offsets)
        if len(found) and int(found.max()) >= self.n_terms:
            raise CorruptionError(
                self.origin, 0, f"ordinals below {self.n_terms}", str(int(found.max()))
            )
        return found

    def terms(self) -> tuple[UInt8s, Int64s]:
        """All terms, ascending: their bytes, and int64 [n_terms + 1] offsets.

        Raises CorruptionError for terms that do not ascend: two lists of one term have no merge.
        """
        terms: list[bytes] = []
        previous: bytes | None = None
        for term, ordinal in self.dictionary.items():
            _expect(ordinal == len(terms) < self.n_terms, self.origin, len(terms), ordinal)
            ascending = previous is None or previous < term
            _expect(ascending, self.origin, "ascending terms", repr(term))
            terms.append(term)
            previous = term
        _expect(len(terms) == self.n_terms, self.origin, self.n_terms, len(terms))
        return term_arena(terms)

    def document_frequency(self, ordinal: int) -> int:
        """How many documents hold a term, deleted ones included."""
        self._check_ordinal(ordinal)
        return int(self.lists.document_frequencies[ordinal])

    def postings(self, ordinal: int) -> tuple[Int32s, UInt32s]:
        """The documents that hold a term, ascending, and its frequency in each.

        int32 [df] and uint32 [df], the latter in units of 1/scale.
        Raises CorruptionError for a list that contradicts the format.
        """
        from rank_retrieve.lexical import _postings_kernels as kernels

        df = self.document_frequency(ordinal)
        if df > self.n_docs:
            raise self.damage(-1, ordinal)
        room = df // BLOCK_DOCS * BLOCK_DOCS + BLOCK_DOCS
        docs = np.empty(room, dtype=np.uint32)
        frequencies = np.empty(room, dtype=np.uint32)
        cursor = np.empty((1, kernels.CURSOR_COLUMNS), dtype=np.int64)
        count = kernels.decode_list(self.lists, ordinal, cursor, docs, frequencies)
        if count < 0:
            raise self.damage(count, ordinal)
        return docs[:df].view(np.int32), frequencies[:df]

    def frequencies(self, ordinal: int, docs: Int64s) -> Int64s:
        """The frequency of a term in each of ascending docs, 0 where it is absent: int64."""
        from rank_retrieve.lexical import _postings_kernels as kernels
        from rank_retrieve.lexical.scratch import thread_scratch

        self._check_ordinal(ordinal)
        found = np.zeros(len(docs), dtype=np.int64)
        scratch = thread_scratch(1)
        status = kernels.frequencies_of(
            self.lists, ordinal, docs, scratch.cursors, scratch.docs, scratch.frequencies, found
        )  # fmt: skip
        if status < 0:
            raise self.damage(status, ordinal)
        return found

    def verify(self) -> None:
        """Read everything once: raises CorruptionError for any contradiction."""
        total = int(self.lengths.sum(dtype=np.uint64))
        _expect(total == self.total_length, self.origin, self.total_length, total)
        n_postings = int(self.lists.document_frequencies.sum(dtype=np.uint64))
        _expect(n_postings == self.n_postings, self.origin, self.n_postings, n_postings)
        covered = np.zeros(self.n_docs, dtype=np.int64)
        peaked = {ordinal: place for place, ordinal in enumerate(self.lists.peak_ordinals.tolist())}
        _expect(list(peaked) == sorted(peaked), self.origin, "ascending peaks", "others")
        previous = None
        for expected, (term, ordinal) in enumerate(self.dictionary.items()):
            ascending = previous is None or previous < term
            _expect(ascending, self.origin, "ascending terms", repr(term))
            _expect(ordinal == expected, self.origin, expected, ordinal)
            docs, frequencies = self.postings(ordinal)
            covered[docs] += frequencies
            previous = term
            if ordinal in peaked:
                self._verify_peaks(peaked[ordinal], self.lengths[docs], frequencies)
        last_peak = max(peaked, default=-1)
        _expect(last_peak < self.n_terms, self.origin, f"below {self.n_terms}", last_peak)
        wrong = np.flatnonzero(covered != self.lengths)
        if len(wrong):
            doc = int(wrong[0])
            raise CorruptionError(
                self.origin, 4 * doc, f"length {self.lengths[doc]}", f"frequencies {covered[doc]}"
            )
        if self.positions is not None:
            self.positions.verify()

    def _verify_peaks(self, place: int, lengths: UInt32s, frequencies: UInt32s) -> None:
        pairs = self.lists.peaks[6 * place : 6 * place + 6].reshape(-1, 2).tolist()
        for n_promised, (frequency, length) in zip(PEAK_DOCS, pairs, strict=True):
            reach = frequencies >= coded_value(frequency)
            reach &= lengths <= coded_value(length)
            n_docs = int(np.count_nonzero(reach))
            _expect(
                frequency == 0 or n_docs >= n_promised, f"{self.origin} (peaks)",
                f"{n_promised} docs", n_docs,
            )  # fmt: skip

    def damage(self, code: int, ordinal: int) -> CorruptionError:
        """The error for a negative result of a kernel that read the list of a term."""
        lists = self.lists
        start = int(lists.bases[ordinal // BASE_TERMS]) + int(lists.starts[ordinal])
        return CorruptionError(
            self.origin, start, DAMAGE[int(code)], f"otherwise, in the list of term {ordinal}"
        )

    def _check_ordinal(self, ordinal: int) -> None:
        if not 0 <= ordinal < self.n_terms:
            raise InvalidArgument("ordinal", int(ordinal), f"must be in 0..{self.n_terms - 1}")


def term_arena(terms: Sequence[bytes]) -> tuple[UInt8s, Int64s]:
    """Terms next to each other: uint8 bytes, and int64 [len(terms) + 1] offsets."""
    offsets = np.zeros(len(terms) + 1, dtype=np.int64)
    np.cumsum([len(term) for term in terms], out=offsets[1:])
    return np.frombuffer(b"".join(terms), dtype=np.uint8), offsets


def _array(view: memoryview, dtype: Any, offset: int, count: int) -> NDArray[Any]:
    array = np.empty(0, dtype=dtype)
    if count:
        array = np.frombuffer(view, dtype=dtype, count=count, offset=offset)
    # kernels are declared for read-only arrays, which these are in files but not in memory
    array.flags.writeable = False
    return array


def _expect(holds: bool, place: str, expected: object, got: object) -> None:
    if not holds:
        raise CorruptionError(place, 0, str(expected), str(got))
