"""LlamaIndex's retriever over any collection."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from llama_index.core.base.base_retriever import BaseRetriever
from llama_index.core.base.embeddings.base import BaseEmbedding
from llama_index.core.schema import BaseNode, NodeWithScore, QueryBundle, TextNode

from rank_retrieve.adapters.lazy_collection import without
from rank_retrieve.adapters.llama_index.nodes import EMBEDDING, NODE, TEXT, to_ours, to_theirs
from rank_retrieve.adapters.passages import passage_of
from rank_retrieve.collection import Collection, Snapshot
from rank_retrieve.collection import open as open_database
from rank_retrieve.types import Text


class RankRetrieveRetriever(BaseRetriever):
    """Searches a collection, those of `RankRetrieveVectorStore` among them.

    collection: or a snapshot of one, for repeatable reads.
    similarity_top_k: how many nodes.
    mode: "hybrid", "dense" or "lexical"; by default hybrid where that is possible.
    where: a filter, as `rr.Collection.search` takes it.
    embed_model: makes the query's vector, for collections without an encoder of their own.
    text_fields: whose texts make a node's text; by default all declared ones.
    options: more that `search` takes: fusion, candidates, field.
    """

    def __init__(
        self,
        collection: Collection | Snapshot,
        *,
        similarity_top_k: int = 2,
        mode: str | None = None,
        where: Any = None,
        embed_model: BaseEmbedding | None = None,
        text_fields: Sequence[str] | None = None,
        options: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(**settings)
        self._collection = collection
        self._embed_model = None if mode == "lexical" else embed_model
        self._text_fields = text_fields
        self._request = {"k": similarity_top_k, "mode": mode, "where": where, **(options or {})}

    @classmethod
    def from_defaults(
        cls, nodes: Sequence[BaseNode], *, analyzer: str = "english", **settings: Any
    ) -> RankRetrieveRetriever:
        """Over a new collection in memory that holds these nodes, searched by words."""
        collection = open_database(":memory:").create_collection(
            "nodes", {TEXT: Text(analyzer=analyzer)}
        )
        collection.put_many(without(to_ours(node), EMBEDDING) for node in nodes)
        return cls(collection, **settings)

    def _retrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        vector = query_bundle.embedding
        if vector is None and self._embed_model is not None:
            vector = self._embed_model.get_agg_embedding_from_queries(query_bundle.embedding_strs)
        return self._search(query_bundle.query_str, vector)

    async def _aretrieve(self, query_bundle: QueryBundle) -> list[NodeWithScore]:
        vector = query_bundle.embedding
        if vector is None and self._embed_model is not None:
            vector = await self._embed_model.aget_agg_embedding_from_queries(
                query_bundle.embedding_strs
            )
        return await asyncio.to_thread(self._search, query_bundle.query_str, vector)

    def _search(self, query: str, vector: Sequence[float] | None) -> list[NodeWithScore]:
        hits = self._collection.search(query, vector=vector, **self._request)
        return [NodeWithScore(node=self._node(hit.document), score=hit.score) for hit in hits]

    def _node(self, document: Mapping[str, Any]) -> BaseNode:
        if NODE in document:
            return to_theirs(document)
        schema = self._collection.schema
        fields = schema.texts if self._text_fields is None else self._text_fields
        text, metadata = passage_of(document, fields, schema.vectors)
        return TextNode(id_=document["id"], text=text, metadata=metadata)
