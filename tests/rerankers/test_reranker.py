"""Stages behind any retriever."""

import pytest

import rank_retrieve as rr
from rank_retrieve.testing import RetrieverContract

TEXTS = ["a cat sat", "a cat and a cat", "a dog", "cat dog cat dog"]


class TestStagesOverBM25(RetrieverContract):
    def build(self, texts, vectors, ids):
        bm25 = rr.BM25.from_texts(texts, ids=ids, analyzer="simple")
        return rr.Reranker(bm25, [rr.Boost("2"), lambda query, found: [c.score for c in found]])


@pytest.fixture(scope="module")
def bm25():
    return rr.BM25.from_texts(TEXTS, ids=["a", "b", "c", "d"])


def test_candidates_come_from_the_retriever_and_documents_from_the_caller(bm25):
    by_id = dict(zip("abcd", TEXTS, strict=True))
    ranker = rr.Reranker(
        bm25,
        lambda query, candidates: [len(c.document["text"]) for c in candidates],
        document=lambda id_: {"text": by_id[id_]},
    )
    hits = ranker.search("cat", k=2)
    # equally long ones stay in BM25's order
    assert hits.ids.tolist() == ["b", "d"]
    assert hits[0].document == {"text": "a cat and a cat"}
    assert hits[0].explain().value == hits[0].score == 15.0
    assert hits.plan["rerank"][0]["candidates"] == 3


def test_a_query_of_text_and_vector_reaches_the_stages(bm25):
    seen = []

    def remember(query, candidates):
        seen.append((query.text, query.vector))
        return [1.0] * len(candidates)

    ranker = rr.Reranker(bm25, remember)
    ranker.search("cat")
    ranker.search(rr.Query("cat", [1.0]))
    assert seen == [("cat", None), ("cat", [1.0])]


def test_candidates_are_what_is_asked_for(bm25):
    ranker = rr.Reranker(bm25, rr.Boost("1"), candidates=2)
    assert len(ranker.search("cat", k=1)) == 1
    assert len(ranker.search("cat", k=3)) == 3
    assert len(ranker) == 4


@pytest.mark.parametrize("wrong", [{"retriever": "bm25"}, {"stages": "mmr"}, {"candidates": 0}])
def test_bad_parameters_are_refused(bm25, wrong):
    with pytest.raises(rr.InvalidArgument):
        arguments = {"retriever": bm25, "stages": rr.Boost("1"), **wrong}
        rr.Reranker(arguments.pop("retriever"), arguments.pop("stages"), **arguments)
