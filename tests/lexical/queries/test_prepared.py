"""Query trees against brute force, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rank_retrieve as rr
from rank_retrieve.lexical.queries import PreparedQuery
from rank_retrieve.types import Bitmap
from tests.lexical.queries.indexes import build, oracle_of
from tests.lexical.queries.strategies import asked, documents, queries


@st.composite
def corpora(draw: st.DrawFn) -> tuple[list[list[Any]], list[list[bool]]]:
    parts = draw(st.lists(st.lists(documents, max_size=8), min_size=1, max_size=3))
    live = [[draw(st.booleans()) or draw(st.booleans()) for _ in part] for part in parts]
    return parts, live


def ranked(found: dict[int, float], k: int) -> tuple[list[int], list[float]]:
    best = sorted(found, key=lambda doc: (-found[doc], doc))[:k]
    return best, [found[doc] for doc in best]


@given(corpora(), queries, st.booleans(), st.integers(1, 30))
@settings(deadline=None, max_examples=70)
def test_every_tree_finds_scores_counts_and_explains_what_brute_force_does(
    corpus: tuple[list[list[Any]], list[list[bool]]],
    query: rr.LexicalQuery,
    positions: bool,
    k: int,
) -> None:
    parts, live = corpus
    groups = build(parts, live, positions=positions)
    expected = oracle_of(parts, live).run(query)
    prepared = PreparedQuery(groups, query)
    found = prepared.search(k)
    docs, scores = ranked(expected, k)
    assert found.docs.tolist() == docs
    assert found.scores.tolist() == scores
    assert prepared.count() == len(expected)
    for doc, score in zip(docs, scores, strict=True):
        explanation = prepared.explain(doc)
        assert explanation.value == score
        assert explanation.adds_up()
    everywhere = np.arange(sum(map(len, parts)))[::-1].copy()
    of_all = prepared.scores(everywhere)
    for doc, score in zip(everywhere.tolist(), of_all.tolist(), strict=True):
        if doc in expected:
            assert score == expected[doc]


letters = st.lists(st.sampled_from(["a", "a", "b", "c"]), max_size=8)


@given(
    st.lists(st.fixed_dictionaries({"title": letters, "text": letters}), min_size=1, max_size=8),
    st.sampled_from(["a b", "a a", "b a", "a b a", "a c b"]),
    st.sampled_from([None, "title", "text"]),
    st.integers(0, 3),
    st.booleans(),
)
@settings(deadline=None, max_examples=60)
def test_phrases_score_by_their_frequency_and_the_sum_of_idf(
    documents: list[Any], phrase: str, field: str | None, slop: int, positions: bool
) -> None:
    live = [[True] * len(documents)]
    query = rr.Phrase(phrase, field=field, slop=slop) | rr.Boosted(rr.Phrase("a b"), 2.0)
    expected = oracle_of([documents], live).run(query)
    found = PreparedQuery(build([documents], live, positions=positions), query).search(10)
    assert (found.docs.tolist(), found.scores.tolist()) == ranked(expected, 10)


@given(corpora(), queries, st.booleans(), st.data())
@settings(deadline=None, max_examples=60)
def test_allowed_docs_are_the_only_ones_found_and_score_as_ever(
    corpus: tuple[list[list[Any]], list[list[bool]]],
    query: rr.LexicalQuery,
    positions: bool,
    data: st.DataObject,
) -> None:
    parts, live = corpus
    groups = build(parts, live, positions=positions)
    masks = [[data.draw(st.integers(0, 3)) == 0 for _ in part] for part in parts]
    allowed = [Bitmap.from_mask(np.array(mask, dtype=np.bool_)) for mask in masks]
    flat = [each for mask in masks for each in mask]
    expected = oracle_of(parts, live).run(query)
    kept = {doc: score for doc, score in expected.items() if flat[doc]}
    prepared = PreparedQuery(groups, query)
    found = prepared.search(7, allowed)
    assert (found.docs.tolist(), found.scores.tolist()) == ranked(kept, 7)
    assert prepared.count(allowed) == len(kept)


@given(corpora(), asked)
@settings(deadline=None, max_examples=40)
def test_a_match_of_any_word_is_a_search_for_the_bag_of_words(
    corpus: tuple[list[list[Any]], list[list[bool]]], text: str
) -> None:
    parts, live = corpus
    group = build(parts, live, positions=False)[0]
    plain = group.searcher.search([word.encode() for word in text.split()], 100)
    queries = [
        rr.Match(text, field=("title", "text")),
        rr.Boolean(should=[rr.Boolean(must=rr.Match(text, field=("title", "text")))]),
        rr.DisMax([rr.Match(text, field=("title", "text"))], tie_breaker=0.5),
    ]
    for query in queries:
        found = PreparedQuery([group], query).search(100)
        assert found.docs.tolist() == plain.docs.tolist()
        assert found.scores.tolist() == plain.scores.tolist()


def test_clauses_side_by_side_score_as_the_words_of_one_match() -> None:
    parts = [[{"text": ["a", "b", "a"]}, {"text": ["b"]}, {"text": ["c", "c", "c", "b"]}, {}]]
    group = build(parts, [[True] * 4], positions=False)[0]
    together = PreparedQuery([group], rr.Match("a b")).search(10)
    apart = PreparedQuery([group], rr.Match("a") | rr.Match("b")).search(10)
    assert apart.scores.tolist() == together.scores.tolist()
    # docs/scoring.md works these out by hand
    assert together.docs.tolist() == [0, 1, 2]
    assert together.scores.tolist() == pytest.approx([0.7943054, 0.2038142, 0.1150564], abs=1e-7)


def test_a_doc_of_no_part_and_one_that_does_not_match_have_no_explanation() -> None:
    group = build([[{"text": ["a"]}, {"text": ["b"]}]], [[True, True]], positions=False)[0]
    prepared = PreparedQuery([group], rr.Match("a"))
    with pytest.raises(rr.InvalidArgument, match="does not match"):
        prepared.explain(1)
    with pytest.raises(rr.InvalidArgument, match="in no part"):
        prepared.explain(2)
    with pytest.raises(rr.InvalidArgument, match="at least 1"):
        prepared.search(0)
