import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.analysis import Vocabulary, get_analyzer
from rank_retrieve.analysis import vocabulary as vocabulary_module
from rank_retrieve.errors import InvalidArgument
from tests.analysis.texts import ANY_TEXT, CUTS, SPECIAL, indexed

ANALYZERS = ["english", "simple", "turkish", "persian", "whitespace"]


def test_terms_are_numbered_by_first_appearance_and_stop_words_left_out():
    vocabulary = Vocabulary(get_analyzer("english"))
    runs = vocabulary.analyze(["The dogs ran to the dog", "", "Cats and dogs"])
    assert runs.tokens.tolist() == [0, 1, 0, 2, 0]
    assert runs.offsets.tolist() == [0, 3, 3, 5]
    assert (runs.tokens.dtype, runs.offsets.dtype) == (np.int32, np.int64)
    assert len(runs) == 3
    assert vocabulary.terms() == [b"dog", b"ran", b"cat"]
    assert vocabulary.n_terms == 3
    assert vocabulary.analyze(["new cats"]).tokens.tolist() == [3, 2]


def test_the_arena_holds_the_terms_end_to_end():
    vocabulary = Vocabulary(get_analyzer("simple"))
    vocabulary.analyze(["ab é c"])
    arena, offsets = vocabulary.arena()
    assert bytes(arena) == b"ab\xc3\xa9c"
    assert offsets.tolist() == [0, 2, 4, 5]


@pytest.mark.parametrize("texts", [[], [""], ["", ""], ["the of", " \n"]])
def test_nothing_gives_no_tokens(texts):
    vocabulary = Vocabulary(get_analyzer("english"))
    runs = vocabulary.analyze(texts)
    assert (runs.tokens.tolist(), runs.offsets.tolist()) == ([], [0] * (len(texts) + 1))
    assert vocabulary.n_terms == 0
    assert vocabulary.arena()[1].tolist() == [0]


def test_the_kernel_cuts_like_the_scanner():
    texts = [text for text, _ in CUTS]
    analyzer = get_analyzer("simple")
    assert indexed(Vocabulary(analyzer), texts) == [analyzer.finish(raw) for _, raw in CUTS]


@pytest.mark.parametrize("name", ANALYZERS)
@given(texts=st.lists(ANY_TEXT, max_size=8))
@settings(deadline=None, max_examples=60)
def test_the_kernel_agrees_with_plain_python(name, texts):
    analyzer = get_analyzer(name)
    assert indexed(Vocabulary(analyzer), texts) == [analyzer.terms(text) for text in texts]


@pytest.mark.parametrize(
    "unit",
    [*SPECIAL, "ab ", "a'", "a’b ", "中文x", "か\u3099", "é" * 127, "é" * 128, "x" * 254 + "é"],
)
@pytest.mark.parametrize("times", [1, 2, 85, 127, 255, 256, 1000])
def test_repetitions_around_the_limit_agree_with_plain_python(unit, times):
    analyzer = get_analyzer("simple")
    text = unit * times
    assert indexed(Vocabulary(analyzer), [text, "b" + text, text + "c"]) == [
        analyzer.terms(text),
        analyzer.terms("b" + text),
        analyzer.terms(text + "c"),
    ]


def test_one_token_of_a_megabyte_is_one_term_of_255_bytes():
    vocabulary = Vocabulary(get_analyzer("simple"))
    assert indexed(vocabulary, ["a" * 1_000_000, "é" * 500_000, "'" * 1_000_000]) == [
        [b"a" * 255],
        ["é".encode() * 127],
        [],
    ]


def test_a_megabyte_of_chinese_is_all_pairs():
    vocabulary = Vocabulary(get_analyzer("cjk"))
    runs = vocabulary.analyze(["中文" * 150_000])
    assert runs.tokens.tolist() == [0, 1] * 149_999 + [0]
    assert vocabulary.terms() == ["中文".encode(), "文中".encode()]


def test_long_terms_that_share_a_beginning_are_told_apart():
    beginnings = [b"x" * size for size in (7, 8, 9, 15, 16, 17, 23, 24, 25, 254)]
    words = [word.decode() for start in beginnings for word in (start, start + b"a", start + b"b")]
    vocabulary = Vocabulary(get_analyzer("simple"))
    (found,) = indexed(vocabulary, [" ".join(words + words)])
    assert [term.decode() for term in found] == words + words
    assert vocabulary.n_terms == 30


def test_growing_in_the_middle_of_a_text_loses_nothing():
    words = [f"w{number:05d}{'x' * (number % 40)}" for number in range(20_000)]
    vocabulary = Vocabulary(get_analyzer("simple"))
    first, second = indexed(vocabulary, [" ".join(words), " ".join(reversed(words))])
    assert first == [word.encode() for word in words]
    assert second == first[::-1]
    assert vocabulary.n_terms == vocabulary._n_raw == 20_000


def test_texts_are_analysed_in_chunks_of_bounded_size(monkeypatch):
    monkeypatch.setattr(vocabulary_module, "_CHUNK_CHARACTERS", 10)
    texts = ["one two", "three", "", "four five six seven", "one", ""]
    analyzer = get_analyzer("simple")
    assert len(list(vocabulary_module._chunks(texts))) == 3
    assert indexed(Vocabulary(analyzer), texts) == [analyzer.terms(text) for text in texts]


def test_a_stop_word_is_stopped_in_every_spelling():
    vocabulary = Vocabulary(get_analyzer("english"))
    assert indexed(vocabulary, ["THE ｔｈｅ it's IT'S"]) == [[]]


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["fine", "bad \udfff"], r"texts\[1\]: has a lone surrogate at character 4"),
        (["fine", None], r"texts\[1\]: must be a string, not NoneType"),
        ([b"bytes"], r"texts\[0\]: must be a string, not bytes"),
    ],
)
def test_a_bad_text_is_named_and_changes_nothing(texts, message):
    vocabulary = Vocabulary(get_analyzer("english"))
    with pytest.raises(InvalidArgument, match=message):
        vocabulary.analyze(texts)
    assert vocabulary.n_terms == 0


def test_subclasses_of_str_are_texts():
    class Title(str):
        __slots__ = ()

    vocabulary = Vocabulary(get_analyzer("simple"))
    assert indexed(vocabulary, [Title("Ab é")]) == [[b"ab", "é".encode()]]


@pytest.mark.parametrize("chunk_characters", [1 << 21, 30])
def test_an_interrupt_at_any_line_leaves_a_vocabulary_that_goes_on(
    chunk_characters: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vocabulary_module, "_CHUNK_CHARACTERS", chunk_characters)
    texts = [f"dogs w{i} running v{i % 7}" for i in range(40)]
    texts.append(" ".join(f"t{i}" for i in range(700)))  # more than there is room for at first
    analyzer = get_analyzer("english")
    expected = terms_of(Vocabulary(analyzer), texts)
    for line in range(1, 10_000):
        vocabulary = Vocabulary(analyzer)
        vocabulary.analyze(["early words"])
        try:
            with interrupted_at(line):
                vocabulary.analyze(texts)
            break
        except KeyboardInterrupt:
            assert terms_of(vocabulary, texts) == expected, line
    assert line > 50


def terms_of(vocabulary: Vocabulary, texts: list[str]) -> list[list[bytes]]:
    runs = vocabulary.analyze(texts)
    terms = vocabulary.terms()
    return [[terms[token] for token in run] for run in np.split(runs.tokens, runs.offsets[1:-1])]


@contextmanager
def interrupted_at(line: int) -> Iterator[None]:
    """Interrupts the main thread at the nth line that runs in the vocabulary's module."""
    seen = 0

    def trace(frame: FrameType, event: str, _: object) -> Any:
        nonlocal seen
        if frame.f_code.co_filename != vocabulary_module.__file__:
            return None
        seen += event == "line"
        if event == "line" and seen == line:
            raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def test_positions_number_the_words_of_a_text_with_those_that_are_dropped():
    vocabulary = Vocabulary(get_analyzer("english"))
    runs = vocabulary.analyze(["the cats of the house", "", "house the", "the of"], positions=True)
    assert runs.positions.tolist() == [1, 4, 0]
    assert runs.offsets.tolist() == [0, 2, 2, 3, 3]
    plain = vocabulary.analyze(["cats house", "", "house", ""])
    assert runs.tokens.tolist() == plain.tokens.tolist()
    assert vocabulary.analyze(["the cats"]).positions is None


def test_positions_go_on_over_chunks_as_each_text_begins_anew(monkeypatch):
    from rank_retrieve.analysis import vocabulary as module

    monkeypatch.setattr(module, "_CHUNK_CHARACTERS", 10)
    texts = ["one the two", "three", "the of four five"] * 4
    runs = Vocabulary(get_analyzer("english")).analyze(texts, positions=True)
    assert runs.positions.tolist() == [0, 2, 0, 2, 3] * 4
