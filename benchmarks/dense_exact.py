"""Exact dense search beside NumPy and, where it is installed, faiss: one pinned thread each.

    python benchmarks/dense_exact.py --data DIR          # the MiniLM passages below DIR
    python benchmarks/dense_exact.py                     # 50,000 x 384 random unit vectors
    python benchmarks/dense_exact.py --n 1000 --dim 128  # a small set, which stays in the cache
    python benchmarks/dense_exact.py --vectors FILE.npy  # your own

Every answer is checked outside the clock: recall against float64, and bits of batches and of int8
against single queries. CPU time of the thread, medians of interleaved rounds; compilation is
reported apart. A batch of faiss is measured by each of its two ways, and the better one compared.
"""

from __future__ import annotations

import os

# faiss brings a BLAS that may not know the processor
os.environ.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1")
os.environ.setdefault("OPENBLAS_CORETYPE", "SkylakeX")

import argparse
import json
import time
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from rank_retrieve.dense import Exact
from rank_retrieve.types import Bitmap, Float32s

K = 10
JUDGED = ("scifact", "cranfield", "cacm", "xquad-en")
Answers = list[list[int]]


def main() -> None:
    arguments = _arguments()
    vectors = _vectors(arguments)
    rng = np.random.default_rng(1)
    queries = _queries(vectors, arguments, rng)
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})

    started = time.perf_counter()
    Exact.from_vectors(vectors[:64]).search_many(queries[:5], K)
    compilation_s = time.perf_counter() - started
    started = time.perf_counter()
    exact = Exact.from_vectors(vectors)
    build_s = time.perf_counter() - started
    codes = Exact.from_vectors(vectors, quantizer="int8")
    signs = Exact.from_vectors(vectors, quantizer="1bit", rescored=arguments.rescored)
    halves = Exact.from_vectors(vectors, dtype="float16")
    bits, asked_bits = vectors > 0, queries > 0
    binary = Exact.from_vectors(bits, metric="hamming")
    for other in (codes, signs, halves):
        other.search_many(queries[:20], K, threads=1)
    binary.search(asked_bits[0], K)

    truth = _truth(vectors, queries)
    allowed = Bitmap.from_mask(rng.random(len(vectors)) < 0.1)
    contenders = {
        "rank-retrieve, single": lambda: [exact.search(q, K).ids.tolist() for q in queries[:16]],
        "numpy x @ q alone": lambda: [vectors @ q for q in queries[:16]],
        "numpy x @ q, top-k": lambda: [_numpy_top(vectors, q) for q in queries[:16]],
        "int8, single": lambda: [codes.search(q, K).ids.tolist() for q in queries[:16]],
        "1bit, single": lambda: [signs.search(q, K).ids.tolist() for q in queries[:16]],
        "float16, single": lambda: [halves.search(q, K).ids.tolist() for q in queries[:16]],
        "hamming alone, single": lambda: [
            binary.search(q, K).ids.tolist() for q in asked_bits[:16]
        ],
        "rank-retrieve, batch": lambda: _ids(exact.search_many(queries, K, threads=1)),
        "int8, batch": lambda: _ids(codes.search_many(queries, K, threads=1)),
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
    assert singles == answers["int8, single"], "int8 differs"
    assert answers["int8, batch"] == answers["rank-retrieve, batch"], "int8 batches differ"
    assert all(
        position in allowed for ids in answers["rank-retrieve, 10% filter"] for position in ids
    )
    report: dict[str, Any] = {
        "vectors": list(vectors.shape),
        "queries": len(queries),
        "compilation_s": round(compilation_s, 2),
        "build_s": round(build_s, 3),
        "rows": rows,
        "single / numpy x @ q": _ratio(rows, "numpy x @ q alone", "rank-retrieve, single"),
        "batch / numpy q @ x.T": _ratio(rows, "numpy q @ x.T, top-k", "rank-retrieve, batch"),
        "batch / single": _ratio(rows, "rank-retrieve, single", "rank-retrieve, batch"),
        "int8 / single": _ratio(rows, "rank-retrieve, single", "int8, single"),
        "int8 batch / batch": _ratio(rows, "rank-retrieve, batch", "int8, batch"),
    }
    rivals = [name for name in rows if name.startswith(("faiss flat", "numpy"))]
    for kind in ("single", "batch"):
        single = kind == "single"
        same = [
            n for n in rivals if ("batch" in n or "q @ x.T" in n) != single and "alone" not in n
        ]
        best = min(same, key=lambda name: rows[name]["us_per_query"])
        ours = f"rank-retrieve, {kind}"
        report[f"{kind} / the best of the others, {best}"] = _ratio(rows, best, ours)
    print(json.dumps(report, indent=2))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vectors", type=Path, help="a .npy file [n, dim]")
    parser.add_argument("--n", type=int, default=50_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--queries", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--rescored", type=int, default=400, help="candidates of 1bit")
    parser.add_argument("--data", type=Path, help="folder with passages/ and judged/")
    return parser.parse_args()


def _vectors(arguments: argparse.Namespace) -> Float32s:
    if arguments.vectors is not None:
        loaded = np.load(arguments.vectors, allow_pickle=False)[: arguments.n]
        return np.ascontiguousarray(loaded, dtype=np.float32)
    if arguments.data is not None:
        stored = np.load(arguments.data / "passages/vectors-first-52000.f16.npy")
        rows: Float32s = stored.astype(np.float32)
        return rows
    rng = np.random.default_rng(0)
    made = rng.standard_normal((arguments.n, arguments.dim), dtype=np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made


def _queries(
    vectors: Float32s, arguments: argparse.Namespace, rng: np.random.Generator
) -> Float32s:
    """Real questions beside the passages, else vectors with some noise."""
    if arguments.data is not None:
        folder = arguments.data / "judged"
        asked = [np.load(folder / name / "query_vectors.f16.npy") for name in JUDGED]
        found = np.concatenate(asked).astype(np.float32)
        return np.ascontiguousarray(found[rng.permutation(len(found))[: arguments.queries]])
    count = min(arguments.queries, len(vectors))
    some = vectors[rng.choice(len(vectors), count, replace=False)]
    noisy: Float32s = some + 0.02 * rng.standard_normal(some.shape, dtype=np.float32)
    return noisy


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

    def batch(blas_from: int) -> Any:
        faiss.cvar.distance_compute_blas_threshold = blas_from
        return flat.search(queries, K)[1].tolist()

    return {
        "faiss flat, single": lambda: [
            flat.search(q[np.newaxis], K)[1][0].tolist() for q in queries[:16]
        ],
        "faiss flat, batch with BLAS": lambda: batch(1),
        "faiss flat, batch without BLAS": lambda: batch(1 << 30),
    }


def _ids(found: list[Any]) -> Answers:
    return [hits.ids.tolist() for hits in found]


def _race(
    contenders: dict[str, Callable[[], Any]], rounds: int
) -> tuple[dict[str, float], dict[str, Any]]:
    """Median seconds of each, in turns so that a busy machine slows all alike; and the answers."""
    answers = {name: run() for name, run in contenders.items()}
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, run in contenders.items():
            started = time.thread_time()
            run()
            seconds[name].append(time.thread_time() - started)
    return {name: median(taken) for name, taken in seconds.items()}, answers


def _recall(found: Answers, truth: Answers) -> float:
    shared = [len(set(a) & set(b)) for a, b in zip(found, truth, strict=False)]
    return sum(shared) / (K * len(shared))


def _ratio(rows: dict[str, dict[str, float]], rival: str, ours: str) -> float:
    """How many times faster `ours` is."""
    return round(float(rows[rival]["us_per_query"] / rows[ours]["us_per_query"]), 2)


if __name__ == "__main__":
    main()
