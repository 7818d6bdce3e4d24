"""usearch as a retriever."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rank_retrieve._extras import require
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.plugins.candidates import CandidateRetriever
from rank_retrieve.types import Float32s, Int64s

EXTRA = "usearch"
METRICS = {"cosine": "cos", "dot": "ip", "euclidean": "l2sq"}
DTYPES = ("f32", "f16", "bf16", "i8")


@dataclass(frozen=True)
class UsearchOptions:
    """connectivity: links a node; expansions: candidates kept while building and searching.

    dtype: in which usearch keeps its copy of the vectors: "f32", "f16", "bf16" or "i8".
    """

    connectivity: int = 16
    expansion_add: int = 128
    expansion_search: int = 64
    dtype: str = "f32"

    def __post_init__(self) -> None:
        for name in ("connectivity", "expansion_add", "expansion_search"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InvalidArgument(name, value, "must be an integer of at least 1")
        if self.dtype not in DTYPES:
            raise InvalidArgument("dtype", self.dtype, f"must be one of {DTYPES}")


class Usearch(CandidateRetriever):
    """A graph of the usearch library, built on one thread so that it is the same every time."""

    name = "usearch"
    options_class = UsearchOptions
    options: UsearchOptions

    def _empty(self) -> Any:
        options = self.options
        return require("usearch.index", EXTRA).Index(
            ndim=self.dim,
            metric=METRICS[self.metric],
            dtype=options.dtype,
            connectivity=options.connectivity,
            expansion_add=options.expansion_add,
            expansion_search=options.expansion_search,
        )

    def _build(self, vectors: Float32s) -> Any:
        index = self._empty()
        index.add(np.arange(len(vectors), dtype=np.uint64), vectors, threads=1)
        return index

    def _propose(self, vector: Float32s, n: int) -> Int64s:
        found: Int64s = np.asarray(self._index.search(vector, n).keys).astype(np.int64)
        return found

    def _dump(self) -> bytes:
        return bytes(self._index.save())

    def _load(self, stored: memoryview) -> Any:
        index = self._empty()
        index.load(bytes(stored))
        index.expansion_search = self.options.expansion_search
        return index
