"""Each scoring formula beside the library that defines it, and what all of them share."""

import math

import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.analysis import get_analyzer
from rank_retrieve.lexical.scorers import PROFILES, Corpus, Scorer, Term, profile
from rank_retrieve.types import Bitmap

SIMPLE = get_analyzer("simple")


def corpus_texts(n=120, seed=5):
    rng = np.random.default_rng(seed)
    words = [f"w{number}" for number in range(60)]
    share = 1 / np.arange(1, 61)
    return [
        " ".join(rng.choice(words, size=int(size), p=share / share.sum()))
        for size in rng.integers(1, 40, size=n)
    ]


TEXTS = corpus_texts()
QUERIES = ["w0", "w1 w7", "w3 w3 w20", "w2 w30 w55 absent"]


def found(texts, query, scorer):
    hits = rr.BM25.from_texts(texts, analyzer="simple").search(
        query, k=max(1, len(texts)), scorer=scorer
    )
    for hit in hits:
        assert hit.explain().value == hit.score
        assert hit.explain().adds_up()
    return {hit.id: hit.score for hit in hits}


def compare(ours, theirs):
    """theirs: the scores of all texts; what we did not find must be zero there."""
    for position, score in enumerate(theirs):
        assert ours.get(position, 0.0) == pytest.approx(float(score), rel=2e-5, abs=2e-6)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (profile("lucene"), "lucene"),
        (profile("robertson", k1=1.5), "robertson"),
        (profile("atire", k1=0.9, b=0.4), "atire"),
        (profile("bm25l", k1=1.5, delta=0.5), "bm25l"),
        (profile("bm25+", delta=1.0), "bm25+"),
    ],
)
@pytest.mark.parametrize("query", QUERIES)
def test_scores_are_those_of_bm25s(ours, theirs, query):
    bm25s = pytest.importorskip("bm25s")
    index = bm25s.BM25(
        method=theirs, k1=ours.k1, b=ours.b, delta=getattr(ours, "delta", 0.5), dtype="float64"
    )
    words = [text.split() for text in TEXTS]
    index.index(words, show_progress=False)
    known = [word for word in query.split() if word in index.vocab_dict]
    scores = index.get_scores(known)
    if theirs in ("bm25l", "bm25+"):
        # bm25s gives documents without a term what its formula says for tf = 0; we pass them over
        scores = _without_absent(ours, known, scores)
    compare(found(TEXTS, query, ours), scores)


def _without_absent(scorer, known, scores):
    """The scores of the formula itself over the terms that each text holds."""
    lengths = np.array([len(text.split()) for text in TEXTS], dtype=float)
    corpus = Corpus(len(TEXTS), lengths.sum(), lambda: np.empty(0, dtype=np.int64))
    mended = np.zeros(len(TEXTS))
    theirs = np.zeros(len(TEXTS))
    for word in known:
        tf = np.array([text.split().count(word) for text in TEXTS], dtype=float)
        df = int((tf > 0).sum())
        held = tf > 0
        idf = math.log((len(TEXTS) + 1) / (df + (0.5 if "L" in type(scorer).__name__ else 0)))
        relative = 1 - scorer.b + scorer.b * lengths / corpus.average_length
        if type(scorer).__name__ == "BM25L":
            c = tf / relative
            value = idf * (scorer.k1 + 1) * (c + scorer.delta) / (scorer.k1 + c + scorer.delta)
        else:
            value = idf * ((scorer.k1 + 1) * tf / (tf + scorer.k1 * relative) + scorer.delta)
        theirs += value
        mended += np.where(held, value, 0.0)
    np.testing.assert_allclose(scores, theirs, rtol=2e-5)  # bm25s is what we say it is
    return mended


@pytest.mark.parametrize("query", QUERIES)
def test_scores_are_those_of_rank_bm25(query):
    rank_bm25 = pytest.importorskip("rank_bm25")
    index = rank_bm25.BM25Okapi([text.split() for text in TEXTS])
    compare(found(TEXTS, query, "rank_bm25"), index.get_scores(query.split()))


def test_a_term_in_most_documents_counts_a_share_of_the_mean_idf_in_rank_bm25():
    rank_bm25 = pytest.importorskip("rank_bm25")
    texts = ["all a", "all b", "all c d", "e"]
    index = rank_bm25.BM25Okapi([text.split() for text in texts])
    assert index.idf["all"] > 0
    compare(found(texts, "all", "rank_bm25"), index.get_scores(["all"]))


def test_anserini_is_lucene_with_other_parameters():
    assert profile("anserini") == rr.BM25Scorer(k1=0.9, b=0.4)
    texts = ["a b", "a a c", "d"]
    expected = rr.BM25.from_texts(texts, analyzer="simple", k1=0.9, b=0.4).search("a", k=3)
    assert found(texts, "a", "anserini") == dict(
        zip(expected.ids.tolist(), expected.scores.tolist(), strict=True)
    )


def test_the_vector_space_model_by_hand():
    # N = 3; a: df 2, idf 1 + ln(4 / 3); document 1 holds it twice among three terms
    assert found(["a b", "a a c", "d"], "a", "tf-idf")[1] == pytest.approx(
        math.sqrt(2 / 3) * (1 + math.log(4 / 3)) ** 2, rel=1e-10
    )


def test_the_language_model_by_hand():
    # a: 3 of 6 terms, p = 4 / 7; mu = 10; document 1: tf 2 of 3 terms
    expected = math.log(1 + 2 / (10 * 4 / 7)) + math.log(10 / 13)
    got = found(["a b", "a a c", "d"], "a", profile("dirichlet", mu=10))
    assert got[1] == pytest.approx(expected, rel=1e-9)
    # a document where the sum is below zero still matches
    assert found(["a b c d e f", "a a", "a a"], "a", profile("dirichlet", mu=10))[0] == 0.0


@pytest.mark.parametrize("name", PROFILES)
def test_scores_after_deletes_and_flushes_are_those_of_a_fresh_index(name):
    with rr.open(":memory:") as db:
        fields = {"title": rr.Text("simple", boost=1.5), "text": rr.Text("simple")}
        used = db.create_collection("used", fields=fields)
        for number, text in enumerate(TEXTS[:90]):
            used.put({"id": str(number), "title": text[:5], "text": text})
            if number % 25 == 24:
                db.flush()
        for number in range(0, 90, 3):
            used.delete(str(number))
        fresh = db.create_collection("fresh", fields=fields)
        fresh.put_many(list(used.documents()))
        for query in QUERIES:
            left, right = (c.search(query, k=90, scorer=name) for c in (used, fresh))
            assert len(left) > 0
            assert left.ids.tolist() == right.ids.tolist()
            assert left.scores.tolist() == right.scores.tolist()
            assert all(hit.explain().value == hit.score for hit in left)
            assert all(hit.explain().adds_up() for hit in left)
            allowed = {"id": {"$in": left.ids.tolist()[1::2]}}
            narrowed = used.search(query, k=90, scorer=name, where=allowed)
            assert narrowed.ids.tolist() == left.ids.tolist()[1::2]
            assert narrowed.scores.tolist() == left.scores.tolist()[1::2]


def test_a_scorer_of_ones_own_ranks_too():
    class Occurrences(Scorer):
        def contributions(self, term, corpus, frequencies, lengths):
            assert isinstance(term, Term)
            return frequencies

    hits = rr.BM25.from_texts(["a", "a a b", "b"], analyzer="simple").search(
        "a b", k=3, scorer=Occurrences()
    )
    assert hits.ids.tolist() == [1, 0, 2]
    assert hits.scores.tolist() == [3.0, 1.0, 1.0]


def test_a_filter_limits_a_standalone_search():
    bm25 = rr.BM25.from_texts(TEXTS, analyzer="simple")
    everything = bm25.search("w0 w1", k=200, scorer="bm25+")
    some = Bitmap.from_docs(len(TEXTS), everything.ids[::3])
    assert bm25.search("w0 w1", k=200, scorer="bm25+", allowed=some).ids.tolist() == (
        everything.ids[::3].tolist()
    )
    assert bm25.search("w0 w1", k=2, scorer="bm25+").ids.tolist() == everything.ids[:2].tolist()


@pytest.mark.parametrize(
    "make",
    [
        lambda: profile("okapi"),
        lambda: profile("bm25+", mu=1),
        lambda: profile("bm25+", delta=-1),
        lambda: profile("atire", b=2),
        lambda: profile("dirichlet", mu=0),
        lambda: rr.BM25.from_texts(["a"]).search("a", scorer=7),
        lambda: rr.BM25.from_texts(["a"]).search(rr.Term("a"), scorer="bm25+"),
    ],
)
def test_what_is_no_scorer_is_refused(make):
    with pytest.raises(rr.InvalidArgument):
        make()


def test_a_query_without_known_terms_finds_nothing():
    assert found(["a b"], "zzz", "tf-idf") == {}
    assert found([], "a", "tf-idf") == {}
