from pathlib import Path

import pytest

pytest.importorskip("haystack")

from haystack import Document
from haystack.dataclasses import ByteStream, SparseEmbedding
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy

import rank_retrieve as rr
from rank_retrieve.adapters.haystack import RankRetrieveDocumentStore

CATS = Document(id="c", content="A cat sat on the mat.", embedding=[1.0, 0.0], meta={"n": 1})
DOGS = Document(id="d", content="A dog ran.", embedding=[0.0, 1.0], meta={"n": 2})
BOTH = Document(id="b", content="Cats and dogs sleep.", embedding=[1.0, 1.0], meta={"n": 3})


def ids(documents: list[Document]) -> list[str]:
    return [document.id for document in documents]


def test_all_parts_of_a_document_come_back() -> None:
    document = Document(
        id="d",
        content="x",
        blob=ByteStream(b"\x00\xff", meta={"name": "f"}, mime_type="image/png"),
        sparse_embedding=SparseEmbedding(indices=[1, 9], values=[0.5, 0.25]),
        meta={"list": [1, "a"], "deep": {"date": "2020-01-01"}, "none": None},
        embedding=[0.5, 0.25],
    )
    store = RankRetrieveDocumentStore()
    store.write_documents([document])
    assert store.filter_documents() == [document]


def test_retrieval_by_words_by_embedding_and_by_both() -> None:
    store = RankRetrieveDocumentStore()
    assert store.bm25_retrieval("dogs") == []
    assert store.embedding_retrieval([1.0, 0.0]) == []
    assert store.hybrid_retrieval("dogs", [1.0, 0.0]) == []
    store.write_documents([CATS, DOGS, BOTH])
    found = store.bm25_retrieval("dogs")
    assert ids(found) == ["d", "b"]
    assert found[0].score is not None and found[0].embedding is None
    assert ids(store.embedding_retrieval([1.0, 0.1], top_k=2)) == ["c", "b"]
    hybrid = store.hybrid_retrieval("dogs", [0.1, 1.0])
    assert [(d.id, d.score) for d in hybrid] == [("d", 2 / 61), ("b", 2 / 62), ("c", 1 / 63)]
    convex = store.hybrid_retrieval("dogs", [0.1, 1.0], top_k=1, fusion="convex")
    assert convex[0].score == 1.0
    assert store.bm25_retrieval("dogs", top_k=0) == []
    recent = {"field": "meta.n", "operator": ">", "value": 2}
    assert ids(store.bm25_retrieval("dogs", recent)) == ["b"]
    with pytest.raises(rr.DimensionMismatch):
        store.embedding_retrieval([1.0])
    with pytest.raises(rr.InvalidArgument, match="fusion"):
        store.hybrid_retrieval("dogs", [0.1, 1.0], fusion="mean")


def test_documents_without_embeddings_are_found_by_words() -> None:
    store = RankRetrieveDocumentStore()
    store.write_documents([Document(id="d", content="A dog ran.")])
    assert ids(store.hybrid_retrieval("dogs", [1.0])) == ["d"]
    assert store.embedding_retrieval([1.0]) == []
    with pytest.raises(rr.InvalidArgument, match="was made without vectors"):
        store.write_documents([CATS])


def test_embeddings_are_returned_when_asked_for() -> None:
    store = RankRetrieveDocumentStore(return_embedding=True)
    store.write_documents([CATS])
    assert store.bm25_retrieval("cats")[0].embedding == [1.0, 0.0]


def test_policies_hold_within_one_call_too() -> None:
    store = RankRetrieveDocumentStore()
    other = Document(id="c", content="Another cat.", embedding=[1.0, 0.0])
    with pytest.raises(DuplicateDocumentError, match="'c' is there already, and nothing was"):
        store.write_documents([CATS, DOGS, other])
    assert store.count_documents() == 0
    assert store.write_documents([CATS, other, DOGS], DuplicatePolicy.SKIP) == 2
    assert store.filter_documents()[0].content == CATS.content
    assert store.write_documents([CATS, other], DuplicatePolicy.OVERWRITE) == 2
    assert [d.content for d in store.filter_documents()] == [DOGS.content, "Another cat."]


def test_updated_dates_are_found_by_their_new_value() -> None:
    store = RankRetrieveDocumentStore()
    store.write_documents([Document(id="d", content="x", meta={"when": "2020-01-01", "n": 1})])
    everything = {"field": "meta.n", "operator": "==", "value": 1}
    assert store.update_by_filter(everything, {"when": "2022-02-02"}) == 1
    after = {"field": "meta.when", "operator": ">", "value": "2021-01-01"}
    assert [d.meta for d in store.filter_documents(after)] == [{"when": "2022-02-02", "n": 1}]
    assert store.update_by_filter(everything, {"when": None}) == 1
    assert store.filter_documents(after) == []


def test_facts_about_nested_fields_and_mixtures() -> None:
    store = RankRetrieveDocumentStore()
    store.write_documents(
        [
            Document(id="1", content="x", meta={"a": {"b": 2}, "mixed": 1, "tags": ["x", "y"]}),
            Document(id="2", content="x", meta={"a": {"b": 1}, "mixed": "one", "tags": ["x", "y"]}),
            Document(id="3", content="x", meta={"mixed": None, "word": "w", "flag": True}),
        ]
    )
    assert store.get_metadata_field_min_max("meta.a.b") == {"min": 1, "max": 2}
    assert store.get_metadata_field_min_max("mixed") == {"min": None, "max": None}
    assert store.get_metadata_field_min_max("word") == {"min": "w", "max": "w"}
    assert store.get_metadata_field_unique_values("tags") == ([["x", "y"]], 1)
    assert store.get_metadata_field_unique_values("a") == ([{"b": 1}, {"b": 2}], 2)
    assert store.get_metadata_fields_info() == {
        "a": {"type": "keyword"},
        "mixed": {"type": "keyword"},
        "tags": {"type": "keyword"},
        "word": {"type": "keyword"},
        "flag": {"type": "boolean"},
    }


def test_recreating_forgets_the_dimension() -> None:
    store = RankRetrieveDocumentStore()
    store.write_documents([CATS])
    store.delete_all_documents()
    with pytest.raises(rr.DimensionMismatch):
        store.write_documents([Document(content="x", embedding=[1.0])])
    store.delete_all_documents(recreate_index=True)
    assert store.collection is None
    store.write_documents([Document(content="x", embedding=[1.0])])


def test_a_store_comes_back_from_its_dict_with_its_documents(tmp_path: Path) -> None:
    options = rr.HNSWOptions(m=8)
    store = RankRetrieveDocumentStore(
        tmp_path / "db",
        collection_name="c",
        embedding_dim=2,
        metric="dot",
        index=options,
        analyzer="german",
        return_embedding=True,
    )
    store.write_documents([CATS])
    data = store.to_dict()
    assert data == {
        "type": "rank_retrieve.adapters.haystack.document_store.RankRetrieveDocumentStore",
        "init_parameters": {
            "path": str(tmp_path / "db"),
            "collection_name": "c",
            "embedding_dim": 2,
            "metric": "dot",
            "index": {
                "kind": "hnsw", "m": 8, "ef_construction": 200, "ef_search": 64, "seed": 0,
            },
            "analyzer": "german",
            "return_embedding": True,
        },
    }  # fmt: skip
    again = RankRetrieveDocumentStore.from_dict(data)
    assert again.filter_documents() == [CATS]
    assert again.to_dict() == data
    store.close()
    again.close()
    store = RankRetrieveDocumentStore.from_dict(data)
    assert store.collection is not None
    assert store.collection.schema.vectors["embedding"] == rr.Vector(2, "dot", options)
    store.close()


def test_a_store_over_an_open_database_is_described_by_its_path(tmp_path: Path) -> None:
    with rr.open(tmp_path / "db") as db:
        store = RankRetrieveDocumentStore(db)
        store.write_documents([CATS])
        again = RankRetrieveDocumentStore.from_dict(store.to_dict())
        assert again.database is db and again.count_documents() == 1
        store.close()
        again.close()
        assert not db.closed
