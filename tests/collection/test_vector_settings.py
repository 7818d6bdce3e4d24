"""Settings of a query for the indexes of vector fields, several fields at once, and recall."""

import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.dense import graph_search, indexes
from rank_retrieve.errors import InvalidArgument


@pytest.fixture
def papers(monkeypatch):
    monkeypatch.setattr(indexes, "GRAPH_ROWS", 300)
    monkeypatch.setattr(graph_search, "_SCAN_ROW_NS", 10**6)
    rng = np.random.default_rng(1)
    a = rng.standard_normal((1_500, 24)).astype(np.float32)
    b = rng.standard_normal((1_500, 8)).astype(np.float32)
    made = rr.open(":memory:").create_collection(
        "papers",
        {
            "text": rr.Text(),
            "a": rr.Vector(24, index=rr.HNSWOptions(m=6, ef_construction=40, ef_search=10)),
            "b": rr.Vector(8, metric="euclidean"),
        },
    )
    made.put_many(
        {"id": f"d{i}", "text": f"word{i % 7}", "a": a[i], "b": b[i]} for i in range(1_500)
    )
    made.flush()
    return made, a, b


def test_more_candidates_find_more(papers):
    papers, a, _ = papers
    exact = rr.Exact.from_vectors(a, ids=[f"d{i}" for i in range(1_500)])
    queries = np.random.default_rng(2).standard_normal((40, 24)).astype(np.float32)

    def found(**settings):
        return sum(
            len(
                set(papers.search(vector=q, field="a", **settings).ids)
                & set(exact.search(q).ids.tolist())
            )
            for q in queries
        )

    few, default, many = found(ef_search=10), found(), found(ef_search=400)
    assert few == default < many
    assert many > 395
    hits = papers.search(vector=queries[0], field="a", ef_search=400)
    assert hits.plan["legs"][0] | {"k": 0} == {
        "leg": "dense", "field": "a", "index": "hnsw", "ways": ["walk"], "ef_search": 400, "k": 0,
    }  # fmt: skip
    assert papers.search(vector=queries[0], field="a").plan["legs"][0]["ef_search"] == 10
    with papers.snapshot() as view:
        assert view.search(vector=queries[0], field="a", ef_search=400).ids.tolist() == (
            hits.ids.tolist()
        )
    many = papers.search_many(["word1"] * 2, vector=queries[0], field="a", ef_search=400)
    assert [leg.get("ef_search") for leg in many[0].plan["legs"]] == [None, 400]


@pytest.mark.parametrize(
    ("field", "setting", "message"),
    [
        ("b", {"ef_search": 10}, "Leave it out"),
        ("a", {"n_probe": 3}, "takes ef_search"),
        ("a", {"ef_search": 0}, "1..65536"),
        ("a", {"ef_search": True}, "1..65536"),
        ("a", {"ef_search": 70_000}, "1..65536"),
        ("a", {"ef_search": 2.5}, "1..65536"),
    ],
)
def test_settings_that_do_not_fit_are_refused(papers, field, setting, message):
    papers, a, b = papers
    with pytest.raises(InvalidArgument, match=message):
        papers.search(vector=a[0] if field == "a" else b[0], field=field, **setting)


def test_several_fields_are_searched_at_once_and_fused(papers):
    papers, a, b = papers
    hits = papers.search(vector={"a": a[7], "b": b[7]}, k=5, ef_search=100)
    assert hits.ids[0] == "d7"
    assert [leg["leg"] for leg in hits.plan["legs"]] == ["dense:a", "dense:b"]
    assert hits[0].score == 2 / 61
    explanation = hits[0].explain()
    assert explanation.adds_up()
    assert [child.label.split(" ")[0] for child in explanation.children] == ["dense:a", "dense:b"]
    weighted = papers.search(
        vector={"a": a[7], "b": b[9]}, k=2, ef_search=100, fusion=rr.RRF(weights=(1.0, 3.0))
    )
    assert weighted.ids[0] == "d9"
    three = papers.search("word0", vector={"a": a[7], "b": b[7]}, k=1)
    assert [leg["leg"] for leg in three.plan["legs"]] == ["lexical", "dense:a", "dense:b"]
    assert three.ids.tolist() == ["d7"]
    alone = papers.search(vector={"b": b[3]}, k=3)
    assert alone.ids.tolist() == papers.search(vector=b[3], field="b", k=3).ids.tolist()


@pytest.mark.parametrize("vector", [{"c": [1.0]}, {}, {"text": [1.0]}, {1: [1.0]}])
def test_fields_that_there_are_not_are_refused(papers, vector):
    papers, _, _ = papers
    with pytest.raises(InvalidArgument, match="vector fields are"):
        papers.search(vector=vector)
    with pytest.raises(InvalidArgument):
        papers.search(vector={"b": np.ones(8)}, field="b")


def test_tuning_says_what_it_takes(papers):
    papers, a, _ = papers
    low, high = papers.tune(0.7, field="a"), papers.tune(0.99, field="a")
    assert low["ef_search"] < high["ef_search"]
    assert low["recall"] >= 0.7
    assert high["recall"] >= 0.99
    assert (high["field"], high["target"], high["k"], high["queries"]) == ("a", 0.99, 10, 200)
    asked = papers.tune(0.9, 5, field="a", queries=a[:30] + 0.5)
    assert asked["queries"] == 30
    with papers.snapshot() as view:
        assert view.tune(0.7, field="a") == low
    exact = papers.tune(field="b")
    assert (exact["recall"], exact.get("ef_search")) == (1.0, None)


@pytest.mark.parametrize(
    "arguments",
    [{"recall": 0}, {"recall": 1.5}, {"k": 0}, {"sample": 0}, {"field": "text"}, {"field": None}],
)
def test_tuning_that_does_not_fit_is_refused(papers, arguments):
    papers, _, _ = papers
    with pytest.raises(InvalidArgument):
        papers.tune(**{"field": "a", **arguments})


def test_nothing_to_measure_on_is_refused():
    empty = rr.open(":memory:").create_collection("c", {"v": rr.Vector(4, index="hnsw")})
    with pytest.raises(InvalidArgument, match="needs vectors"):
        empty.tune()
