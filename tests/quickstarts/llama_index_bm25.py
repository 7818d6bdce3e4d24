"""LlamaIndex's page on BM25; its import was `llama_index.retrievers.bm25`."""

from llama_index.core import Document
from llama_index.core.node_parser import SentenceSplitter

from rank_retrieve.adapters.llama_index import RankRetrieveRetriever as BM25Retriever

documents = [
    Document(text="What I worked on. Before college I wrote stories, and programs in Fortran."),
    Document(text="Then I painted still lives, and lived in New York on very little."),
]
nodes = SentenceSplitter(chunk_size=512).get_nodes_from_documents(documents)
bm25_retriever = BM25Retriever.from_defaults(nodes=nodes, similarity_top_k=2)

for node in bm25_retriever.retrieve("Which programs did the author write?"):
    print(f"{node.score > 0} {node.node.get_content()}")
