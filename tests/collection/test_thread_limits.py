"""Writes where the system starts no threads: slower, and done."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.collection import analysing, flush
from rank_retrieve.persistence import MemoryDirectory

FIELDS: dict[str, Any] = {"text": rr.Text()}
# more than is compressed without a thread
DOCUMENTS = [{"id": str(i), "text": "the cat sat " * 50 + str(i)} for i in range(1_000)]

AT_EXIT = """
import atexit, sys
import rank_retrieve as rr
db = rr.open(sys.argv[1], durability="none", compaction="manual")
documents = db.create_collection("c", fields={"text": rr.Text()})
documents.put_many({"id": str(i), "text": "the cat sat " * 50} for i in range(1_000))
atexit.register(db.close)
"""


def test_a_flush_and_a_merge_need_no_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", no_thread)
    monkeypatch.setattr(analysing, "CHUNK_DOCS", 100)
    db = rr.open(MemoryDirectory(), compaction="manual", flush_bytes=1 << 19)
    documents = db.create_collection("c", fields=FIELDS)
    for start in range(0, 1_000, 200):
        documents.put_many(DOCUMENTS[start : start + 200])
    db.flush()
    db.compact()
    assert db.verify().ok
    assert [document["id"] for document in documents.documents()] == [
        document["id"] for document in DOCUMENTS
    ]


def test_a_put_is_committed_whatever_the_flush_behind_it_raises(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_thread(*_: object) -> None:
        raise RuntimeError("can't start new thread")

    db = rr.open(MemoryDirectory(), compaction="manual", flush_bytes=1 << 10)
    documents = db.create_collection("c", fields=FIELDS)
    with monkeypatch.context() as patch:
        patch.setattr(flush, "_compressed", no_thread)
        documents.put({"id": "a", "text": "cat " * 500})
    assert "a" in documents
    with pytest.raises(rr.ReadOnlyError, match="the flush behind an earlier write failed, can't"):
        documents.put({"id": "b", "text": "cat"})
    db.resume()
    documents.put({"id": "b", "text": "cat"})
    assert len(documents) == 2


def test_a_merge_that_finds_no_thread_waits_for_the_next_flush(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_thread(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    db = rr.open(MemoryDirectory(), compaction="background")
    documents = db.create_collection("c", fields=FIELDS)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        for number in range(20):
            documents.put({"id": str(number), "text": "cat"})
            db.flush()
    assert len(db._engine.state.stores["c"].disk) == 20
    documents.put({"id": "last", "text": "cat"})
    db.flush()
    db._engine.compaction.wait()
    assert len(db._engine.state.stores["c"].disk) < 20
    db.close()


def test_closing_at_the_end_of_the_interpreter_flushes(tmp_path: Path) -> None:
    path = tmp_path / "db"
    ended = subprocess.run(
        [sys.executable, "-c", AT_EXIT, str(path)], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    with rr.open(path, mode="r") as db:
        assert db.info()["collections"]["c"]["memtable_bytes"] == 0
        assert len(db.get_collection("c")) == 1_000
