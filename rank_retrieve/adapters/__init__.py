"""How do the tools that people use already reach the engine?

    rank_retrieve.adapters.langchain      VectorStore, BaseRetriever
    rank_retrieve.adapters.haystack       document store, retriever components
    rank_retrieve.adapters.llama_index    vector store, retriever
    rank_retrieve.adapters.pyterrier      index, indexer, retriever

Each needs its framework, which the extra of the same name installs, and passes the conformance
suite that the framework's publisher ships, where there is one (tests/adapters). docs/adapters.md
shows them at work.

What they share:

    databases.py         one handle for a path, however many adapters use it
    lazy_collection.py   a collection that waits for its first vector
    metadata_filter.py   filters over the metadata of a framework's document
    diversity.py         maximal marginal relevance
    passages.py          a document of any collection as text and metadata
    threads.py           asynchronous twins
    exports.py           names that load a framework, or say how to get it
"""
