"""Stored documents of one segment: zstd blocks of about 64 KiB, found by doc number.

    section             type     content
    documents.first     u32[b+1] first doc of each block; the last entry is the number of docs
    documents.offsets   u64[b+1] where each block starts in `documents`
    documents.raw       u32[b]   its size before compression
    documents           u8[]     zstd frames, one a block

A block before compression is `u32 ends[n]` followed by the n bodies: body i lies between
ends[i-1] (0 for the first) and ends[i], counted from the end of the table. Two bodies "ab" and
"c" are 02 00 00 00 03 00 00 00 61 62 63.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator

import numpy as np

from rank_retrieve.codecs.frames import compress, decompress
from rank_retrieve.collection.arrays import array_of
from rank_retrieve.collection.record import MAX_BODY_BYTES
from rank_retrieve.errors import CorruptionError
from rank_retrieve.types import Sections, SectionSink

BLOCK_BYTES = 64 << 10
LEVEL = 1  # in blocks of 64 KiB, level 1 is as small as level 3 in blocks of 32, and quicker
CACHED_BLOCKS = 16
MAX_BLOCK_BYTES = MAX_BODY_BYTES + BLOCK_BYTES + (4 << 20)


class DocumentBlocks:
    """Bodies in doc order as compressed blocks; made in any thread, then written."""

    def __init__(self, bodies: Iterable[bytes | memoryview]) -> None:
        self._first, self._offsets = [0], [0]
        self._raw_sizes: list[int] = []
        self._frames: list[bytes] = []
        block: list[bytes | memoryview] = []
        size = 0
        for body in bodies:
            if block and size + len(body) > BLOCK_BYTES:
                self._close(block)
                block, size = [], 0
            block.append(body)
            size += len(body) + 4
        if block:
            self._close(block)

    def _close(self, block: list[bytes | memoryview]) -> None:
        ends = np.cumsum([len(body) for body in block], dtype=np.uint32)
        raw = b"".join([ends.astype("<u4").tobytes(), *block])
        self._frames.append(compress(raw, LEVEL))
        self._first.append(self._first[-1] + len(block))
        self._offsets.append(self._offsets[-1] + len(self._frames[-1]))
        self._raw_sizes.append(len(raw))

    def write(self, sink: SectionSink) -> None:
        """Store the four sections."""
        sink.add("documents.first", np.array(self._first, dtype="<u4"))
        sink.add("documents.offsets", np.array(self._offsets, dtype="<u8"))
        sink.add("documents.raw", np.array(self._raw_sizes, dtype="<u4"))
        sink.add("documents", *self._frames)


def write_documents(sink: SectionSink, bodies: Iterable[bytes | memoryview]) -> None:
    """Write the bodies, in doc order."""
    DocumentBlocks(bodies).write(sink)


class DocumentStore:
    """Reads bodies by doc number; keeps the last few blocks, since hits come in neighbourhoods."""

    def __init__(self, sections: Sections, n_docs: int) -> None:
        self._origin = sections.origin
        self._first = array_of(sections, "documents.first", "<u4")
        self._offsets = array_of(sections, "documents.offsets", "<u8")
        self._raw = array_of(sections, "documents.raw", "<u4")
        self._frames = sections.section("documents")
        self._cache: OrderedDict[int, tuple[memoryview, list[int]]] = OrderedDict()
        self._lock = threading.Lock()
        self._check(n_docs)

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

    def body(self, doc: int) -> memoryview:
        """The stored bytes of one document."""
        block = int(np.searchsorted(self._first, doc, side="right")) - 1
        raw, ends = self._block(block)
        return _slice(raw, ends, doc - int(self._first[block]))

    def bodies(self) -> Iterator[memoryview]:
        """All bodies, in doc order; blocks are not cached."""
        for block in range(len(self._raw)):
            raw, ends = self._decode(block)
            for position in range(len(ends)):
                yield _slice(raw, ends, position)

    def _block(self, block: int) -> tuple[memoryview, list[int]]:
        with self._lock:
            found = self._cache.get(block)
            if found is not None:
                self._cache.move_to_end(block)
                return found
        decoded = self._decode(block)
        with self._lock:
            self._cache[block] = decoded
            while len(self._cache) > CACHED_BLOCKS:
                self._cache.popitem(last=False)
        return decoded

    def _decode(self, block: int) -> tuple[memoryview, list[int]]:
        start, end = int(self._offsets[block]), int(self._offsets[block + 1])
        raw = memoryview(
            decompress(
                self._frames[start:end], int(self._raw[block]), origin=self._origin, offset=start
            )
        )
        count = int(self._first[block + 1]) - int(self._first[block])
        ends = (
            np.frombuffer(raw[: 4 * count], dtype="<u4").astype(np.int64)
            if len(raw) >= 4 * count
            else np.empty(0, dtype=np.int64)
        )
        bodies = raw[4 * count :]
        if len(ends) != count or np.any(np.diff(ends, prepend=0) < 0) or ends[-1] != len(bodies):
            raise CorruptionError(
                self._origin, start, f"a block of {count} documents", f"{len(raw)} bytes"
            )
        return bodies, ends.tolist()


def _slice(raw: memoryview, ends: list[int], position: int) -> memoryview:
    return raw[ends[position - 1] if position else 0 : ends[position]]
