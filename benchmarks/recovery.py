"""From a killed writer to the first answer, beside ingesting, qdrant-edge and milvus-lite.

    python benchmarks/recovery.py [FOLDER WITH part-*.jsonl.gz] [--mb 64] [--large-mb 256]
        [--dim 384] [--quick] [--no-rivals]

A child process puts documents in batches of 64, none of which is moved from the log to a segment,
answers one query, and is killed with SIGKILL. Another child opens what is left and answers the
same query; it has imported, and used, the engine on a small index before the clock starts. The
clock of ingesting covers the calls that store documents, not the making of the documents: until
the last is acknowledged, and until a query is answered, which for an engine that analyses late is
when they are searchable. What putting them one by one would take is worked out from some of them.
The clock of recovery runs from the call that opens to the first answer; the answers before and
after the kill must be the same.

qdrant-edge and milvus-lite get the same documents with vectors, and with BM25 over the text by
their own means; milvus-lite's limits are raised, so that it does not flush on the way either. What
they acknowledge here survives a kill, but is not synced as ours is, so only their recovery is
compared. They are not installed with the project: `pip install qdrant-edge-py milvus-lite`.
"""

import argparse
import importlib.metadata
import importlib.util
import itertools
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

from passages import PASSAGES, QUERIES, passages  # type: ignore[import-not-found]

BATCH_DOCS = 64
SINGLE_PUTS = 500
K = 10
QUERY = QUERIES[0]
Documents = list[dict[str, Any]]


class Engine(Protocol):
    def __init__(self, path: Path, dim: int, *, create: bool) -> None: ...
    def put(self, documents: Documents) -> None: ...
    def search(self) -> list[str]: ...
    def details(self) -> dict[str, float]: ...
    def close(self) -> None: ...


class Ours:
    package = "rank-retrieve"

    def __init__(self, path: Path, dim: int, *, create: bool) -> None:
        import rank_retrieve as rr

        self.db = rr.open(path, compaction="manual", flush_bytes=1 << 40)
        if create:
            fields: dict[str, Any] = {"title": rr.Text(), "text": rr.Text()}
            if dim:
                fields["vector"] = rr.Vector(dim=dim)
            self.documents = self.db.create_collection("documents", fields=fields)
        else:
            self.documents = self.db.get_collection("documents")

    def put(self, documents: Documents) -> None:
        self.documents.put_many(documents, batch_size=len(documents))

    def search(self) -> list[str]:
        ids: list[str] = self.documents.search(QUERY, k=K, mode="lexical").ids.tolist()
        return ids

    def details(self) -> dict[str, float]:
        start = time.perf_counter()
        self.documents.search(QUERY, k=K, mode="lexical", where={"source": "x"})
        filtered = time.perf_counter() - start
        steps = {step.name: step.seconds for step in self.db.report.steps}
        return {**steps, "(first filter)": filtered}

    def close(self) -> None:
        self.db.close()


class QdrantEdge:
    package = "qdrant-edge-py"

    def __init__(self, path: Path, dim: int, *, create: bool) -> None:
        import qdrant_edge as q  # type: ignore[import-not-found]

        self.q, self.bm25 = q, q.Bm25()
        if create:
            path.mkdir()
            vectors = {"dense": q.EdgeVectorParams(size=dim, distance=q.Distance.Cosine)}
            sparse = {"words": q.EdgeSparseVectorParams(modifier=q.Modifier.Idf)}
            self.shard = q.EdgeShard.create(
                str(path), q.EdgeConfig(vectors=vectors, sparse_vectors=sparse)
            )
        else:
            self.shard = q.EdgeShard.load(str(path))
        self.numbers = itertools.count()

    def put(self, documents: Documents) -> None:
        q, points = self.q, []
        for document in documents:
            payload = {name: value for name, value in document.items() if name != "vector"}
            words = self.bm25.embed_document(f"{document['title']} {document['text']}")
            vector = {"dense": document["vector"].tolist(), "words": words}
            points.append(q.Point(next(self.numbers), vector, payload))
        self.shard.update(q.UpdateOperation.upsert_points(points))

    def search(self) -> list[str]:
        q = self.q
        query = q.Query.Nearest(self.bm25.embed_query(QUERY), using="words")
        hits = self.shard.query(q.QueryRequest(limit=K, query=query, with_payload=True))
        return [hit.payload["id"] for hit in hits]

    def details(self) -> dict[str, float]:
        return {}

    def close(self) -> None:
        self.shard.close()


class MilvusLite:
    package = "milvus-lite"

    def __init__(self, path: Path, dim: int, *, create: bool) -> None:
        for limit in ("MEMTABLE_MEMORY_LIMIT", "WAL_SIZE_LIMIT"):
            os.environ[f"MILVUS_LITE_{limit}_BYTES"] = str(1 << 40)
        from milvus_lite import (  # type: ignore[import-not-found]
            CollectionSchema,
            DataType,
            FieldSchema,
            MilvusLite,
        )
        from milvus_lite.schema.types import (  # type: ignore[import-not-found]
            Function,
            FunctionType,
        )

        self.db = MilvusLite(str(path))
        if create:
            texts = {"enable_analyzer": True, "max_length": 65535}
            schema = CollectionSchema(
                fields=[
                    FieldSchema("id", DataType.VARCHAR, is_primary=True, max_length=1024),
                    FieldSchema("text", DataType.VARCHAR, **texts),
                    FieldSchema("source", DataType.VARCHAR, max_length=1024),
                    FieldSchema("dense", DataType.FLOAT_VECTOR, dim=dim),
                    FieldSchema("words", DataType.SPARSE_FLOAT_VECTOR, is_function_output=True),
                ],
                functions=[Function("bm25", FunctionType.BM25, ["text"], ["words"])],
            )
            self.documents = self.db.create_collection("documents", schema)
            sparse = {"index_type": "SPARSE_INVERTED_INDEX", "metric_type": "BM25", "params": {}}
            self.documents.create_index("words", sparse)
            flat = {"index_type": "BRUTE_FORCE", "metric_type": "COSINE", "params": {}}
            self.documents.create_index("dense", flat)
        else:
            self.documents = self.db.get_collection("documents")
        self.documents.load()

    def put(self, documents: Documents) -> None:
        self.documents.insert(
            [
                {
                    "id": document["id"],
                    "text": f"{document['title']} {document['text']}",
                    "source": document["source"],
                    "dense": document["vector"].tolist(),
                }
                for document in documents
            ]
        )

    def search(self) -> list[str]:
        (hits,) = self.documents.search([QUERY], top_k=K, metric_type="BM25", anns_field="words")
        return [hit["id"] for hit in hits]

    def details(self) -> dict[str, float]:
        return {}

    def close(self) -> None:
        self.db.close()


ENGINES: dict[str, type[Any]] = {"ours": Ours, "qdrant-edge": QdrantEdge, "milvus-lite": MilvusLite}
MODULES = {"ours": "rank_retrieve", "qdrant-edge": "qdrant_edge", "milvus-lite": "milvus_lite"}


def documents_of(folder: Path, mb: float, dim: int) -> Iterator[dict[str, Any]]:
    """As many documents as make a log of ours of about this size."""
    left = mb * 2**20
    for document in passages(folder, dim):
        texts = sum(len(document[name].encode()) for name in ("id", "title", "text", "source"))
        left -= texts + 4 * dim + 45
        if left < 0:
            return
        yield document


# ----------------------------------------------------------------- in a child


def warm_up(engine: type[Engine], dim: int) -> float:
    """Seconds to import the engine and use it once, compilation included."""
    seconds = -time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        few = list(itertools.islice(passages(dim=dim), 300))
        index = engine(Path(scratch) / "warm", dim, create=True)
        index.put(few)
        index.search()
        index.details()
        index.close()
        engine(Path(scratch) / "warm", dim, create=False).close()
    return seconds + time.perf_counter()


def ingest(name: str, path: Path, folder: Path, mb: float, dim: int) -> None:
    documents = list(documents_of(folder, mb, dim))
    warmed = warm_up(ENGINES[name], dim)
    singly = one_by_one(ENGINES[name], path.with_name("singly"), documents[:SINGLE_PUTS], dim)
    index = ENGINES[name](path, dim, create=True)
    start = time.perf_counter()
    for at in range(0, len(documents), BATCH_DOCS):
        index.put(documents[at : at + BATCH_DOCS])
    stored = time.perf_counter() - start
    answer = index.search()
    searched = time.perf_counter() - start
    say(
        documents=len(documents),
        singly=singly * len(documents),
        stored=stored,
        searched=searched,
        answer=answer,
        warmed=warmed,
    )
    signal.pause()


def one_by_one(engine: type[Engine], path: Path, documents: Documents, dim: int) -> float:
    """Seconds a document, each put and synced by itself into an index of its own."""
    index = engine(path, dim, create=True)
    start = time.perf_counter()
    for document in documents:
        index.put([document])
    seconds = time.perf_counter() - start
    index.close()
    shutil.rmtree(path)
    return seconds / len(documents)


def reopen(name: str, path: Path, dim: int) -> None:
    warm_up(ENGINES[name], dim)
    start = time.perf_counter()
    index = ENGINES[name](path, dim, create=False)
    opened = time.perf_counter() - start
    answer = index.search()
    answered = time.perf_counter() - start
    say(opened=opened, answered=answered, answer=answer, details=index.details())
    os._exit(0)  # or the engine would spend its time on tidying up


def say(**facts: Any) -> None:
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


# ----------------------------------------------------------------- the parent


def child(*arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def last_facts(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit(f"the child ended with {process.wait()}")
    facts: dict[str, Any] = json.loads(line)
    return facts


def measure(name: str, folder: Path, scratch: Path, mb: float, dim: int, rounds: int) -> float:
    """Seconds from opening to the first answer, the median of the rounds."""
    path = scratch / f"{name}-{mb}-{dim}"
    with child("--ingest", name, path, folder, mb, dim) as process:
        stored = last_facts(process)
        process.send_signal(signal.SIGKILL)
    log = sum(file.stat().st_size for file in path.glob("**/wal*") if file.is_file())
    found = []
    for number in range(rounds):
        copy = scratch / f"copy-{number}"
        shutil.copytree(path, copy)
        with child("--reopen", name, copy, dim) as process:
            found.append(last_facts(process))
        assert found[-1]["answer"] == stored["answer"], "another answer after the kill"
        shutil.rmtree(copy)
    shutil.rmtree(path)
    middle = sorted(found, key=lambda facts: facts["answered"])[len(found) // 2]
    answered: float = statistics.median(facts["answered"] for facts in found)
    version = importlib.metadata.version(ENGINES[name].package)
    title = f"{name} {version}, {stored['documents']:,} documents, vectors of {dim}"
    print(f"\n{title}{f', log of {log / 1e6:.1f} MB' if name == 'ours' else ''}")
    print(f"  first use, imports and compilation  {stored['warmed']:8.3f} s, not counted below")
    print(f"  ingest one by one, from {SINGLE_PUTS} of them   {stored['singly']:8.3f} s")
    print(f"  ingest, batches of {BATCH_DOCS}               {stored['stored']:8.3f} s")
    print(f"  ingest until a query is answered    {stored['searched']:8.3f} s")
    print(f"  open after the kill                 {middle['opened']:8.3f} s")
    print(f"  open and answer                     {answered:8.3f} s")
    for step, seconds in middle["details"].items():
        print(f"    {step:<32}  {seconds:8.4f} s")
    print(f"  recovery / ingest one by one        {answered / stored['singly']:8.2f}")
    print(f"  recovery / ingest                   {answered / stored['stored']:8.2f}")
    print(f"  recovery / ingest until answered    {answered / stored['searched']:8.2f}", flush=True)
    return answered


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=PASSAGES)
    parser.add_argument("--mb", type=float, default=64)
    parser.add_argument("--large-mb", type=float, default=256)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--scratch", type=Path, help="where to write; a real disk, not tmpfs")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--no-rivals", action="store_true")
    a = parser.parse_args()
    mb, large, rounds = (8, 0, 1) if a.quick else (a.mb, a.large_mb, a.rounds)
    with tempfile.TemporaryDirectory(dir=a.scratch) as name:
        scratch = Path(name)
        small = measure("ours", a.folder, scratch, mb, 0, rounds)
        ours = measure("ours", a.folder, scratch, mb, a.dim, rounds)
        if large:
            many = measure("ours", a.folder, scratch, large, 0, 1)
            print(f"  {large:g} MB / {mb:g} MB of log: {many / small:.2f} times the time")
        for rival in () if a.no_rivals else ("qdrant-edge", "milvus-lite"):
            if importlib.util.find_spec(MODULES[rival]) is None:
                print(f"\n{rival} is not installed: pip install {ENGINES[rival].package}")
                continue
            seconds = measure(rival, a.folder, scratch, mb, a.dim, 1)
            print(f"  {rival} / ours: {seconds / ours:.1f} times the time to the first answer")


CHILDREN: dict[str, Callable[[list[str]], None]] = {
    "--ingest": lambda a: ingest(a[0], Path(a[1]), Path(a[2]), float(a[3]), int(a[4])),
    "--reopen": lambda a: reopen(a[0], Path(a[1]), int(a[2])),
}

if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1] in CHILDREN:
        CHILDREN[sys.argv[1]](sys.argv[2:])
    else:
        main()
