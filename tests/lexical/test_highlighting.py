import math

import pytest

from rank_retrieve.analysis import get_analyzer
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical.highlighting import Snippet, highlight

ENGLISH = get_analyzer("english")


def marks(text, *words, analyzer=ENGLISH, **options):
    wanted = {term for word in words for term in analyzer.terms(word)}
    return highlight(text, analyzer, lambda term: float(term in wanted), **options)


TEXT = (
    "Cats sleep all day. Dogs run after cars, and a cat runs away. "
    "Nothing else happens here. At night the cat hunts."
)


def test_the_best_passage_has_its_matches_marked():
    (snippet,) = marks(TEXT, "cat", "running", max_characters=45)
    assert snippet.text == "Dogs run after cars, and a cat runs away."
    assert snippet.marked("[", "]") == "Dogs [run] after cars, and a [cat] [runs] away."
    assert snippet.start == 20
    assert str(snippet) == "Dogs [run] after cars, and a [cat] [runs] away."


def test_several_passages_come_in_the_order_of_the_text():
    snippets = marks(TEXT, "cat", "running", n_snippets=9, max_characters=45)
    assert [s.start for s in snippets] == [0, 20, 89]
    assert [str(s) for s in snippets] == [
        "[Cats] sleep all day.",
        "Dogs [run] after cars, and a [cat] [runs] away.",
        "At night the [cat] hunts.",
    ]
    assert all(TEXT[s.start : s.start + len(s.text)] == s.text for s in snippets)


def test_the_score_of_a_passage_is_that_of_the_formula():
    (snippet,) = marks("a cat.", "cat")
    norm = 0.25 + 0.75 * 6 / 87
    assert snippet.score == (1 + 1 / math.log(87)) * (1 / (1 + 1.2 * norm))


def test_without_a_match_there_is_no_snippet():
    assert marks(TEXT, "elephant") == []
    assert marks("", "cat") == []
    assert marks(" \n ", "cat") == []


def test_a_long_sentence_is_cut_between_words():
    text = " ".join(f"word{n}" for n in range(40)) + " needle " + "tail " * 20
    (snippet,) = marks(text, "needle", max_characters=60)
    assert len(snippet.text) <= 60
    assert "needle" in snippet.text
    assert not snippet.text.startswith(" ")
    assert text[snippet.start :].startswith(snippet.text)


def test_marks_escape_html_unless_told_otherwise():
    (snippet,) = marks("if a < b & cat > c", "cat")
    assert snippet.marked() == "if a &lt; b &amp; <mark>cat</mark> &gt; c"
    assert snippet.marked("*", "*", escape=False) == "if a < b & *cat* > c"
    assert snippet._repr_html_() == snippet.marked()


def test_pairs_of_chinese_characters_are_one_mark():
    analyzer = get_analyzer("cjk")
    (snippet,) = marks(
        "我们在北京大学学习。天气很好。", "北京大学", analyzer=analyzer, max_characters=10
    )
    assert str(snippet) == "我们在[北京大学]学习。"


def test_words_side_by_side_are_marked_one_by_one():
    assert marks("cat cat", "cat") == [
        Snippet("cat cat", 0, ((0, 3), (4, 7)), marks("cat cat", "cat")[0].score)
    ]


def test_a_heavier_term_wins_over_a_more_frequent_one():
    text = "The cat saw a cat. A gnu came. The cat left."
    weights = {b"cat": 0.1, b"gnu": 5.0}
    (snippet,) = highlight(text, ENGLISH, lambda t: weights.get(t, 0.0), max_characters=20)
    assert str(snippet) == "A [gnu] came."


@pytest.mark.parametrize("options", [{"n_snippets": 0}, {"max_characters": 0}, {"n_snippets": 1.0}])
def test_bad_numbers_are_refused(options):
    with pytest.raises(InvalidArgument):
        marks(TEXT, "cat", **options)
