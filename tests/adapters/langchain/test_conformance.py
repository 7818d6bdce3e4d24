"""The suites that LangChain publishes for integrations, in memory and on disk."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("langchain_tests")

from langchain_core.embeddings import DeterministicFakeEmbedding
from langchain_core.retrievers import BaseRetriever
from langchain_core.vectorstores import VectorStore
from langchain_tests.integration_tests import (
    RetrieversIntegrationTests,
    VectorStoreIntegrationTests,
)

import rank_retrieve as rr
from rank_retrieve.adapters.langchain import RankRetrieveRetriever, RankRetrieveVectorStore

TEXTS = [f"A cat sat on mat number {number}." for number in range(5)]


class TestHybridInMemory(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self) -> Iterator[VectorStore]:
        store = RankRetrieveVectorStore(self.get_embeddings())
        yield store
        store.close()


class TestDenseOnDisk(VectorStoreIntegrationTests):
    @pytest.fixture
    def vectorstore(self, tmp_path: Path) -> Iterator[VectorStore]:
        store = RankRetrieveVectorStore(self.get_embeddings(), path=tmp_path / "db", mode="dense")
        yield store
        store.close()


class TestRetriever(RetrieversIntegrationTests):
    @property
    def retriever_constructor(self) -> type[BaseRetriever]:
        return RankRetrieveRetriever

    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        db = rr.open(":memory:")
        cats = db.create_collection("cats", {"text": rr.Text()})
        cats.put_many({"id": str(i), "text": text} for i, text in enumerate(TEXTS))
        return {"collection": cats}

    @property
    def retriever_query_example(self) -> str:
        return "cats on mats"


class TestHybridRetriever(TestRetriever):
    @property
    def retriever_constructor_params(self) -> dict[str, Any]:
        embeddings = DeterministicFakeEmbedding(size=6)
        db = rr.open(":memory:")
        cats = db.create_collection("cats", {"text": rr.Text(), "vector": rr.Vector(dim=6)})
        cats.put_many(
            {"id": str(i), "text": text, "vector": embeddings.embed_query(text)}
            for i, text in enumerate(TEXTS)
        )
        return {"collection": cats, "embeddings": embeddings}
