"""The users' ids of one segment, both ways: doc to id, and id to doc.

    section       type     content
    ids.offsets   u64[n+1] where each id starts in `ids`
    ids           u8[]     UTF-8, in doc order
    ids.hashes    u64[n]   the first eight bytes of BLAKE2b of each id, ascending
    ids.docs      u32[n]   the doc of each hash

A hash only narrows the search: the id itself is compared before an answer is given.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np

from rank_retrieve.collection.arrays import array_of
from rank_retrieve.errors import CorruptionError
from rank_retrieve.types import Bitmap, Int64s, Sections, SectionSink, UInt8s, UInt64s


def hash_ids(ids: Iterable[bytes]) -> UInt64s:
    """The first eight bytes of BLAKE2b, read as a little-endian number; uint64 [n]."""
    blake2b = hashlib.blake2b
    digests = b"".join([blake2b(identity, digest_size=8).digest() for identity in ids])
    return np.frombuffer(digests, dtype="<u8")


def write_ids(sink: SectionSink, ids: Sequence[str]) -> None:
    """Write the ids, in doc order."""
    encoded = [identity.encode("utf-8") for identity in ids]
    offsets = np.zeros(len(ids) + 1, dtype="<u8")
    np.cumsum([len(identity) for identity in encoded], out=offsets[1:])
    hashes = hash_ids(encoded)
    order = np.argsort(hashes, kind="stable")
    sink.add("ids.offsets", offsets)
    sink.add("ids", b"".join(encoded))
    sink.add("ids.hashes", hashes[order])
    sink.add("ids.docs", order.astype("<u4"))


def merge_ids(sink: SectionSink, parts: Sequence[tuple[IdTable, Bitmap | None]]) -> None:
    """Write the ids of the live docs of several tables, one table after the other.

    live: None where all docs are. The bytes are those of `write_ids` over the same ids, but
    nothing is hashed again.
    """
    chosen = [table.chosen(live) for table, live in parts]
    hashes = np.concatenate([hashes for _, _, hashes in chosen])
    offsets = np.zeros(len(hashes) + 1, dtype="<u8")
    np.cumsum(np.concatenate([sizes for _, sizes, _ in chosen]), out=offsets[1:])
    order = np.argsort(hashes, kind="stable")
    sink.add("ids.offsets", offsets)
    sink.add("ids", *(raw for raw, _, _ in chosen))
    sink.add("ids.hashes", hashes[order])
    sink.add("ids.docs", order.astype("<u4"))


class IdTable:
    """Reads what `write_ids` wrote."""

    def __init__(self, sections: Sections) -> None:
        self._origin = sections.origin
        self._offsets = array_of(sections, "ids.offsets", "<u8")
        self._bytes = sections.section("ids")
        self._hashes = array_of(sections, "ids.hashes", "<u8")
        self._docs = array_of(sections, "ids.docs", "<u4")
        n = len(self._offsets) - 1
        if n < 0 or len(self._hashes) != n or len(self._docs) != n:
            raise CorruptionError(self._origin, 0, "one hash for each id", f"{n} ids")
        if int(self._offsets[-1]) != len(self._bytes):
            raise CorruptionError(
                self._origin, 0, f"{int(self._offsets[-1])} bytes of ids", str(len(self._bytes))
            )

    def __len__(self) -> int:
        return len(self._docs)

    def raw(self, doc: int) -> bytes:
        """The id of a doc, as UTF-8."""
        start, end = self._offsets[doc : doc + 2].tolist()
        return bytes(self._bytes[start:end])

    def id(self, doc: int) -> str:
        """The id of a doc."""
        try:
            return self.raw(doc).decode("utf-8")
        except UnicodeDecodeError as error:
            raise CorruptionError(
                self._origin, int(self._offsets[doc]), "UTF-8", error.reason
            ) from error

    def all(self) -> list[str]:
        """Every id, in doc order."""
        return [self.id(doc) for doc in range(len(self))]

    def chosen(self, live: Bitmap | None) -> tuple[UInt8s, UInt64s, UInt64s]:
        """The bytes of the live docs' ids one after the other, their sizes and their hashes."""
        sizes = np.diff(self._offsets)
        # in unsigned numbers a step down is a huge step up
        if self._offsets[0] != 0 or np.any(self._offsets[1:] < self._offsets[:-1]):
            raise CorruptionError(self._origin, 0, "ascending places of ids", "others")
        if len(self) and int(self._docs.max()) >= len(self):
            raise CorruptionError(
                self._origin, 0, f"docs below {len(self)}", str(int(self._docs.max()))
            )
        raw = np.frombuffer(self._bytes, dtype=np.uint8)
        hashes = np.zeros(len(self), dtype="<u8")
        hashes[self._docs] = self._hashes
        if live is None:
            return raw, sizes, hashes
        mask = live.to_mask()
        return raw[np.repeat(mask, sizes.astype(np.int64))], sizes[mask], hashes[mask]

    def find(self, identity: str) -> int:
        """The doc of an id, -1 if it is not here."""
        return int(self.find_many([identity.encode("utf-8")])[0])

    def find_many(self, ids: Sequence[bytes]) -> Int64s:
        """The docs of UTF-8 ids, -1 where absent; int64 [len(ids)]."""
        found = np.full(len(ids), -1, dtype=np.int64)
        if not len(self):
            return found
        hashes = hash_ids(ids)
        places = np.searchsorted(self._hashes, hashes)
        inside = np.minimum(places, len(self) - 1)
        # most ids of a new batch are new: only equal hashes cost a look at the id itself
        for i in np.flatnonzero(self._hashes[inside] == hashes).tolist():
            place = int(places[i])
            while place < len(self) and self._hashes[place] == hashes[i]:
                doc = int(self._docs[place])
                if doc >= len(self):
                    raise CorruptionError(
                        self._origin, 4 * place, f"a doc below {len(self)}", str(doc)
                    )
                if self.raw(doc) == ids[i]:
                    found[i] = doc
                    break
                place += 1
        return found
