import re
import unicodedata

import pytest
from hypothesis import given, settings

from rank_retrieve.analysis.scanner import MAX_TERM_BYTES, Scanner, bounded
from tests.analysis.texts import ANY_TEXT, CUTS, PLAIN_TEXT

WORDS = Scanner("words")


def cut(text, scanner=WORDS):
    return [raw for raw, _, _ in scanner.raw_tokens(text)]


@pytest.mark.parametrize(("text", "terms"), CUTS)
def test_text_is_cut_into_raw_terms(text, terms):
    assert cut(text) == terms


def test_spans_count_characters_and_those_of_pairs_overlap():
    assert list(WORDS.spans("😀 Ab 中文字")) == [(2, 4), (5, 7), (6, 8)]


def test_a_word_keeps_its_marks_and_joiners_inside_the_span():
    assert list(WORDS.spans("e\u0301\u200d!")) == [(0, 3)]


@given(PLAIN_TEXT)
@settings(deadline=None, max_examples=100)
def test_plain_text_is_cut_like_the_regular_expression(text):
    def lower(character):
        if character in "İς":
            return {"İ": "i", "ς": "σ"}[character]
        if unicodedata.category(character) == "Nd":
            return str(unicodedata.decimal(character))
        return character.lower()

    expected = ["".join(map(lower, word)) for word in re.findall(r"[^\W_]+", text)]
    assert cut(text) == expected


@given(ANY_TEXT)
@settings(deadline=None, max_examples=100)
def test_spans_are_in_order_and_inside_the_text(text):
    spans = list(WORDS.spans(text))
    assert spans == sorted(spans)
    assert all(0 <= start < end <= len(text) for start, end in spans)


def test_long_terms_are_cut_at_255_bytes():
    assert MAX_TERM_BYTES == 255
    assert cut("x" * 255 + " " + "y" * 256) == ["x" * 255, "y" * 255]
    assert cut("a" * 1_000_000) == ["a" * 255]


def test_a_code_point_is_never_cut_in_two():
    assert bounded("x" * 254 + "é") == "x" * 254
    assert bounded("é" * 128) == "é" * 127
    assert bounded("𝐀" * 64) == "𝐀" * 63


def test_whitespace_only_cuts():
    assert cut("##ing Hello,\u3000C++ 中文字", Scanner("whitespace")) == [
        "##ing",
        "Hello,",
        "C++",
        "中文字",
    ]
