"""Phrases by hand, against Lucene's algorithm written down once more, and by brute force."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.analysis import Vocabulary, get_analyzer
from rank_retrieve.lexical.invert import ForwardIndex
from rank_retrieve.lexical.inverted_index import InvertedIndex, write_inverted_index
from rank_retrieve.lexical.phrases import PhraseShape, find_phrase, phrase_in_texts
from rank_retrieve.types import Bitmap, Int32s, MemorySections, UInt64s
from tests.lexical.queries.oracle import least_moves, phrase_frequency

NO_BITMAP = np.empty(0, dtype=np.uint64)


def index_of(documents: Sequence[Sequence[str]]) -> tuple[InvertedIndex, Vocabulary, ForwardIndex]:
    """An index of documents, each a list of fields, and what it was made from."""
    vocabulary = Vocabulary(get_analyzer("whitespace"))
    n_fields = len(documents[0])
    runs = vocabulary.analyze([field for fields in documents for field in fields], positions=True)
    forward = ForwardIndex(runs.tokens, runs.offsets, n_fields, runs.positions)
    sections = MemorySections()
    write_inverted_index(sections, "g", forward, *vocabulary.arena(), [1] * n_fields, 1)
    return InvertedIndex.open(sections, "g"), vocabulary, forward


def find(
    index: InvertedIndex,
    shape: PhraseShape,
    units: Sequence[float] = (1.0,),
    live: UInt64s = NO_BITMAP,
    within: Int32s | None = None,
) -> dict[int, float]:
    """The docs that hold a phrase, and how often each does."""
    ordinals = dict(zip(shape.distinct, index.ordinals(shape.distinct).tolist(), strict=True))
    if min(ordinals.values()) < 0:
        return {}
    docs, found = find_phrase(index, shape, ordinals, np.array(units), live, within)
    return dict(zip(docs.tolist(), found.tolist(), strict=True))


def shape_of(phrase: str, slop: int = 0) -> PhraseShape:
    """A phrase from words; an underscore is a gap."""
    words = [(place, word) for place, word in enumerate(phrase.split()) if word != "_"]
    first = words[0][0]
    return PhraseShape(
        tuple(word.encode() for _, word in words), tuple(place - first for place, _ in words), slop
    )


def frequencies(documents: Sequence[str], phrase: str, slop: int = 0) -> list[float]:
    """How often each text holds a phrase, found by positions and by the texts alike."""
    index, vocabulary, forward = index_of([[text] for text in documents])
    shape = shape_of(phrase, slop)
    found = find(index, shape)
    numbers = {term: number for number, term in enumerate(vocabulary.terms())}
    assert forward.positions is not None
    in_texts = phrase_in_texts(
        forward.tokens, forward.offsets, forward.positions, numbers, shape, np.ones(1)
    )
    result = [found.get(doc, 0.0) for doc in range(len(documents))]
    assert in_texts.tolist() == result
    return result


@pytest.mark.parametrize(
    ("text", "phrase", "frequency"),
    [
        ("a b", "a b", 1.0),
        ("b a", "a b", 0.0),
        ("a x b", "a b", 0.0),
        ("a b a b", "a b", 2.0),
        ("a a a", "a a", 2.0),
        ("a a a a", "a a a", 2.0),
        ("x a b c y", "a b c", 1.0),
        ("a b x c a b c", "a b c", 1.0),
        ("a x b", "a _ b", 1.0),
        ("a b", "a _ b", 0.0),
        ("a b a", "a b a", 1.0),
        ("a b a b a", "a b a", 2.0),
        ("", "a b", 0.0),
    ],
)
def test_an_exact_phrase_occurs_where_its_words_stand_side_by_side(
    text: str, phrase: str, frequency: float
) -> None:
    assert frequencies([text, "x"], phrase) == [frequency, 0.0]


@pytest.mark.parametrize(
    ("text", "phrase", "slop", "frequency"),
    [
        # d moves count 1 / (1 + d)
        ("a b", "a b", 1, 1.0),
        ("a x b", "a b", 1, 1 / 2),
        ("a x x b", "a b", 1, 0.0),
        ("a x x b", "a b", 2, 1 / 3),
        # neighbours are swapped by two moves
        ("b a", "a b", 1, 0.0),
        ("b a", "a b", 2, 1 / 3),
        ("c b a", "a b c", 3, 0.0),
        ("c b a", "a b c", 4, 1 / 5),
        # each match is the narrowest window that ends before the next
        ("a b x a b", "a b", 1, 2.0),
        ("a a b", "a b", 1, 1.0),
        ("a b b", "a b", 1, 1.0),
        ("a x b a b", "a b", 1, 1 / 2 + 1.0),
        # two slots of one word never share a position
        ("a", "a a", 5, 0.0),
        ("a a", "a a", 1, 1.0),
        ("a x a", "a a", 1, 1 / 2),
        ("a b a", "a b a", 2, 1.0),
        ("b a", "a b a", 5, 0.0),
        ("a a b", "a b a", 2, 1 / 3),
        # gaps are moves as well
        ("a b", "a _ b", 1, 1 / 2),
        ("a x b", "a _ b", 1, 1.0),
    ],
)
def test_a_sloppy_phrase_counts_the_moves_that_it_takes(
    text: str, phrase: str, slop: int, frequency: float
) -> None:
    assert frequencies([text, "x"], phrase, slop) == pytest.approx([frequency, 0.0])


words = st.sampled_from(["a", "a", "b", "b", "c", "d"])
texts = st.lists(st.lists(words, max_size=12).map(" ".join), min_size=1, max_size=6)
phrases = st.lists(st.sampled_from(["a", "b", "c", "_"]), min_size=2, max_size=5).filter(
    lambda phrase: sum(word != "_" for word in phrase) >= 2
)


@given(texts, phrases, st.integers(0, 6))
@settings(deadline=None, max_examples=100)
def test_frequencies_are_those_of_lucene(
    documents: list[str], phrase: list[str], slop: int
) -> None:
    placed = [(place, word) for place, word in enumerate(phrase) if word != "_"]
    expected = [phrase_frequency(placed, text.split(), slop) for text in documents]
    assert frequencies(documents, " ".join(phrase), slop) == expected


@given(texts, st.permutations(["a", "b", "c", "d"]), st.integers(2, 4), st.integers(0, 6))
@settings(deadline=None, max_examples=60)
def test_without_repetitions_a_phrase_is_found_if_its_least_moves_are_allowed(
    documents: list[str], order: list[str], n_words: int, slop: int
) -> None:
    phrase = order[:n_words]
    found = frequencies(documents, " ".join(phrase), slop)
    for text, frequency in zip(documents, found, strict=True):
        moves = least_moves(list(enumerate(phrase)), text.split())
        assert (frequency > 0) == (moves is not None and moves <= slop)


def test_lists_of_many_blocks_and_tails_are_followed_to_the_end() -> None:
    rng = np.random.default_rng(3)
    documents = [
        " ".join(rng.choice(["a", "b", "c", "x"], rng.integers(0, 9), p=[0.4, 0.3, 0.05, 0.25]))
        for _ in range(3000)
    ]
    for phrase in ("a b", "b a c", "a a", "c b"):
        for slop in (0, 2):
            placed = list(enumerate(phrase.split()))
            expected = [phrase_frequency(placed, text.split(), slop) for text in documents]
            assert frequencies(documents, phrase, slop) == expected


def test_a_phrase_lies_in_one_field_and_counts_its_units() -> None:
    index, _, _ = index_of([["a b", "a b a b"], ["a", "b"], ["x a", "b a b"]])
    for units, expected in [
        ([2.0, 1.0], {0: 4.0, 2: 1.0}),
        ([2.0, 0.0], {0: 2.0}),
        ([0.0, 1.0], {0: 2.0, 2: 1.0}),
    ]:
        assert find(index, shape_of("a b"), units) == expected


def test_only_live_docs_and_those_asked_for_are_looked_at() -> None:
    index, _, _ = index_of([["a b"]] * 500)
    live = Bitmap.from_docs(500, [3, 200, 499]).bytes_view().view(np.uint64)
    assert list(find(index, shape_of("a b"), live=live)) == [3, 200, 499]
    within = np.array([2, 3, 130, 200, 201], dtype=np.int32)
    assert list(find(index, shape_of("a b"), live=live, within=within)) == [3, 200]
    assert list(find(index, shape_of("a b"), within=within)) == [2, 3, 130, 200, 201]


def test_a_term_that_no_document_holds_ends_the_search() -> None:
    assert frequencies(["a b", "b"], "a zebra") == [0.0, 0.0]


def test_documents_with_more_positions_than_there_was_room_for_are_searched_again() -> None:
    long = "a b " * 20_000
    assert frequencies([long, "b a"], "a b") == [20_000.0, 0.0]
    assert frequencies([long], "b b", 1)[0] == pytest.approx(19_999 / 2)


def test_kernels_and_their_plain_twins_agree() -> None:
    from rank_retrieve.lexical import _phrase_kernels as kernels
    from rank_retrieve.lexical.phrases import _slots, _work

    index, _, _ = index_of([["a b a"], ["b x a b"], ["a a"]])
    positions = index.positions
    assert positions is not None
    distinct = [b"a", b"b"]
    slots = _slots(shape_of("a b", 1), distinct, index.ordinals(distinct).tolist(), np.ones(1))
    found = []
    for run in (kernels.find_phrase, kernels.find_phrase.py_func):  # type: ignore[attr-defined]
        docs, counts = np.zeros(3, dtype=np.int32), np.zeros(3)
        n = run(index.lists, positions.arrays, slots, NO_BITMAP, _work(2, 2, 100), docs, counts)
        found.append((docs[:n].tolist(), counts[:n].tolist()))
    assert found[0] == found[1] == ([0, 1], [1.0, 1.0])
