from __future__ import annotations

from typing import Any

import pytest

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.filters import Filter, Predicate, parse


@pytest.mark.parametrize(
    ("built", "where"),
    [
        (Filter.eq("category", "books"), {"category": "books"}),
        (Filter.ne("a", 1), {"a": {"$ne": 1}}),
        (Filter.gt("a.b", 1), {"a.b": {"$gt": 1}}),
        (Filter.gte("a", 1), {"a": {"$gte": 1}}),
        (Filter.lt("a", "x"), {"a": {"$lt": "x"}}),
        (Filter.lte("a", b"x"), {"a": {"$lte": b"x"}}),
        (Filter.between("a", 1, 5), {"a": {"$gte": 1, "$lte": 5}}),
        (Filter.in_("a", (n for n in (1, 2))), {"a": {"$in": [1, 2]}}),
        (Filter.nin("a", {1}), {"a": {"$nin": [1]}}),
        (Filter.all("a", [1, 2]), {"a": {"$all": [1, 2]}}),
        (Filter.exists("a"), {"a": {"$exists": True}}),
        (Filter.exists("a", False), {"a": {"$exists": False}}),
        (Filter.size("a", 2), {"a": {"$size": 2}}),
        (Filter.element("a", {"b": 1}), {"a": {"$elemMatch": {"b": 1}}}),
        (Filter.everything(), {}),
        (Filter.and_(), {}),
        (Filter.or_(), {"$nor": [{}]}),
        (Filter.eq("a", {"b": 1}), {"a": {"b": 1}}),
        (Filter.parse({"a": 1}), {"a": 1}),
    ],
    ids=str,
)
def test_the_builder_makes_the_tree_of_the_dict(built: Predicate, where: dict[str, Any]) -> None:
    assert built == parse(where)


def test_predicates_combine_by_method_and_by_sign() -> None:
    a, b, c = Filter.eq("a", 1), Filter.eq("b", 2), Filter.gt("c", 3)
    assert a.and_(b) == a & b == Filter.and_(a, b) == parse({"a": 1, "b": 2})
    assert a.or_(b) == a | b == Filter.or_(a, b) == parse({"$or": [{"a": 1}, {"b": 2}]})
    assert a.not_() == ~a == Filter.not_(a) == parse({"$not": {"a": 1}})
    assert ~~a == a
    assert a & b & c == a.and_(b, c) == parse({"$and": [{"a": 1}, {"b": 2}, {"c": {"$gt": 3}}]})
    assert (a & b) | c == parse({"$or": [{"a": 1, "b": 2}, {"c": {"$gt": 3}}]})


@pytest.mark.parametrize(
    "build",
    [
        lambda: Filter.eq("", 1),
        lambda: Filter.eq("a", object()),
        lambda: Filter.gt("a", None),
        lambda: Filter.in_("a", "abc"),
        lambda: Filter.size("a", -1),
        lambda: Filter.eq("a", 1).and_({"b": 2}),  # type: ignore[arg-type]
        lambda: Filter(),
    ],
)
def test_the_builder_refuses_what_a_dict_could_not_hold(build: Any) -> None:
    with pytest.raises(InvalidArgument):
        build()
