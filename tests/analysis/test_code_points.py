import hashlib
import unicodedata

import numpy as np
import pytest

from rank_retrieve.analysis import code_points as cp
from rank_retrieve.analysis.code_points import (
    APOSTROPHE,
    BIGRAM,
    MARK,
    SEPARATOR,
    SKIP,
    WORD,
    code_points,
)


@pytest.mark.parametrize(
    ("character", "kind", "folded"),
    [
        ("A", WORD, "a"),
        ("7", WORD, "7"),
        ("É", WORD, "é"),
        ("ß", WORD, "ß"),
        ("ẞ", WORD, "ß"),
        ("İ", WORD, "i"),
        ("ς", WORD, "σ"),
        ("Σ", WORD, "σ"),
        ("Ж", WORD, "ж"),
        ("Ⅷ", WORD, "ⅷ"),
        ("٣", WORD, "3"),
        ("๓", WORD, "3"),
        ("Ａ", WORD, "a"),
        ("９", WORD, "9"),
        ("½", WORD, "½"),
        ("\u0301", MARK, "\u0301"),
        ("ा", MARK, "ा"),
        ("'", APOSTROPHE, "'"),
        ("’", APOSTROPHE, "'"),
        ("ʼ", APOSTROPHE, "'"),
        ("中", BIGRAM, "中"),
        ("〇", BIGRAM, "〇"),
        ("々", BIGRAM, "々"),
        ("𠀀", BIGRAM, "𠀀"),
        ("ひ", BIGRAM, "ひ"),
        ("ー", BIGRAM, "ー"),
        ("ｱ", BIGRAM, "ア"),
        ("ﾞ", MARK, "\u3099"),
        ("한", BIGRAM, "한"),
        ("ᄒ", BIGRAM, "ᄒ"),
        ("ᅡ", MARK, "ᅡ"),
        ("ก", BIGRAM, "ก"),
        ("้", MARK, "้"),
    ],
)
def test_each_letter_has_its_kind_and_lower_case(character, kind, folded):
    tables = code_points("words")
    assert (tables.kind(ord(character)), chr(tables.folded(ord(character)))) == (kind, folded)


@pytest.mark.parametrize(
    "character", ["\u00ad", "\u200c", "\u200d", "\u2060", "\ufeff", "\ufe0f", "\u20e3", "\u3164"]
)
def test_invisible_characters_are_skipped(character):
    assert code_points("words").kind(ord(character)) == SKIP


@pytest.mark.parametrize("character", [*" _-.,\n\0\u200b\u3000・「", "😀", "€", "\ue000", "\u0378"])
def test_the_rest_separates(character):
    assert code_points("words").kind(ord(character)) == SEPARATOR


def test_letters_and_numbers_of_every_plane_are_kept_and_nothing_else():
    tables = code_points("words")
    kinds = tables.points >> 24
    for code_point in range(0x110000):
        major = unicodedata.category(chr(code_point))[0]
        if major in "LN":
            assert kinds[code_point] != SEPARATOR, hex(code_point)
        elif major in "ZPSC" and kinds[code_point] != SEPARATOR:
            invisible = unicodedata.category(chr(code_point)) == "Cf" or code_point >= 0xE0000
            assert invisible or chr(code_point) in "'’＇", hex(code_point)


def test_lower_case_is_that_of_python_except_where_documented():
    tables = code_points("words")
    different = []
    for code_point in range(0x40000):
        character = chr(code_point)
        if tables.kind(code_point) == SEPARATOR or unicodedata.category(character) == "Nd":
            continue
        if unicodedata.decomposition(character).startswith(("<wide>", "<narrow>")):
            continue
        if chr(tables.folded(code_point)) != character.lower():
            different.append(character)
    assert different == ["İ", "ʼ", "ς", "’"]


def test_bytes_that_separate_or_lower_alone_need_no_table():
    table = code_points("words").bytes
    assert bytes(table[list(b"aZ5")]) == b"az5"
    assert list(table[list(b" _-\0\n")]) == [0] * 5
    assert list(table[list(b"'\x80\xff")]) == [cp.SLOW] * 3


def test_turkish_has_its_own_lower_case_of_i():
    tables = code_points("turkish words")
    assert chr(tables.folded(ord("I"))) == "ı"
    assert chr(tables.folded(ord("İ"))) == "i"
    assert tables.bytes[ord("I")] == cp.SLOW


def test_persian_breaks_at_the_zero_width_non_joiner():
    assert code_points("persian words").kind(0x200C) == SEPARATOR


def test_whitespace_keeps_all_but_spaces_and_controls():
    tables = code_points("whitespace")
    assert [tables.kind(ord(c)) for c in " \n\u3000\0"] == [SEPARATOR] * 4
    assert [chr(tables.folded(ord(c))) for c in "A#中😀\u00ad"] == [*"A#中😀\u00ad"]


def test_the_table_spans_every_number_that_four_bytes_can_spell():
    assert len(code_points("words").points) == 0x200000
    assert not np.any(code_points("words").points[0x110000:])


@pytest.mark.skipif(cp.UNICODE_VERSION != "14.0.0", reason="golden for the Unicode of Python 3.11")
def test_a_changed_table_needs_a_new_tokenizer_version():
    digest = hashlib.sha256(code_points("words").points.tobytes()).hexdigest()
    # on purpose different? raise analyzer.TOKENIZER_VERSION and put the new digest here
    assert digest[:16] == "9718af8a321de2ba"
