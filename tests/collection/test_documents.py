import random
import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.codecs.frames import compress, decompress
from rank_retrieve.codecs.words import MAX_TABLE_BYTES, WordTable
from rank_retrieve.collection import documents
from rank_retrieve.collection.documents import (
    QUICK,
    SMALL,
    Body,
    DocumentBlocks,
    DocumentStore,
    Packing,
    stream_documents,
    train,
)
from rank_retrieve.errors import CorruptionError
from rank_retrieve.persistence import MemoryDirectory
from rank_retrieve.persistence.segment import SegmentReader, SegmentWriter
from rank_retrieve.types import MemorySections

PROSE = b"the cat sat on the mat and the dog ran after the cat into the garden of the house "


def stored(bodies: list[bytes], packing: Packing = QUICK) -> MemorySections:
    sections = MemorySections()
    words = train(bodies, sum(map(len, bodies)), packing)
    stream_documents(sections, words, bodies, packing)
    return sections


def prose(count: int) -> list[bytes]:
    words = PROSE.split()
    rng = random.Random(2)
    return [b" ".join(rng.choices(words, k=rng.randint(0, 60))) for _ in range(count)]


def test_a_block_holds_its_number_the_sizes_in_planes_and_the_bodies() -> None:
    sections = stored([b"ab", b"c"])
    raw = decompress(sections.section("documents"), 15, origin="test", offset=0)
    assert bytes(raw) == bytes.fromhex("02000000 0201 0000 0000 0000 616263")
    assert bytes(sections.section("documents.first")) == bytes.fromhex("00000000 02000000")
    assert bytes(sections.section("documents.raw")) == bytes.fromhex("0f000000")
    assert bytes(sections.section("documents.words")) == b""


def test_a_table_is_its_size_and_a_frame() -> None:
    sections = MemorySections()
    stream_documents(sections, WordTable.of([b"ab"]), [b"ab", b"c"], SMALL)
    words = bytes(sections.section("documents.words"))
    assert words[:4] == bytes.fromhex("07000000")
    assert decompress(words[4:], 7, origin="", offset=0) == bytes.fromhex("01000000 02 6162")


def test_bodies_of_a_table_with_words_are_codes() -> None:
    sections = MemorySections()
    stream_documents(sections, WordTable.of([b" cat", b"the"]), [b"the cat", b"\xff"], SMALL)
    raw = decompress(sections.section("documents"), 17, origin="test", offset=0)
    assert bytes(raw) == bytes.fromhex("02000000 0203 0000 0000 0000 8180 ff01ff")
    store = DocumentStore(sections, 2)
    assert [bytes(store.body(doc)) for doc in (1, 0)] == [b"\xff", b"the cat"]


@pytest.mark.parametrize("packing", [QUICK, SMALL, Packing(1_000, 1 << 20, 1)])
def test_bodies_come_back_one_by_one_and_all_together(packing: Packing) -> None:
    rng = random.Random(1)
    bodies = [rng.randbytes(rng.choice([0, 1, 900, 5_000])) for _ in range(300)]
    bodies.insert(7, rng.randbytes(3 * packing.block_bytes))
    bodies += prose(2_000)
    store = DocumentStore(stored(bodies, packing), len(bodies))
    assert [bytes(body) for body in store.bodies()] == bodies
    for doc in [300, 0, 7, 299, 6, 8, 150, 2_000, 301]:
        assert bytes(store.body(doc)) == bodies[doc]
    assert bool(store.words) == (packing is not QUICK)


def test_prose_is_coded_and_noise_is_not() -> None:
    assert len(DocumentStore(stored(prose(500), SMALL), 500).words or ()) > 10
    rng = random.Random(3)
    noise = [rng.randbytes(500) for _ in range(50)]
    words = DocumentStore(stored(noise, SMALL), 50).words
    assert words is not None
    assert len(words) == 0


@settings(deadline=None, max_examples=60)
@given(st.lists(st.binary(max_size=40) | st.sampled_from([PROSE, PROSE[:30]]), max_size=30))
def test_streamed_documents_are_those_written_at_once(bodies: list[bytes]) -> None:
    at_once, streamed = MemorySections(), MemorySections()
    DocumentBlocks(bodies).write(at_once)
    stream_documents(streamed, None, iter(bodies), QUICK)
    assert streamed.buffers == at_once.buffers
    in_blocks = stored(bodies, Packing(block_bytes=100, sample_bytes=10_000, level=3))
    for sections in (streamed, in_blocks):
        assert [bytes(body) for body in DocumentStore(sections, len(bodies)).bodies()] == bodies


def test_a_stream_holds_few_blocks_at_a_time() -> None:
    made = taken = most = 0

    class Sink(MemorySections):
        def add_pieces(self, name: str, pieces: list[bytes]) -> None:
            nonlocal taken, most
            kept = []
            for piece in pieces:
                taken += 1
                most = max(most, made - taken)
                kept.append(piece)
            self.add(name, *kept)

    def bodies() -> Iterator[Body]:
        nonlocal made
        for number in range(200):
            made += 1
            yield bytes([number]) * 100

    sink = Sink()
    stream_documents(sink, None, bodies(), Packing(100, 0, 1))
    assert [bytes(body[:1])[0] for body in DocumentStore(sink, 200).bodies()] == list(range(200))
    assert taken == 200
    assert most <= 7


def test_no_documents_is_a_store_of_none() -> None:
    assert list(DocumentStore(stored([]), 0).bodies()) == []
    assert list(DocumentStore(stored([], SMALL), 0).bodies()) == []


def put(name: str, content: bytes) -> Callable[[MemorySections], None]:
    return lambda s: s.buffers.update({name: memoryview(content)})


@pytest.mark.parametrize(
    "damage",
    [
        put("documents.raw", np.array([16], "<u4").tobytes()),
        put("documents.first", bytes(8)),
        lambda s: s.buffers.update({"documents": s.buffers["documents"][:-1]}),
        lambda s: s.buffers.update({"documents.first": s.buffers["documents.first"][:-1]}),
        lambda s: s.buffers.update({"documents.offsets": s.buffers["documents.offsets"][:0]}),
        put("documents.offsets", b"\xff" * 16),
        put("documents.words", b"\0"),
        put("documents.words", b"\xff\xff\xff\xff" + compress(b"")),
        put("documents.words", b"\x05\0\0\0" + compress(b"\1\0\0\0\0")),
        put("documents.words", b"\x06\0\0\0" + compress(b"\1\0\0\0\2a")),
        put("documents.words", b"\x04\0\0\0" + compress(b"\xff\xff\xff\xff")),
    ],
)
def test_a_contradictory_table_is_corruption(damage: Callable[[MemorySections], None]) -> None:
    sections = stored([b"ab", b"c"])
    damage(sections)
    with pytest.raises(CorruptionError):
        list(DocumentStore(sections, 2).bodies())


def test_a_table_that_would_take_memory_is_refused_before_it_does() -> None:
    sections = stored([b"ab", b"c"])
    table = bytes(MAX_TABLE_BYTES + 1)
    put("documents.words", len(table).to_bytes(4, "little") + compress(table))(sections)
    with pytest.raises(CorruptionError, match=f"at most {MAX_TABLE_BYTES} bytes"):
        DocumentStore(sections, 2).body(0)


def one_block(raw: bytes, n_docs: int, words: WordTable | None) -> DocumentStore:
    sections = MemorySections()
    frame = compress(raw)
    if words is not None:
        table = words.to_bytes()
        sections.add("documents.words", len(table).to_bytes(4, "little"), compress(table))
    sections.add("documents.first", np.array([0, n_docs], "<u4"))
    sections.add("documents.offsets", np.array([0, len(frame)], "<u8"))
    sections.add("documents.raw", np.array([len(raw)], "<u4"))
    sections.add("documents", frame)
    return DocumentStore(sections, n_docs)


def test_the_form_without_words_is_read() -> None:
    store = one_block(bytes.fromhex("02000000 03000000 616263"), 2, None)
    assert [bytes(store.body(doc)) for doc in (0, 1)] == [b"ab", b"c"]
    assert [bytes(body) for body in store.bodies()] == [b"ab", b"c"]


@pytest.mark.parametrize(
    "raw", [b"\x05\0\0\0\x03\0\0\0abc", b"\x02\0\0\0\x09\0\0\0abc", b"\x02\0\0", b""]
)
def test_ends_beyond_the_block_are_corruption(raw: bytes) -> None:
    with pytest.raises(CorruptionError):
        one_block(raw, 2, None).body(1)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x02\0\0",
        b"\x03\0\0\0" + bytes(12),  # another number of documents
        b"\xff\xff\xff\xff" + bytes(40),
        b"\x02\0\0\0" + bytes([2, 2, 0, 0, 0, 0, 0, 0]) + b"abc",
        b"\x02\0\0\0" + bytes([2, 1, 0, 0, 0, 0, 0, 1]) + b"abc",
        b"\x02\0\0\0" + bytes([2, 1, 0]),
    ],
)
def test_sizes_that_contradict_the_block_are_corruption(raw: bytes) -> None:
    for words in (WordTable.of([]), WordTable.of([b"word"])):
        with pytest.raises(CorruptionError):
            one_block(raw, 2, words).body(1)


@pytest.mark.parametrize("code", ["81", "c0", "ff", "ff02 61", "fe00", "c001", "fe0000"])
def test_codes_that_mean_nothing_are_corruption(code: str) -> None:
    body = bytes.fromhex(code)
    raw = b"\x01\0\0\0" + bytes([len(body), 0, 0, 0]) + body
    store = one_block(raw, 1, WordTable.of([b"word"]))
    with pytest.raises(CorruptionError, match="code of words"):
        store.body(0)
    with pytest.raises(CorruptionError, match="code of words"):
        list(store.bodies())


def peak_bytes(read: Callable[[], object]) -> int:
    """The most that Python and NumPy hold at a time, beyond what is there before."""
    tracemalloc.start()
    try:
        read()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_small_block_that_means_a_huge_body_is_refused_before_memory_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(documents, "MAX_BODY_BYTES", 1 << 20)
    monkeypatch.setattr(documents, "MAX_CODE_AT_ONCE_BYTES", (1 << 20) // 64)
    n = (2 << 20) // 64
    raw = b"\1\0\0\0" + n.to_bytes(4, "little") + b"\x80" * n
    store = one_block(raw, 1, WordTable.of([b"a" * 64]))

    def read(bodies: Callable[[], object]) -> None:
        with pytest.raises(CorruptionError, match=f"at most {1 << 20} bytes"):
            bodies()

    assert peak_bytes(lambda: read(lambda: store.body(0))) < 1 << 20
    assert peak_bytes(lambda: read(lambda: list(store.bodies()))) < 1 << 20


def test_a_large_block_is_decoded_body_by_body(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAX_CODE_AT_ONCE_BYTES", 1 << 10)
    sections = MemorySections()
    bodies = [bytes([97 + number]) + b" word" * 40_000 for number in range(8)]
    stream_documents(sections, WordTable.of([b" word"]), bodies, Packing(1 << 30, 0, 1))
    store = DocumentStore(sections, 8)
    lengths: list[int] = []
    assert peak_bytes(lambda: lengths.extend(map(len, store.bodies()))) < 1_200_000
    assert lengths == [200_001] * 8
    assert [bytes(body) for body in store.bodies()] == bodies


def test_few_bytes_of_blocks_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "CACHED_BLOCK_BYTES", 1_500)
    monkeypatch.setattr(documents, "CACHED_BYTES", 3_500)
    bodies = [bytes(1_000), bytes(2_000), *[bytes([n]) * 1_000 for n in range(5)]]
    store = DocumentStore(stored(bodies, Packing(500, 0, 1)), len(bodies))
    for doc in range(len(bodies)):
        assert bytes(store.body(doc)) == bodies[doc]
    assert list(store._cache) == [4, 5, 6]
    store.body(1)
    assert list(store._cache) == [4, 5, 6]
    store.body(4)
    store.body(0)
    assert list(store._cache) == [6, 4, 0]


@pytest.mark.parametrize(("flags", "words"), [(0, True), (1, False)])
def test_a_header_and_sections_of_different_forms_are_corruption(flags: int, words: bool) -> None:
    directory = MemoryDirectory()
    for number, flag in enumerate([flags, 1 - flags]):
        writer = SegmentWriter(directory, f"s{number}", kind="test", flags=flag)
        for name, contents in stored([b"ab", b"c"]).buffers.items():
            if words or name != "documents.words":
                writer.add(name, contents)
        writer.finish()
    with pytest.raises(CorruptionError, match="s0 at byte 10: expected flag 1 and a section"):
        DocumentStore(SegmentReader.open(directory, "s0", kind="test"), 2)
    assert SegmentReader.open(directory, "s1", kind="test").flags == 1 - flags
    DocumentStore(SegmentReader.open(directory, "s1", kind="test"), 2)
