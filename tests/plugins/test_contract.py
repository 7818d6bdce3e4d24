"""Every plug-in keeps the contract of retrievers, with its own library underneath."""

import pytest

import rank_retrieve as rr
from rank_retrieve.plugins import retriever_class
from rank_retrieve.testing.retriever_contract import RetrieverContract


class VectorContract(RetrieverContract):
    """exact stays True: on so small a corpus every library proposes all that is near."""

    name = ""

    def build(self, texts, vectors, ids):
        pytest.importorskip(self.name)
        if not len(vectors):
            vectors = vectors.reshape(0, 8)
        return retriever_class(self.name).from_vectors(vectors, ids, metric="euclidean")

    def query(self, query):
        return query.vector


class TestHnswlib(VectorContract):
    name = "hnswlib"


class TestFaiss(VectorContract):
    name = "faiss"


class TestUsearch(VectorContract):
    name = "usearch"


# its kernels warn of integer casts while they compile
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
class TestPyNNDescent(VectorContract):
    name = "pynndescent"


class TestTantivy(RetrieverContract):
    def build(self, texts, vectors, ids):
        pytest.importorskip("tantivy")
        return retriever_class("tantivy").from_texts(texts, ids, analyzer="simple")

    def query(self, query):
        return query.text


def test_every_entry_point_leads_to_a_retriever():
    from rank_retrieve.plugins import names

    assert set(names()) >= {
        "bm25", "exact", "hnsw", "tantivy", "pynndescent", "faiss", "usearch", "hnswlib",
    }  # fmt: skip
    for name in ("bm25", "exact", "hnsw", "tantivy", "faiss"):
        assert hasattr(retriever_class(name), "search")
    with pytest.raises(rr.NotFound, match="no such"):
        retriever_class("no such")
