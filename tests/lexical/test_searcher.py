import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.errors import CorruptionError, InvalidArgument
from rank_retrieve.lexical import _window_kernels as windows
from rank_retrieve.lexical import searcher as searcher_module
from rank_retrieve.lexical.deleted import DeletedStatistics
from rank_retrieve.lexical.scoring import BM25Scorer
from rank_retrieve.lexical.searcher import LexicalPart, LexicalSearcher
from rank_retrieve.types import Bitmap
from tests.lexical.oracle import BruteForce, build_index, one_field
from tests.lexical.strategies import documents, fields, queries


def searcher_of(texts, *, skipping=None, **parameters):
    part = LexicalPart(build_index(texts))
    return LexicalSearcher([part], BM25Scorer(**parameters), skipping=skipping)


def pairs(ranked):
    return list(zip(ranked.docs.tolist(), ranked.scores.tolist(), strict=True))


def test_scores_worked_by_hand():
    searcher = searcher_of(one_field("a b a", "b", "c c c b", ""))
    ranked = searcher.search([b"a", b"b"], 10)
    # N=4, avgdl=2. idf(a)=1.2039728, idf(b)=0.3566749
    # doc 0: 1.2039728 * 2/(2+1.65) + 0.3566749 * 1/(1+1.65) = 0.6597111 + 0.1345943
    # doc 1: 0.3566749 * 1/(1+0.75) = 0.2038142; doc 2: 0.3566749 * 1/(1+2.1) = 0.1150564
    assert ranked.docs.tolist() == [0, 1, 2]
    assert ranked.scores == pytest.approx([0.7943054, 0.2038142, 0.1150564], abs=1e-7)


def test_a_repeated_query_term_weighs_twice():
    searcher = searcher_of(one_field("a b", "b c", "c"))
    once = searcher.search([b"a"], 1).scores[0]
    assert searcher.search([b"a", b"a"], 1).scores[0] == 2 * once


def test_equal_scores_are_in_order_of_documents():
    searcher = searcher_of(one_field(*["a b"] * 300))
    assert searcher.search([b"a"], 7).docs.tolist() == [0, 1, 2, 3, 4, 5, 6]


def test_nothing_is_found_for_no_terms_unknown_terms_or_no_documents():
    searcher = searcher_of(one_field("a"))
    assert len(searcher.search([], 5)) == 0
    assert len(searcher.search([b"absent"], 5)) == 0
    assert len(LexicalSearcher([]).search([b"a"], 5)) == 0
    assert len(searcher_of([]).search([b"a"], 5)) == 0


def test_unknown_terms_do_not_change_scores():
    searcher = searcher_of(one_field("a b", "b"))
    assert pairs(searcher.search([b"a", b"b"], 5)) == pairs(
        searcher.search([b"nowhere", b"a", b"b"], 5)
    )


@pytest.mark.parametrize("skipping", [True, False])
def test_matches_whose_scores_round_to_zero_are_still_returned(skipping):
    texts = one_field(*["common"] * 3000, "rare", "other")
    searcher = searcher_of(texts, skipping=skipping)
    # idf(common) is 0.0005, and 60,000 * idf(rare) is 2 ** 29 units
    query = [b"rare"] * 60_000 + [b"common"]
    found = pairs(searcher.search(query, 5000))
    assert len(found) == 3001
    assert found[0][0] == 3000
    assert found[1:] == [(doc, 0.0) for doc in range(3000)]
    assert found == BruteForce(texts).best(query, 5000)
    assert pairs(searcher.search(query, 2)) == found[:2]


@settings(deadline=None, max_examples=100)
@given(documents, queries, st.integers(1, 12), st.floats(0, 3), st.floats(0, 1))
def test_search_equals_brute_force_to_the_last_bit(texts, query, k, k1, b):
    found = pairs(searcher_of(texts, k1=k1, b=b).search(query, k))
    assert found == BruteForce(texts, k1=k1, b=b).best(query, k)


@settings(deadline=None, max_examples=100)
@given(documents, queries)
def test_scores_are_those_of_the_textbook_within_a_millionth(texts, query):
    searcher = searcher_of(texts)
    found = dict(pairs(searcher.search(query, 100)))
    textbook = BruteForce(texts).textbook(query)
    assert found.keys() == textbook.keys()
    for doc, score in textbook.items():
        assert found[doc] == pytest.approx(score, rel=1e-6)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(fields, fields).map(list), max_size=15),
    queries,
    st.sampled_from([([3, 2], 2), ([1, 1], 1), ([150, 100], 100)]),
)
def test_boosted_fields_are_scored_as_bm25f(texts, query, boosts):
    units, scale = boosts
    searcher = LexicalSearcher([LexicalPart(build_index(texts, units, scale))])
    brute = BruteForce(texts, units, scale)
    found = pairs(searcher.search(query, 20))
    assert found == brute.best(query, 20)
    for doc, score in brute.textbook(query).items():
        assert dict(found)[doc] == pytest.approx(score, rel=1e-6)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_parts_with_deletes_and_filters_equal_a_fresh_index(data):
    corpora = data.draw(st.lists(documents, max_size=4))
    query, k = data.draw(queries), data.draw(st.integers(1, 10))
    parts, allowed, survivors, base = [], [], [], 0
    for texts in corpora:
        mask = data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts)))
        wanted = data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts)))
        index = build_index(texts)
        live = Bitmap.from_mask(np.array(mask, np.bool_))
        dead = [doc for doc, is_live in enumerate(mask) if not is_live]
        deleted = None
        if data.draw(st.booleans()):
            deleted = DeletedStatistics.of(index, dead, [texts[doc][0] for doc in dead])
        parts.append(LexicalPart(index, base, live if dead or deleted else None, deleted))
        allowed.append(
            Bitmap.from_mask(np.array(wanted, np.bool_)) if data.draw(st.booleans()) else None
        )
        for doc, is_live in enumerate(mask):
            if is_live:
                survivors.append((base + doc, texts[doc], allowed[-1] is None or wanted[doc]))
        base += len(texts) + data.draw(st.integers(0, 3))
    brute = BruteForce([text for _, text, _ in survivors])
    expected = [
        (survivors[doc][0], score) for doc, score in brute.best(query, 10**6) if survivors[doc][2]
    ]
    searcher = LexicalSearcher(parts)
    assert pairs(searcher.search(query, k, allowed)) == expected[:k]
    exact = brute.exact(query)
    docs = np.array([doc for doc, _, _ in survivors], np.int64)[::-1]
    assert (
        searcher.scores(query, docs).tolist()
        == [exact.get(number, 0.0) for number in range(len(survivors))][::-1]
    )


@settings(deadline=None, max_examples=60)
@given(documents, queries, st.integers(0, 2**32 - 1))
def test_counts_are_the_matches_of_brute_force(texts, query, seed):
    random = np.random.default_rng(seed)
    brute, index = BruteForce(texts), build_index(texts)
    matches = set(brute.exact(query))
    searcher = LexicalSearcher([LexicalPart(index)])
    assert searcher.count(query) == len(matches)
    wanted = np.flatnonzero(random.random(len(texts)) < 0.5).tolist()
    allowed = [Bitmap.from_docs(len(texts), wanted)]
    assert searcher.count(query, allowed) == len(matches & set(wanted))
    live = LexicalSearcher([LexicalPart(index, live=allowed[0])])
    assert live.count(query) == len(matches & set(wanted))


WORDS = [b"the", b"of", b"w1", b"w2", b"w3", b"w4"]
LONG_QUERIES = [
    [b"w4"],
    [b"of"],
    [b"the", b"w3"],
    [b"w4", b"w3"],
    [b"w2", b"w1", b"of"],
    [b"the", b"the", b"of", b"absent"],
    WORDS,
]


def long_texts(n_docs, seed):
    """Documents over several windows, with lists from a handful of documents to nearly all."""
    random = np.random.default_rng(seed)
    held = random.random((n_docs, 6)) < [0.9, 0.6, 0.2, 0.02, 0.003, 0.0004]
    times = random.geometric(0.4, (n_docs, 6))
    return [
        [[word for w, word in enumerate(WORDS) if held[doc, w] for _ in range(times[doc, w])]]
        for doc in range(n_docs)
    ]


@pytest.mark.parametrize("skipping", [True, False, None])
def test_long_lists_over_many_windows_equal_brute_force(skipping):
    n_docs = 3 * 8192 + 1234
    texts = long_texts(n_docs, 5)
    searcher, brute = searcher_of(texts, skipping=skipping), BruteForce(texts)
    half = n_docs // 2 + 77
    split = LexicalSearcher(
        [
            LexicalPart(build_index(texts[:half])),
            LexicalPart(build_index(texts[half:]), base=half),
        ],
        skipping=skipping,
    )
    for query in LONG_QUERIES:
        expected = brute.best(query, 1000)
        assert searcher.count(query) == split.count(query) == len(brute.exact(query))
        for k in (1, 10, 1000):
            assert pairs(searcher.search(query, k)) == expected[:k]
            assert pairs(split.search(query, k)) == expected[:k]


@pytest.mark.parametrize("parameters", [{}, {"k1": 0.0}, {"b": 0.0}, {"k1": 50.0, "b": 1.0}])
def test_bounds_hold_when_statistics_change_after_they_were_written(parameters):
    # the second part doubles the average length, and half of the first is deleted
    texts = long_texts(9000, 6)
    longer = [[[*text[0], *[b"long"] * 40]] for text in long_texts(5000, 7)]
    random = np.random.default_rng(8)
    mask, wanted = random.random(9000) < 0.5, random.random(9000) < 0.3
    live, allowed = Bitmap.from_mask(mask), [Bitmap.from_mask(wanted), None]
    parts = [
        LexicalPart(build_index(texts), live=live),
        LexicalPart(build_index(longer), base=9000),
    ]
    numbers = [*np.flatnonzero(mask).tolist(), *range(9000, 14000)]
    everything = [*texts, *longer]
    brute = BruteForce([everything[number] for number in numbers], **parameters)
    searcher = LexicalSearcher(parts, BM25Scorer(**parameters), skipping=True)
    for query in LONG_QUERIES:
        ranked = [(numbers[doc], score) for doc, score in brute.best(query, 10**6)]
        filtered = [pair for pair in ranked if pair[0] >= 9000 or wanted[pair[0]]]
        for k in (1, 7, 300):
            assert pairs(searcher.search(query, k)) == ranked[:k]
            assert pairs(searcher.search(query, k, allowed)) == filtered[:k]


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.floats(0, 1))
def test_skipping_finds_what_scoring_everything_finds(seed, k, share):
    random = np.random.default_rng(seed)
    texts = long_texts(int(random.integers(200, 1500)), seed)
    query = [WORDS[w] for w in random.integers(0, 6, random.integers(1, 7))]
    allowed = [Bitmap.from_mask(random.random(len(texts)) < share)]
    index = build_index(texts)
    for masks in (None, allowed):
        skipping, complete = (
            LexicalSearcher([LexicalPart(index)], skipping=flag).search(query, k, masks)
            for flag in (True, False)
        )
        assert pairs(skipping) == pairs(complete)


@settings(deadline=None, max_examples=60)
@given(documents, queries)
def test_explanations_add_up_to_the_score(texts, query):
    searcher = searcher_of(texts)
    for doc, score in pairs(searcher.search(query, 100)):
        explanation = searcher.explain(query, doc)
        assert explanation.value == score
        assert explanation.combine == "sum"
        assert explanation.adds_up()


def test_an_explanation_shows_the_arithmetic():
    searcher = searcher_of(one_field("a b a", "b", "c c c b", ""))
    term = searcher.explain([b"a"], 0).children[0]
    idf, saturation = term.children
    assert idf.label == "idf = ln(1 + (N - df + 0.5) / (df + 0.5)), N=4, df=1"
    assert saturation.value == 2 / 3.65
    assert [step.value for step in saturation.children] == [2.0, 3.0, 2.0]
    assert idf.value * saturation.value == pytest.approx(term.value, rel=1e-8)


def test_the_explanation_of_a_document_without_the_terms_is_zero():
    explanation = searcher_of(one_field("a", "b")).explain([b"a"], 1)
    assert (explanation.value, explanation.children) == (0.0, ())


def test_an_explanation_names_the_repetitions_in_the_query():
    term = searcher_of(one_field("a", "b")).explain([b"a", b"a"], 0).children[0]
    assert term.children[0].value == 2.0
    assert "qtf" in term.label


@pytest.mark.parametrize("k", [0, -1, True, 1.5, "3"])
def test_k_that_is_not_a_positive_integer_is_refused(k):
    with pytest.raises(InvalidArgument):
        searcher_of(one_field("a")).search([b"a"], k)


def test_a_huge_k_returns_all_matches():
    assert len(searcher_of(one_field("a", "b", "a")).search([b"a"], 10**15)) == 2


def test_bitmaps_of_another_size_are_refused():
    searcher = searcher_of(one_field("a", "b"))
    with pytest.raises(InvalidArgument, match="allowed"):
        searcher.search([b"a"], 1, [Bitmap(3)])
    with pytest.raises(InvalidArgument, match="allowed"):
        searcher.search([b"a"], 1, [])
    with pytest.raises(InvalidArgument, match="live"):
        LexicalPart(build_index(one_field("a")), live=Bitmap(2))


def test_parts_that_contradict_each_other_are_refused():
    index = build_index(one_field("a", "b"))
    with pytest.raises(InvalidArgument, match="overlaps"):
        LexicalSearcher([LexicalPart(index), LexicalPart(index, base=1)])
    with pytest.raises(InvalidArgument, match="scales"):
        LexicalSearcher(
            [LexicalPart(index), LexicalPart(build_index(one_field("a"), [2], 2), base=2)]
        )
    with pytest.raises(InvalidArgument, match="deleted"):
        LexicalPart(
            index,
            live=Bitmap(2, full=True),
            deleted=DeletedStatistics(*[index.lengths[:0]] * 2, 1, 1),
        )
    with pytest.raises(InvalidArgument, match="base"):
        LexicalPart(index, base=2**32 - 2)


def test_parts_may_be_given_in_any_order():
    first, second = build_index(one_field("a", "b")), build_index(one_field("a a"))
    searcher = LexicalSearcher([LexicalPart(second, base=2), LexicalPart(first)])
    assert searcher.search([b"a"], 5).docs.tolist() == [2, 0]
    found = searcher.search([b"a"], 5, [Bitmap(1, full=True), Bitmap(2)])
    assert found.docs.tolist() == [2]


def test_docs_of_no_part_have_no_score():
    searcher = searcher_of(one_field("a", "b"))
    with pytest.raises(InvalidArgument):
        searcher.scores([b"a"], np.array([2]))
    with pytest.raises(InvalidArgument):
        searcher.explain([b"a"], -1)


def test_statistics_that_contradict_the_lists_are_corruption():
    index = build_index(one_field("a", "a", ""))
    # three deleted documents that hold nothing leave more postings than documents
    wrong = DeletedStatistics(np.empty(0, np.int64), np.empty(0, np.int64), 2, 0)
    live = Bitmap.from_docs(3, [0])
    with pytest.raises(CorruptionError):
        LexicalSearcher([LexicalPart(index, live=live, deleted=wrong)]).search([b"a"], 1)


def test_threads_share_a_searcher():
    texts = one_field(*[f"a{i % 7} b{i % 5} c" for i in range(400)])
    searcher, brute = searcher_of(texts), BruteForce(texts)
    queries = [[b"a%d" % (i % 7), b"b%d" % (i % 5), b"c"] for i in range(35)]
    expected = [brute.best(query, 10) for query in queries]
    wrong = []

    def work():
        for query, best in zip(queries, expected, strict=True):
            if pairs(searcher.search(query, 10)) != best:
                wrong.append(query)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_searcher_that_forgets_its_terms_finds_the_same(monkeypatch):
    monkeypatch.setattr(searcher_module, "KNOWN_TERMS", 3)
    texts = one_field("a b", "b c d", "d e f", "a f")
    searcher, brute = searcher_of(texts), BruteForce(texts)
    for query in ([b"a", b"b"], [b"b", b"c"], [b"a", b"c", b"d", b"e"], [b"a", b"f"], [b"a"]):
        assert pairs(searcher.search(query, 5)) == brute.best(query, 5)
        assert len(searcher._known) <= max(3, len(query))


@pytest.mark.parametrize("k", [1, 130, 500, 5000])
def test_any_number_of_hits_over_parts_equals_brute_force(k):
    texts = long_texts(6000, 11)
    brute = BruteForce(texts)
    searcher = LexicalSearcher(
        [
            LexicalPart(build_index(texts[:1000])),
            LexicalPart(build_index(texts[1000:5500]), base=1000),
            LexicalPart(build_index(texts[5500:]), base=5500),
        ]
    )
    for query in LONG_QUERIES:
        assert pairs(searcher.search(query, k)) == brute.best(query, k)


@pytest.mark.parametrize("k", [1, 6, 500])
def test_the_search_kernels_agree_with_their_plain_python(k, monkeypatch):
    texts, query = long_texts(400, 3), [b"the", b"w2", b"w1"]
    searcher, exhaustive = (searcher_of(texts, skipping=flag) for flag in (True, False))
    compiled = pairs(searcher.search(query, k))
    plain = searcher_module._load_kernels()._replace(
        search_batch=windows.search_batch.py_func,
    )
    monkeypatch.setattr(searcher_module, "_load_kernels", lambda: plain)
    assert pairs(searcher.search(query, k)) == compiled
    assert pairs(exhaustive.search(query, k)) == compiled
