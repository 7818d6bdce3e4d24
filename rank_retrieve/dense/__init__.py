"""How are documents found by their vectors? By comparing all of them, or by walking a graph.

validate        what a vector may be
vectors         the sections of one field: writer, reader, merge
searcher        several segments under one exact ranking
exact           all of it behind one class, for notebooks
codes           eight-bit codes of vectors
graph           an HNSW graph: its arrays and sections
growth          building, extending, mending and merging graphs
graph_search    one graph: walk, scan, post-filter or bridge
index_searcher  several segments, with graphs or without, under one ranking
tuning          how many candidates a walk needs
hnsw            all of it behind one class, for notebooks
indexes         what a collection's vector field can ask for
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rank_retrieve._lazy import lazy_exports

if TYPE_CHECKING:
    from rank_retrieve.dense.exact import Exact
    from rank_retrieve.dense.hnsw import HNSW
    from rank_retrieve.dense.index_searcher import IndexPart, IndexSearcher
    from rank_retrieve.dense.searcher import DensePart, ExactSearcher
    from rank_retrieve.dense.vectors import VectorColumn, merge_vectors, write_vectors

__all__ = [
    "HNSW",
    "DensePart",
    "Exact",
    "ExactSearcher",
    "IndexPart",
    "IndexSearcher",
    "VectorColumn",
    "merge_vectors",
    "write_vectors",
]

__getattr__ = lazy_exports(
    __name__,
    {
        "exact": ("Exact",),
        "hnsw": ("HNSW",),
        "index_searcher": ("IndexPart", "IndexSearcher"),
        "searcher": ("DensePart", "ExactSearcher"),
        "vectors": ("VectorColumn", "merge_vectors", "write_vectors"),
    },
)
