"""One conformance suite for every retriever: subclass it, build yours, run pytest.

    class TestMine(RetrieverContract):
        def build(self, texts, vectors, ids):
            return Mine.from_texts(texts, ids=ids)

The corpus has documents that are exact copies of each other, so that ties occur, and both forms
of every document and query, so that lexical, dense and hybrid retrievers run the same tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Bitmap, Float32s, Hits, Query, Retriever

N_DOCUMENTS = 60
DIM = 8
_WORDS = ("amber", "birch", "cedar", "dune", "ember", "fjord", "grove", "heath", "islet", "juniper")


def contract_corpus(n: int) -> tuple[list[str], Float32s]:
    """Texts of 3 to 9 known words and vectors of DIM, n of each; documents have exact copies."""
    generator = np.random.default_rng(7)
    n_distinct = max(1, n // 2)
    texts = [
        " ".join(generator.choice(_WORDS, size=int(size)))
        for size in generator.integers(3, 10, size=n_distinct)
    ]
    vectors = generator.integers(1, 6, size=(n_distinct, DIM)).astype(np.float32)
    return (
        [texts[position % n_distinct] for position in range(n)],
        np.ascontiguousarray(vectors[np.arange(n) % n_distinct]),
    )


def contract_ids(n: int) -> list[str]:
    """Ids whose alphabetical order is not the order of insertion."""
    return [f"doc-{(position * 37) % 101:03d}-{position}" for position in range(n)]


def contract_queries() -> list[Query]:
    """Queries with text and vector; each text finds something in the corpus."""
    generator = np.random.default_rng(11)
    texts = ["amber", "birch cedar", "dune ember fjord grove", "juniper juniper heath", "islet"]
    vectors = generator.integers(1, 6, size=(len(texts), DIM)).astype(np.float32)
    return [Query(text, vector) for text, vector in zip(texts, vectors, strict=True)]


class RetrieverContract:
    """What every retriever promises. Subclass with a name that starts with Test.

    Flags, to be changed by subclasses that promise less or more:

    exact: False for approximate indexes: which documents come back may then differ between
        depths, but never how many, in what order, or whether they were allowed.
    stable_scores: False when a document's score depends on which others are ranked (fusion):
        a filter may then change scores and order.
    integer_ids: False when ids are compulsory.
    """

    exact = True
    stable_scores = True
    integer_ids = True

    # ----------------------------------------------------------------- to be overridden

    def build(
        self, texts: Sequence[str], vectors: Float32s, ids: Sequence[str] | None
    ) -> Retriever[Any]:
        """A retriever over documents in this order; use texts, vectors, or both.

        vectors: float32 [n, DIM]; n may be 0.
        ids: n strings, or None for positions.
        """
        raise NotImplementedError("override build(texts, vectors, ids)")

    def query(self, query: Query) -> Any:
        """The form of a query that the retriever takes besides `Query` itself."""
        return query

    def save_and_reopen(self, retriever: Any, path: Path) -> Retriever[Any]:
        """The retriever after a trip through files; skips where it has no save and open."""
        if not hasattr(retriever, "save") or not hasattr(type(retriever), "open"):
            pytest.skip(f"{type(retriever).__name__} is not saved")
        retriever.save(path)
        reopened: Retriever[Any] = type(retriever).open(path)
        return reopened

    # ----------------------------------------------------------------- helpers

    def _retriever(self, n: int = N_DOCUMENTS) -> Retriever[Any]:
        return self.build(*contract_corpus(n), contract_ids(n))

    def _queries(self) -> list[Any]:
        return [self.query(query) for query in contract_queries()]

    # ----------------------------------------------------------------- the contract

    def test_it_is_a_retriever_and_knows_how_many_documents_it_holds(self) -> None:
        retriever = self._retriever()
        assert isinstance(retriever, Retriever)
        assert len(retriever) == N_DOCUMENTS

    def test_hits_are_a_sequence_of_ids_and_scores(self) -> None:
        retriever, known = self._retriever(), set(contract_ids(N_DOCUMENTS))
        for query in self._queries():
            hits = retriever.search(query, 5)
            assert isinstance(hits, Hits)
            assert 0 < len(hits) <= 5
            assert hits.scores.dtype == np.float64
            assert hits.scores.shape == hits.ids.shape == (len(hits),)
            assert np.isfinite(hits.scores).all()
            assert [hit.id for hit in hits] == hits.ids.tolist()
            assert [hit.rank for hit in hits] == list(range(1, len(hits) + 1))
            assert set(hits.ids.tolist()) <= known, "an id that was never given"
            assert len(set(hits.ids.tolist())) == len(hits), "a document came back twice"

    def test_a_query_object_finds_what_its_own_form_finds(self) -> None:
        retriever = self._retriever()
        for query in contract_queries():
            _same(retriever.search(query, 10), retriever.search(self.query(query), 10))

    def test_hits_are_best_first_and_ties_keep_the_order_of_insertion(self) -> None:
        retriever = self._retriever()
        positions = {id_: position for position, id_ in enumerate(contract_ids(N_DOCUMENTS))}
        ties = 0
        for query in self._queries():
            hits = retriever.search(query, N_DOCUMENTS)
            for better, worse in pairwise(hits):
                assert better.score >= worse.score, "scores increase"
                if better.score == worse.score:
                    ties += 1
                    assert positions[better.id] < positions[worse.id], "a tie in another order"
        assert ties > 0 or not self.stable_scores, "copies of a document should tie"

    def test_a_smaller_k_gives_the_first_of_a_larger_one(self) -> None:
        retriever = self._retriever()
        for query in self._queries():
            all_hits = retriever.search(query, N_DOCUMENTS)
            for k in (1, 2, 7, N_DOCUMENTS - 1):
                hits = retriever.search(query, k)
                assert len(hits) == min(k, len(all_hits))
                if self.exact:
                    _same_arrays(hits, all_hits.ids[:k], all_hits.scores[:k])

    def test_k_may_exceed_the_number_of_documents(self) -> None:
        retriever = self._retriever()
        for query in self._queries():
            _same(retriever.search(query, 10**6), retriever.search(query, N_DOCUMENTS))

    def test_ten_hits_come_back_by_default(self) -> None:
        retriever = self._retriever()
        for query in self._queries():
            _same(retriever.search(query), retriever.search(query, 10))

    def test_a_filter_lets_through_min_of_k_and_matches(self) -> None:
        retriever = self._retriever()
        ids = contract_ids(N_DOCUMENTS)
        for seed, query in enumerate(self._queries()):
            everything = retriever.search(query, N_DOCUMENTS)
            for share in (0.02, 0.1, 0.5, 0.9, 1.0):
                mask = np.random.default_rng(seed).random(N_DOCUMENTS) < share
                allowed_ids = {id_ for id_, let in zip(ids, mask, strict=True) if let}
                keep = np.array([id_ in allowed_ids for id_ in everything.ids.tolist()], dtype=bool)
                for k in (1, 5, N_DOCUMENTS):
                    hits = retriever.search(query, k, allowed=Bitmap.from_mask(mask))
                    assert set(hits.ids.tolist()) <= allowed_ids, "a hit that was not allowed"
                    assert len(hits) == min(k, int(keep.sum())), "not min(k, matches) hits"
                    if self.exact and self.stable_scores:
                        _same_arrays(hits, everything.ids[keep][:k], everything.scores[keep][:k])

    def test_a_filter_that_lets_nothing_through_gives_no_hits(self) -> None:
        retriever = self._retriever()
        for query in self._queries():
            assert len(retriever.search(query, 5, allowed=Bitmap(N_DOCUMENTS))) == 0

    def test_a_filter_that_lets_everything_through_changes_nothing(self) -> None:
        retriever = self._retriever()
        for query in self._queries():
            full = Bitmap(N_DOCUMENTS, full=True)
            _same(retriever.search(query, 9, allowed=full), retriever.search(query, 9))

    def test_a_filter_of_another_size_is_refused(self) -> None:
        retriever, query = self._retriever(), self._queries()[0]
        for size in (0, N_DOCUMENTS - 1, N_DOCUMENTS + 1):
            with pytest.raises(InvalidArgument):
                retriever.search(query, 5, allowed=Bitmap(size, full=True))

    @pytest.mark.parametrize("k", [0, -1, 1.5, "3", None, True])
    def test_k_must_be_a_whole_number_of_at_least_one(self, k: Any) -> None:
        retriever = self._retriever()
        with pytest.raises(InvalidArgument):
            retriever.search(self._queries()[0], k)

    @pytest.mark.parametrize("query", [None, 3, object(), {"text": "amber"}, Query()])
    def test_a_query_of_another_kind_is_refused(self, query: Any) -> None:
        retriever = self._retriever()
        with pytest.raises(InvalidArgument):
            retriever.search(query, 5)

    def test_an_empty_corpus_has_no_hits(self) -> None:
        retriever = self._retriever(0)
        assert len(retriever) == 0
        for query in self._queries():
            assert len(retriever.search(query, 5)) == 0
            assert len(retriever.search(query, 5, allowed=Bitmap(0))) == 0

    def test_a_corpus_of_one_document_is_found(self) -> None:
        texts, vectors = ["amber birch cedar"], np.ones((1, DIM), dtype=np.float32)
        retriever = self.build(texts, vectors, ["only"])
        query = self.query(Query("birch", np.ones(DIM, dtype=np.float32)))
        assert retriever.search(query, 5).ids.tolist() == ["only"]

    def test_without_ids_hits_are_positions(self) -> None:
        if not self.integer_ids:
            pytest.skip("ids are compulsory")
        named, numbered = self._retriever(), self.build(*contract_corpus(N_DOCUMENTS), None)
        ids = contract_ids(N_DOCUMENTS)
        for query in self._queries():
            hits = numbered.search(query, 12)
            assert all(isinstance(hit.id, int) for hit in hits)
            expected = named.search(query, 12)
            _same_arrays(expected, np.array([ids[hit.id] for hit in hits]), hits.scores)

    def test_the_same_search_gives_the_same_hits(self) -> None:
        first, second = self._retriever(), self._retriever()
        for query in self._queries():
            hits = first.search(query, 20)
            _same(first.search(query, 20), hits)
            _same(second.search(query, 20), hits)

    def test_search_many_gives_what_search_gives(self) -> None:
        retriever: Any = self._retriever()
        if not hasattr(retriever, "search_many"):
            pytest.skip(f"{type(retriever).__name__} has no search_many")
        queries = self._queries()
        together = retriever.search_many(queries, 7)
        assert len(together) == len(queries)
        for hits, query in zip(together, queries, strict=True):
            _same(hits, retriever.search(query, 7))
        assert list(retriever.search_many([], 7)) == []

    def test_every_explanation_adds_up_to_its_score(self) -> None:
        retriever = self._retriever()
        for query in self._queries():
            for hit in retriever.search(query, 10):
                explanation = hit.explain()
                assert explanation.value == hit.score
                assert explanation.adds_up(), f"a sum that is not its parts:\n{explanation}"

    def test_it_finds_the_same_after_saving_and_reopening(self, tmp_path: Path) -> None:
        retriever = self._retriever()
        reopened = self.save_and_reopen(retriever, tmp_path / "saved")
        assert len(reopened) == len(retriever)
        allowed = Bitmap.from_mask(np.arange(N_DOCUMENTS) % 3 == 0)
        for query in self._queries():
            _same(reopened.search(query, 20), retriever.search(query, 20))
            _same(
                reopened.search(query, 20, allowed=allowed),
                retriever.search(query, 20, allowed=allowed),
            )

    def test_an_empty_corpus_survives_saving_and_reopening(self, tmp_path: Path) -> None:
        reopened = self.save_and_reopen(self._retriever(0), tmp_path / "saved")
        assert len(reopened) == 0
        assert len(reopened.search(self._queries()[0], 5)) == 0


def _same(hits: Hits, expected: Hits) -> None:
    _same_arrays(hits, expected.ids, expected.scores)


def _same_arrays(hits: Hits, ids: np.ndarray[Any, Any], scores: np.ndarray[Any, Any]) -> None:
    assert hits.ids.tolist() == ids.tolist()
    assert hits.scores.tolist() == scores.tolist(), "scores differ, if only in the last bit"
