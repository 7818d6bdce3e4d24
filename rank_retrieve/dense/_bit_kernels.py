"""Kernels of the exact scan over binary vectors: differing bits, counted a word at a time.

A row is whole 64-bit words, padded with zeros. The score of a row is 0 - distance; heaps are those
of `_exact_kernels`, so ties, filters and parts are treated alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import inlined, kernel
from rank_retrieve.dense._exact_kernels import (
    ALLOWED,
    BASE,
    DOCS,
    LIVE,
    ROWS,
    Integer,
    N,
    doc_of,
    holds,
    offer,
    sort_hits,
)
from rank_retrieve.simd.memory import count_ones, load_u64, prefetch
from rank_retrieve.types import Float64s, Int64s

AHEAD_BYTES = 1024


@inlined
def distance(row: Integer, query: Integer, words: Integer) -> Any:
    """How many bits of two rows at addresses differ."""
    total = np.int64(0)
    for at in range(np.int64(0), np.int64(8) * words, np.int64(8)):
        total += count_ones(load_u64(row + at) ^ load_u64(query + at))
    return total


@kernel(
    "int64(int64[:,::1], int64, int64, int64, float64[::1], float64[:,::1], int64[:,::1],"
    " int64[::1])"
)
def scan_bits(
    parts: Int64s,
    queries: Integer,
    n_queries: Integer,
    words: Integer,
    query_norms: Float64s,
    scores: Float64s,
    found: Int64s,
    counts: Int64s,
) -> Integer:
    """The best hits of all queries among the rows of all parts, best first.

    Arguments as of `_exact_kernels.scan`; rows and queries have `words` words of 64 bits, and
    query_norms is not looked at. Returns 0.
    """
    row_bytes, k = np.int64(8) * words, np.int64(scores.shape[1])
    for query in range(n_queries):
        counts[query] = np.int64(0)
    for p in range(parts.shape[0]):
        live, allowed, base = parts[p, LIVE], parts[p, ALLOWED], parts[p, BASE]
        for row in range(parts[p, N]):
            doc = doc_of(parts[p, DOCS], np.int64(row))
            if not (holds(live, doc) and holds(allowed, doc)):
                continue
            address = parts[p, ROWS] + np.int64(row) * row_bytes
            prefetch(address + np.int64(AHEAD_BYTES))
            for query in range(n_queries):
                score = -np.float64(distance(address, queries + query * row_bytes, words))
                n = counts[query]
                if n < k or score >= scores[query, 0]:
                    counts[query] = offer(
                        score + np.float64(0.0), base + doc, n, scores[query], found[query]
                    )
    for query in range(n_queries):
        sort_hits(scores[query], found[query], counts[query])
    return np.int64(0)


@kernel("void(int64, int64[::1], int64, int64, float64[::1])")
def score_bits(
    rows: Integer, numbers: Int64s, query: Integer, words: Integer, scores: Float64s
) -> None:
    """The scores of some rows, those of `scan_bits`. rows, query: addresses; numbers: [n]."""
    for j in range(numbers.size):
        row = rows + numbers[j] * np.int64(8) * words
        scores[j] = np.float64(0.0) - np.float64(distance(row, query, words))
