"""LlamaIndex ships no suite for vector stores: every method, mode and operator, by hand.

The first part follows, question by question, what its repository asks of its own in-memory store.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("llama_index.core")

from llama_index.core import Document, MockEmbedding, StorageContext, VectorStoreIndex
from llama_index.core.schema import (
    BaseNode,
    ImageNode,
    IndexNode,
    MediaResource,
    Node,
    NodeRelationship,
    RelatedNodeInfo,
    TextNode,
)
from llama_index.core.vector_stores.types import (
    FilterCondition,
    FilterOperator,
    MetadataFilter,
    MetadataFilters,
    VectorStoreQuery,
    VectorStoreQueryMode,
)

import rank_retrieve as rr
from rank_retrieve.adapters.llama_index import RankRetrieveVectorStore


def node(name: str, text: str, embedding: list[float], source: str, **metadata: Any) -> TextNode:
    return TextNode(
        id_=name,
        text=text,
        embedding=embedding,
        metadata=metadata,
        relationships={NodeRelationship.SOURCE: RelatedNodeInfo(node_id=source)},
    )


NODES = [
    node("a1", "A cat sat on the mat.", [1.0, 0.0], "first",
         weight=1.0, rank="a", quality=["medium", "high"], code="6FTR.Yun"),
    node("c2", "A dog ran.", [0.0, 1.0], "second",
         weight=2.0, rank="c", quality=["medium"], code="6FTR.Ygl"),
    node("c3", "Cats and dogs sleep.", [1.0, 1.0], "third",
         weight=3.0, rank="c", quality=["low", "medium", "high"], code="6FTRxZtl"),
]  # fmt: skip


@pytest.fixture(params=["memory", "disk"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RankRetrieveVectorStore]:
    place = ":memory:" if request.param == "memory" else tmp_path / "db"
    store = RankRetrieveVectorStore(place)
    assert store.add(NODES) == ["a1", "c2", "c3"]
    yield store
    store.close()


def ids(store: RankRetrieveVectorStore, k: int = 3, **query: Any) -> list[str]:
    result = store.query(VectorStoreQuery(query_embedding=[1.0, 1.0], similarity_top_k=k, **query))
    assert result.ids is not None and result.nodes is not None and result.similarities is not None
    assert [n.node_id for n in result.nodes] == result.ids
    assert result.similarities == sorted(result.similarities, reverse=True)
    return result.ids


def having(key: str, operator: str, value: Any) -> MetadataFilters:
    return MetadataFilters(
        filters=[MetadataFilter(key=key, operator=FilterOperator(operator), value=value)]
    )


def both(*filters: Any, condition: str = "and") -> MetadataFilters:
    return MetadataFilters(filters=list(filters), condition=FilterCondition(condition))


def one(key: str, value: Any, operator: str = "==") -> MetadataFilter:
    return MetadataFilter(key=key, value=value, operator=FilterOperator(operator))


def test_a_query_returns_every_row_by_similarity(store: RankRetrieveVectorStore) -> None:
    assert ids(store) == ["c3", "a1", "c2"]
    assert ids(store, 1) == ["c3"]
    result = store.query(VectorStoreQuery(query_embedding=[1.0, 0.0], similarity_top_k=1))
    assert result.similarities == [1.0]


@pytest.mark.parametrize(
    ("key", "operator", "value", "expected"),
    [
        ("rank", "==", "c", ["c3", "c2"]),
        ("weight", "==", 1.0, ["a1"]),
        ("weight", "==", 1, ["a1"]),
        ("unknown", "==", "c", []),
        ("weight", "!=", 1.0, ["c3", "c2"]),
        ("unknown", "!=", 1.0, ["c3", "a1", "c2"]),
        ("weight", ">", 1.5, ["c3", "c2"]),
        ("weight", ">=", 1.0, ["c3", "a1", "c2"]),
        ("weight", "<", 1.1, ["a1"]),
        ("weight", "<=", 1.0, ["a1"]),
        ("rank", "in", ["a", "c"], ["c3", "a1", "c2"]),
        ("rank", "nin", ["c"], ["a1"]),
        ("quality", "contains", "high", ["c3", "a1"]),
        ("quality", "any", ["high", "low"], ["c3", "a1"]),
        ("quality", "all", ["medium", "high"], ["c3", "a1"]),
        ("code", "text_match", "6FTR.Y", ["a1", "c2"]),
        ("code", "text_match", "ftr.y", []),
        ("code", "text_match_insensitive", "ftr.y", ["a1", "c2"]),
        ("unknown", "is_empty", None, ["c3", "a1", "c2"]),
        ("rank", "is_empty", None, []),
        ("ref_doc_id", "==", "second", ["c2"]),
        ("doc_id", "in", ["second", "third"], ["c3", "c2"]),
    ],
)
def test_every_operator_of_the_framework_filters(
    store: RankRetrieveVectorStore, key: str, operator: str, value: Any, expected: list[str]
) -> None:
    assert ids(store, filters=having(key, operator, value)) == expected


def test_all_operators_and_conditions_are_known() -> None:
    from rank_retrieve.adapters.llama_index.filters import _CONDITIONS, _OPERATORS

    assert set(_OPERATORS) == set(FilterOperator)
    assert set(_CONDITIONS) == set(FilterCondition)


def test_conditions_combine_filters_and_nest(store: RankRetrieveVectorStore) -> None:
    rank_c, light = one("rank", "c"), one("weight", 1.0)
    assert ids(store, filters=both(rank_c, light)) == []
    assert ids(store, filters=both(rank_c, light, condition="or")) == ["c3", "a1", "c2"]
    assert ids(store, filters=both(one("rank", "a"), condition="not")) == ["c3", "c2"]
    assert ids(store, filters=both(rank_c, light, condition="not")) == []
    heavy = both(rank_c, one("weight", 2.5, ">"))
    assert ids(store, filters=both(light, heavy, condition="or")) == ["c3", "a1"]
    assert ids(store, filters=both(both(light, heavy, condition="or"), condition="not")) == ["c2"]
    assert ids(store, filters=MetadataFilters(filters=[])) == ["c3", "a1", "c2"]


def test_queries_can_be_limited_to_nodes_and_documents(store: RankRetrieveVectorStore) -> None:
    assert ids(store, node_ids=["c3", "none"], filters=having("rank", "==", "c")) == ["c3"]
    assert ids(store, doc_ids=["first", "second"]) == ["a1", "c2"]
    assert ids(store, node_ids=[], doc_ids=[]) == ["c3", "a1", "c2"]  # as the framework sends them


def test_empty_and_null_metadata_is_empty(store: RankRetrieveVectorStore) -> None:
    store.clear()
    store.add(
        [
            node("none", "x", [1.0, 3.0], "s", tags=None),
            node("list", "x", [1.0, 2.0], "s", tags=[]),
            node("text", "x", [1.0, 1.5], "s", tags=""),
            node("full", "x", [1.0, 1.0], "s", tags=["t"]),
        ]
    )
    assert ids(store, 9, filters=having("tags", "is_empty", None)) == ["text", "list", "none"]


# ------------------------------------------------------------------ modes


def test_sparse_modes_find_words(store: RankRetrieveVectorStore) -> None:
    for mode in (VectorStoreQueryMode.SPARSE, VectorStoreQueryMode.TEXT_SEARCH):
        query = VectorStoreQuery(query_str="dogs", similarity_top_k=3, mode=mode)
        result = store.query(query)
        assert result.ids == ["c2", "c3"]  # the shorter text first
        query = VectorStoreQuery(query_str="dogs", sparse_top_k=1, similarity_top_k=3, mode=mode)
        assert store.query(query).ids == ["c2"]


def test_hybrid_joins_words_and_embedding(store: RankRetrieveVectorStore) -> None:
    query = VectorStoreQuery(
        query_embedding=[1.0, 0.0],
        query_str="dogs",
        similarity_top_k=3,
        mode=VectorStoreQueryMode.HYBRID,
    )
    result = store.query(query)
    # ranks by words c2 c3, by embedding a1 c3 c2
    assert result.ids == ["c2", "c3", "a1"]
    assert result.similarities == [1 / 61 + 1 / 63, 1 / 62 + 1 / 62, 1 / 61]
    query.hybrid_top_k = 1
    assert store.query(query).ids == ["c2"]


def test_alpha_leans_to_words_or_to_the_embedding(store: RankRetrieveVectorStore) -> None:
    def found(alpha: float) -> list[str] | None:
        return store.query(
            VectorStoreQuery(
                query_embedding=[1.0, 0.0],
                query_str="dogs",
                similarity_top_k=1,
                alpha=alpha,
                mode=VectorStoreQueryMode.HYBRID,
            )
        ).ids

    assert found(0.0) == ["c2"]
    assert found(1.0) == ["a1"]
    with pytest.raises(rr.InvalidArgument, match="alpha"):
        found(1.5)


def test_mmr_picks_results_unlike_each_other(store: RankRetrieveVectorStore) -> None:
    store.add([node("c4", "Cats and dogs nap.", [1.0, 1.1], "third")])
    query = VectorStoreQuery(
        query_embedding=[1.0, 0.9],
        similarity_top_k=2,
        mode=VectorStoreQueryMode.MMR,
        mmr_threshold=0.1,
    )
    assert store.query(query).ids == ["c3", "a1"]
    query.mmr_threshold = 1.0
    assert store.query(query).ids == ["c3", "c4"]
    assert store.query(query, mmr_threshold=0.1).ids == ["c3", "a1"]


def test_modes_that_need_a_learner_or_a_service_are_refused_by_name(
    store: RankRetrieveVectorStore,
) -> None:
    for mode in ("svm", "logistic_regression", "linear_regression", "semantic_hybrid"):
        with pytest.raises(rr.InvalidArgument, match="default, sparse, text_search, hybrid, mmr"):
            ids(store, mode=VectorStoreQueryMode(mode))


def test_a_query_without_what_its_mode_needs_is_refused(store: RankRetrieveVectorStore) -> None:
    with pytest.raises(rr.InvalidArgument, match="query_str: a query in mode 'sparse'"):
        ids(store, mode=VectorStoreQueryMode.SPARSE)
    with pytest.raises(rr.InvalidArgument, match="query_embedding: a query in mode 'default'"):
        store.query(VectorStoreQuery(query_str="dogs"))


# ------------------------------------------------------------------ nodes


def test_deleting_by_document_node_and_filter(store: RankRetrieveVectorStore) -> None:
    store.delete("second")
    store.delete("second")
    assert ids(store) == ["c3", "a1"]
    store.delete_nodes([])
    store.delete_nodes(["a1", "none"], filters=having("rank", "==", "c"))
    assert ids(store) == ["c3", "a1"]
    store.delete_nodes(["a1"])
    assert ids(store) == ["c3"]
    store.delete_nodes(filters=having("rank", "==", "c"))
    assert ids(store) == []
    with pytest.raises(rr.InvalidArgument, match=r"clear\(\)"):
        store.delete_nodes()


def test_clearing_leaves_a_store_that_works(store: RankRetrieveVectorStore) -> None:
    store.clear()
    assert ids(store) == [] and store.get_nodes() == []
    store.add(NODES[:1])
    assert ids(store) == ["a1"]


def test_nodes_come_back_as_they_were_added(store: RankRetrieveVectorStore) -> None:
    def plain(nodes: list[BaseNode]) -> list[dict[str, Any]]:
        return [{**n.to_dict(), "embedding": None} for n in nodes]

    assert plain(store.get_nodes()) == plain(list(NODES))
    assert plain(store.get_nodes(["c3", "a1"])) == plain([NODES[0], NODES[2]])
    assert [n.node_id for n in store.get_nodes(filters=having("rank", "==", "a"))] == ["a1"]
    found = store.query(VectorStoreQuery(query_embedding=[1.0, 0.0])).nodes
    assert found is not None and found[0].ref_doc_id == "first"


@pytest.mark.parametrize(
    "original",
    [
        IndexNode(id_="n", text="An index.", index_id="sub", metadata={"k": {"deep": [1]}}),
        ImageNode(id_="n", text="A picture.", image="aGVsbG8="),
        Node(id_="n", text_resource=MediaResource(text="Of many media.")),
        TextNode(id_="n", text="", excluded_llm_metadata_keys=["k"], start_char_idx=3),
    ],
    ids=lambda n: n.class_name(),
)
def test_every_kind_of_node_survives(store: RankRetrieveVectorStore, original: BaseNode) -> None:
    original.embedding = [1.0, 0.0]
    store.add([original])
    (found,) = store.get_nodes(["n"])
    assert type(found) is type(original)
    original.embedding = None
    assert found.to_dict() == original.to_dict()


def test_adding_a_node_again_replaces_it(store: RankRetrieveVectorStore) -> None:
    store.add([node("a1", "A new text.", [0.0, 1.0], "first", rank="z")])
    (found,) = store.get_nodes(["a1"])
    assert found.get_content() == "A new text."
    assert ids(store, filters=having("rank", "==", "a")) == []
    assert len(store.get_nodes()) == 3


def test_a_store_that_was_never_written_to_answers_with_nothing() -> None:
    store = RankRetrieveVectorStore()
    assert store.client is None
    assert ids(store) == [] and store.get_nodes() == []
    store.delete("first")
    store.delete_nodes(["a1"])
    store.clear()


@pytest.mark.asyncio
async def test_the_asynchronous_twins_do_the_same(store: RankRetrieveVectorStore) -> None:
    await store.aclear()
    assert await store.async_add(NODES) == ["a1", "c2", "c3"]
    query = VectorStoreQuery(query_embedding=[1.0, 1.0], similarity_top_k=3)
    assert (await store.aquery(query)).ids == ["c3", "a1", "c2"]
    await store.adelete("second")
    await store.adelete_nodes(["a1"])
    assert [n.node_id for n in await store.aget_nodes()] == ["c3"]


# ------------------------------------------------------------------ in the framework


def test_an_index_over_the_store_is_there_after_reopening(tmp_path: Path) -> None:
    model = MockEmbedding(embed_dim=4)
    documents = [Document(text=text, id_=f"d{n}") for n, text in enumerate(["A cat.", "A dog."])]
    store = RankRetrieveVectorStore(tmp_path / "db")
    context = StorageContext.from_defaults(vector_store=store)
    index = VectorStoreIndex.from_documents(documents, storage_context=context, embed_model=model)
    index.insert(Document(text="A cow.", id_="d2"))
    index.delete_ref_doc("d1")
    store.close()

    store = RankRetrieveVectorStore(tmp_path / "db")
    index = VectorStoreIndex.from_vector_store(store, embed_model=model)
    retriever = index.as_retriever(vector_store_query_mode="text_search", similarity_top_k=5)
    assert [found.node.ref_doc_id for found in retriever.retrieve("cats, dogs and cows")] == [
        "d0",
        "d2",
    ]
    hybrid = index.as_retriever(vector_store_query_mode="hybrid", similarity_top_k=1)
    assert hybrid.retrieve("cows")[0].node.get_content() == "A cow."
    store.close()
    assert store.database.closed


def test_settings_survive_a_trip_through_a_dict(tmp_path: Path) -> None:
    store = RankRetrieveVectorStore(tmp_path / "db", metric="dot", collection_name="c")
    again = RankRetrieveVectorStore.from_dict(store.to_dict())
    assert (again.metric, again.collection_name) == ("dot", "c")
    again.add(NODES)
    assert len(store.get_nodes()) == 3  # one database under both
    store.close()
    again.close()
    assert store.database.closed
