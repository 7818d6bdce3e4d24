"""Offsets, least scores, sorts and groups of a search, beside plain lists."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import rank_retrieve as rr
from tests.collection.test_finding import in_order, value_of
from tests.collection.world import World

FIELDS: dict[str, Any] = {"text": rr.Text(), "vector": rr.Vector(dim=3)}


class VectorWorld(World):
    """One whose documents mostly have vectors."""

    def document(self) -> dict[str, Any]:
        document = super().document()
        if self.random.random() < 0.8:
            document["vector"] = np.array([self.random.gauss(0, 1) for _ in range(3)], np.float32)
        return document


def queries(world: World) -> list[dict[str, Any]]:
    vector = [world.random.gauss(0, 1) for _ in range(3)]
    return [
        {"query": "cat dog"},
        {"vector": vector},
        {"query": "fish tree", "vector": vector},
        {"query": "bird", "where": {"year": {"$gte": 2005}}},
    ]


def ranked(world: World, query: dict[str, Any]) -> list[tuple[str, float]]:
    """The whole ranking."""
    hits = world.collection.search(**query, k=100)
    return list(zip(hits.ids.tolist(), hits.scores.tolist(), strict=True))


def pairs(hits: rr.Hits) -> list[tuple[str, float]]:
    return list(zip(hits.ids.tolist(), hits.scores.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(6))
def test_pages_and_least_scores_cut_the_ranking(seed: int) -> None:
    world = VectorWorld(seed, **FIELDS)
    for query in queries(world):
        whole = ranked(world, query)
        for offset in (0, 1, 5, 60):
            hits = world.collection.search(**query, k=4, offset=offset)
            assert pairs(hits) == whole[offset : offset + 4]
            assert [hit.rank for hit in hits] == [*range(offset + 1, offset + 1 + len(hits))]
        for score in {score for _, score in whole[::7]}:
            hits = world.collection.search(**query, k=100, min_score=score)
            assert pairs(hits) == [pair for pair in whole if pair[1] >= score]


@pytest.mark.parametrize("seed", range(8))
def test_a_sort_orders_all_candidates_and_equal_ones_by_score(seed: int) -> None:
    world = VectorWorld(seed, **FIELDS)
    plain = {document["id"]: document for document in world.live}
    for query in queries(world):
        whole = ranked(world, query)
        scores = dict(whole)
        for keys in (["year"], ["-price"], ["tags", "-at"], ["-mixed", "in.depth"]):
            expected = [name for name, _ in whole]
            for key in reversed(keys):
                path, down = key.lstrip("-"), key.startswith("-")
                value = {n: value_of(plain[n], path, largest=down) for n in expected}
                in_turn = in_order([plain[n] for n in expected], [key])
                rank = {d["id"]: i for i, d in enumerate(in_turn)}
                groups: dict[Any, int] = {}
                for name in sorted(expected, key=rank.__getitem__):
                    groups.setdefault(repr_of(value[name]), len(groups))
                expected.sort(key=lambda n: groups[repr_of(value[n])])
            for k, offset in ((3, 0), (5, 4), (100, 0)):
                hits = world.collection.search(**query, k=k, offset=offset, sort=keys)
                assert hits.ids.tolist() == expected[offset : offset + k], keys
                assert hits.scores.tolist() == [scores[name] for name in hits.ids]


def repr_of(value: Any) -> Any:
    from rank_retrieve.filters.values import identity

    return identity(value)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("path", ["year", "tags", "mixed", "in.depth", "nowhere"])
def test_groups_hold_the_best_of_each_value(seed: int, path: str) -> None:
    world = VectorWorld(seed, **FIELDS)
    plain = {document["id"]: document for document in world.live}
    for query in queries(world):
        groups: dict[Any, list[tuple[str, float]]] = {}
        for name, score in ranked(world, query):
            value = value_of(plain[name], path, largest=False)
            groups.setdefault(repr_of(value), []).append((name, score))
        for k, size, offset in ((2, 1, 0), (3, 2, 0), (1, 9, 1), (50, 2, 0)):
            hits = world.collection.search(
                **query, k=k, group_by=path, group_size=size, offset=offset
            )
            expected = [found[:size] for found in groups.values()][offset : offset + k]
            assert [[(hit.id, hit.score) for hit in g.hits] for g in hits.groups] == expected
            assert [repr_of(g.value) for g in hits.groups] == [*groups][offset : offset + k]
            assert pairs(hits) == [pair for group in expected for pair in group]


def crowd() -> rr.Collection:
    """A thousand documents about cats from one source, and behind them one from another."""
    collection = rr.open(":memory:").create_collection("crowd", fields=FIELDS)
    collection.put_many(
        {"id": f"{n}", "text": "cat", "vector": [1, n / 1e4, 0], "source": "wiki"}
        for n in range(1_000)
    )
    collection.put(
        {"id": "late", "text": "cat cat and many other words", "vector": [0, 0, 1], "source": "web"}
    )
    return collection


@pytest.mark.parametrize("query", [{"query": "cat", "mode": "lexical"}, {"vector": [1, 0, 0]}])
def test_groups_are_looked_for_as_deep_as_they_lie(query: dict[str, Any]) -> None:
    hits = crowd().search(**query, k=2, group_by="source", group_size=2)
    assert sorted(group.value for group in hits.groups) == ["web", "wiki"]
    assert sorted(len(group.hits) for group in hits.groups) == [1, 2]


def test_a_group_is_filled_from_behind_all_others() -> None:
    collection = crowd()
    collection.put({"id": "early", "text": "", "vector": [1, -1e-9, 0], "source": "web"})
    hits = collection.search(vector=[1, -1e-9, 0], k=2, group_by="source", group_size=2)
    assert {group.value: [hit.id for hit in group.hits] for group in hits.groups} == {
        "wiki": ["0", "1"],
        "web": ["early", "late"],
    }


def test_candidates_bound_what_is_grouped_and_sorted() -> None:
    collection = crowd()
    hits = collection.search(vector=[1, 0, 0], k=2, group_by="source", candidates=50)
    assert [group.value for group in hits.groups] == ["wiki"]
    hits = collection.search(vector=[1, 0, 0], k=1, sort="source", candidates=1_001)
    assert hits.ids.tolist() == ["late"]
    hits = collection.search(vector=[1, 0, 0], k=1, sort="source")
    assert hits.ids.tolist() == ["0"]
    assert collection.search("cat", k=1, sort="source").ids.tolist() == ["late"]


def test_pages_of_a_hybrid_search_lie_within_its_candidates() -> None:
    collection = crowd()
    query: dict[str, Any] = {"query": "cat", "vector": [1, 0, 0], "candidates": 100}
    whole = collection.search(**query, k=100).ids.tolist()
    pages = [collection.search(**query, k=10, offset=start) for start in range(0, 100, 10)]
    assert [name for page in pages for name in page.ids] == whole
    with pytest.raises(rr.InvalidArgument, match="candidates=65"):
        collection.search("cat", vector=[1, 0, 0], k=10, offset=55)
    assert len(collection.search(**{**query, "candidates": 101}, k=10, offset=91)) == 10


def test_hits_hold_the_fields_that_were_asked_for() -> None:
    hit = crowd().search("many", fields=["source", "vector"])[0]
    assert list(hit.document) == ["id", "source", "vector"]
    assert hit.document["vector"].tolist() == [0, 0, 1]
    hit = crowd().search("many", with_vectors=False)[0]
    assert list(hit.document) == ["id", "text", "source"]
    assert crowd().search("many", fields=[])[0].document == {"id": "late"}
    hit = crowd().search("many", fields=["vector"], with_vectors=False)[0]
    assert hit.document == {"id": "late"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"offset": -1}, "offset"),
        ({"offset": 1.5}, "offset"),
        ({"min_score": "high"}, "min_score"),
        ({"min_score": float("nan")}, "min_score"),
        ({"sort": "text"}, "sort: is a text field"),
        ({"sort": "vector.x"}, "sort: is a vector field"),
        ({"group_by": "text"}, "group_by: is a text field"),
        ({"group_by": ""}, "group_by"),
        ({"group_size": 2}, "group_size"),
        ({"group_by": "a", "group_size": 0}, "group_size"),
        ({"group_by": "a", "sort": "a"}, "sort"),
        ({"fields": "a"}, "fields"),
        ({"offset": 3, "candidates": 12}, "offset \\+ k = 13"),
    ],
)
def test_arguments_that_do_not_fit_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(rr.InvalidArgument, match=message):
        crowd().search("cat", **arguments)


def test_hits_tell_how_long_each_stage_took() -> None:
    hits = crowd().search("cat", vector=[1, 0, 0], where={"source": "wiki"}, sort="source")
    stages = ["query", "filter", "lexical", "dense", "fusion", "select", "hits", "total"]
    assert list(hits.timings) == stages
    assert hits.timings["total"] == pytest.approx(sum(hits.timings[s] for s in stages[:-1]))


def test_an_explanation_says_how_the_filter_was_applied_and_still_adds_up() -> None:
    for query, way in (
        ({"query": "cat"}, "filter, bitmap before ranking: 1000 documents fit"),
        ({"query": "cat", "vector": [1, 0, 0]}, "dense: exact: 1000 documents fit"),
    ):
        hit = crowd().search(**query, where={"source": "wiki"})[0]
        assert way in str(hit.explain())
        assert hit.explain().adds_up()
        assert hit.explain().value == hit.score
