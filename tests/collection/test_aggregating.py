"""Facets, statistics and distinct values, beside counting over plain documents."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.analysis import get_analyzer
from rank_retrieve.filters import parse
from rank_retrieve.filters.facets import Facet, distinct_values
from rank_retrieve.filters.statistics import Statistics
from rank_retrieve.filters.values import identity, sort_key
from tests.collection.world import PATHS, World


def left(world: World, where: Any, query: str | None) -> list[dict[str, Any]]:
    """The documents that a filter and a query leave."""
    found = world.live if where is None else [d for d in world.live if parse(where).matches(d)]
    if query is None:
        return found
    terms = get_analyzer("english").terms
    return [d for d in found if set(terms(query)) & set(terms(d["text"]))]


def counted(documents: list[dict[str, Any]], path: str) -> dict[Any, tuple[Any, int]]:
    counts: dict[Any, tuple[Any, int]] = {}
    for document in documents:
        for value in distinct_values(document, tuple(path.split("."))):
            seen = counts.get(identity(value), (value, 0))
            counts[identity(value)] = (seen[0], seen[1] + 1)
    return counts


QUESTIONS: list[tuple[Any, str | None]] = [
    (None, None), ({"year": {"$gte": 2005}}, None), (None, "cats dog"), ({"tags": "x"}, "bird"),
    ({"nowhere": 1}, None), (None, "unheardof"),
]  # fmt: skip


@pytest.mark.parametrize("seed", range(10))
def test_facets_and_distinct_values_are_those_of_plain_documents(seed: int) -> None:
    world = World(seed)
    for where, query in QUESTIONS:
        documents = left(world, where, query)
        for path in PATHS:
            expected = counted(documents, path)
            facets = world.collection.facets(path, where=where, query=query)
            assert {identity(f.value): f.count for f in facets} == {
                key: count for key, (_, count) in expected.items()
            }
            order = [(-facet.count, *sort_key(facet.value)) for facet in facets]
            assert order == sorted(order)
            for limit in (1, 3):
                first = world.collection.facets(path, where=where, query=query, limit=limit)
                assert first == facets[:limit]
            values = world.collection.distinct(path, where=where, query=query)
            assert values == sorted((f.value for f in facets), key=sort_key)


@pytest.mark.parametrize("seed", range(10))
def test_statistics_are_those_of_plain_documents(seed: int) -> None:
    world = World(seed)
    for where, query in QUESTIONS:
        documents = left(world, where, query)
        for path in PATHS:
            values = [
                [v for v in distinct_values(d, tuple(path.split("."))) if v is not None]
                for d in documents
            ]
            flat = sorted((v for found in values for v in found), key=sort_key)
            numbers = [v for v in flat if type(v) in (int, float)]
            stats = world.collection.stats(path, where=where, query=query)
            assert stats.count == sum(bool(found) for found in values)
            assert stats.missing == len(documents) - stats.count
            assert (stats.min, stats.max) == ((flat[0], flat[-1]) if flat else (None, None))
            exact = sum(map(Fraction, numbers), Fraction(0))
            if not numbers:
                assert stats.sum is None
                assert stats.mean is None
            elif all(type(number) is int for number in numbers):
                assert type(stats.sum) is int
                assert stats.sum == exact
            else:
                assert stats.sum == float(exact)
            if numbers:
                assert stats.mean == stats.sum / len(numbers)
            least_and_most = world.collection.min_max(path, where=where, query=query)
            assert least_and_most == ((flat[0], flat[-1]) if flat else None)


def papers() -> rr.Collection:
    collection = rr.open(":memory:").create_collection("papers", fields={"text": rr.Text()})
    collection.put_many(
        [
            {"id": "a", "text": "cats", "year": 2020, "venue": "SIGIR"},
            {"id": "b", "text": "cats and dogs", "year": 2020, "venue": "ECIR"},
            {"id": "c", "text": "dogs", "year": 2021.5, "venue": "SIGIR"},
            {"id": "d", "text": "fish"},
        ]
    )
    return collection


def test_facets_unpack_into_value_and_count() -> None:
    collection = papers()
    assert collection.facets("venue") == [Facet("SIGIR", 2), Facet("ECIR", 1)]
    assert dict(collection.facets("venue", query="dog")) == {"ECIR": 1, "SIGIR": 1}
    assert dict(collection.facets("year", where={"venue": "SIGIR"})) == {2020: 1, 2021.5: 1}


def test_facets_of_several_paths_come_by_path() -> None:
    assert papers().facets(["venue", "year"], limit=1) == {
        "venue": [Facet("SIGIR", 2)],
        "year": [Facet(2020, 2)],
    }


def test_statistics_of_one_field() -> None:
    collection = papers()
    assert collection.stats("year") == Statistics(3, 1, 2020, 2021.5, 6061.5, 2020.5)
    assert collection.min_max("year") == (2020, 2021.5)
    assert collection.min_max("venue") == ("ECIR", "SIGIR")
    assert collection.min_max("nowhere") is None


def test_sums_are_exact_and_do_not_overflow_on_the_way() -> None:
    collection = rr.open(":memory:").create_collection("sums", fields={"text": rr.Text()})
    for number in (1e308, 1e308, -1e308, 1):
        collection.put({"id": str(len(collection)), "n": number, "big": 2**63 - 1})
        collection.flush()
    assert collection.stats("n").sum == 1e308
    assert collection.stats("big").sum == 4 * (2**63 - 1)
    collection.put({"id": "more", "n": 1.5e308})
    assert collection.stats("n").sum == math.inf


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"path": "text"}, "path: is a text field"),
        ({"path": "a..b"}, "path"),
        ({"path": 7}, "path"),
        ({"path": []}, "path"),
        ({"path": ["year", "text"]}, r"path\.1"),
        ({"path": "year", "limit": 0}, "limit"),
        ({"path": "year", "limit": True}, "limit"),
        ({"path": "year", "where": {"a": {"$x": 1}}}, r"where\.a"),
        ({"path": "year", "query": 7}, "query"),
    ],
)
def test_arguments_that_do_not_fit_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(rr.InvalidArgument, match=message):
        papers().facets(**arguments)
