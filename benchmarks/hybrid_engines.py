"""The engines that `hybrid.py` compares, each behind the same four calls.

Run by it as a child process: JSON lines in, JSON lines out. Vectors come as .npy files.
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np

M, EF_CONSTRUCTION, EF_SEARCH, DEPTH = 16, 200, 64, 64
BATCH_DOCS = 1_000
Documents = list[dict[str, Any]]


class Engine(Protocol):
    package: str

    def __init__(self, path: Path, dim: int, *, create: bool) -> None: ...
    def put(self, documents: Documents) -> None:
        """Store them all: searchable, with the graph built, and durable."""
        ...

    def search(self, text: str, vector: Any, k: int) -> list[str]: ...
    def close(self) -> None: ...


def batches(documents: Documents) -> list[Documents]:
    return [documents[i : i + BATCH_DOCS] for i in range(0, len(documents), BATCH_DOCS)]


def text_of(document: dict[str, Any]) -> str:
    return f"{document['title']} {document['text']}"


class Ours:
    package = "rank-retrieve"

    def __init__(self, path: Path, dim: int, *, create: bool) -> None:
        import rank_retrieve as rr

        # one segment, as the others have: the log keeps what the memtable holds
        self.db = rr.open(path, compaction="manual", flush_bytes=1 << 30) if create else None
        if self.db is not None:
            index = rr.HNSWOptions(m=M, ef_construction=EF_CONSTRUCTION, ef_search=EF_SEARCH)
            fields: dict[str, Any] = {"title": rr.Text(), "text": rr.Text()}
            fields["vector"] = rr.Vector(dim=dim, index=index)
            self.documents = self.db.create_collection("documents", fields=fields)
        else:
            self.db = rr.open(path, mode="r")
            self.documents = self.db.get_collection("documents")

    def put(self, documents: Documents) -> None:
        self.documents.put_many(documents, batch_size=BATCH_DOCS)
        self.documents.flush()

    def search(self, text: str, vector: Any, k: int) -> list[str]:
        ids: list[str] = self.documents.search(text, k, vector=vector).ids.tolist()
        return ids

    def legs(self, text: str, vector: Any, k: int) -> tuple[float, float]:
        start = time.thread_time()
        self.documents.search(text, k, mode="lexical")
        middle = time.thread_time()
        self.documents.search(vector=vector, k=k)
        return middle - start, time.thread_time() - middle

    def close(self) -> None:
        assert self.db is not None
        self.db.close()


class Glue:
    """tantivy and faiss, fused by hand."""

    package = "tantivy + faiss-cpu"

    def __init__(self, path: Path, dim: int, *, create: bool) -> None:
        import faiss
        import tantivy

        faiss.omp_set_num_threads(1)
        self.path, self.faiss, self.tantivy = path, faiss, tantivy
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("text", stored=False, tokenizer_name="en_stem")
        builder.add_unsigned_field("doc", stored=True, fast=True)
        if create:
            path.mkdir(parents=True)
            (path / "text").mkdir()
            self.index = tantivy.Index(builder.build(), path=str(path / "text"))
            self.graph: Any = faiss.IndexHNSWFlat(dim, M, faiss.METRIC_INNER_PRODUCT)
            self.graph.hnsw.efConstruction = EF_CONSTRUCTION
            self.ids: list[str] = []
        else:
            self.index = tantivy.Index.open(str(path / "text"))
            self.graph = faiss.read_index(str(path / "graph"))
            self.ids = json.loads((path / "ids.json").read_text())
        self.graph.hnsw.efSearch = EF_SEARCH
        self.searcher = self.index.searcher()

    def put(self, documents: Documents) -> None:
        writer = self.index.writer(heap_size=200_000_000, num_threads=1)
        for batch in batches(documents):
            for document in batch:
                entry = self.tantivy.Document()
                entry.add_text("text", text_of(document))
                entry.add_unsigned("doc", len(self.ids))
                writer.add_document(entry)
                self.ids.append(document["id"])
            self.graph.add(np.stack([document["vector"] for document in batch]))
        writer.commit()
        writer.wait_merging_threads()
        self.faiss.write_index(self.graph, str(self.path / "graph"))
        (self.path / "ids.json").write_text(json.dumps(self.ids))
        for name in ("graph", "ids.json"):
            with (self.path / name).open("rb") as file:
                os.fsync(file.fileno())
        self.index.reload()
        self.searcher = self.index.searcher()

    def search(self, text: str, vector: Any, k: int) -> list[str]:
        words = "".join(c if c.isalnum() else " " for c in text)
        scores: dict[int, float] = {}
        query = self.index.parse_query(words, ["text"])
        found = self.searcher.search(query, DEPTH, count=False).hits
        for rank, (_, address) in enumerate(found, 1):
            doc = self.searcher.doc(address)["doc"][0]
            scores[doc] = 1 / (60 + rank)
        _, near = self.graph.search(vector[np.newaxis], DEPTH)
        for rank, doc in enumerate(near[0].tolist(), 1):
            scores[doc] = scores.get(doc, 0.0) + 1 / (60 + rank)
        return [self.ids[doc] for doc in sorted(scores, key=lambda doc: -scores[doc])[:k]]

    def close(self) -> None: ...


class Lance:
    package = "lancedb"

    def __init__(self, path: Path, dim: int, *, create: bool) -> None:
        import lancedb  # type: ignore[import-not-found]
        from lancedb.rerankers import RRFReranker  # type: ignore[import-not-found]

        self.db, self.dim, self.rrf = lancedb.connect(str(path)), dim, RRFReranker()
        self.table = None if create else self.db.open_table("documents")

    def put(self, documents: Documents) -> None:
        import pyarrow as pa

        vectors = np.stack([document["vector"] for document in documents])
        columns = {
            "id": [document["id"] for document in documents],
            "text": [text_of(document) for document in documents],
            "vector": pa.FixedSizeListArray.from_arrays(vectors.reshape(-1), self.dim),
        }
        self.table = self.db.create_table("documents", pa.table(columns))
        self.table.create_index(
            metric="cosine", index_type="IVF_HNSW_SQ", num_partitions=1, m=M,
            ef_construction=EF_CONSTRUCTION, vector_column_name="vector",
        )  # fmt: skip
        self.table.create_fts_index("text", replace=True)

    def search(self, text: str, vector: Any, k: int) -> list[str]:
        assert self.table is not None
        found = self.table.search(query_type="hybrid").vector(vector).text(text)
        found = found.ef(EF_SEARCH).limit(k).rerank(self.rrf).select(["id"])
        return [row["id"] for row in found.to_list()]

    def close(self) -> None: ...


class Zvec:
    package = "zvec"

    def __init__(self, path: Path, dim: int, *, create: bool) -> None:
        import zvec  # type: ignore[import-not-found]

        self.z = zvec
        zvec.init(query_threads=1, optimize_threads=1)
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
            words = zvec.FtsIndexParam(filters=["lowercase", "stemmer"])
            graph = zvec.HnswIndexParam(
                metric_type=zvec.MetricType.COSINE, m=M, ef_construction=EF_CONSTRUCTION
            )
            schema = zvec.CollectionSchema(
                "documents",
                [zvec.FieldSchema("text", zvec.DataType.STRING, index_param=words)],
                [zvec.VectorSchema("vector", zvec.DataType.VECTOR_FP32, dim, graph)],
            )
            self.documents = zvec.create_and_open(str(path), schema)
            self.ids: list[str] = []
        else:
            self.documents = zvec.open(str(path))
            self.ids = json.loads((path.parent / f"{path.name}.ids").read_text())
        self.path = path

    def put(self, documents: Documents) -> None:
        for batch in batches(documents):
            first = len(self.ids)
            self.ids += [document["id"] for document in batch]
            self.documents.insert([
                # its ids may hold few characters
                self.z.Doc(str(first + at), fields={"text": text_of(document)},
                           vectors={"vector": document["vector"].tolist()})
                for at, document in enumerate(batch)
            ])  # fmt: skip
        self.documents.optimize(self.z.OptimizeOption(concurrency=1))
        self.documents.flush()
        (self.path.parent / f"{self.path.name}.ids").write_text(json.dumps(self.ids))

    def search(self, text: str, vector: Any, k: int) -> list[str]:
        z = self.z
        queries = [
            z.Query("text", fts=z.Fts(match_string=text)),
            z.Query("vector", vector=vector.tolist(), param=z.HnswQueryParam(ef=EF_SEARCH)),
        ]
        found = self.documents.query(
            queries, topk=k, output_fields=[], reranker=z.RrfReRanker(rank_constant=60)
        )
        return [self.ids[int(doc.id)] for doc in found]

    def close(self) -> None: ...


class QdrantEdge:
    package = "qdrant-edge-py"

    def __init__(self, path: Path, dim: int, *, create: bool) -> None:
        import qdrant_edge as q  # type: ignore[import-not-found]

        self.q, self.bm25, self.path = q, q.Bm25(), path
        if create:
            path.mkdir(parents=True)
            graph = q.HnswIndexConfig(M, EF_CONSTRUCTION, 100, max_indexing_threads=1)
            config = q.EdgeConfig(
                vectors={"dense": q.EdgeVectorParams(dim, q.Distance.Cosine, hnsw_config=graph)},
                sparse_vectors={"words": q.EdgeSparseVectorParams(modifier=q.Modifier.Idf)},
                optimizers=q.EdgeOptimizersConfig(default_segment_number=1, indexing_threshold=100),
                max_search_threads=1,
            )
            self.shard = q.EdgeShard.create(str(path), config)
            self.ids: list[str] = []
        else:
            self.shard = q.EdgeShard.load(str(path))
            self.ids = json.loads((path.parent / f"{path.name}.ids").read_text())

    def put(self, documents: Documents) -> None:
        for batch in batches(documents):
            points = []
            for document in batch:
                words = self.bm25.embed_document(text_of(document))
                vector = {"dense": document["vector"].tolist(), "words": words}
                points.append(self.q.Point(len(self.ids), vector, {"text": text_of(document)}))
                self.ids.append(document["id"])
            self.shard.update(self.q.UpdateOperation.upsert_points(points))
        self.shard.optimize()
        self.shard.flush()
        (self.path.parent / f"{self.path.name}.ids").write_text(json.dumps(self.ids))

    def search(self, text: str, vector: Any, k: int) -> list[str]:
        q = self.q
        words = q.Query.Nearest(self.bm25.embed_query(text), using="words")
        dense = q.Query.Nearest(vector.tolist(), using="dense")
        found = self.shard.query(
            q.QueryRequest(
                limit=k,
                query=q.Fusion.Rrf(60),
                prefetches=[
                    q.Prefetch(DEPTH, words),
                    q.Prefetch(DEPTH, dense, params=q.SearchParams(hnsw_ef=EF_SEARCH)),
                ],
                with_payload=False,
            )
        )
        return [self.ids[hit.id] for hit in found]

    def close(self) -> None:
        self.shard.close()


ENGINES: dict[str, type[Any]] = {
    "ours": Ours, "glue": Glue, "lancedb": Lance, "zvec": Zvec, "qdrant": QdrantEdge,
}  # fmt: skip


# --------------------------------------------------------------------------- the child process


CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def size_of(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def memory() -> dict[str, int]:
    lines = Path("/proc/self/status").read_text().splitlines()
    values = dict(line.split(":", 1) for line in lines if line.startswith(("VmRSS", "RssAnon")))
    return {name: int(value.split()[0]) // 1024 for name, value in values.items()}


def serve(kind: type[Any], path: Path, vectors: Any) -> None:
    """Answer requests: a list of [text, row of the vectors] -> ids and seconds of each, by a clock
    that goes on while others work, or by the processor time of all threads.
    """
    engine = kind(path, vectors.shape[1], create=False)
    for line in sys.stdin:
        request = json.loads(line)
        clock = CLOCKS[request["clock"]]
        answers, seconds, legs = [], [], []
        for text, row in request["queries"]:
            vector = vectors[row]
            start = clock()
            answers.append(engine.search(text, vector, request["k"]))
            seconds.append(clock() - start)
        if "legs_first" in request:
            legs = [
                whole_and_legs(engine, text, vectors[row], request["k"], request["legs_first"])
                for text, row in request["queries"]
            ]
        say({"answers": answers, "seconds": seconds, "legs": legs, "memory": memory()})
    engine.close()


def whole_and_legs(
    engine: Any, text: str, vector: Any, k: int, legs_first: bool
) -> tuple[float, ...]:
    """Processor time of a hybrid query and of its legs; what comes second finds caches warm."""
    first = engine.legs(text, vector, k) if legs_first else ()
    start = time.thread_time()
    engine.search(text, vector, k)
    whole = time.thread_time() - start
    return (whole, *(first or engine.legs(text, vector, k)))


def ingest(kind: type[Any], path: Path, corpus: Path, vectors: Any) -> None:
    with corpus.open(encoding="utf-8") as lines:
        documents = [
            {**json.loads(line), "vector": vector}
            for line, vector in zip(lines, vectors, strict=False)
        ]
    shutil.rmtree(path, ignore_errors=True)
    warm = path.with_name(f"{path.name}-warm")
    shutil.rmtree(warm, ignore_errors=True)
    small = kind(warm, vectors.shape[1], create=True)
    small.put(documents[:3_000])
    small.close()
    shutil.rmtree(warm, ignore_errors=True)
    start, worked = time.perf_counter(), time.process_time()
    engine = kind(path, vectors.shape[1], create=True)
    engine.put(documents)
    seconds, cpu = time.perf_counter() - start, time.process_time() - worked
    engine.close()
    say({"seconds": seconds, "cpu": cpu, "documents": len(documents), "bytes": size_of(path)})


def first(kind: type[Any], path: Path, vectors: Any) -> None:
    engine = kind(path, vectors.shape[1], create=False)
    engine.search("who invented the telephone", vectors[0], 10)
    say({"cpu": time.process_time()})


def say(record: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(record) + "\n")
    sys.stdout.flush()


def main() -> None:
    task, name, path, vectors, *rest = sys.argv[1:]
    loaded = np.load(vectors, mmap_mode="r" if task == "first" else None)
    tasks: dict[str, Callable[..., None]] = {"serve": serve, "first": first}
    if task == "ingest":
        ingest(ENGINES[name], Path(path), Path(rest[0]), loaded)
    else:
        tasks[task](ENGINES[name], Path(path), loaded)


if __name__ == "__main__":
    main()
