"""HNSW beside hnswlib, faiss and usearch: one pinned thread, one process, the same data.

    python benchmarks/dense.py --data DIR                 # the MiniLM passages below DIR
    python benchmarks/dense.py --set clustered-128        # made here: 100,000 x 128
    python benchmarks/dense.py --set clustered-768 --filters
    python benchmarks/dense.py --set clustered-128-500k

Times are CPU seconds of the one thread, so that other work on the machine counts less; contenders
take turns within each round, and medians are reported. Recall is that of the 10 nearest by exact
float32 distances. Times at a recall are read off each contender's curve, a straight line between
two settings of ef in log time. What compiles is compiled before the clock starts. Rivals that are
not installed (`pip install hnswlib faiss-cpu usearch`) are left out.
"""

from __future__ import annotations

import os

os.environ.update(
    OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1", MKL_NUM_THREADS="1", NUMBA_NUM_THREADS="1"
)

import argparse
import gzip
import json
import math
import time
from collections.abc import Callable
from importlib import import_module, metadata
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.dense import HNSW, Exact
from rank_retrieve.types import Bitmap, Float32s, HNSWOptions, Metric

K, M, EF_CONSTRUCTION = 10, 16, 200
EFS = (10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
TARGETS = (0.90, 0.95, 0.99)
JUDGED = ("scifact", "cranfield", "cacm", "xquad-en")
Answers = NDArray[np.int64]


def main() -> None:
    arguments = _arguments()
    os.sched_setaffinity(0, {arguments.core})
    vectors, queries, metric = SETS[arguments.set](arguments)
    truth = _ids(Exact.from_vectors(vectors, metric=metric).search_many(queries, K, threads=1))
    started = time.perf_counter()
    HNSW.from_vectors(vectors[:64], metric=metric, threads=1).search(queries[0], K)
    report: dict[str, Any] = {
        "set": arguments.set, "vectors": list(vectors.shape), "queries": len(queries),
        "metric": metric, "m": M, "ef_construction": EF_CONSTRUCTION,
        "warm_up_s": round(time.perf_counter() - started, 2), "versions": _versions(),
    }  # fmt: skip
    contenders: dict[str, Contender] = {}
    report["build_cpu_s"] = {}
    for name, make in MAKERS.items():
        if name in arguments.without or (
            name != "rank-retrieve" and find_spec(MODULES[name]) is None
        ):
            continue
        started = time.process_time()
        contenders[name] = make(vectors, metric)
        report["build_cpu_s"][name] = round(time.process_time() - started, 2)
        print(f"{name}: built in {report['build_cpu_s'][name]} CPU s", flush=True)
    ours = contenders["rank-retrieve"]
    assert isinstance(ours, Ours)
    info = ours.hnsw.info()
    report["bytes_of_all / vectors"] = round(
        (info["graph_bytes"] + info["vector_bytes"]) / vectors.nbytes, 3
    )
    curves = _curves(contenders, queries, truth, arguments)
    report["curves (ef, recall, us)"] = curves
    report["build ratio"] = _ratios(report["build_cpu_s"])
    for target in TARGETS:
        at = {name: _time_at(curve, target) for name, curve in curves.items()}
        known = {name: value for name, value in at.items() if value is not None}
        report[f"us at recall {target}"] = {name: round(us, 1) for name, us in known.items()}
        report[f"ratio at recall {target}"] = _ratios(known)
    report["one call per query, us"] = _single_calls(contenders, queries, arguments.rounds)
    if arguments.plot is not None:
        plot(curves, f"{arguments.set}, {len(vectors):,} x {vectors.shape[1]}", arguments.plot)
    if arguments.filters:
        report["filters"] = _filters(ours, contenders, vectors, queries, arguments)
    print(json.dumps(report, indent=1))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--set", choices=sorted(SETS), default="passages")
    parser.add_argument("--data", type=Path, help="folder with passages/ and judged/")
    parser.add_argument("--queries", type=int, default=1_000)
    parser.add_argument("--ef", type=int, nargs="*", default=EFS)
    parser.add_argument("--filter-ef", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--core", type=int, default=max(os.sched_getaffinity(0)))
    parser.add_argument("--filters", action="store_true", help="filtered search too")
    parser.add_argument("--plot", type=Path, help="curves as SVG; needs matplotlib")
    parser.add_argument("--without", nargs="*", default=[], choices=sorted(MODULES))
    return parser.parse_args()


def _versions() -> dict[str, str]:
    names = ["rank-retrieve", "numba", "numpy", "hnswlib", "faiss-cpu", "usearch"]
    return {name: metadata.version(name) for name in names if _installed(name)}


def _installed(name: str) -> bool:
    return any(metadata.distributions(name=name))


# --------------------------------------------------------------------------- data


def _passages(arguments: argparse.Namespace) -> tuple[Float32s, Float32s, Metric]:
    if arguments.data is None:
        raise SystemExit("the set `passages` needs --data DIR")
    stored = np.load(arguments.data / "passages/vectors-first-52000.f16.npy", allow_pickle=False)
    asked = [
        np.load(arguments.data / "judged" / name / "query_vectors.f16.npy", allow_pickle=False)
        for name in JUDGED
    ]
    queries = np.concatenate(asked).astype(np.float32)
    order = np.random.default_rng(0).permutation(len(queries))[: arguments.queries]
    return stored.astype(np.float32), np.ascontiguousarray(queries[order]), "cosine"


def _clustered(n: int, dim: int, latent: int, metric: Metric) -> Callable[[Any], Any]:
    """Clusters of many sizes in `latent` dimensions of falling weight, bent into `dim`."""

    def make(arguments: argparse.Namespace) -> tuple[Float32s, Float32s, Metric]:
        rng = np.random.default_rng(dim)
        total, n_clusters = n + arguments.queries, n // 100
        weights = (np.arange(1, latent + 1) ** -0.5).astype(np.float32)
        centres = rng.standard_normal((n_clusters, latent), dtype=np.float32) * weights
        of = rng.choice(n_clusters, total, p=rng.dirichlet(np.ones(n_clusters) * 1.5))
        spread = rng.uniform(0.35, 0.8, (n_clusters, 1)).astype(np.float32)
        made = rng.standard_normal((total, latent), dtype=np.float32) * weights * spread[of]
        made = (centres[of] + made) @ np.linalg.qr(rng.standard_normal((dim, latent)))[0].T
        bend = rng.standard_normal((dim, dim)) / np.sqrt(dim)
        made = made + 0.3 * np.tanh(made @ bend) + 0.02 * rng.standard_normal((total, dim))
        result = np.ascontiguousarray(made, dtype=np.float32)
        return result[:n], result[n:], metric

    return make


SETS: dict[str, Callable[[Any], Any]] = {
    "passages": _passages,
    "clustered-128": _clustered(100_000, 128, 32, "euclidean"),
    "clustered-128-500k": _clustered(500_000, 128, 64, "euclidean"),
    "clustered-768": _clustered(100_000, 768, 96, "cosine"),
}


# --------------------------------------------------------------------------- contenders


class Contender:
    """An index that answers many queries in one call, or one."""

    def many(self, queries: Float32s, ef: int) -> Any:
        """What the index itself returns for many queries."""
        raise NotImplementedError

    def rows(self, found: Any) -> Answers:
        """The rows in what `many` returns; outside the clock."""
        return np.asarray(found, dtype=np.int64)

    def one(self, query: Float32s, ef: int) -> Any:
        raise NotImplementedError

    def filtered(self, mask: NDArray[np.bool_]) -> Callable[[Float32s, int], Answers] | None:
        """Search among the masked rows only; None where there is no such thing."""
        return None


class Ours(Contender):
    def __init__(self, vectors: Float32s, metric: Metric) -> None:
        options = HNSWOptions(m=M, ef_construction=EF_CONSTRUCTION)
        self.hnsw = HNSW.from_vectors(vectors, metric=metric, options=options, threads=1)

    def many(self, queries: Float32s, ef: int) -> Any:
        return self.hnsw.search_many(queries, K, ef_search=ef, threads=1)

    def rows(self, found: Any) -> Answers:
        return _ids(found)

    def one(self, query: Float32s, ef: int) -> Any:
        return self.hnsw.search(query, K, ef_search=ef)

    def filtered(self, mask: NDArray[np.bool_]) -> Callable[[Float32s, int], Answers]:
        allowed = Bitmap.from_mask(mask)

        def search(queries: Float32s, ef: int) -> Answers:
            found = self.hnsw.search_many(queries, K, ef_search=ef, allowed=allowed, threads=1)
            return _ids(found)

        return search


class Hnswlib(Contender):
    def __init__(self, vectors: Float32s, metric: Metric) -> None:
        space = {"cosine": "cosine", "euclidean": "l2", "dot": "ip"}[metric]
        self.index = import_module("hnswlib").Index(space, vectors.shape[1])
        self.index.init_index(len(vectors), M=M, ef_construction=EF_CONSTRUCTION, random_seed=1)
        self.index.set_num_threads(1)
        self.index.add_items(vectors, num_threads=1)

    def many(self, queries: Float32s, ef: int) -> Any:
        self.index.set_ef(ef)
        return self.index.knn_query(queries, K, num_threads=1)[0]

    def one(self, query: Float32s, ef: int) -> Any:
        return self.index.knn_query(query, K, num_threads=1)

    def filtered(self, mask: NDArray[np.bool_]) -> Callable[[Float32s, int], Answers]:
        allowed = mask.tolist()

        def search(queries: Float32s, ef: int) -> Answers:
            self.index.set_ef(ef)
            rows = np.full((len(queries), K), -1, np.int64)
            for i, query in enumerate(queries):
                try:
                    found = self.index.knn_query(
                        query, K, num_threads=1, filter=allowed.__getitem__
                    )[0]
                except RuntimeError:  # fewer than K were met on the way
                    continue
                rows[i] = found[0]
            return rows

        return search


class Faiss(Contender):
    def __init__(self, vectors: Float32s, metric: Metric) -> None:
        self.faiss = import_module("faiss")
        self.faiss.omp_set_num_threads(1)
        # unit vectors: least squared distance is greatest cosine
        self.unit = metric == "cosine"
        self.index = self.faiss.IndexHNSWFlat(vectors.shape[1], M)
        self.index.hnsw.efConstruction = EF_CONSTRUCTION
        self.index.add(_unit(vectors) if self.unit else vectors)

    def many(self, queries: Float32s, ef: int) -> Any:
        self.index.hnsw.efSearch = ef
        return self.index.search(_unit(queries) if self.unit else queries, K)[1]

    def one(self, query: Float32s, ef: int) -> Any:
        return self.index.search(query[np.newaxis], K)

    def filtered(self, mask: NDArray[np.bool_]) -> Callable[[Float32s, int], Answers]:
        bits = np.packbits(mask, bitorder="little")
        selector = self.faiss.IDSelectorBitmap(len(mask), self.faiss.swig_ptr(bits))

        def search(queries: Float32s, ef: int) -> Answers:
            keep = bits  # the selector only points to it
            parameters = self.faiss.SearchParametersHNSW(sel=selector, efSearch=ef)
            asked = _unit(queries) if self.unit else queries
            found: Answers = self.index.search(asked, K, params=parameters)[1]
            assert len(keep)
            return found

        return search


class Usearch(Contender):
    def __init__(self, vectors: Float32s, metric: Metric) -> None:
        kind = {"cosine": "cos", "euclidean": "l2sq", "dot": "ip"}[metric]
        self.index = import_module("usearch.index").Index(
            ndim=vectors.shape[1], metric=kind, dtype="f32", connectivity=M,
            expansion_add=EF_CONSTRUCTION,
        )  # fmt: skip
        self.index.add(np.arange(len(vectors)), vectors, threads=1)

    def many(self, queries: Float32s, ef: int) -> Any:
        self.index.expansion_search = ef
        return self.index.search(queries, K, threads=1).keys

    def one(self, query: Float32s, ef: int) -> Any:
        return self.index.search(query, K, threads=1)


MAKERS: dict[str, Callable[[Float32s, Metric], Contender]] = {
    "rank-retrieve": Ours, "hnswlib": Hnswlib, "faiss": Faiss, "usearch": Usearch,
}  # fmt: skip
MODULES = {"hnswlib": "hnswlib", "faiss": "faiss", "usearch": "usearch"}


# --------------------------------------------------------------------------- measuring

Curve = list[tuple[int, float, float]]


def _curves(
    contenders: dict[str, Contender],
    queries: Float32s,
    truth: Answers,
    arguments: argparse.Namespace,
) -> dict[str, Curve]:
    curves: dict[str, Curve] = {name: [] for name in contenders}
    for ef in arguments.ef:
        taken: dict[str, list[float]] = {name: [] for name in contenders}
        recalls = {}
        for _ in range(arguments.rounds):
            for name, contender in contenders.items():
                if curves[name] and curves[name][-1][1] > 0.9995:
                    continue
                started = time.process_time()
                found = contender.many(queries, ef)
                taken[name].append(time.process_time() - started)
                recalls[name] = _recall(contender.rows(found), truth)
        for name, recall in recalls.items():
            us = median(taken[name]) / len(queries) * 1e6
            curves[name].append((ef, round(recall, 4), round(us, 2)))
        print(ef, {name: curve[-1] for name, curve in curves.items()}, flush=True)
    return curves


def plot(curves: dict[str, Curve], title: str, path: Path) -> None:
    """Recall against microseconds a query, both as they are usually drawn."""
    import_module("matplotlib").rcParams["svg.fonttype"] = "none"
    pyplot = import_module("matplotlib.pyplot")
    figure, axes = pyplot.subplots(figsize=(6, 4))
    for name, curve in curves.items():
        axes.plot([r for _, r, _ in curve], [us for _, _, us in curve], marker="o", label=name)
    axes.set(xlabel="recall@10", ylabel="CPU microseconds a query", title=title, yscale="log")
    axes.grid(which="both", alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})


def _time_at(curve: Curve, target: float) -> float | None:
    """Least microseconds that reach a recall; None where no setting does."""
    before: tuple[int, float, float] | None = None
    for point in curve:
        _, recall, us = point
        if recall >= target:
            if before is None or recall == before[1]:
                return us
            share = (target - before[1]) / (recall - before[1])
            return math.exp(math.log(before[2]) * (1 - share) + math.log(us) * share)
        before = point
    return None


def _ratios(values: dict[str, float]) -> dict[str, float]:
    """How many times as much each rival needs."""
    own = values.get("rank-retrieve")
    if own is None:
        return {}
    return {name: round(v / own, 2) for name, v in values.items() if name != "rank-retrieve"}


def _single_calls(
    contenders: dict[str, Contender], queries: Float32s, rounds: int
) -> dict[str, Any]:
    """One Python call for each query, at ef 32 and 64."""
    report: dict[str, Any] = {}
    some = queries[:300]
    for ef in (32, 64):
        taken: dict[str, list[float]] = {name: [] for name in contenders}
        for _ in range(rounds):
            for name, contender in contenders.items():
                contender.many(queries[:1], ef)  # sets ef
                started = time.process_time()
                for query in some:
                    contender.one(query, ef)
                taken[name].append(time.process_time() - started)
        us = {name: round(median(all_) / len(some) * 1e6, 1) for name, all_ in taken.items()}
        report[f"ef {ef}"] = {**us, "ratio": _ratios(us)}
    return report


def _filters(
    ours: Ours,
    contenders: dict[str, Contender],
    vectors: Float32s,
    queries: Float32s,
    arguments: argparse.Namespace,
) -> list[dict[str, Any]]:
    """Recall and time under filters, at random and correlated with the vectors."""
    metric = ours.hnsw.metric
    exact = Exact.from_vectors(vectors, metric=metric)
    some = queries[:300]
    report = []
    for name, mask in _masks(vectors, arguments):
        allowed = Bitmap.from_mask(mask)
        found = exact.search_many(some, K, allowed=allowed, threads=1)
        truth = [hits.ids.tolist() for hits in found]
        row: dict[str, Any] = {
            "filter": name, "share": round(float(mask.mean()), 6),
            "way": ours.hnsw.plan(K, ef_search=arguments.filter_ef, allowed=allowed),
        }  # fmt: skip
        for rival, contender in contenders.items():
            search = contender.filtered(mask)
            if search is None:
                continue
            asked = some[:60] if rival == "hnswlib" else some
            started = time.process_time()
            answers = search(asked, arguments.filter_ef)
            us = (time.process_time() - started) / len(asked) * 1e6
            shared = [
                len(set(a.tolist()) & set(b)) / len(b) for a, b in zip(answers, truth, strict=False)
            ]
            row[rival] = {"recall": round(sum(shared) / len(shared), 4), "us": round(us, 1)}
        print(row, flush=True)
        report.append(row)
    return report


def _masks(vectors: Float32s, arguments: argparse.Namespace) -> list[tuple[str, NDArray[np.bool_]]]:
    n, rng = len(vectors), np.random.default_rng(3)
    masks = []
    # nearest to one vector: as correlated as can be
    near = np.argsort(-(_unit(vectors) @ _unit(vectors[:1])[0]), kind="stable")
    for share in (0.5, 0.1, 0.01, 0.001, 0.0001):
        count = max(1, int(n * share))
        for name, order in (("random", rng.permutation(n)), ("nearest to one", near)):
            mask = np.zeros(n, dtype=np.bool_)
            mask[order[:count]] = True
            masks.append((f"{name}, {share:.2%}", mask))
    if arguments.set == "passages":
        sources = np.array(_sources(arguments.data, n))
        every = sorted(set(sources.tolist()))
        masks += [(f"source = {source}", sources == source) for source in every]
    return masks


def _sources(data: Path, n: int) -> list[str]:
    found: list[str] = []
    for part in sorted((data / "passages").glob("part-*.jsonl.gz")):
        with gzip.open(part, "rt", encoding="utf-8") as lines:
            for line in lines:
                if len(found) == n:
                    return found
                found.append(json.loads(line)["source"])
    return found


def _unit(vectors: Float32s) -> Float32s:
    result: Float32s = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return result


def _ids(found: list[Any]) -> Answers:
    result = np.full((len(found), K), -1, np.int64)
    for row, hits in zip(result, found, strict=True):
        row[: len(hits.ids)] = hits.ids
    return result


def _recall(found: Answers, truth: Answers) -> float:
    shared = [len(set(a) & set(b)) for a, b in zip(found.tolist(), truth.tolist(), strict=True)]
    return sum(shared) / (K * len(shared))


if __name__ == "__main__":
    main()
