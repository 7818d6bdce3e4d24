from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rank_retrieve as rr

FIELDS: dict[str, Any] = {"title": rr.Text(), "text": rr.Text(), "vector": rr.Vector(dim=3)}


@pytest.fixture
def db(tmp_path: Path) -> rr.Database:
    return rr.open(tmp_path / "library")


@pytest.fixture
def papers(db: rr.Database) -> rr.Collection:
    return db.create_collection("papers", fields=FIELDS)


def test_a_document_comes_back_as_it_was_put(papers: rr.Collection) -> None:
    document = {
        "id": "d1",
        "title": "Ein Titel",
        "text": "日本語 and emoji 🦊",
        "vector": np.array([1, 2, 3], dtype=np.float32),
        "year": 2021,
        "tags": ["a", {"deep": [1.5, None, True]}],
        "when": datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC),
        "big": -(2**63),
    }
    papers.put(document)
    for _ in range(2):  # from the memtable, then from a segment
        found = papers.get("d1")
        assert found is not None
        assert list(found) == ["id", "title", "text", "year", "tags", "when", "big", "vector"]
        assert found.pop("vector").tolist() == [1, 2, 3]
        assert found == {k: v for k, v in document.items() if k != "vector"}
        papers.flush()


def test_changing_a_document_after_the_put_changes_nothing_stored(papers: rr.Collection) -> None:
    vector = np.array([1.0, 0.0, 0.0], dtype=np.float32)
    document: dict[str, Any] = {"id": "d1", "tags": ["a"], "vector": vector}
    papers.put(document)
    vector[0] = 9
    document["tags"].append("b")
    found = papers.get("d1")
    assert found is not None
    assert found["tags"] == ["a"]
    assert found["vector"].tolist() == [1, 0, 0]
    found["vector"][0] = 5
    again = papers.get("d1")
    assert again is not None
    assert again["vector"].tolist() == [1, 0, 0]


def test_put_replaces_and_delete_removes_wherever_the_old_one_lies(papers: rr.Collection) -> None:
    for flush_between in (False, True):
        papers.put({"id": "a", "text": "old words"})
        if flush_between:
            papers.flush()
        papers.search("old")
        papers.put({"id": "a", "text": "new words"})
        assert len(papers) == 1
        assert papers.search("old").ids.tolist() == []
        assert papers.search("new").ids.tolist() == ["a"]
        if flush_between:
            papers.flush()
        assert papers.delete("a") is True
        assert papers.delete("a") is False
        assert "a" not in papers
        assert papers.get("a") is None
        assert len(papers) == 0
        assert papers.search("new").ids.tolist() == []


def test_put_many_reports_progress_after_each_durable_batch(papers: rr.Collection) -> None:
    seen: list[int] = []
    n = papers.put_many(({"id": str(i)} for i in range(25)), batch_size=10, progress=seen.append)
    assert (n, seen, len(papers)) == (25, [10, 20, 25], 25)


def test_a_bad_document_in_put_many_keeps_the_batches_before_it(papers: rr.Collection) -> None:
    documents: list[Any] = [{"id": str(i)} for i in range(25)]
    documents[17] = {"id": "bad", "vector": [1, 2]}
    with pytest.raises(rr.DimensionMismatch, match="vector"):
        papers.put_many(documents, batch_size=10)
    assert list(papers.ids()) == [str(i) for i in range(10)]


def test_a_write_batch_is_all_or_nothing(papers: rr.Collection) -> None:
    papers.put({"id": "old"})
    papers.write(rr.WriteBatch().put({"id": "a"}).delete("old").put({"id": "b"}).delete("nobody"))
    assert sorted(papers.ids()) == ["a", "b"]
    with pytest.raises(rr.InvalidArgument):
        papers.write(rr.WriteBatch().delete("a").put({"id": ""}))
    assert sorted(papers.ids()) == ["a", "b"]
    papers.write(rr.WriteBatch())


def test_the_last_of_equal_ids_in_one_batch_wins(papers: rr.Collection) -> None:
    papers.put_many([{"id": "a", "text": "one"}, {"id": "b"}, {"id": "a", "text": "two"}])
    assert list(papers.ids()) == ["b", "a"]
    assert papers.search("one").ids.tolist() == []
    assert papers.search("two").ids.tolist() == ["a"]


def test_a_snapshot_does_not_see_what_comes_after_it(papers: rr.Collection) -> None:
    papers.put_many([{"id": "a", "text": "cat"}, {"id": "b", "text": "cat"}])
    with papers.snapshot() as view:
        papers.delete("a")
        papers.put({"id": "c", "text": "cat"})
        papers.flush()
        assert view.search("cat").ids.tolist() == ["a", "b"]
        assert len(view) == 2
        assert view.get("c") is None
        assert "a" in view
        assert papers.search("cat").ids.tolist() == ["b", "c"]
    with pytest.raises(rr.InvalidArgument, match="closed"):
        view.search("cat")


def test_a_collection_is_the_same_after_closing_and_opening(tmp_path: Path) -> None:
    with rr.open(tmp_path / "db") as db:
        papers = db.create_collection("papers", fields=FIELDS)
        papers.put_many(
            {"id": str(i), "text": f"word{i % 7}", "vector": [i, 1, 2], "n": i} for i in range(50)
        )
        papers.delete("3")
        before = papers.search("word2", vector=[1, 1, 1], k=20, where={"n": {"$gt": 5}})
    with rr.open(tmp_path / "db", mode="r") as db:
        papers = db.get_collection("papers")
        assert db.list_collections() == ["papers"]
        assert len(papers) == 49
        after = papers.search("word2", vector=[1, 1, 1], k=20, where={"n": {"$gt": 5}})
        assert after.ids.tolist() == before.ids.tolist()
        assert after.scores.tolist() == before.scores.tolist()
        assert papers.schema.fields == FIELDS


def test_info_counts_what_is_there(papers: rr.Collection) -> None:
    papers.put_many([{"id": "a"}, {"id": "b"}])
    papers.flush()
    papers.put({"id": "c"})
    papers.delete("a")
    info = papers.info()
    assert info["documents"] == 2
    assert info["segments"] == 1
    assert info["deleted"] == 1
    assert info["memtable_documents"] == 1
    assert info["segment_bytes"] > 0


def test_verify_reads_everything_and_finds_a_flipped_bit(
    db: rr.Database, papers: rr.Collection, tmp_path: Path
) -> None:
    papers.put_many({"id": str(i), "text": f"number {i}", "vector": [i, 0, 1]} for i in range(30))
    papers.flush()
    report = papers.verify()
    assert report.ok
    assert report.checked["documents"] == 30
    db.close()
    (segment,) = (tmp_path / "library").glob("segment-*")
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 4
    segment.write_bytes(data)
    with rr.open(tmp_path / "library", mode="r") as damaged:
        report = damaged.verify()
        assert not report.ok
        assert segment.name in str(report)


def test_collections_are_made_listed_and_dropped(db: rr.Database) -> None:
    db.create_collection("b", fields={"text": rr.Text()}).put({"id": "x", "text": "cat"})
    db.create_collection("a", fields={"text": rr.Text()})
    assert db.list_collections() == ["a", "b"]
    with pytest.raises(rr.AlreadyExists):
        db.create_collection("a", fields={"text": rr.Text()})
    with pytest.raises(rr.NotFound, match="a, b"):
        db.get_collection("c")
    dropped = db.get_collection("b")
    db.flush()
    db.drop_collection("b")
    assert db.list_collections() == ["a"]
    with pytest.raises(rr.NotFound):
        dropped.put({"id": "y"})
    again = db.create_collection("b", fields={"text": rr.Text()})
    assert len(again) == 0


def test_collections_do_not_see_each_other_and_flush_alone(tmp_path: Path) -> None:
    with rr.open(tmp_path / "db") as db:
        one = db.create_collection("one", fields={"text": rr.Text()})
        two = db.create_collection("two", fields={"text": rr.Text()})
        one.put({"id": "x", "text": "cat"})
        two.put({"id": "x", "text": "dog"})
        one.flush()
        assert one.info()["memtable_documents"] == 0
        assert two.info()["memtable_documents"] == 1
    with rr.open(tmp_path / "db") as db:
        assert db.get_collection("one").search("cat dog").ids.tolist() == ["x"]
        found = db.get_collection("two").get("x")
        assert found is not None
        assert found["text"] == "dog"


def test_a_small_memtable_flushes_by_itself(tmp_path: Path) -> None:
    with rr.open(tmp_path / "db", flush_bytes=2_000) as db:
        papers = db.create_collection("papers", fields={"text": rr.Text()})
        for i in range(40):
            papers.put({"id": str(i), "text": "some words " * 20})
        assert papers.info()["segments"] > 1
        assert len(papers.search("words", k=100)) == 40
