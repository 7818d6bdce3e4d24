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

from rank_retrieve._numba import borrowed, kernel
from rank_retrieve.dense.validate import MAX_NORM, MIN_COSINE_NORM
from rank_retrieve.simd.floats import (
    distance_4x4,
    distance_8x1,
    dot_4x4,
    dot_8x1,
    half_distance_8x1,
    half_dot_8x1,
    reaching_4,
    reaching_8,
)
from rank_retrieve.simd.halves import widen_halves
from rank_retrieve.simd.memory import load_f32, load_i8, load_i32, move_bytes
from rank_retrieve.types import Float32s, Float64s, Int64s

PART_SLOTS = ("rows", "norms", "docs", "live", "allowed", "base", "n")
ROWS, NORMS, DOCS, LIVE, ALLOWED, BASE, N = range(7)

BLOCK_ROWS = 64  # 64 rows of 384 components are 96 KB: they stay in L2 under the queries
# floors are lowered by this factor: their product with a norm is rounded, and must not hide a hit
SLACK = 1e-14

COSINE, DOT, EUCLIDEAN = 0, 1, 2

# int64 to Numba; a NumPy scalar or an int when a kernel runs as plain Python
Integer: TypeAlias = Any


@borrowed
def better(score: float, doc: Integer, other_score: float, other_doc: Integer) -> Any:
    return score > other_score or (score == other_score and doc < other_doc)


@borrowed
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


@borrowed
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


@borrowed
def sort_hits(scores: Float64s, docs: Int64s, n: Integer) -> None:
    """Turn a heap of n hits into a list, best first."""
    for last in range(n - np.int64(1), np.int64(0), np.int64(-1)):
        score, doc = scores[0], docs[0]
        scores[0], docs[0] = scores[last], docs[last]
        sink(scores, docs, last)
        scores[last], docs[last] = score, doc


@borrowed
def sum_of_squares(row: Integer, dim: Integer) -> Any:
    """Of the float32 [dim] at an address, in float64; NaN or infinite for a bad component."""
    a = b = c = d = np.float64(0.0)
    j = np.int64(0)
    while j + np.int64(4) <= dim:
        at = row + np.int64(4) * j
        a += load_f32(at) * load_f32(at)
        b += load_f32(at + np.int64(4)) * load_f32(at + np.int64(4))
        c += load_f32(at + np.int64(8)) * load_f32(at + np.int64(8))
        d += load_f32(at + np.int64(12)) * load_f32(at + np.int64(12))
        j += np.int64(4)
    while j < dim:
        value = load_f32(row + np.int64(4) * j)
        a += value * value
        j += np.int64(1)
    return (a + b) + (c + d)


@borrowed
def holds(bitmap: Integer, doc: Integer) -> Any:
    """Whether a doc is in the bitmap at an address; an absent bitmap (0) holds every doc."""
    if bitmap == np.int64(0):
        return True
    bits = load_i8(bitmap + (doc >> np.int64(3))) >> (doc & np.int64(7))
    return bits & np.int64(1) != np.int64(0)


@borrowed
def doc_of(docs: Integer, row: Integer) -> Any:
    """The doc of a row: int32 at an address, or the row itself where there is none."""
    if docs == np.int64(0):
        return row
    return load_i32(docs + np.int64(4) * row)


@borrowed
def _offer_reached(
    reached: Integer,
    tile: Float32s,
    first_row: Integer,
    query: Integer,
    sign: float,
    places: Int64s,
    weights: Integer,
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
            score /= query_norm * load_f32(weights + np.int64(4) * (first_row + r))
            doc = places[np.int64(BLOCK_ROWS) + first_row + r]
            counts[query] = offer(score, doc, counts[query], scores[query], found[query])
        r += np.int64(1)
    if counts[query] == scores.shape[1]:
        worst = scores[query, 0] * query_norm
        floors[query] = worst - abs(worst) * SLACK


@borrowed
def _gather(
    parts: Int64s,
    p: Integer,
    row: Integer,
    limit: Integer,
    row_bytes: Integer,
    metric: Integer,
    places: Int64s,
    weights: Integer,
) -> tuple[Integer, Integer, Integer]:
    """Fill a block with the next rows that may be returned.

    Returns how many there are, the row behind them, and the address of their weights: their norms
    under cosine, else the ones that are there.
    """
    start, norms, docs = parts[p, ROWS], parts[p, NORMS], parts[p, DOCS]
    live, allowed, base, n = parts[p, LIVE], parts[p, ALLOWED], parts[p, BASE], parts[p, N]
    filled = np.int64(0)
    if docs == np.int64(0) and live == np.int64(0) and allowed == np.int64(0):
        filled = min(limit, n - row)
        for r in range(filled):
            places[r] = start + (row + r) * row_bytes
            places[np.int64(BLOCK_ROWS) + r] = base + row + r
        # a block of a column that ends within a tile must not read behind the norms
        if metric == COSINE and filled & np.int64(7) == np.int64(0):
            return filled, row + filled, norms + np.int64(4) * row
        if metric == COSINE:
            move_bytes(weights, norms + np.int64(4) * row, np.int64(4) * filled)
        return filled, row + filled, weights
    while row < n and filled < limit:
        doc = doc_of(docs, row)
        if holds(live, doc) and holds(allowed, doc):
            places[filled] = start + row * row_bytes
            places[np.int64(BLOCK_ROWS) + filled] = base + doc
            if metric == COSINE:
                move_bytes(weights + np.int64(4) * filled, norms + np.int64(4) * row, np.int64(4))
            filled += np.int64(1)
        row += np.int64(1)
    return filled, row, weights


@kernel(
    "int64(int64[:,::1], int64, int64, int64, int64, int64, float64[::1], float64[:,::1],"
    " int64[:,::1], int64[::1], int64[::1], float64[::1], float32[::1])",
    borrows=True,
)
def scan(
    parts: Int64s,
    queries: Integer,
    n_queries: Integer,
    stride: Integer,
    metric: Integer,
    halves: Integer,
    query_norms: Float64s,
    scores: Float64s,
    found: Int64s,
    counts: Int64s,
    places: Int64s,
    floors: Float64s,
    tile: Float32s,
) -> Integer:
    """The best hits of all queries among the rows of all parts, best first.

    parts: [parts, PART_SLOTS], addresses of rows [n, stride], of float32 norms [n], of int32 docs
        or 0 when row r is doc r, of bitmaps over docs or 0 for all; what is added to docs; n.
    queries: address of float32 [n_queries, stride], stride a multiple of LANES. halves: whether
        rows are float16. query_norms: ones unless cosine; 0 for a query that is to be checked and
        measured here, which has no padding.
    scores, found: [n_queries, k]; counts: [n_queries], how many hits there are.
    places: [2 * BLOCK_ROWS] scratch; floors: [n_queries] scratch; tile: [16] scratch, behind it
        [BLOCK_ROWS] ones at first, and for halves [BLOCK_ROWS, stride].
    Returns 0, or -1 when a query that was to be measured is none to search for.
    """
    query_bytes = stride * np.int64(4)
    row_bytes = query_bytes >> halves
    place, out = np.int64(places.ctypes.data), np.int64(tile.ctypes.data)
    ones, wide = out + np.int64(64), out + np.int64(64 + 4 * BLOCK_ROWS)
    sign = np.float64(-1.0) if metric == EUCLIDEAN else np.float64(1.0)
    for query in range(n_queries):
        counts[query], floors[query] = np.int64(0), np.float64(-np.inf)
        if query_norms[query] == np.float64(0.0):
            squares = sum_of_squares(queries + query * query_bytes, stride)
            norm = np.float64(np.float32(np.sqrt(squares)))
            if not norm <= MAX_NORM or (metric == COSINE and norm < MIN_COSINE_NORM):
                return np.int64(-1)
            query_norms[query] = norm if metric == COSINE else np.float64(1.0)
    limit = np.int64(BLOCK_ROWS)
    # a few queries convert rows as they go, many share what is converted once
    narrow = halves != np.int64(0) and n_queries < np.int64(4)
    for p in range(parts.shape[0]):
        row = np.int64(0)
        while row < parts[p, N]:
            filled, row, weigh = _gather(parts, p, row, limit, row_bytes, metric, places, ones)
            if filled == 0:
                break
            if halves != np.int64(0) and not narrow:
                for r in range(filled):
                    widen_halves(places[r], wide + r * query_bytes, stride)
                    places[r] = wide + r * query_bytes
            # a tile that is not full repeats the last row, and its extra results are not looked at
            for extra in range(filled, (filled + np.int64(7)) & np.int64(-8)):
                places[extra] = places[filled - 1]
            asked = np.int64(0)
            while asked + np.int64(4) <= n_queries:
                at = queries + asked * query_bytes
                for r in range(np.int64(0), filled, np.int64(4)):
                    full = (np.int64(1) << min(np.int64(4), filled - r)) - np.int64(1)
                    if metric == EUCLIDEAN:
                        distance_4x4(place + np.int64(8) * r, at, query_bytes, query_bytes, out)
                    else:
                        dot_4x4(place + np.int64(8) * r, at, query_bytes, query_bytes, out)
                    for q in range(4):
                        reached = reaching_4(
                            out + np.int64(16 * q), sign, floors[asked + q], weigh + np.int64(4) * r
                        )
                        if reached & full:
                            _offer_reached(
                                reached & full, tile[4 * q : 4 * q + 4], r, asked + q, sign,
                                places, weigh, query_norms[asked + q], floors, scores, found,
                                counts,
                            )  # fmt: skip
                asked += np.int64(4)
            while asked < n_queries:
                at = queries + asked * query_bytes
                for r in range(np.int64(0), filled, np.int64(8)):
                    if narrow and metric == EUCLIDEAN:
                        half_distance_8x1(
                            place + np.int64(8) * r, at, query_bytes, query_bytes, out
                        )
                    elif narrow:
                        half_dot_8x1(place + np.int64(8) * r, at, query_bytes, query_bytes, out)
                    elif metric == EUCLIDEAN:
                        distance_8x1(place + np.int64(8) * r, at, query_bytes, query_bytes, out)
                    else:
                        dot_8x1(place + np.int64(8) * r, at, query_bytes, query_bytes, out)
                    reached = reaching_8(out, sign, floors[asked], weigh + np.int64(4) * r)
                    reached &= (np.int64(1) << min(np.int64(8), filled - r)) - np.int64(1)
                    if reached:
                        _offer_reached(
                            reached, tile, r, asked, sign, places, weigh, query_norms[asked],
                            floors, scores, found, counts,
                        )  # fmt: skip
                asked += np.int64(1)
    for query in range(n_queries):
        sort_hits(scores[query], found[query], counts[query])
    return np.int64(0)


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


@kernel("int64(Array(float32, 2, 'C', readonly=True), float32[::1])")
def measure_norms(rows: Float32s, norms: Float32s) -> Integer:
    """Euclidean norms, summed in float64; the first row with a NaN or an infinity, or -1."""
    bad = np.int64(-1)
    start, dim = np.int64(rows.ctypes.data), np.int64(rows.shape[1])
    for r in range(rows.shape[0]):
        total = sum_of_squares(start + np.int64(4) * dim * np.int64(r), dim)
        # 65,536 squares of float32 numbers cannot overflow: only a bad component is not finite
        if bad < 0 and not total <= np.float64(1.7e308):
            bad = np.int64(r)
        norms[r] = np.float32(np.sqrt(total))
    return bad
