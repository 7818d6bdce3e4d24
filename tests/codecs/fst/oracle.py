"""Small FSTs and slow, obvious answers to compare them with."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType

import numpy as np
import pytest

from rank_retrieve.codecs import fst


def arena_of(terms: Iterable[bytes]) -> tuple[np.ndarray, np.ndarray]:
    terms = list(terms)
    offsets = np.zeros(len(terms) + 1, dtype=np.int64)
    offsets[1:] = np.cumsum([len(term) for term in terms], dtype=np.int64)
    return np.frombuffer(b"".join(terms), dtype=np.uint8), offsets


def bytes_of(terms: Iterable[bytes]) -> bytes:
    """An FST of terms in any order; values are ordinals."""
    return fst.build(*arena_of(sorted(set(terms))))


def fst_of(terms: Iterable[bytes] | Mapping[bytes, int]) -> fst.Fst:
    """An FST, checked in full; from a mapping with its values."""
    if isinstance(terms, Mapping):
        ordered = sorted(terms)
        values = np.array([terms[term] for term in ordered], dtype=np.uint64)
        result = fst.Fst.open(fst.build(*arena_of(ordered), values), origin="test")
    else:
        result = fst.Fst.open(bytes_of(terms), origin="test")
    result.verify()
    return result


def edit_distance(a: str, b: str, transpositions: bool) -> int:
    """Levenshtein, or with transpositions optimal string alignment, by the full table."""
    rows = [list(range(len(b) + 1))]
    for i, x in enumerate(a):
        row = [i + 1]
        for j, y in enumerate(b):
            cost = min(rows[i][j + 1] + 1, row[j] + 1, rows[i][j] + (x != y))
            if transpositions and i and j and a[i - 1] == y and x == b[j - 1]:
                cost = min(cost, rows[i - 1][j - 1] + 1)
            row.append(cost)
        rows.append(row)
    return rows[-1][-1]


@contextmanager
def plain_python(module: ModuleType) -> Iterator[None]:
    """Within, the functions that kernels of the module call are plain Python as well."""
    with pytest.MonkeyPatch.context() as patch, np.errstate(over="ignore"):
        for name, value in list(vars(module).items()):
            if hasattr(value, "py_func"):
                patch.setattr(module, name, value.py_func)
        yield
