import pickle
import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.analysis import Token, analyzer_names, get_analyzer
from rank_retrieve.analysis.analyzer import Analyzer
from rank_retrieve.analysis.recipes import Recipe, get_recipe
from rank_retrieve.errors import InvalidArgument
from tests.analysis.texts import ANY_TEXT


def terms(name, text):
    return [term.decode() for term in get_analyzer(name).terms(text)]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("english", "The Runner's ﬁles are RUNNING", ["runner", "file", "run"]),
        ("english", "It's the dogs’ day; don't", ["dog", "day", "don't"]),
        ("english", "vitamin C, type 2", ["vitamin", "type", "2"]),
        ("english", "the of and", []),
        ("english", "", []),
        # words are stopped before they are stemmed
        ("english", "its", ["it"]),
        ("english", "中文 search", ["中文", "search"]),
        ("german", "Die Häuser der Straßen", ["haus", "strass"]),
        ("german", "Ha\u0308user", ["haus"]),
        ("french", "L’homme qu'il d'un", ["homm"]),
        ("italian", "dell'arte", ["arte"]),
        ("russian", "Книги в библиотеках", ["книг", "библиотек"]),
        ("turkish", "İSTANBUL'DA ILIK", ["istanbul", "ılık"]),
        ("greek", "ΟΔΟΣ οδός", ["οδ", "οδ"]),
        ("persian", "کتاب\u200cها", ["کتاب", "ها"]),
        ("simple", "The Files x² ½ 𝐀Ⅷ", ["the", "files", "x2", "1⁄2", "aviii"]),
        ("simple", "ＡＢＣ１２ ﾊﾟﾝ", ["abc12", "パン"]),
        ("simple", "ＤＯＧ’s", ["dog's"]),
        ("simple", "o\u0308 ö", ["ö", "ö"]),
        ("simple", "\u1112\u1161\u11ab\u1100\u116e\u11a8", ["한국"]),
        ("cjk", "自然言語処理", ["自然", "然言", "言語", "語処", "処理"]),
        ("whitespace", "The ##ing ﬁle C++", ["The", "##ing", "ﬁle", "C++"]),
    ],
)
def test_text_becomes_terms(name, text, expected):
    assert terms(name, text) == expected


def test_tokens_say_where_each_term_stands():
    assert get_analyzer("english").tokens("The  Runner’s ﬁles, 中文字") == [
        Token(b"runner", 5, 13),
        Token(b"file", 14, 18),
        Token("中文".encode(), 20, 22),
        Token("文字".encode(), 21, 23),
    ]


@given(ANY_TEXT)
@settings(deadline=None, max_examples=100)
def test_tokens_and_terms_agree(text):
    analyzer = get_analyzer("english")
    assert [token.term for token in analyzer.tokens(text)] == analyzer.terms(text)


@pytest.mark.parametrize("name", analyzer_names())
def test_every_analyzer_takes_every_script(name):
    text = (
        "The house's l'eau d’or Ha\u0308user библиотеках 中文 한국어 नमस्ते ไทย العربية 😀 ½"
        + "x" * 999
    )
    found = get_analyzer(name).terms(text)
    assert found
    assert all(0 < len(term) <= 255 for term in found)


def test_a_term_that_grows_when_normalised_stays_within_255_bytes():
    # U+FDFA is 3 bytes and becomes 33
    (term,) = get_analyzer("simple").terms("\ufdfa" * 100)
    assert len(term) <= 255
    assert term.decode().startswith("صلى")


@pytest.mark.parametrize("method", ["terms", "tokens"])
def test_a_lone_surrogate_is_refused_with_its_place(method):
    with pytest.raises(InvalidArgument, match=r"text: has a lone surrogate at character 3"):
        getattr(get_analyzer("english"), method)("abc\ud800def")


@pytest.mark.parametrize("value", [None, 5, b"bytes", ["text"]])
def test_what_is_not_a_string_is_refused(value):
    with pytest.raises(InvalidArgument, match=r"text: must be a string, not"):
        get_analyzer("english").terms(value)


def test_the_same_name_gives_the_same_analyzer_also_after_pickling():
    analyzer = get_analyzer("german")
    assert get_analyzer("german") is analyzer
    assert pickle.loads(pickle.dumps(analyzer)) is analyzer  # noqa: S301 - our own bytes
    assert repr(analyzer) == "get_analyzer('german')"


def test_fingerprints_are_the_same_in_every_process():
    program = "from rank_retrieve.analysis import *; print(get_analyzer('english').fingerprint)"
    for seed in ("0", "1"):
        result = subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        assert result.stdout.strip() == get_analyzer("english").fingerprint


def test_analyzers_that_differ_have_different_fingerprints():
    # "simple" and "cjk" are one recipe under two names
    fingerprints = {get_analyzer(name).fingerprint for name in analyzer_names()}
    assert len(fingerprints) == len(analyzer_names()) - 1
    assert get_analyzer("simple").fingerprint == get_analyzer("cjk").fingerprint


@pytest.mark.parametrize(
    "target",
    [
        "rank_retrieve.analysis.analyzer.UNICODE_VERSION",
        "rank_retrieve.analysis.analyzer.TOKENIZER_VERSION",
    ],
)
def test_a_version_changes_the_fingerprint(target, monkeypatch):
    before = get_analyzer("english").fingerprint
    monkeypatch.setattr(target, "99")
    assert Analyzer(get_recipe("english")).fingerprint != before


def test_each_step_changes_the_fingerprint():
    recipes = [
        Recipe("x"),
        Recipe("x", scheme="whitespace"),
        Recipe("x", apostrophes="possessive"),
        Recipe("x", stop_words="english"),
        Recipe("x", stemmer="english"),
    ]
    assert len({Analyzer(recipe).fingerprint for recipe in recipes}) == 5
    assert Analyzer(Recipe("y")).fingerprint == Analyzer(Recipe("x")).fingerprint


def test_threads_may_share_an_analyzer():
    analyzer = Analyzer(get_recipe("english"))
    words = [f"{stem}{number}ing" for number in range(300) for stem in ("walk", "hop")]
    expected = get_analyzer("english").terms(" ".join(words))
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(analyzer.terms(" ".join(words))))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 8


def test_the_memory_of_finished_terms_is_bounded(monkeypatch):
    monkeypatch.setattr("rank_retrieve.analysis.analyzer._REMEMBERED_TERMS", 3)
    analyzer = Analyzer(get_recipe("simple"))
    assert len(analyzer.terms("aa bb cc dd ee")) == 5
    assert len(analyzer._finished) == 2


@pytest.mark.parametrize("name", ["english", "simple", "whitespace", "turkish", "french"])
@settings(deadline=None, max_examples=60)
@given(text=st.text(st.characters(max_codepoint=127), max_size=60))
def test_terms_of_plain_text_are_those_of_its_tokens(name, text):
    analyzer = get_analyzer(name)
    assert analyzer.terms(text) == [token.term for token in analyzer.tokens(text)]


def test_positioned_terms_leave_gaps_where_words_are_dropped():
    english = get_analyzer("english")
    assert english.positioned_terms("the state of the art") == [(b"state", 1), (b"art", 4)]
    assert english.positioned_terms("Größe the Straße") == [
        (english.terms("Größe")[0], 0), (english.terms("Straße")[0], 2)
    ]  # fmt: skip
    assert english.positioned_terms("") == []


def test_folded_text_is_lower_case_and_normal_but_whole():
    english = get_analyzer("english")
    assert english.folded("RUNNING The-") == "running the-"
    assert english.folded("ﬁLE Ⅳ") == "file iv"
    assert english.folds_case
    verbatim = get_analyzer("whitespace")
    assert verbatim.folded("RUNNING") == "RUNNING"
    assert not verbatim.folds_case
