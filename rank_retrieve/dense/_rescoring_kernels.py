"""The last step of an approximate search: candidates are scored by their floats, the best kept.

A pool holds keys of candidates (`_graph_kernels.node_of`), nearest first or in any order. Scores
are those of the exact scan, to the bit; equal scores are ordered by ascending doc.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import inlined
from rank_retrieve.dense._exact_kernels import COSINE, EUCLIDEAN, offer, sort_hits
from rank_retrieve.dense._graph_kernels import ADDRESSES, IDS, POOL, SUMS, WIDE, Integer, node_of
from rank_retrieve.simd.floats import distance_8x1, dot_8x1
from rank_retrieve.simd.halves import widen_halves
from rank_retrieve.simd.memory import (
    load_f32,
    load_i32,
    load_i64,
    load_u64,
    prefetch,
    store_i32,
    store_i64,
)
from rank_retrieve.types import Float64s, Int64s

SETTING_SLOTS = (
    "mode", "k", "limit", "rescored", "metric", "visible", "docs", "base", "rows", "row_bytes",
    "query_bytes", "norms",
)  # fmt: skip
MODE, K, LIMIT, RESCORED, METRIC, VISIBLE, DOCS, BASE, ROWS = range(0, 72, 8)
ROW_BYTES, QUERY_BYTES, NORMS = range(72, 96, 8)  # rows of half a query's bytes are float16


@inlined
def is_visible(visible: Integer, row: Integer) -> Any:
    """Whether a bitmap at an address holds a row."""
    word = load_u64(visible + np.int64(8) * (row >> np.int64(6)))
    return (word >> np.uint64(row & np.int64(63))) & np.uint64(1) != np.uint64(0)


@inlined
def rescore(
    work: Integer,
    settings: Integer,
    size: Integer,
    query: Integer,
    query_norm: float,
    scores: Float64s,
    docs: Int64s,
) -> tuple[Integer, Integer]:
    """Score the nearest visible rows of the pool by their floats and keep the best.

    Returns how many were kept, and how many were scored.
    """
    pool, ids = load_i64(work + POOL), load_i64(work + IDS)
    visible, rescored = load_i64(settings + VISIBLE), load_i64(settings + RESCORED)
    rows, row_bytes = load_i64(settings + ROWS), load_i64(settings + ROW_BYTES)
    query_bytes = load_i64(settings + QUERY_BYTES)
    metric, addresses, out = (
        load_i64(settings + METRIC),
        load_i64(work + ADDRESSES),
        load_i64(work + SUMS),
    )
    m, n, at = np.int64(0), np.int64(0), np.int64(0)
    while at < size and m < rescored:
        filled = np.int64(0)
        while at < size and filled < np.int64(8) and m + filled < rescored:
            row = node_of(load_u64(pool + np.int64(8) * at))
            at += np.int64(1)
            if visible == np.int64(0) or is_visible(visible, row):
                store_i32(ids + np.int64(4) * filled, row)
                store_i64(addresses + np.int64(8) * filled, rows + row * row_bytes)
                filled += np.int64(1)
        if filled == np.int64(0):
            break
        m += filled
        for j in range(filled, np.int64(8)):
            store_i64(addresses + np.int64(8) * j, load_i64(addresses))
        # the rows of the next tile, while this one is computed
        for ahead in range(at, min(at + np.int64(8), size)):
            start = rows + node_of(load_u64(pool + np.int64(8) * ahead)) * row_bytes
            for line in range(np.int64(0), min(row_bytes, np.int64(2048)), np.int64(64)):
                prefetch(start + line)
        if row_bytes < query_bytes:
            for j in range(np.int64(8)):
                wide = load_i64(work + WIDE) + j * query_bytes
                place = addresses + np.int64(8) * j
                widen_halves(load_i64(place), wide, query_bytes >> np.int64(2))
                store_i64(place, wide)
        if metric == EUCLIDEAN:
            distance_8x1(addresses, query, query_bytes, query_bytes, out)
        else:
            dot_8x1(addresses, query, query_bytes, query_bytes, out)
        for j in range(filled):
            row = load_i32(ids + np.int64(4) * j)
            raw = load_f32(out + np.int64(4) * j)
            score = np.float64(0.0) + raw
            if metric == EUCLIDEAN:
                score = np.float64(0.0) - raw
            elif metric == COSINE:
                norm = load_f32(load_i64(settings + NORMS) + np.int64(4) * row)
                score = raw / (query_norm * norm)
            doc = row
            if load_i64(settings + DOCS) != np.int64(0):
                doc = load_i32(load_i64(settings + DOCS) + np.int64(4) * row)
            n = offer(score, load_i64(settings + BASE) + doc, n, scores, docs)
    sort_hits(scores, docs, n)
    return n, m
