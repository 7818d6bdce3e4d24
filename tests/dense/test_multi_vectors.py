import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.collection.batch import changes_of, decode_frame, encode_changes
from rank_retrieve.collection.record import Record, to_record
from rank_retrieve.collection.schema import Schema
from rank_retrieve.dense.elements import FLOAT16, FLOAT32
from rank_retrieve.dense.multi_vectors import (
    MAX_TOKENS,
    MultiColumn,
    MultiPart,
    MultiSearcher,
    as_tokens,
    merge_multi_vectors,
    write_multi_vectors,
)
from rank_retrieve.errors import CorruptionError, DimensionMismatch, InvalidArgument
from rank_retrieve.types import Bitmap, MemorySections


def column_of(rows, element=FLOAT32):
    sections = MemorySections()
    write_multi_vectors(sections, "f", rows, element)
    return MultiColumn.open(sections, "f", len(rows))


def drawn(rng, n, dim=20):
    return [
        None
        if rng.random() < 0.1
        else rng.standard_normal((int(rng.integers(1, 30)), dim)).astype("f2").astype("f4")
        for _ in range(n)
    ]


def max_sim(query, tokens, metric):
    q, t = query.astype(np.float64), tokens.astype(np.float64)
    if metric == "cosine":
        q = q / np.linalg.norm(q, axis=1, keepdims=True)
        t = t / np.linalg.norm(t, axis=1, keepdims=True)
    return float((q @ t.T).max(axis=1).sum())


def test_a_score_worked_by_hand():
    rows = [
        np.array([[1.0, 0.0], [0.0, 2.0]], np.float32),
        None,
        np.array([[3.0, 1.0]], np.float32),
    ]
    searcher = MultiSearcher([MultiPart(column_of(rows), 10, None, 3)], "dot", 2)
    # 0: max(1, 0) + max(0, 4) + max(-1, 2) = 7; 2: 3 + 2 - 2 = 3
    ranked = searcher.search([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0]], 5)
    assert (ranked.docs.tolist(), ranked.scores.tolist()) == ([10, 12], [7.0, 3.0])
    explanation = searcher.explain([[1.0, 0.0], [0.0, 2.0], [-1.0, 1.0]], 10)
    assert [child.value for child in explanation.children] == [1.0, 4.0, 2.0]
    assert explanation.adds_up()
    scores = searcher.scores([[1.0, 0.0]], np.array([12, 11, 10, 99]))
    assert np.array_equal(scores, [3.0, np.nan, 1.0, np.nan], equal_nan=True)
    with pytest.raises(InvalidArgument, match="no vectors"):
        searcher.explain([[1.0, 0.0]], 11)


@pytest.mark.parametrize("metric", ["cosine", "dot"])
@pytest.mark.parametrize("element", [FLOAT32, FLOAT16])
@pytest.mark.parametrize("n_queries", [1, 3, 4, 9])
def test_search_equals_numpy(metric, element, n_queries):
    rng = np.random.default_rng(n_queries)
    rows = drawn(rng, 120)
    live = Bitmap.from_mask(rng.random(120) < 0.8)
    allowed = Bitmap.from_mask(rng.random(120) < 0.7)
    searcher = MultiSearcher([MultiPart(column_of(rows, element), 5, live, 120)], metric, 20)
    query = rng.standard_normal((n_queries, 20)).astype(np.float32)
    expected = {
        i + 5: max_sim(query, tokens, metric)
        for i, tokens in enumerate(rows)
        if tokens is not None and i in live and i in allowed
    }
    ranked = searcher.search(query, 12, [allowed])
    order = sorted(expected, key=lambda doc: (-expected[doc], doc))[:12]
    assert ranked.docs.tolist() == order
    assert np.allclose(ranked.scores, [expected[doc] for doc in order], atol=1e-4)
    assert searcher.scores(query, ranked.docs).tolist() == ranked.scores.tolist()
    assert searcher.explain(query, order[0]).value == ranked.scores[0]


def test_a_merge_keeps_the_live_documents():
    rng = np.random.default_rng(9)
    rows = drawn(rng, 40, 6)
    column, live = column_of(rows), Bitmap.from_mask(rng.random(40) < 0.5)
    sections = MemorySections()
    assert merge_multi_vectors(
        sections, "f", [(column, live, 40), (None, None, 3), (column, None, 40)]
    )
    merged = MultiColumn.open(sections, "f", len(live) + 43)
    expected = [*(rows[doc] for doc in live.to_docs().tolist()), None, None, None, *rows]
    for doc, tokens in enumerate(expected):
        found = merged.of(doc)
        assert (found is None) == (tokens is None)
        assert found is None or np.array_equal(found, tokens)
    assert not merge_multi_vectors(
        MemorySections(), "f", [(None, None, 3), (column, Bitmap(40), 40)]
    )


@pytest.mark.parametrize("starts", [[0, 1], [1, 2, 3], [0, 2, 1, 3], [0, 1, 2, 2]])
def test_starts_that_do_not_fit_are_corruption(starts):
    sections = MemorySections()
    write_multi_vectors(sections, "f", [np.ones((1, 2), np.float32)] * 3, FLOAT32)
    sections.buffers["vectors.f.starts"] = memoryview(np.array(starts, "<i8")).cast("B")
    with pytest.raises(CorruptionError):
        MultiColumn.open(sections, "f", 3)


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (np.empty((0, 3)), InvalidArgument),
        (np.ones(3), InvalidArgument),
        (np.ones((2, 4)), DimensionMismatch),
        (np.ones((MAX_TOKENS + 1, 3)), InvalidArgument),
        ([[1.0, np.nan, 0.0]], InvalidArgument),
        ([[0.0, 0.0, 0.0]], InvalidArgument),
        ([["a", "b", "c"]], InvalidArgument),
    ],
)
def test_tokens_that_do_not_fit_are_refused(value, error):
    with pytest.raises(error):
        as_tokens(value, 3, "cosine", "f", "float32")


@pytest.mark.parametrize("arguments", [{"dim": 0}, {"metric": "euclidean"}, {"dtype": "int8"}])
def test_fields_that_there_are_not_are_refused(arguments):
    with pytest.raises(InvalidArgument):
        rr.MultiVector(**{"dim": 3, **arguments})


def test_tokens_come_back_from_the_log_as_they_were_put():
    schema = Schema({"one": rr.Vector(3), "tokens": rr.MultiVector(3)})
    tokens = np.arange(1, 13, dtype=np.float32).reshape(4, 3)
    changes = {
        "a": to_record(schema, {"id": "a", "tokens": tokens, "one": tokens[0]}),
        "b": to_record(schema, {"id": "b", "tokens": tokens[:1]}),
    }
    back = changes_of(decode_frame(encode_changes(1, changes), "wal", 0), schema, "wal", 0)
    assert np.array_equal(back["a"].vectors["tokens"], tokens)
    assert np.array_equal(back["a"].vectors["one"], tokens[0])
    assert back["b"].vectors["tokens"].shape == (1, 3)


@pytest.mark.parametrize(
    ("field", "numbers"), [("one", 6), ("one", 2), ("tokens", 4), ("tokens", 0), ("other", 3)]
)
def test_numbers_in_the_log_that_do_not_fit_the_schema_are_corruption(field, numbers):
    schema = Schema({"one": rr.Vector(3), "tokens": rr.MultiVector(3)})
    record = Record("a", b"\x80", {field: np.ones(numbers, np.float32)})
    frame = decode_frame(encode_changes(1, {"a": record}), "wal", 0)
    with pytest.raises(CorruptionError):
        changes_of(frame, schema, "wal", 0)


def test_a_collection_keeps_tokens_through_log_flush_merge_and_reopening(tmp_path):
    rng = np.random.default_rng(10)
    rows = drawn(rng, 60, 8)
    db = rr.open(tmp_path)
    fields = {"text": rr.Text(), "one": rr.Vector(8), "tokens": rr.MultiVector(8, dtype="float16")}
    papers = db.create_collection("papers", fields)
    papers.put_many(
        {"id": f"d{i}", "text": "word", **({} if row is None else {"tokens": row, "one": row[0]})}
        for i, row in enumerate(rows)
    )
    query = rng.standard_normal((3, 8))
    asked = {"vector": query, "field": "tokens", "k": 5}

    def found():
        hits = papers.search(**asked)
        return hits.ids.tolist(), hits.scores.tolist()

    before = found()
    db.close()
    db = rr.open(tmp_path)  # replays the log
    papers = db.get_collection("papers")
    assert found() == before
    papers.flush()
    assert found() == before
    gone = before[0].pop(0)
    before[1].pop(0)
    papers.delete(gone)
    papers.put({"id": "new", "text": "other"})
    papers.compact()
    ids, scores = found()
    assert (ids[:4], scores[:4]) == before
    assert not db.verify().problems
    kept = int(ids[0][1:])
    assert np.array_equal(papers.get(ids[0])["tokens"], rows[kept])
    hits = papers.search("word", vector={"tokens": query, "one": query[0]}, k=3, complete=True)
    assert [leg["leg"] for leg in hits.plan["legs"]] == ["lexical", "dense:tokens", "dense:one"]
    assert hits[0].explain().adds_up()
    assert "tokens" not in papers.search(**asked, with_vectors=False)[0].document
    db.close()
