"""The suites that Haystack publishes for document stores: base, extended, every mixin, async."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("haystack")

from haystack import Document
from haystack.document_stores.errors import DuplicateDocumentError
from haystack.document_stores.types import DuplicatePolicy
from haystack.testing import document_store as suites
from haystack.testing import document_store_async as async_suites

from rank_retrieve.adapters.haystack import RankRetrieveDocumentStore

MIXINS = (
    suites.DocumentStoreBaseExtendedTests,
    suites.CountDocumentsByFilterTest,
    suites.CountUniqueMetadataByFilterTest,
    suites.GetMetadataFieldsInfoTest,
    suites.GetMetadataFieldMinMaxTest,
    suites.GetMetadataFieldUniqueValuesTest,
    async_suites.CountDocumentsAsyncTest,
    async_suites.WriteDocumentsAsyncTest,
    async_suites.DeleteDocumentsAsyncTest,
    async_suites.FilterDocumentsAsyncTest,
    async_suites.DeleteAllAsyncTest,
    async_suites.DeleteByFilterAsyncTest,
    async_suites.UpdateByFilterAsyncTest,
    async_suites.CountDocumentsByFilterAsyncTest,
    async_suites.CountUniqueMetadataByFilterAsyncTest,
    async_suites.GetMetadataFieldsInfoAsyncTest,
    async_suites.GetMetadataFieldMinMaxAsyncTest,
    async_suites.GetMetadataFieldUniqueValuesAsyncTest,
)


class AllSuites(*MIXINS):  # type: ignore[misc]
    @staticmethod
    def assert_documents_are_equal(received: list[Document], expected: list[Document]) -> None:
        """Embeddings are stored as float32; all else comes back as it was."""
        assert received == [
            replace(document, embedding=np.float32(document.embedding).tolist())
            if document.embedding is not None
            else document
            for document in expected
        ]

    def test_write_documents(self, document_store: RankRetrieveDocumentStore) -> None:
        """The publisher leaves the default policy to the store: ours is to fail."""
        doc = Document(content="test doc")
        assert document_store.write_documents([doc]) == 1
        with pytest.raises(DuplicateDocumentError):
            document_store.write_documents([doc])
        self.assert_documents_are_equal(document_store.filter_documents(), [doc])

    async def test_write_documents_async(self, document_store: RankRetrieveDocumentStore) -> None:
        doc = Document(content="test doc")
        assert await document_store.write_documents_async([doc]) == 1
        with pytest.raises(DuplicateDocumentError):
            await document_store.write_documents_async([doc], DuplicatePolicy.NONE)
        self.assert_documents_are_equal(document_store.filter_documents(), [doc])


class TestInMemory(AllSuites):
    @pytest.fixture
    def document_store(self) -> Iterator[RankRetrieveDocumentStore]:
        store = RankRetrieveDocumentStore()
        yield store
        store.close()


class TestOnDisk(AllSuites):
    @pytest.fixture
    def document_store(self, tmp_path: Path) -> Iterator[RankRetrieveDocumentStore]:
        store = RankRetrieveDocumentStore(tmp_path / "db", embedding_dim=768)
        yield store
        store.close()


def test_no_suite_of_the_publisher_is_left_out() -> None:
    published = {
        suite
        for module in (suites, async_suites)
        for name, suite in vars(module).items()
        if isinstance(suite, type) and name.endswith(("Test", "Tests"))
    }
    assert {suite.__name__ for suite in published - set(AllSuites.__mro__)} == set()
