"""Kernels of the exact scan: score every row that may be returned, keep the k best.

Rows that a filter or a deletion hides are skipped before they are read. The others are gathered
into blocks by address; a block is reduced with the queries in register tiles, and a score that
reaches a query's `floor` goes into that query's heap (worst hit at the root).

    metric      reduction (float32)          score (float64)
    cosine      dot = sum x q                dot / (|q| |x|)
    dot         dot                          dot
    euclidean   d = sum (x - q)^2            0 - d

A score is computed from its reduction in one way everywhere, and the heap orders by
(score, doc), so the answer does not depend on the order of rows, blocks, parts or queries.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from rank_retrieve._numba import inlined, kernel
from rank_retrieve.simd.floats import (
    distance_4x4,
    distance_8x1,
    dot_4x4,
    dot_8x1,
    reaching_4,
    reaching_8,
)
from rank_retrieve.types import Float32s, Float64s, Int32s, Int64s, UInt8s

BLOCK_ROWS = 64  # 64 rows of 384 components are 96 KB: they stay in L2 under the queries
# floors are lowered by this factor: their product with a norm is rounded, and must not hide a hit
SLACK = 1e-14

COSINE, DOT, EUCLIDEAN = 0, 1, 2

# int64 to Numba; a NumPy scalar or an int when a kernel runs as plain Python
Integer: TypeAlias = Any


@inlined
def better(score: float, doc: Integer, other_score: float, other_doc: Integer) -> Any:
    return score > other_score or (score == other_score and doc < other_doc)


@inlined
def sink(scores: Float64s, docs: Int64s, n: Integer) -> None:
    """Let the root of a heap of n hits sink to its place; the worst hit comes to the root."""
    score, doc = scores[0], docs[0]
    place = np.int64(0)
    while True:
        child = np.int64(2) * place + np.int64(1)
        if child >= n:
            break
        right = child + np.int64(1)
        if right < n and better(scores[child], docs[child], scores[right], docs[right]):
            child = right
        if not better(score, doc, scores[child], docs[child]):
            break
        scores[place], docs[place] = scores[child], docs[child]
        place = child
    scores[place], docs[place] = score, doc


@inlined
def offer(score: float, doc: Integer, n: Integer, scores: Float64s, docs: Int64s) -> Integer:
    """Put a hit into a heap of n hits if it is good enough; the new n."""
    if n < scores.size:
        place = n
        while place > 0:
            parent = (place - np.int64(1)) >> np.int64(1)
            if not better(scores[parent], docs[parent], score, doc):
                break
            scores[place], docs[place] = scores[parent], docs[parent]
            place = parent
        scores[place], docs[place] = score, doc
        return n + np.int64(1)
    if better(score, doc, scores[0], docs[0]):
        scores[0], docs[0] = score, doc
        sink(scores, docs, n)
    return n


@inlined
def holds(bitmap: UInt8s, doc: Integer) -> Any:
    """Whether a doc is in a bitmap; an absent bitmap (length 0) holds every doc."""
    if bitmap.size == 0:
        return True
    return (bitmap[doc >> np.int64(3)] >> np.uint8(doc & np.int64(7))) & np.uint8(1) != 0


@inlined
def _offer_reached(
    reached: Integer,
    tile: Float32s,
    first_row: Integer,
    query: Integer,
    sign: float,
    docs: Int64s,
    weights: Float64s,
    query_norm: float,
    floors: Float64s,
    scores: Float64s,
    found: Int64s,
    counts: Int64s,
) -> None:
    """Offer the reductions of one query whose bits are set in `reached` to its heap."""
    r = np.int64(0)
    while reached >> r:
        if (reached >> r) & np.int64(1):
            score = np.float64(0.0) + sign * np.float64(tile[r])
            score /= query_norm * weights[first_row + r]
            counts[query] = offer(
                score, docs[first_row + r], counts[query], scores[query], found[query]
            )
        r += np.int64(1)
    if counts[query] == scores.shape[1]:
        worst = scores[query, 0] * query_norm
        floors[query] = worst - abs(worst) * SLACK


@kernel(
    "void(Array(float32, 2, 'C', readonly=True), Array(float32, 1, 'C', readonly=True),"
    " Array(int32, 1, 'C', readonly=True), Array(uint8, 1, 'C', readonly=True),"
    " Array(uint8, 1, 'C', readonly=True), int64, float32[:,::1], float64[::1], int64,"
    " float64[::1], float64[:,::1], int64[:,::1], int64[::1],"
    " int64[::1], int64[::1], float64[::1], float32[::1])"
)
def scan(
    rows: Float32s,
    norms: Float32s,
    docs: Int32s,
    live: UInt8s,
    allowed: UInt8s,
    base: Integer,
    queries: Float32s,
    query_norms: Float64s,
    metric: Integer,
    floors: Float64s,
    scores: Float64s,
    found: Int64s,
    counts: Int64s,
    addresses: Int64s,
    block_docs: Int64s,
    weights: Float64s,
    tile: Float32s,
) -> None:
    """Offer the rows of one part to the heaps of all queries.

    rows: [n, stride], stride a multiple of LANES; norms: [n]; docs: [n] ascending, or [0] when
        row r is doc r; live, allowed: bytes of bitmaps over docs, or [0] for all.
    base: added to docs. queries: [m, stride]; query_norms: [m], ones unless cosine.
    floors: [m], reductions below floor * weight are no hits; scores, found: [m, k] heaps;
        counts: [m], their sizes. These carry over from part to part.
    addresses, block_docs: [BLOCK_ROWS] scratch; weights: the same, all ones; tile: [16] scratch.
    """
    n, n_queries = np.int64(rows.shape[0]), np.int64(queries.shape[0])
    row_bytes = np.int64(rows.shape[1]) * np.int64(4)
    start, query_start = np.int64(rows.ctypes.data), np.int64(queries.ctypes.data)
    place, out = np.int64(addresses.ctypes.data), np.int64(tile.ctypes.data)
    weigh = np.int64(weights.ctypes.data)
    sign = np.float64(-1.0) if metric == EUCLIDEAN else np.float64(1.0)
    everything = docs.size == 0 and live.size == 0 and allowed.size == 0
    row = np.int64(0)
    while row < n:
        filled = np.int64(0)
        if everything:
            filled = min(np.int64(BLOCK_ROWS), n - row)
            for r in range(filled):
                addresses[r] = start + (row + r) * row_bytes
                block_docs[r] = base + row + r
                if metric == COSINE:
                    weights[r] = np.float64(norms[row + r])
            row += filled
        while not everything and row < n and filled < BLOCK_ROWS:
            doc = np.int64(docs[row]) if docs.size > 0 else row
            if holds(live, doc) and holds(allowed, doc):
                addresses[filled] = start + row * row_bytes
                block_docs[filled] = base + doc
                if metric == COSINE:
                    weights[filled] = np.float64(norms[row])
                filled += np.int64(1)
            row += np.int64(1)
        if filled == 0:
            break
        # a tile that is not full repeats the last row, and its extra results are not looked at
        for extra in range(filled, (filled + np.int64(7)) & np.int64(-8)):
            addresses[extra] = addresses[filled - 1]
        query = np.int64(0)
        while query + np.int64(4) <= n_queries:
            at = query_start + query * row_bytes
            for r in range(np.int64(0), filled, np.int64(4)):
                full = (np.int64(1) << min(np.int64(4), filled - r)) - np.int64(1)
                if metric == EUCLIDEAN:
                    distance_4x4(place + np.int64(8) * r, at, row_bytes, row_bytes, out)
                else:
                    dot_4x4(place + np.int64(8) * r, at, row_bytes, row_bytes, out)
                for q in range(4):
                    reached = reaching_4(
                        out + np.int64(16 * q), sign, floors[query + q], weigh + np.int64(8) * r
                    )
                    if reached & full:
                        _offer_reached(
                            reached & full,
                            tile[4 * q : 4 * q + 4],
                            r,
                            query + q,
                            sign,
                            block_docs,
                            weights,
                            query_norms[query + q],
                            floors,
                            scores,
                            found,
                            counts,
                        )
            query += np.int64(4)
        while query < n_queries:
            at = query_start + query * row_bytes
            for r in range(np.int64(0), filled, np.int64(8)):
                if metric == EUCLIDEAN:
                    distance_8x1(place + np.int64(8) * r, at, row_bytes, row_bytes, out)
                else:
                    dot_8x1(place + np.int64(8) * r, at, row_bytes, row_bytes, out)
                reached = reaching_8(out, sign, floors[query], weigh + np.int64(8) * r)
                reached &= (np.int64(1) << min(np.int64(8), filled - r)) - np.int64(1)
                if reached:
                    _offer_reached(
                        reached,
                        tile,
                        r,
                        query,
                        sign,
                        block_docs,
                        weights,
                        query_norms[query],
                        floors,
                        scores,
                        found,
                        counts,
                    )
            query += np.int64(1)


@kernel("void(float64[:,::1], int64[:,::1], int64[::1])")
def sort_hits(scores: Float64s, found: Int64s, counts: Int64s) -> None:
    """Turn each heap of `scan` into a list, best first."""
    for query in range(counts.size):
        n = counts[query]
        while n > 1:
            n -= np.int64(1)
            score, doc = scores[query, 0], found[query, 0]
            scores[query, 0], found[query, 0] = scores[query, n], found[query, n]
            sink(scores[query], found[query], n)
            scores[query, n], found[query, n] = score, doc


@kernel(
    "void(Array(float32, 2, 'C', readonly=True), Array(float32, 1, 'C', readonly=True),"
    " int64[::1], float32[:,::1], float64, int64, float64[::1], int64[::1], float32[::1])"
)
def score_rows(
    rows: Float32s,
    norms: Float32s,
    numbers: Int64s,
    query: Float32s,
    query_norm: float,
    metric: Integer,
    scores: Float64s,
    addresses: Int64s,
    tile: Float32s,
) -> None:
    """The scores of some rows, to the bit those of `scan`.

    numbers: [n] rows to score, each below len(rows); query: [1, stride]; scores: [n] result.
    """
    row_bytes = np.int64(rows.shape[1]) * np.int64(4)
    start, at = np.int64(rows.ctypes.data), np.int64(query.ctypes.data)
    place, out = np.int64(addresses.ctypes.data), np.int64(tile.ctypes.data)
    last = np.int64(numbers.size) - np.int64(1)
    for first in range(np.int64(0), np.int64(numbers.size), np.int64(8)):
        for r in range(8):
            number = numbers[min(np.int64(first + r), last)]
            addresses[r] = start + number * row_bytes
        if metric == EUCLIDEAN:
            distance_8x1(place, at, row_bytes, row_bytes, out)
        else:
            dot_8x1(place, at, row_bytes, row_bytes, out)
        for r in range(min(np.int64(8), last - first + np.int64(1))):
            raw = np.float64(tile[r])
            if metric == EUCLIDEAN:
                scores[first + r] = np.float64(0.0) - raw
            elif metric == COSINE:
                scores[first + r] = raw / (query_norm * np.float64(norms[numbers[first + r]]))
            else:
                scores[first + r] = np.float64(0.0) + raw


@inlined
def sum_of_squares(rows: Float32s, r: Integer) -> Any:
    """Of a row, in float64; NaN or infinite for a bad component."""
    width = np.int64(rows.shape[1])
    a = b = c = d = np.float64(0.0)
    j = np.int64(0)
    while j + np.int64(4) <= width:
        a += np.float64(rows[r, j]) * np.float64(rows[r, j])
        b += np.float64(rows[r, j + 1]) * np.float64(rows[r, j + 1])
        c += np.float64(rows[r, j + 2]) * np.float64(rows[r, j + 2])
        d += np.float64(rows[r, j + 3]) * np.float64(rows[r, j + 3])
        j += np.int64(4)
    while j < width:
        a += np.float64(rows[r, j]) * np.float64(rows[r, j])
        j += np.int64(1)
    return (a + b) + (c + d)


@kernel("int64(Array(float32, 2, 'C', readonly=True), float32[::1])")
def measure_norms(rows: Float32s, norms: Float32s) -> Integer:
    """Euclidean norms, summed in float64; the first row with a NaN or an infinity, or -1."""
    bad = np.int64(-1)
    for r in range(rows.shape[0]):
        total = sum_of_squares(rows, np.int64(r))
        # 65,536 squares of float32 numbers cannot overflow: only a bad component is not finite
        if bad < 0 and not total <= np.float64(1.7e308):
            bad = np.int64(r)
        norms[r] = np.float32(np.sqrt(total))
    return bad
