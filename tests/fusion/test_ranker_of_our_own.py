"""The contract, for a fusion of the retrievers that the package itself has."""

from collections.abc import Sequence
from typing import Any

import rank_retrieve as rr
from rank_retrieve.testing import RetrieverContract
from rank_retrieve.types import Float32s


class TestFusionOfBM25AndExact(RetrieverContract):
    stable_scores = False

    def build(self, texts: Sequence[str], vectors: Float32s, ids: Sequence[str] | None) -> Any:
        bm25 = rr.BM25.from_texts(texts, ids=ids, analyzer="simple")
        exact = rr.Exact.from_vectors(vectors, ids=ids)
        return rr.FusionRanker([bm25, exact], method=rr.RRF(k=60))


def test_ids_of_the_users_own_come_back_from_a_fusion() -> None:
    bm25 = rr.BM25.from_texts(["a cat", "a dog"], ids=["c", "d"])
    exact = rr.Exact.from_vectors([[1.0, 0.0], [0.0, 1.0]], ids=["c", "d"])
    ranker = rr.FusionRanker([bm25, exact])
    hits = ranker.search(rr.Query(text="dog", vector=[0.0, 1.0]), k=2)
    assert hits.ids.tolist() == ["d", "c"]
    assert hits[0].score == 1 / 61 + 1 / 61
