"""Hostile inputs of every format and question: only typed errors, within bounds of memory and time.

Input `number` of a seed is `fuzz.value_of(TARGETS[name](), seed, number)`. Each run is in a process
of its own; when that dies, the input under way is named.
"""

import json
import os
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.reliability.counts import record
from tests.reliability.fuzz import MEMORY_BYTES, fuzz, value_of
from tests.reliability.fuzzers import TARGETS, Target
from tests.reliability.mutations import mutated

ROOT = Path(__file__).parents[2]
SEED = 20_263
QUICK_INPUTS = dict.fromkeys(TARGETS, 3_000) | {"wal": 2_000, "segment": 2_000}
LONG_INPUTS = dict.fromkeys(TARGETS, 1_000_000) | {"segment": 400_000}
SHARDS = 8
CHECKED_INPUTS = 100_000
KERNELS = ("postings", "positions", "fst", "segment", "encoder", "queries", "wal")
SLOWEST_S = 20.0


def run(
    folder: Path, name: str, seed: int, start: int, count: int, **environment: str
) -> dict[str, Any]:
    """What a process found that fed these inputs; fails on anything but typed errors."""
    progress = folder / "number"
    progress.write_bytes(bytes(8))
    job = {
        "target": name,
        "seed": seed,
        "start": start,
        "count": count,
        "progress": os.fspath(progress),
    }
    command = [
        sys.executable,
        "-X",
        "faulthandler",
        "-m",
        "tests.reliability.fuzz",
        json.dumps(job),
    ]
    timeout_s = 120 + count / 100
    try:
        ended = subprocess.run(
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        pytest.fail(f"{name}: input {_number(progress)} of seed {seed} hangs")
    if ended.returncode:
        stderr = ended.stderr[-3000:].decode()
        pytest.fail(f"{name}: input {_number(progress)} of seed {seed} ends the process\n{stderr}")
    found: dict[str, Any] = json.loads(ended.stdout)
    assert not found["wrong"], "\n".join(found["wrong"])
    assert found["inputs"] == count
    assert found["peak_kib"] << 10 < MEMORY_BYTES
    # far above what any input takes, far below what one takes that goes on for ever
    assert found["slowest_s"] < SLOWEST_S, f"input {found['slowest']} of seed {seed}"
    return found


def _number(progress: Path) -> int:
    number: int = struct.unpack("<Q", progress.read_bytes())[0]
    return number


@pytest.mark.parametrize("name", TARGETS)
def test_hostile_inputs_raise_typed_errors_only(name: str) -> None:
    found = fuzz(TARGETS[name](), SEED, 0, QUICK_INPUTS[name])
    assert not found["wrong"], "\n".join(found["wrong"])
    assert found["slowest_s"] < SLOWEST_S


@pytest.mark.reliability
@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize("name", TARGETS)
def test_very_many_hostile_inputs_raise_typed_errors_only(
    name: str, shard: int, tmp_path: Path
) -> None:
    count = LONG_INPUTS[name] // SHARDS
    found = run(tmp_path, name, SEED, shard * count, count)
    figures = {k: found[k] for k in ("inputs", "refused", "slowest_s", "peak_kib", "cpu_s")}
    record(f"fuzz {name}", seed=SEED, start=shard * count, **figures)


@pytest.mark.reliability
@pytest.mark.parametrize("name", KERNELS)
def test_no_kernel_leaves_its_arrays_on_hostile_inputs(name: str, tmp_path: Path) -> None:
    cache = tmp_path / "kernels"
    found = run(
        tmp_path,
        name,
        SEED + 1,
        0,
        CHECKED_INPUTS,
        NUMBA_BOUNDSCHECK="1",
        NUMBA_CACHE_DIR=os.fspath(cache),
    )
    figures = {k: found[k] for k in ("inputs", "refused", "slowest_s", "peak_kib", "cpu_s")}
    record(f"fuzz {name} with bounds checks", seed=SEED + 1, start=0, **figures)


def test_a_seed_and_a_number_name_an_input() -> None:
    for name, kind in TARGETS.items():
        one, two = kind(), kind()
        value_of(one, SEED, 1)
        assert repr(value_of(one, SEED, 5)) == repr(value_of(two, SEED, 5)), name


class _Broken(Target):
    def make(self, rng: Any) -> bytes:
        return mutated(rng, b"abcdef")

    def feed(self, value: bytes) -> None:
        if value[:1] != b"a":
            raise KeyError(value)


def test_an_untyped_error_is_told_with_its_input() -> None:
    found = fuzz(_Broken(), SEED, 0, 200)
    (told,) = found["wrong"]
    assert told.startswith("KeyError at ")
    number = int(told.split(": ")[1])
    assert value_of(_Broken(), SEED, number)[:1] != b"a"


def test_a_process_that_dies_is_told_with_its_input(tmp_path: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match="input 0 of seed 1 ends the process"):
        run(tmp_path, "no such target", 1, 0, 1)
