"""Kernels of late interaction: for each token of the query the nearest token of a document, summed.

    score = sum over q of  max over t of  sim(q, t)

(ColBERT: Khattab & Zaharia, SIGIR 2020, equation 3.) Products are float32 sums in a fixed order
(`simd.floats`), turned into similarities and added up in float64, query token by query token: the
same to the last bit wherever a document stands.
"""

from __future__ import annotations

import numpy as np

from rank_retrieve._numba import borrowed, kernel
from rank_retrieve.dense._exact_kernels import COSINE, Integer, holds, offer, sort_hits
from rank_retrieve.simd.floats import dot_4x4
from rank_retrieve.simd.halves import widen_halves
from rank_retrieve.simd.memory import load_f32, load_i64
from rank_retrieve.types import Float32s, Float64s, Int64s

PART_SLOTS = ("rows", "norms", "starts", "live", "allowed", "base", "n_docs")
ROWS, NORMS, STARTS, LIVE, ALLOWED, BASE, N_DOCS = range(7)


@borrowed
def _similarities(
    parts: Int64s,
    p: Integer,
    doc: Integer,
    queries: Integer,
    n_queries: Integer,
    stride: Integer,
    metric: Integer,
    halves: Integer,
    query_norms: Float64s,
    best: Float64s,
    places: Int64s,
    tile: Float32s,
) -> float:
    """The score of a document with tokens; `best` holds its summands then, [n_queries or more]."""
    query_bytes = stride * np.int64(4)
    row_bytes = query_bytes >> halves
    place, out = np.int64(places.ctypes.data), np.int64(tile.ctypes.data)
    starts = parts[p, STARTS] + np.int64(8) * doc
    first, last = load_i64(starts), load_i64(starts + np.int64(8))
    for q in range(n_queries):
        best[q] = np.float64(-np.inf)
    for row in range(first, last, np.int64(4)):
        for r in range(np.int64(4)):
            number = min(row + r, last - np.int64(1))
            places[r] = parts[p, ROWS] + number * row_bytes
            if halves != np.int64(0):
                wide = out + np.int64(64) + r * query_bytes
                widen_halves(places[r], wide, stride)
                places[r] = wide
        for q in range(np.int64(0), n_queries, np.int64(4)):
            dot_4x4(place, queries + q * query_bytes, query_bytes, query_bytes, out)
            for t in range(min(np.int64(4), n_queries - q)):
                for r in range(min(np.int64(4), last - row)):
                    value = np.float64(tile[np.int64(4) * t + r])
                    if metric == COSINE:
                        norm = load_f32(parts[p, NORMS] + np.int64(4) * (row + r))
                        value /= query_norms[q + t] * norm
                    best[q + t] = max(best[q + t], value)
    total = np.float64(0.0)
    for q in range(n_queries):
        total += best[q]
    return total


@kernel(
    "void(int64[:,::1], int64, int64, int64, int64, int64, float64[::1], float64[::1],"
    " int64[::1], int64[::1], float64[::1], int64[::1], float32[::1])",
    borrows=True,
)
def scan_tokens(
    parts: Int64s,
    queries: Integer,
    n_queries: Integer,
    stride: Integer,
    metric: Integer,
    halves: Integer,
    query_norms: Float64s,
    scores: Float64s,
    found: Int64s,
    count: Int64s,
    best: Float64s,
    places: Int64s,
    tile: Float32s,
) -> None:
    """The best documents of all parts for one query of several tokens, best first.

    parts: [parts, PART_SLOTS], addresses of token rows [n, stride], their float32 norms, the int64
        [n_docs + 1] that say where the tokens of each document begin, of bitmaps over docs or 0
        for all; what is added to docs; n_docs. Documents without tokens are passed over.
    queries: address of float32 [n_queries rounded up to 4, stride]. halves: whether rows are
        float16. query_norms: [n_queries], ones unless cosine.
    scores, found: [k]; count: [1], how many there are. best: [n_queries] scratch; places: [4];
        tile: [16], behind it for halves [4, stride].
    """
    n = np.int64(0)
    for p in range(parts.shape[0]):
        for doc in range(parts[p, N_DOCS]):
            starts = parts[p, STARTS] + np.int64(8) * np.int64(doc)
            if load_i64(starts) == load_i64(starts + np.int64(8)):
                continue
            if not (holds(parts[p, LIVE], doc) and holds(parts[p, ALLOWED], doc)):
                continue
            score = _similarities(
                parts, np.int64(p), np.int64(doc), queries, n_queries, stride, metric, halves,
                query_norms, best, places, tile,
            )  # fmt: skip
            n = offer(score, parts[p, BASE] + np.int64(doc), n, scores, found)
    sort_hits(scores, found, n)
    count[0] = n


@kernel(
    "void(int64[:,::1], int64[::1], int64, int64, int64, int64, int64, float64[::1],"
    " float64[::1], float64[::1], int64[::1], float32[::1])",
    borrows=True,
)
def score_tokens(
    part: Int64s,
    docs: Int64s,
    queries: Integer,
    n_queries: Integer,
    stride: Integer,
    metric: Integer,
    halves: Integer,
    query_norms: Float64s,
    scores: Float64s,
    best: Float64s,
    places: Int64s,
    tile: Float32s,
) -> None:
    """The scores of documents of one part, float64 [n], NaN without tokens.

    docs: [n], numbers in the part. Else as `scan_tokens`; `best` keeps the summands of the last.
    """
    for i in range(docs.size):
        starts = part[0, STARTS] + np.int64(8) * docs[i]
        scores[i] = np.float64(np.nan)
        if load_i64(starts) < load_i64(starts + np.int64(8)):
            scores[i] = _similarities(
                part, np.int64(0), docs[i], queries, n_queries, stride, metric, halves,
                query_norms, best, places, tile,
            )  # fmt: skip
