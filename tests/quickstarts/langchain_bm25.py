"""LangChain's page on BM25; its import was `langchain_community.retrievers`."""

from langchain_core.documents import Document
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnableLambda, RunnablePassthrough

from rank_retrieve.adapters.langchain import RankRetrieveRetriever as BM25Retriever

retriever = BM25Retriever.from_texts(["foo", "bar", "world", "hello", "foo bar"])
print([doc.page_content for doc in retriever.invoke("foo")])

retriever = BM25Retriever.from_documents(
    [
        Document(page_content="Mitochondria make the energy of a cell."),
        Document(page_content="A ribosome makes proteins."),
    ],
    k=1,
)
prompt = ChatPromptTemplate.from_template("Context: {context}\nQuestion: {question}")
chain = (
    {
        "context": retriever | (lambda docs: "\n".join(doc.page_content for doc in docs)),
        "question": RunnablePassthrough(),
    }
    | prompt
    | RunnableLambda(lambda value: value.to_string())  # where a model would stand
    | StrOutputParser()
)
print(chain.invoke("What makes proteins?"))
