"""Trees that the searcher answers itself: the same results as by plans and by brute force."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rank_retrieve as rr
from rank_retrieve.lexical.queries import PreparedQuery
from rank_retrieve.lexical.queries.flat import flattened
from tests.lexical.queries.indexes import GROUPS, build, oracle_of
from tests.lexical.queries.strategies import documents
from tests.lexical.queries.test_prepared import ranked

one = st.sampled_from(["a", "b", "ab", "ba", "c", "rare", "absent"])
several = st.lists(one, min_size=1, max_size=3).map(" ".join)
trees = st.one_of(
    st.builds(
        rr.Match, several, minimum_should_match=st.sampled_from([None, 1, 2, "100%", "-50%"])
    ),
    st.builds(rr.Match, several, operator=st.just("and")),
    st.builds(
        rr.Boolean,
        must=st.lists(one, max_size=3),
        should=st.lists(several, max_size=3),
        minimum_should_match=st.sampled_from([None, None, 1, 2]),
    ),
)


@given(st.lists(st.lists(documents, max_size=9), min_size=1, max_size=3), trees, st.integers(1, 9))
@settings(deadline=None, max_examples=100)
def test_bags_of_words_and_clauses_of_words_are_found_as_by_brute_force(
    parts: list[list[Any]], query: rr.LexicalQuery, k: int
) -> None:
    live = [[number % 4 != 3 for number in range(len(part))] for part in parts]
    groups = build(parts, live, positions=False, groups=GROUPS[:1])
    expected = oracle_of(parts, live, GROUPS[:1]).run(query)
    found = PreparedQuery(groups, query).search(k)
    assert (found.docs.tolist(), found.scores.tolist()) == ranked(expected, k)


@pytest.mark.parametrize(
    ("string", "words", "required", "minimum"),
    [
        ("a b", [b"a", b"b"], [], 1),
        ("+a b", [b"a", b"b"], [b"a"], 1),
        ("a AND b AND c", [b"a", b"b", b"c"], [b"a", b"b", b"c"], 1),
        ("a", [b"a"], [], 1),
    ],
)
def test_strings_of_words_are_flat(
    string: str, words: list[bytes], required: list[bytes], minimum: int
) -> None:
    groups = build([[{"text": ["a"]}]], [[True]], positions=False, groups=GROUPS[:1])
    flat = flattened(PreparedQuery(groups, rr.parse_query(string))._plan)
    assert flat is not None
    assert (flat.words, sorted(flat.required), flat.minimum) == (words, required, minimum)


@pytest.mark.parametrize(
    "query",
    [
        rr.parse_query("a -b"),
        rr.parse_query("a a"),
        rr.parse_query("a^2 b"),
        rr.parse_query("title:a b"),
        rr.parse_query('"a b" c'),
        rr.Boolean(must=["a b"], should="c"),
        rr.Boolean(should=["a b", "c"], minimum_should_match=2),
        rr.Boolean(must="a", should=["b", "c"], minimum_should_match=1),
        rr.MatchAll(),
    ],
)
def test_trees_that_say_more_are_not(query: rr.LexicalQuery) -> None:
    groups = build([[{"text": ["a", "b", "c"]}]], [[True]], positions=True, groups=GROUPS[:1])
    assert flattened(PreparedQuery(groups, query)._plan) is None
