"""How are documents found by their vectors? By comparing the query's with every one, exactly.

validate   what a vector may be
vectors    the sections of one field: writer, reader, merge
searcher   several segments under one ranking
exact      all of it behind one class, for notebooks
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rank_retrieve.dense.exact import Exact
    from rank_retrieve.dense.searcher import DensePart, ExactSearcher
    from rank_retrieve.dense.vectors import VectorColumn, merge_vectors, write_vectors

__all__ = [
    "DensePart",
    "Exact",
    "ExactSearcher",
    "VectorColumn",
    "merge_vectors",
    "write_vectors",
]

_MODULES = {
    "DensePart": "searcher",
    "Exact": "exact",
    "ExactSearcher": "searcher",
    "VectorColumn": "vectors",
    "merge_vectors": "vectors",
    "write_vectors": "vectors",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
