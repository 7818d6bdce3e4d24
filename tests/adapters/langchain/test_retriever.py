import pytest

pytest.importorskip("langchain_core")

from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding

import rank_retrieve as rr
from rank_retrieve.adapters.langchain import RankRetrieveRetriever


@pytest.fixture
def pets() -> rr.Collection:
    db = rr.open(":memory:")
    pets = db.create_collection("pets", {"title": rr.Text(), "text": rr.Text()})
    pets.put({"id": "p", "title": "Pets", "text": "A cat sat.", "year": 2020})
    pets.put({"id": "q", "text": "A cow stood and a cat sat by it.", "year": 2021})
    return pets


def test_texts_become_content_and_all_else_metadata(pets: rr.Collection) -> None:
    assert RankRetrieveRetriever(collection=pets).invoke("cats") == [
        Document(id="p", page_content="Pets\n\nA cat sat.", metadata={"year": 2020}),
        Document(id="q", page_content="A cow stood and a cat sat by it.", metadata={"year": 2021}),
    ]
    only = RankRetrieveRetriever(collection=pets, text_fields=["text"]).invoke("pets")
    assert only == [
        Document(id="p", page_content="A cat sat.", metadata={"year": 2020, "title": "Pets"})
    ]


def test_settings_hold_until_a_call_overrides_them(pets: rr.Collection) -> None:
    retriever = RankRetrieveRetriever(collection=pets, k=1, where={"year": {"$gt": 2020}})
    assert [d.id for d in retriever.invoke("cats")] == ["q"]
    assert [d.id for d in retriever.invoke("cats", k=5, where=None)] == ["p", "q"]
    with pytest.raises(rr.InvalidArgument, match="mode"):
        RankRetrieveRetriever(collection=pets, mode="dense").invoke("cats")


def test_a_snapshot_keeps_what_it_shows(pets: rr.Collection) -> None:
    with pets.snapshot() as view:
        pets.delete("p")
        assert [d.id for d in RankRetrieveRetriever(collection=view).invoke("cats")] == ["p", "q"]


def test_documents_in_memory_come_back_equal() -> None:
    documents = [
        Document(id="1", page_content="A cat sat.", metadata={"id": 7, "text": "not this"}),
        Document(id="2", page_content="A dog ran."),
    ]
    retriever = RankRetrieveRetriever.from_documents(documents)
    assert retriever.invoke("cats") == documents[:1]
    assert retriever.batch(["cats", "dogs"]) == [documents[:1], documents[1:]]


@pytest.mark.asyncio
async def test_embeddings_make_the_query_hybrid() -> None:
    embeddings = DeterministicFakeEmbedding(size=4)
    db = rr.open(":memory:")
    pets = db.create_collection("pets", {"text": rr.Text(), "vector": rr.Vector(dim=4)})
    pets.put({"id": "c", "text": "A cat.", "vector": embeddings.embed_query("cats")})
    pets.put({"id": "d", "text": "A dog.", "vector": embeddings.embed_query("dogs")})
    retriever = RankRetrieveRetriever(collection=pets, embeddings=embeddings)
    assert [d.id for d in retriever.invoke("cats")] == ["c", "d"]
    assert [d.id for d in await retriever.ainvoke("cats")] == ["c", "d"]
    assert [d.id for d in await retriever.ainvoke("cats", mode="lexical")] == ["c"]
    assert retriever.invoke("cats")[0].metadata == {}
