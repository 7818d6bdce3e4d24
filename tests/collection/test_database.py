import gc
import json
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import rank_retrieve as rr

FIELDS: dict[str, Any] = {"text": rr.Text()}


def tree(path: Path) -> dict[str, tuple[int, int, bytes]]:
    """Everything about a directory that a write would change."""
    return {
        f.name: (f.stat().st_size, f.stat().st_mtime_ns, f.read_bytes())
        for f in path.iterdir()
        if f.name != "lock"  # which names its last holder
    }


def test_reading_writes_nothing_and_sees_what_is_only_in_the_log(tmp_path: Path) -> None:
    db = rr.open(tmp_path / "db")
    documents = db.create_collection("c", fields=FIELDS)
    documents.put({"id": "flushed", "text": "cat"})
    documents.flush()
    documents.put({"id": "logged", "text": "cat"})
    before = tree(tmp_path / "db")
    with rr.open(tmp_path / "db", mode="r") as reader:  # beside the writer
        found = reader.get_collection("c")
        assert found.search("cat").ids.tolist() == ["flushed", "logged"]
        for write in (
            lambda: found.put({"id": "x"}),
            lambda: found.delete("flushed"),
            lambda: reader.create_collection("d", fields=FIELDS),
            lambda: reader.drop_collection("c"),
            reader.flush,
            reader.sync,
            reader.resume,
        ):
            with pytest.raises(rr.ReadOnlyError):
                write()
    assert tree(tmp_path / "db") == before
    db.close()


def test_a_read_only_medium_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with rr.open(path) as db:
        db.create_collection("c", fields=FIELDS).put({"id": "a", "text": "cat"})
    path.chmod(0o555)
    try:
        with rr.open(path, mode="r") as reader:
            assert reader.get_collection("c").search("cat").ids.tolist() == ["a"]
    finally:
        path.chmod(0o755)


def test_reading_where_there_is_nothing_is_not_found(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing", tmp_path):
        with pytest.raises(rr.NotFound):
            rr.open(path, mode="r")
    assert list(tmp_path.iterdir()) == []


def test_a_directory_of_other_files_is_refused_untouched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("precious")
    before = tree(tmp_path)
    with pytest.raises(rr.InvalidArgument, match=r"thesis\.txt"):
        rr.open(tmp_path)
    with pytest.raises(rr.NotFound):
        rr.open(tmp_path, mode="r")
    with pytest.raises(rr.InvalidArgument, match="is a file"):
        rr.open(tmp_path / "thesis.txt")
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "arguments",
    [
        {"mode": "rw"},
        {"durability": "maybe"},
        {"flush_bytes": 0},
        {"flush_bytes": 1.5},
        {"sync_interval_s": 0},
        {"path": 7},
        {"path": ""},
        {"path": b"bytes"},
        {"path": "a\0b"},
        {"path": "x\ud800"},
        {"path": "x" * 300},
        {"path": ":memory:", "mode": "r"},
    ],
)
def test_options_that_do_not_fit_are_refused(tmp_path: Path, arguments: dict[str, Any]) -> None:
    with pytest.raises(rr.InvalidArgument):
        rr.open(**{"path": tmp_path / "db", **arguments})
    assert list(tmp_path.iterdir()) == []


def test_a_second_writer_is_refused_and_told_who_writes(tmp_path: Path) -> None:
    with rr.open(tmp_path / "db"):
        with pytest.raises(rr.LockedError, match=str(os.getpid())):
            rr.open(tmp_path / "db")
        (tmp_path / "link").symlink_to(tmp_path / "db")
        with pytest.raises(rr.LockedError):
            rr.open(tmp_path / "link")
        code = "import rank_retrieve as rr, sys; rr.open(sys.argv[1])"
        other = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "db")],
            capture_output=True,
            text=True,
            check=False,
            cwd=Path(rr.__file__).parents[1],
        )
        assert other.returncode == 1
        assert "LockedError" in other.stderr
        assert str(os.getpid()) in other.stderr
    rr.open(tmp_path / "db").close()


def test_a_closed_handle_says_so_and_closing_twice_is_fine(tmp_path: Path) -> None:
    db = rr.open(tmp_path / "db")
    documents = db.create_collection("c", fields=FIELDS)
    db.close()
    db.close()
    assert db.closed
    for use in (
        lambda: documents.search("cat"),
        lambda: documents.put({"id": "a"}),
        lambda: documents.get("a"),
        lambda: len(documents),
        lambda: db.get_collection("c"),
        db.flush,
    ):
        with pytest.raises(rr.InvalidArgument, match="closed"):
            use()


def _use_in_child(documents: rr.Collection, answers: Any) -> None:
    for use in (
        lambda: documents.put({"id": "child", "text": "cat"}),
        lambda: documents.search("cat"),
        lambda: documents.get("a"),
    ):
        try:
            use()
            answers.put("worked")
        except rr.ForkedHandleError:
            answers.put("refused")
    documents._engine.close()
    answers.put("closed")


def test_a_forked_child_cannot_use_the_handle_and_the_lock_stays(tmp_path: Path) -> None:
    db = rr.open(tmp_path / "db")
    documents = db.create_collection("c", fields=FIELDS)
    documents.put({"id": "a", "text": "cat"})
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    child = context.Process(target=_use_in_child, args=(documents, answers))
    child.start()
    got = [answers.get(timeout=60) for _ in range(4)]
    child.join()
    assert got == ["refused", "refused", "refused", "closed"]
    with pytest.raises(rr.LockedError):
        rr.open(tmp_path / "db")
    documents.put({"id": "b", "text": "cat"})
    db.close()
    with rr.open(tmp_path / "db", mode="r") as reader:
        assert list(reader.get_collection("c").ids()) == ["a", "b"]


def test_threads_write_and_search_one_handle(tmp_path: Path) -> None:
    db = rr.open(tmp_path / "db", flush_bytes=3_000)
    documents = db.create_collection("c", fields=FIELDS)
    errors: list[BaseException] = []

    def write(thread: int) -> None:
        try:
            for number in range(25):
                documents.put({"id": f"{thread}-{number}", "text": "cat " * number, "t": thread})
                if number % 10 == 9:
                    documents.delete(f"{thread}-{number - 1}")
        except BaseException as error:  # noqa: BLE001 - handed to the test's own thread
            errors.append(error)

    def search() -> None:
        try:
            for _ in range(25):
                for hit in documents.search("cat", k=20):
                    assert "cat" in hit.document["text"]
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    threads += [threading.Thread(target=search) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert len(documents) == 4 * 23
    db.close()
    with rr.open(tmp_path / "db") as again:
        assert len(again.get_collection("c")) == 4 * 23
        assert again.verify().ok


def manifest_path(path: Path) -> Path:
    return path / "manifest"


def test_a_newer_format_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "db"
    with rr.open(path) as db:
        db.create_collection("c", fields=FIELDS).put({"id": "a", "text": "cat"})
    from rank_retrieve.codecs.checksum import crc32c

    data = bytearray(manifest_path(path).read_bytes())
    data[8] = 99
    data[16:20] = crc32c(bytes(data[20:]), crc32c(bytes(data[:16]))).to_bytes(4, "little")
    manifest_path(path).write_bytes(data)
    before = tree(path)
    for mode in ("r", "w"):
        with pytest.raises(rr.FormatVersionError, match="99"):
            rr.open(path, mode=mode)  # type: ignore[arg-type]
    assert tree(path) == before


def test_an_index_made_with_another_analyzer_is_refused(tmp_path: Path) -> None:
    from rank_retrieve.persistence import FSDirectory
    from rank_retrieve.persistence import manifest as manifests

    path = tmp_path / "db"
    with rr.open(path) as db:
        db.create_collection("c", fields=FIELDS).put({"id": "a", "text": "cat"})
    directory = FSDirectory(path)
    manifest = manifests.load(directory)
    stored = json.dumps(manifest.collections[0].schema)
    fingerprint = manifest.collections[0].schema["analyzers"]["english"]
    changed = json.loads(stored.replace(fingerprint, "0" * len(fingerprint)))
    import msgspec

    entry = msgspec.structs.replace(manifest.collections[0], schema=changed)
    manifests.publish(directory, msgspec.structs.replace(manifest, collections=[entry]))
    with pytest.raises(rr.FormatVersionError, match="english"):
        rr.open(path)


def test_memory_databases_are_separate_and_leave_nothing(tmp_path: Path) -> None:
    one, two = rr.open(":memory:"), rr.open(":memory:")
    one.create_collection("c", fields=FIELDS).put({"id": "a", "text": "cat"})
    assert two.list_collections() == []
    one.flush()
    assert one.get_collection("c").search("cat").ids.tolist() == ["a"]
    one.close()
    two.close()


def test_info_of_a_database_names_its_collections(tmp_path: Path) -> None:
    with rr.open(tmp_path / "db", durability="group") as db:
        db.create_collection("c", fields=FIELDS)
        info = db.info()
    assert (info["mode"], info["durability"]) == ("w", "group")
    assert list(info["collections"]) == ["c"]
    assert info["bytes"] > 0


def test_a_handle_that_was_lost_does_not_lock_its_directory_for_ever(tmp_path: Path) -> None:
    def lose(durability: Any) -> None:
        db = rr.open(tmp_path / "db", durability=durability, sync_interval_s=0.01)
        db.create_collection(f"c {durability}", fields=FIELDS).put({"id": "a", "text": "cat"})

    for durability in ("sync", "async"):
        lose(durability)
        for _ in range(100):
            gc.collect()
            time.sleep(0.01)  # the syncing thread may hold it for a moment
            try:
                rr.open(tmp_path / "db").close()
            except rr.LockedError:
                continue
            break
    with rr.open(tmp_path / "db") as db:
        assert db.list_collections() == ["c async", "c sync"]


def test_a_dropped_collection_answers_nothing(tmp_path: Path) -> None:
    with rr.open(tmp_path / "db") as db:
        documents = db.create_collection("c", fields=FIELDS)
        documents.put({"id": "a", "text": "cat"})
        view = documents.snapshot()
        db.drop_collection("c")
        for use in (
            lambda: documents.search("cat"),
            lambda: documents.get("a"),
            lambda: len(documents),
            lambda: "a" in documents,
            lambda: documents.put({"id": "b"}),
            documents.flush,
            documents.info,
            documents.snapshot,
        ):
            with pytest.raises(rr.NotFound, match="dropped"):
                use()
        assert view.search("cat").ids.tolist() == ["a"]


def test_hits_survive_pickling_without_their_documents(tmp_path: Path) -> None:
    import pickle

    with rr.open(tmp_path / "db") as db:
        documents = db.create_collection("c", fields=FIELDS)
        documents.put({"id": "a", "text": "cat"})
        hits = pickle.loads(pickle.dumps(documents.search("cat")))  # noqa: S301 - our own bytes
    assert hits.ids.tolist() == ["a"]
    assert hits[0].score > 0
    with pytest.raises(rr.InvalidArgument, match="without documents"):
        hits[0].document
