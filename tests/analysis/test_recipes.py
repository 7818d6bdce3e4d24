import unicodedata

import pytest
import Stemmer

from rank_retrieve.analysis.apostrophes import RULES
from rank_retrieve.analysis.code_points import SCHEMES
from rank_retrieve.analysis.recipes import (
    Recipe,
    analyzer_names,
    get_recipe,
    stop_word_languages,
    stop_words,
)
from rank_retrieve.analysis.scanner import Scanner
from rank_retrieve.errors import InvalidArgument

LISTED = [
    *("danish", "dutch", "english", "finnish", "french", "german", "hungarian", "italian"),
    *("norwegian", "portuguese", "romanian", "russian", "spanish", "swedish", "turkish"),
]


def test_every_snowball_algorithm_is_an_analyzer():
    assert set(analyzer_names()) == {*Stemmer.algorithms(), "simple", "cjk", "whitespace"}


def test_the_english_recipe_is_written_out():
    assert get_recipe("english") == Recipe(
        "english",
        scheme="words",
        apostrophes="possessive",
        stop_words="english",
        stemmer="english",
    )


@pytest.mark.parametrize("name", analyzer_names())
def test_every_recipe_names_steps_that_exist(name):
    recipe = get_recipe(name)
    assert recipe.name == name
    assert recipe.scheme in SCHEMES
    assert recipe.apostrophes in RULES
    assert recipe.stop_words is None or recipe.stop_words in stop_word_languages()
    assert recipe.stemmer is None or recipe.stemmer in Stemmer.algorithms()


@pytest.mark.parametrize("name", ["klingon", "", "English", None, 7, ["english"]])
def test_an_unknown_name_is_refused_with_the_known_ones(name):
    with pytest.raises(InvalidArgument, match=r"analyzer.*cjk.*english.*whitespace"):
        get_recipe(name)


@pytest.mark.parametrize("language", LISTED)
def test_the_common_languages_have_stop_words(language):
    assert 30 < len(stop_words(language)) < 250


@pytest.mark.parametrize("language", sorted(stop_word_languages()))
def test_stop_words_are_spelled_as_the_tokeniser_spells_terms(language):
    scanner = Scanner("turkish words" if language == "turkish" else "words")
    for word in stop_words(language):
        assert unicodedata.is_normalized("NFKC", word)
        assert [raw for raw, _, _ in scanner.raw_tokens(word)] == [word]


def test_english_stops_the_33_words_of_lucene_and_single_letters():
    words = {word for word in stop_words("english") if len(word) > 1}
    assert words == {
        *("an", "and", "are", "as", "at", "be", "but", "by", "for", "if", "in", "into", "is"),
        *("it", "no", "not", "of", "on", "or", "such", "that", "the", "their", "then", "there"),
        *("these", "they", "this", "to", "was", "will", "with"),
    }
    assert {word for word in stop_words("english") if len(word) == 1} == set(
        "abcdefghijklmnopqrstuvwxyz"
    )
