"""Query objects: what they accept, how they print, and what bounds them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings

import rank_retrieve as rr
from rank_retrieve.lexical.queries.minimum import clauses_needed
from tests.lexical.queries.strategies import queries


@given(queries)
@settings(deadline=None, max_examples=60)
def test_a_query_prints_as_the_code_that_makes_it(query: rr.LexicalQuery) -> None:
    names = {name: getattr(rr, name) for name in rr.__all__}
    again = eval(repr(query), names)
    assert again == query
    assert hash(again) == hash(query)
    assert pickle.loads(pickle.dumps(query)) == query  # noqa: S301 - our own bytes


def test_what_is_left_at_its_default_is_not_printed() -> None:
    assert repr(rr.Phrase("a b")) == "Phrase('a b')"
    assert repr(rr.Phrase("a b", slop=2)) == "Phrase('a b', slop=2)"
    assert repr(rr.Match("a") & ~rr.Term("b")) == (
        "Boolean(must=(Match('a'), Boolean(must_not=(Term('b'),))))"
    )


def test_strings_among_clauses_are_what_search_makes_of_them() -> None:
    assert rr.Boolean(must="a b", should=["c"]) == rr.Boolean(
        must=(rr.Match("a b"),), should=(rr.Match("c"),)
    )
    assert rr.ConstantScore("a") == rr.ConstantScore(rr.Match("a"))


def test_the_words_of_a_query_are_what_it_looks_for() -> None:
    query = rr.parse_query('+dense "neural retrieval"~2 -sparse embed* vectr~1 title:(search^2)')
    assert query.words == "dense neural retrieval vectr search"
    assert rr.MatchAll().words == ""
    assert rr.DisMax(["a", rr.Prefix("b"), rr.Term("c")]).words == "a c"
    assert rr.Boolean(must="a", filter="b", must_not="c").words == "a"


@pytest.mark.parametrize(
    ("make", "argument"),
    [
        (lambda: rr.Match(3), "text"),
        (lambda: rr.Match("\ud800"), "text"),
        (lambda: rr.Match("a" * 65_537), "text"),
        (lambda: rr.Match("a", operator="not"), "operator"),
        (lambda: rr.Match("a", field=3), "field"),
        (lambda: rr.Match("a", field=()), "field"),
        (lambda: rr.Match("a", minimum_should_match="x%"), "minimum_should_match"),
        (lambda: rr.Match("a", minimum_should_match="101%"), "minimum_should_match"),
        (lambda: rr.Match("a", minimum_should_match=True), "minimum_should_match"),
        (lambda: rr.Match("a", operator="and", minimum_should_match=1), "minimum_should_match"),
        (lambda: rr.Phrase("a b", slop=-1), "slop"),
        (lambda: rr.Phrase("a b", slop=1.0), "slop"),
        (lambda: rr.Prefix(""), "prefix"),
        (lambda: rr.Prefix("a", max_expansions=0), "max_expansions"),
        (lambda: rr.Prefix("a", rewrite="best"), "rewrite"),
        (lambda: rr.Wildcard(""), "pattern"),
        (lambda: rr.Wildcard("a" * 1025), "pattern"),
        (lambda: rr.Regex("a("), "pattern"),
        (lambda: rr.Regex(r"(a)\1"), "pattern"),
        (lambda: rr.Fuzzy("a", edits=3), "edits"),
        (lambda: rr.Fuzzy("a", prefix_length=-1), "prefix_length"),
        (lambda: rr.Fuzzy("a" * 256), "text"),
        (lambda: rr.TermRange(3), "lower"),
        (lambda: rr.TermRange("a", include_upper=1), "include_upper"),
        (lambda: rr.Boosted("a", float("nan")), "boost"),
        (lambda: rr.Boosted("a", -1), "boost"),
        (lambda: rr.Boosted("a", 1e7), "boost"),
        (lambda: rr.Boosted(3, 1), "query"),
        (lambda: rr.ConstantScore("a", float("inf")), "score"),
        (lambda: rr.DisMax([]), "queries"),
        (lambda: rr.DisMax("a", tie_breaker=1.5), "tie_breaker"),
        (lambda: rr.Boolean(must=3), "must"),
        (lambda: rr.Boolean(should=["a", 3]), "should"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(make: Callable[[], Any], argument: str) -> None:
    with pytest.raises(rr.InvalidArgument) as raised:
        make()
    assert raised.value.argument == argument


def test_trees_are_bounded_in_depth_and_size() -> None:
    query: rr.LexicalQuery = rr.Match("a")
    for _ in range(63):
        query = rr.Boosted(query, 1.0)
    with pytest.raises(rr.InvalidArgument, match="64 levels"):
        rr.Boosted(query, 1.0)
    wide: rr.LexicalQuery = rr.Match("a")
    with pytest.raises(rr.InvalidArgument, match="4096 nodes"):
        for _ in range(20):
            wide = rr.Boolean(should=[wide, wide])


@pytest.mark.parametrize(
    ("minimum", "n_clauses", "needed"),
    [
        (2, 3, 2), (5, 3, 5), (0, 3, 0), (-1, 3, 2), (-5, 3, 0),
        ("75%", 4, 3), ("75%", 3, 2), ("-25%", 4, 3), ("-25%", 3, 3), ("100%", 3, 3), ("0%", 3, 0),
    ],
)  # fmt: skip
def test_a_minimum_is_a_number_or_a_share_rounded_down(
    minimum: int | str, n_clauses: int, needed: int
) -> None:
    assert clauses_needed(minimum, n_clauses) == needed
