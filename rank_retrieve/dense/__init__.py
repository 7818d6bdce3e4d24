"""How are documents found by their vectors? By comparing all of them, or by walking a graph.

validate        what a vector may be
elements        how components are stored: float32, float16, bits
vectors         the sections of one field: writer, reader, merge
scans           what comparing all vectors needs to know of each kind
searcher        several segments under one exact ranking
byte_codes      a byte a component, with bounds: an exact scan of a quarter of the bytes
sign_codes      a bit a component: estimates that choose candidates
exact           all of it behind one class, for notebooks
multi_vectors   several vectors a document, ranked by MaxSim
stored          vectors with their ids, for the classes for notebooks
crew            calls divided over threads
codes           eight-bit codes of vectors, for graphs
graph           an HNSW graph: its arrays and sections
growth          building, extending, mending and merging graphs
graph_search    one graph: walk, scan, post-filter or bridge
index_searcher  several segments, with structures or without, under one ranking
tuning          how much effort a recall needs
hnsw            all of it behind one class, for notebooks
kmeans          centres of clusters
pq              parts of vectors as words, and estimates of products
opq             a rotation under which words lose less
ivfpq_lists     inverted lists of coded vectors: their arrays and sections
ivfpq_growth    learning, extending and merging lists
ivfpq_search    one set of lists: which of them, or a scan
ivfpq           all of it behind one class, for notebooks
structures      the contracts of what lies beside vectors and finds the nearest
indexes         what a collection's vector field can ask for
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rank_retrieve._lazy import lazy_exports

if TYPE_CHECKING:
    from rank_retrieve.dense.exact import Exact
    from rank_retrieve.dense.hnsw import HNSW
    from rank_retrieve.dense.index_searcher import IndexPart, IndexSearcher
    from rank_retrieve.dense.ivfpq import IVFPQ
    from rank_retrieve.dense.searcher import DensePart, ExactSearcher
    from rank_retrieve.dense.vectors import VectorColumn, merge_vectors, write_vectors

__all__ = [
    "HNSW",
    "IVFPQ",
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
        "ivfpq": ("IVFPQ",),
        "searcher": ("DensePart", "ExactSearcher"),
        "vectors": ("VectorColumn", "merge_vectors", "write_vectors"),
    },
)
