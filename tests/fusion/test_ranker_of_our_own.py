"""The contract, for a fusion of the retrievers that the package itself has."""

from collections.abc import Sequence
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.testing import RetrieverContract
from rank_retrieve.types import Float32s


class TestFusionOfBM25AndExact(RetrieverContract):
    stable_scores = False

    def build(self, texts: Sequence[str], vectors: Float32s, ids: Sequence[str] | None) -> Any:
        bm25 = rr.BM25.from_texts(texts, ids=ids, analyzer="simple")
        exact = rr.Exact.from_vectors(vectors, ids=ids)
        return rr.FusionRanker([bm25, exact], method=rr.RRF(k=60))


def test_ids_of_the_users_own_come_back_from_a_fusion() -> None:
    bm25 = rr.BM25.from_texts(["a cat", "a dog"], ids=["c", "d"])
    exact = rr.Exact.from_vectors([[1.0, 0.0], [0.0, 1.0]], ids=["c", "d"])
    ranker = rr.FusionRanker([bm25, exact])
    hits = ranker.search(rr.Query(text="dog", vector=[0.0, 1.0]), k=2)
    assert hits.ids.tolist() == ["d", "c"]
    assert hits[0].score == 1 / 61 + 1 / 61


class TestCompletedFusionOfBM25AndExact(RetrieverContract):
    stable_scores = False

    def build(self, texts: Sequence[str], vectors: Float32s, ids: Sequence[str] | None) -> Any:
        bm25 = rr.BM25.from_texts(texts, ids=ids, analyzer="simple")
        exact = rr.Exact.from_vectors(vectors, ids=ids)
        method = rr.Convex((1, 1), "none")
        return rr.FusionRanker([bm25, exact], method=method, complete=True)


def test_a_completed_fusion_scores_each_candidate_on_each_leg() -> None:
    texts = ["amber amber", "amber birch", "cedar"]
    bm25 = rr.BM25.from_texts(texts, ids=list("abc"))
    exact = rr.Exact.from_vectors([[0.0, 1.0], [1.0, 1.0], [1.0, 0.0]], ids=list("abc"))
    ranker = rr.FusionRanker([bm25, exact], rr.Convex((1, 1), "none"), 1, complete=True)
    hits = ranker.search(rr.Query("amber", [1.0, 0.0]), k=1)
    legs = bm25.search("amber", k=3), exact.search([1.0, 0.0], k=3)
    words, near = (dict(zip(leg.ids, leg.scores, strict=True)) for leg in legs)
    # one candidate of each leg: a by its words, c by its vector; c holds no term
    expected = {"a": words["a"] / 2 + near["a"] / 2, "c": near["c"] / 2}
    assert hits.scores.tolist() == [max(expected.values())]
    tree = ranker.explain(rr.Query("amber", [1.0, 0.0]), "a", k=1)
    assert tree.value == expected["a"]
    assert tree.adds_up()
    assert "found by 2 of 2 legs" in tree.label
    assert tree.children[1].children[0].value == near["a"]


def test_a_retriever_that_cannot_explain_cannot_be_completed() -> None:
    class Plain:
        def search(self, query: Any, k: int = 10, *, allowed: Any = None) -> rr.Hits:
            return rr.Hits.empty()

        def __len__(self) -> int:
            return 0

    with pytest.raises(rr.InvalidArgument, match="Plain has no explain"):
        rr.FusionRanker([Plain()], complete=True)
