import pytest

pytest.importorskip("llama_index.core")

from llama_index.core import MockEmbedding
from llama_index.core.schema import TextNode

import rank_retrieve as rr
from rank_retrieve.adapters.llama_index import RankRetrieveRetriever, RankRetrieveVectorStore

TEXTS = {"c": "A cat sat on the mat.", "d": "A dog ran.", "b": "Cats and dogs sleep."}


def test_a_native_collection_is_retrieved_as_nodes() -> None:
    db = rr.open(":memory:")
    pets = db.create_collection("pets", {"title": rr.Text(), "text": rr.Text()})
    pets.put({"id": "p", "title": "Pets", "text": "A cat sat.", "year": 2020, "tag": ["x"]})
    pets.put({"id": "q", "text": "A cow stood and a cat sat by it.", "year": 2021})
    (first, second) = RankRetrieveRetriever(pets).retrieve("cats")
    assert (first.node.node_id, first.node.get_content()) == ("p", "Pets\n\nA cat sat.")
    assert first.node.metadata == {"year": 2020, "tag": ["x"]}
    assert first.score == pets.search("cats")[0].score
    assert second.node.metadata == {"year": 2021}
    recent = RankRetrieveRetriever(pets, where={"year": {"$gt": 2020}}, text_fields=["text"])
    assert [found.node.node_id for found in recent.retrieve("cats")] == ["q"]
    with pets.snapshot() as view:
        pets.delete("p")
        assert RankRetrieveRetriever(view, similarity_top_k=1).retrieve("cats")[0].id_ == "p"


def test_nodes_are_retrieved_whole_from_memory() -> None:
    nodes = [TextNode(id_=name, text=text, metadata={"n": 1}) for name, text in TEXTS.items()]
    retriever = RankRetrieveRetriever.from_defaults(nodes, similarity_top_k=2)
    found = retriever.retrieve("dogs")
    assert [n.node.to_dict() for n in found] == [nodes[1].to_dict(), nodes[2].to_dict()]


@pytest.mark.asyncio
async def test_the_query_is_embedded_for_dense_and_hybrid_modes() -> None:
    model = MockEmbedding(embed_dim=3)
    store = RankRetrieveVectorStore()
    store.add([TextNode(id_=n, text=t, embedding=[0.5] * 3) for n, t in TEXTS.items()])
    assert store.client is not None

    def retriever(mode: str | None) -> RankRetrieveRetriever:
        return RankRetrieveRetriever(store.client, mode=mode, embed_model=model, similarity_top_k=9)

    async def found(mode: str | None) -> list[str]:
        nodes = retriever(mode).retrieve("dogs")
        assert await retriever(mode).aretrieve("dogs") == nodes
        return [n.node.node_id for n in nodes]

    assert await found("lexical") == ["d", "b"]
    assert await found("dense") == ["c", "d", "b"]  # all alike: in order of insertion
    assert await found(None) == ["d", "b", "c"]
