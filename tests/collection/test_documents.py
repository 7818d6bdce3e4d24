import random
from collections.abc import Callable

import numpy as np
import pytest

from rank_retrieve.codecs.frames import compress, decompress
from rank_retrieve.collection.documents import BLOCK_BYTES, DocumentStore, write_documents
from rank_retrieve.errors import CorruptionError
from rank_retrieve.types import MemorySections


def stored(bodies: list[bytes]) -> MemorySections:
    sections = MemorySections()
    write_documents(sections, bodies)
    return sections


def test_a_block_holds_ends_then_bodies() -> None:
    sections = stored([b"ab", b"c"])
    raw = decompress(sections.section("documents"), 11, origin="test", offset=0)
    assert bytes(raw) == bytes.fromhex("02 00 00 00 03 00 00 00 61 62 63")
    assert bytes(sections.section("documents.first")) == bytes.fromhex("00000000 02000000")
    assert bytes(sections.section("documents.raw")) == bytes.fromhex("0b000000")


def test_bodies_come_back_one_by_one_and_all_together() -> None:
    rng = random.Random(1)
    bodies = [rng.randbytes(rng.choice([0, 1, 900, 5_000])) for _ in range(300)]
    bodies.insert(7, rng.randbytes(3 * BLOCK_BYTES))
    store = DocumentStore(stored(bodies), len(bodies))
    assert [bytes(body) for body in store.bodies()] == bodies
    for doc in [300, 0, 7, 299, 6, 8, 150]:
        assert bytes(store.body(doc)) == bodies[doc]


def test_no_documents_is_a_store_of_none() -> None:
    assert list(DocumentStore(stored([]), 0).bodies()) == []


def block_of(raw: bytes) -> bytes:
    return compress(raw)


@pytest.mark.parametrize(
    "damage",
    [
        lambda s: s.buffers.update({"documents.raw": memoryview(np.array([12], "<u4")).cast("B")}),
        lambda s: s.buffers.update({"documents.first": memoryview(b"\0" * 8)}),
        lambda s: s.buffers.update({"documents": s.buffers["documents"][:-1]}),
        lambda s: s.buffers.update({"documents.first": s.buffers["documents.first"][:-1]}),
        lambda s: s.buffers.update({"documents.offsets": s.buffers["documents.offsets"][:0]}),
        lambda s: s.buffers.update({"documents.offsets": memoryview(b"\xff" * 16)}),
    ],
)
def test_a_contradictory_table_is_corruption(damage: Callable[[MemorySections], None]) -> None:
    sections = stored([b"ab", b"c"])
    damage(sections)
    with pytest.raises(CorruptionError):
        list(DocumentStore(sections, 2).bodies())


@pytest.mark.parametrize(
    "raw", [b"\x05\0\0\0\x03\0\0\0abc", b"\x02\0\0\0\x09\0\0\0abc", b"\x02\0\0", b""]
)
def test_ends_beyond_the_block_are_corruption(raw: bytes) -> None:
    sections = MemorySections()
    frame = compress(raw)
    sections.add("documents.first", np.array([0, 2], "<u4"))
    sections.add("documents.offsets", np.array([0, len(frame)], "<u8"))
    sections.add("documents.raw", np.array([len(raw)], "<u4"))
    sections.add("documents", frame)
    with pytest.raises(CorruptionError):
        DocumentStore(sections, 2).body(1)
