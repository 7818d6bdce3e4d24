"""Any byte changed, any file cut or grown: detected or harmless, never a wrong answer.

The images are read in processes of their own, whose exit code and memory are looked at.
"""

import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import rank_retrieve as rr
from tests.reliability.counts import record
from tests.reliability.flips import MEMORY_BYTES, Reader
from tests.reliability.golden import answers, golden

ROOT = Path(__file__).parents[2]
SHARDS = 16


def read_damaged(timeout_s: float, **job: int) -> dict[str, Any]:
    """What a process found that read the images of a job; fails on a crash or a wrong answer."""
    command = [sys.executable, "-m", "tests.reliability.flips", json.dumps(job)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=timeout_s, check=False)
    assert ended.returncode == 0, ended.stderr[-2000:].decode()
    found: dict[str, Any] = json.loads(ended.stdout)
    assert not found["wrong"], "\n".join(found["wrong"])
    assert found["peak_kib"] << 10 < MEMORY_BYTES
    return found


def test_damage_is_detected_or_harmless() -> None:
    found = read_damaged(600, stride=797, small_stride=2, start=1)
    counts = found["counts"]
    assert found["images"] == sum(counts.values()) > 10_000
    assert counts["flip refused"] > 5_000
    assert counts["flip detected"] > 500
    assert counts["cut refused"] > 3_000
    assert 0 < counts["flip prefix"] < counts["flip refused"] / 10
    assert 250_000 < found["golden_bytes"] < 300_000


@pytest.mark.reliability
@pytest.mark.parametrize("shard", range(SHARDS))
def test_every_byte_and_every_length_is_detected_or_harmless(shard: int) -> None:
    found = read_damaged(7_200, stride=SHARDS, small_stride=SHARDS, start=shard)
    counts = {name.replace(" ", "_"): number for name, number in found["counts"].items()}
    record(
        "flips",
        shard=shard,
        images=found["images"],
        peak_kib=found["peak_kib"],
        cpu_s=found["cpu_s"],
        golden_bytes=found["golden_bytes"],
        **counts,
    )


def test_a_file_that_was_cut_on_disk_is_refused_and_not_mapped_beyond_its_end(
    tmp_path: Path,
) -> None:
    rng = random.Random(5)
    files, _ = golden()
    expected = answers(Reader.opened(files))
    refused = 0
    for name, contents in files.items():
        if name.startswith("wal-"):
            continue
        sizes = {0, 1, 63, len(contents) - 1, 4096, *rng.sample(range(len(contents)), 8)}
        for size in sorted(size for size in sizes if size < len(contents)):
            folder = tmp_path / f"{name}-{size}"
            folder.mkdir()
            for other, whole in files.items():
                (folder / other).write_bytes(whole[:size] if other == name else whole)
            for mode in ("r", "w"):
                with pytest.raises((rr.CorruptionError, rr.FormatVersionError)):
                    rr.open(folder, mode=mode)  # type: ignore[arg-type]
                refused += 1
    assert refused > 150
    for other, whole in files.items():
        (tmp_path / other).write_bytes(whole)
    with rr.open(tmp_path, mode="r") as db:
        assert answers(db) == expected


def test_a_wrong_answer_and_a_crash_would_be_seen() -> None:
    reader = Reader()
    reader.expected = [{**one, "get paper": "another"} for one in reader.expected]
    with pytest.raises(AssertionError, match="get paper"):
        reader.judge(reader.image(), ("manifest", "append", 0, ""))
    crash = [sys.executable, "-c", "import ctypes; ctypes.string_at(0)"]
    assert subprocess.run(crash, check=False, capture_output=True).returncode < 0
