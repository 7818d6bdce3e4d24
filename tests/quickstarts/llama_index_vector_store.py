"""LlamaIndex's starter example with a vector store of its own; here `SimpleVectorStore`."""

from llama_index.core import (
    Document,
    MockEmbedding,
    Settings,
    StorageContext,
    VectorStoreIndex,
)
from llama_index.core.llms import MockLLM
from llama_index.core.vector_stores import MetadataFilter, MetadataFilters

from rank_retrieve.adapters.llama_index import RankRetrieveVectorStore as SimpleVectorStore

Settings.llm = MockLLM()
Settings.embed_model = MockEmbedding(embed_dim=16)

documents = [
    Document(text="The Shawshank Redemption", metadata={"theme": "Friendship", "year": 1994}),
    Document(text="The Godfather", metadata={"theme": "Mafia", "year": 1972}),
    Document(text="Inception", metadata={"theme": "Fiction", "year": 2010}),
]
storage_context = StorageContext.from_defaults(vector_store=SimpleVectorStore())
index = VectorStoreIndex.from_documents(documents, storage_context=storage_context)

filters = MetadataFilters(filters=[MetadataFilter(key="year", operator=">", value=2000)])
for node in index.as_retriever(filters=filters).retrieve("A film about dreams"):
    print(node.node.get_content())

query_engine = index.as_query_engine(vector_store_query_mode="hybrid", similarity_top_k=1)
response = query_engine.query("Who is the Godfather?")
print(response.source_nodes[0].node.metadata["theme"])
