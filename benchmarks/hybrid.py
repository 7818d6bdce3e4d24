"""Hybrid search over passages with vectors, the whole stack, beside other embedded engines.

    python benchmarks/hybrid.py [--docs 50000] [--queries 500] [--engines ours glue lancedb zvec
        qdrant] [--rivals-python PYTHON] [--pin 1] [--folder SCRATCH]

Every engine runs in child processes of its own, pinned to one core: one ingests (until documents
are searchable, the graph is built, and both are on disk), one answers, one is started anew and
answers once. The answering children take turns in runs of 50 queries, each query counts with the
fastest of its rounds; then their memory is read. `--clock cpu` counts the processor time of all
threads of a child, for machines with other work. Texts of the queries are real questions, their
vectors those of passages that are not in the index. All have the same graph options, ef, depth of
the legs where it can be set, and RRF with k=60. Answers are checked outside the clock: nDCG@10 on
SciFact, which every engine ingests too.

Rivals are not installed with the project; `--rivals-python` names an interpreter that has them
(`pip install lancedb zvec qdrant-edge-py tantivy faiss-cpu`).
"""

import argparse
import importlib.util
import itertools
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from hybrid_engines import ENGINES  # type: ignore[import-not-found]
from passages import PASSAGES, passages  # type: ignore[import-not-found]

SHARED = PASSAGES.parent
CHILD = Path(__file__).with_name("hybrid_engines.py")
K, RUN = 10, 50


class Child:
    """An engine in a process of its own."""

    def __init__(self, python: str, pin: int, *arguments: str) -> None:
        command = [python, str(CHILD), *arguments]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "RUST_LOG": "error"},
            preexec_fn=lambda: os.sched_setaffinity(0, {pin}),
        )  # fmt: skip

    def ask(self, **request: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("{"):
                found: dict[str, Any] = json.loads(line)
                return found
        raise SystemExit(f"{self.process.args!r} ended with {self.process.wait()}")

    def close(self) -> None:
        self.process.communicate()


def write_corpus(path: Path, documents: Any) -> None:
    with path.open("w", encoding="utf-8") as file:
        for document in documents:
            file.write(json.dumps(document) + "\n")


def questions(n: int) -> list[str]:
    names = ("msmarco-passage-dev.txt", "nq.txt")
    lines = [
        line.strip()
        for name in names
        for line in (SHARED / "queries" / name).read_text(encoding="utf-8").splitlines()
    ]
    random.Random(1).shuffle(lines)
    return lines[:n]


def quality(name: str, python: str, folder: Path, pin: int) -> float | None:
    """nDCG@10 on SciFact, None without ir-measures."""
    if importlib.util.find_spec("ir_measures") is None:
        return None
    from rank_retrieve import evaluation

    judged = SHARED / "judged" / "scifact"
    dataset = evaluation.load_beir(judged)
    corpus, vectors, asked = (folder / f"scifact.{end}" for end in ("jsonl", "npy", "queries.npy"))
    write_corpus(corpus, dataset.corpus)
    np.save(vectors, np.load(judged / "doc_vectors.f16.npy").astype(np.float32))
    np.save(asked, np.load(judged / "query_vectors.f16.npy").astype(np.float32))
    index = folder / f"scifact-{name}"
    Child(python, pin, "ingest", name, str(index), str(vectors), str(corpus)).answer()
    child = Child(python, pin, "serve", name, str(index), str(asked))
    texts = list(dataset.queries.values())
    answers = child.ask(
        queries=list(zip(texts, range(len(texts)), strict=True)), k=K, clock="wall"
    )["answers"]
    child.close()
    run = {
        query: {document: float(-rank) for rank, document in enumerate(found)}
        for query, found in zip(dataset.queries, answers, strict=True)
    }
    return evaluation.evaluate(run, None, dataset.qrels, ["nDCG@10"]).mean("nDCG@10")


def first_answer(name: str, python: str, index: Path, vectors: Path, pin: int) -> dict[str, float]:
    """Seconds from the start of a process to its first answer, the best of five."""
    found = []
    for _ in range(5):
        start = time.perf_counter()
        child = Child(python, pin, "first", name, str(index), str(vectors))
        cpu = child.answer()["cpu"]
        found.append((time.perf_counter() - start, cpu))
        child.close()
    return {"first": min(found)[0], "first_cpu": min(cpu for _, cpu in found)}


def built(
    name: str,
    python: str,
    folder: Path,
    corpus: Path,
    vectors: Path,
    asked: Path,
    options: argparse.Namespace,
) -> dict[str, Any]:
    """Ingest, first answer and quality of one engine."""
    index = folder / name
    child = Child(python, options.pin, "ingest", name, str(index), str(vectors), str(corpus))
    result = child.answer()
    child.close()
    result["ingest"] = result["cpu" if options.clock == "cpu" else "seconds"]
    result |= first_answer(name, python, index, asked, options.pin)
    result["ndcg"] = None if options.no_quality else quality(name, python, folder, options.pin)
    return result


def measure(options: argparse.Namespace, folder: Path) -> dict[str, dict[str, Any]]:
    corpus, vectors, asked = folder / "corpus.jsonl", folder / "docs.npy", folder / "queries.npy"
    stored = np.load(PASSAGES / "vectors-first-52000.f16.npy").astype(np.float32)
    write_corpus(corpus, itertools.islice(passages(), options.docs))
    np.save(vectors, stored[: options.docs])
    np.save(asked, stored[50_000 : 50_000 + options.queries])
    texts = questions(options.queries)
    results: dict[str, dict[str, Any]] = {}
    children = {}
    for name in options.engines:
        python = sys.executable if name == "ours" else options.rivals_python
        index = folder / name
        kept = folder / f"{name}.json"
        if options.reuse and kept.exists():
            results[name] = json.loads(kept.read_text())
        else:
            results[name] = built(name, python, folder, corpus, vectors, asked, options)
            kept.write_text(json.dumps(results[name]))
        print(name, results[name], flush=True)
        children[name] = Child(python, options.pin, "serve", name, str(index), str(asked))
    best = {name: np.full(len(texts), np.inf) for name in children}
    answers: dict[str, list[list[str]]] = {name: [] for name in children}
    queries = list(zip(texts, range(len(texts)), strict=True))
    for turn in range(options.rounds):
        for start in range(0, len(texts), RUN):
            for name, child in children.items():
                found = child.ask(queries=queries[start : start + RUN], k=K, clock=options.clock)
                window = best[name][start : start + RUN]
                np.minimum(window, found["seconds"], out=window)
                results[name]["memory"] = found["memory"]
                if turn == 0:
                    answers[name] += found["answers"]
    if "ours" in children:
        asked_for_legs = [
            children["ours"].ask(queries=queries, k=K, clock="cpu", legs_first=turn % 2 == 1)
            for turn in range(6)
        ]
        legs = np.array([found["legs"] for found in asked_for_legs]).min(axis=0)
        results["ours"]["ratio"] = float(legs[:, 0].mean() / legs[:, 1:].sum(axis=1).mean())
    for name, child in children.items():
        child.close()
        results[name]["queries"] = best[name]
        results[name]["overlap"] = float(
            np.mean(
                [
                    len(set(a) & set(b)) / K
                    for a, b in zip(answers[name], answers[options.engines[0]], strict=True)
                ]
            )
        )
    return results


def show(results: dict[str, dict[str, Any]]) -> None:
    print("\n| engine | ingest docs/s | disk MB | queries/s | median us | p99 us | nDCG@10 scifact "
          "| RSS (anonymous) MiB | first answer s (cpu) |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|---|")
    for name, found in results.items():
        micros = found["queries"] * 1e6
        ndcg = "-" if found["ndcg"] is None else f"{found['ndcg']:.4f}"
        memory = found["memory"]
        print(
            f"| {ENGINES[name].package} | {found['documents'] / found['ingest']:,.0f} "
            f"| {found['bytes'] / 1e6:.0f} | {1e6 / micros.mean():,.0f} "
            f"| {np.median(micros):.0f} | {np.quantile(micros, 0.99):.0f} | {ndcg} "
            f"| {memory['VmRSS']} ({memory['RssAnon']}) "
            f"| {found['first']:.2f} ({found['first_cpu']:.2f}) |"
        )
    if "ours" in results:
        ours = results["ours"]
        print(f"\na hybrid query takes {ours['ratio']:.2f} of its two legs alone, processor time")
        for name, found in results.items():
            if name != "ours":
                speed = found["queries"].mean() / ours["queries"].mean()
                ingest = found["ingest"] / ours["ingest"]
                print(f"{name}: {speed:.2f}x its queries/s, {ingest:.2f}x its ingest, "
                      f"overlap {found['overlap']:.2f}")  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--docs", type=int, default=50_000)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--engines", nargs="+", choices=ENGINES, default=list(ENGINES))
    parser.add_argument("--rivals-python", default=sys.executable)
    parser.add_argument("--no-quality", action="store_true")
    parser.add_argument("--reuse", action="store_true", help="what lies in --folder already")
    parser.add_argument("--pin", type=int, default=0)
    parser.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    if options.folder is not None:
        options.folder.mkdir(parents=True, exist_ok=True)
        show(measure(options, options.folder))
        return
    with tempfile.TemporaryDirectory() as folder:
        show(measure(options, Path(folder)))


if __name__ == "__main__":
    main()
