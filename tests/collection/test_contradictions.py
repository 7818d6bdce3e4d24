"""Structures of one segment that contradict each other, under checksums that hold."""

from typing import Any

import msgspec
import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.collection.live import LiveSegment
from rank_retrieve.collection.segment import Segment, SegmentMeta
from rank_retrieve.errors import CorruptionError
from rank_retrieve.persistence import MemoryDirectory
from rank_retrieve.types import MemorySections

N = 5


@pytest.fixture
def sound() -> tuple[dict[str, bytes], Any]:
    """The sections of a segment of five documents, and their schema."""
    fields: dict[str, Any] = {"text": rr.Text(analyzer="simple"), "vector": rr.Vector(dim=2)}
    with rr.open(MemoryDirectory(), compaction="manual") as db:
        collection = db.create_collection("c", fields=fields)
        collection.put_many({"id": str(n), "text": "word", "vector": [1, n]} for n in range(N))
        db.flush()
        segment = collection._store.disk[0].visible.segment
        reader: Any = segment._sections
        return {name: bytes(reader.section(name)) for name in reader.section_names}, segment.schema


def segment_of(sections: dict[str, bytes], schema: Any) -> Segment:
    made = MemorySections("x")
    for name, contents in sections.items():
        made.add(name, contents)
    return Segment("x", made, schema)


def with_docs(sections: dict[str, bytes], n_docs: int) -> dict[str, bytes]:
    meta = msgspec.msgpack.decode(sections["meta"], type=SegmentMeta)
    changed = msgspec.structs.replace(meta, n_docs=n_docs)
    return {**sections, "meta": msgspec.msgpack.encode(changed)}


def group_of(schema: Any) -> str:
    (group,) = schema.groups
    name: str = group.name
    return name


STRUCTURES = {
    "ids": lambda segment: segment.ids,
    "index": lambda segment: segment.index(group_of(segment.schema)),
    "vectors": lambda segment: segment.vectors("vector"),
    "encoded": lambda segment: segment.encoded("vector"),
}


@pytest.mark.parametrize("name", STRUCTURES)
def test_a_structure_of_other_documents_is_refused(
    name: str, sound: tuple[dict[str, bytes], Any]
) -> None:
    sections, schema = sound
    STRUCTURES[name](segment_of(sections, schema))
    # 64 more: what has one bit a document is as long for a few more
    with pytest.raises(CorruptionError, match=f"{N + 64}"):
        STRUCTURES[name](segment_of(with_docs(sections, N + 64), schema))


def test_token_vectors_of_another_dimension_are_refused() -> None:
    with rr.open(MemoryDirectory(), compaction="manual") as db:
        collection = db.create_collection("c", fields={"tokens": rr.MultiVector(dim=2)})
        collection.put({"id": "a", "tokens": [[1, 2], [3, 4]]})
        db.flush()
        segment = collection._store.disk[0].visible.segment
        other = db.create_collection("d", fields={"tokens": rr.MultiVector(dim=3)})
        contradicting = Segment("x", segment._sections, other.schema)
        with pytest.raises(CorruptionError, match="vectors of 3 float32"):
            contradicting.multi_vectors("tokens")


@pytest.mark.parametrize("n_docs", [-1, 2**31])
def test_an_impossible_number_of_documents_is_refused(
    n_docs: int, sound: tuple[dict[str, bytes], Any]
) -> None:
    sections, schema = sound
    with pytest.raises(CorruptionError, match="a segment of this schema"):
        segment_of(with_docs(sections, n_docs), schema)


def deletions(n_docs: int, n_live: int, live: bytes) -> MemorySections:
    sections = MemorySections("x")
    sections.add("meta", msgspec.msgpack.encode([n_docs, n_live]))
    sections.add("live", live)
    return sections


@pytest.mark.parametrize(
    ("n_docs", "n_live", "live", "message"),
    [
        (N + 1, 3, b"\x07" + bytes(7), f"deletions of {N} documents"),
        (N, 3, b"\x07" + bytes(15), f"deletions of {N} documents"),
        (N, 4, b"\x07" + bytes(7), "4 live documents"),
    ],
)
def test_deletions_of_another_segment_or_of_a_false_count_are_refused(
    n_docs: int,
    n_live: int,
    live: bytes,
    message: str,
    sound: tuple[dict[str, bytes], Any],
) -> None:
    segment = segment_of(*sound)
    with pytest.raises(CorruptionError, match=message):
        LiveSegment.open(segment, deletions(n_docs, n_live, live))


def test_a_dictionary_that_names_terms_beyond_the_index_is_refused(
    sound: tuple[dict[str, bytes], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    segment = segment_of(*sound)
    index = segment.index(group_of(segment.schema))

    class Dictionary:
        def get_many(self, arena: Any, offsets: Any) -> Any:
            return np.array([index.n_terms], dtype=np.int64)

    monkeypatch.setattr(type(index), "dictionary", Dictionary())
    with pytest.raises(CorruptionError, match=f"ordinals below {index.n_terms}"):
        index.ordinals([b"word"])
