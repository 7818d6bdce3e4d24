"""Kills writing processes at chosen moments, many a second.

usage: python -m tests.crash.killing

A process that has everything imported and every kernel loaded reads orders from its standard
input, one line of JSON each. For each it forks a child that opens a database and works on it,
saying through a pipe what it enters, leaves and has acknowledged; the child is killed with SIGKILL
a moment after it entered the stage that was ordered, and what it said is the answer.

    order   path, first (batch to put), stage, nth (time that it is entered), delay_s, flush_bytes
    answer  said: what came through the pipe
"""

import json
import os
import select
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import rank_retrieve as rr
from rank_retrieve.collection.collection import Collection
from rank_retrieve.collection.compaction import Compaction
from rank_retrieve.collection.database import Database
from rank_retrieve.collection.engine import Engine
from rank_retrieve.collection.merge_policy import MergePolicy

STAGES = ("open", "put", "flush", "merge", "checkpoint")
WRAPPED: tuple[tuple[str, Any, str], ...] = (
    ("put", Collection, "put_many"),
    ("flush", Engine, "flush"),
    ("merge", Compaction, "_run"),
    ("checkpoint", Database, "checkpoint"),
)
WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]
BATCH_DOCS = 5
PATIENCE_S = 60.0

Say = Callable[[str], None]


def document(batch: int, number: int) -> dict[str, Any]:
    """The document that this batch puts under this number: its text depends on both."""
    words = [WORDS[(batch * 7 + number * 3 + i) % len(WORDS)] for i in range(8)]
    return {
        "id": f"{batch}-{number}",
        "text": " ".join(words),
        "vector": [float(batch), float(number), 1.0],
        "batch": batch,
    }


def work(path: str, first: int, flush_bytes: int, stage: str, say: Say, batches: int) -> None:
    """Open the database and put batches, and whatever else is asked for, again and again."""
    say("enter open")
    db = rr.open(path, flush_bytes=flush_bytes)
    say("leave open")
    db._engine.compaction.policy = MergePolicy(fanout=2)  # eager, so that there is always a merge
    if "documents" in db:
        documents = db.get_collection("documents")
    else:
        documents = db.create_collection(
            "documents", fields={"text": rr.Text(), "vector": rr.Vector(dim=3)}
        )
    for batch in range(first, first + batches):
        documents.put_many(document(batch, number) for number in range(BATCH_DOCS))
        if batch % 5 == 4:
            documents.delete(f"{batch - 2}-0")
        say(f"batch {batch}")
        if stage in ("flush", "merge"):
            db.flush()
        if stage == "merge" and batch % 3 == 2:
            db.compact()
        if stage == "checkpoint":
            for old in db.checkpoints()[:-2]:
                say(f"drop {old.name}")
                db.drop_checkpoint(old.name)
            db.checkpoint(f"at-{batch}")
            say(f"checkpoint {batch}")
    db.close()


def announce(say: Say) -> None:
    """Have every stage say when it is entered and left."""
    for stage, owner, name in WRAPPED:
        _wrap(stage, owner, name, say)


def _wrap(stage: str, owner: Any, name: str, say: Say) -> None:
    original = getattr(owner, name)

    def announced(*arguments: Any, **options: Any) -> Any:
        say(f"enter {stage}")
        try:
            return original(*arguments, **options)
        finally:
            say(f"leave {stage}")

    setattr(owner, name, announced)


def killed_child(order: dict[str, Any]) -> list[str]:
    """Fork a child, kill it in the stage that was ordered; everything it said."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _be_the_child(order, writing)
    os.close(writing)
    said, wanted, seen = b"", f"enter {order['stage']}\n".encode(), 0
    deadline = time.monotonic() + PATIENCE_S
    try:
        while seen < order["nth"] and time.monotonic() < deadline:
            if not select.select([reading], [], [], 1.0)[0]:
                continue
            chunk = os.read(reading, 1 << 16)
            if not chunk:
                break
            said += chunk
            seen = said.count(wanted)
        time.sleep(order["delay_s"])
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    while chunk := os.read(reading, 1 << 16):
        said += chunk
    os.close(reading)
    return said.decode().splitlines()


def _be_the_child(order: dict[str, Any], writing: int) -> None:
    def say(line: str) -> None:
        os.write(writing, line.encode() + b"\n")

    try:
        announce(say)
        work(
            order["path"],
            order["first"],
            order["flush_bytes"],
            order["stage"],
            say,
            batches=1 << 30,
        )
    except BaseException:  # noqa: BLE001 - told to the one who kills
        say("error " + repr(traceback.format_exc()))
    finally:
        time.sleep(PATIENCE_S)  # to be killed like all others
        os._exit(1)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:  # loads every kernel that the children need
        for stage in STAGES:
            work(str(Path(folder) / stage), 0, 2_000, stage, lambda line: None, batches=6)
        with rr.open(Path(folder) / "merge", mode="r") as db:
            db.get_collection("documents").search("alpha", where={"batch": 1})
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        sys.stdout.write(json.dumps({"said": killed_child(json.loads(line))}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
