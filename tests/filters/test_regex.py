"""`$regex` finds what Python's `re` finds, in documents and in columns, and never backtracks."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rank_retrieve as rr
from rank_retrieve.filters import parse
from rank_retrieve.filters.columns import Columns, write_columns
from rank_retrieve.types import MemorySections

TITLES = ["Dense Retrieval", "sparse retrieval", "re-ranking\nin depth", "", "Ärger", None, 7]


def found(where: dict[str, Any]) -> list[int]:
    documents = [{"title": title} for title in TITLES] + [{"title": ["x", "dense"]}, {}]
    sections = MemorySections()
    write_columns(sections, documents)
    columns = Columns.open(sections, n_docs=len(documents))
    docs: list[int] = parse(where).evaluate(columns).to_docs().tolist()
    assert docs == [i for i, document in enumerate(documents) if parse(where).matches(document)]
    return docs


def test_a_pattern_is_found_anywhere_in_a_string_or_in_a_string_of_an_array() -> None:
    assert found({"title": {"$regex": "etrieva"}}) == [0, 1]
    assert found({"title": {"$regex": "^[ds]"}}) == [1, 7]
    assert found({"title": {"$regex": "^Dense|h$"}}) == [0, 2]
    assert found({"title": {"$regex": "^$"}}) == [3]
    assert found({"title": {"$regex": ""}}) == [0, 1, 2, 3, 4, 7]
    assert found({"title": {"$not": {"$regex": "e"}}}) == [3, 5, 6, 8]


def test_options_ignore_case_and_let_a_dot_be_a_line_feed() -> None:
    assert found({"title": {"$regex": "^dense"}}) == [7]
    assert found({"title": {"$regex": "^dense", "$options": "i"}}) == [0, 7]
    assert found({"title": {"$regex": "^ä", "$options": "i"}}) == [4]
    assert found({"title": {"$regex": "king.in"}}) == []
    assert found({"title": {"$regex": "KING.in", "$options": "si"}}) == [2]


def test_the_builder_makes_the_same_filter() -> None:
    assert rr.Filter.regex("title", "^a", "si") == parse(
        {"title": {"$options": "is", "$regex": "^a"}}
    )
    tree = parse({"title": {"$regex": "^a", "$options": "i"}})
    assert parse(tree.to_dict()) == tree
    assert tree != parse({"title": {"$regex": "^a"}})


@pytest.mark.parametrize(
    ("operators", "place", "reason"),
    [
        ({"$regex": "a("}, r"where\.title\.\$regex", "at character 1"),
        ({"$regex": "a^b"}, r"where\.title\.\$regex", "an anchor, at character 1"),
        ({"$regex": r"(a)\1"}, r"where\.title\.\$regex", "at character 3"),
        ({"$regex": re.compile("a")}, r"where\.title\.\$regex", "must be a string"),
        ({"$regex": "a", "$options": "x"}, r"where\.title\.\$options", "letters i and s"),
        ({"$regex": "a", "$options": 1}, r"where\.title\.\$options", "letters i and s"),
        ({"$options": "i"}, r"where\.title\.\$options", "beside \\$regex"),
    ],
)
def test_what_cannot_be_run_names_the_place(operators: Any, place: str, reason: str) -> None:
    with pytest.raises(rr.InvalidArgument, match=f"{place}.*{reason}"):
        parse({"title": operators})


def test_a_pattern_that_would_make_a_backtracking_matcher_hang_is_linear() -> None:
    where = parse({"title": {"$regex": "^(a+)+$"}})
    assert where.matches({"title": "a" * 100_000})
    assert not where.matches({"title": "a" * 100_000 + "b"})


pieces = st.sampled_from(["a", "b", "S", "é", "[ab]", "[^a]", ".", "(a|b)", "(?:é|)", "\\n", "\\d"])
repeats = st.sampled_from(["", "", "*", "+", "?", "{1,2}"])
bodies = st.lists(st.tuples(pieces, repeats).map("".join), max_size=4).map("".join)
patterns = st.tuples(st.sampled_from(["", "^"]), bodies, st.sampled_from(["", "$"])).map("".join)


@given(st.lists(patterns, min_size=1, max_size=3), st.text("abBSsé\n1", max_size=6), st.booleans())
@settings(deadline=None, max_examples=300)
def test_it_finds_what_the_standard_library_finds(
    alternatives: list[str], text: str, ignore_case: bool
) -> None:
    pattern = "|".join(alternatives)
    where = parse({"t": {"$regex": pattern, "$options": "i" if ignore_case else ""}})
    # in the standard library $ also stands before a last line feed
    ours = pattern.replace("$", r"\Z")
    expected = re.search(ours, text, re.IGNORECASE | re.ASCII if ignore_case else re.ASCII)
    if ignore_case and "é" in pattern + text:
        expected = re.search(ours, text, re.IGNORECASE)
    assert where.matches({"t": text}) == (expected is not None)
