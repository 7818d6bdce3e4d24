"""Query objects over `rr.BM25`."""

from __future__ import annotations

from pathlib import Path

import pytest

import rank_retrieve as rr
from rank_retrieve.errors import DeadlineExceeded
from rank_retrieve.types import Bitmap

TEXTS = ["the quick brown fox", "a quick fox, and brown", "brown dog", "fox"]


def test_query_objects_search_count_and_explain_by_id() -> None:
    bm25 = rr.BM25.from_texts(TEXTS, ids=["a", "b", "c", "d"], positions=True)
    query = rr.parse_query('"quick brown" OR dog')
    hits = bm25.search(query)
    assert hits.ids.tolist() == ["c", "a"]
    assert bm25.count(query) == 2
    assert bm25.explain(query, "a").value == hits.scores[1]
    assert hits[1].explain().adds_up()
    allowed = Bitmap.from_docs(4, [0, 1])
    assert bm25.search(query, allowed=allowed).ids.tolist() == ["a"]
    assert bm25.count(query, allowed=allowed) == 1
    with pytest.raises(rr.InvalidArgument, match="does not match"):
        bm25.explain(query, "d")
    with pytest.raises(rr.NotFound):
        bm25.explain(query, "z")


def test_the_only_field_is_called_text() -> None:
    bm25 = rr.BM25.from_texts(TEXTS)
    assert bm25.search(rr.parse_query("text:dog")).ids.tolist() == [2]
    with pytest.raises(rr.InvalidArgument, match=r"\['text'\]"):
        bm25.search(rr.parse_query("title:dog"))


def test_a_phrase_without_positions_is_refused_with_the_remedy() -> None:
    bm25 = rr.BM25.from_texts(TEXTS)
    with pytest.raises(rr.InvalidArgument, match=r"positions=True"):
        bm25.search(rr.Phrase("quick brown"))
    # one word is no phrase
    assert bm25.search(rr.Phrase("the dog")).ids.tolist() == [2]


def test_positions_are_saved_and_mapped(tmp_path: Path) -> None:
    made = rr.BM25.from_texts(TEXTS, positions=True)
    made.save(tmp_path / "saved")
    opened = rr.BM25.open(tmp_path / "saved")
    opened.verify()
    query = rr.Phrase("quick fox", slop=1)
    assert opened.search(query).ids.tolist() == made.search(query).ids.tolist() == [1, 0]
    rr.BM25.from_texts(TEXTS).save(tmp_path / "saved")
    with pytest.raises(rr.InvalidArgument):
        rr.BM25.open(tmp_path / "saved").search(query)


def test_positions_with_progress_are_the_same() -> None:
    texts = [f"w{i % 7} the w{i % 5} w{i % 3}" for i in range(9000)]
    told: list[int] = []
    chunked = rr.BM25.from_texts(texts, positions=True, progress=lambda done, _: told.append(done))
    whole = rr.BM25.from_texts(texts, positions=True)
    assert len(told) == 3
    for query in (rr.Phrase("w1 the w2"), rr.Phrase("w3 w2", slop=3)):
        assert chunked.search(query).scores.tolist() == whole.search(query).scores.tolist()


def test_stop_words_are_gaps_as_in_lucene() -> None:
    bm25 = rr.BM25.from_texts(
        ["state of the art", "state art", "state in an art", "state in art"], positions=True
    )
    assert bm25.search(rr.Phrase("state of the art")).ids.tolist() == [0, 2]
    assert bm25.search(rr.Phrase("state art")).ids.tolist() == [1]


def test_text_and_query_objects_go_together() -> None:
    bm25 = rr.BM25.from_texts(TEXTS, positions=True)
    queries = ["dog", rr.Query("fox"), rr.Phrase("brown fox"), rr.Match("fox")]
    many = bm25.search_many(queries, k=3, threads=2)
    assert [hits.ids.tolist() for hits in many] == [
        bm25.search(query, k=3).ids.tolist() for query in queries
    ]
    assert bm25.search("fox").scores.tolist() == bm25.search(rr.Match("fox")).scores.tolist()
    with pytest.raises(rr.InvalidArgument, match="sequence"):
        bm25.search_many(rr.Match("fox"))  # type: ignore[arg-type]
    with pytest.raises(DeadlineExceeded):
        bm25.search(rr.Match("fox"), timeout_s=1e-9)


def test_nothing_left_of_a_query_finds_nothing() -> None:
    bm25 = rr.BM25.from_texts(TEXTS)
    for query in (rr.Match("the"), rr.parse_query(""), rr.Phrase(""), rr.Boolean(must="the")):
        assert len(bm25.search(query)) == 0
        assert bm25.count(query) == 0
    assert bm25.count(rr.Boolean(must=["the", "fox"])) == 3
    assert len(rr.BM25.from_texts([]).search(rr.MatchAll())) == 0
