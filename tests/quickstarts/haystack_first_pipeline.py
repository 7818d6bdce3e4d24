"""Haystack's first RAG pipeline; its imports were of the in-memory store and retriever."""

from haystack import Document, Pipeline
from haystack.components.builders import PromptBuilder

from rank_retrieve.adapters.haystack import (
    RankRetrieveBM25Retriever as InMemoryBM25Retriever,
)
from rank_retrieve.adapters.haystack import (
    RankRetrieveDocumentStore as InMemoryDocumentStore,
)

document_store = InMemoryDocumentStore()
document_store.write_documents(
    [
        Document(content="My name is Jean and I live in Paris."),
        Document(content="My name is Mark and I live in Berlin."),
        Document(content="My name is Giorgio and I live in Rome."),
    ]
)

prompt_template = """Given these documents, answer the question.
{% for doc in documents %}{{ doc.content }}
{% endfor %}Question: {{ question }}"""

pipeline = Pipeline()
pipeline.add_component("retriever", InMemoryBM25Retriever(document_store=document_store, top_k=1))
pipeline.add_component(
    "prompt_builder",
    PromptBuilder(template=prompt_template, required_variables=["documents", "question"]),
)
pipeline.connect("retriever", "prompt_builder.documents")

question = "Who lives in Paris?"
result = pipeline.run({"retriever": {"query": question}, "prompt_builder": {"question": question}})
print(result["prompt_builder"]["prompt"])
