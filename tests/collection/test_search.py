from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rank_retrieve as rr

FIELDS: dict[str, Any] = {"title": rr.Text(), "text": rr.Text(), "vector": rr.Vector(dim=2)}

DOCUMENTS: list[dict[str, Any]] = [
    {"id": "cat", "title": "Cats", "text": "the cat sat on the mat", "vector": [1, 0], "n": 1},
    {"id": "dog", "title": "Dogs", "text": "a dog chased the cat", "vector": [0, 1], "n": 2},
    {"id": "both", "title": "Pets", "text": "cats and dogs", "vector": [1, 1], "n": 3},
    {"id": "none", "title": "", "text": "nothing of the kind", "n": 4},
    {"id": "silent", "vector": [-1, 0], "n": 5},
]


@pytest.fixture(params=["memtable", "segment", "segments"])
def pets(request: pytest.FixtureRequest, tmp_path: Path) -> rr.Collection:
    collection = rr.open(tmp_path / "db").create_collection("pets", fields=FIELDS)
    for document in DOCUMENTS:
        collection.put(document)
        if request.param == "segments":
            collection.flush()
    if request.param == "segment":
        collection.flush()
    return collection


def test_the_mode_follows_from_what_the_query_holds(pets: rr.Collection) -> None:
    assert pets.search("cat").plan["mode"] == "lexical"
    assert pets.search(vector=[1, 0]).plan["mode"] == "dense"
    assert pets.search("cat", vector=[1, 0]).plan["mode"] == "hybrid"
    query = rr.Query(text="cat", vector=np.array([1, 0], dtype=np.float32))
    assert pets.search(query).plan["mode"] == "hybrid"
    assert pets.search(query, mode="lexical").plan["mode"] == "lexical"


def test_a_dense_search_ranks_by_cosine_and_leaves_out_documents_without_a_vector(
    pets: rr.Collection,
) -> None:
    hits = pets.search(vector=[2, 0], k=10)
    assert hits.ids.tolist() == ["cat", "both", "dog", "silent"]
    assert hits.scores.tolist() == pytest.approx([1.0, 0.5**0.5, 0.0, -1.0])


def test_a_hybrid_search_is_reciprocal_rank_fusion_of_both_legs(pets: rr.Collection) -> None:
    lexical = pets.search("dog", k=10, mode="lexical").ids.tolist()
    assert lexical == ["dog", "both"]
    hits = pets.search("dog", vector=[1, 0], k=10)
    expected = {
        "both": 1 / 62 + 1 / 62,
        "dog": 1 / 61 + 1 / 63,
        "cat": 0 + 1 / 61,
        "silent": 0 + 1 / 64,
    }
    assert dict(zip(hits.ids, hits.scores, strict=True)) == expected
    assert hits.ids.tolist() == sorted(expected, key=lambda name: -expected[name])


def test_explanations_add_up_in_every_mode(pets: rr.Collection) -> None:
    for hits in (
        pets.search("dog cat"),
        pets.search(vector=[1, 2]),
        pets.search("dog cat", vector=[1, 2], fusion=rr.RRF(k=3)),
    ):
        assert len(hits) >= 3
        for hit in hits:
            explanation = hit.explain()
            assert explanation.value == hit.score
            assert explanation.adds_up()
    text = str(pets.search("dog cat", vector=[1, 2])[0].explain())
    assert "lexical" in text
    assert "dense" in text
    assert "idf" in text


def test_hits_carry_their_documents(pets: rr.Collection) -> None:
    hit = pets.search("mat")[0]
    assert (hit.id, hit.rank) == ("cat", 1)
    assert hit.document["title"] == "Cats"
    assert hit.document["vector"].tolist() == [1, 0]
    assert hit.document["n"] == 1


@pytest.mark.parametrize("k", [1, 2, 5])
@pytest.mark.parametrize("mode", ["lexical", "dense", "hybrid"])
def test_a_filtered_search_returns_as_many_hits_as_match(
    pets: rr.Collection, mode: Any, k: int
) -> None:
    matches = {"lexical": {"dog", "both"}, "dense": {"dog", "both", "silent"}}
    matches["hybrid"] = matches["lexical"] | matches["dense"]
    hits = pets.search("cat", k, vector=[1, 0], mode=mode, where={"n": {"$gte": 2}})
    assert len(hits) == min(k, len(matches[mode]))
    assert set(hits.ids) <= matches[mode]
    assert hits.plan["filter"]["documents"] == 4


def test_filters_reach_metadata_ids_and_text(pets: rr.Collection) -> None:
    def ids(where: Any) -> list[str]:
        return pets.search("cat dog nothing", k=10, mode="lexical", where=where).ids.tolist()

    assert ids({"n": 2}) == ["dog"]
    assert ids({"id": {"$in": ["none", "cat", "nobody"]}}) == ["none", "cat"]
    assert ids({"title": "Pets"}) == ["both"]
    assert ids({"$or": [{"title": "Pets"}, {"n": 1}]}) == ["both", "cat"]
    assert ids(rr.Filter.eq("n", 2)) == ["dog"]
    assert ids({"missing": 1}) == []
    assert pets.count({"n": {"$lt": 3}}) == 2
    with pytest.raises(rr.InvalidArgument, match="vector"):
        ids({"vector": 1})


def test_deleted_documents_are_not_counted_by_a_filter(pets: rr.Collection) -> None:
    pets.delete("dog")
    hits = pets.search("cat", where={"n": {"$gte": 2}}, mode="lexical")
    assert hits.ids.tolist() == ["both"]
    assert hits.plan["filter"]["documents"] == 3
    assert pets.count({"n": {"$gte": 2}}) == 3


def test_queries_without_searchable_terms_find_nothing(pets: rr.Collection) -> None:
    for text in ["", "   ", "the of and", "?!", "unheardof"]:
        assert pets.search(text, mode="lexical").ids.tolist() == []
        assert pets.search(text).ids.tolist() == []
        assert pets.search(text, vector=[1, 0]).ids.tolist()[0] == "cat"


def test_searching_an_empty_collection_finds_nothing(tmp_path: Path) -> None:
    empty = rr.open(tmp_path / "db").create_collection("empty", fields=FIELDS)
    assert len(empty.search("cat")) == 0
    assert len(empty.search(vector=[1, 0])) == 0
    assert len(empty.search("cat", vector=[1, 0], where={"n": 1})) == 0
    assert empty.count() == 0


def test_search_many_answers_like_search(pets: rr.Collection) -> None:
    queries = ["cat", "dog", "nothing", "cats dogs"] * 5
    together = pets.search_many(queries, k=3, threads=2)
    assert [h.ids.tolist() for h in together] == [pets.search(q, k=3).ids.tolist() for q in queries]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"k": 0}, "k"),
        ({"k": -1}, "k"),
        ({"k": 1.5}, "k"),
        ({"k": True}, "k"),
        ({"mode": "fuzzy"}, "mode"),
        ({"query": None}, "query"),
        ({"query": 7}, "query"),
        ({"query": "\ud800"}, "query"),
        ({"mode": "dense"}, "mode"),
        ({"mode": "hybrid"}, "mode"),
        ({"candidates": 3}, "candidates"),
        ({"fusion": rr.RRF()}, "fusion"),
        ({"field": "nowhere", "vector": [1, 0]}, "field"),
        ({"where": {"n": {"$near": 1}}}, "n"),
        ({"where": "n = 1"}, "where"),
    ],
)
def test_arguments_that_do_not_fit_are_named(
    pets: rr.Collection, arguments: dict[str, Any], named: str
) -> None:
    with pytest.raises(rr.InvalidArgument) as caught:
        pets.search(**{"query": "cat", **arguments})
    assert named in str(caught.value)


@pytest.mark.parametrize(
    "vector",
    [
        [1],
        [1, 2, 3],
        [float("nan"), 1],
        [float("inf"), 1],
        [0, 0],
        [1e39, 1],
        "ab",
        [[1, 2]],
        ["a", "b"],
    ],
)
def test_query_vectors_that_do_not_fit_are_refused(pets: rr.Collection, vector: Any) -> None:
    with pytest.raises(rr.InvalidArgument, match="vector"):
        pets.search(vector=vector)


def test_two_analyzers_score_their_fields_apart_and_add_up(tmp_path: Path) -> None:
    fields = {"en": rr.Text(analyzer="english"), "de": rr.Text(analyzer="german")}
    both = rr.open(tmp_path / "db").create_collection("both", fields=fields)
    both.put({"id": "1", "en": "houses", "de": "Häuser"})
    both.put({"id": "2", "en": "houses"})
    both.put({"id": "3", "de": "Häuser am Meer"})
    assert both.search("houses").ids.tolist() == ["1", "2"]
    assert both.search("Haus").ids.tolist() == ["1", "3"]  # the German stem of Häuser
    hits = both.search("houses Haus")
    assert hits.ids.tolist()[0] == "1"
    assert hits[0].score == both.search("houses")[0].score + both.search("Haus")[0].score
    for hit in hits:
        assert hit.explain().adds_up()
        assert hit.explain().value == hit.score
