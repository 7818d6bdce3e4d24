"""What each Unicode code point means to the tokeniser: one number per code point.

    bits    field
    0..20   the code point to store instead: lower-cased, one code point to one
    24..31  kind: SEPARATOR, WORD, MARK, SKIP, APOSTROPHE or BIGRAM

    U+0041 'A' is 01000061: WORD, stored as 'a'.
    U+4E2D '中' is 05004E2D: BIGRAM, stored as itself.

The table is made from `unicodedata` once per process (about 30 ms), so it follows the Unicode
version of the interpreter; `UNICODE_VERSION` is part of every analyzer's fingerprint.
"""

from __future__ import annotations

import functools
import unicodedata
from dataclasses import dataclass
from typing import Final

import numpy as np

from rank_retrieve.types import UInt8s, UInt32s

UNICODE_VERSION: Final = unicodedata.unidata_version

SEPARATOR: Final = 0
"""Ends a token: spaces, punctuation, symbols, emoji, controls, unassigned."""
WORD: Final = 1
"""Letters and digits of scripts that put spaces between words."""
MARK: Final = 2
"""Combining marks: they continue a token and never begin one."""
SKIP: Final = 3
"""Invisible format characters (soft hyphen, joiners): left out, as if they were not there."""
APOSTROPHE: Final = 4
"""Stays inside a token between two WORDs, stored as U+0027; a separator elsewhere."""
BIGRAM: Final = 5
"""Letters of scripts without spaces between words: runs become overlapping pairs."""

KIND_SHIFT: Final = 24
FOLDED_MASK: Final = (1 << 21) - 1
TABLE_SIZE: Final = 1 << 21
"""Every number that a four-byte sequence can spell, so that no byte string reads outside."""

SLOW: Final = 1
"""In the table of bytes: this byte needs the code-point table."""

_ASSIGNED_END: Final = 0x40000
"""Planes 0 to 3; later ones hold nothing but invisible selectors and private use."""

# Letters here (not decimal digits) are BIGRAM. Hangul is among them although Korean has
# spaces: its words carry particles, and pairs of syllables find the noun without a stemmer.
_BIGRAM_RANGES: Final = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1100, 0x115E),  # Hangul leading consonants
    (0x1780, 0x17DD),  # Khmer
    (0x1950, 0x19DF),  # Tai Le, New Tai Lue
    (0x1A20, 0x1AAD),  # Tai Tham
    (0x2E80, 0x312F),  # radicals, ideographic marks, Hiragana, Katakana, Bopomofo
    (0x3131, 0x31FF),  # Hangul compatibility letters, Bopomofo and Katakana extensions
    (0x3400, 0x9FFF),  # Han
    (0xA960, 0xA97C),  # Hangul leading consonants, old
    (0xA9E0, 0xA9FE),  # Myanmar extension
    (0xAA60, 0xAADF),  # Myanmar extension, Tai Viet
    (0xAC00, 0xD7A3),  # Hangul syllables
    (0xF900, 0xFAFF),  # Han compatibility
    (0x16FE0, 0x16FFF),  # ideographic marks
    (0x1AFF0, 0x1B16F),  # Kana supplements
    (0x20000, 0x3FFFF),  # Han extensions
)
# Vowels and final consonants of Hangul belong to the syllable that a leading consonant began.
_JAMO_MARKS: Final = ((0x1161, 0x11FF), (0xD7B0, 0xD7FB))
_HANGUL_FILLERS: Final = (0x115F, 0x1160, 0x3164, 0xFFA0)
_APOSTROPHES: Final = (0x27, 0x2BC, 0x2019, 0xFF07)
_ZERO_WIDTH_SPACE: Final = 0x200B
_ZERO_WIDTH_NON_JOINER: Final = 0x200C
_VARIATION_SELECTORS: Final = ((0xFE00, 0xFE0F), (0x180B, 0x180D))
_INVISIBLE: Final = (0xE0000, 0xE0FFF)  # tags and more variation selectors
_WIDTH_FORMS: Final = (0xFF00, 0xFFEF)

_KIND_OF_CATEGORY: Final = {
    **dict.fromkeys((b"Lu", b"Ll", b"Lt", b"Lm", b"Lo", b"Nd", b"Nl", b"No"), WORD),
    **dict.fromkeys((b"Mn", b"Mc"), MARK),
    **dict.fromkeys((b"Me", b"Cf"), SKIP),
}
_CASED: Final = (b"Lu", b"Lt", b"Nl")
_NUMBERS: Final = (b"Nd", b"No")

# str.lower gives two code points for the first, and has no context for the second
_FOLD_EXCEPTIONS: Final = {0x130: ord("i"), 0x3C2: 0x3C3}


@dataclass(frozen=True, eq=False)
class CodePoints:
    """The tables of one scheme.

    points: uint32 [TABLE_SIZE], as in the module's byte table.
    bytes: uint8 [256]: 0 separates, SLOW needs `points`, else the lower-cased ASCII byte.
    """

    points: UInt32s
    bytes: UInt8s

    def kind(self, code_point: int) -> int:
        """SEPARATOR, WORD, MARK, SKIP, APOSTROPHE or BIGRAM."""
        return int(self.points[code_point]) >> KIND_SHIFT

    def folded(self, code_point: int) -> int:
        """The code point to store instead."""
        return int(self.points[code_point]) & FOLDED_MASK


def entry(kind: int, folded: int) -> int:
    """One number of the table."""
    return kind << KIND_SHIFT | folded


SCHEMES: Final = ("words", "turkish words", "persian words", "whitespace")
"""Ways to cut text. Turkish has its own lower case of I; Persian writes the zero-width
non-joiner where others write a space; "whitespace" keeps everything else as it is."""


@functools.cache
def code_points(scheme: str) -> CodePoints:
    """The tables of one of `SCHEMES`, made on first use."""
    if scheme == "whitespace":
        return _with_bytes(_whitespace_points())
    points = _word_points()
    if scheme == "turkish words":
        points = points.copy()
        points[ord("I")] = entry(WORD, 0x131)
    elif scheme == "persian words":
        points = points.copy()
        points[_ZERO_WIDTH_NON_JOINER] = 0
    return _with_bytes(points)


@functools.cache
def _word_points() -> UInt32s:
    kinds = np.zeros(_ASSIGNED_END, dtype=np.uint8)
    folded = np.arange(_ASSIGNED_END, dtype=np.uint32)
    names = "".join(map(unicodedata.category, map(chr, range(_ASSIGNED_END))))
    categories = np.frombuffer(names.encode(), dtype="S2")
    for category, kind in _KIND_OF_CATEGORY.items():
        kinds[categories == category] = kind
    for code_point in np.flatnonzero(np.isin(categories, _CASED)).tolist():
        lower = chr(code_point).lower()
        if len(lower) == 1:
            folded[code_point] = ord(lower)
    decimals = np.flatnonzero(categories == b"Nd").tolist()
    folded[decimals] = [ord("0") + unicodedata.decimal(chr(point)) for point in decimals]
    for code_point, target in _FOLD_EXCEPTIONS.items():
        folded[code_point] = target

    letter = (kinds == WORD) & ~np.isin(categories, _NUMBERS)
    for first, last in _BIGRAM_RANGES:
        kinds[first : last + 1][letter[first : last + 1]] = BIGRAM
    for first, last in _JAMO_MARKS:
        kinds[first : last + 1][letter[first : last + 1]] = MARK
    for first, last in _VARIATION_SELECTORS:
        kinds[first : last + 1] = SKIP
    kinds[list(_HANGUL_FILLERS)] = SKIP
    kinds[_ZERO_WIDTH_SPACE] = SEPARATOR
    for code_point in _APOSTROPHES:
        kinds[code_point], folded[code_point] = APOSTROPHE, 0x27
    _fold_widths(kinds, folded)
    folded[kinds == SEPARATOR] = 0
    points = np.zeros(TABLE_SIZE, dtype=np.uint32)
    points[:_ASSIGNED_END] = kinds.astype(np.uint32) << KIND_SHIFT | folded
    points[_INVISIBLE[0] : _INVISIBLE[1] + 1] = entry(SKIP, 0)
    return points


def _fold_widths(kinds: UInt8s, folded: UInt32s) -> None:
    """Full-width Latin and half-width Kana and Hangul mean their ordinary forms."""
    for code_point in range(_WIDTH_FORMS[0], _WIDTH_FORMS[1] + 1):
        form, _, target = unicodedata.decomposition(chr(code_point)).partition(" ")
        if form in ("<wide>", "<narrow>") and kinds[code_point] == WORD:
            ordinary = int(target, 16)
            kinds[code_point], folded[code_point] = kinds[ordinary], folded[ordinary]


def _whitespace_points() -> UInt32s:
    points = np.arange(TABLE_SIZE, dtype=np.uint32) | np.uint32(entry(WORD, 0))
    points[0x110000:] = 0
    points[0xD800:0xE000] = 0
    for code_point in range(0x3001):
        character = chr(code_point)
        if character.isspace() or unicodedata.category(character) == "Cc":
            points[code_point] = 0
    return points


def _with_bytes(points: UInt32s) -> CodePoints:
    table = np.full(256, SLOW, dtype=np.uint8)
    for byte in range(0x80):
        kind, folded = int(points[byte]) >> KIND_SHIFT, int(points[byte]) & FOLDED_MASK
        if kind == SEPARATOR:
            table[byte] = 0
        elif kind == WORD and folded < 0x80:
            table[byte] = folded
    return CodePoints(points, table)
