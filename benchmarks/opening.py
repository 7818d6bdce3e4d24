"""How much of an index of 1,000,000 documents is read when it is opened and first searched.

    python benchmarks/opening.py [--documents 1000000] [--dim 16] [--index FOLDER] [--quick]

Documents are made up: 20 words by Zipf's law, three metadata fields, a small vector. Building the
index (about a minute; --index keeps it for another run) is not counted.

Then, in a child process that has imported everything and used another index, the system is told
to drop the cached pages of every file of the index (posix_fadvise DONTNEED after a sync), which
is verified, and after each step two counts are taken: bytes that the process caused to be read
from the device (read_bytes of /proc/self/io), and pages of the index that are in the page cache
by then (mincore over maps of our own; reading ahead is included in both). For comparison the
same queries are then repeated with everything in the cache.
"""

import argparse
import contextlib
import ctypes
import json
import mmap
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import rank_retrieve as rr

QUERY = "w1a w2b w33"
N_WORDS = 200_000
DOCUMENT_WORDS = 20


def documents(count: int, dim: int) -> Iterator[dict[str, Any]]:
    rng = np.random.default_rng(0)
    names = np.array([f"w{number:x}" for number in range(N_WORDS)])
    for start in range(0, count, 10_000):
        drawn = names[rng.zipf(1.15, size=(10_000, DOCUMENT_WORDS)) % N_WORDS]
        vectors = rng.standard_normal((10_000, dim), dtype=np.float32)
        for number, words in enumerate(drawn.tolist()[: count - start], start):
            yield {
                "id": f"document-{number}",
                "text": " ".join(words),
                "vector": vectors[number - start],
                "year": 1990 + number % 36,
                "category": f"category-{number % 50}",
                "price": number % 1_000 / 4,
            }


def build(path: Path, count: int, dim: int) -> None:
    start = time.perf_counter()
    with rr.open(path, durability="none") as db:
        fields: dict[str, Any] = {"text": rr.Text(), "vector": rr.Vector(dim=dim)}
        db.create_collection("documents", fields=fields).put_many(documents(count, dim))
    seconds = time.perf_counter() - start
    print(f"built in {seconds:.0f} s: {count / seconds:,.0f} documents/s", flush=True)


# ----------------------------------------------------------------- what is cached

LIBC = ctypes.CDLL(None, use_errno=True)


def cached_bytes(file: Path) -> int:
    """Bytes of a file that are in the page cache."""
    size = file.stat().st_size
    if not size:
        return 0
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), size, mmap.MAP_PRIVATE) as mapped:
        pages = -(-size // mmap.PAGESIZE)
        flags = (ctypes.c_ubyte * pages)()
        anchor = ctypes.c_char.from_buffer(mapped)
        try:
            start, length = ctypes.c_void_p(ctypes.addressof(anchor)), ctypes.c_size_t(size)
            if LIBC.mincore(start, length, flags):
                raise OSError(ctypes.get_errno(), "mincore")
        finally:
            del anchor
        return min(size, mmap.PAGESIZE * sum(flag & 1 for flag in flags))


def drop_cache(files: list[Path]) -> None:
    for file in files:
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def bytes_read() -> int:
    """Bytes that this process caused to be read from the device so far."""
    for line in Path("/proc/self/io").read_text(encoding="ascii").splitlines():
        if line.startswith("read_bytes"):
            return int(line.split()[1])
    raise SystemExit("/proc/self/io has no read_bytes")


class Steps:
    """Runs steps and notes time, bytes read, and bytes of the index that are cached then."""

    def __init__(self, files: list[Path]) -> None:
        self.files = files
        self.rows: list[dict[str, Any]] = []

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[None]:
        before, start = bytes_read(), time.perf_counter()
        yield
        seconds = time.perf_counter() - start
        read = bytes_read() - before
        cached = sum(map(cached_bytes, filter(Path.exists, self.files)))
        self.rows.append({"step": name, "seconds": seconds, "read": read, "cached": cached})


def search(collection: rr.Collection, step: str, dim: int) -> list[str]:
    ids: list[str] = QUERIES[step](collection, np.ones(dim, dtype=np.float32))
    return ids


QUERIES: dict[str, Any] = {
    "words": lambda c, v: c.search(QUERY, k=10, mode="lexical").ids.tolist(),
    "words, filtered": lambda c, v: c.search(
        QUERY, k=10, mode="lexical", where={"year": {"$gte": 2020}}
    ).ids.tolist(),
    "vector": lambda c, v: c.search(vector=v, k=10, mode="dense").ids.tolist(),
    "stored document": lambda c, v: [c.get("document-77777")["category"]],
}


def measure(path: Path, dim: int, mode: str) -> None:
    """In a child."""
    with tempfile.TemporaryDirectory() as scratch:
        with rr.open(scratch) as db:
            fields: dict[str, Any] = {"text": rr.Text(), "vector": rr.Vector(dim=dim)}
            db.create_collection("documents", fields=fields).put_many(documents(2_000, dim))
        with rr.open(scratch, mode="r") as db:
            for step in ("words", "words, filtered", "vector"):
                search(db.get_collection("documents"), step, dim)
    files = sorted(file for file in path.iterdir() if file.is_file())
    drop_cache(files)
    total, left = sum(f.stat().st_size for f in files), sum(map(cached_bytes, files))
    steps = Steps(files)
    with steps.step("open"):
        db = rr.open(path, mode="w" if mode == "w" else "r")
    with steps.step("get_collection, len"):
        collection = db.get_collection("documents")
        count = len(collection)
    cold = {}
    for name in QUERIES:
        with steps.step(f"first search: {name}"):
            cold[name] = search(collection, name, dim)
    warm = {}
    for name in QUERIES:
        with steps.step(f"again: {name}"):
            warm[name] = search(collection, name, dim)
    assert cold == warm
    assert cold["stored document"] == [f"category-{77777 % 50}"]
    facts = {"files": len(files), "total": total, "left": left, "count": count, "rows": steps.rows}
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()
    os._exit(0)


def report(title: str, facts: dict[str, Any]) -> None:
    total = facts["total"]
    print(f"\n{title}: {facts['count']:,} documents, {facts['files']} files, {total:,} bytes")
    print(f"cached before: {facts['left']:,} bytes")
    print(
        f"{'':34}{'seconds':>9}{'bytes read':>15}{'of index':>9}{'cached then':>15}{'of index':>9}"
    )
    for row in facts["rows"]:
        print(
            f"{row['step']:34}{row['seconds']:9.4f}{row['read']:15,}{row['read'] / total:9.2%}"
            f"{row['cached']:15,}{row['cached'] / total:9.2%}"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=16)
    parser.add_argument("--index", type=Path, help="build it here, or use what is here")
    parser.add_argument("--scratch", type=Path, help="where to write; a real disk, not tmpfs")
    parser.add_argument("--quick", action="store_true", help="100,000 documents")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.child:
        measure(a.index, a.dim, a.child)
    count = 100_000 if a.quick else a.documents
    with tempfile.TemporaryDirectory(dir=a.scratch) as scratch:
        path = a.index or Path(scratch) / "index"
        if not path.exists():
            build(path, count, a.dim)
        for mode, title in (("r", "opened for reading"), ("w", "opened for writing")):
            command = [sys.executable, __file__, "--child", mode, "--index", str(path)]
            command += ["--dim", str(a.dim)]
            output = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout
            report(title, json.loads(output))


if __name__ == "__main__":
    main()
