"""pynndescent (Dong, Moses & Li, WWW 2011: nearest neighbour descent) as a retriever.

Its index can be kept by pickle only, which is never read here: the graph is built again when a
saved retriever is opened, the same one, from the same seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rank_retrieve._extras import require
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.plugins.candidates import CandidateRetriever
from rank_retrieve.types import Float32s, Int64s

EXTRA = "pynndescent"
# below this the library's trees and graph are not worth having, nor always possible
MIN_VECTORS = 64


@dataclass(frozen=True)
class PyNNDescentOptions:
    """n_neighbors: links a node. epsilon: how far beyond the best a search looks on, 0..1."""

    n_neighbors: int = 30
    epsilon: float = 0.1
    seed: int = 0

    def __post_init__(self) -> None:
        n = self.n_neighbors
        if isinstance(n, bool) or not isinstance(n, int) or n < 2:
            raise InvalidArgument("n_neighbors", n, "must be an integer of at least 2")
        if not 0.0 <= self.epsilon <= 1.0:
            raise InvalidArgument("epsilon", self.epsilon, "must be in 0..1")


class PyNNDescent(CandidateRetriever):
    """A graph of the pynndescent library; collections under 64 vectors are proposed whole."""

    name = "pynndescent"
    options_class = PyNNDescentOptions
    options: PyNNDescentOptions
    metrics = frozenset({"cosine", "euclidean"})

    def _build(self, vectors: Float32s) -> Any:
        if len(vectors) < MIN_VECTORS:
            return None
        index = require("pynndescent", EXTRA).NNDescent(
            vectors,
            metric=self.metric,
            n_neighbors=min(self.options.n_neighbors, len(vectors) - 1),
            random_state=self.options.seed,
            n_jobs=1,
        )
        index.prepare()
        return index

    def _propose(self, vector: Float32s, n: int) -> Int64s:
        if self._index is None:
            return np.arange(len(self), dtype=np.int64)
        labels, _ = self._index.query(vector[None, :], k=n, epsilon=self.options.epsilon)
        found: Int64s = labels[0][labels[0] >= 0].astype(np.int64)
        return found
