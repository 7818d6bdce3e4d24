"""The contract passes honest retrievers, and each broken promise fails the test that names it."""

import numpy as np
import pytest

from rank_retrieve.testing.retriever_contract import RetrieverContract, contract_queries
from rank_retrieve.types import Hits, Query
from tests.testing.toys import Dots, Words


class SavedWords(Words):
    def save(self, path):
        path.mkdir()
        lines = [f"{id_}\t{text}\n" for id_, text in zip(self.ids, self.documents, strict=True)]
        (path / "documents.tsv").write_text("".join(lines), encoding="utf-8")

    @classmethod
    def open(cls, path):
        lines = (path / "documents.tsv").read_text(encoding="utf-8").splitlines()
        rows = [line.split("\t") for line in lines]
        return cls([text for _, text in rows], [id_ for id_, _ in rows])


class TestWordsKeepTheContract(RetrieverContract):
    retriever_class = SavedWords

    def build(self, texts, vectors, ids):
        return self.retriever_class(texts, ids)

    def query(self, query):
        return query.text


class TestDotsKeepTheContract(RetrieverContract):
    def build(self, texts, vectors, ids):
        return Dots(vectors, ids)

    def query(self, query):
        return query.vector


class LaterTiesFirst(SavedWords):
    def search(self, query, k=10, *, allowed=None):
        hits = super().search(query, len(self) or 1, allowed=allowed)
        super().search(query, k)
        order = np.lexsort((-np.arange(len(hits)), -hits.scores))[:k]
        return Hits(hits.ids[order], hits.scores[order])


class WorstFirst(SavedWords):
    def search(self, query, k=10, *, allowed=None):
        hits = super().search(query, k, allowed=allowed)
        return Hits(hits.ids[::-1], hits.scores[::-1])


class FiltersAfterRanking(SavedWords):
    def search(self, query, k=10, *, allowed=None):
        hits = super().search(query, k)
        if allowed is None:
            return hits
        keep = np.array([self.position(id_) in allowed for id_ in hits.ids], dtype=bool)
        return Hits(hits.ids[keep], hits.scores[keep])


class IgnoresTheFilter(SavedWords):
    def search(self, query, k=10, *, allowed=None):
        return super().search(query, k)


class TakesZero(SavedWords):
    def search(self, query, k=10, *, allowed=None):
        hits = super().search(query, max(k, 1) if type(k) is int else k, allowed=allowed)
        return hits if k else Hits.empty()


class TakesAnyQuery(SavedWords):
    def search(self, query, k=10, *, allowed=None):
        kind = query if isinstance(query, str | Query) else "amber"
        return super().search(kind, k, allowed=allowed)


class CannotBeEmpty(SavedWords):
    def __init__(self, documents, ids=None):
        super().__init__(documents, ids)
        self.longest = max(map(len, self.documents))


class ForgetsTheLast(SavedWords):
    @classmethod
    def open(cls, path):
        whole = super().open(path)
        return cls(whole.documents[:-1], list(whole.ids[:-1]))


class ManyDiffers(SavedWords):
    def search_many(self, queries, k=10):
        return [self.search(query, k + 1) for query in queries]


class OneInTwenty(SavedWords):
    def search(self, query, k=10, *, allowed=None):
        return super().search(query, min(k, 20) if type(k) is int else k, allowed=allowed)


class HalfExplained(SavedWords):
    def search(self, query, k=10, *, allowed=None):
        hits = super().search(query, k, allowed=allowed)
        return Hits(hits.ids, hits.scores * 2, explain=hits._explanation)


class Drifts(SavedWords):
    calls = 0

    def search(self, query, k=10, *, allowed=None):
        hits = super().search(query, k, allowed=allowed)
        Drifts.calls += 1
        return Hits(hits.ids, hits.scores + Drifts.calls * 1e-9)


BROKEN = {
    LaterTiesFirst: "test_hits_are_best_first_and_ties_keep_the_order_of_insertion",
    WorstFirst: "test_hits_are_best_first_and_ties_keep_the_order_of_insertion",
    FiltersAfterRanking: "test_a_filter_lets_through_min_of_k_and_matches",
    IgnoresTheFilter: "test_a_filter_that_lets_nothing_through_gives_no_hits",
    TakesZero: "test_k_must_be_a_whole_number_of_at_least_one",
    TakesAnyQuery: "test_a_query_of_another_kind_is_refused",
    CannotBeEmpty: "test_an_empty_corpus_has_no_hits",
    ForgetsTheLast: "test_it_finds_the_same_after_saving_and_reopening",
    ManyDiffers: "test_search_many_gives_what_search_gives",
    OneInTwenty: "test_a_filter_lets_through_min_of_k_and_matches",
    HalfExplained: "test_every_explanation_adds_up_to_its_score",
    Drifts: "test_the_same_search_gives_the_same_hits",
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
def test_a_broken_promise_fails_the_test_that_names_it(broken, tmp_path):
    suite = TestWordsKeepTheContract()
    suite.retriever_class = broken
    test = getattr(suite, BROKEN[broken])
    arguments = {
        "test_k_must_be_a_whole_number_of_at_least_one": (0,),
        "test_a_query_of_another_kind_is_refused": (3,),
        "test_it_finds_the_same_after_saving_and_reopening": (tmp_path,),
    }.get(BROKEN[broken], ())
    # pytest.fail, which pytest.raises calls, is no Exception
    with pytest.raises((AssertionError, ValueError, pytest.fail.Exception)):
        test(*arguments)


def test_the_suite_must_be_told_how_to_build():
    with pytest.raises(NotImplementedError, match="override build"):
        RetrieverContract().test_an_empty_corpus_has_no_hits()


def test_every_query_of_the_contract_has_both_forms():
    for query in contract_queries():
        assert query.text
        assert query.vector.shape == (8,)
