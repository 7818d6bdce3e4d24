"""LangChain's BaseRetriever over any collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from langchain_core.callbacks import (
    AsyncCallbackManagerForRetrieverRun,
    CallbackManagerForRetrieverRun,
)
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables.config import run_in_executor
from pydantic import ConfigDict, Field

from rank_retrieve.adapters.langchain.documents import to_ours
from rank_retrieve.adapters.passages import passage_of
from rank_retrieve.collection import Collection, Snapshot
from rank_retrieve.collection import open as open_database
from rank_retrieve.types import Text


class RankRetrieveRetriever(BaseRetriever):
    """Searches a collection that was made with `rr.Database.create_collection`.

    collection: or a snapshot of one, for repeatable reads.
    k: how many documents. `invoke(query, k=3)` asks for another number, and the same holds for
        the options below.
    mode: "hybrid", "dense" or "lexical"; by default hybrid where that is possible.
    where: a filter, as `rr.Collection.search` takes it.
    embeddings: makes the query's vector, for collections without an encoder of their own.
    text_fields: whose texts make `page_content`; by default all declared ones.
    options: more that `search` takes: fusion, candidates, field.

    >>> retriever = RankRetrieveRetriever.from_texts(["A cat sat.", "A dog ran."], k=1)
    >>> retriever.invoke("dogs")[0].page_content
    'A dog ran.'
    """

    model_config = ConfigDict(arbitrary_types_allowed=True)

    collection: Collection | Snapshot
    k: int = 4
    mode: str | None = None
    where: Any = None
    embeddings: Embeddings | None = None
    text_fields: Sequence[str] | None = None
    options: dict[str, Any] = Field(default_factory=dict)

    @classmethod
    def from_texts(
        cls,
        texts: Iterable[str],
        metadatas: Sequence[Mapping[str, Any] | None] | None = None,
        *,
        ids: Sequence[str | None] | None = None,
        analyzer: str = "english",
        **kwargs: Any,
    ) -> RankRetrieveRetriever:
        """Over a new collection in memory, searched by words."""
        collection = open_database(":memory:").create_collection(
            "texts", {"text": Text(analyzer=analyzer)}
        )
        collection.put_many(to_ours(list(texts), metadatas, ids))
        return cls(collection=collection, **kwargs)

    @classmethod
    def from_documents(cls, documents: Iterable[Document], **kwargs: Any) -> RankRetrieveRetriever:
        """Over a new collection in memory, searched by words."""
        given = list(documents)
        return cls.from_texts(
            [document.page_content for document in given],
            [document.metadata for document in given],
            ids=[document.id for document in given],
            **kwargs,
        )

    def _get_relevant_documents(
        self, query: str, *, run_manager: CallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        model = self._model(kwargs)
        vector = None if model is None else model.embed_query(query)
        return self._search(query, vector, **kwargs)

    async def _aget_relevant_documents(
        self, query: str, *, run_manager: AsyncCallbackManagerForRetrieverRun, **kwargs: Any
    ) -> list[Document]:
        model = self._model(kwargs)
        vector = None if model is None else await model.aembed_query(query)
        return await run_in_executor(None, self._search, query, vector, **kwargs)

    def _model(self, options: Mapping[str, Any]) -> Embeddings | None:
        """What embeds the query, where the mode needs that."""
        return None if options.get("mode", self.mode) == "lexical" else self.embeddings

    def _search(self, query: str, vector: Sequence[float] | None, **given: Any) -> list[Document]:
        options = {"k": self.k, "mode": self.mode, "where": self.where, **self.options, **given}
        hits = self.collection.search(query, vector=vector, **options)
        schema = self.collection.schema
        texts = schema.texts if self.text_fields is None else self.text_fields
        found = [(hit.id, *passage_of(hit.document, texts, schema.vectors)) for hit in hits]
        return [Document(id=i, page_content=text, metadata=meta) for i, text, meta in found]
