"""LangChain's VectorStore over one collection."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.runnables.config import run_in_executor
from langchain_core.vectorstores import VectorStore

from rank_retrieve.adapters.databases import MEMORY, Place
from rank_retrieve.adapters.diversity import marginal_relevance
from rank_retrieve.adapters.langchain.documents import TEXT, VECTOR, to_ours, to_theirs
from rank_retrieve.adapters.langchain.relevance import relevance_of
from rank_retrieve.adapters.lazy_collection import LazyCollection
from rank_retrieve.adapters.metadata_filter import below
from rank_retrieve.adapters.passages import METADATA
from rank_retrieve.collection import Collection, Database
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.filters import Predicate
from rank_retrieve.fusion import RRF, FusionMethod
from rank_retrieve.types import Hits, Metric

Filter = Mapping[str, Any] | Predicate


class RankRetrieveVectorStore(VectorStore):
    """Documents that are found by their words, their vectors, or both.

    embedding: makes vectors of documents and queries. None: search by words alone.
    path: a directory, ":memory:", or an open `rr.Database`. Stores of one process may share it.
    collection_name: the collection in it, made with the first document.
    mode: "hybrid", "dense" or "lexical"; by default hybrid where there are vectors. Every search
        takes another one as `mode=`.
    metric, index, analyzer: of the vector field and the text field, as `rr.Vector` and `rr.Text`
        have them; they count when the collection is made.
    fusion: joins the legs of a hybrid search, by default `rr.RRF(k=60)`.
    relevance_score_fn: turns a score into a relevance of 0..1, in place of `relevance.py`.

    Writes are durable when they return. Searches also take `filter`, a dict such as
    {"year": {"$gte": 2020}} or an `rr.Filter` over the metadata, and what
    `rr.Collection.search` takes: `fusion`, `candidates`.

    >>> store = RankRetrieveVectorStore.from_texts(["A cat sat.", "A dog ran."], ids=["c", "d"])
    >>> [document.id for document in store.similarity_search("cats")]
    ['c']
    """

    def __init__(
        self,
        embedding: Embeddings | None = None,
        *,
        path: Place = MEMORY,
        collection_name: str = "langchain",
        mode: str | None = None,
        metric: Metric = "cosine",
        index: Any = "exact",
        analyzer: str = "english",
        fusion: FusionMethod | None = None,
        relevance_score_fn: Callable[[float], float] | None = None,
    ) -> None:
        if embedding is not None and not isinstance(embedding, Embeddings):
            raise InvalidArgument(
                "embedding", type(embedding).__name__, "must be a LangChain Embeddings, or None"
            )
        self._embedding, self._mode = embedding, mode
        self._fusion, self._relevance = fusion or RRF(), relevance_score_fn
        self._documents = LazyCollection(
            path,
            collection_name,
            texts=[TEXT],
            vector=VECTOR,
            analyzer=analyzer,
            metric=metric,
            index=index,
        )

    @property
    def embeddings(self) -> Embeddings | None:
        """What makes vectors."""
        return self._embedding

    @property
    def database(self) -> Database:
        """The database underneath, for checkpoints, backups and all else."""
        return self._documents.database

    @property
    def collection(self) -> Collection | None:
        """The collection underneath, None before the first document."""
        return self._documents.existing()

    # ------------------------------------------------------------------ writes

    def add_texts(
        self,
        texts: Iterable[str],
        metadatas: Sequence[Mapping[str, Any] | None] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """Add texts, or replace those with the same ids; the ids, random where none are given."""
        _refuse(kwargs)
        texts = list(texts)
        documents = to_ours(texts, metadatas, ids)
        vectors = self._embedding.embed_documents(texts) if self._embedding and texts else None
        return self._put(documents, vectors)

    async def aadd_texts(
        self,
        texts: Iterable[str],
        metadatas: Sequence[Mapping[str, Any] | None] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,
    ) -> list[str]:
        """`add_texts`: the embedding is awaited, the write runs on a thread."""
        _refuse(kwargs)
        texts = list(texts)
        documents = to_ours(texts, metadatas, ids)
        vectors = None
        if self._embedding and texts:
            vectors = await self._embedding.aembed_documents(texts)
        return await run_in_executor(None, self._put, documents, vectors)

    def _put(
        self, documents: list[dict[str, Any]], vectors: Sequence[Sequence[float]] | None
    ) -> list[str]:
        if vectors is not None:
            if len(vectors) != len(documents):
                raise InvalidArgument(
                    "embedding", len(vectors), f"must make {len(documents)} vectors, one a text"
                )
            for document, vector in zip(documents, vectors, strict=True):
                document[VECTOR] = vector
        self._documents.put(documents)
        return [document["id"] for document in documents]

    def delete(self, ids: Sequence[str] | None = None, **kwargs: Any) -> bool:
        """Delete by id in one atomic batch, or everything when no ids are given."""
        _refuse(kwargs)
        if ids is None:
            self._documents.clear()
        else:
            self._documents.delete(list(ids))
        return True

    async def adelete(self, ids: Sequence[str] | None = None, **kwargs: Any) -> bool:
        """`delete`, on a thread."""
        return await run_in_executor(None, self.delete, ids, **kwargs)

    def delete_collection(self) -> None:
        """Remove the collection itself; the next document makes it anew."""
        self._documents.drop()

    def close(self) -> None:
        """Let go of the database, which is closed with the last store that uses its path."""
        self._documents.close()

    # ------------------------------------------------------------------ reads

    def get_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """The documents with these ids that are there, in this order."""
        found = self._documents.existing()
        if found is None:
            return []
        documents = (found.get(identity) for identity in ids)
        return [to_theirs(document) for document in documents if document is not None]

    async def aget_by_ids(self, ids: Sequence[str], /) -> list[Document]:
        """`get_by_ids`, on a thread."""
        return await run_in_executor(None, self.get_by_ids, ids)

    def similarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """The k best documents for a query; the class says what else may be given."""
        return _documents_of(self._hits(query, k, **kwargs))

    async def asimilarity_search(self, query: str, k: int = 4, **kwargs: Any) -> list[Document]:
        """`similarity_search`: the embedding is awaited, the search runs on a thread."""
        return _documents_of(await self._ahits(query, k, **kwargs))

    def similarity_search_with_score(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """The k best documents with the engine's scores: higher is better in every mode."""
        return _scored(self._hits(query, k, **kwargs))

    async def asimilarity_search_with_score(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        """`similarity_search_with_score`, awaited as `asimilarity_search`."""
        return _scored(await self._ahits(query, k, **kwargs))

    def similarity_search_by_vector(
        self, embedding: Sequence[float], k: int = 4, **kwargs: Any
    ) -> list[Document]:
        """The k documents whose vectors are most similar to one."""
        return _documents_of(self._dense(embedding, k, **kwargs))

    async def asimilarity_search_by_vector(
        self, embedding: Sequence[float], k: int = 4, **kwargs: Any
    ) -> list[Document]:
        """`similarity_search_by_vector`, on a thread."""
        return await run_in_executor(
            None, self.similarity_search_by_vector, embedding, k=k, **kwargs
        )

    def max_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        **kwargs: Any,
    ) -> list[Document]:
        """The fetch_k documents nearest to a query, of which k that are unlike each other.

        lambda_mult: 1 for relevance only, 0 for diversity only.
        """
        vector = self._needed().embed_query(query)
        return self.max_marginal_relevance_search_by_vector(
            vector, k, fetch_k, lambda_mult, **kwargs
        )

    async def amax_marginal_relevance_search(
        self,
        query: str,
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        **kwargs: Any,
    ) -> list[Document]:
        """`max_marginal_relevance_search`, awaited as `asimilarity_search`."""
        vector = await self._needed().aembed_query(query)
        return await self.amax_marginal_relevance_search_by_vector(
            vector, k, fetch_k, lambda_mult, **kwargs
        )

    def max_marginal_relevance_search_by_vector(
        self,
        embedding: Sequence[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        **kwargs: Any,
    ) -> list[Document]:
        """`max_marginal_relevance_search` for a vector."""
        hits = self._dense(embedding, max(k, fetch_k), **kwargs)
        if not hits:
            return []
        found = [hit.document for hit in hits]
        rows = np.array([document[VECTOR] for document in found], dtype=np.float32)
        query = np.asarray(embedding, dtype=np.float32)
        chosen, _ = marginal_relevance(query, rows, k, lambda_mult)
        return [to_theirs(found[row]) for row in chosen]

    async def amax_marginal_relevance_search_by_vector(
        self,
        embedding: Sequence[float],
        k: int = 4,
        fetch_k: int = 20,
        lambda_mult: float = 0.5,
        **kwargs: Any,
    ) -> list[Document]:
        """`max_marginal_relevance_search_by_vector`, on a thread."""
        return await run_in_executor(
            None,
            self.max_marginal_relevance_search_by_vector,
            embedding,
            k=k,
            fetch_k=fetch_k,
            lambda_mult=lambda_mult,
            **kwargs,
        )

    # ------------------------------------------------------------------ relevance

    def _similarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        return self._relevant(self._hits(query, k, **kwargs), kwargs)

    async def _asimilarity_search_with_relevance_scores(
        self, query: str, k: int = 4, **kwargs: Any
    ) -> list[tuple[Document, float]]:
        return self._relevant(await self._ahits(query, k, **kwargs), kwargs)

    def _relevant(self, hits: Hits | None, options: dict[str, Any]) -> list[tuple[Document, float]]:
        if not hits:
            return []
        relevance = self._relevance
        if relevance is None:
            # the mode is known when the search has run
            fusion = options.get("fusion") or self._fusion
            relevance = relevance_of(hits.plan["mode"], self._stored_metric(), fusion)
        return [(document, relevance(score)) for document, score in _scored(hits)]

    def _select_relevance_score_fn(self) -> Callable[[float], float]:
        if self._relevance is not None:
            return self._relevance
        mode = self._mode or ("hybrid" if self._embedding is not None else "lexical")
        return relevance_of(mode, self._stored_metric(), self._fusion)

    def _stored_metric(self) -> Metric:
        found = self._documents.existing()
        field = None if found is None else found.schema.vectors.get(VECTOR)
        return "cosine" if field is None else field.metric

    # ------------------------------------------------------------------ search

    def _needed(self) -> Embeddings:
        if self._embedding is None:
            raise InvalidArgument(
                "embedding", None, "this search needs vectors", "pass one to the vector store"
            )
        return self._embedding

    def _embeds(self, mode: str | None) -> bool:
        """Whether a search in a mode needs the vector of its query."""
        return self._embedding is not None and mode != "lexical" and self._documents.has_vectors()

    def _hits(self, query: str, k: int, *, mode: str | None = None, **options: Any) -> Hits | None:
        mode = mode or self._mode
        vector = self._needed().embed_query(query) if self._embeds(mode) else None
        return self._run(query, k, vector, mode, **options)

    async def _ahits(
        self, query: str, k: int, *, mode: str | None = None, **options: Any
    ) -> Hits | None:
        mode = mode or self._mode
        vector = await self._needed().aembed_query(query) if self._embeds(mode) else None
        return await run_in_executor(None, self._run, query, k, vector, mode, **options)

    def _dense(self, vector: Sequence[float], k: int, **options: Any) -> Hits | None:
        return self._run(None, k, vector, "dense", **options)

    def _run(
        self,
        text: str | None,
        k: int,
        vector: Sequence[float] | None,
        mode: Any,
        *,
        filter: Filter | None = None,  # noqa: A002 - LangChain's name
        fusion: FusionMethod | None = None,
        candidates: int | None = None,
    ) -> Hits | None:
        where = below(METADATA, filter)
        found = self._documents.existing()
        if found is None:
            return None
        if fusion is None and mode in (None, "hybrid") and text is not None and vector is not None:
            fusion = self._fusion
        return found.search(
            text, k, vector=vector, mode=mode, where=where, fusion=fusion, candidates=candidates
        )

    # ------------------------------------------------------------------ construction

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str],
        embedding: Embeddings | None = None,
        metadatas: Sequence[Mapping[str, Any] | None] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,
    ) -> RankRetrieveVectorStore:
        """A store with these texts in it; further arguments are those of the class."""
        store = cls(embedding, **kwargs)
        store.add_texts(texts, metadatas, ids=ids)
        return store

    @classmethod
    async def afrom_texts(
        cls,
        texts: Iterable[str],
        embedding: Embeddings | None = None,
        metadatas: Sequence[Mapping[str, Any] | None] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        **kwargs: Any,
    ) -> RankRetrieveVectorStore:
        """`from_texts`, awaited."""
        store = await run_in_executor(None, lambda: cls(embedding, **kwargs))
        await store.aadd_texts(texts, metadatas, ids=ids)
        return store


def _documents_of(hits: Hits | None) -> list[Document]:
    return [to_theirs(hit.document) for hit in hits or ()]


def _scored(hits: Hits | None) -> list[tuple[Document, float]]:
    return [(to_theirs(hit.document), hit.score) for hit in hits or ()]


def _refuse(options: Mapping[str, Any]) -> None:
    for name in options:
        raise TypeError(f"unexpected argument {name!r}")
