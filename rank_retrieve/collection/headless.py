"""A segment that has lost its table of contents, found again by the shape of what is in it.

The table is at the end of the file, so a truncated segment has none. Its sections still lie at
multiples of 64 in the order in which they were written: `meta` and the ids first, each as long
as the one before says; vectors behind a head of 32 bytes that repeats what `meta` says, with
norms that must be theirs; bodies as a row of zstd frames that tell their own length, behind the
words that they are coded with, if they are. Checksums
are gone, so that ids are believed when their hashes hold, vectors when their norms do, and
bodies never: they are unproven.
"""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np
import zstandard

from rank_retrieve.collection.documents import DOCUMENT_WORDS, MAX_BLOCK_BYTES, split
from rank_retrieve.collection.ids import hash_ids
from rank_retrieve.collection.segment import SegmentMeta
from rank_retrieve.dense.elements import FLOAT32
from rank_retrieve.dense.validate import row_norms
from rank_retrieve.dense.vectors import HAS_DOCS, LAYOUT, stride_of
from rank_retrieve.persistence.segment import ALIGNMENT, HEADER
from rank_retrieve.types import MemorySections

MAX_META_BYTES = 1 << 16
FRAME_MAGIC = b"\x28\xb5\x2f\xfd"
CHUNK_BYTES = 1 << 16


class HeadlessSegment(MemorySections):
    """What was found, as sections; `unverified` is as good as `section` here."""

    def unverified(self, name: str) -> memoryview:
        """The bytes of a section."""
        return self.section(name)


def find_sections(name: str, view: memoryview) -> tuple[SegmentMeta, HeadlessSegment] | None:
    """Ids, vectors and bodies of a truncated segment; None where the ids do not hold."""
    found = HeadlessSegment(name)
    meta, at = _read_meta(view)
    if meta is None:
        return None
    at = _add_ids(view, at, meta.n_docs, found)
    if not at:
        return None
    for field in meta.vectors:
        at = _add_vectors(view, at, field, meta.n_docs, found)
    _add_bodies(view, at, meta.n_docs, found)
    meta.vectors = [field for field in meta.vectors if f"vectors.{field}" in found]
    return meta, found


def _aligned(at: int) -> int:
    return at + -at % ALIGNMENT


def _read_meta(view: memoryview) -> tuple[SegmentMeta | None, int]:
    """The first section, and where the second one starts."""
    raw = bytes(view[HEADER.size : HEADER.size + MAX_META_BYTES])
    # msgpack ends by itself, and zeros follow; the decoder wants to be told where
    for size in range(len(raw.rstrip(b"\0")), 0, -1) if len(raw) < 512 else _ends(raw):
        try:
            meta = msgspec.msgpack.decode(raw[:size], type=SegmentMeta)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if 1 <= meta.n_docs < 1 << 31:
            return meta, _aligned(HEADER.size + size)
    return None, 0


def _ends(raw: bytes) -> list[int]:
    """Where a section of msgpack may end: behind a byte that the padding follows."""
    return [
        size
        for boundary in range(ALIGNMENT, min(len(raw), 4096) + 1, ALIGNMENT)
        for size in range(boundary, boundary - ALIGNMENT, -1)
        if not any(raw[size:boundary])
    ]


def _add_ids(view: memoryview, at: int, n_docs: int, found: HeadlessSegment) -> int:
    """Add the four sections of ids; where they end, 0 when they are not what they must be."""
    end = at + 8 * (n_docs + 1)
    if end > len(view):
        return 0
    offsets = np.frombuffer(view[at:end], dtype="<u8")
    start = _aligned(end)
    size = int(offsets[-1])
    hashes_at = _aligned(start + size)
    docs_at = _aligned(hashes_at + 8 * n_docs)
    stop = docs_at + 4 * n_docs
    if offsets[0] != 0 or np.any(offsets[1:] < offsets[:-1]) or stop > len(view):
        return 0
    ids = [bytes(view[start + int(a) : start + int(b)]) for a, b in pairwise(offsets)]
    hashes = np.frombuffer(view[hashes_at : hashes_at + 8 * n_docs], dtype="<u8")
    if not np.array_equal(np.sort(hash_ids(ids)), hashes):
        return 0
    found.add("ids.offsets", view[at:end])
    found.add("ids", view[start : start + size])
    found.add("ids.hashes", view[hashes_at : hashes_at + 8 * n_docs])
    found.add("ids.docs", view[docs_at:stop])
    return _aligned(stop)


def _add_vectors(view: memoryview, at: int, field: str, n_docs: int, found: HeadlessSegment) -> int:
    """Add one field's vectors, if they are found behind `at`; where they end, else `at`."""
    words = np.frombuffer(view[at : len(view) - len(view) % 4], dtype="<u4")
    heads = np.arange(0, max(0, len(words) - 8), ALIGNMENT // 4)
    likely = (words[heads] == LAYOUT | FLOAT32.number << 16) & (words[heads + 3] <= HAS_DOCS)
    likely &= (words[heads + 6] == n_docs) & (words[heads + 7] == 0) & (words[heads + 5] == 0)
    for head in heads[likely].tolist():
        dim, stride, flags, n = (int(words[head + i]) for i in (1, 2, 3, 4))
        if not 1 <= dim <= 65536 or stride != stride_of(dim) or not 1 <= n <= n_docs:
            continue
        start = at + 4 * head
        rows_at = start + ALIGNMENT
        norms_at = _aligned(rows_at + 4 * n * stride)
        docs_at = _aligned(norms_at + 4 * n)
        stop = docs_at + 4 * n if flags else norms_at + 4 * n
        encoded_at = _aligned(stop)
        encoded_stop = encoded_at + -(-n_docs // 64) * 8
        if encoded_stop > len(view):
            continue
        rows = np.frombuffer(view[rows_at : rows_at + 4 * n * stride], dtype="<f4")
        norms = np.frombuffer(view[norms_at : norms_at + 4 * n], dtype="<f4")
        matrix = np.ascontiguousarray(rows.reshape(n, stride)[:, :dim])
        if not np.isfinite(matrix).all() or not np.array_equal(row_norms(matrix), norms):
            continue
        found.add(f"vectors.{field}.meta", view[start : start + 32])
        found.add(f"vectors.{field}", view[rows_at : rows_at + 4 * n * stride])
        found.add(f"vectors.{field}.norms", view[norms_at : norms_at + 4 * n])
        if flags:
            found.add(f"vectors.{field}.docs", view[docs_at:stop])
        found.add(f"encoded.{field}", view[encoded_at:encoded_stop])
        return _aligned(encoded_stop)
    return at


def _add_bodies(view: memoryview, at: int, n_docs: int, found: HeadlessSegment) -> None:
    """Add the blocks of bodies; what was cut off becomes a last block that does not unpack."""
    coded = bool(HEADER.unpack(view[: HEADER.size])[2] & DOCUMENT_WORDS)
    best: list[tuple[int, int, int, int]] = []
    for start in range(at, len(view) - 4, ALIGNMENT):
        if view[start : start + 4] == FRAME_MAGIC:
            blocks = _blocks(view, start, n_docs, coded)
            if sum(block[3] for block in blocks) > sum(block[3] for block in best):
                best = blocks
            if sum(block[3] for block in best) == n_docs:
                break
    first, offsets, sizes = [0], [0], []
    frames = []
    for start, stop, raw, count in best:
        first.append(first[-1] + count)
        offsets.append(offsets[-1] + stop - start)
        sizes.append(raw)
        frames.append(view[start:stop])
    if first[-1] < n_docs:
        first.append(n_docs)
        offsets.append(offsets[-1] + 1)
        sizes.append(1)
        frames.append(memoryview(b"\0"))
    if coded:
        found.add("documents.words", _words(view, at, best[0][0]) if best else b"")
    found.add("documents.first", np.array(first, dtype="<u4"))
    found.add("documents.offsets", np.array(offsets, dtype="<u8"))
    found.add("documents.raw", np.array(sizes, dtype="<u4"))
    found.add("documents", *frames)


def _words(view: memoryview, at: int, bodies_at: int) -> memoryview:
    """The table of words that ends where the bodies begin; empty where there is none."""
    for head in range(bodies_at - ALIGNMENT, at - 1, -ALIGNMENT):
        if view[head + 4 : head + 8] != FRAME_MAGIC:
            continue
        unpacked = _unpack(view, head + 4)
        if unpacked is not None and _aligned(unpacked[1]) == bodies_at:
            return view[head : unpacked[1]]
    return view[:0]


def _blocks(view: memoryview, at: int, n_docs: int, coded: bool) -> list[tuple[int, int, int, int]]:
    """Start, end, size and number of bodies of each block from `at` on, while they hold."""
    found: list[tuple[int, int, int, int]] = []
    left = n_docs
    while left and view[at : at + 4] == FRAME_MAGIC:
        unpacked = _unpack(view, at)
        if unpacked is None:
            break
        raw, stop = unpacked
        count = _count_coded(raw) if coded else _count(raw, left)
        if not 1 <= count <= left:
            break
        found.append((at, stop, len(raw), count))
        left -= count
        at = stop
    return found


def _unpack(view: memoryview, at: int) -> tuple[bytes, int] | None:
    """The content of the frame at `at`, and where it ends."""
    try:
        size = zstandard.get_frame_parameters(view[at : at + 32]).content_size
        if not 4 <= size <= MAX_BLOCK_BYTES:
            return None
        reader = zstandard.ZstdDecompressor().decompressobj()
        parts: list[bytes] = []
        length = 0
        while not reader.eof and at < len(view):
            chunk = bytes(view[at : at + CHUNK_BYTES])
            parts.append(reader.decompress(chunk))
            length += len(parts[-1])
            if length > size:
                return None
            at += len(chunk)
    except zstandard.ZstdError:
        return None
    if not reader.eof or length != size:
        return None
    return b"".join(parts), at - len(reader.unused_data)


def _count_coded(raw: bytes) -> int:
    """How many bodies a block holds, 0 when that is not what it says."""
    found = split(memoryview(raw), None)
    return 0 if found is None else len(found.ends)


def _count(raw: bytes, most: int) -> int:
    """How many bodies a block holds: as many ends as make the last one the end of the block."""
    ends = np.frombuffer(raw[: len(raw) // 4 * 4], dtype="<u4")[:most].astype(np.int64)
    fitting = np.flatnonzero(ends + 4 * np.arange(1, len(ends) + 1) == len(raw))
    for place in fitting.tolist():
        if not np.any(np.diff(ends[: place + 1], prepend=0) < 0):
            return int(place) + 1
    return 0
