"""Feeds one target with a run of its inputs; a process of its own, as a module with a job in JSON.

Prints the counts in JSON. The number of the input under way is kept in the file of the job, so
that the one that crashed or hung the process is known.
"""

import json
import mmap
import random
import resource
import struct
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import rank_retrieve as rr
from tests.reliability.fuzzers import TARGETS, Target
from tests.reliability.mutations import printable

MEMORY_BYTES = 256 << 20
KEPT = 10


def value_of(target: Target, seed: int, number: int) -> Any:
    """Input `number` of a seed."""
    return target.make(random.Random((seed << 32) + number))


def fuzz(target: Target, seed: int, start: int, count: int, at: Any = None) -> dict[str, Any]:
    """Feed inputs start .. start + count; what came out."""
    refused = 0
    slowest_s, slowest = 0.0, start
    wrong: dict[str, str] = {}
    rng = random.Random()
    for number in range(start, start + count):
        if at is not None:
            struct.pack_into("<Q", at, 0, number)
        rng.seed((seed << 32) + number)
        value = target.make(rng)
        began = time.perf_counter()
        try:
            target.feed(value)
        except rr.RankRetrieveError:
            refused += 1
        except Exception as error:  # noqa: BLE001 - the input that did it is what is wanted
            place = error.__traceback__
            while place is not None and place.tb_next is not None:
                place = place.tb_next
            where = f"{place.tb_frame.f_code.co_filename}:{place.tb_lineno}" if place else ""
            key = f"{type(error).__name__} at {where}"
            if len(wrong) < KEPT:
                wrong.setdefault(key, f"{number}: {str(error)[:200]}: {printable(value)}")
        took = time.perf_counter() - began
        if took > slowest_s:
            slowest_s, slowest = took, number
    return {
        "inputs": count,
        "refused": refused,
        "wrong": [f"{key}: {text}" for key, text in wrong.items()],
        "slowest_s": round(slowest_s, 3),
        "slowest": slowest,
    }


def main(job: dict[str, Any]) -> dict[str, Any]:
    """target, seed, start, count, and the file for the number under way."""
    warnings.simplefilter("error")
    target = TARGETS[job["target"]]()
    fuzz(target, job["seed"] + 1, 0, 200)  # kernels are loaded, caches are filled
    with Path("/proc/self/statm").open(encoding="ascii") as file:
        size = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY_BYTES, resource.RLIM_INFINITY))
    before = resource.getrusage(resource.RUSAGE_SELF)
    started = time.process_time()
    with Path(job["progress"]).open("r+b") as file, mmap.mmap(file.fileno(), 8) as at:
        found = fuzz(target, job["seed"], job["start"], job["count"], at)
    after = resource.getrusage(resource.RUSAGE_SELF)
    return {
        **found,
        "peak_kib": after.ru_maxrss - before.ru_maxrss,
        "cpu_s": round(time.process_time() - started, 1),
    }


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))  # noqa: T201
