"""hnswlib (Malkov & Yashunin, 2016, arXiv 1603.09320) as a retriever."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rank_retrieve._extras import require
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.plugins.candidates import CandidateRetriever
from rank_retrieve.types import Float32s, Int64s

EXTRA = "hnswlib"
SPACES = {"cosine": "cosine", "dot": "ip", "euclidean": "l2"}


@dataclass(frozen=True)
class HnswlibOptions:
    """m: links a node. ef_construction, ef_search: candidates kept while building, searching."""

    m: int = 16
    ef_construction: int = 200
    ef_search: int = 64
    seed: int = 100

    def __post_init__(self) -> None:
        for name in ("m", "ef_construction", "ef_search"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InvalidArgument(name, value, "must be an integer of at least 1")


class Hnswlib(CandidateRetriever):
    """A graph of the hnswlib library, built on one thread so that it is the same every time."""

    name = "hnswlib"
    options_class = HnswlibOptions
    options: HnswlibOptions

    def _empty(self) -> Any:
        index = require("hnswlib", EXTRA).Index(space=SPACES[self.metric], dim=self.dim)
        index.set_num_threads(1)
        return index

    def _build(self, vectors: Float32s) -> Any:
        index = self._empty()
        index.init_index(
            max_elements=len(vectors),
            M=self.options.m,
            ef_construction=self.options.ef_construction,
            random_seed=self.options.seed,
        )
        index.add_items(vectors, num_threads=1)
        return index

    def _propose(self, vector: Float32s, n: int) -> Int64s:
        self._index.set_ef(max(self.options.ef_search, n))
        labels, _ = self._index.knn_query(vector, k=n, num_threads=1)
        found: Int64s = labels[0].astype(np.int64)
        return found

    def _dump(self) -> bytes:
        with tempfile.TemporaryDirectory() as folder:  # hnswlib writes to files only
            path = Path(folder) / "index"
            self._index.save_index(str(path))
            return path.read_bytes()

    def _load(self, stored: memoryview) -> Any:
        index = self._empty()
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "index"
            path.write_bytes(stored)
            index.load_index(str(path), max_elements=len(self))
        return index
