"""Texts to try, and ways to make them."""

import unicodedata

from hypothesis import strategies as st

# One of each kind and each width in UTF-8, over-represented so that the rules meet
SPECIAL = "aZ9_ '’.-é́ßİςΣ中あｱﾞー한한ก้½ﬁＡ٣\u00ad\u200b\u200c\u200d\ufe0f\n\0𝐀𠀀😀\u20e3"

ANY_TEXT = st.text(
    st.one_of(st.sampled_from(SPECIAL), st.characters(exclude_categories=["Cs"])), max_size=60
)

# Scripts with spaces between words, without marks, apostrophes and compatibility forms:
# here the tokeniser is a regular expression of the standard library
PLAIN_TEXT = st.text(
    st.one_of(
        st.sampled_from("abcXYZ019_ ,.-\n—“”😀"),
        st.characters(max_codepoint=0x5FF).filter(
            lambda c: (
                c not in "'ʼ"
                and not unicodedata.category(c).startswith(("M", "Cf"))
                and unicodedata.normalize("NFKC", c) == c
            )
        ),
    ),
    max_size=80,
)

# Text and its raw terms
CUTS = [
    ("", []),
    (" \n\t", []),
    ("Hello, World!", ["hello", "world"]),
    ("snake_case x2-y3 3.14", ["snake", "case", "x2", "y3", "3", "14"]),
    ("naïve CAFÉ", ["naïve", "café"]),
    ("Straße ÄÖÜ", ["straße", "äöü"]),
    ("Дом, Ёлка", ["дом", "ёлка"]),
    ("ΟΔΟΣ οδός", ["οδοσ", "οδόσ"]),
    ("don't ‘quoted’ rock'n'roll dogs' 'a", ["don't", "quoted", "rock'n'roll", "dogs", "a"]),
    ("it''s O’Brien", ["it", "s", "o'brien"]),
    ("中", ["中"]),
    ("中文", ["中文"]),
    ("中文分词", ["中文", "文分", "分词"]),
    ("日本語テスト", ["日本", "本語", "語テ", "テス", "スト"]),
    ("한국어 책", ["한국", "국어", "책"]),
    ("iPhone手機2021年", ["iphone", "手機", "2021", "年"]),
    ("中。文", ["中", "文"]),
    ("ｱｲｳ", ["アイ", "イウ"]),
    ("I ❤️ 👩‍🚀 NY 1️⃣", ["i", "ny", "1"]),
    ("cafe\u0301 \u0301x", ["cafe\u0301", "x"]),
    ("か\u3099き", ["か\u3099き"]),
    ("soft\u00adhyphen zero\u200bwidth jo\u200din", ["softhyphen", "zero", "width", "join"]),
    ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
    ("٢٠٢١", ["2021"]),
    ("a\0b", ["a", "b"]),
]


def indexed(vocabulary, texts):
    """The terms of each text as the vocabulary numbered them."""
    runs = vocabulary.analyze(texts)
    terms = vocabulary.terms()
    return [
        [terms[token] for token in runs.tokens[start:end]]
        for start, end in zip(runs.offsets, runs.offsets[1:], strict=False)
    ]
