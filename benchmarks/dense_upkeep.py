"""What an HNSW index costs beside its queries: growth, deletes, merges, memory, opening.

    python benchmarks/dense_upkeep.py --set clustered-128
    python benchmarks/dense_upkeep.py --data DIR            # the MiniLM passages below DIR

Sets as in `dense.py`, one pinned thread, CPU seconds. Recall is that of the 10 nearest by exact
float32 distances, at the same ef_search for all indexes over one set.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import dense as common  # type: ignore[import-not-found]  # sets threads before they count
import numpy as np

from rank_retrieve.dense import HNSW, Exact
from rank_retrieve.dense.growth import build_graph, merge_graphs
from rank_retrieve.dense.structures import MergedPart
from rank_retrieve.dense.vectors import column_of
from rank_retrieve.types import Float32s, HNSWOptions, Metric

K = common.K
OPTIONS = HNSWOptions(m=common.M, ef_construction=common.EF_CONSTRUCTION)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=sorted(common.SETS), default="passages")
    parser.add_argument("--data", type=Path, help="folder with passages/ and judged/")
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--ef", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5, help="of deletes; a half goes in all")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    arguments = parser.parse_args()
    os.sched_setaffinity(0, {arguments.core})
    vectors, queries, metric = common.SETS[arguments.set](arguments)
    HNSW.from_vectors(vectors[:64], metric=metric, threads=1).search(queries[0], K)  # compiles
    started = time.process_time()
    hnsw = HNSW.from_vectors(vectors, metric=metric, options=OPTIONS, threads=1)
    build_s = time.process_time() - started
    fresh = _recall(hnsw, vectors, queries, metric, arguments.ef)
    info = hnsw.info()
    report: dict[str, Any] = {
        "set": arguments.set, "vectors": list(vectors.shape), "ef_search": arguments.ef,
        "build_cpu_s": round(build_s, 2), "recall": fresh,
        "bytes_of_all / vectors": round(
            (info["graph_bytes"] + info["vector_bytes"]) / vectors.nbytes, 3
        ),
        "opening": _opening(hnsw, queries),
        "merging": _merging(vectors, queries, metric, arguments.ef, build_s, fresh),
        "deletes and re-inserts": _churn(hnsw, vectors, queries, metric, arguments, fresh),
    }  # fmt: skip
    print(json.dumps(report, indent=1))


def _recall(hnsw: HNSW, vectors: Float32s, queries: Float32s, metric: Metric, ef: int) -> float:
    """Against the exact scan over what the index holds, by id."""
    exact = Exact.from_vectors(vectors, metric=metric)
    truth = [hits.ids.tolist() for hits in exact.search_many(queries, K, threads=1)]
    found = hnsw.search_many(queries, K, ef_search=ef, threads=1)
    shared = [len(set(a) & set(b.ids.tolist())) for a, b in zip(truth, found, strict=True)]
    recall: float = round(sum(shared) / (K * len(shared)), 4)
    return recall


def _opening(hnsw: HNSW, queries: Float32s) -> dict[str, float]:
    """Milliseconds to open a saved index, and to its first answer, all checksums checked."""
    opened, answered = [], []
    with tempfile.TemporaryDirectory() as folder:
        hnsw.save(folder)
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        for _ in range(5):
            started = time.perf_counter()
            again = HNSW.open(folder)
            opened.append(time.perf_counter() - started)
            again.search(queries[0], K)
            answered.append(time.perf_counter() - started)
    return {
        "file_mb": round(size / 1e6, 1),
        "open_ms": round(median(opened) * 1e3, 2),
        "open_and_answer_ms": round(median(answered) * 1e3, 1),
    }


def _merging(
    vectors: Float32s, queries: Float32s, metric: Metric, ef: int, build_s: float, fresh: float
) -> dict[str, Any]:
    """Two halves with graphs into one, beside building it anew."""
    half = len(vectors) // 2
    parts = []
    for rows in (vectors[:half], vectors[half:]):
        column = column_of(np.ascontiguousarray(rows))
        graph = build_graph(column, metric, OPTIONS, threads=1)
        parts.append(MergedPart(column, graph, None))
    whole = column_of(vectors)
    started = time.process_time()
    graph = merge_graphs(whole, parts, metric, OPTIONS, threads=1)
    merge_s = time.process_time() - started
    merged = HNSW.from_vectors(vectors[:2], metric=metric, options=OPTIONS)
    state = merged._state
    stored = type(state.stored)(whole, type(state.stored.ids)(len(whole.rows), "positions"), metric)
    merged._loaded = type(state)(stored, graph, OPTIONS)
    recall = _recall(merged, vectors, queries, metric, ef)
    return {
        "merge_cpu_s": round(merge_s, 2),
        "merge / rebuild": round(merge_s / build_s, 3),
        "recall": recall,
        "recall - that of a rebuild": round(recall - fresh, 4),
    }


def _churn(
    hnsw: HNSW,
    vectors: Float32s,
    queries: Float32s,
    metric: Metric,
    arguments: argparse.Namespace,
    fresh: float,
) -> dict[str, Any]:
    """Delete and insert again, a tenth of all a round, so that a half is moved in five rounds."""
    rng = np.random.default_rng(9)
    order = rng.permutation(len(vectors))
    share = len(vectors) // (2 * arguments.rounds)
    recalls, started = [], time.process_time()
    # positions are the ids: the same numbers, but as ids that can be given again
    moved = HNSW.from_vectors(vectors[:0], ids=[], metric=metric, options=OPTIONS)
    moved._loaded = hnsw._state
    for number in range(arguments.rounds):
        gone = order[number * share : (number + 1) * share]
        moved.delete(gone.tolist(), threads=1)
        moved.add(vectors[gone], ids=gone.tolist(), threads=1)
        recalls.append(_recall(moved, vectors, queries, metric, arguments.ef))
    return {
        "rounds": arguments.rounds,
        "vectors_a_round": share,
        "cpu_s": round(time.process_time() - started, 2),
        "recall_by_round": recalls,
        "last - fresh": round(recalls[-1] - fresh, 4),
    }


if __name__ == "__main__":
    main()
