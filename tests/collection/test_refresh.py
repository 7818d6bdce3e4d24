"""Reading handles follow the writer; snapshots and hits stay as they are."""

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.persistence.memory_directory import MemoryDirectory

FIELDS: dict[str, Any] = {"text": rr.Text(), "vector": rr.Vector(dim=2)}


def document(name: str, text: str = "cat") -> dict[str, Any]:
    return {"id": name, "text": text, "vector": [1.0, len(name)]}


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[rr.Database]:
    with rr.open(tmp_path / "db", compaction="manual") as db:
        db.create_collection("c", fields=FIELDS).put(document("first"))
        yield db


@pytest.fixture
def reader(writer: rr.Database) -> Iterator[rr.Database]:
    with rr.open(writer.path, mode="r") as db:
        yield db


def ids(db: rr.Database) -> list[str]:
    return db.get_collection("c").search("cat", k=100).ids.tolist()


def test_a_reader_sees_new_writes_after_a_refresh_and_not_before(
    writer: rr.Database, reader: rr.Database
) -> None:
    documents = reader.get_collection("c")
    assert not reader.refresh()
    writer.get_collection("c").put(document("second"))
    assert ids(reader) == ["first"]
    assert reader.refresh()
    # a handle from before the refresh shows the new state too
    assert documents.search("cat").ids.tolist() == ["first", "second"]
    assert len(documents) == 2
    assert not reader.refresh()
    writer.get_collection("c").delete("first")
    assert reader.refresh()
    assert documents.get("first") is None
    assert ids(reader) == ["second"]


@pytest.mark.parametrize("publish", ["flush", "compact"])
def test_a_reader_follows_over_flushes_and_compactions(
    writer: rr.Database, reader: rr.Database, publish: str
) -> None:
    source = writer.get_collection("c")
    seen = ["first"]
    for number in range(6):
        source.put(document(f"d{number}"))
        getattr(writer, publish)()
        source.put(document(f"e{number}"))
        seen += [f"d{number}", f"e{number}"]
        assert reader.refresh()
        assert ids(reader) == seen
        assert not reader.refresh()
    assert reader.verify().ok


def test_a_reader_keeps_what_it_shows_while_its_files_are_deleted(
    writer: rr.Database, reader: rr.Database
) -> None:
    source = writer.get_collection("c")
    source.put_many(document(f"d{n}") for n in range(50))
    writer.flush()
    reader.refresh()
    view = reader.get_collection("c").snapshot()
    hits = view.search("cat", k=60)
    for n in range(50):
        source.delete(f"d{n}")
        source.put(document(f"e{n}", "dog"))
        if n % 10 == 9:
            writer.compact()
    assert len(ids(reader)) == 51  # not refreshed yet; its segment file is gone
    assert reader.refresh()
    assert ids(reader) == ["first"]
    again = view.search("cat", k=60)
    assert again.ids.tolist() == hits.ids.tolist()
    assert again.scores.tolist() == hits.scores.tolist()
    assert hits[50].document == {**document("d49"), "vector": pytest.approx([1.0, 3.0])}
    assert [d["id"] for d in view.documents()] == ["first", *(f"d{n}" for n in range(50))]


def test_unchanged_segments_are_taken_over_and_not_read_again(
    writer: rr.Database, reader: rr.Database
) -> None:
    writer.flush()
    reader.refresh()
    ids(reader)
    (before,) = reader.get_collection("c")._store.disk
    writer.get_collection("c").put(document("second"))
    writer.flush()
    assert reader.refresh()
    first, second = reader.get_collection("c")._store.disk
    assert first.visible.segment is before.visible.segment
    assert second.visible.segment is not before.visible.segment


def test_collections_come_and_go_with_a_refresh(writer: rr.Database, reader: rr.Database) -> None:
    documents = reader.get_collection("c")
    writer.create_collection("d", fields=FIELDS).put(document("there"))
    assert reader.list_collections() == ["c"]
    assert reader.refresh()
    assert reader.list_collections() == ["c", "d"]
    assert "there" in reader.get_collection("d")
    writer.drop_collection("c")
    assert len(documents) == 1
    assert reader.refresh()
    with pytest.raises(rr.NotFound, match="dropped"):
        documents.search("cat")
    # one of the same name is another collection
    writer.create_collection("c", fields=FIELDS).put(document("anew"))
    assert reader.refresh()
    assert ids(reader) == ["anew"]
    with pytest.raises(rr.NotFound, match="dropped"):
        documents.search("cat")


def test_a_reader_follows_the_next_writer_too(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with rr.open(path) as db:
        db.create_collection("c", fields=FIELDS).put(document("first"))
    reader = rr.open(path, mode="r")
    for number in range(3):
        with rr.open(path) as db:
            db.get_collection("c").put(document(f"d{number}"))
            assert reader.refresh()
            assert len(ids(reader)) == number + 2
        assert reader.refresh()  # closing has flushed
        assert len(ids(reader)) == number + 2
    reader.close()


def test_an_encoder_that_is_trained_later_reaches_the_reader(tmp_path: Path) -> None:
    with rr.open(tmp_path / "db") as db:
        documents = db.create_collection(
            "c", fields={"text": rr.Text()}, encoder=rr.LSAEncoder(dim=2)
        )
        texts = ["cat dog", "dog bird", "bird fish", "fish cow", "cow cat"]
        documents.put_many({"id": text, "text": text} for text in texts)
        with rr.open(tmp_path / "db", mode="r") as reader:
            assert reader.get_collection("c").encoder is None
            documents.fit_encoder()
            assert reader.refresh()
            wanted = documents.search("cat bird", mode="hybrid")
            got = reader.get_collection("c").search("cat bird", mode="hybrid")
            assert got.ids.tolist() == wanted.ids.tolist()
            assert got.scores.tolist() == wanted.scores.tolist()
            encoder = reader.get_collection("c").encoder
            documents.put({"id": "x", "text": "cat"})
            db.flush()
            reader.refresh()
            assert reader.get_collection("c").encoder is encoder


def test_an_encoder_that_was_handed_over_stays(tmp_path: Path) -> None:
    import numpy as np

    def encode(texts: Any) -> Any:
        return np.array([[len(t), 1.0] for t in texts], dtype=np.float32)

    encoder = rr.CallableEncoder(encode, dim=2, name="lengths")
    with rr.open(tmp_path / "db") as db:
        documents = db.create_collection("c", fields={"text": rr.Text()}, encoder=encoder)
        documents.put({"id": "a", "text": "cat"})
        with rr.open(tmp_path / "db", mode="r") as reader:
            found = reader.get_collection("c", encoder=encoder)
            documents.put({"id": "b", "text": "dog"})
            db.flush()
            assert reader.refresh()
            assert found.search("cow", mode="dense").ids.tolist() == ["a", "b"]


def test_a_writing_handle_is_always_up_to_date(writer: rr.Database) -> None:
    assert writer.refresh() is False


def test_readers_are_found_and_those_left_behind_are_reported(
    writer: rr.Database, reader: rr.Database
) -> None:
    from rank_retrieve.collection.doctor import diagnose

    (found,) = writer.readers()
    assert (found.pid, found.behind) == (os.getpid(), 0)
    assert not any("reader in process" in note for note in diagnose(writer.path).notes)
    for number in range(3):
        writer.get_collection("c").put(document(f"d{number}"))
        writer.flush()
    assert [r.behind for r in reader.readers()] == [3]
    (found,) = writer.info()["readers"]
    assert (found["pid"], found["behind"]) == (os.getpid(), 3)
    (note,) = [n for n in diagnose(writer.path).notes if "reader in process" in n]
    assert "3 behind" in note
    assert reader.refresh()
    assert [r.behind for r in writer.readers()] == [0]
    reader.close()
    assert writer.readers() == []


def test_a_snapshot_that_is_open_counts_as_long_as_it_is(
    writer: rr.Database, reader: rr.Database
) -> None:
    view = reader.get_collection("c").snapshot()
    writer.flush()
    reader.refresh()
    assert [r.behind for r in writer.readers()] == [1]
    view.close()
    reader.refresh()
    assert [r.behind for r in writer.readers()] == [0]


def test_a_reader_that_looks_while_the_writer_publishes_looks_again() -> None:
    """The log may hold batches of a collection that the manifest of before does not know."""

    class Late(MemoryDirectory):
        """The writer makes a collection, and puts, just before the log is opened."""

        def open(self, name: str) -> memoryview:
            if name.startswith("wal-") and act:
                act.pop()()
                self.copy()
            return super().open(name)

        def copy(self) -> None:
            for stale in self.list():
                self.delete(stale)
            for name, contents in source.files().items():
                self.create(name).write(contents)

    source = MemoryDirectory()
    db = rr.open(source)
    db.create_collection("c", fields=FIELDS).put(document("first"))

    def publish() -> None:
        db.create_collection("d", fields=FIELDS).put(document("there"))

    act = [publish]
    directory = Late(source.files())
    with rr.open(directory, mode="r") as reader:
        assert reader.list_collections() == ["c", "d"]
        assert "there" in reader.get_collection("d")
        act.append(lambda: db.create_collection("e", fields=FIELDS).put(document("too")))
        assert reader.refresh()
        assert "too" in reader.get_collection("e")
    db.close()


def test_what_is_read_before_a_publication_is_not_mixed_with_what_came_after(
    tmp_path: Path,
) -> None:
    """A batch that is seen was preceded by everything that was committed before it."""
    source = MemoryDirectory()
    db = rr.open(source)
    documents = db.create_collection("c", fields=FIELDS)

    class Late(MemoryDirectory):
        def open(self, name: str) -> memoryview:
            if name.startswith("wal-") and act:
                act.pop()()
                for stale in self.list():
                    self.delete(stale)
                for fresh, contents in source.files().items():
                    self.create(fresh).write(contents)
            return super().open(name)

    act: list[Any] = []
    reader = rr.open(Late(source.files()), mode="r")

    def publish() -> None:
        db.drop_collection("old")
        documents.put(document("after the drop"))

    db.create_collection("old", fields=FIELDS)
    act.append(publish)
    assert reader.refresh()
    assert "after the drop" in reader.get_collection("c")
    assert reader.list_collections() == ["c"]
    reader.close()
    db.close()


def test_refreshing_over_damage_in_the_log_says_so(
    writer: rr.Database, reader: rr.Database
) -> None:
    writer.get_collection("c").put(document("second"))
    writer.get_collection("c").put(document("third"))
    (log,) = Path(writer.path).glob("wal-*.log")
    with log.open("r+b") as file:
        file.seek(64 + 40 + log.read_bytes()[64:].index(b"second"))
        file.write(b"?")
    with pytest.raises(rr.CorruptionError, match="wal-"):
        reader.refresh()
    assert ids(reader) == ["first"]


def test_a_refresh_that_fails_leaves_the_handle_where_it_was(
    writer: rr.Database, reader: rr.Database
) -> None:
    path = Path(writer.path) / "manifest"
    whole = path.read_bytes()
    writer.get_collection("c").put(document("second"))
    path.write_bytes(whole[:-1] + b"?")
    with pytest.raises(rr.CorruptionError, match="manifest"):
        reader.refresh()
    assert ids(reader) == ["first"]  # where it was
    path.write_bytes(whole)
    assert reader.refresh()
    assert ids(reader) == ["first", "second"]
    reader.close()
    with pytest.raises(rr.InvalidArgument, match="closed"):
        reader.refresh()


# ---------------------------------------------------------------------- closing


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors in /proc")
@pytest.mark.parametrize("mode", ["r", "w"])
def test_opening_and_closing_again_and_again_keeps_no_descriptor(tmp_path: Path, mode: Any) -> None:
    path = tmp_path / "db"
    with rr.open(path, durability="none") as db:
        db.create_collection("c", fields=FIELDS).put(document("first"))
        db.flush()
    kept: list[Any] = []
    gc.collect()
    gc.disable()
    try:
        before = descriptors()
        for turn in range(2_000 if mode == "r" else 100):
            db = rr.open(path, mode, durability="none")
            documents = db.get_collection("c")
            if turn % 50 == 0:
                assert documents.search("cat").ids.tolist() == ["first"]
                documents.get("first")
            if mode == "r" and turn % 50 == 25:
                db.refresh()
            db.close()
            kept.append((db, documents))  # handles that are closed hold nothing
            assert descriptors() == before, turn
    finally:
        gc.enable()


def test_snapshots_and_hits_outlive_their_database(tmp_path: Path) -> None:
    for mode in ("w", "r"):
        db = rr.open(tmp_path / "db", mode)  # type: ignore[arg-type]
        if mode == "w":
            documents = db.create_collection("c", fields=FIELDS)
            documents.put_many(document(f"d{n}") for n in range(10))
            db.flush()
            documents.put(document("last"))
        view = db.get_collection("c").snapshot()
        hits = db.get_collection("c").search("cat", k=20)
        db.close()
        assert view.search("cat", k=20).ids.tolist() == hits.ids.tolist()
        assert len(view) == 11
        assert hits[10].document["id"] == "last"
        assert hits[0].explain().adds_up()
        view.close()
        with pytest.raises(rr.InvalidArgument, match="closed"):
            view.search("cat")
