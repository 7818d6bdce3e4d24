"""Merging ten segments into one, beside indexing the same live documents at once; and what is
given back, without a call, after deletes.

    python benchmarks/compaction.py [FOLDER WITH part-*.jsonl.gz] [--documents 50000] [--dim 384]

A fifth of the documents is deleted before. Times exclude compilation; the answers and the bytes
of both indexes are compared outside the clock, those of the index made at once after a merge of its
own, since a flush compresses documents less. Then a quarter, a half and three quarters of the
documents of one segment are deleted, and merges in the background are waited for; the policy lets
a segment be until 30% of it is deleted. Vectors are random: a merge copies them whatever they
are. Peak memory is of the whole process and counts mapped pages that the system may take
back, so `compact` is also reported as growth of anonymous memory.
"""

import argparse
import gzip
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import rank_retrieve as rr

DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data" / "passages"
SEGMENTS = 10


def load(folder: Path, count: int, dim: int) -> list[dict[str, Any]]:
    rng = np.random.default_rng(0)
    documents: list[dict[str, Any]] = []
    for file in sorted(folder.glob("part-*.jsonl.gz")):
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                if len(documents) == count:
                    return documents
                read = json.loads(line)
                read["id"] = read.pop("_id")
                if dim:
                    read["vector"] = rng.standard_normal(dim, dtype=np.float32)
                documents.append(read)
    return documents


def anonymous_mib() -> float:
    """Memory of this process that is not a file's."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    return float("nan")


def make(path: Path, documents: list[dict[str, Any]], segments: int, dim: int) -> rr.Database:
    db = rr.open(path, compaction="manual", flush_bytes=1 << 40)
    fields: dict[str, Any] = {"title": rr.Text(), "text": rr.Text()}
    if dim:
        fields["vector"] = rr.Vector(dim=dim)
    collection = db.create_collection("c", fields=fields)
    step = -(-len(documents) // segments)
    for start in range(0, len(documents), step):
        collection.put_many(documents[start : start + step])
        collection.flush()
    return db


def delete(collection: rr.Collection, ids: list[str]) -> None:
    batch = rr.WriteBatch()
    for identity in ids:
        batch.delete(identity)
    collection.write(batch)
    collection.flush()


def measure(folder: Path, count: int, dim: int, scratch: Path) -> None:
    documents = load(folder, count, dim)
    make(scratch / "warm", documents[:500], 2, dim).close()
    with rr.open(scratch / "warm", compaction="manual") as warm:
        warm.compact()

    many = make(scratch / "many", documents, SEGMENTS, dim)
    collection = many.get_collection("c")
    delete(collection, [d["id"] for d in documents[::5]])
    before = collection.info()["segment_bytes"]

    begun: dict[str, float] = {}
    peak = base = anonymous_mib()

    def progress(stage: str, done: int, total: int) -> None:
        nonlocal peak
        begun.setdefault(stage, time.perf_counter())
        peak = max(peak, anonymous_mib())

    start = time.perf_counter()
    collection.compact(progress)
    end = time.perf_counter()

    live = [d for i, d in enumerate(documents) if i % 5]
    start_fresh = time.perf_counter()
    fresh = make(scratch / "fresh", live, 1, dim)
    seconds_fresh = time.perf_counter() - start_fresh

    for query in ("who invented the telephone", "effects of climate change", "history of rome"):
        got, wanted = (
            c.search(query, k=100, mode="lexical") for c in (collection, fresh.get_collection("c"))
        )
        assert got.ids.tolist() == wanted.ids.tolist()
        assert got.scores.tolist() == wanted.scores.tolist()
    after = collection.info()["segment_bytes"]
    fresh.compact()
    # words are chosen from a sample, and other blocks are other samples
    assert abs(after / fresh.get_collection("c").info()["segment_bytes"] - 1) < 0.01

    seconds = end - start
    stages = list(begun)
    ends = [*(begun[s] for s in stages[1:]), end]
    print(f"{len(documents):,} documents in {SEGMENTS} segments, {len(live):,} alive, dim {dim}")
    print(f"compact        {seconds:8.2f} s   {len(live) / seconds:10,.0f} documents/s")
    for stage, stop in zip(stages, ends, strict=True):
        print(f"  {stage:<12} {stop - begun[stage]:8.2f} s")
    print(f"index at once  {seconds_fresh:8.2f} s   {len(live) / seconds_fresh:10,.0f} documents/s")
    print(f"bytes          {before:,} -> {after:,} ({after / before:.2f})")
    print(f"memory         {peak - base:,.0f} MiB more than before")
    many.close()
    fresh.close()


def give_back(folder: Path, count: int, dim: int, scratch: Path) -> None:
    documents = load(folder, count, dim)
    ids = [document["id"] for document in documents]
    path = scratch / "back"
    make(path, documents, SEGMENTS, dim).close()
    print("\nbytes after deletes and merges in the background, beside those before")
    with rr.open(path) as db:
        collection = db.get_collection("c")
        db.compact()
        before = collection.info()["segment_bytes"]
        gone: set[str] = set()
        for share, chosen in ((0.25, ids[::4]), (0.5, ids[2::4]), (0.75, ids[1::4])):
            start = time.perf_counter()
            delete(collection, chosen)
            deleting = time.perf_counter() - start
            db._engine.compaction.wait()
            seconds = time.perf_counter() - start
            gone.update(chosen)
            assert len(collection) == count - len(gone)
            kept = collection.info()["segment_bytes"] / before
            print(
                f"{share:>6.0%} deleted {kept:>8.0%} kept   {deleting:>6.2f} s to delete,"
                f" {seconds:>6.2f} s until given back"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--documents", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=384)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        measure(arguments.folder, arguments.documents, arguments.dim, Path(scratch))
        give_back(arguments.folder, arguments.documents, arguments.dim, Path(scratch))


if __name__ == "__main__":
    main()
