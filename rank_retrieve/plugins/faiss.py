"""faiss (Douze and others, 2024, arXiv 2401.08281) as a retriever."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rank_retrieve._extras import require
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.plugins.candidates import CandidateRetriever
from rank_retrieve.types import Float32s, Int64s

EXTRA = "faiss"


@dataclass(frozen=True)
class FaissOptions:
    """factory: what faiss builds, in the words of its index factory, such as "IVF256,Flat".

    search: parameters in the words of its `ParameterSpace`, such as "nprobe=16".
    """

    factory: str = "HNSW16,Flat"
    search: str = ""

    def __post_init__(self) -> None:
        for name in ("factory", "search"):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise InvalidArgument(name, value, "must be a string")
        if not self.factory:
            raise InvalidArgument("factory", self.factory, "must name an index")


class Faiss(CandidateRetriever):
    """Any index of faiss' factory; cosine is the inner product of vectors scaled to length 1."""

    name = "faiss"
    options_class = FaissOptions
    options: FaissOptions

    def _build(self, vectors: Float32s) -> Any:
        faiss = require("faiss", EXTRA)
        metric = faiss.METRIC_L2 if self.metric == "euclidean" else faiss.METRIC_INNER_PRODUCT
        try:
            index = faiss.index_factory(self.dim, self.options.factory, metric)
            self._set_parameters(index)
            prepared = self._prepared(vectors)
            index.train(prepared)
            index.add(prepared)
        except RuntimeError as error:
            raise InvalidArgument("options", self.options, f"faiss refuses: {error}") from error
        return index

    def _set_parameters(self, index: Any) -> None:
        if self.options.search:
            faiss = require("faiss", EXTRA)
            faiss.ParameterSpace().set_index_parameters(index, self.options.search)

    def _prepared(self, vectors: Float32s) -> Float32s:
        if self.metric != "cosine":
            return vectors
        norms: Float32s = np.linalg.norm(vectors, axis=1, keepdims=True)
        scaled: Float32s = vectors / norms
        return scaled

    def _propose(self, vector: Float32s, n: int) -> Int64s:
        _, labels = self._index.search(self._prepared(vector[None, :]), n)
        found: Int64s = labels[0][labels[0] >= 0].astype(np.int64)
        return found

    def _dump(self) -> bytes:
        serialized: bytes = require("faiss", EXTRA).serialize_index(self._index).tobytes()
        return serialized

    def _load(self, stored: memoryview) -> Any:
        index = require("faiss", EXTRA).deserialize_index(np.frombuffer(stored, dtype=np.uint8))
        self._set_parameters(index)
        return index
