"""A merged segment is, byte for byte, the one that would have been written at once.

Except for its documents: those are as if the smallest packing had been asked for at once.
"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rank_retrieve as rr
from rank_retrieve.collection.documents import SMALL, stream_documents, train
from rank_retrieve.collection.merging import merge_segments
from rank_retrieve.collection.record import to_record
from rank_retrieve.persistence import MemoryDirectory
from rank_retrieve.types import MemorySections

FIELDS: dict[str, Any] = {
    "title": rr.Text(boost=1.5),
    "text": rr.Text(),
    "plain": rr.Text(analyzer="simple"),
    "vector": rr.Vector(dim=3),
    "a": rr.Vector(dim=2, metric="dot"),
}
WORDS = ["cat", "cats", "dog", "running", "runs", "mat", "the", "zebra", "ümlaut", "日本語"]

texts = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)
numbers = st.floats(0.5, 2, width=32)
documents = st.fixed_dictionaries(
    {},
    optional={
        "title": texts,
        "text": texts,
        "plain": texts,
        "vector": st.lists(numbers, min_size=3, max_size=3),
        "a": st.lists(numbers, min_size=2, max_size=2),
        "year": st.integers(2000, 2010) | st.text(max_size=3),
        "tags": st.lists(st.sampled_from("xyz"), max_size=2),
    },
)


def names(count: int) -> list[str]:
    return [f"d{i}" if i % 3 else f"名{i}" for i in range(count)]


def sections(db: rr.Database) -> dict[str, bytes]:
    """Every section of the only segment, in order."""
    (part,) = db._engine.state.stores["c"].disk
    reader: Any = part.visible.segment._sections
    return {name: bytes(reader.section(name)) for name in reader.section_names}


def collection(documents: list[dict[str, Any]], per_segment: int) -> rr.Database:
    db = rr.open(MemoryDirectory(), compaction="manual", durability="none")
    made = db.create_collection("c", fields=FIELDS)
    for start in range(0, len(documents), per_segment):
        made.put_many(documents[start : start + per_segment])
        made.flush()
    return db


@settings(deadline=None, max_examples=60)
@given(
    bodies=st.lists(documents, min_size=1, max_size=12),
    dead=st.sets(st.integers(0, 11)),
    per_segment=st.integers(1, 5),
)
def test_merged_sections_equal_those_of_a_segment_written_at_once(
    bodies: list[dict[str, Any]], dead: set[int], per_segment: int
) -> None:
    everything = [{"id": i, **b} for i, b in zip(names(len(bodies)), bodies, strict=True)]
    live = [document for place, document in enumerate(everything) if place not in dead]
    db = collection(everything, per_segment)
    for place, document in enumerate(everything):
        if place in dead:
            db.get_collection("c").delete(document["id"])
    db.compact()
    if not live:
        assert db._engine.state.stores["c"].disk == []
        return
    fresh = collection(live, len(live))
    merged, expected = sections(db), sections(fresh) | smallest(live)
    assert set(merged) == set(expected)
    for name in expected:
        assert merged[name] == expected[name], name


def test_large_bodies_are_blocked_anew() -> None:
    everything = [{"id": str(i), "text": f"word{i} " * (1 + i % 97), "n": i} for i in range(1_500)]
    db = collection(everything, 400)
    gone = {str(i) for i in range(0, 1_500, 7)}
    db.get_collection("c").write(_deletes(gone))
    db.compact()
    live = [document for document in everything if document["id"] not in gone]
    fresh = collection(live, len(live))
    assert sections(db) == sections(fresh) | smallest(live)
    fresh.compact()
    assert sections(db) == sections(fresh)


def smallest(live: list[dict[str, Any]]) -> dict[str, bytes]:
    """The sections of the documents of one segment, compressed as a merge does."""
    made = MemorySections()
    schema = rr.open(":memory:").create_collection("c", fields=FIELDS)._store.schema
    bodies = [to_record(schema, document).body for document in live]
    stream_documents(made, train(bodies, sum(map(len, bodies)), SMALL), bodies, SMALL)
    return {name: bytes(section) for name, section in made.buffers.items()}


def _deletes(ids: set[str]) -> rr.WriteBatch:
    batch = rr.WriteBatch()
    for identity in ids:
        batch.delete(identity)
    return batch


def test_vectors_of_the_encoder_stay_marked_as_such() -> None:
    db = rr.open(":memory:", compaction="manual")
    made = db.create_collection(
        "c",
        fields={"text": rr.Text(), "vector": rr.Vector(dim=2)},
        encoder=rr.CallableEncoder(lambda texts: [[1.0, 2.0]] * len(texts), dim=2, name="toy"),
    )
    made.put({"id": "own", "text": "cat", "vector": [3.0, 4.0]})
    made.put({"id": "gone", "text": "cat"})
    made.flush()
    made.put({"id": "encoded", "text": "cat"})
    made.delete("gone")
    made.compact()
    assert [sorted(document) for document in made.documents()] == [
        ["id", "text", "vector"],
        ["id", "text"],
    ]
    assert made.search(vector=[1.0, 2.0]).ids.tolist() == ["encoded", "own"]


def test_progress_tells_each_stage_to_its_end_and_may_stop_the_merge() -> None:
    db = collection([{"id": str(i), "text": "cat"} for i in range(4)], 2)
    parts = [part.visible for part in db._engine.state.stores["c"].disk]
    schema = db._engine.state.stores["c"].schema
    told: list[tuple[str, int, int]] = []
    merge_segments(MemorySections(), schema, parts, lambda *step: told.append(step))
    assert list(dict.fromkeys(stage for stage, _, _ in told)) == [
        "ids",
        "words",
        "vectors",
        "documents",
    ]
    for stage in ("ids", "words", "vectors", "documents"):
        assert [step for step in told if step[0] == stage][-1] == (stage, 4, 4)

    def stop(*step: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        merge_segments(MemorySections(), schema, parts, stop)
