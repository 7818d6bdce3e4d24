"""Queries for many terms: which terms, how many at most, and for how long."""

from __future__ import annotations

from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.errors import DeadlineExceeded, ResourceExhausted
from rank_retrieve.lexical.queries import PreparedQuery
from rank_retrieve.lexical.queries.prefix import following
from rank_retrieve.lexical.queries.scope import Deadline
from tests.lexical.queries.indexes import build


def found(query: rr.LexicalQuery, *texts: str) -> list[int]:
    bm25 = rr.BM25.from_texts(texts, analyzer="english")
    return sorted(bm25.search(query, k=100).ids.tolist())


def test_patterns_are_lower_cased_but_not_stemmed() -> None:
    texts = ("Running shoes", "She runs", "Runway models", "Cats")
    assert found(rr.Prefix("RUN"), *texts) == [0, 1, 2]
    # both "running" and "runs" are stored as "run"
    assert found(rr.Prefix("runn"), *texts) == []
    assert found(rr.Wildcard("R?N*"), *texts) == [0, 1, 2]
    assert found(rr.Regex("RUN|CAT"), *texts) == [0, 1, 3]
    assert found(rr.TermRange("Run", "RUNWAY"), *texts) == [0, 1, 2]
    assert found(rr.TermRange("run", "runway", include_lower=False), *texts) == [2]


def test_a_fuzzy_word_is_analysed_before_it_is_compared() -> None:
    assert found(rr.Fuzzy("retreival", edits=1), "retrieval", "retrieving", "cat") == [0, 1]
    assert found(rr.Fuzzy("the"), "the", "then") == []
    with pytest.raises(rr.InvalidArgument, match="not one word but 2"):
        found(rr.Fuzzy("two words"), "two words")


def test_only_the_nearest_terms_are_looked_for() -> None:
    texts = ("bat", "cat", "hat", "cart", "chart")
    assert found(rr.Fuzzy("cat", edits=2), *texts) == [0, 1, 2, 3, 4]
    assert found(rr.Fuzzy("cat", edits=2, max_expansions=1), *texts) == [1]
    # of one edit, the first in order: bat, cart, hat
    assert found(rr.Fuzzy("cat", edits=2, max_expansions=3), *texts) == [0, 1, 3]
    assert found(rr.Fuzzy("cat", edits=2, prefix_length=1), *texts) == [1, 3, 4]


def test_the_nearest_terms_of_all_parts_are_chosen_together() -> None:
    parts: list[list[Any]] = [[{"text": ["wa"]}, {"text": ["wc"]}], [{"text": ["wb"]}]]
    group = build(parts, [[True, True], [True]], positions=False)[0]
    found = PreparedQuery([group], rr.Fuzzy("wx", edits=1, max_expansions=2)).search(5)
    assert found.docs.tolist() == [0, 2]


def test_too_many_terms_are_refused_with_a_remedy() -> None:
    texts = [f"word{i}x" for i in range(40)]
    bm25 = rr.BM25.from_texts(texts, analyzer="simple")
    assert bm25.count(rr.Prefix("word", max_expansions=40)) == 40
    for query in (
        rr.Prefix("word", max_expansions=39),
        rr.Wildcard("*x", max_expansions=39),
        rr.Regex("word.*", max_expansions=39),
        rr.TermRange("w", None, max_expansions=39),
    ):
        with pytest.raises(ResourceExhausted, match="more than 39 terms") as raised:
            bm25.search(query)
        assert "max_expansions" in str(raised.value)


def test_terms_of_deleted_documents_do_not_count() -> None:
    parts: list[list[Any]] = [[{"text": ["wa"]}, {"text": ["wb"]}], [{"text": ["wc"]}]]
    group = build(parts, [[True, False], [True]], positions=False)[0]
    prepared = PreparedQuery([group], rr.Prefix("w", max_expansions=2))
    assert prepared.search(5).docs.tolist() == [0, 2]
    nearest = PreparedQuery([group], rr.Fuzzy("wx", edits=1, max_expansions=2)).search(5)
    assert nearest.docs.tolist() == [0, 2]
    group = build(parts, [[True, True], [True]], positions=False)[0]
    with pytest.raises(ResourceExhausted):
        PreparedQuery([group], rr.Prefix("w", max_expansions=2))


def test_what_follows_all_strings_with_a_prefix() -> None:
    assert following(b"ab") == b"ac"
    assert following(b"a\xff\xff") == b"b"
    assert following(b"\xff") is None


def test_the_clock_is_looked_at_again_and_again() -> None:
    ticks = iter([0.0, 0.4, 0.9, 1.1])
    deadline = Deadline(1.0, lambda: next(ticks))
    deadline.check()
    deadline.check()
    with pytest.raises(DeadlineExceeded, match="1 s"):
        deadline.check()
    deadline.lift()
    deadline.check()


@pytest.mark.parametrize("timeout_s", [0, -1.0, float("nan"), float("inf"), True, "1"])
def test_a_deadline_is_a_positive_number_of_seconds(timeout_s: Any) -> None:
    with pytest.raises(rr.InvalidArgument, match="timeout_s"):
        Deadline(timeout_s)


def test_expanding_terms_is_under_the_deadline() -> None:
    bm25 = rr.BM25.from_texts([f"w{i}" for i in range(3000)], analyzer="simple")
    with pytest.raises(DeadlineExceeded):
        bm25.search(rr.Prefix("w"), timeout_s=1e-9)
    assert issubclass(DeadlineExceeded, TimeoutError)
