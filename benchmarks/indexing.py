"""Indexing SciFact end to end, durable and searchable, beside bm25s with its own tokeniser.

    python benchmarks/indexing.py [FOLDER WITH corpus.jsonl AND queries.jsonl] [--pin 0]

Both sides run in this process in turn, after one warm-up each, with the cores that there are;
--pin 0 leaves one core to both. Ours reads nothing in
advance: from a list of dicts to a closed database whose every batch was synced. Theirs: from a
list of strings to an index in memory (bm25s.tokenize with its English stop words and the
Snowball stemmer, then BM25.index). The answers are compared outside the clock.
"""

import argparse
import gc
import json
import os
import shutil
import statistics
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import Stemmer

import rank_retrieve as rr

DEFAULT = Path(__file__).resolve().parents[2] / "shared" / "data" / "judged" / "scifact"


def load(folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    with (folder / "corpus.jsonl").open(encoding="utf-8") as lines:
        corpus = [json.loads(line) for line in lines]
    documents = [{"id": d["_id"], "title": d["title"], "text": d["text"]} for d in corpus]
    with (folder / "queries.jsonl").open(encoding="utf-8") as lines:
        queries = [json.loads(line)["text"] for line in lines]
    return documents, queries


def index_ours(documents: list[dict[str, Any]], path: Path) -> float:
    start = time.perf_counter()
    with rr.open(path) as db:
        collection = db.create_collection("c", fields={"title": rr.Text(), "text": rr.Text()})
        collection.put_many(documents)
    return time.perf_counter() - start


def index_theirs(texts: list[str]) -> tuple[float, Any]:
    start = time.perf_counter()
    stemmer = Stemmer.Stemmer("english")
    tokens = bm25s.tokenize(texts, stopwords="en", stemmer=stemmer, show_progress=False)
    index = bm25s.BM25(k1=1.2, b=0.75, method="lucene")
    index.index(tokens, show_progress=False)
    return time.perf_counter() - start, index


def agreement(path: Path, index: Any, documents: list[dict[str, Any]], queries: list[str]) -> float:
    """The mean overlap of the two top-10 lists."""
    stemmer = Stemmer.Stemmer("english")
    overlaps = []
    with rr.open(path, mode="r") as db:
        collection = db.get_collection("c")
        for query in queries:
            tokens = bm25s.tokenize([query], stopwords="en", stemmer=stemmer, show_progress=False)
            found, _ = index.retrieve(tokens, k=10, show_progress=False)
            theirs = {documents[int(i)]["id"] for i in found[0]}
            overlaps.append(len(theirs & set(collection.search(query, k=10).ids)) / 10)
    return float(np.mean(overlaps))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=DEFAULT)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--pin", type=int, nargs="*", help="processors to use")
    arguments = parser.parse_args()
    documents, queries = load(arguments.folder)
    texts = [f"{d['title']} {d['text']}" for d in documents]
    if arguments.pin:
        os.sched_setaffinity(0, set(arguments.pin))
    root = Path(tempfile.mkdtemp(prefix="rank-retrieve-bench-"))
    try:
        index_ours(documents, root / "warm-up")
        index_theirs(texts)
        ours, theirs, index = [], [], None
        for number in range(arguments.rounds):
            gc.collect()  # neither side pays for the other's garbage
            ours.append(index_ours(documents, root / str(number)))
            gc.collect()
            seconds, index = index_theirs(texts)
            theirs.append(seconds)
        size = sum(f.stat().st_size for f in (root / "0").iterdir())
        overlap = agreement(root / "0", index, documents, queries)
    finally:
        shutil.rmtree(root)
    ours_s, theirs_s = statistics.median(ours), statistics.median(theirs)
    ratios = sorted(t / o for t, o in zip(theirs, ours, strict=True))
    n = len(documents)
    cores = len(os.sched_getaffinity(0))
    print(f"{n} documents, {sum(map(len, texts)) / 1e6:.1f} MB of text, {cores} cores, medians")
    report("rank-retrieve, durable", ours_s, n, f", {size / n:,.0f} B/doc")
    report(f"bm25s {version('bm25s')}, in memory", theirs_s, n)
    print(
        f"ratio, pair by pair: median {statistics.median(ratios):.2f}, "
        f"{ratios[0]:.2f}..{ratios[-1]:.2f} in {arguments.rounds} rounds"
    )
    print(f"mean overlap of the top 10: {overlap:.3f} over {len(queries)} queries")


def report(name: str, seconds: float, n: int, more: str = "") -> None:
    print(f"{name}: {seconds:.3f} s, {n / seconds:,.0f} docs/s{more}")


if __name__ == "__main__":
    main()
