"""IVF-PQ and k-means beside faiss: one pinned thread, one process, the same data.

    python benchmarks/dense_ivfpq.py --data DIR               # the MiniLM passages below DIR
    python benchmarks/dense_ivfpq.py --set clustered-128      # made here: 100,000 x 128
    python benchmarks/dense_ivfpq.py --data DIR --filters

Times are CPU seconds of the one thread; contenders take turns within each round, and medians are
reported. Recall is that of the 10 nearest by exact float32 scores, by which every answer is
checked. faiss runs its FastScan index with a refinement by float16 rows, at each number of lists in
--lists, n_probe, and candidates in --k-factors; at a recall its fastest setting counts (and so do
ours), by a straight line in log time between two settings that do no worse in either. faiss is told
which BLAS kernels to use (OPENBLAS_CORETYPE=SkylakeX where there is AVX-512): its wheel may choose
slow ones on new processors.

k-means: both from a random start, the same points, centres and steps; the sums of squared distances
are reported beside the times. What compiles is compiled before the clock starts.
"""

from __future__ import annotations

import os
from pathlib import Path

if "avx512f" in Path("/proc/cpuinfo").read_text():
    os.environ["OPENBLAS_CORETYPE"] = "SkylakeX"
os.environ.update(
    OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", NUMBA_NUM_THREADS="1"
)

import argparse
import json
import math
import time
from importlib import import_module, metadata
from statistics import median
from typing import Any

import numpy as np
from dense import SETS  # type: ignore[import-not-found]

from rank_retrieve.dense import IVFPQ, Exact
from rank_retrieve.dense.kmeans import cluster
from rank_retrieve.types import Bitmap, Float32s, IVFPQOptions, Metric

K = 10
TARGETS = (0.80, 0.90, 0.95, 0.97, 0.99)
SHARES = (0.5, 0.1, 0.01, 0.001)
PROBED = (0.002, 0.004, 0.008, 0.015, 0.03, 0.06, 0.1, 0.15, 0.2, 0.3, 0.4, 0.55, 0.75)
Point = tuple[str, float, float]
"""(setting, recall, microseconds a query)"""


def main() -> None:
    arguments = _arguments()
    os.sched_setaffinity(0, {arguments.core})
    vectors, queries, metric = SETS[arguments.set](arguments)
    if metric == "cosine":
        # faiss has no cosine: unit vectors, and products
        vectors, queries = (
            x / np.linalg.norm(x, axis=1, keepdims=True) for x in (vectors, queries)
        )
    exact = Exact.from_vectors(vectors, metric=metric)
    truth = np.stack([hits.ids for hits in exact.search_many(queries, K, threads=1)])
    IVFPQ.from_vectors(vectors[:512], metric=metric, threads=1).search(queries[0], K)
    report: dict[str, Any] = {
        "set": arguments.set, "vectors": list(vectors.shape), "queries": len(queries),
        "metric": metric, "versions": {n: metadata.version(n) for n in ("numba", "faiss-cpu")},
    }  # fmt: skip
    if arguments.kmeans:
        report["k-means"] = [_kmeans(vectors, k, arguments) for k in (256, 1024)]
    report["build"] = {}
    contenders: list[Any] = []
    for n_lists in arguments.lists:
        m = -(-vectors.shape[1] // 4)
        for name, make in (("rank-retrieve", Ours), ("faiss", Faiss)):
            started = time.process_time()
            made = make(vectors, metric, n_lists, m)
            seconds = round(time.process_time() - started, 2)
            report["build"][f"{name} {n_lists}"] = {"cpu_s": seconds, "bytes": made.nbytes}
            contenders.append(made)
    curves = _curves(contenders, queries, truth, arguments)
    report["curves (setting, recall, us)"] = curves
    for target in TARGETS:
        times = {name: _time_at(curve, target) for name, curve in curves.items()}
        report[f"us at recall {target}"] = times
        ours, theirs = times["rank-retrieve"], times["faiss"]
        if ours and theirs:
            report[f"ratio at recall {target}"] = round(theirs / ours, 2)
    if arguments.filters:
        report["filters"] = _filters(contenders[0].index, vectors, queries, exact, arguments)
    print(json.dumps(report, indent=1))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=sorted(SETS), default="passages")
    parser.add_argument("--data", type=Path, help="folder with passages/ and judged/")
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--lists", type=int, nargs="*", default=(256, 512))
    parser.add_argument("--k-factors", type=int, nargs="*", default=(2, 4, 8, 16, 24))
    parser.add_argument("--rescored", type=int, nargs="*", default=(24, 40, 64, 96, 160))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10, help="of k-means")
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--filters", action="store_true", help="filtered search too")
    parser.add_argument("--kmeans", action=argparse.BooleanOptionalAction, default=True)
    return parser.parse_args()


# --------------------------------------------------------------------------- contenders


class Ours:
    name = "rank-retrieve"

    def __init__(self, vectors: Float32s, metric: Metric, n_lists: int, m: int) -> None:
        self.n_lists, self.vectors, self.metric = n_lists, vectors, metric
        options = IVFPQOptions(n_lists=n_lists, m=m)
        self.index = IVFPQ.from_vectors(vectors, metric=metric, options=options, threads=1)

    def settings(self, arguments: argparse.Namespace) -> list[tuple[int, int]]:
        probed = sorted({max(1, round(self.n_lists * share)) for share in PROBED})
        return [(n_probe, kept) for n_probe in probed for kept in arguments.rescored]

    def search(self, queries: Float32s, n_probe: int, kept: int) -> Any:
        # what `IVFPQOptions(rescored=kept)` does
        object.__setattr__(self.index._state.lists, "rescored", kept)
        return self.index.search_many(queries, K, n_probe=n_probe, threads=1)

    def rows(self, found: Any) -> Any:
        return np.stack([hits.ids for hits in found])

    @property
    def nbytes(self) -> int:
        return int(self.index.info()["list_bytes"])


class Faiss:
    name = "faiss"

    def __init__(self, vectors: Float32s, metric: Metric, n_lists: int, m: int) -> None:
        faiss = import_module("faiss")
        faiss.omp_set_num_threads(1)
        self.n_lists, self.m = n_lists, m
        kind = faiss.METRIC_L2 if metric == "euclidean" else faiss.METRIC_INNER_PRODUCT
        spec = f"IVF{n_lists},PQ{m}x4fs,Refine(SQfp16)"
        self.index = faiss.index_factory(vectors.shape[1], spec, kind)
        self.index.train(vectors)
        self.index.add(vectors)
        self.lists = faiss.extract_index_ivf(self.index)

    def settings(self, arguments: argparse.Namespace) -> list[tuple[int, int]]:
        probed = sorted({max(1, round(self.n_lists * share)) for share in PROBED})
        return [(n_probe, factor) for n_probe in probed for factor in arguments.k_factors]

    def search(self, queries: Float32s, n_probe: int, factor: int) -> Any:
        self.lists.nprobe, self.index.k_factor = n_probe, factor
        return self.index.search(queries, K)[1]

    def rows(self, found: Any) -> Any:
        return found

    @property
    def nbytes(self) -> int:
        n = int(self.index.ntotal)
        return n * (self.m // 2 + 8) + self.n_lists * int(self.index.d) * 4


# --------------------------------------------------------------------------- measuring


def _kmeans(vectors: Float32s, k: int, arguments: argparse.Namespace) -> dict[str, Any]:
    faiss, points = import_module("faiss"), np.ascontiguousarray(vectors[: 256 * k])
    dim, steps = points.shape[1], arguments.steps
    cluster(points[:1_000], 16, steps=1, threads=1)
    taken: dict[str, list[float]] = {"rank-retrieve": [], "faiss": []}
    sums: dict[str, list[float]] = {"rank-retrieve": [], "faiss": []}
    for seed in range(arguments.rounds):
        started = time.process_time()
        found = cluster(points, k, steps=steps, seed=seed, threads=1)
        taken["rank-retrieve"].append(time.process_time() - started)
        sums["rank-retrieve"].append(found.objective)
        theirs = faiss.Kmeans(dim, k, niter=steps, seed=seed, max_points_per_centroid=10**9)
        started = time.process_time()
        theirs.train(points)
        taken["faiss"].append(time.process_time() - started)
        sums["faiss"].append(float(theirs.obj[-1]))
    ratio = median(b / a for a, b in zip(*taken.values(), strict=True))
    return {
        "points": len(points), "k": k, "steps": steps,
        "cpu_s": {name: round(median(values), 3) for name, values in taken.items()},
        "sum of squares": {name: round(median(values), 1) for name, values in sums.items()},
        "ratio": round(ratio, 2),
    }  # fmt: skip


def _curves(
    contenders: list[Any], queries: Float32s, truth: Any, arguments: argparse.Namespace
) -> dict[str, list[Point]]:
    work = [(c, setting) for c in contenders for setting in c.settings(arguments)]
    taken: list[list[float]] = [[] for _ in work]
    recalls = [0.0] * len(work)
    for _ in range(arguments.rounds):
        # the same share of lists one after the other, of each contender
        for number in sorted(range(len(work)), key=lambda i: work[i][1][0] / work[i][0].n_lists):
            contender, setting = work[number]
            started = time.process_time()
            found = contender.search(queries, *setting)
            taken[number].append(time.process_time() - started)
            recalls[number] = _recall(contender.rows(found), truth)
    curves: dict[str, list[Point]] = {}
    for (contender, setting), seconds, recall in zip(work, taken, recalls, strict=True):
        name = f"{contender.n_lists} lists, n_probe {setting[0]}, {setting[1]}"
        us = median(seconds) / len(queries) * 1e6
        curves.setdefault(contender.name, []).append((name, round(recall, 4), round(us, 1)))
    return {name: _best(points) for name, points in curves.items()}


def _best(points: list[Point]) -> list[Point]:
    """Those that no other point beats in both recall and time, by recall."""
    kept: list[Point] = []
    for point in sorted(points, key=lambda p: (p[2], -p[1])):
        if not kept or point[1] > kept[-1][1]:
            kept.append(point)
    return kept


def _time_at(curve: list[Point], target: float) -> float | None:
    before: Point | None = None
    for point in curve:
        if point[1] >= target:
            if before is None:
                return point[2]
            share = (target - before[1]) / (point[1] - before[1])
            return round(
                math.exp(math.log(before[2]) * (1 - share) + math.log(point[2]) * share), 1
            )
        before = point
    return None


def _recall(found: Any, truth: Any) -> float:
    shared = [len(set(a) & set(b)) for a, b in zip(found.tolist(), truth.tolist(), strict=True)]
    return sum(shared) / (len(shared) * K)


def _filters(
    index: IVFPQ, vectors: Float32s, queries: Float32s, exact: Exact, arguments: argparse.Namespace
) -> list[dict[str, Any]]:
    """Random rows, and those nearest to one vector, of several shares of all."""
    rng, some, rows = np.random.default_rng(1), queries[:200], []
    object.__setattr__(index._state.lists, "rescored", None)
    near = np.argsort(-(vectors @ vectors[0]), kind="stable")
    n_probe = index.tune(0.95, queries=queries[-200:])["n_probe"]
    for share in SHARES:
        for kind, order in (("random", rng.permutation(len(vectors))), ("nearest", near)):
            allowed = Bitmap.from_docs(len(vectors), order[: max(K, int(len(vectors) * share))])
            truth = np.stack(
                [hits.ids for hits in exact.search_many(some, K, allowed=allowed, threads=1)]
            )
            seconds = []
            for _ in range(arguments.rounds):
                started = time.process_time()
                found = index.search_many(some, K, allowed=allowed, threads=1)
                seconds.append(time.process_time() - started)
            assert all(len(hits) == K for hits in found)
            recall = _recall(np.stack([hits.ids for hits in found]), truth)
            rows.append(
                {
                    "share": share, "rows": kind, "plan": index.plan(K, allowed=allowed),
                    "n_probe": n_probe, "recall": round(recall, 4),
                    "us": round(median(seconds) / len(some) * 1e6, 1),
                }
            )  # fmt: skip
    return rows


if __name__ == "__main__":
    main()
