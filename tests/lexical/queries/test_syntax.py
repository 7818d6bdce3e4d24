"""Lucene's syntax: what strings mean, and where exactly they are wrong."""

from __future__ import annotations

import pickle
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rank_retrieve as rr
from rank_retrieve import Boolean, Boosted, Fuzzy, Match, MatchAll, Phrase, Prefix, Regex, Wildcard
from rank_retrieve.lexical.queries.query import MAX_NODES


@pytest.mark.parametrize(
    ("string", "query"),
    [
        ("word", Match("word")),
        ("two words", Boolean(should=[Match("two"), Match("words")])),
        ("+must -not may", Boolean(must="must", should="may", must_not="not")),
        ("!not +must", Boolean(must="must", must_not="not")),
        ("NOT a b", Boolean(should="b", must_not="a")),
        ("a AND b", Boolean(must=["a", "b"])),
        ("a && b", Boolean(must=["a", "b"])),
        ("a OR b", Boolean(should=["a", "b"])),
        ("a || NOT b", Boolean(should="a", must_not="b")),
        # Lucene's classic parser has no precedence
        ("a OR b AND c", Boolean(must=["b", "c"], should="a")),
        ("a AND b OR c", Boolean(must=["a", "b"], should="c")),
        ("a AND NOT b", Boolean(must="a", must_not="b")),
        ("-a AND b", Boolean(must="b", must_not="a")),
        ("(a b) c", Boolean(should=[Boolean(should=["a", "b"]), "c"])),
        ("(a)", Match("a")),
        ('"two words"', Phrase("two words")),
        ('"two words"~3', Phrase("two words", slop=3)),
        ('"two words"~3^2', Boosted(Phrase("two words", slop=3), 2)),
        (r'"a \"quoted\" word"', Phrase('a "quoted" word')),
        ("title:word", Match("word", field="title")),
        ('title:"two words"', Phrase("two words", field="title")),
        ("title:(a text:b c)", Boolean(should=[Match("a", "title"), Match("b", "text"),
                                               Match("c", "title")])),
        ("word^2.5", Boosted(Match("word"), 2.5)),
        ("(a b)^3", Boosted(Boolean(should=["a", "b"]), 3)),
        ("wor*", Prefix("wor")),
        ("*ord", Wildcard("*ord")),
        ("w?rd", Wildcard("w?rd")),
        (r"w\*rd", Match("w*rd")),
        (r"w\*r*", Wildcard(r"w\*r*")),
        ("word~", Fuzzy("word")),
        ("word~1", Fuzzy("word", edits=1)),
        ("word~0^2", Boosted(Fuzzy("word", edits=0), 2)),
        ("/wor[dk]/", Regex("wor[dk]")),
        (r"/a\/b/", Regex("a/b")),
        ("title:/w.*/", Regex("w.*", field="title")),
        ("[a TO b]", rr.TermRange("a", "b")),
        ("{a TO b}", rr.TermRange("a", "b", include_lower=False, include_upper=False)),
        ("[* TO b}", rr.TermRange(None, "b", include_upper=False)),
        ('text:["a b" TO *]', rr.TermRange("a b", None, field="text")),
        ("*:*", MatchAll()),
        ("*:* -a", Boolean(should=MatchAll(), must_not="a")),
        (r"a\:b \(c\)", Boolean(should=["a:b", "(c)"])),
        ("well-known C++ AT&T a/b hello!", Boolean(should=["well-known", "C++", "AT&T", "a/b",
                                                           "hello!"])),
        ("ANDROID ORB NOTE", Boolean(should=["ANDROID", "ORB", "NOTE"])),
        ("über 検索", Boolean(should=["über", "検索"])),
        ("", Boolean()),
        (" \t\n", Boolean()),
        ("()", Boolean()),
    ],
)  # fmt: skip
def test_a_string_means_this_tree(string: str, query: rr.LexicalQuery) -> None:
    assert rr.parse_query(string) == query


@pytest.mark.parametrize(
    ("string", "query"),
    [
        ("a b", Boolean(must=[Match("a", operator="and"), Match("b", operator="and")])),
        ("a OR b", Boolean(should=[Match("a", operator="and"), Match("b", operator="and")])),
        ("a -b", Boolean(must=Match("a", operator="and"), must_not=Match("b", operator="and"))),
    ],
)
def test_with_the_operator_and_every_clause_is_required(
    string: str, query: rr.LexicalQuery
) -> None:
    assert rr.parse_query(string, operator="and") == query


def test_default_fields_are_those_of_clauses_without_a_field() -> None:
    assert rr.parse_query("a title:b", "text") == Boolean(
        should=[Match("a", field="text"), Match("b", field="title")]
    )
    assert rr.parse_query("a", ["title", "text"]) == Match("a", field=("title", "text"))


@pytest.mark.parametrize(
    ("string", "position", "problem"),
    [
        ("(a b", 0, "never closed"),
        ("a (b (c) d", 2, "never closed"),
        ("a b)", 3, "without an opening one"),
        ('a "b c', 2, "never closed"),
        ("a /b", 2, "never closed"),
        ("[a TO b", 0, "never closed"),
        ("[a b]", 3, "TO should stand"),
        ("[TO b]", 4, "TO should stand"),
        ("[a TO ]", 6, "bound of a range is missing"),
        ("AND a", 0, "nothing to join on the left"),
        ("a AND", 5, "nothing to join on the right"),
        ("a OR )", 5, "nothing to join on the right"),
        ("a -", 2, "without a clause"),
        ("+ a", 0, "without a clause"),
        ("title:", 6, "nothing to look for"),
        ("title: a", 6, "nothing to look for"),
        ("a:b:c", 3, "a second field"),
        ("*:a", 0, "may have"),
        ("a^", 2, "number should follow"),
        ("a^x", 2, "number should follow"),
        ("a^1.2.3", 2, "not a number"),
        ("a^99999999", 2, "boost"),
        ("a~3", 2, "0, 1 or 2"),
        ("a~0.5", 2, "0, 1 or 2"),
        ("a*~1", 2, "cannot be fuzzy"),
        ('"a b"~1.5', 6, "whole number"),
        ('"a b"~', 6, "whole number"),
        ("^2", 0, "cannot begin"),
        ("a ~", 2, "cannot begin"),
        ("a ]", 2, "cannot begin"),
        ("a\\", 1, "nothing behind the backslash"),
        ("/a(b/", 2, "unclosed"),
        ("a /b[/", 4, "unclosed"),
        ("(" * 31 + "a", 30, "parentheses inside each other"),
    ],
)
def test_a_mistake_is_told_with_its_character(string: str, position: int, problem: str) -> None:
    with pytest.raises(rr.QuerySyntaxError, match=problem) as raised:
        rr.parse_query(string)
    assert raised.value.position == position
    assert raised.value.query == string
    assert isinstance(raised.value, rr.InvalidArgument)


def test_the_message_shows_the_string_with_a_caret_below_the_character() -> None:
    with pytest.raises(rr.QuerySyntaxError) as raised:
        rr.parse_query('cats\tAND "dogs')
    assert str(raised.value) == (
        "query: this quotation mark is never closed at character 9. Put a backslash before it to "
        "look for the character itself.\n"
        '    cats AND "dogs\n'
        "             ^"
    )
    again = pickle.loads(pickle.dumps(raised.value))  # noqa: S301 - our own bytes
    assert (str(again), again.position) == (str(raised.value), 9)


def test_of_a_long_string_the_message_shows_the_place_alone() -> None:
    with pytest.raises(rr.QuerySyntaxError) as raised:
        rr.parse_query("word " * 1000 + ") " + "word " * 1000)
    lines = str(raised.value).splitlines()
    assert len(lines[1]) == 84
    assert lines[1][lines[2].index("^")] == ")"


def test_strings_are_bounded() -> None:
    with pytest.raises(rr.InvalidArgument, match="more than 65536 characters"):
        rr.parse_query("a" * 65_537)
    with pytest.raises(rr.QuerySyntaxError, match="nodes"):
        rr.parse_query("a " * MAX_NODES)
    assert len(rr.parse_query("a " * (MAX_NODES - 1)).children) == MAX_NODES - 1
    with pytest.raises(rr.InvalidArgument, match="lone surrogate"):
        rr.parse_query("a\ud800")
    with pytest.raises(rr.InvalidArgument, match="must be a string"):
        rr.parse_query(3)  # type: ignore[arg-type]
    with pytest.raises(rr.InvalidArgument, match='"or" or "and"'):
        rr.parse_query("a", operator="xor")  # type: ignore[arg-type]
    with pytest.raises(rr.InvalidArgument, match="name of a text field"):
        rr.parse_query("a", default_fields=[])


PIECES = ["a", "b*", " ", "  ", '"', "(", ")", "[", "]", "{", "}", "/", "\\", "~", "~1", "^", "^2",
          "+", "-", "!", ":", "AND", "OR", "NOT", "&&", "||", "TO", "*", "?", "x:", "*:*", ".", "é",
          "\ud83d\ude00", "\n", "\0", "1"]  # fmt: skip


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join), st.sampled_from(["or", "and"]))
@settings(deadline=None, max_examples=100)
def test_any_string_is_a_query_or_a_mistake_inside_the_string(string: str, operator: str) -> None:
    check(string, operator)


@given(st.text(max_size=60))
@settings(deadline=None, max_examples=60)
def test_so_is_any_text(string: str) -> None:
    check(string, "or")


def test_so_are_strings_that_are_nested_or_repeated_as_far_as_they_go() -> None:
    rng = random.Random(7)
    for _ in range(60):
        piece = "".join(rng.choice(PIECES) for _ in range(rng.randint(1, 3)))
        check(piece * rng.randint(1, 3000), "or")


def check(string: str, operator: str) -> None:
    try:
        query = rr.parse_query(string, operator=operator)  # type: ignore[arg-type]
    except rr.QuerySyntaxError as error:
        assert 0 <= error.position <= len(string)
        assert "^" in str(error)
    except rr.InvalidArgument as error:
        assert error.argument in ("query",)
    else:
        names = {name: getattr(rr, name) for name in rr.__all__}
        assert eval(repr(query), names) == query
