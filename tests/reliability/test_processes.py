"""One process writes, four read beside it: no view ever shows half of a batch, and none changes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.reliability import bank
from tests.reliability.counts import record

ROOT = Path(__file__).parents[2]
READERS = ("refresh", "refresh", "refresh", "reopen")


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.reliability.bank", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def run(path: Path, views: int, seed: int, patience_s: float) -> None:
    """views: how many different ones each reader counts."""
    bank.found(path)
    writer = start("write", path, seed)
    readers = [start("read", path, seed + n, how, views) for n, how in enumerate(READERS, start=1)]
    try:
        read = [reader.communicate(timeout=patience_s) for reader in readers]
        written = writer.communicate(timeout=60)
    finally:
        for child in (writer, *readers):
            if child.poll() is None:
                child.kill()
                child.communicate()
    for child, (_, errors) in zip([*readers, writer], [*read, written], strict=True):
        assert child.returncode == 0, errors
    done = json.loads(written[0])
    counts = [json.loads(output) for output, _ in read]
    for found in counts:
        assert found["views"] == views
        assert found["first"] + views - 1 <= found["latest"] <= done["turns"]
    record(
        "one writer, four readers",
        seed=seed,
        batches=done["turns"],
        generations=done["generation"],
        views=sum(found["views"] for found in counts),
        refreshes_that_moved=sum(found["moved"] for found in counts),
    )


def test_no_reader_sees_half_of_a_batch(tmp_path: Path) -> None:
    run(tmp_path / "bank", 20, seed=20261121, patience_s=120)


@pytest.mark.reliability
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_reader_sees_half_of_any_of_thousands_of_batches(tmp_path: Path, seed: int) -> None:
    run(tmp_path / "bank", 1_500, seed, patience_s=900)
