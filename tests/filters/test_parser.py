from __future__ import annotations

import random
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.filters import Predicate, check, parse
from rank_retrieve.filters.conditions import Compare, Equal, Exists, OneOf, Size
from rank_retrieve.filters.predicate import AllOf, AnyOf, ElementMatch, Not, Where


def nested(depth: int) -> dict[str, Any]:
    where: dict[str, Any] = {"a": 1}
    for _ in range(depth):
        where = {"$and": [where, {"b": 2}]}
    return where


def test_the_tree_of_a_filter() -> None:
    where = {"year": {"$gte": 2020, "$ne": 2022}, "$or": [{"tag": "x"}, {"a.b": {"$in": [1, 2]}}]}
    assert parse(where) == AllOf(
        (
            Where(("year",), Compare("$gte", 2020)),
            Not(Where(("year",), Equal(2022))),
            AnyOf((Where(("tag",), Equal("x")), Where(("a", "b"), OneOf((1, 2))))),
        )
    )


def test_the_tree_of_each_remaining_operator() -> None:
    a = ("a",)
    assert parse({"a": {"$exists": False}}) == Not(Where(a, Exists()))
    assert parse({"a": {"$size": 3}}) == Where(a, Size(3))
    assert parse({"a": {"$all": [1, 2]}}) == parse({"$and": [{"a": 1}, {"a": 2}]})
    assert parse({"a": {"$all": []}}) == AnyOf(())
    assert parse({"a": {"$not": {"$not": {"$gt": 1}}}}) == Where(a, Compare("$gt", 1))
    of_values = parse({"a": {"$elemMatch": {"$gt": 1}}})
    assert of_values == Where(a, ElementMatch(Where((), Compare("$gt", 1)), False, {}))
    of_dicts = parse({"a": {"$elemMatch": {"$not": {"b": 1}}}})
    assert of_dicts == Where(a, ElementMatch(Not(Where(("b",), Equal(1))), True, {}))


def test_a_predicate_parses_to_itself() -> None:
    predicate = parse({"a": 1})
    assert parse(predicate) is predicate


@pytest.mark.parametrize(
    ("where", "place", "reason"),
    [
        (None, "where", "must be a dict"),
        ([{"a": 1}], "where", "must be a dict"),
        ({1: 2}, "where", "path must be a string"),
        ({"": 2}, "where", "path must be a string"),
        ({"a..b": 2}, "where", "empty step"),
        ({"$foo": 1}, "where", r"not an operator here .*\$and, \$or, \$nor, \$not"),
        ({"$gt": 1}, "where", "not an operator here"),
        ({"a": {"$foo": 1}}, "where.a", r"not an operator here .*\$elemMatch"),
        ({"a": {"$and": []}}, "where.a", "not an operator here"),
        ({"a": {"$gt": 1, "b": 2}}, "where.a", "not an operator here"),
        ({"$and": []}, "where.$and", "at least one filter"),
        ({"$or": {"a": 1}}, "where.$or", "must be a list"),
        ({"$or": [{"a": 1}, 5]}, "where.$or.1", "must be a dict"),
        ({"$or": [{"a": 1}, {"b.c": {"$gte": []}}]}, "where.$or.1.b.c.$gte", "no order"),
        ({"a": {"$gt": None}}, "where.a.$gt", "number, string, bytes or datetime"),
        ({"a": {"$lt": True}}, "where.a.$lt", "number, string, bytes or datetime"),
        ({"a": {"$lt": float("nan")}}, "where.a.$lt", "finite"),
        ({"a": float("inf")}, "where.a", "finite"),
        ({"a": {"$gt": datetime(2021, 1, 1)}}, "where.a.$gt", "time zone"),
        ({"a": {"$gt": 2**63}}, "where.a.$gt", "64 bits"),
        ({"a": {"$in": "abc"}}, "where.a.$in", "list of values"),
        ({"a": {"$in": {1, 2}}}, "where.a.$in", "list of values"),
        ({"a": {"$in": [1, {"b": object()}]}}, "where.a.$in.1.b", "not this type"),
        ({"a": {"$in": [1, {"$gt": 1}]}}, "where.a.$in.1", "must not start"),
        ({"a": {"$nin": 5}}, "where.a.$nin", "list of values"),
        ({"a": {"$all": 5}}, "where.a.$all", "list of values"),
        ({"a": {"$exists": 1}}, "where.a.$exists", "True or False"),
        ({"a": {"$size": -1}}, "where.a.$size", "integer"),
        ({"a": {"$size": True}}, "where.a.$size", "integer"),
        ({"a": {"$size": 1.0}}, "where.a.$size", "integer"),
        ({"a": {"$size": 10**5000}}, "where.a.$size", "integer"),
        ({"a": {"$not": 5}}, "where.a.$not", "dict of operators"),
        ({"a": {"$not": {"b": 1}}}, "where.a.$not", "dict of operators"),
        ({"a": {"$elemMatch": [1]}}, "where.a.$elemMatch", "must be a dict"),
        ({"a": {"$elemMatch": {"$gt": 1, "b": 1}}}, "where.a.$elemMatch", "not an operator here"),
        ({"a": "\ud800"}, "where.a", "lone surrogate"),
        ({"a": np.int64(5)}, "where.a", r"\.item\(\)"),
        ({"a": [1, np.float32(5)]}, "where.a.1", r"\.item\(\)"),
    ],
)
def test_a_malformed_filter_is_refused_by_place(where: Any, place: str, reason: str) -> None:
    with pytest.raises(InvalidArgument, match=f"(?i){reason}") as caught:
        parse(where)
    assert caught.value.argument == place
    str(caught.value).encode("utf-8")


def test_nesting_is_bounded_without_using_up_the_stack() -> None:
    assert parse(nested(15)).depth <= 32
    with pytest.raises(InvalidArgument, match="32 deep"):
        parse(nested(40))
    with pytest.raises(InvalidArgument, match="32 deep"):
        parse(nested(100_000))
    operand: dict[str, Any] = {"$gt": 1}
    for _ in range(100_000):
        operand = {"$not": operand}
    with pytest.raises(InvalidArgument, match="32 deep"):
        parse({"a": operand})
    with pytest.raises(InvalidArgument):
        parse({"a": {"$elemMatch": operand}})


def test_a_deep_operand_of_the_wrong_type_is_refused_and_can_be_shown() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    for where in ({"a": {"$exists": deep}}, {"a": deep}, {"$or": deep}, {"a": {"$size": deep}}):
        with pytest.raises(InvalidArgument) as caught:
            parse(where)
        assert len(str(caught.value)) < 1_000


def test_a_small_filter_with_shared_parts_cannot_explode() -> None:
    where: dict[str, Any] = {"a": 1}
    for _ in range(28):
        where = {"$or": [where, where]}
    with pytest.raises(InvalidArgument, match="more clauses"):
        parse(where)


def test_clauses_and_values_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    parse({"$or": [{"a": i} for i in range(2_000)]})
    with pytest.raises(InvalidArgument, match="more clauses"):
        parse({"$or": [{"a": i} for i in range(5_000)]})
    with pytest.raises(InvalidArgument, match="more clauses"):
        parse({"a": {"$all": list(range(5_000))}})
    parse({"a": {"$in": list(range(100_000))}})
    monkeypatch.setattr(check, "MAX_VALUES", 1_000)
    parse({"$or": [{"a": {"$in": [0] * 500}}, {"b": {"$in": [0] * 500}}]})
    with pytest.raises(InvalidArgument, match="too many values"):
        parse({"$or": [{"a": {"$in": [0] * 501}}, {"b": {"$in": [0] * 500}}]})


names = st.sampled_from(
    ["$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$and", "$or", "$not",
     "$nor", "$all", "$size", "$elemMatch", "$", "$where", "a", "a.b", "", ".", "\ud800"]
)  # fmt: skip
operands = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.binary()
    | st.just(object()) | st.datetimes(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(names | st.integers() | st.none(), inner, max_size=3)
    ),
    max_leaves=12,
)  # fmt: skip


@given(operands)
@settings(deadline=None, max_examples=100)
def test_any_object_parses_or_is_refused(where: Any) -> None:
    try:
        predicate = parse(where)
    except InvalidArgument as error:
        str(error).encode("utf-8")
    else:
        assert isinstance(predicate, Predicate)
        predicate.matches({"a": {"b": [1, "x", None]}})


def test_random_mangled_filters_parse_or_are_refused() -> None:
    from tests.filters.generate import Generator

    source, pick = Generator(11), random.Random(11)
    refused = 0
    for _ in range(3_000):
        text = repr(source.filter())
        for _ in range(pick.randrange(1, 3)):
            at = pick.randrange(len(text))
            text = text[:at] + pick.choice("$[]{}:,'1a") + text[at + 1 :]
        try:
            where = eval(text, {"datetime": __import__("datetime"), "inf": float("inf")})
        except (SyntaxError, NameError, TypeError, ValueError, AttributeError):
            continue
        try:
            parse(where)
        except InvalidArgument:
            refused += 1
    assert refused > 50
