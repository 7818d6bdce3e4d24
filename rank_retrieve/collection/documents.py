"""Stored documents of one segment: compressed blocks, found by doc number.

    section             type     content
    documents.words     u8[]     nothing, or u32 size and a zstd frame: a table of words
    documents           u8[]     zstd frames, one a block
    documents.first     u32[b+1] first doc of each block; the last entry is the number of docs
    documents.offsets   u64[b+1] where each block starts in `documents`
    documents.raw       u32[b]   its size before compression

A block of n documents, before compression:

    offset  size  type   field
    0       4     u32    n
    4       4n    u8[]   the sizes of the n bodies: all lowest bytes, then all second ones, ...
    4 + 4n  ...   u8[]   the bodies: codes of words (codecs.words), or as they are without words

Without words, the two bodies "ab" and "c" are 02 00 00 00 | 02 01 00 00 00 00 00 00 | 61 62 63.
What is written in a hurry has no table; a table, even one without words, says that the segment
is stored as small as it gets.

In segments without the flag DOCUMENT_WORDS, which version 0.1.0 wrote at first, there is no
`documents.words`, and a block is `u32 ends[n]` and the bodies as they are: body i lies between
ends[i-1] (0 for the first) and ends[i], counted from the end of the table. The same two bodies
are 02 00 00 00 03 00 00 00 61 62 63 there.
"""

from __future__ import annotations

import struct
import threading
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np

from rank_retrieve._threads import HelperThread
from rank_retrieve.codecs.frames import MAX_CONTENT_BYTES, compress, decompress
from rank_retrieve.codecs.words import MAX_TABLE_BYTES, MAX_WORD_BYTES, WordTable
from rank_retrieve.collection.arrays import array_of
from rank_retrieve.collection.record import MAX_BODY_BYTES
from rank_retrieve.errors import CorruptionError
from rank_retrieve.types import Int64s, Sections, SectionSink

DOCUMENT_WORDS = 1
"""The flag of segment files whose documents are stored as described first above."""

Body: TypeAlias = bytes | memoryview

CACHED_BLOCKS = 16
CACHED_BYTES = 8 << 20  # of all cached blocks
CACHED_BLOCK_BYTES = 4 << 20  # larger ones are of one body each: nothing else is read from them
# what a code of this size means is no larger than a body may be
MAX_CODE_AT_ONCE_BYTES = MAX_BODY_BYTES // MAX_WORD_BYTES
# a code is at most 5/3 of its body: an escaped byte behind a word of two that is coded as two
MAX_BLOCK_BYTES = MAX_CONTENT_BYTES
FLAGS_OFFSET = 10  # in the header of a segment file
PENDING_BLOCKS = 4
TABLE_LEVEL = 9
_SIZE = struct.Struct("<I")


@dataclass(frozen=True)
class Packing:
    """How bodies are compressed; readers need not know.

    block_bytes: a block is closed when the next body would take it beyond this.
    sample_bytes: words are chosen from so much of the bodies; with 0 there is no table.
    level: of zstd.
    """

    block_bytes: int
    sample_bytes: int
    level: int


# docs/adr/0009-document-blocks.md has the figures that these were chosen by
QUICK = Packing(block_bytes=128 << 10, sample_bytes=0, level=1)
SMALL = Packing(block_bytes=256 << 10, sample_bytes=8 << 20, level=6)


class Block(NamedTuple):
    """One compressed block of documents."""

    n_docs: int
    raw_size: int
    frame: bytes


@runtime_checkable
class StreamingSink(Protocol):
    """A sink that takes a section piece by piece."""

    def add_pieces(self, name: str, pieces: Iterable[bytes]) -> None:
        """Store the concatenation of the pieces under a name used once."""
        ...


@runtime_checkable
class Flagged(Protocol):
    """Sections whose file has flags."""

    @property
    def flags(self) -> int:
        """Those of its header."""
        ...


class DocumentBlocks:
    """Bodies in doc order as quickly compressed blocks; made in any thread, then written."""

    def __init__(self, bodies: Sequence[Body]) -> None:
        self._blocks = [
            pack(group, None, QUICK.level) for group in grouped(bodies, QUICK.block_bytes)
        ]

    def write(self, sink: SectionSink) -> None:
        """Store the sections."""
        write_blocks(sink, None, self._blocks)


def stream_documents(
    sink: SectionSink, words: WordTable | None, bodies: Iterable[Body], packing: Packing
) -> None:
    """Write bodies that are not all in memory: a few blocks are, where the sink can stream.

    One thread compresses while the caller's goes on with the bodies.
    """
    with HelperThread() as helper:

        def blocks() -> Iterator[Block]:
            pending: deque[Future[Block]] = deque()
            for group in grouped(bodies, packing.block_bytes):
                pending.append(helper.submit(pack, group, words, packing.level))
                if len(pending) > PENDING_BLOCKS:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()

        write_blocks(sink, words, blocks())


def write_blocks(sink: SectionSink, words: WordTable | None, blocks: Iterable[Block]) -> None:
    """Store the sections of these blocks."""
    if words is None:
        sink.add("documents.words")
    else:
        table = words.to_bytes()
        sink.add("documents.words", _SIZE.pack(len(table)), compress(table, TABLE_LEVEL))
    first, offsets, sizes = [0], [0], []

    def frames() -> Iterator[bytes]:
        for block in blocks:
            first.append(first[-1] + block.n_docs)
            offsets.append(offsets[-1] + len(block.frame))
            sizes.append(block.raw_size)
            yield block.frame

    if isinstance(sink, StreamingSink):
        sink.add_pieces("documents", frames())
    else:
        sink.add("documents", *frames())
    sink.add("documents.first", np.array(first, dtype="<u4"))
    sink.add("documents.offsets", np.array(offsets, dtype="<u8"))
    sink.add("documents.raw", np.array(sizes, dtype="<u4"))


def grouped(bodies: Iterable[Body], block_bytes: int) -> Iterator[list[Body]]:
    """The bodies of each block."""
    group: list[Body] = []
    size = 0
    for body in bodies:
        if group and size + len(body) > block_bytes:
            yield group
            group, size = [], 0
        group.append(body)
        size += len(body)
    if group:
        yield group


def pack(bodies: Sequence[Body], words: WordTable | None, level: int) -> Block:
    """One block."""
    sizes = np.array([len(body) for body in bodies], dtype="<u4")
    if words:
        code, ends = words.encode(bodies)
        sizes = np.diff(ends, prepend=0).astype("<u4")
        parts: Sequence[Body] = [code]
    else:
        parts = bodies
    planes = sizes.view(np.uint8).reshape(-1, 4).T.tobytes()
    raw = b"".join([_SIZE.pack(len(bodies)), planes, *parts])
    return Block(len(bodies), len(raw), compress(raw, level))


def train(chosen: Sequence[Body], total_bytes: int, packing: Packing) -> WordTable | None:
    """The words for bodies of so many bytes in all, from a sample of them."""
    if not packing.sample_bytes:
        return None
    share = sum(map(len, chosen)) / max(total_bytes, 1)
    return WordTable.train(chosen, share=min(1.0, share))


class Decoded(NamedTuple):
    """A block's bodies as stored, and where each ends; int64 [n]."""

    stored: memoryview
    ends: Int64s

    @property
    def nbytes(self) -> int:
        """What it takes in memory."""
        return self.stored.nbytes + self.ends.nbytes


class DocumentStore:
    """Reads bodies by doc number; keeps the last few blocks, since hits come in neighbourhoods.

    Where the sections have flags, they must say of documents what the sections do.
    """

    def __init__(self, sections: Sections, n_docs: int) -> None:
        self._origin = sections.origin
        self._sections = sections
        self._first = array_of(sections, "documents.first", "<u4")
        self._offsets = array_of(sections, "documents.offsets", "<u8")
        self._raw = array_of(sections, "documents.raw", "<u4")
        self._frames = sections.section("documents")
        self._has_words = "documents.words" in sections
        self._cache: OrderedDict[int, Decoded] = OrderedDict()
        self._lock = threading.Lock()
        self._check(n_docs)
        self._check_form()

    def _check_form(self) -> None:
        flags = self._sections.flags if isinstance(self._sections, Flagged) else None
        if flags is not None and bool(flags & DOCUMENT_WORDS) != self._has_words:
            raise CorruptionError(
                self._origin,
                FLAGS_OFFSET,
                "flag 1 and a section documents.words, or neither",
                f"flags {flags:#x}, with{'' if self._has_words else 'out'} the section",
            )

    def _check(self, n_docs: int) -> None:
        blocks = len(self._raw)
        sound = (
            len(self._first) == len(self._offsets) == blocks + 1
            and self._first[0] == 0
            and self._first[-1] == n_docs
            and self._offsets[0] == 0
            and self._offsets[-1] == len(self._frames)
            and bool(np.all(self._first[1:] > self._first[:-1]))
            and bool(np.all(self._offsets[1:] > self._offsets[:-1]))
            and (blocks == 0 or int(self._raw.max()) <= MAX_BLOCK_BYTES)
        )
        if not sound:
            raise CorruptionError(
                self._origin, 0, f"blocks of {n_docs} documents", "a contradictory block table"
            )

    @cached_property
    def words(self) -> WordTable | None:
        """The words that bodies are coded with, if they are."""
        return read_words(self._sections) if is_small(self._sections) else None

    def body(self, doc: int) -> Body:
        """The stored bytes of one document."""
        block = int(np.searchsorted(self._first, doc, side="right")) - 1
        stored, ends = self._block(block)
        return self._plain(_slice(stored, ends, doc - int(self._first[block])))

    def _plain(self, stored: memoryview) -> memoryview:
        """A body from its stored form."""
        if not self.words:
            return stored
        return self.words.decode(stored, most=MAX_BODY_BYTES, origin=self._origin)[0]

    def bodies(self) -> Iterator[Body]:
        """All bodies, in doc order; blocks are not cached."""
        for block in range(self.n_blocks):
            yield from self.bodies_of(block)

    @property
    def n_blocks(self) -> int:
        """How many blocks there are."""
        return len(self._raw)

    def first_of(self, block: int) -> int:
        """The first doc of a block."""
        return int(self._first[block])

    def bodies_of(self, block: int) -> Iterator[Body]:
        """The bodies of one block."""
        stored, ends = self._decode(block)
        if self.words and len(stored) <= MAX_CODE_AT_ONCE_BYTES:
            stored, ends = self.words.decode(stored, ends, most=MAX_BODY_BYTES, origin=self._origin)
            yield from _slices(stored, ends)
        else:
            yield from map(self._plain, _slices(stored, ends))

    def _block(self, block: int) -> Decoded:
        with self._lock:
            found = self._cache.get(block)
            if found is not None:
                self._cache.move_to_end(block)
                return found
        decoded = self._decode(block)
        if decoded.nbytes > CACHED_BLOCK_BYTES:
            return decoded
        with self._lock:
            self._cache[block] = decoded
            cached = sum(held.nbytes for held in self._cache.values())
            while len(self._cache) > CACHED_BLOCKS or cached > CACHED_BYTES:
                cached -= self._cache.popitem(last=False)[1].nbytes
        return decoded

    def _decode(self, block: int) -> Decoded:
        start, end = int(self._offsets[block]), int(self._offsets[block + 1])
        raw = memoryview(
            decompress(
                self._frames[start:end], int(self._raw[block]), origin=self._origin, offset=start
            )
        )
        count = int(self._first[block + 1]) - int(self._first[block])
        found = split(raw, count) if self._has_words else split_ends(raw, count)
        if found is None:
            raise CorruptionError(
                self._origin, start, f"a block of {count} documents", f"{len(raw)} bytes"
            )
        return found


def is_small(sections: Sections) -> bool:
    """Whether documents are stored as small as they get."""
    return "documents.words" in sections and bool(len(sections.section("documents.words")))


def read_words(sections: Sections) -> WordTable:
    """The table of `documents.words`. Raises CorruptionError."""
    raw = sections.section("documents.words")
    origin = f"{sections.origin} (documents.words)"
    size = _SIZE.unpack_from(raw)[0] if len(raw) >= _SIZE.size else MAX_TABLE_BYTES + 1
    if size > MAX_TABLE_BYTES:
        raise CorruptionError(origin, 0, f"at most {MAX_TABLE_BYTES} bytes", f"{size} bytes")
    table = decompress(raw[_SIZE.size :], size, origin=origin, offset=_SIZE.size)
    return WordTable.from_bytes(table, origin=origin)


def split(raw: memoryview, count: int | None) -> Decoded | None:
    """The bodies of a block of `count` documents, or of as many as it says; None for damage."""
    if len(raw) < _SIZE.size:
        return None
    (n,) = _SIZE.unpack_from(raw)
    start = _SIZE.size * (1 + n)
    if (count is not None and n != count) or start > len(raw):
        return None
    planes = np.frombuffer(raw[_SIZE.size : start], dtype=np.uint8).reshape(4, n)
    ends = np.cumsum(np.ascontiguousarray(planes.T).view("<u4").ravel(), dtype=np.int64)
    bodies = raw[start:]
    if (int(ends[-1]) if n else 0) != len(bodies):
        return None
    return Decoded(bodies, ends)


def split_ends(raw: memoryview, count: int) -> Decoded | None:
    """The bodies of a block of the form without words; None for damage."""
    if len(raw) < 4 * count:
        return None
    ends = np.frombuffer(raw[: 4 * count], dtype="<u4").astype(np.int64)
    bodies = raw[4 * count :]
    if not count or np.any(np.diff(ends, prepend=0) < 0) or ends[-1] != len(bodies):
        return None
    return Decoded(bodies, ends)


def _slices(stored: memoryview, ends: Int64s) -> Iterator[memoryview]:
    return (_slice(stored, ends, position) for position in range(len(ends)))


def _slice(stored: memoryview, ends: Int64s, position: int) -> memoryview:
    return stored[int(ends[position - 1]) if position else 0 : int(ends[position])]
