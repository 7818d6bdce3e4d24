"""LangChain's tutorial on vector stores; its import was `langchain_core.vectorstores`."""

import asyncio

from langchain_core.documents import Document
from langchain_core.embeddings import DeterministicFakeEmbedding

from rank_retrieve.adapters.langchain import RankRetrieveVectorStore as InMemoryVectorStore

documents = [
    Document(
        page_content="Dogs are great companions, known for their loyalty and friendliness.",
        metadata={"source": "mammal-pets-doc"},
    ),
    Document(
        page_content="Cats are independent pets that often enjoy their own space.",
        metadata={"source": "mammal-pets-doc"},
    ),
    Document(
        page_content="Goldfish are popular pets for beginners, requiring simple care.",
        metadata={"source": "fish-pets-doc"},
    ),
]

embeddings = DeterministicFakeEmbedding(size=64)
vector_store = InMemoryVectorStore(embeddings)
ids = vector_store.add_documents(documents=documents)
print(len(ids))

results = vector_store.similarity_search("cat", k=1)
print(results[0].page_content)

results = asyncio.run(vector_store.asimilarity_search("dog", k=1))
print(results[0].page_content)

for doc, score in vector_store.similarity_search_with_score("goldfish", k=1):
    print(f"{score > 0} {doc.metadata}")

embedding = embeddings.embed_query(documents[1].page_content)
print(vector_store.similarity_search_by_vector(embedding)[0].page_content)

retriever = vector_store.as_retriever(search_type="similarity", search_kwargs={"k": 1})
for found in retriever.batch(["cat", "goldfish"]):
    print(found[0].metadata["source"])

vector_store.delete(ids=[ids[2]])
print(vector_store.get_by_ids([ids[2]]))
