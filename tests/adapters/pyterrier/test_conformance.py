"""The suite that PyTerrier publishes for transformers, over every retriever, without Java."""

import sys

import numpy as np
import pytest

pytest.importorskip("pyterrier")

import pyterrier as pt
from pyterrier.testing import transformer_test_class

import rank_retrieve as rr
from rank_retrieve.adapters.pyterrier import RankRetrieveIndex, RankRetrieveRetriever

DOCUMENTS = [
    {"docno": "c", "text": "A cat sat on the mat.", "doc_vec": [1.0, 0.0]},
    {"docno": "d", "text": "A dog ran.", "doc_vec": [0.0, 1.0]},
]


def index() -> RankRetrieveIndex:
    return RankRetrieveIndex().index(DOCUMENTS)


def encoded() -> rr.Collection:
    encoder = rr.CallableEncoder(lambda texts: np.ones((len(texts), 2)), 2, "ones")
    return rr.open(":memory:").create_collection("c", {"text": rr.Text()}, encoder=encoder)


TestBM25 = transformer_test_class(lambda: index().bm25())
TestDense = transformer_test_class(lambda: index().dense())
TestHybrid = transformer_test_class(lambda: index().hybrid())
TestEmptyIndex = transformer_test_class(lambda: RankRetrieveIndex().bm25())
TestWithFields = transformer_test_class(lambda: index().bm25(fields=["text"], num_results=5))
TestEncodedCollection = transformer_test_class(
    lambda: RankRetrieveRetriever(encoded(), mode="hybrid")
)


def test_java_is_never_started() -> None:
    index().bm25().search("cats")
    assert not pt.java.started()
    assert "jnius" not in sys.modules
