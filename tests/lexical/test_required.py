"""Required terms, least numbers of terms, and many queries at once, against brute force."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical.bm25 import BM25
from rank_retrieve.lexical.queries.match import Match
from rank_retrieve.lexical.searcher import LexicalPart, LexicalSearcher
from rank_retrieve.types import Bitmap
from tests.lexical.oracle import BruteForce, build_index, one_field

# from words of nearly every document to such of a few
SHARES = {b"every": 0.9, b"many": 0.4, b"some": 0.1, b"few": 0.01, b"rare": 0.002}
WORDS = [*SHARES]


def corpus(n_docs, seed):
    """Documents of independent words, some several times, and fillers."""
    random = np.random.default_rng(seed)
    held = random.random((n_docs, len(WORDS))) < list(SHARES.values())
    times = random.geometric(0.6, held.shape) * held
    fillers = random.integers(1, 60, n_docs)
    return [
        [[word for word, n in zip(WORDS, row, strict=True) for _ in range(n)] + [b"filler"] * fill]
        for row, fill in zip(times.tolist(), fillers.tolist(), strict=True)
    ]


def pairs(ranked):
    return list(zip(ranked.docs.tolist(), ranked.scores.tolist(), strict=True))


@cache
def scores_of_all(query):
    return BRUTE.exact(query)


def best_of(brute, query, k, required=(), minimum=1, wanted=None):
    """The k best documents that meet the demands, by scoring every document."""
    kept = []
    scores = scores_of_all(tuple(query)) if brute is BRUTE else brute.exact(query)
    for doc, score in scores.items():
        bag = brute.bags[doc]
        meets = all(term in bag for term in required)
        meets &= sum(term in bag for term in set(query)) >= minimum
        if meets and (wanted is None or wanted[doc]):
            kept.append((doc, score))
    return sorted(kept, key=lambda pair: (-pair[1], pair[0]))[:k]


TEXTS = corpus(9_000, 1)
BRUTE = BruteForce(TEXTS)
WHOLE = LexicalSearcher([LexicalPart(build_index(TEXTS))])
SPLIT = LexicalSearcher(
    [
        LexicalPart(build_index(TEXTS[:3000])),
        LexicalPart(build_index(TEXTS[3000:3100]), base=3000),
        LexicalPart(build_index(TEXTS[3100:]), base=3100),
    ]
)


def test_a_required_term_must_be_there_and_others_only_add():
    texts = one_field("a b", "a", "b b b", "a c b", "c")
    searcher = LexicalSearcher([LexicalPart(build_index(texts))])
    found = searcher.search([b"a", b"b"], 10, required=[b"a"])
    assert found.docs.tolist() == [0, 3, 1]
    assert searcher.search([b"a", b"b"], 10, required=[b"a", b"b"]).docs.tolist() == [0, 3]
    assert searcher.search([b"a", b"b", b"c"], 10, minimum=2).docs.tolist() == [3, 0]
    assert searcher.search([b"a", b"b", b"c"], 10, minimum=3).docs.tolist() == [3]


@pytest.mark.parametrize("k", [1, 10, 200, 30_000])
@pytest.mark.parametrize(
    ("query", "required"),
    [
        ([b"every", b"many"], [b"every", b"many"]),
        ([b"many", b"some", b"every"], [b"some", b"many"]),
        ([b"few", b"many", b"every"], [b"every"]),
        ([b"rare", b"few"], [b"rare", b"few"]),
        (WORDS, [b"rare"]),
        ([b"some", b"some", b"many"], [b"some"]),
        ([b"few"], [b"few"]),
    ],
)
def test_required_terms_equal_brute_force_over_parts(query, required, k):
    expected = best_of(BRUTE, query, k, required)
    assert pairs(WHOLE.search(query, k, required=required)) == expected
    assert pairs(SPLIT.search(query, k, required=required)) == expected


@pytest.mark.parametrize("k", [1, 10, 200, 30_000])
@pytest.mark.parametrize("minimum", [1, 2, 3, 5])
def test_a_least_number_of_terms_equals_brute_force_over_parts(minimum, k):
    for query in (WORDS, [b"rare", b"few", b"some"], [b"every", b"many", b"many"]):
        expected = best_of(BRUTE, query, k, minimum=minimum)
        assert pairs(WHOLE.search(query, k, minimum=minimum)) == expected
        assert pairs(SPLIT.search(query, k, minimum=minimum)) == expected


@settings(deadline=None, max_examples=30)
@given(
    st.integers(0, 2**32 - 1),
    st.lists(st.sampled_from([*WORDS, b"absent"]), min_size=1, max_size=7),
    st.integers(0, 3),
    st.integers(1, 3),
    st.integers(1, 300),
    st.floats(0.0, 1.0),
)
def test_demands_among_live_and_allowed_documents_equal_brute_force(
    seed, query, n_required, minimum, k, share
):
    random = np.random.default_rng(seed)
    texts = corpus(int(random.integers(1, 700)), seed)
    live, wanted = random.random(len(texts)) < 0.8, random.random(len(texts)) < share
    numbers = np.flatnonzero(live)
    brute = BruteForce([texts[number] for number in numbers])
    searcher = LexicalSearcher([LexicalPart(build_index(texts), live=Bitmap.from_mask(live))])
    required = list(dict.fromkeys(query))[:n_required]
    demands = {"required": required} if required else {"minimum": minimum}
    for masks, chosen in ((None, None), ([Bitmap.from_mask(wanted)], wanted[numbers])):
        expected = best_of(brute, query, k, wanted=chosen, **demands)
        found = searcher.search(query, k, masks, **demands)
        assert pairs(found) == [(int(numbers[doc]), score) for doc, score in expected]


@pytest.mark.parametrize("k", [1, 10, 129, 5000])
def test_many_queries_at_once_find_what_each_finds_alone(k):
    queries = [
        WORDS, [b"absent"], [b"rare"], [], [b"every", b"many"], [b"few", b"few"], [b"some", b"rare"]
    ]  # fmt: skip
    mask = np.random.default_rng(3).random(len(TEXTS)) < 0.3
    allowed = [Bitmap.from_mask(mask[:3000]), None, Bitmap.from_mask(mask[3100:])]
    for searcher, masks in ((WHOLE, None), (SPLIT, None), (SPLIT, allowed)):
        together = searcher.search_many(queries, k, masks)
        alone = [searcher.search(query, k, masks) for query in queries]
        assert [pairs(found) for found in together] == [pairs(found) for found in alone]
    assert WHOLE.search_many([], k) == []


def test_a_required_term_that_no_document_holds_leaves_nothing():
    assert len(WHOLE.search([b"many", b"absent"], 5, required=[b"absent"])) == 0
    assert len(WHOLE.search([b"many", b"absent"], 5, minimum=2)) == 0


@pytest.mark.parametrize(
    "demands", [{"required": [b"few"]}, {"minimum": 0}, {"minimum": True}, {"minimum": 1.5}]
)
def test_demands_that_make_no_sense_are_refused(demands):
    with pytest.raises(InvalidArgument):
        WHOLE.search([b"many", b"some"], 5, **demands)


def test_required_terms_and_a_least_number_at_once_are_refused():
    with pytest.raises(InvalidArgument, match="minimum"):
        WHOLE.search([b"many", b"some"], 5, required=[b"many"], minimum=2)


def test_a_match_of_all_words_finds_and_explains_what_the_prepared_query_does():
    texts = [b" ".join(text[0]).decode() for text in TEXTS[:2000]]
    bm25 = BM25.from_texts(texts, analyzer="simple")
    allowed = Bitmap.from_mask(np.random.default_rng(5).random(2000) < 0.5)
    for text in ("many some", "every few many", "rare every every", "few", "absent few", ""):
        query = Match(text, operator="and")
        for mask in (None, allowed):
            prepared = bm25._prepared(query).search(30, None if mask is None else [mask])
            hits = bm25.search(query, 30, allowed=mask)
            assert hits.ids.tolist() == prepared.docs.tolist()
            assert hits.scores.tolist() == prepared.scores.tolist()
            listed = bm25.search(query, 30, allowed=mask, timeout_s=60.0)
            assert hits.ids.tolist() == listed.ids.tolist()
            for hit in list(hits)[:2]:
                assert hit.explain().value == hit.score
                assert hit.explain().adds_up()
