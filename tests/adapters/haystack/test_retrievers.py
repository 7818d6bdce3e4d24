from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("haystack")

from haystack import Document, Pipeline
from haystack.components.writers import DocumentWriter
from haystack.core.errors import DeserializationError
from haystack.document_stores.types import FilterPolicy

import rank_retrieve as rr
from rank_retrieve.adapters.haystack import (
    RankRetrieveBM25Retriever,
    RankRetrieveDocumentStore,
    RankRetrieveEmbeddingRetriever,
    RankRetrieveHybridRetriever,
)

DOCUMENTS = [
    Document(id="c", content="A cat sat on the mat.", embedding=[1.0, 0.0], meta={"n": 1}),
    Document(id="d", content="A dog ran.", embedding=[0.0, 1.0], meta={"n": 2}),
    Document(id="b", content="Cats and dogs sleep.", embedding=[1.0, 1.0], meta={"n": 3}),
]
ONE = {"field": "meta.n", "operator": ">", "value": 1}
TWO = {"field": "meta.n", "operator": "<", "value": 3}

RETRIEVERS: list[tuple[Any, dict[str, Any], list[str]]] = [
    (RankRetrieveBM25Retriever, {"query": "dogs"}, ["d", "b"]),
    (RankRetrieveEmbeddingRetriever, {"query_embedding": [0.1, 1.0]}, ["d", "b", "c"]),
    (
        RankRetrieveHybridRetriever,
        {"query": "dogs", "query_embedding": [0.1, 1.0]},
        ["d", "b", "c"],
    ),
]


@pytest.fixture
def store() -> RankRetrieveDocumentStore:
    store = RankRetrieveDocumentStore()
    store.write_documents(DOCUMENTS)
    return store


def ids(result: dict[str, list[Document]]) -> list[str]:
    return [document.id for document in result["documents"]]


@pytest.mark.asyncio
@pytest.mark.parametrize(("component", "query", "expected"), RETRIEVERS)
async def test_each_retriever_runs_both_ways(
    store: RankRetrieveDocumentStore, component: Any, query: dict[str, Any], expected: list[str]
) -> None:
    retriever = component(store)
    assert ids(retriever.run(**query)) == expected
    assert ids(await retriever.run_async(**query)) == expected
    assert ids(retriever.run(**query, top_k=1)) == expected[:1]
    assert ids(component(store, top_k=1).run(**query)) == expected[:1]
    assert ids(retriever.run(**query, filters=ONE)) == ["d", "b"]


@pytest.mark.parametrize(("component", "query", "expected"), RETRIEVERS)
def test_filters_of_a_run_replace_or_join_those_of_the_retriever(
    store: RankRetrieveDocumentStore, component: Any, query: dict[str, Any], expected: list[str]
) -> None:
    replacing = component(store, filters=ONE)
    assert ids(replacing.run(**query)) == ["d", "b"]
    assert ids(replacing.run(**query, filters=TWO)) == [i for i in expected if i != "b"]
    merging = component(store, filters=ONE, filter_policy=FilterPolicy.MERGE)
    other = {"field": "id", "operator": "!=", "value": "b"}
    assert ids(merging.run(**query, filters=other)) == ["d"]


@pytest.mark.parametrize(("component", "query", "expected"), RETRIEVERS)
def test_a_retriever_comes_back_from_its_dict(
    tmp_path: Path, component: Any, query: dict[str, Any], expected: list[str]
) -> None:
    store = RankRetrieveDocumentStore(tmp_path / "db")
    store.write_documents(DOCUMENTS)
    retriever = component(store, filters=ONE, top_k=5, filter_policy="merge")
    data = retriever.to_dict()
    assert data["init_parameters"]["filter_policy"] == "merge"
    again = component.from_dict(data)
    assert again.to_dict() == data
    assert ids(again.run(**query)) == ["d", "b"]
    again.document_store.close()
    store.close()


def test_the_fusion_is_part_of_the_description(store: RankRetrieveDocumentStore) -> None:
    retriever = RankRetrieveHybridRetriever(store, fusion="convex", top_k=1)
    assert retriever.to_dict()["init_parameters"]["fusion"] == "convex"
    found = retriever.run(query="dogs", query_embedding=[0.1, 1.0])
    assert found["documents"][0].score == 1.0


def test_bad_settings_are_refused(store: RankRetrieveDocumentStore) -> None:
    with pytest.raises(rr.InvalidArgument, match="must be a RankRetrieveDocumentStore"):
        RankRetrieveBM25Retriever("store")  # type: ignore[arg-type]
    with pytest.raises(rr.InvalidArgument, match="top_k"):
        RankRetrieveBM25Retriever(store, top_k=0)
    with pytest.raises(ValueError, match="FilterPolicy"):
        RankRetrieveBM25Retriever(store, filter_policy="both")


@pytest.mark.asyncio
async def test_pipelines_index_are_dumped_loaded_and_query(tmp_path: Path) -> None:
    indexing = Pipeline()
    indexing.add_component("writer", DocumentWriter(RankRetrieveDocumentStore(tmp_path / "db")))
    assert indexing.run({"writer": {"documents": DOCUMENTS}})["writer"] == {"documents_written": 3}

    querying = Pipeline()
    store = RankRetrieveDocumentStore(tmp_path / "db")
    querying.add_component("retriever", RankRetrieveHybridRetriever(store, top_k=2))
    query = {"retriever": {"query": "dogs", "query_embedding": [0.1, 1.0]}}
    description = querying.dumps()
    with pytest.raises(DeserializationError, match="allowlist"):
        Pipeline.loads(description)
    loaded = Pipeline.loads(description, allowed_modules=["rank_retrieve.adapters.haystack"])
    assert ids(loaded.run(query)["retriever"]) == ["d", "b"]
    assert ids((await loaded.run_async(query))["retriever"]) == ["d", "b"]
