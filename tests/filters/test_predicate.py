"""The semantics table of docs/filters.md, case by case."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any

import pytest

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.filters import Filter, parse
from rank_retrieve.filters.columns import Columns, write_columns
from rank_retrieve.types import MemorySections
from tests.filters.generate import Generator

NOON = datetime(2021, 3, 4, 12, tzinfo=UTC)
NOON_EAST = datetime(2021, 3, 4, 17, tzinfo=timezone(timedelta(hours=5)))

MATCHING: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({}, {}),
    ({}, {"a": 1}),
    # equality
    ({"a": 1}, {"a": 1.0}),
    ({"a": {"$eq": 0}}, {"a": -0.0}),
    ({"a": None}, {"a": None}),
    ({"a": NOON}, {"a": NOON_EAST}),
    ({"a": {}}, {"a": {}}),
    ({"a": {"b": 1, "c": 2}}, {"a": {"c": 2, "b": 1}}),
    # arrays: the whole, or an element
    ({"a": 1}, {"a": [3, 1]}),
    ({"a": [3, 1]}, {"a": [3, 1]}),
    ({"a": [3, 1]}, {"a": [[3, 1], 5]}),
    ({"a": []}, {"a": []}),
    ({"a": {"b": 1}}, {"a": [{"b": 1}]}),
    ({"a.b": 2}, {"a": [{"b": 1}, {"b": 2}]}),
    ({"a.b": 2}, {"a": [{"b": [1, 2]}]}),
    ({"a.1": 2}, {"a": [1, 2]}),
    # ranges
    ({"a": {"$gt": 1}}, {"a": 1.5}),
    ({"a": {"$gte": 2**53 + 1}}, {"a": 2**53 + 1}),
    ({"a": {"$lt": 2**53 + 1}}, {"a": float(2**53)}),
    ({"a": {"$gt": 1, "$lt": 3}}, {"a": 2}),
    ({"a": {"$gt": 1, "$lt": 3}}, {"a": [0, 5]}),
    ({"a": {"$gt": "\uffff"}}, {"a": "\U0001f600"}),
    ({"a": {"$lt": b"\x80"}}, {"a": b"\x7f\xff"}),
    ({"a": {"$gte": NOON}}, {"a": NOON_EAST}),
    ({"a": {"$lt": float("inf")}}, {"a": 2**63 - 1}),
    ({"a": {"$gt": float("-inf")}}, {"a": -(2**63)}),
    # a missing path matches the negations only
    ({"a": {"$ne": 1}}, {}),
    ({"a": {"$ne": None}}, {}),
    ({"a": {"$nin": [1, 2]}}, {}),
    ({"a": {"$not": {"$gt": 1}}}, {}),
    ({"a": {"$exists": False}}, {}),
    ({"a.b": {"$exists": False}}, {"a": 1}),
    ({"a": {"$exists": True}}, {"a": None}),
    ({"a": {"$exists": True}}, {"a": []}),
    # lists of values
    ({"a": {"$in": [1, "x"]}}, {"a": "x"}),
    ({"a": {"$in": [None]}}, {"a": None}),
    ({"a": {"$in": [[1]]}}, {"a": [1]}),
    ({"a": {"$nin": []}}, {"a": 1}),
    ({"a": {"$nin": [1]}}, {"a": [2]}),
    ({"a": {"$all": [1, 2]}}, {"a": [2, 3, 1]}),
    ({"a": {"$all": [1]}}, {"a": 1}),
    ({"a": {"$size": 2}}, {"a": [1, []]}),
    ({"a": {"$size": 0}}, {"a": []}),
    # one element for all
    ({"a": {"$elemMatch": {"$gt": 1, "$lt": 3}}}, {"a": [0, 2]}),
    ({"a": {"$elemMatch": {"b": 1, "c": {"$gt": 1}}}}, {"a": [{"b": 1, "c": 1}, {"b": 1, "c": 2}]}),
    ({"a": {"$elemMatch": {"$eq": [1]}}}, {"a": [[1]]}),
    ({"a": {"$elemMatch": {"$not": {"$gt": 1}}}}, {"a": [0, 2]}),
    ({"a": {"$elemMatch": {"$or": [{"b": 1}, {"b": 2}]}}}, {"a": [{"b": 2}]}),
    ({"a": {"$elemMatch": {}}}, {"a": [{}]}),
    # logic
    ({"$and": [{"a": 1}, {"b": 2}]}, {"a": 1, "b": 2}),
    ({"$or": [{"a": 1}, {"b": 2}]}, {"b": 2}),
    ({"$nor": [{"a": 1}, {"b": 2}]}, {"a": 2}),
    ({"$not": {"a": 1, "b": 2}}, {"a": 1, "b": 3}),
]

REJECTING: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"a": 1}, {"a": True}),
    ({"a": False}, {"a": 0}),
    ({"a": 2**53 + 1}, {"a": float(2**53)}),
    ({"a": "1"}, {"a": 1}),
    ({"a": "a"}, {"a": b"a"}),
    ({"a": None}, {}),
    ({"a": None}, {"a": 0}),
    ({"a.b": None}, {"a": {}}),
    ({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}}),
    ({"a": [3, 1]}, {"a": [1, 3]}),
    ({"a": 1}, {"a": [[1]]}),
    ({"a.b": 1}, {"a": [[{"b": 1}]]}),
    ({"a": {"$gt": 1}}, {"a": "2"}),
    ({"a": {"$gt": 1}}, {"a": True}),
    ({"a": {"$lte": 0}}, {"a": None}),
    ({"a": {"$lt": "b"}}, {"a": b"a"}),
    ({"a": {"$lt": 5}}, {}),
    ({"a": {"$gt": float(2**53)}}, {"a": 2**53}),
    ({"a": {"$gt": 1, "$lt": 3}}, {"a": [5, 6]}),
    ({"a": {"$ne": 1}}, {"a": [1, 2]}),
    ({"a": {"$nin": [1]}}, {"a": [2, 1]}),
    ({"a": {"$in": []}}, {"a": 1}),
    ({"a": {"$all": []}}, {"a": []}),
    ({"a": {"$all": [1, 2]}}, {"a": [1]}),
    ({"a": {"$size": 1}}, {"a": "x"}),
    ({"a": {"$size": 1}}, {"a": {"b": 1}}),
    ({"a": {"$size": 2}}, {"a": [[1, 2]]}),
    ({"a": {"$exists": False}}, {"a": None}),
    ({"a": {"$elemMatch": {"$gt": 1, "$lt": 3}}}, {"a": [0, 5]}),
    ({"a": {"$elemMatch": {"$gt": 1}}}, {"a": 2}),
    ({"a": {"$elemMatch": {"$eq": 1}}}, {"a": [[1]]}),
    ({"a": {"$elemMatch": {"b": 1}}}, {"a": {"b": 1}}),
    ({"a": {"$elemMatch": {"b": {"$ne": 1}}}}, {"a": [1, "x"]}),
    ({"a": {"$elemMatch": {}}}, {"a": [1]}),
    ({"$and": [{"a": 1}, {"b": 2}]}, {"a": 1}),
    ({"$nor": [{"a": 1}, {"b": 2}]}, {"b": 2}),
]


def by_columns(where: dict[str, Any], document: dict[str, Any]) -> bool:
    sections = MemorySections()
    write_columns(sections, [{}, document])
    return 1 in parse(where).evaluate(Columns.open(sections))


@pytest.mark.parametrize(("where", "document"), MATCHING, ids=str)
def test_matches(where: dict[str, Any], document: dict[str, Any]) -> None:
    assert parse(where).matches(document)
    assert by_columns(where, document)


@pytest.mark.parametrize(("where", "document"), REJECTING, ids=str)
def test_does_not_match(where: dict[str, Any], document: dict[str, Any]) -> None:
    assert not parse(where).matches(document)
    assert not by_columns(where, document)


def test_any_mapping_is_a_document() -> None:
    assert parse({"a": 1}).matches(MappingProxyType({"a": 1}))


def test_to_dict_parses_to_the_same_tree() -> None:
    source = Generator(7)
    for _ in range(300):
        predicate = parse(source.filter())
        assert parse(predicate.to_dict()) == predicate


def test_paths_names_what_the_answer_depends_on() -> None:
    predicate = parse({"$or": [{"a.b": 1}, {"c": {"$ne": 2}}], "d": {"$elemMatch": {"e": 1}}})
    assert predicate.paths() == {"a.b", "c", "d"}
    assert parse({}).paths() == frozenset()


def test_equal_trees_are_equal_and_a_number_is_not_a_bool() -> None:
    assert parse({"a": 1}) == parse({"a": {"$eq": 1.0}})
    assert hash(parse({"a": 1})) == hash(parse({"a": {"$eq": 1.0}}))
    assert parse({"a": 1}) != parse({"a": True})
    assert parse({"a": {"$gt": 1}}) != parse({"a": {"$gte": 1}})


def test_depth_and_clauses_are_bounded_when_built_from_python_too() -> None:
    a, b = Filter.eq("a", 1), Filter.eq("b", 1)
    deep = a
    with pytest.raises(InvalidArgument, match="32 deep"):
        for _ in range(40):
            deep = (deep & b) | b
    wide = a
    with pytest.raises(InvalidArgument, match="4096 clauses"):
        for _ in range(4100):
            wide = wide & b


def test_a_filter_keeps_its_values_when_the_caller_changes_his_list() -> None:
    tags = ["x"]
    where = {"a": {"$eq": tags}, "b": {"$elemMatch": {"c": tags}}}
    predicate = parse(where)
    tags.append("y")
    assert predicate.matches({"a": ["x"], "b": [{"c": ["x"]}]})
    assert predicate.to_dict()["$and"][0] == {"a": {"$eq": ["x"]}}
