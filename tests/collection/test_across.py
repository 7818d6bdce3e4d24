"""One search over several collections: as if they were one, or fused."""

from __future__ import annotations

import random
from typing import Any

import pytest

import rank_retrieve as rr
from tests.collection.world import WORDS

FIELDS: dict[str, Any] = {"text": rr.Text(), "vector": rr.Vector(dim=3)}


def pairs(hits: rr.Hits) -> list[tuple[str, float]]:
    return list(zip(hits.ids.tolist(), hits.scores.tolist(), strict=True))


def shelves(seed: int) -> tuple[rr.Database, rr.Collection]:
    """Three collections, and one with the documents of all, put in the same order."""
    pick = random.Random(seed)
    database = rr.open(":memory:")
    everything = rr.open(":memory:").create_collection("all", fields=FIELDS)
    for name in ("a", "b", "c"):
        shelf = database.create_collection(name, fields=FIELDS)
        for number in range(pick.randrange(12)):
            document = {
                "id": f"{name}{number}",
                "text": " ".join(pick.choices(WORDS, k=pick.randrange(6))),
                "vector": [pick.gauss(0, 1) for _ in range(3)],
                "n": pick.randrange(4),
            }
            shelf.put(document)
            everything.put(document)
            if pick.random() < 0.2:
                shelf.flush()
        for document in list(shelf.documents()):
            if pick.random() < 0.2:
                shelf.delete(document["id"])
                everything.delete(document["id"])
    return database, everything


@pytest.mark.parametrize("seed", range(8))
def test_equal_collections_are_searched_as_one(seed: int) -> None:
    database, everything = shelves(seed)
    for query in (
        {"query": "cat dog"},
        {"vector": [1, 2, 3]},
        {"query": "tree", "vector": [0, 1, 0]},
        {"query": "bird fish", "where": {"n": {"$lt": 2}}, "sort": "-n"},
        {"query": "cat", "group_by": "n", "group_size": 2, "offset": 1},
    ):
        ours = database.search(**query, k=6)  # type: ignore[arg-type]
        expected = everything.search(**query, k=6)  # type: ignore[arg-type]
        assert pairs(ours) == pairs(expected)
        for hit in ours:
            assert hit.collection == hit.id[0]
            assert hit.document["id"] == hit.id
            assert hit.explain().value == hit.score
            assert hit.explain().adds_up()


@pytest.mark.parametrize("seed", range(8))
def test_a_method_fuses_the_rankings_of_each(seed: int) -> None:
    database, _ = shelves(seed)
    alone = {name: database.get_collection(name).search("cat dog", k=9) for name in "abc"}
    expected = sorted(
        (-1 / (7 + hit.rank), name, hit.id) for name, hits in alone.items() for hit in hits
    )
    ours = database.search("cat dog", k=4, offset=1, merge=rr.RRF(k=7))
    assert [(-h.score, h.collection, h.id) for h in ours] == expected[1:5]
    assert [hit.rank for hit in ours] == [*range(2, 2 + len(ours))]
    for hit in ours:
        assert hit.document["id"] == hit.id
        assert hit.explain().adds_up()
        assert hit.explain().value == hit.score


def test_unequal_collections_are_fused_and_some_can_be_chosen() -> None:
    database = rr.open(":memory:")
    for name, analyzer in (("en", "english"), ("de", "german"), ("other", "english")):
        shelf = database.create_collection(name, fields={"text": rr.Text(analyzer=analyzer)})
        shelf.put({"id": "same", "text": "Haus house"})
    hits = database.search("house")
    assert sorted(hit.collection or "" for hit in hits) == ["de", "en", "other"]
    assert hits.ids.tolist() == ["same"] * 3
    assert "RRF" in hits.plan["merge"]
    assert [h.collection for h in database.search("house", collections=["en"])] == ["en"]
    chosen = database.search("house", collections=["other", "en"])
    assert [hit.collection for hit in chosen] == ["other", "en"]
    assert "merge" not in chosen.plan
    with pytest.raises(rr.InvalidArgument, match="differ in fields or encoder"):
        database.search("house", merge="scores")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"collections": "a"}, rr.InvalidArgument),
        ({"collections": []}, rr.InvalidArgument),
        ({"collections": ["a", "a"]}, rr.InvalidArgument),
        ({"collections": ["a", "nowhere"]}, rr.NotFound),
        ({"merge": "ranks"}, rr.InvalidArgument),
        ({"merge": rr.RRF}, rr.InvalidArgument),
        ({"merge": rr.RRF(), "sort": "n"}, rr.InvalidArgument),
        ({"merge": rr.RRF(), "group_by": "n"}, rr.InvalidArgument),
        ({"merge": rr.RRF(), "min_score": 0.1}, rr.InvalidArgument),
        ({"k": 0}, rr.InvalidArgument),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    arguments: dict[str, Any], error: type[Exception]
) -> None:
    database, _ = shelves(1)
    with pytest.raises(error):
        database.search("cat", **arguments)


def test_a_database_without_collections_has_nothing_to_search() -> None:
    with pytest.raises(rr.InvalidArgument, match="collections"):
        rr.open(":memory:").search("cat")
