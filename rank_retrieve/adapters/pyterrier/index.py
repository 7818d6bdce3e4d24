"""PyTerrier's artifact and indexer over one collection."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

import pyterrier as pt

from rank_retrieve.adapters.databases import MEMORY, Place
from rank_retrieve.adapters.lazy_collection import LazyCollection
from rank_retrieve.adapters.pyterrier.retriever import DOCNO, RankRetrieveRetriever
from rank_retrieve.collection import Collection, Database
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Metric

DOC_VEC = "doc_vec"
BATCH_DOCS = 1_000


class RankRetrieveIndex(pt.Artifact):
    """An index on disk or in memory, and the maker of what reads and writes it.

    path: a directory, ":memory:", or an open `rr.Database`.
    collection_name: the collection in it, made with the first document.
    text_fields: which fields of a document are searched; all others are stored.
    metric, index, analyzer: of the vectors in `doc_vec` and of the texts, as `rr.Vector` and
        `rr.Text` have them; they count when the collection is made.

    >>> index = RankRetrieveIndex()
    >>> _ = index.index([{"docno": "c", "text": "A cat sat."}, {"docno": "d", "text": "A dog."}])
    >>> index.bm25().search("cats")[["docno", "rank"]].values.tolist()
    [['c', 0]]
    """

    ARTIFACT_TYPE = "sparse_index"
    ARTIFACT_FORMAT = "rank_retrieve"
    ARTIFACT_PACKAGE_HINT = "rank-retrieve[pyterrier]"

    def __init__(
        self,
        path: Place = MEMORY,
        *,
        collection_name: str = "pyterrier",
        text_fields: Sequence[str] = ("text",),
        metric: Metric = "cosine",
        index: Any = "exact",
        analyzer: str = "english",
    ) -> None:
        where = path.path if isinstance(path, Database) else path
        super().__init__(pt.Artifact.NO_PATH if path == MEMORY else str(where))
        self._documents = LazyCollection(
            path,
            collection_name,
            texts=text_fields,
            vector=DOC_VEC,
            analyzer=analyzer,
            metric=metric,
            index=index,
        )

    @property
    def collection(self) -> Collection | None:
        """The collection underneath, None before the first document."""
        return self._documents.existing()

    @property
    def database(self) -> Database:
        """The database underneath, for checkpoints, backups and all else."""
        return self._documents.database

    def __len__(self) -> int:
        """How many documents there are."""
        found = self.collection
        return 0 if found is None else len(found)

    def close(self) -> None:
        """Let go of the database, which is closed with the last index that uses its path."""
        self._documents.close()

    # ------------------------------------------------------------------ writing

    def indexer(self, *, fields: Sequence[str] | None = None) -> RankRetrieveIndexer:
        """A transformer that ends an indexing pipeline; see `RankRetrieveIndexer`."""
        return RankRetrieveIndexer(self, fields=fields)

    def index(self, documents: Iterable[dict[str, Any]]) -> RankRetrieveIndex:
        """Add documents, or replace those with the same docno; the index itself."""
        return self.indexer().index(documents)

    # ------------------------------------------------------------------ reading

    def retriever(self, **settings: Any) -> RankRetrieveRetriever:
        """A retriever; the settings are those of `RankRetrieveRetriever`."""
        return RankRetrieveRetriever(self, **settings)

    def bm25(self, **settings: Any) -> RankRetrieveRetriever:
        """A retriever by words: qid, query to qid, query, docno, score, rank."""
        return self.retriever(mode="lexical", **settings)

    def dense(self, **settings: Any) -> RankRetrieveRetriever:
        """A retriever by vectors: qid, query_vec to the same with docno, score, rank."""
        return self.retriever(mode="dense", **settings)

    def hybrid(self, **settings: Any) -> RankRetrieveRetriever:
        """A retriever by both: qid, query, query_vec to the same with docno, score, rank."""
        return self.retriever(mode="hybrid", **settings)


class RankRetrieveIndexer(pt.Indexer):
    """Puts what a pipeline gives it into an index.

    Documents have a `docno`, text fields, maybe a vector in `doc_vec`, and anything else, which
    is stored. fields: store only these, besides docno, texts and vector.
    """

    # looked for online where it is not given
    schematic: ClassVar[dict[str, str | None]] = {"label": "Indexer", "help_url": None}

    def __init__(self, index: RankRetrieveIndex, *, fields: Sequence[str] | None = None) -> None:
        self.artifact, self.fields = index, fields

    def index_inputs(self) -> list[list[str]]:
        """The columns that it needs, and those that it also understands."""
        texts = list(self.artifact._documents.texts)
        return [[DOCNO, *texts], [DOCNO, *texts, DOC_VEC]]

    def index(self, iter: Iterable[dict[str, Any]], **kwargs: Any) -> RankRetrieveIndex:  # noqa: A002
        """Add documents, or replace those with the same docno, a thousand to an atomic batch.

        Raises InvalidArgument for a document without a docno, or that cannot be stored.
        """
        batch: list[dict[str, Any]] = []
        for document in self._ours(iter):
            batch.append(document)
            if len(batch) == BATCH_DOCS:
                self.artifact._documents.put(batch)
                batch = []
        self.artifact._documents.put(batch)
        return self.artifact

    def _ours(self, documents: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        kept = None
        if self.fields is not None:
            kept = {*self.fields, *self.artifact._documents.texts, DOC_VEC}
        for document in documents:
            if DOCNO not in document or "id" in document:
                raise InvalidArgument(
                    "document", sorted(map(str, document))[:8], "must have a docno, and no id"
                )
            yield {
                "id": str(document[DOCNO]),
                **{
                    name: value
                    for name, value in document.items()
                    if name != DOCNO and (kept is None or name in kept)
                },
            }

    def __repr__(self) -> str:
        return f"RankRetrieveIndexer({self.artifact!r})"
