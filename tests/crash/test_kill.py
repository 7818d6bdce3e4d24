"""A writing process is killed with SIGKILL again and again; nothing acknowledged may be lost."""

import json
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rank_retrieve as rr
from tests.crash.killing import BATCH_DOCS, STAGES, document
from tests.reliability.counts import record

ROOT = Path(__file__).parents[2]
KILLS_PER_DATABASE = 10  # each check reads all of it
LONGEST_S = {"open": 0.03, "put": 0.01, "flush": 0.03, "merge": 0.03, "checkpoint": 0.06}


class Killer:
    """A process that forks writers and kills them; see `killing`."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.killing"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def kill(self, **order: Any) -> list[str]:
        """What a writer said until it was killed."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        said: list[str] = json.loads(self._process.stdout.readline())["said"]
        return said

    def end(self) -> None:
        self._process.communicate(timeout=60)


@pytest.fixture(scope="module")
def killer() -> Iterator[Killer]:
    killer = Killer()
    yield killer
    killer.end()


def landed_in(said: list[str]) -> set[str]:
    """The stages that were entered and not left."""
    inside: Counter[str] = Counter()
    for line in said:
        what, _, stage = line.partition(" ")
        if what in ("enter", "leave"):
            inside[stage] += 1 if what == "enter" else -1
    return {stage for stage, depth in inside.items() if depth}


def batches_of(db: rr.Database, acknowledged: set[int]) -> int:
    """Check that there are whole batches without a hole; the first that is not there at all."""
    if "documents" not in db:
        assert not acknowledged
        return 0
    documents = db.get_collection("documents")
    found = {d["id"]: d for d in documents.documents()}
    assert len(documents) == len(found)
    batch = expected = 0
    while True:
        there = [f"{batch}-{number}" in found for number in range(BATCH_DOCS)]
        # the first document of every fifth batch is deleted after another two batches
        if batch % 5 == 2 and batch + 2 in acknowledged:
            assert not there[0], f"the acknowledged delete of {batch}-0 is lost"
        whole = all(there[1:])
        assert whole or not any(there), f"half of batch {batch}"
        if not whole:
            break
        for number in np.flatnonzero(there).tolist():
            wanted, stored = document(batch, number), found[f"{batch}-{number}"]
            assert stored.pop("vector").tolist() == wanted.pop("vector")
            assert stored == wanted
            expected += 1
        batch += 1
    assert expected == len(found), "documents that were never put, or behind a hole"
    assert batch > max(acknowledged, default=-1), f"acknowledged batch {batch} is lost"
    if batch:
        hits = documents.search("alpha beta gamma delta epsilon", k=5, where={"batch": batch - 1})
        assert {hit.document["batch"] for hit in hits} == {batch - 1}
        near = documents.search(vector=[1.0, 1.0, 1.0], k=3)
        assert len(near) == 3
    return batch


def check(path: Path, acknowledged: set[int], checkpoints: dict[str, int]) -> int:
    """As a reader finds it, which changes nothing: what comes next must recover it again."""
    if not acknowledged and not (path / "manifest").exists():
        return 0  # killed before there was a database
    with rr.open(path, mode="r") as db:
        first = batches_of(db, acknowledged)
        report = db.verify()
        assert report.ok, str(report)
        listed = {info.name for info in db.checkpoints()}
    assert set(checkpoints) <= listed
    for name in listed:
        with rr.open(path / "checkpoints" / name, mode="r") as kept:
            batches = batches_of(kept, set())
        # one that was not acknowledged may be there, and whole
        assert batches == checkpoints.get(name, int(name.removeprefix("at-")) + 1)
    return first


def run(killer: Killer, path: Path, kills: int, seed: int) -> None:
    rng = random.Random(seed)
    acknowledged: set[int] = set()
    checkpoints: dict[str, int] = {}
    landed: Counter[str] = Counter()
    first = total = 0
    place = path
    for kill in range(kills):
        if kill % KILLS_PER_DATABASE == 0:
            if kill:
                with rr.open(place) as db:
                    batches_of(db, acknowledged)
            place, first, acknowledged, checkpoints = path / str(kill), 0, set(), {}
        stage = STAGES[kill % len(STAGES)]
        said = killer.kill(
            path=str(place),
            first=first,
            stage=stage,
            nth=1 if stage == "open" else rng.randrange(1, 4),
            delay_s=rng.uniform(0.0, LONGEST_S[stage]),
            flush_bytes=rng.choice([1_500, 1 << 30]),
        )
        for line in said:
            what, _, rest = line.partition(" ")
            assert what != "error", rest
            if what == "batch":
                acknowledged.add(int(rest))
                total += 1
            elif what == "checkpoint":
                checkpoints[f"at-{rest}"] = int(rest) + 1
            elif what == "drop":
                checkpoints.pop(rest, None)
        for inside in landed_in(said) or {"between"}:
            landed[inside] += 1
        first = check(place, acknowledged, checkpoints)
    stages = {f"in_{stage}": count for stage, count in sorted(landed.items())}
    record("kill -9", seed=seed, kills=kills, batches=total, **stages)
    assert total >= kills // 2
    assert set(STAGES) <= set(landed), landed


def test_fifty_kills_lose_no_acknowledged_batch_and_leave_no_half_batch(
    killer: Killer, tmp_path: Path
) -> None:
    run(killer, tmp_path, 50, seed=20261121)


@pytest.mark.reliability
@pytest.mark.parametrize("seed", range(1, 11))
def test_a_thousand_kills_lose_no_acknowledged_batch_and_leave_no_half_batch(
    killer: Killer, tmp_path: Path, seed: int
) -> None:
    run(killer, tmp_path, 100, seed)
