import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langchain_core")

from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings

import rank_retrieve as rr
from rank_retrieve.adapters.langchain import RankRetrieveVectorStore

VECTORS = {
    "A cat sat on the mat.": [1.0, 0.0],
    "A dog ran.": [0.0, 1.0],
    "Cats and dogs sleep.": [1.0, 1.0],
    "feline": [1.0, 0.1],
    "dogs": [0.1, 1.0],
    "cows": [-1.0, -1.0],
}
TEXTS = list(VECTORS)[:3]
METADATAS = [{"year": 2020, "id": 1}, {"year": 2021, "tags": ["x", "y"]}, {"author": {"n": "Ada"}}]


class Table(Embeddings):
    """Looks vectors up, and counts how it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.asked.append("documents")
        return [VECTORS.get(text, [0.5, 0.5]) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        self.asked.append("query")
        return VECTORS[text]

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        found = self.embed_documents(texts)
        self.asked[-1] = "documents, awaited"
        return found

    async def aembed_query(self, text: str) -> list[float]:
        found = self.embed_query(text)
        self.asked[-1] = "query, awaited"
        return found


@pytest.fixture
def store() -> Iterator[RankRetrieveVectorStore]:
    store = RankRetrieveVectorStore.from_texts(TEXTS, Table(), METADATAS, ids=["c", "d", "b"])
    yield store
    store.close()


def ids(documents: list[Document]) -> list[str | None]:
    return [document.id for document in documents]


# ------------------------------------------------------------------ modes and scores


def test_a_search_is_hybrid_unless_it_says_otherwise(store: RankRetrieveVectorStore) -> None:
    # by words d b, by vector d b c
    assert store.similarity_search_with_score("dogs", k=3)[0][1] == 1 / 61 + 1 / 61
    assert ids(store.similarity_search("dogs", k=3)) == ["d", "b", "c"]
    assert ids(store.similarity_search("dogs", mode="lexical")) == ["d", "b"]
    assert ids(store.similarity_search("feline", mode="lexical")) == []
    assert ids(store.similarity_search("feline", mode="dense")) == ["c", "b", "d"]
    convex = store.similarity_search_with_score("dogs", fusion=rr.fusion.Convex(), k=1)
    assert convex[0][1] == 1.0


def test_words_alone_need_no_embedding(store: RankRetrieveVectorStore) -> None:
    table = store.embeddings
    assert isinstance(table, Table)
    table.asked.clear()
    store.similarity_search("dogs", mode="lexical")
    assert table.asked == []
    words = RankRetrieveVectorStore.from_texts(TEXTS, metadatas=METADATAS, ids=["c", "d", "b"])
    assert ids(words.similarity_search("dogs")) == ["d", "b"]
    with pytest.raises(rr.InvalidArgument, match="needs vectors"):
        words.max_marginal_relevance_search("dogs")


def test_a_search_by_vector_is_by_vector_only(store: RankRetrieveVectorStore) -> None:
    assert ids(store.similarity_search_by_vector([0.0, 2.0], k=2)) == ["d", "b"]


def test_mmr_brings_variety(store: RankRetrieveVectorStore) -> None:
    store.add_texts(["Dogs run."], ids=["e"])  # between both
    assert ids(store.max_marginal_relevance_search("dogs", k=2, lambda_mult=1.0)) == ["d", "b"]
    assert ids(store.max_marginal_relevance_search("dogs", k=2, lambda_mult=0.0)) == ["d", "c"]
    assert ids(store.max_marginal_relevance_search("dogs", k=3, fetch_k=1, lambda_mult=1)) == [
        "d", "b", "e",
    ]  # fmt: skip
    only = store.max_marginal_relevance_search("dogs", k=9, filter={"year": 2020})
    assert ids(only) == ["c"]


@pytest.mark.parametrize(
    ("mode", "metric", "expected"),
    [
        ("dense", "cosine", [1.0, 1.1 / (2 * 1.01) ** 0.5, 0.1 / 1.01**0.5]),
        ("dense", "dot", [0.7502601, 0.7310586, 0.5249792]),
        ("dense", "euclidean", [1 / 1.01, 1 / 1.81, 1 / 2.81]),
        ("hybrid", "cosine", [1.0, 61 / 62, 0.5 * 61 / 63]),
    ],
)
def test_relevance_is_between_0_and_1_in_every_mode(
    mode: str, metric: Any, expected: list[float]
) -> None:
    store = RankRetrieveVectorStore(Table(), mode=mode, metric=metric)
    store.add_texts(TEXTS, ids=["c", "d", "b"])
    found = store.similarity_search_with_relevance_scores("dogs", k=3)
    if (mode, metric) == ("dense", "cosine"):
        expected = [1 / 1.01**0.5, *expected[1:]]
    if (mode, metric) == ("dense", "dot"):
        assert ids([document for document, _ in found]) == ["b", "d", "c"]
    assert [score for _, score in found] == pytest.approx(expected, rel=1e-6)
    above = store.similarity_search_with_relevance_scores("dogs", k=3, score_threshold=expected[1])
    assert len(above) in (1, 2)  # float32 may fall below the second
    by_function = store._select_relevance_score_fn()
    score = store.similarity_search_with_score("dogs", k=1)[0][1]
    assert by_function(score) == pytest.approx(expected[0], rel=1e-6)


def test_relevance_of_opposites_of_words_and_of_other_fusions() -> None:
    store = RankRetrieveVectorStore.from_texts(TEXTS, Table())
    opposite = store.similarity_search_with_relevance_scores("cows", mode="dense")
    assert [score for _, score in opposite] == [0.0, 0.0, 0.0]
    (first, *_) = store.similarity_search_with_relevance_scores("dogs", mode="lexical")
    raw = store.similarity_search_with_score("dogs", mode="lexical")[0][1]
    assert first[1] == raw / (1 + raw)
    with pytest.raises(rr.InvalidArgument, match="relevance_score_fn"):
        store.similarity_search_with_relevance_scores("dogs", fusion=rr.fusion.DBSF())
    own = RankRetrieveVectorStore.from_texts(TEXTS, Table(), relevance_score_fn=lambda score: 0.5)
    found = own.similarity_search_with_relevance_scores("dogs", fusion=rr.fusion.DBSF())
    assert {score for _, score in found} == {0.5}


# ------------------------------------------------------------------ filters


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"year": {"$gte": 2021}}, ["d"]),
        ({"id": 1}, ["c"]),
        ({"tags": "y"}, ["d"]),
        ({"author.n": "Ada"}, ["b"]),
        ({"$or": [{"year": 2020}, {"author": {"$exists": True}}]}, ["b", "c"]),
        (rr.Filter.exists("year") & ~rr.Filter.eq("year", 2020), ["d"]),
    ],
)
def test_filters_are_over_the_metadata(
    store: RankRetrieveVectorStore, where: Any, expected: list[str]
) -> None:
    assert sorted(str(i) for i in ids(store.similarity_search("dogs", filter=where))) == expected
    retriever = store.as_retriever(search_kwargs={"filter": where, "k": 1})
    assert len(retriever.invoke("dogs")) == 1


# ------------------------------------------------------------------ writes


def test_metadata_of_any_shape_comes_back(store: RankRetrieveVectorStore) -> None:
    assert [d.metadata for d in store.get_by_ids(["c", "d", "b"])] == METADATAS
    assert ids(store.get_by_ids(["b", "none", "c"])) == ["b", "c"]


def test_ids_are_those_given_those_of_the_documents_or_random(
    store: RankRetrieveVectorStore,
) -> None:
    given = [Document(page_content="x", id="mine"), Document(page_content="y")]
    first, second = store.add_documents(given)
    assert first == "mine" and len(second) == 36
    assert given[1].id is None
    assert store.add_documents(given, ids=["1", "2"]) == ["1", "2"]
    with pytest.raises(ValueError, match="must be as many as there are texts, 2"):
        store.add_texts(["x", "y"], ids=["1"])
    with pytest.raises(ValueError, match="metadatas"):
        store.add_texts(["x", "y"], [{}])
    with pytest.raises(TypeError, match="batch"):
        store.add_texts(["x"], batch=3)


def test_deleting_by_id_everything_and_the_collection(store: RankRetrieveVectorStore) -> None:
    assert store.delete(["c", "none"]) is True
    assert ids(store.get_by_ids(["c", "d"])) == ["d"]
    store.delete()
    assert store.collection is not None and len(store.collection) == 0
    store.delete_collection()
    assert store.collection is None
    assert store.similarity_search("dogs") == [] and store.get_by_ids(["d"]) == []
    store.add_texts(["A dog ran."])
    assert len(store.similarity_search("dogs")) == 1


def test_a_document_that_cannot_be_stored_is_named(store: RankRetrieveVectorStore) -> None:
    with pytest.raises(rr.InvalidArgument, match=r"metadata\.when"):
        store.add_texts(["x"], [{"when": object()}])
    with pytest.raises(rr.DimensionMismatch):
        store.similarity_search_by_vector([1.0, 2.0, 3.0])


# ------------------------------------------------------------------ handles


def test_documents_are_there_after_reopening(tmp_path: Path) -> None:
    store = RankRetrieveVectorStore.from_texts(
        TEXTS, Table(), path=tmp_path / "db", ids=list("cdb")
    )
    again = RankRetrieveVectorStore(Table(), path=tmp_path / "db")  # a cell of a notebook, rerun
    assert again.database is store.database
    store.close()
    again.close()
    with rr.open(tmp_path / "db", mode="r") as db:
        reading = RankRetrieveVectorStore(Table(), path=db)
        assert ids(reading.similarity_search("dogs", k=1)) == ["d"]
        with pytest.raises(rr.ReadOnlyError):
            reading.add_texts(["x"])


def test_arguments_of_the_wrong_kind_are_refused() -> None:
    with pytest.raises(rr.InvalidArgument, match="must be a LangChain Embeddings"):
        RankRetrieveVectorStore("all-MiniLM")  # type: ignore[arg-type]
    store = RankRetrieveVectorStore.from_texts(TEXTS, Table())
    with pytest.raises(rr.InvalidArgument, match="must be one of lexical, dense, hybrid"):
        store.similarity_search("dogs", mode="sparse")
    with pytest.raises(TypeError, match="filters"):
        store.similarity_search("dogs", filters={})


# ------------------------------------------------------------------ async


@pytest.mark.asyncio
async def test_embeddings_are_awaited_not_called() -> None:
    table = Table()
    store = await RankRetrieveVectorStore.afrom_texts(TEXTS, table, METADATAS, ids=["c", "d", "b"])
    assert ids(await store.asimilarity_search("dogs", k=1)) == ["d"]
    assert (await store.asimilarity_search_with_score("dogs", k=1))[0][1] == 2 / 61
    assert ids(await store.amax_marginal_relevance_search("dogs", k=1)) == ["d"]
    assert ids(await store.asimilarity_search_by_vector([1.0, 0.0], k=1)) == ["c"]
    relevant = await store.asimilarity_search_with_relevance_scores("dogs", k=1)
    assert relevant[0][1] == 1.0
    await store.aadd_documents([Document(page_content="feline", id="f")])
    assert table.asked == ["documents, awaited", *["query, awaited"] * 4, "documents, awaited"]
    assert ids(await store.aget_by_ids(["f"])) == ["f"]
    await store.adelete(["f"])
    assert await store.aget_by_ids(["f"]) == []
    assert await store.as_retriever(search_kwargs={"k": 1}).ainvoke("dogs") == store.get_by_ids(
        ["d"]
    )


@pytest.mark.asyncio
async def test_the_event_loop_goes_on_while_the_engine_works(
    store: RankRetrieveVectorStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each engine call waits for the loop to do something else: on the loop it would never end."""
    went_on = threading.Event()
    collection = type(store.collection)
    original = {name: getattr(collection, name) for name in ("search", "put_many", "write", "get")}

    def waiting(name: str) -> Any:
        def call(self: Any, *args: Any, **kwargs: Any) -> Any:
            assert went_on.wait(30), f"{name} ran on the event loop"
            return original[name](self, *args, **kwargs)

        return call

    for name in original:
        monkeypatch.setattr(collection, name, waiting(name))
    calls = [
        store.asimilarity_search("dogs"),
        store.asimilarity_search_with_score("dogs"),
        store.asimilarity_search_by_vector([1.0, 0.0]),
        store.amax_marginal_relevance_search("dogs"),
        store.aadd_texts(["A cow stood."]),
        store.adelete(["c"]),
        store.aget_by_ids(["d"]),
        store.as_retriever().ainvoke("dogs"),
    ]
    tasks = [asyncio.ensure_future(call) for call in calls]
    for _ in range(5):
        await asyncio.sleep(0)
    assert not any(task.done() for task in tasks)
    went_on.set()
    await asyncio.gather(*tasks)
