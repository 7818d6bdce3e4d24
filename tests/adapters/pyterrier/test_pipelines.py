from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pyterrier")

import pandas as pd
import pyterrier as pt
from ir_measures import RR, R

import rank_retrieve as rr
from rank_retrieve.adapters.pyterrier import RankRetrieveIndex, RankRetrieveRetriever

DOCUMENTS: list[dict[str, Any]] = [
    {"docno": "c", "text": "A cat sat on the mat.", "doc_vec": [1.0, 0.0], "year": 2020},
    {"docno": "d", "text": "A dog ran.", "doc_vec": [0.0, 1.0], "year": 2021},
    {
        "docno": "b",
        "text": "Cats and dogs sleep all day.",
        "doc_vec": [1.0, 1.0],
        "year": 2022,
    },
]
TOPICS = pd.DataFrame([["q1", "cats"], ["q2", "dogs"], ["q3", "cows"]], columns=["qid", "query"])


@pytest.fixture
def index() -> RankRetrieveIndex:
    return RankRetrieveIndex().index(DOCUMENTS)


def ranking(frame: pd.DataFrame) -> list[tuple[str, str, int]]:
    return list(zip(frame["qid"], frame["docno"], frame["rank"], strict=True))


def test_a_retriever_emits_query_document_score_and_rank(index: RankRetrieveIndex) -> None:
    found = index.bm25()(TOPICS)
    assert list(found.columns) == ["qid", "query", "docno", "score", "rank"]
    assert ranking(found) == [("q1", "c", 0), ("q1", "b", 1), ("q2", "d", 0), ("q2", "b", 1)]
    assert index.collection is not None
    hits = index.collection.search("cats", mode="lexical")
    assert found["score"].tolist()[:2] == hits.scores.tolist()
    assert [found[c].dtype.kind for c in ("score", "rank")] == ["f", "i"]


def test_frames_and_lists_of_dicts_go_in_and_out(index: RankRetrieveIndex) -> None:
    found = index.bm25()([{"qid": "1", "query": "dogs"}])
    assert [(row["docno"], row["rank"]) for row in found] == [("d", 0), ("b", 1)]
    empty = index.bm25()(TOPICS[:0])
    assert len(empty) == 0
    assert list(empty.columns) == ["qid", "query", "docno", "score", "rank"]


@pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame:DeprecationWarning")
def test_cut_offs_unions_and_sums_work_in_pipelines(index: RankRetrieveIndex) -> None:
    bm25 = index.bm25()
    assert ranking((bm25 % 1)(TOPICS)) == [("q1", "c", 0), ("q2", "d", 0)]
    doubled = (bm25 + bm25).search("dogs")
    assert doubled["score"].tolist() == (bm25.search("dogs")["score"] * 2).tolist()
    expanded = bm25 >> pt.apply.query(lambda row: row["query"] + " mat") >> bm25
    assert ranking(expanded.search("cats", qid="1")) == [("1", "c", 0), ("1", "b", 1)]
    assert sorted((bm25 | index.bm25(num_results=1)).search("cats")["docno"]) == ["b", "c"]


def test_a_cut_off_is_pushed_into_the_search_when_compiled(index: RankRetrieveIndex) -> None:
    compiled = (index.bm25(fields=["text"]) % 1).compile()
    assert isinstance(compiled, RankRetrieveRetriever)
    assert (compiled.num_results, compiled.fields) == (1, ("text",))
    assert ranking(compiled(TOPICS)) == [("q1", "c", 0), ("q2", "d", 0)]
    shallow = index.bm25(num_results=2)
    assert (shallow % 5).compile() is shallow


def test_dense_and_hybrid_retrievers_take_query_vectors(index: RankRetrieveIndex) -> None:
    encode = pt.apply.query_vec(lambda row: np.array([0.1, 1.0]))
    dense = (encode >> index.dense()).search("cats")
    assert dense["docno"].tolist() == ["d", "b", "c"]
    assert (encode >> index.hybrid()).search("cats")["docno"].tolist() == ["c", "b", "d"]
    with pytest.raises(pt.validate.InputValidationError, match="query_vec"):
        index.dense()(TOPICS)


def test_fields_and_filters(index: RankRetrieveIndex) -> None:
    found = index.bm25(fields=["text", "year"], where={"year": {"$gt": 2020}})(TOPICS[:2])
    assert found[["docno", "text", "year"]].values.tolist() == [
        ["b", "Cats and dogs sleep all day.", 2022],
        ["d", "A dog ran.", 2021],
        ["b", "Cats and dogs sleep all day.", 2022],
    ]
    again = index.bm25(fields=["text"]) >> index.bm25()  # results go in as their queries
    assert ranking(again(TOPICS)) == ranking(index.bm25()(TOPICS))


def test_an_experiment_measures_the_retriever(index: RankRetrieveIndex) -> None:
    qrels = pd.DataFrame(
        [["q1", "c", 1], ["q2", "d", 1], ["q3", "d", 1]], columns=["qid", "docno", "label"]
    )
    table = pt.Experiment([index.bm25()], TOPICS, qrels, [RR, R @ 5], names=["BM25"])
    assert table.values.tolist() == [["BM25", 2 / 3, 2 / 3]]


def test_an_indexing_pipeline_ends_in_the_indexer(tmp_path: Path) -> None:
    index = RankRetrieveIndex(tmp_path / "db", text_fields=["title", "text"])
    pipeline = pt.apply.text(lambda row: row["text"].replace("dog", "puppy")) >> index.indexer(
        fields=["year"]
    )
    returned = pipeline.index([{**d, "title": "Pets", "drop": 1} for d in DOCUMENTS])
    assert returned is index and len(index) == 3
    assert pt.inspect.indexer_inputs(index.indexer()) == [
        ["docno", "title", "text"],
        ["docno", "title", "text", "doc_vec"],
    ]
    index.close()
    index = RankRetrieveIndex(tmp_path / "db")
    assert index.bm25().search("puppy puppys")["docno"].tolist() == ["d", "b"]
    assert set(index.bm25().search("pets")["docno"]) == {"b", "c", "d"}
    assert index.collection is not None
    stored = index.collection.get("d")
    assert stored is not None and set(stored) == {"id", "title", "text", "doc_vec", "year"}
    index.close()


def test_documents_without_a_docno_are_refused() -> None:
    with pytest.raises(rr.InvalidArgument, match="must have a docno, and no id"):
        RankRetrieveIndex().index([{"id": "c", "text": "A cat."}])


def test_a_native_collection_and_a_snapshot_are_retrieved_from() -> None:
    db = rr.open(":memory:")
    pets = db.create_collection("pets", {"text": rr.Text()})
    pets.put({"id": "c", "text": "A cat."})
    with pets.snapshot() as view:
        pets.delete("c")
        assert RankRetrieveRetriever(view).search("cats")["docno"].tolist() == ["c"]
    assert len(RankRetrieveRetriever(pets).search("cats")) == 0


def test_an_encoder_makes_the_vectors_of_queries() -> None:
    encoder = rr.CallableEncoder(lambda texts: [[len(t), 1.0] for t in texts], 2, "lengths")
    db = rr.open(":memory:")
    pets = db.create_collection("pets", {"text": rr.Text()}, encoder=encoder)
    pets.put_many([{"id": "long", "text": "A cat sat on the mat."}, {"id": "short", "text": "A"}])
    found = RankRetrieveRetriever(pets, mode="dense").search("B")
    assert found["docno"].tolist() == ["short", "long"]
