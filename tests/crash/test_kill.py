"""A writing process is killed with SIGKILL again and again; nothing acknowledged may be lost."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import rank_retrieve as rr
from tests.crash.writer_child import document

CHILD = Path(__file__).with_name("writer_child.py")
BATCH_DOCS = 20


def run_until_killed(path: Path, first: int, flush_bytes: int, delay_s: float) -> list[int]:
    """Start the writer, kill it a moment after its first batch; what it acknowledged."""
    arguments = [str(path), str(first), str(BATCH_DOCS), str(flush_bytes)]
    with subprocess.Popen(
        [sys.executable, str(CHILD), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=CHILD.parents[2],
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        lines = [child.stdout.readline()]
        if lines[0]:
            time.sleep(delay_s)
        child.send_signal(signal.SIGKILL)
        lines += child.stdout.read().splitlines()
        errors = child.stderr.read()
    assert child.returncode == -signal.SIGKILL, errors
    return [int(line) for line in lines]


def check_everything(path: Path, acknowledged: set[int]) -> int:
    """Reopen and compare with what must be there; the first batch that is not there at all."""
    with rr.open(path) as db:
        documents = db.get_collection("documents")
        report = documents.verify()
        assert report.ok, str(report)
        found = {document["id"]: document for document in documents.documents()}
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
                assert batch > max(acknowledged), f"acknowledged batch {batch} is lost"
                break
            for number in np.flatnonzero(there).tolist():
                wanted, stored = document(batch, number), found[f"{batch}-{number}"]
                assert stored.pop("vector").tolist() == wanted.pop("vector")
                assert stored == wanted
                expected += 1
            batch += 1
        assert expected == len(found), "documents that were never put"
        if batch:
            hits = documents.search("alpha", k=5, where={"batch": batch - 1})
            assert len(hits) == 5
            assert {hit.document["batch"] for hit in hits} == {batch - 1}
        return batch


def test_fifty_kills_lose_no_acknowledged_batch_and_leave_no_half_batch(tmp_path: Path) -> None:
    rng = random.Random(20261121)
    path, first, total = tmp_path, 0, 0
    acknowledged: set[int] = set()
    for kill in range(50):
        if kill % 5 == 0:  # a new database now and then, since each check reads all of it
            path, first, acknowledged = tmp_path / str(kill), 0, set()
        # half of the rounds flush every few batches, so that kills land in flushes too
        flush_bytes = 1 << 30 if kill % 2 else 20_000
        new = run_until_killed(path, first, flush_bytes, rng.uniform(0.0, 0.3))
        acknowledged.update(new)
        total += len(new)
        first = check_everything(path, acknowledged)
    assert total >= 50
