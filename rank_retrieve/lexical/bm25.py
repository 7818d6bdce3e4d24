"""BM25 over a list of texts, for notebooks: build, search, save, open.

A saved BM25 is a directory with one segment file: section `bm25` is JSON (analyzer and its
fingerprint, k1, b, kind of ids), then the ids (`ids`) and the inverted index of group `text`
(`inverted_index`).
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Sequence, Sized
from functools import cached_property
from typing import TYPE_CHECKING, Any

import msgspec
from numpy.typing import NDArray

from rank_retrieve.analysis import Analyzer, get_analyzer
from rank_retrieve.errors import CorruptionError, FormatVersionError, InvalidArgument
from rank_retrieve.lexical.inverted_index import (
    InvertedIndex,
    section_names,
)
from rank_retrieve.lexical.positions import section_names as position_sections
from rank_retrieve.lexical.queries.match import Match
from rank_retrieve.lexical.queries.query import LexicalQuery
from rank_retrieve.lexical.scoring import BM25Scorer
from rank_retrieve.lexical.searcher import LexicalPart, LexicalSearcher
from rank_retrieve.lexical.text_index import TextIndex
from rank_retrieve.persistence.ids import IdKind, Ids
from rank_retrieve.types import (
    Bitmap,
    Explanation,
    Hits,
    Query,
    Ranked,
    Sections,
    SectionSink,
)

if TYPE_CHECKING:
    from rank_retrieve.lexical.queries import FieldGroup, PreparedQuery
    from rank_retrieve.lexical.scorers import Scorer
    from rank_retrieve.persistence.directory import Directory

KIND = "bm25"
GROUP = "text"
# what the only field is called in queries
FIELD = "text"
VERSION = 1
PROGRESS_TEXTS = 4096
MEMORY_BYTES = 2 << 30
# queries that a thread takes at a time: the GIL changes hands once for all of them
RUN_QUERIES = 32


class _Description(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    analyzer: str
    fingerprint: str
    k1: float
    b: float
    ids: IdKind


class BM25:
    """Lexical retrieval over texts, in memory or saved.

    >>> bm25 = BM25.from_texts(["a cat sat", "dogs run", "the cat ran"], analyzer="simple")
    >>> bm25.search("cat", k=2).ids.tolist()
    [0, 2]
    """

    def __init__(
        self,
        sections: Sections,
        index: InvertedIndex,
        ids: Ids,
        analyzer: Analyzer,
        scorer: BM25Scorer,
    ) -> None:
        self._sections, self._index, self._ids = sections, index, ids
        self.analyzer, self.scorer = analyzer, scorer
        self._searcher = LexicalSearcher([LexicalPart(index)], scorer)

    # ----------------------------------------------------------------- making

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str],
        ids: Sequence[Any] | NDArray[Any] | None = None,
        *,
        k1: float = 1.2,
        b: float = 0.75,
        analyzer: str | Analyzer = "english",
        positions: bool = False,
        progress: Callable[[int, int], None] | None = None,
        memory_bytes: int = MEMORY_BYTES,
        scratch: str | os.PathLike[str] | None = None,
    ) -> BM25:
        """Index texts in order, of any iterable: they are not kept.

        ids: strings, or integers of 64 bits, without duplicates; positions by default.
        k1, b: see `BM25Scorer`.
        analyzer: a name known to `rank_retrieve.analysis`.
        positions: whether to keep where words stand, which `rr.Phrase` needs; the index grows
            by about four fifths.
        progress: called with (texts analysed, texts in all) every 4,096 texts; in all 0 where
            `texts` has no length.
        memory_bytes: about what indexing may take beside the index's distinct terms; texts with
            more tokens than fit are indexed in runs on disk, which are merged at the end, and
            the index is mapped from disk. It is the same index.
        scratch: the folder for runs, by default the system's for temporary files.
        Raises InvalidArgument for texts that are not strings or hold lone surrogates, and for
        the arguments above; OSError where runs cannot be written.
        """
        if isinstance(texts, str):
            raise InvalidArgument("texts", texts, "must be a sequence of strings, not one string")
        scorer = BM25Scorer(k1, b)
        found = get_analyzer(analyzer) if isinstance(analyzer, str) else analyzer
        if isinstance(memory_bytes, bool) or not isinstance(memory_bytes, int) or memory_bytes < 1:
            raise InvalidArgument("memory_bytes", memory_bytes, "must be a positive whole number")
        # before the work, where it can be told then
        id_column = Ids.of(ids, len(texts)) if isinstance(texts, Sized) else None
        with TextIndex(
            found, GROUP, positions=positions, memory_bytes=memory_bytes, scratch=scratch
        ) as made:
            sections = _indexed(made, texts, progress)
        if id_column is None:
            id_column = Ids.of(ids, made.n_texts)
        return cls(sections, InvertedIndex.open(sections, GROUP), id_column, found, scorer)

    @classmethod
    def open(cls, path: str | os.PathLike[str] | Directory) -> BM25:
        """Map a saved retriever.

        Raises NotFound when there is none, CorruptionError and FormatVersionError as every
        reader, and FormatVersionError when its analyzer would cut texts otherwise today.
        """
        from rank_retrieve.persistence.standalone import open_retriever

        sections, description = open_retriever(path, KIND, VERSION, _Description)
        analyzer = get_analyzer(description.analyzer)
        if analyzer.fingerprint != description.fingerprint:
            raise FormatVersionError(
                sections.origin,
                f"analyzer {description.analyzer!r} with fingerprint {description.fingerprint}",
                f"the one with fingerprint {analyzer.fingerprint}: index the texts again",
            )
        index = InvertedIndex.open(sections, GROUP)
        ids = Ids.open(sections, description.ids, index.n_docs)
        try:
            scorer = BM25Scorer(description.k1, description.b)
        except InvalidArgument as error:
            raise CorruptionError(sections.origin, 0, "k1 and b in range", str(error)) from None
        return cls(sections, index, ids, analyzer, scorer)

    def save(self, path: str | os.PathLike[str] | Directory) -> None:
        """Write to a directory, made where absent; atomically replaces what was saved there."""
        from rank_retrieve.persistence.standalone import save_retriever

        description = _Description(
            VERSION, self.analyzer.name, self.analyzer.fingerprint, self.k1, self.b, self._ids.kind
        )
        save_retriever(path, KIND, description, self._write)

    def _write(self, sink: SectionSink) -> None:
        self._ids.write(sink)
        for name in (*section_names(GROUP), *position_sections(GROUP)):
            # what older versions did not write, and what was not asked for
            if name in self._sections:
                sink.add(name, self._sections.section(name))

    # ----------------------------------------------------------------- searching

    def search(
        self,
        query: str | Query | LexicalQuery,
        k: int = 10,
        *,
        allowed: Bitmap | None = None,
        timeout_s: float | None = None,
        scorer: str | BM25Scorer | Scorer | None = None,
    ) -> Hits:
        """The k best texts that hold at least one of the query's terms, or match a query object.

        query: text, a `Query` with text, or a query object such as `rr.Phrase`, also made by
            `rr.parse_query`.
        allowed: positions that may be returned; exactly min(k, matching and allowed) hits
            come back. Equal scores are in order of insertion.
        timeout_s: raise DeadlineExceeded when a query object takes longer.
        scorer: another formula than the retriever's own, for text: a name such as "bm25+" or an
            object, see `rank_retrieve.lexical.scorers`.
        Raises InvalidArgument for k < 1, another kind of query, or a bitmap of another size.
        """
        if scorer is not None:
            return self._search_scored(_query_text(query), k, allowed, scorer)
        if isinstance(query, LexicalQuery):
            if isinstance(query, Match) and query.is_conjunction and timeout_s is None:
                return self._search_all(query, k, allowed)
            return self._search_prepared(self._prepared(query, timeout_s), k, allowed)
        terms = self.analyzer.terms(_query_text(query))
        ranked = self._searcher.search(terms, k, None if allowed is None else [allowed])
        return self._hits(terms, ranked)

    def _hits(self, terms: list[bytes], ranked: Ranked) -> Hits:
        def explain(position: int) -> Explanation:
            return self._searcher.explain(terms, int(ranked.docs[position]))

        return Hits(self._ids.take(ranked.docs), ranked.scores, explain=explain, plan=_PLAN)

    def _search_all(self, query: Match, k: int, allowed: Bitmap | None) -> Hits:
        """The k best texts that hold every word: as prepared, for a fifth of the overhead."""
        terms, masks = self.analyzer.terms(query.text), None if allowed is None else [allowed]
        ranked = self._searcher.search(terms, k, masks, required=terms)

        def explain(position: int) -> Explanation:
            return self._prepared(query).explain(int(ranked.docs[position]))

        return Hits(self._ids.take(ranked.docs), ranked.scores, explain=explain, plan=_PLAN)

    def _search_scored(
        self, text: str, k: int, allowed: Bitmap | None, scorer: str | BM25Scorer | Scorer
    ) -> Hits:
        from rank_retrieve.lexical.scorers.exhaustive import searcher_by

        terms, searcher = self.analyzer.terms(text), searcher_by(self._searcher, scorer)
        ranked = searcher.search(terms, k, None if allowed is None else [allowed])

        def explain(position: int) -> Explanation:
            return searcher.explain(terms, int(ranked.docs[position]))

        plan = {"retriever": "bm25", "scorer": repr(searcher.scorer)}
        return Hits(self._ids.take(ranked.docs), ranked.scores, explain=explain, plan=plan)

    def _prepared(self, query: LexicalQuery, timeout_s: float | None = None) -> PreparedQuery:
        from rank_retrieve.lexical.queries import PreparedQuery

        return PreparedQuery(self._groups, query, timeout_s)

    @cached_property
    def _groups(self) -> list[FieldGroup]:
        from rank_retrieve.lexical.queries import FieldGroup

        return [FieldGroup((FIELD,), (1,), self.analyzer, self._searcher, None)]

    def _search_prepared(self, prepared: PreparedQuery, k: int, allowed: Bitmap | None) -> Hits:
        ranked = prepared.search(k, None if allowed is None else [allowed])

        def explain(position: int) -> Explanation:
            return prepared.explain(int(ranked.docs[position]))

        return Hits(self._ids.take(ranked.docs), ranked.scores, explain=explain, plan=_PLAN)

    def count(
        self,
        query: str | Query | LexicalQuery,
        *,
        allowed: Bitmap | None = None,
        timeout_s: float | None = None,
    ) -> int:
        """How many texts `search` finds for a large enough k.

        Raises InvalidArgument and DeadlineExceeded as `search` does.
        """
        if isinstance(query, LexicalQuery):
            prepared = self._prepared(query, timeout_s)
            return prepared.count(None if allowed is None else [allowed])
        terms = self.analyzer.terms(_query_text(query))
        return self._searcher.count(terms, None if allowed is None else [allowed])

    def search_many(
        self,
        queries: Sequence[str | Query | LexicalQuery],
        k: int = 10,
        *,
        allowed: Bitmap | None = None,
        threads: int | None = None,
    ) -> list[Hits]:
        """`search` for each query, in order, over threads (by default one for each CPU)."""
        if isinstance(queries, str | Query | LexicalQuery):
            raise InvalidArgument("queries", repr(queries), "must be a sequence of queries")
        n_threads = threads if threads is not None else len(os.sched_getaffinity(0))
        if n_threads < 1:
            raise InvalidArgument("threads", n_threads, "must be at least 1")
        runs = [queries[at : at + RUN_QUERIES] for at in range(0, len(queries), RUN_QUERIES)]

        def search_run(run: Sequence[str | Query | LexicalQuery]) -> list[Hits]:
            return self._search_run(run, k, allowed)

        if n_threads == 1 or len(runs) < 2:
            return [hits for run in runs for hits in search_run(run)]
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(n_threads) as executor:
            return [hits for found in executor.map(search_run, runs) for hits in found]

    def _search_run(
        self, queries: Sequence[str | Query | LexicalQuery], k: int, allowed: Bitmap | None
    ) -> list[Hits]:
        """`search` for each query; texts by one call of the kernel."""
        if any(isinstance(query, LexicalQuery) for query in queries):
            return [self.search(query, k, allowed=allowed) for query in queries]
        terms = [self.analyzer.terms(_query_text(query)) for query in queries]
        found = self._searcher.search_many(terms, k, None if allowed is None else [allowed])
        return [self._hits(each, ranked) for each, ranked in zip(terms, found, strict=True)]

    def explain(self, query: str | Query | LexicalQuery, id: Any) -> Explanation:  # noqa: A002
        """The score of one document, term by term.

        Raises NotFound for an unknown id, InvalidArgument for one that a query object does not
        match.
        """
        if isinstance(query, LexicalQuery):
            return self._prepared(query).explain(self._ids.position(id))
        terms = self.analyzer.terms(_query_text(query))
        return self._searcher.explain(terms, self._ids.position(id))

    def position(self, id: Any) -> int:  # noqa: A002
        """Where a document stands in order of insertion. Raises NotFound for an unknown id."""
        return self._ids.position(id)

    def verify(self) -> None:
        """Read the whole index once. Raises CorruptionError for any contradiction."""
        self._index.verify()

    @property
    def k1(self) -> float:
        """See `BM25Scorer`."""
        return self.scorer.k1

    @property
    def b(self) -> float:
        """See `BM25Scorer`."""
        return self.scorer.b

    def __len__(self) -> int:
        return int(self._index.n_docs)

    def __repr__(self) -> str:
        return (
            f"BM25({len(self)} documents, {self._index.n_terms} terms, k1={self.k1:g}, "
            f"b={self.b:g}, analyzer={self.analyzer.name!r})"
        )


_PLAN = {"retriever": "bm25", "strategy": "maxscore"}


def _indexed(
    index: TextIndex, texts: Iterable[str], progress: Callable[[int, int], None] | None
) -> Sections:
    n_texts = len(texts) if isinstance(texts, Sized) else 0
    # the more at a time, the less its two threads wait for each other
    at_once = PROGRESS_TEXTS if progress is not None else 4 * PROGRESS_TEXTS
    rest = iter(texts)
    while batch := list(itertools.islice(rest, at_once)):
        index.add(batch)
        if progress is not None:
            progress(index.n_texts, n_texts)
    return index.sections()


def _query_text(query: object) -> str:
    text = query.text if isinstance(query, Query) else query
    if not isinstance(text, str):
        raise InvalidArgument("query", repr(query), "must be a string, or a Query with text")
    return text
