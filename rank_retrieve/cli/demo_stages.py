"""What the demo does, stage by stage."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rank_retrieve.cli.demo_corpus import collect
from rank_retrieve.cli.demo_queries import load_queries
from rank_retrieve.cli.demo_show import COLLECTION, DemoShow
from rank_retrieve.cli.eval_systems import CollectionSearch
from rank_retrieve.cli.options import MODES
from rank_retrieve.cli.warmup_command import load_kernels

if TYPE_CHECKING:
    from rank_retrieve.collection import Collection, Database

LSA_DIM = 128
BATCH_DOCS = 1_000


class Demo:
    """Runs the stages in order: read, load_kernels, build, search, measure."""

    QUERIES = (
        "parse a date from a string",
        "run a command and capture its output",
        "smallest three items of a long list",
    )
    METRICS = ("nDCG@10", "R@100", "RR@100")

    def __init__(self, show: DemoShow, check: Callable[[], object]) -> None:
        check()
        self._show = show
        self._documents: list[dict[str, Any]] = []
        self._collection: Collection | None = None

    def read(self) -> None:
        """Collect the documents."""
        with self._show.stage("read the docstrings") as stage:
            self._documents = collect(stage.advance)
            modules = len({document["module"] for document in self._documents})
            stage.detail = f"{len(self._documents):,} documents from {modules} modules"

    def load_kernels(self) -> None:
        """Compile or load the kernels, so that later stages show their own time."""
        with self._show.stage("compile kernels, or load them from an earlier run") as stage:
            loaded = load_kernels(stage.advance)
            stage.detail = f"{len(loaded)} modules ready"

    def build(self, database: Database, *, rebuild: bool) -> None:
        """Index what is missing, train and apply the encoder, and write a segment."""
        import rank_retrieve as rr

        fields = {"name": rr.Text(boost=2.0), "text": rr.Text(), "context": rr.Text(boost=0.5)}
        if COLLECTION in database.list_collections():
            collection = database.get_collection(COLLECTION)
            if rebuild or dict(collection.schema.texts) != fields:  # of an earlier version, perhaps
                database.drop_collection(COLLECTION)
        if COLLECTION in database.list_collections():
            collection = database.get_collection(COLLECTION)
        else:
            collection = database.create_collection(
                COLLECTION, fields=fields, encoder=rr.LSAEncoder(dim=LSA_DIM)
            )
        self._collection = collection
        with self._show.stage("index documents, each batch durable") as stage:
            known = {document["id"] for document in self._documents}
            for stale in [identity for identity in collection.ids() if identity not in known]:
                collection.delete(stale)
            missing = [d for d in self._documents if collection.get(d["id"]) != d]
            total = len(missing)
            done = collection.put_many(
                missing, batch_size=BATCH_DOCS, progress=lambda done: stage.advance(done, total)
            )
            stage.detail = f"{done:,} indexed, {len(self._documents) - done:,} were there already"
        with self._show.stage("train the LSA encoder and encode") as stage:
            encoded = collection.fit_encoder(
                progress=lambda name, done, total: stage.advance(done, total, f"LSA: {name}")
            )
            stage.detail = f"{encoded:,} vectors of {LSA_DIM} dimensions made"
        with self._show.stage("flush to a segment file") as stage:
            database.flush()
            stage.detail = f"{database.info()['bytes'] / 1e6:.1f} MB on disk"

    def search(self) -> None:
        """Show some queries, and explain the best hit of the first."""
        collection = self._built()
        for query in self.QUERIES:
            started = time.perf_counter()
            hits = collection.search(query, k=5, mode="hybrid")
            self._show.hits(query, hits, time.perf_counter() - started)
        query = self.QUERIES[0]
        self._show.explained(query, collection.search(query, k=1, mode="hybrid")[0])

    def measure(self) -> None:
        """Show the quality on the judged questions."""
        from rank_retrieve import evaluation

        collection, queries = self._built(), load_queries()
        started = time.perf_counter()
        measured = evaluation.evaluate(
            {mode: CollectionSearch(collection, {"mode": mode}) for mode in MODES},
            {query.id: query.text for query in queries},
            {query.id: query.relevant for query in queries},
            self.METRICS,
        )
        seconds = time.perf_counter() - started
        self._show.quality(measured, seconds, len(MODES) * len(queries))

    def _built(self) -> Collection:
        if self._collection is None:
            raise RuntimeError("build comes first")
        return self._collection
