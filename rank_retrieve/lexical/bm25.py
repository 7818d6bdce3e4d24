"""BM25 over a list of texts, for notebooks: build, search, save, open.

A saved BM25 is a directory with one segment file: section `bm25` is JSON (analyzer and its
fingerprint, k1, b, kind of ids), then the ids (`ids`) and the inverted index of group `text`
(`inverted_index`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from rank_retrieve.analysis import Analyzer, Vocabulary, get_analyzer
from rank_retrieve.errors import CorruptionError, FormatVersionError, InvalidArgument
from rank_retrieve.lexical.invert import ForwardIndex
from rank_retrieve.lexical.inverted_index import (
    InvertedIndex,
    section_names,
    write_inverted_index,
)
from rank_retrieve.lexical.scoring import BM25Scorer
from rank_retrieve.lexical.searcher import LexicalPart, LexicalSearcher
from rank_retrieve.persistence.ids import IdKind, Ids
from rank_retrieve.types import (
    Bitmap,
    Explanation,
    Hits,
    MemorySections,
    Query,
    Sections,
    SectionSink,
)

if TYPE_CHECKING:
    from rank_retrieve.persistence.directory import Directory

KIND = "bm25"
GROUP = "text"
VERSION = 1
PROGRESS_TEXTS = 4096


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
        progress: Callable[[int, int], None] | None = None,
    ) -> BM25:
        """Index texts in order.

        ids: strings, or integers of 64 bits, without duplicates; positions by default.
        k1, b: see `BM25Scorer`.
        analyzer: a name known to `rank_retrieve.analysis`.
        progress: called with (texts analysed, texts in all) every 4,096 texts.
        Raises InvalidArgument for texts that are not strings or hold lone surrogates, and for
        the arguments above.
        """
        if isinstance(texts, str):
            raise InvalidArgument("texts", texts, "must be a sequence of strings, not one string")
        scorer = BM25Scorer(k1, b)
        found = get_analyzer(analyzer) if isinstance(analyzer, str) else analyzer
        given = list(texts)
        id_column = Ids.of(ids, len(given))
        vocabulary = Vocabulary(found)
        forward = _analyze(vocabulary, given, progress)
        sections = MemorySections()
        arena, offsets = vocabulary.arena()
        write_inverted_index(sections, GROUP, forward, arena, offsets, [1], 1)
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
        for name in section_names(GROUP):
            # what older versions did not write
            if name in self._sections:
                sink.add(name, self._sections.section(name))

    # ----------------------------------------------------------------- searching

    def search(self, query: str | Query, k: int = 10, *, allowed: Bitmap | None = None) -> Hits:
        """The k best texts that hold at least one of the query's terms.

        query: text, or a `Query` with text.
        allowed: positions that may be returned; exactly min(k, matching and allowed) hits
            come back. Equal scores are in order of insertion.
        Raises InvalidArgument for k < 1, another kind of query, or a bitmap of another size.
        """
        terms = self.analyzer.terms(_query_text(query))
        ranked = self._searcher.search(terms, k, None if allowed is None else [allowed])

        def explain(position: int) -> Explanation:
            return self._searcher.explain(terms, int(ranked.docs[position]))

        return Hits(self._ids.take(ranked.docs), ranked.scores, explain=explain, plan=_PLAN)

    def count(self, query: str | Query, *, allowed: Bitmap | None = None) -> int:
        """How many texts hold at least one of the query's terms: what a large enough k finds.

        Raises InvalidArgument as `search` does.
        """
        terms = self.analyzer.terms(_query_text(query))
        return self._searcher.count(terms, None if allowed is None else [allowed])

    def search_many(
        self,
        queries: Sequence[str | Query],
        k: int = 10,
        *,
        allowed: Bitmap | None = None,
        threads: int | None = None,
    ) -> list[Hits]:
        """`search` for each query, in order, over threads (by default one for each CPU)."""
        if isinstance(queries, str | Query):
            raise InvalidArgument("queries", repr(queries), "must be a sequence of queries")
        n_threads = threads if threads is not None else len(os.sched_getaffinity(0))
        if n_threads < 1:
            raise InvalidArgument("threads", n_threads, "must be at least 1")
        if n_threads == 1 or len(queries) < 2:
            return [self.search(query, k, allowed=allowed) for query in queries]
        from concurrent.futures import ThreadPoolExecutor

        def search_run(run: Sequence[str | Query]) -> list[Hits]:
            return [self.search(query, k, allowed=allowed) for query in run]

        size = -(-len(queries) // (4 * n_threads))
        runs = [queries[start : start + size] for start in range(0, len(queries), size)]
        with ThreadPoolExecutor(n_threads) as executor:
            return [hits for found in executor.map(search_run, runs) for hits in found]

    def explain(self, query: str | Query, id: Any) -> Explanation:  # noqa: A002
        """The score of one document, term by term. Raises NotFound for an unknown id."""
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


def _analyze(
    vocabulary: Vocabulary, texts: list[str], progress: Callable[[int, int], None] | None
) -> ForwardIndex:
    if progress is None:
        runs = vocabulary.analyze(texts)
        return ForwardIndex(runs.tokens, runs.offsets)
    tokens, offsets, n_tokens = [], [np.zeros(1, dtype=np.int64)], 0
    for start in range(0, len(texts), PROGRESS_TEXTS):
        chunk = texts[start : start + PROGRESS_TEXTS]
        runs = vocabulary.analyze(chunk)
        tokens.append(runs.tokens)
        offsets.append(runs.offsets[1:] + n_tokens)
        n_tokens += len(runs.tokens)
        progress(start + len(chunk), len(texts))
    empty = np.empty(0, dtype=np.int32)
    return ForwardIndex(np.concatenate([empty, *tokens]), np.concatenate(offsets))


def _query_text(query: object) -> str:
    text = query.text if isinstance(query, Query) else query
    if not isinstance(text, str):
        raise InvalidArgument("query", repr(query), "must be a string, or a Query with text")
    return text
