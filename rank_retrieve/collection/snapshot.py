"""A collection as it stood at one moment: what every search runs on."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rank_retrieve.collection.live import LiveSegment
from rank_retrieve.collection.owner import Owner
from rank_retrieve.collection.record import check_id
from rank_retrieve.collection.request import Mode, SearchRequest
from rank_retrieve.collection.schema import Schema
from rank_retrieve.collection.search import Searcher
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Encoder, Hits, Query

if TYPE_CHECKING:
    from rank_retrieve.filters import Predicate
    from rank_retrieve.fusion import FusionMethod


class Snapshot:
    """Repeatable reads: later writes, flushes and compactions don't show here.

    A snapshot may be shared by threads, and outlives its database's handle. Closing it (or
    leaving its `with` block) lets go of the segments it holds.

    generation: of the published state that it was taken from.
    """

    def __init__(
        self,
        schema: Schema,
        parts: Sequence[LiveSegment],
        encoder: Encoder | None,
        encoder_field: str | None,
        owner: Owner,
        generation: int,
    ) -> None:
        self._searcher: Searcher | None = Searcher(schema, parts, encoder, encoder_field)
        self._owner = owner
        self.generation = generation

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._searcher is None

    def _open(self) -> Searcher:
        self._owner.check()
        searcher = self._searcher  # once: another thread may close it meanwhile
        if searcher is None:
            raise InvalidArgument("snapshot", "closed", "was closed", "take a new one")
        return searcher

    def search(
        self,
        query: str | Query | None = None,
        k: int = 10,
        *,
        vector: Any = None,
        mode: Mode | None = None,
        where: Mapping[str, Any] | Predicate | None = None,
        fusion: FusionMethod | None = None,
        candidates: int | None = None,
        field: str | None = None,
    ) -> Hits:
        """The k best documents for a query.

        query: text, or an `rr.Query` with text, a vector, or both.
        k: at most this many hits; fewer only when fewer documents match.
        vector: float array [dim] for the dense leg, in place of what the encoder makes.
        mode: "lexical", "dense" or "hybrid"; by default hybrid when both legs are possible,
            else the one that is.
        where: a filter as a Mongo-like dict, or built with `rr.Filter`.
        fusion: how a hybrid search joins its legs, by default `rr.RRF(k=60)`.
        candidates: how deep each leg of a hybrid search goes; by default max(100, 10 * k).
        field: the vector field to search, where there are several.

        Raises InvalidArgument for values that don't fit, DimensionMismatch for a vector of
        another length, CorruptionError where stored bytes are damaged.
        """
        return self._run(SearchRequest(query, k, vector, mode, where, fusion, candidates, field))

    def _run(self, request: SearchRequest) -> Hits:
        """`search`, for a request that was made before."""
        return self._open().run(request)

    def search_many(
        self,
        queries: Sequence[str | Query],
        k: int = 10,
        *,
        threads: int | None = None,
        **options: Any,
    ) -> list[Hits]:
        """`search` for each query, in parallel: kernels release the GIL.

        threads: how many, by default one for each core. options: as for `search`.
        """
        if isinstance(queries, str | Query) or not isinstance(queries, Sequence):
            raise InvalidArgument(
                "queries", type(queries).__name__, "must be a sequence of queries"
            )
        if threads is not None and (not isinstance(threads, int) or threads < 1):
            raise InvalidArgument("threads", threads, "must be a whole number of at least 1")
        requests = [SearchRequest(query, k, **options) for query in queries]
        workers = threads or os.cpu_count() or 1
        if workers == 1 or len(requests) < 2:
            return [self._run(request) for request in requests]
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(self._run, requests))

    def count(self, where: Mapping[str, Any] | Predicate | None = None) -> int:
        """How many documents there are, or how many a filter lets through."""
        return sum(len(bitmap) for bitmap in self._open().matching(where))

    def get(self, document_id: str) -> dict[str, Any] | None:
        """The document with this id as it was put, or None."""
        check_id(document_id)
        for part in reversed(self._open().parts):
            doc = part.segment.ids.find(document_id)
            if doc >= 0 and part.is_live(doc):
                return part.segment.document(doc)
        return None

    def __contains__(self, document_id: object) -> bool:
        if not isinstance(document_id, str):
            return False
        return any(
            (doc := part.segment.ids.find(document_id)) >= 0 and part.is_live(doc)
            for part in self._open().parts
        )

    def __len__(self) -> int:
        """How many documents are alive."""
        return sum(part.n_live for part in self._open().parts)

    def ids(self) -> Iterator[str]:
        """The ids of live documents, in order of insertion."""
        for part in self._open().parts:
            for doc in range(part.segment.n_docs):
                if part.is_live(doc):
                    yield part.segment.id(doc)

    def documents(self) -> Iterator[dict[str, Any]]:
        """The live documents as they were put, in order of insertion."""
        for part in self._open().parts:
            for doc in range(part.segment.n_docs):
                if part.is_live(doc):
                    yield part.segment.document(doc)

    def close(self) -> None:
        """Let go of the segments."""
        self._searcher = None

    def __enter__(self) -> Snapshot:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
