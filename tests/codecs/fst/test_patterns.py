import fnmatch
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.codecs import fst
from rank_retrieve.codecs.fst import _read_kernels as kernels
from rank_retrieve.codecs.fst._utf8 import byte_sequences
from rank_retrieve.errors import InvalidArgument
from tests.codecs.fst.oracle import fst_of

ALPHABET = "ab-]0_ é€😀\n\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U0010ffff"
texts = st.text(ALPHABET, max_size=6)


def test_stars_and_question_marks() -> None:
    words = fst_of(w.encode() for w in ["cat", "cart", "ct", "coat", "caté", "dog", "c?t"])
    assert [t for t, _ in words.search(fst.wildcard("c?t"))] == [b"c?t", b"cat"]
    assert [t.decode() for t, _ in words.search(fst.wildcard("c*t?"))] == ["caté"]
    assert [t for t, _ in words.search(fst.wildcard("c\\?t"))] == [b"c?t"]
    assert len(list(words.search(fst.wildcard("*")))) == 7
    assert list(words.search(fst.wildcard(""))) == []


def test_a_question_mark_is_one_character_of_any_length() -> None:
    for character in "aé€😀":
        assert fst.wildcard("?").matches(character.encode())
        assert not fst.wildcard("??").matches(character.encode())


@pytest.mark.parametrize(
    ("pattern", "yes", "no"),
    [
        ("colou?r", ["color", "colour"], ["colouur", "colo"]),
        ("(19|20)\\d\\d", ["1999", "2024"], ["1899", "199", "19999"]),
        ("[^a-c]+", ["xyz", "é€"], ["xa", ""]),
        ("a{2}b{1,}c{0,1}d{,2}", ["aab", "aabbcdd"], ["aac", "aabccd", "aabddd"]),
        ("[]x-]", ["]", "x", "-"], ["y"]),
        ("\\u00e9\\x2a\\U0001F600\\n", ["é*😀\n"], ["e*"]),
        ("(?:ab|)*", ["", "abab"], ["aba"]),
        ("\\.\\*\\[", [".*["], ["a*["]),
        ("[\\d_]+", ["0_9"], ["a"]),
        ("}]", ["}]"], ["}"]),
    ],
)
def test_regular_expressions_match_whole_terms(pattern: str, yes: list[str], no: list[str]) -> None:
    automaton = fst.regex(pattern)
    assert [word for word in yes + no if automaton.matches(word.encode())] == yes


@pytest.mark.parametrize(
    ("pattern", "position", "what"),
    [
        ("ab(c", 2, r"unclosed \("),
        ("abc)", 3, r"unopened \)"),
        ("a[bc", 1, r"unclosed \["),
        ("*a", 0, "nothing to repeat"),
        ("a|+", 2, "nothing to repeat"),
        ("a**", 2, "repetition of a repetition"),
        ("ab*?", 3, "repetition of a repetition"),
        ("^a", 0, "anchor"),
        ("ab$", 2, "anchor"),
        ("(a)\\1", 3, "unknown"),
        ("a\\b", 1, "unknown"),
        ("ab\\", 2, "nothing behind"),
        ("a{x}", 1, "without a count"),
        ("a{2", 1, "without a count"),
        ("a{,}", 1, "without a count"),
        ("a{3,2}", 1, "exchanged"),
        ("a{1001}", 1, "above 1000"),
        ("a{99999999999}", 1, "above 1000"),
        ("a(?=b)", 1, "groups are known"),
        ("(?i)a", 0, "groups are known"),
        ("a[z-b]", 2, "exchanged"),
        ("[\\d-z]", 1, "end is a class"),
        ("\\xg0", 0, "digits"),
        ("\\ud800", 0, "digits"),
        ("a\ud800", 1, "lone surrogate"),
        ("(" * 60 + ")" * 60, 51, "nested"),
    ],
)
def test_syntax_errors_point_at_the_character(pattern: str, position: int, what: str) -> None:
    with pytest.raises(InvalidArgument, match=f"{what}.*at character {position} "):
        fst.regex(pattern)


def test_wildcard_errors_point_at_the_character() -> None:
    with pytest.raises(InvalidArgument, match="nothing behind it, at character 2 "):
        fst.wildcard("ab\\")
    with pytest.raises(InvalidArgument, match="lone surrogate, at character 1 "):
        fst.wildcard("a\udfff")


@pytest.mark.parametrize(
    "pattern", ["(a|b)*a(a|b){14}", "((a{1,100}){1,100}){1,100}", ".*a.{12}", "(.?){1000}x{1000}"]
)
def test_patterns_that_explode_are_refused_and_not_tried(pattern: str) -> None:
    with pytest.raises(InvalidArgument, match="4096 states"):
        fst.regex(pattern)


def test_patterns_that_are_too_long_are_refused() -> None:
    with pytest.raises(InvalidArgument, match="1000 characters"):
        fst.regex("a" * 1001)
    with pytest.raises(InvalidArgument, match="1000 characters"):
        fst.wildcard("a" * 1001)
    assert fst.regex("a" * 1000).matches(b"a" * 1000)


def test_backtracking_traps_take_one_step_a_byte() -> None:
    assert not fst.regex("(a*)*b").matches(b"a" * 100_000)
    assert not fst.regex("(a|a|aa)+$"[:-1] + "c").matches(b"a" * 100_000)


def test_a_pattern_without_matches_finds_nothing() -> None:
    nothing = fst.regex("a[^\\W\\w]b")
    assert not nothing.matches(b"ab")
    assert list(fst_of([b"", b"ab"]).search(nothing)) == []


def test_a_walk_stops_where_nothing_can_match_any_more() -> None:
    pattern = fst.regex("ab[^\\w\\W]|c")
    frame = np.empty(kernels.STACK_COLUMNS, dtype=np.int64)
    kernels.begin(pattern.program, frame)
    assert kernels.advance(pattern.program, frame.copy(), ord("a")) == -1
    assert kernels.advance(pattern.program, frame.copy(), ord("c")) == 1


atoms = st.one_of(
    st.sampled_from(
        [
            ".",
            "a",
            "b",
            "é",
            "😀",
            "\\d",
            "\\D",
            "\\w",
            "\\W",
            "\\s",
            "\\S",
            "\\-",
            "\\n",
            "[ab]",
            "[^ab]",
            "[a-é]",
            "[^é-\uffff]",
            "[\\d_-]",
            "[^\\w]",
            "[]a]",
            "\\u20ac",
        ]
    )
)
patterns = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: f"({'|'.join(parts)})"),
        st.tuples(inner, st.sampled_from(["*", "+", "?", "{2}", "{1,2}", "{,2}", "{1,}"])).map(
            lambda part: f"(?:{part[0]}){part[1]}"
        ),
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=100)
@given(patterns, st.lists(texts, max_size=20))
def test_regular_expressions_agree_with_re(pattern: str, words: list[str]) -> None:
    # {,2} is new in Python's re of 3.11 as {0,2} is not
    oracle = re.compile(pattern.replace("{,2}", "{0,2}"), re.ASCII | re.DOTALL)
    automaton = fst.regex(pattern)
    expected = {word for word in words if oracle.fullmatch(word)}
    assert {word for word in words if automaton.matches(word.encode())} == expected
    listed = fst_of(word.encode() for word in words).search(automaton)
    assert [t for t, _ in listed] == sorted(word.encode() for word in expected)


@settings(deadline=None, max_examples=100)
@given(st.text("ab?*é", max_size=7), st.lists(st.text("abé😀", max_size=6), max_size=20))
def test_wildcards_agree_with_fnmatch(pattern: str, words: list[str]) -> None:
    automaton = fst.wildcard(pattern)
    for word in words:
        assert automaton.matches(word.encode()) == fnmatch.fnmatchcase(word, pattern)


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=30))
def test_any_text_is_a_pattern_or_a_typed_error(pattern: str) -> None:
    for compiler in (fst.regex, fst.wildcard):
        try:
            compiler(pattern).matches(pattern.encode())
        except InvalidArgument as error:
            assert error.argument == "pattern"


def test_all_of_unicode_is_these_nine_sequences() -> None:
    sequences = [*byte_sequences(0, 0xD7FF), *byte_sequences(0xE000, 0x10FFFF)]
    assert [" ".join(f"{a:02X}-{b:02X}" for a, b in s) for s in sequences] == [
        "00-7F",
        "C2-DF 80-BF",
        "E0-E0 A0-BF 80-BF",
        "E1-EC 80-BF 80-BF",
        "ED-ED 80-9F 80-BF",
        "EE-EF 80-BF 80-BF",
        "F0-F0 90-BF 80-BF 80-BF",
        "F1-F3 80-BF 80-BF 80-BF",
        "F4-F4 80-8F 80-BF 80-BF",
    ]


code_points = st.one_of(st.integers(0, 0xD7FF), st.integers(0xE000, 0x10FFFF))


@settings(deadline=None, max_examples=100)
@given(st.integers(0, 0xD7FF), st.integers(0, 5000), code_points)
def test_byte_sequences_spell_exactly_their_range(low: int, size: int, other: int) -> None:
    high = min(low + size, 0xD7FF)
    sequences = list(byte_sequences(low, high))
    for code_point in {low, high, (low + high) // 2, other, max(low - 1, 0), high + 1} - {0xD800}:
        spelled = sum(
            len(sequence) == len(chr(code_point).encode())
            and all(
                first <= byte <= last
                for byte, (first, last) in zip(chr(code_point).encode(), sequence, strict=True)
            )
            for sequence in sequences
        )
        assert spelled == (low <= code_point <= high)
