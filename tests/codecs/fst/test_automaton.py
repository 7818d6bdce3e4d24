import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.codecs import fst
from rank_retrieve.errors import InvalidArgument
from tests.codecs.fst.oracle import edit_distance, fst_of

# one, two, three and four bytes of UTF-8
texts = st.text("abé€😀", max_size=7)


def found(words: list[str], automaton: fst.Automaton) -> list[str]:
    return [t.decode() for t, _ in fst_of(w.encode() for w in words).search(automaton)]


WORDS = ["", "cat", "act", "car", "cart", "cats", "ca", "dog", "at", "caat", "tac"]


def test_distance_zero_is_the_word_itself() -> None:
    assert found(WORDS, fst.levenshtein("cat", 0)) == ["cat"]


def test_distance_one_inserts_deletes_or_replaces() -> None:
    assert found(WORDS, fst.levenshtein("cat", 1)) == [
        "at",
        "ca",
        "caat",
        "car",
        "cart",
        "cat",
        "cats",
    ]


def test_a_transposition_counts_two_unless_it_is_allowed() -> None:
    assert "act" not in found(WORDS, fst.levenshtein("cat", 1))
    assert "act" in found(WORDS, fst.levenshtein("cat", 2))
    assert "act" in found(WORDS, fst.levenshtein("cat", 1, transpositions=True))


def test_a_transposed_pair_is_not_edited_again() -> None:
    # ca -> ac -> abc would be two, but optimal string alignment needs three
    assert not fst.levenshtein("ca", 2, transpositions=True).matches(b"abc")
    assert fst.levenshtein("ab", 2, transpositions=True).matches(b"bax")


def test_edits_are_of_characters_and_not_of_bytes() -> None:
    words = ["münchen", "munchen", "m😀nchen", "mnchen", "muenchen"]
    assert found(words, fst.levenshtein("münchen", 1)) == [
        "mnchen",
        "munchen",
        "münchen",
        "m😀nchen",
    ]


def test_the_exact_prefix_is_not_edited() -> None:
    assert found(WORDS, fst.levenshtein("cat", 2, exact_prefix=2)) == [
        "ca",
        "caat",
        "car",
        "cart",
        "cat",
        "cats",
    ]
    assert found(WORDS, fst.levenshtein("cat", 1, exact_prefix=99)) == ["cat", "cats"]


def test_the_empty_word_is_near_short_ones() -> None:
    assert found(["", "a", "é", "ab", "abc"], fst.levenshtein("", 1)) == ["", "a", "é"]


def test_a_search_can_start_and_stop_within() -> None:
    words = fst_of(w.encode() for w in WORDS)
    near = fst.levenshtein("cat", 1)
    assert [t for t, _ in words.search(near, ge=b"car", limit=2)] == [b"car", b"cart"]
    assert [t for t, _ in words.search(near, ge=b"cas", lt=b"cats")] == [b"cat"]


@pytest.mark.parametrize(
    "term",
    [
        b"\xff",
        b"a\x80",
        b"\xc3",
        b"\xc3a",
        b"\xc0\xaf",
        b"\xe0\x80\xaf",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
    ],
)
def test_what_is_not_utf8_never_matches(term: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        term.decode()
    for automaton in (fst.levenshtein("a", 2), fst.regex("[^z]*"), fst.wildcard("*")):
        assert not automaton.matches(term)
        assert list(fst_of([term]).search(automaton)) == []


def test_wrong_arguments_are_refused() -> None:
    for distance in (-1, 3, 1.0):
        with pytest.raises(InvalidArgument, match="distance"):
            fst.levenshtein("a", distance)  # type: ignore[arg-type]
    with pytest.raises(InvalidArgument, match="exact_prefix"):
        fst.levenshtein("a", 1, exact_prefix=-1)
    with pytest.raises(InvalidArgument, match="lone surrogate at character 1"):
        fst.levenshtein("a\ud800", 1)


@settings(deadline=None, max_examples=100)
@given(texts, st.lists(texts, max_size=30), st.integers(0, 2), st.booleans(), st.integers(0, 3))
def test_exactly_the_near_terms_are_found(
    query: str, words: list[str], distance: int, transpositions: bool, exact: int
) -> None:
    words = [*words, query, query + "a", query[1:], query[::-1]]
    automaton = fst.levenshtein(query, distance, transpositions=transpositions, exact_prefix=exact)
    cut = min(exact, len(query))
    expected = {
        word
        for word in words
        if word[:cut] == query[:cut]
        and len(word) >= cut
        and edit_distance(query[cut:], word[cut:], transpositions) <= distance
    }
    assert set(found(words, automaton)) == expected
    assert {word for word in words if automaton.matches(word.encode())} == expected


@settings(deadline=None, max_examples=30)
@given(st.text("ab", min_size=60, max_size=200), st.data())
def test_words_longer_than_a_machine_word_are_compared_whole(
    query: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(query)))
    word = query[:at] + "é" + query[at + data.draw(st.integers(0, 2)) :]
    near = fst.levenshtein(query, 2)
    assert near.matches(word.encode()) == (edit_distance(query, word, False) <= 2)
    assert not near.matches((word + "€€€").encode())
