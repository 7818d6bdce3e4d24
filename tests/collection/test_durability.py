"""When a write is durable: how often the log is synced, and what a kill leaves."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.persistence import MemoryDirectory
from rank_retrieve.persistence.memory_directory import MemoryOutput

FIELDS: dict[str, Any] = {"text": rr.Text()}


@pytest.fixture
def syncs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    counted: list[int] = []
    sync = MemoryOutput.sync

    def counting(self: MemoryOutput) -> None:
        counted.append(1)
        sync(self)

    monkeypatch.setattr(MemoryOutput, "sync", counting)
    return counted


@pytest.mark.parametrize("durability", ["sync", "group"])
def test_every_acknowledged_write_was_synced_once(durability: Any, syncs: list[int]) -> None:
    db = rr.open(MemoryDirectory(), durability=durability)
    documents = db.create_collection("c", fields=FIELDS)
    syncs.clear()
    documents.put({"id": "a"})
    assert len(syncs) == 1
    documents.put_many([{"id": "b"}, {"id": "c"}])
    documents.write(rr.WriteBatch().put({"id": "d"}).delete("a"))
    assert len(syncs) == 3


def test_without_durability_only_sync_and_flush_sync(syncs: list[int]) -> None:
    db = rr.open(MemoryDirectory(), durability="none")
    documents = db.create_collection("c", fields=FIELDS)
    syncs.clear()
    documents.put({"id": "a"})
    documents.put({"id": "b"})
    assert syncs == []
    documents.sync()
    assert len(syncs) == 1
    documents.put({"id": "c"})
    db.sync()
    assert len(syncs) == 2


def test_async_syncs_behind_the_writer(syncs: list[int]) -> None:
    db = rr.open(MemoryDirectory(), durability="async", sync_interval_s=0.01)
    documents = db.create_collection("c", fields=FIELDS)
    syncs.clear()
    documents.put({"id": "a"})
    deadline = time.monotonic() + 30
    while not syncs and time.monotonic() < deadline:
        time.sleep(0.005)
    assert syncs
    db.close()


CHILD = """
import os, sys
import rank_retrieve as rr
db = rr.open(sys.argv[1], durability=sys.argv[2], sync_interval_s=1000)
documents = db.create_collection("c", fields={"text": rr.Text()})
for i in range(20):
    documents.put({"id": str(i), "text": "cat"})
os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize("durability", ["async", "none"])
def test_a_kill_costs_nothing_in_any_durability(tmp_path: Path, durability: str) -> None:
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path / "db"), durability],
        check=False,
        capture_output=True,
        cwd=Path(rr.__file__).parents[1],
    )
    assert child.returncode == -9, child.stderr
    with rr.open(tmp_path / "db") as db:
        assert len(db.get_collection("c")) == 20
