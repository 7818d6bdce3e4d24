"""What a collection and a snapshot of it can be asked alike."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, overload

from rank_retrieve.collection.aggregating import Aggregator, check_limit, facet_paths
from rank_retrieve.collection.assisting import Assisting
from rank_retrieve.collection.asynchronous import AsyncThreads, awaited
from rank_retrieve.collection.finding import FindRequest, Page, find
from rank_retrieve.collection.live import LiveSegment
from rank_retrieve.collection.request import Mode, SearchRequest
from rank_retrieve.collection.search import Searcher
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical.queries.query import LexicalQuery
from rank_retrieve.types import Hits, Query

if TYPE_CHECKING:
    from rank_retrieve.evaluation import FusionFit
    from rank_retrieve.filters import Predicate
    from rank_retrieve.filters.facets import Facet
    from rank_retrieve.filters.statistics import Statistics
    from rank_retrieve.fusion import FusionMethod
    from rank_retrieve.lexical.scorers import Scorer
    from rank_retrieve.lexical.scoring import BM25Scorer
    from rank_retrieve.rerankers import Rerank


class Reading(Assisting):
    """Searches, and questions about metadata. `_look` says what is read."""

    @abstractmethod
    def _look(self) -> Searcher:
        """What searches the documents as they are now."""

    @property
    @abstractmethod
    def _threads(self) -> AsyncThreads:
        """Where calls run that are awaited."""

    def _run(self, request: SearchRequest) -> Hits:
        """`search`, for a request that was made before."""
        return self._look().run(request)

    # ------------------------------------------------------------------ ranked

    def search(
        self,
        query: str | Query | LexicalQuery | None = None,
        k: int = 10,
        *,
        vector: Any = None,
        mode: Mode | None = None,
        where: Mapping[str, Any] | Predicate | None = None,
        fusion: FusionMethod | None = None,
        candidates: int | None = None,
        field: str | None = None,
        complete: bool = False,
        rerank: Rerank | Sequence[Rerank] | None = None,
        offset: int = 0,
        min_score: float | None = None,
        sort: str | Sequence[str] | None = None,
        group_by: str | None = None,
        group_size: int = 1,
        fields: Sequence[str] | None = None,
        with_vectors: bool = True,
        timeout_s: float | None = None,
        ef_search: int | None = None,
        n_probe: int | None = None,
        scorer: str | BM25Scorer | Scorer | None = None,
    ) -> Hits:
        """The k best documents for a query.

        query: text, an `rr.Query` with text, a vector, or both, or a query object such as
            `rr.Phrase`, also made by `rr.parse_query`, for the lexical leg; the dense leg then
            encodes its words.
        k: at most this many hits; fewer only when fewer documents match.
        vector: float array [dim] for the dense leg, in place of what the encoder makes. A dict
            {field: array} searches several vector fields at once, each a leg of the fusion.
        mode: "lexical", "dense" or "hybrid"; by default hybrid when both legs are possible,
            else the one that is.
        where: a filter as a Mongo-like dict, or built with `rr.Filter`.
        fusion: how a hybrid search joins its legs, by default `rr.RRF(k=60)`.
        candidates: how deep each leg of a hybrid search goes, and how many documents a rerank,
            sort or grouping sees. By default max(64, 2 * k), and max(100, 10 * k) with one of
            these; but all for the sort of a lexical search, and as many as it takes for the
            groups of a search with one leg.
        field: the vector field to search, where there are several.
        complete: whether a hybrid search asks each leg for the scores of what only others found.
        rerank: a stage after the search, such as `rr.MMR()`, a function (query, candidates) ->
            scores, or several; they see the first `candidates` documents.
        offset: pass over so many hits, or groups: the next page. Pages of a hybrid search lie
            within its candidates; take them from one snapshot to have them fit together.
        min_score: leave out hits with a lower score.
        sort: order the candidates by metadata instead of score: a path, "-" before it for the
            largest first, or several; equal ones by score.
        group_by: return k groups of hits that share the value of this path, see `Hits.groups`.
        group_size: the best so many of each group.
        fields: what `hit.document` holds beside the id: dotted paths, by default everything.
        with_vectors: whether it holds vectors.
        ef_search: candidates of a field with an HNSW index; by default what its options say.
        n_probe: lists of a field with an IVF-PQ index that are looked at; the same.
        timeout_s: raise DeadlineExceeded when the lexical leg takes longer.
        scorer: how the lexical leg scores text, by default `rr.BM25Scorer()`: another of it, or a
            formula of another library, such as "bm25+"; see `rank_retrieve.lexical.scorers`.

        Raises InvalidArgument for values that don't fit, DimensionMismatch for a vector of
        another length, CorruptionError where stored bytes are damaged.
        """
        return self._run(
            SearchRequest(
                query, k, vector, mode, where, fusion, candidates, field,
                complete=complete, rerank=rerank, offset=offset, min_score=min_score, sort=sort,
                group_by=group_by, group_size=group_size, fields=fields, with_vectors=with_vectors,
                timeout_s=timeout_s, ef_search=ef_search, n_probe=n_probe,
                scorer=scorer,
            )
        )  # fmt: skip

    def search_many(
        self,
        queries: Sequence[str | Query | LexicalQuery],
        k: int = 10,
        *,
        threads: int | None = None,
        **options: Any,
    ) -> list[Hits]:
        """`search` for each query on one snapshot, in parallel: kernels release the GIL.

        threads: how many, by default one for each core. options: as for `search`.
        """
        if isinstance(queries, str | Query | LexicalQuery) or not isinstance(queries, Sequence):
            raise InvalidArgument(
                "queries", type(queries).__name__, "must be a sequence of queries"
            )
        if threads is not None and (not isinstance(threads, int) or threads < 1):
            raise InvalidArgument("threads", threads, "must be a whole number of at least 1")
        requests = [SearchRequest(query, k, **options) for query in queries]
        run = self._look().run
        workers = threads or os.cpu_count() or 1
        if workers == 1 or len(requests) < 2:
            return [run(request) for request in requests]
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(run, requests))

    asearch = awaited(search)

    async def asearch_many(
        self, queries: Sequence[str | Query | LexicalQuery], k: int = 10, **options: Any
    ) -> list[Hits]:
        """`search_many`, awaited: the event loop goes on meanwhile."""
        return await self._threads.run(self.search_many, queries, k, **options)

    def tune(
        self,
        recall: float = 0.95,
        k: int = 10,
        *,
        field: str | None = None,
        queries: Any = None,
        sample: int = 200,
        seed: int = 0,
    ) -> dict[str, Any]:
        """The least `ef_search` or `n_probe` that reaches a recall, measured beside the exact scan.

        recall: share of the true k nearest, above 0 and at most 1.
        field: the vector field, where there are several.
        queries: [n, dim] typical queries; without any, `sample` of the stored vectors, each of
            which is then not counted among its own neighbours. Queries unlike the stored vectors
            need more than those.
        Returns {"field", "ef_search" or "n_probe", "recall", "target", "k", "queries"}: give the
        setting to `search`. Recall may be less than the target where no setting reaches it. There
        is no setting where nothing is missed. Raises InvalidArgument.
        """
        from rank_retrieve.collection.measuring import tuned

        return tuned(self._look(), recall, k, field, queries, sample, seed)

    # ------------------------------------------------------------------ by metadata

    def search_legs(
        self, query: str | Query | LexicalQuery | None = None, k: int = 100, **options: Any
    ) -> dict[str, Hits]:
        """The k best documents of each leg of a search, before they are fused.

        options: as for `search`, as far as they say what the legs look for: vector, mode, where,
            field and the like. The order of the legs is that of a fusion's weights.
        """
        from rank_retrieve.collection.judging import leg_hits

        return leg_hits(self._look(), SearchRequest(query, k, **options))

    def fit_fusion(
        self,
        queries: Mapping[str, str | Query],
        qrels: Mapping[str, Mapping[str, int]],
        metric: str = "nDCG@10",
        *,
        candidates: int = 64,
        methods: Sequence[FusionMethod] | None = None,
        folds: int = 5,
        seed: int = 0,
        **options: Any,
    ) -> FusionFit:
        """Which fusion suits this collection, by judged queries; needs the evaluation extra.

        Pass `fit.method` as `search(fusion=...)`; `print(fit)` says what it is worth on queries
        that did not choose it. See `rank_retrieve.evaluation.fit_fusion`.

        queries: query id -> text, or an `rr.Query` with a vector. Those without a relevant
            document in qrels are left out.
        qrels: query id -> document id -> grade, above zero is relevant.
        candidates: how deep each leg goes; search with as many later.
        options: as for `search`, such as where.
        """
        from rank_retrieve.collection.judging import fit_fusion

        return fit_fusion(
            self._look(), queries, qrels, metric, candidates, options,
            methods=methods, folds=folds, seed=seed,
        )  # fmt: skip

    def find(
        self,
        where: Mapping[str, Any] | Predicate | None = None,
        *,
        sort: str | Sequence[str] | None = None,
        limit: int = 100,
        offset: int = 0,
        after: str | None = None,
        fields: Sequence[str] | None = None,
        with_vectors: bool = True,
    ) -> Page:
        """The documents that a filter lets through, in an order, a page of them.

        sort: a path, "-" before it for the largest first, or several; equal ones by id, documents
            without a value last. Without a sort, in order of insertion.
        limit: documents a page. offset: pass over so many.
        after: the `next` of the page before. Sorted pages then neither repeat nor skip a document
            that stays as it is, whatever is written meanwhile; unsorted ones in a snapshot.
        fields, with_vectors: what the documents hold, as for `search`.

        Raises InvalidArgument.
        """
        return find(
            self._look(), FindRequest(where, sort, limit, offset, after, fields, with_vectors)
        )

    def count(
        self,
        where: Mapping[str, Any] | Predicate | None = None,
        *,
        query: str | Query | LexicalQuery | None = None,
        timeout_s: float | None = None,
    ) -> int:
        """How many documents there are, or how many a filter lets through.

        query: count only documents that a lexical search for it would find.
        timeout_s: raise DeadlineExceeded when the query takes longer.
        """
        if query is not None:
            request = SearchRequest(query, mode="lexical", where=where, timeout_s=timeout_s)
            return self._look().count(request)
        return sum(len(bitmap) for bitmap in self._look().matching(where))

    @overload
    def facets(
        self,
        path: str,
        *,
        where: Mapping[str, Any] | Predicate | None = None,
        query: str | Query | LexicalQuery | None = None,
        limit: int | None = None,
    ) -> list[Facet]: ...
    @overload
    def facets(
        self,
        path: list[str] | tuple[str, ...],
        *,
        where: Mapping[str, Any] | Predicate | None = None,
        query: str | Query | LexicalQuery | None = None,
        limit: int | None = None,
    ) -> dict[str, list[Facet]]: ...
    def facets(
        self,
        path: str | list[str] | tuple[str, ...],
        *,
        where: Mapping[str, Any] | Predicate | None = None,
        query: str | Query | LexicalQuery | None = None,
        limit: int | None = None,
    ) -> list[Facet] | dict[str, list[Facet]]:
        """How many documents hold each value of a path: (value, count), most frequent first.

        path: of metadata or the id; for a list of paths, a dict with the facets of each.
        where: count only documents that a filter lets through.
        query: count only documents that a lexical search for it would find.
        limit: the most frequent so many.

        An array counts for each of its elements, once for a document, so a facet counts what
        `{path: value}` finds. Raises InvalidArgument.
        """
        check_limit(limit)
        if isinstance(path, str):
            return Aggregator(self._look(), where, query).facets(path, "path", limit)
        several = facet_paths(path)
        found = Aggregator(self._look(), where, query)
        return {str(each): found.facets(each, f"path.{i}", limit) for i, each in enumerate(several)}

    def distinct(
        self,
        path: str,
        *,
        where: Mapping[str, Any] | Predicate | None = None,
        query: str | Query | LexicalQuery | None = None,
    ) -> list[Any]:
        """The different values of a path, ascending, kind by kind; as for `facets`."""
        return Aggregator(self._look(), where, query).distinct(path)

    def stats(
        self,
        path: str,
        *,
        where: Mapping[str, Any] | Predicate | None = None,
        query: str | Query | LexicalQuery | None = None,
    ) -> Statistics:
        """Count, least, greatest, sum and mean of a path's values; as for `facets`."""
        return Aggregator(self._look(), where, query).statistics(path)

    def min_max(
        self,
        path: str,
        *,
        where: Mapping[str, Any] | Predicate | None = None,
        query: str | Query | LexicalQuery | None = None,
    ) -> tuple[Any, Any] | None:
        """The least and the greatest value of a path, None where there is none."""
        found = self.stats(path, where=where, query=query)
        return (found.min, found.max) if found.count else None

    afind = awaited(find)
    acount = awaited(count)
    adistinct = awaited(distinct)
    astats = awaited(stats)
    amin_max = awaited(min_max)

    async def afacets(
        self, path: str | list[str] | tuple[str, ...], **options: Any
    ) -> list[Facet] | dict[str, list[Facet]]:
        """`facets`, awaited: the event loop goes on meanwhile."""
        facets: Callable[..., list[Facet] | dict[str, list[Facet]]] = self.facets
        return await self._threads.run(facets, path, **options)

    # ------------------------------------------------------------------ all

    def ids(self, where: Mapping[str, Any] | Predicate | None = None) -> Iterator[str]:
        """The ids of live documents in order of insertion, all or those that a filter lets by."""
        return (part.segment.id(doc) for part, doc in self._matching(where))

    def documents(
        self, where: Mapping[str, Any] | Predicate | None = None
    ) -> Iterator[dict[str, Any]]:
        """The live documents as they were put in order of insertion, all or those of a filter."""
        return (part.segment.document(doc) for part, doc in self._matching(where))

    def _matching(
        self, where: Mapping[str, Any] | Predicate | None
    ) -> Iterator[tuple[LiveSegment, int]]:
        searcher = self._look()
        matching = zip(searcher.parts, searcher.matching(where), strict=True)
        return ((part, doc) for part, docs in matching for doc in docs.to_docs().tolist())
