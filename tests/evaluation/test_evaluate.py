"""Metrics of small runs, worked by hand."""

import sys
from math import log2

import numpy as np
import pytest

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.evaluation import evaluate
from rank_retrieve.types import Hits, Query
from tests.testing.toys import Words

pytest.importorskip("ir_measures")

QRELS = {"q1": {"a": 2, "b": 1, "c": 0}, "q2": {"d": 1}, "q3": {"a": 0}}
RUN = {"q1": {"c": 3.0, "a": 2.0, "b": 1.0}, "q2": {"e": 1.0, "d": 0.5}}
# q1: gains 0, 2, 1 against the ideal 2, 1; q2: 0, 1 against 1
NDCG_Q1 = (2 / log2(3) + 1 / log2(4)) / (2 / log2(2) + 1 / log2(3))
NDCG_Q2 = 1 / log2(3)


def test_a_run_is_measured_as_worked_by_hand():
    found = evaluate(RUN, None, QRELS, ["nDCG@10", "R@1", "R@2", "RR", "AP@1000", "P@2"])
    assert found.systems == ("run",)
    assert found.queries == ("q1", "q2")
    assert found.skipped == ("q3",)
    assert found.per_query("nDCG@10") == pytest.approx({"q1": NDCG_Q1, "q2": NDCG_Q2})
    assert found.per_query("R@1") == {"q1": 0.0, "q2": 0.0}
    assert found.per_query("R@2") == {"q1": 0.5, "q2": 1.0}
    assert found.per_query("RR") == {"q1": 0.5, "q2": 0.5}
    assert found.per_query("AP@1000") == pytest.approx({"q1": (1 / 2 + 2 / 3) / 2, "q2": 0.5})
    assert found.mean("P@2") == 0.5
    assert found.aggregates["run"]["nDCG@10"] == pytest.approx((NDCG_Q1 + NDCG_Q2) / 2)


def test_two_names_of_one_measure_both_have_their_column():
    found = evaluate(RUN, None, QRELS, ["RR", "MRR", "RR"])
    assert found.metrics == ("RR", "MRR")
    assert found.aggregates == {"run": {"RR": 0.5, "MRR": 0.5}}


def test_the_default_metrics_are_four():
    assert evaluate(RUN, None, QRELS).metrics == ("nDCG@10", "R@100", "RR", "AP@1000")


def test_a_query_without_hits_counts_as_zero():
    found = evaluate({"q1": RUN["q1"], "q2": {}}, None, QRELS, ["RR"])
    assert found.per_query("RR") == {"q1": 0.5, "q2": 0.0}
    assert evaluate({}, None, QRELS, ["RR"]).mean("RR") == 0.0


def test_only_queries_that_were_asked_count():
    found = evaluate(RUN, {"q2": "d", "unjudged": "x"}, QRELS, ["RR"])
    assert found.per_query("RR") == {"q2": 0.5}
    assert found.skipped == ("unjudged",)


def test_ties_keep_the_order_given_unless_trec_eval_is_asked_for():
    tied = {"q2": {"d": 1.0, "e": 1.0}}
    qrels = {"q2": {"d": 1}}
    assert evaluate(tied, None, qrels, ["RR"]).mean("RR") == 1.0
    # by descending document id, e comes first
    assert evaluate(tied, None, qrels, ["RR"], ties="trec_eval").mean("RR") == 0.5
    # equal as float32
    close = {"q2": {"d": 1.0 + 1e-12, "e": 1.0}}
    assert evaluate(close, None, qrels, ["RR"]).mean("RR") == 1.0
    assert evaluate(close, None, qrels, ["RR"], ties="trec_eval").mean("RR") == 0.5


DOCUMENTS = ["cat", "dog dog", "cat dog", "bird"]
QUERIES = {"q1": "cat", "q2": "dog", "q3": "fish"}
RELEVANT = {"q1": {"a": 1}, "q2": {"c": 1}, "q3": {"d": 1}}


def test_a_retriever_is_asked_and_its_hits_are_kept_as_a_run():
    found = evaluate(Words(DOCUMENTS, list("abcd")), QUERIES, RELEVANT, ["RR"])
    assert found.systems == ("Words",)
    assert found.per_query("RR") == {"q1": 1.0, "q2": 0.5, "q3": 0.0}
    assert found.runs["Words"] == {
        "q1": {"a": 1.0, "c": 1.0},
        "q2": {"b": 2.0, "c": 1.0},
        "q3": {},
    }


def test_positions_are_compared_as_text():
    found = evaluate(Words(DOCUMENTS), QUERIES, {"q1": {"2": 1}}, ["RR"])
    assert found.per_query("RR") == {"q1": 0.5}


@pytest.mark.parametrize(
    ("metrics", "depth"),
    [(["nDCG@10"], 10), (["nDCG@10", "R@50"], 50), (["RR"], 1000), (["P@3", "AP@200"], 200)],
)
def test_retrievers_are_asked_as_deep_as_the_metrics_need(metrics, depth):
    asked = []

    def record(query, k):
        asked.append((query, k))
        return Hits.empty()

    evaluate(record, QUERIES, RELEVANT, metrics)
    assert asked == [("cat", depth), ("dog", depth), ("fish", depth)]


def test_queries_go_together_to_a_retriever_that_takes_many():
    class Together(Words):
        def search(self, query, k=10, *, allowed=None):
            raise NotImplementedError("asked one by one")

        def search_many(self, queries, k=10):
            return [Words(DOCUMENTS, list("abcd")).search(query, k) for query in queries]

    found = evaluate(Together(DOCUMENTS), QUERIES, RELEVANT, ["RR"])
    assert found.per_query("RR")["q2"] == 0.5


def test_queries_may_be_anything_that_the_retriever_takes():
    words = Words(DOCUMENTS, list("abcd"))
    found = evaluate(words, {"q1": Query("cat")}, RELEVANT, ["RR"])
    assert found.mean("RR") == 1.0


def test_several_systems_stand_in_one_table():
    words = Words(DOCUMENTS, list("abcd"))
    by_hand = {"q1": {"b": 1.0}, "q2": {"c": 1.0}}
    found = evaluate({"words": words, "by hand": by_hand}, QUERIES, RELEVANT, ["RR", "nDCG@10"])
    assert str(found).splitlines() == [
        "system       RR  nDCG@10",
        "words    0.5000   0.5436",
        "by hand  0.3333   0.3333",
        "3 queries",
    ]
    assert found.systems == ("words", "by hand")
    in_a_row = evaluate([words, by_hand, words], QUERIES, RELEVANT, ["RR"])
    assert in_a_row.systems == ("Words 1", "run", "Words 2")


def test_an_evaluation_is_ready_for_json():
    found = evaluate(RUN, None, QRELS, ["RR"])
    assert found.to_dict() == {
        "metrics": ["RR"],
        "n_queries": 2,
        "skipped": ["q3"],
        "aggregates": {"run": {"RR": 0.5}},
        "per_query": {"run": {"q1": {"RR": 0.5}, "q2": {"RR": 0.5}}},
    }
    assert str(found).splitlines()[-1] == "2 queries, 1 without a relevant document"


def test_systems_are_compared_query_by_query():
    words = Words(DOCUMENTS, list("abcd"))
    by_hand = {"q1": {"b": 1.0}, "q2": {"c": 1.0}}
    found = evaluate({"words": words, "by hand": by_hand}, QUERIES, RELEVANT, ["RR"])
    (only,) = found.compare()
    assert (only.system, only.baseline, only.metric) == ("by hand", "words", "RR")
    assert (only.wins, only.ties, only.losses) == (1, 1, 1)
    # differences -1 and +0.5: all four sign patterns are at least as far from zero
    assert only.difference == pytest.approx(-0.5 / 3)
    assert only.p == only.p_corrected == 1.0
    (back,) = found.compare("by hand", test="t")
    assert back.difference == pytest.approx(0.5 / 3)
    assert back.p == pytest.approx(0.7418, abs=1e-4)


@pytest.mark.parametrize(
    "metrics",
    [
        ["nDCG@"],
        ["nonsense@10"],
        ["nDCG(x=1)@10"],
        ["P@0"],
        ["nDCG@1.5"],
        ["R@9999999"],
        ["RBP(p=0.8)"],
        "nDCG@10",
        [],
    ],
)
def test_unknown_metrics_are_refused(metrics):
    with pytest.raises(InvalidArgument, match="metrics"):
        evaluate(RUN, None, QRELS, metrics)


@pytest.mark.parametrize("systems", [[], 3, [None], {"a": 3}, "bm25"])
def test_systems_of_another_kind_are_refused(systems):
    with pytest.raises(InvalidArgument, match="systems"):
        evaluate(systems, QUERIES, RELEVANT)


def test_other_misuse_is_refused():
    words = Words(DOCUMENTS)
    with pytest.raises(InvalidArgument, match="queries: are needed to ask"):
        evaluate(words, None, RELEVANT)
    with pytest.raises(InvalidArgument, match="no document relevant"):
        evaluate(words, {"other": "x"}, RELEVANT)
    with pytest.raises(InvalidArgument, match="no document relevant"):
        evaluate(words, {"q3": "x"}, QRELS)
    with pytest.raises(InvalidArgument, match="ties"):
        evaluate(RUN, None, QRELS, ties="random")
    for grade in (1.5, "1", True, 1_000_000):
        with pytest.raises(InvalidArgument, match="grade"):
            evaluate(RUN, None, {"q1": {"a": grade}})
    with pytest.raises(InvalidArgument, match="not finite"):
        evaluate({"q1": {"a": float("nan")}}, None, QRELS)
    found = evaluate(RUN, None, QRELS, ["RR"])
    with pytest.raises(InvalidArgument, match="metric: must be one of RR"):
        found.mean("AP")
    with pytest.raises(InvalidArgument, match="system: must be one of run"):
        found.mean("RR", "other")
    with pytest.raises(InvalidArgument, match="test: must be one of randomisation, t"):
        evaluate([RUN, RUN], None, QRELS, ["RR"]).compare(test="sign")


def test_a_document_returned_twice_is_refused():
    def twice(query, k):
        return Hits(np.array(["a", "a"], dtype=object), np.array([2.0, 1.0]))

    with pytest.raises(InvalidArgument, match="returned a document twice for query 'q1'"):
        evaluate(twice, QUERIES, RELEVANT)


def test_without_ir_measures_the_error_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "ir_measures", None)
    with pytest.raises(ImportError, match=r"pip install 'rank-retrieve\[evaluation\]'"):
        evaluate(RUN, None, QRELS)
