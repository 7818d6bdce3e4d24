"""Exact dense search beside NumPy and, where it is installed, faiss: one thread each.

    python benchmarks/dense_exact.py                     # 50,000 x 384 random unit vectors
    python benchmarks/dense_exact.py --vectors FILE.npy  # your own

Every answer is checked outside the clock: recall against float64, and bits of batches against
single queries. Best of several interleaved rounds; compilation is reported apart.
"""

from __future__ import annotations

import os

os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")

import argparse
import json
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from rank_retrieve.dense import Exact
from rank_retrieve.types import Bitmap, Float32s

K = 10
Answers = list[list[int]]


def main() -> None:
    arguments = _arguments()
    vectors = _vectors(arguments)
    rng = np.random.default_rng(1)
    queries = vectors[rng.choice(len(vectors), arguments.queries, replace=False)]
    queries = queries + 0.02 * rng.standard_normal(queries.shape, dtype=np.float32)

    started = time.perf_counter()
    Exact.from_vectors(vectors[:64]).search_many(queries[:5], K)
    compilation_s = time.perf_counter() - started
    started = time.perf_counter()
    exact = Exact.from_vectors(vectors)
    build_s = time.perf_counter() - started

    truth = _truth(vectors, queries)
    allowed = Bitmap.from_mask(rng.random(len(vectors)) < 0.1)
    contenders = {
        "rank-retrieve, single": lambda: [exact.search(q, K).ids.tolist() for q in queries[:16]],
        "numpy x @ q alone": lambda: [vectors @ q for q in queries[:16]],
        "numpy x @ q, top-k": lambda: [_numpy_top(vectors, q) for q in queries[:16]],
        "rank-retrieve, batch": lambda: _ids(exact.search_many(queries, K, threads=1)),
        "numpy q @ x.T, top-k": lambda: _numpy_top_many(vectors, queries),
        "rank-retrieve, 10% filter": lambda: [
            exact.search(q, K, allowed=allowed).ids.tolist() for q in queries[:16]
        ],
        **_faiss(vectors, queries),
    }
    seconds, answers = _race(contenders, arguments.rounds)
    rows: dict[str, dict[str, float]] = {}
    for name, found in answers.items():
        per_query = seconds[name] / len(found)
        compared = "alone" not in name and "filter" not in name
        row = {"us_per_query": round(per_query * 1e6, 1)}
        if "single" in name or "x @ q" in name:
            row["gb_per_s"] = round(vectors.nbytes / per_query / 1e9, 1)
        if compared:
            row["recall"] = round(_recall(found, truth), 4)
        rows[name] = row
    singles = answers["rank-retrieve, single"]
    assert singles == answers["rank-retrieve, batch"][: len(singles)], "batches differ"
    assert all(
        position in allowed for ids in answers["rank-retrieve, 10% filter"] for position in ids
    )
    report = {
        "vectors": list(vectors.shape),
        "queries": len(queries),
        "compilation_s": round(compilation_s, 2),
        "build_s": round(build_s, 3),
        "rows": rows,
        "single / numpy x @ q": _ratio(rows, "numpy x @ q alone", "rank-retrieve, single"),
        "batch / numpy q @ x.T": _ratio(rows, "numpy q @ x.T, top-k", "rank-retrieve, batch"),
        "batch / single": _ratio(rows, "rank-retrieve, single", "rank-retrieve, batch"),
    }
    print(json.dumps(report, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=Path, help="a .npy file [n, dim]")
    parser.add_argument("--n", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--queries", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=7)
    return parser.parse_args()


def _vectors(arguments: argparse.Namespace) -> Float32s:
    if arguments.vectors is not None:
        loaded = np.load(arguments.vectors, allow_pickle=False)[: arguments.n]
        return np.ascontiguousarray(loaded, dtype=np.float32)
    rng = np.random.default_rng(0)
    made = rng.standard_normal((arguments.n, arguments.dim), dtype=np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made


def _truth(vectors: Float32s, queries: Float32s) -> Answers:
    x, q = vectors.astype(np.float64), queries.astype(np.float64)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return [np.argsort(-(x @ one), kind="stable")[:K].tolist() for one in q]


def _top(scores: Float32s) -> list[int]:
    best = np.argpartition(-scores, K)[:K]
    found: list[int] = best[np.argsort(-scores[best])].tolist()
    return found


def _numpy_top(vectors: Float32s, query: Float32s) -> list[int]:
    return _top(vectors @ query)


def _numpy_top_many(vectors: Float32s, queries: Float32s) -> Answers:
    return [_top(scores) for scores in queries @ vectors.T]


def _faiss(vectors: Float32s, queries: Float32s) -> dict[str, Callable[[], Any]]:
    if find_spec("faiss") is None:
        return {}
    faiss = import_module("faiss")
    faiss.omp_set_num_threads(1)
    flat = faiss.IndexFlatIP(vectors.shape[1])
    flat.add(vectors)
    return {
        "faiss flat, single": lambda: [
            flat.search(q[np.newaxis], K)[1][0].tolist() for q in queries[:16]
        ],
        "faiss flat, batch": lambda: flat.search(queries, K)[1].tolist(),
    }


def _ids(found: list[Any]) -> Answers:
    return [hits.ids.tolist() for hits in found]


def _race(
    contenders: dict[str, Callable[[], Any]], rounds: int
) -> tuple[dict[str, float], dict[str, Any]]:
    """Best seconds of each, in turns so that a busy machine slows all alike; and the answers."""
    answers = {name: run() for name, run in contenders.items()}
    seconds = dict.fromkeys(contenders, float("inf"))
    for _ in range(rounds):
        for name, run in contenders.items():
            started = time.perf_counter()
            run()
            seconds[name] = min(seconds[name], time.perf_counter() - started)
    return seconds, answers


def _recall(found: Answers, truth: Answers) -> float:
    shared = [len(set(a) & set(b)) for a, b in zip(found, truth, strict=False)]
    return sum(shared) / (K * len(shared))


def _ratio(rows: dict[str, dict[str, float]], rival: str, ours: str) -> float:
    """How many times faster `ours` is."""
    return round(float(rows[rival]["us_per_query"] / rows[ours]["us_per_query"]), 2)


if __name__ == "__main__":
    main()
