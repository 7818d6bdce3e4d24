"""Kernels of the exact scan by eight-bit codes: rows that cannot be among the best are not read.

With a row y = x - offsets (x of unit length under cosine), codes c of it and steps s of each
component, and a query p whose weights p s have codes r in units of u,

    y p = u (c r) + (c f) + (e p),     f = p s - u r,     e = y - c s

so by Cauchy and Schwarz no product is above u (c r) + |c| |f| + |e| |p|. Where that, turned into a
score, is below the worst of the k best scores so far, the row is passed over; the others are scored
by their own numbers, as `_exact_kernels.scan` scores them, to the bit. So nothing is missed.

    metric      score           bound, with q p as below
    cosine      x q             p = q of unit length;  bound of y p, and offsets q
    dot         x q             p = q;                 bound of y p, and offsets q
    euclidean   -|x - q|^2      p = q - offsets;       twice the bound of y p, - |y|^2 - |p|^2

Bounds are computed in float32. What rounding may take from them, or add to a score, is added to
errors and constants beforehand (`rounding_of`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import borrowed, kernel
from rank_retrieve.dense._exact_kernels import (
    COSINE,
    EUCLIDEAN,
    Integer,
    doc_of,
    offer,
    sort_hits,
)
from rank_retrieve.simd.code_tiles import (
    TILE_BLOCKS,
    TILE_QUERIES,
    bound_reaches,
    code_tile_4x1,
    code_tile_many,
)
from rank_retrieve.simd.floats import distance_8x1, dot_8x1
from rank_retrieve.simd.halves import widen_halves
from rank_retrieve.simd.memory import (
    load_f32,
    load_u64,
    prefetch,
    store_i8,
    store_i32,
    trailing_zeros,
)
from rank_retrieve.types import Float32s, Float64s, Int64s, UInt8s

LANES = 16
LARGEST = 127.0
PANEL_BYTES = 1 << 18  # of codes that stay in the cache while all queries pass over them
PENDING = 8

TABLE_SLOTS = (
    "codes", "errors", "lengths", "biases", "bias_step", "offsets", "steps", "n", "dim",
    "rows", "norms", "docs", "base", "visible", "row_bytes", "query_bytes", "metric",
)  # fmt: skip
(
    CODES, ERRORS, LENGTHS, BIASES, BIAS_STEP, OFFSETS, STEPS, N, DIM,
    ROWS, NORMS, DOCS, BASE, VISIBLE, ROW_BYTES, QUERY_BYTES, METRIC,
) = range(len(TABLE_SLOTS))  # fmt: skip

BOUND_BYTES = 24  # of `code_tiles.BOUND_SLOTS`
PER_ERROR, PER_LENGTH, CONSTANT, FLOOR, OFFSET = range(1, 6)


@borrowed
def rounding_of(dim: Integer) -> Any:
    """What float32 arithmetic over so many components may be off, relative to its largest terms."""
    return (np.float64(dim) / np.float64(16.0) + np.float64(32.0)) * np.float64(2.0**-22)


@kernel(
    "void(Array(float32, 2, 'C', readonly=True), Array(float32, 1, 'C', readonly=True), int64,"
    " Array(float32, 1, 'C', readonly=True), Array(float32, 1, 'C', readonly=True), int64,"
    " uint8[:,:,:,::1], float32[::1], float32[::1], float32[::1])"
)
def encode_blocks(
    rows: Float32s,
    norms: Float32s,
    metric: Integer,
    offsets: Float32s,
    steps: Float32s,
    first: Integer,
    codes: UInt8s,
    errors: Float32s,
    lengths: Float32s,
    biases: Float32s,
) -> None:
    """Codes of rows, and what bounds need of each.

    rows: [n, dim or more]; norms: [n]; offsets, steps: [dim]; first: the number of row 0.
    codes: [blocks, groups, 16, 4], unsigned, 128 is 0; errors, lengths: [16 blocks];
        biases: the same under euclidean, else [0].
    """
    dim = np.int64(offsets.size)
    slack = rounding_of(dim)
    for r in range(rows.shape[0]):
        number = first + np.int64(r)
        block, lane = number >> np.int64(4), number & np.int64(15)
        factor = np.float64(1.0)
        if metric == COSINE:
            factor = np.float64(1.0) / np.float64(norms[r])
        error = length = whole = np.float64(0.0)
        for j in range(dim):
            value = np.float64(rows[r, j]) * factor - np.float64(offsets[j])
            code = np.rint(value / np.float64(steps[j]))
            code = min(max(code, np.float64(-LARGEST)), np.float64(LARGEST))
            rest = value - code * np.float64(steps[j])
            error += rest * rest
            length += code * code
            whole += value * value
            codes[block, j >> np.int64(2), lane, j & np.int64(3)] = np.uint8(
                np.int64(code) + np.int64(128)
            )
        # of a unit vector under cosine
        size = np.sqrt(whole) + np.float64(norms[r]) * factor
        errors[number] = np.float32(np.sqrt(error) * np.float64(1.0 + 2.0**-20) + slack * size)
        lengths[number] = np.float32(np.sqrt(length) * np.float64(1.0 + 2.0**-20))
        if metric == EUCLIDEAN:
            biases[number] = np.float32(-whole * np.float64(1.0 - 2.0**-20))


@borrowed
def _encode_query(
    table: Int64s,
    query: Integer,
    query_norm: float,
    codes: Integer,
    weights: Float64s,
    bounds: Float32s,
    at: Integer,
) -> None:
    """Write the codes of a query, and its bound from slot `at` on."""
    dim, metric = table[DIM], table[METRIC]
    largest = product = square = np.float64(0.0)
    for j in range(dim):
        offset = load_f32(table[OFFSETS] + np.int64(4) * j)
        value = load_f32(query + np.int64(4) * j)
        if metric == COSINE:
            value /= query_norm
        if metric == EUCLIDEAN:
            value -= offset
        product += offset * value
        square += value * value
        weights[j] = value * load_f32(table[STEPS] + np.int64(4) * j)
        largest = max(largest, abs(weights[j]))
    unit = np.float64(1.0)
    if largest > np.float64(0.0):
        unit = largest / np.float64(LARGEST)
    rest, total = np.float64(0.0), np.int64(0)
    for j in range(dim):
        code = np.rint(weights[j] / unit)
        code = min(max(code, np.float64(-LARGEST)), np.float64(LARGEST))
        store_i8(codes + j, np.int64(code))
        total += np.int64(code)
        rest += (weights[j] - unit * code) * (weights[j] - unit * code)
    times = np.float64(2.0) if metric == EUCLIDEAN else np.float64(1.0)
    constant = -square if metric == EUCLIDEAN else product
    slack = np.float64(1.0 + 2.0**-20)
    bounds[at] = np.float32(times * unit)
    bounds[at + PER_ERROR] = np.float32(times * np.sqrt(square) * slack)
    bounds[at + PER_LENGTH] = np.float32(times * np.sqrt(rest) * slack)
    bounds[at + CONSTANT] = np.float32(constant + abs(constant) * np.float64(2.0**-20))
    bounds[at + FLOOR] = np.float32(-np.inf)
    store_i32(np.int64(bounds.ctypes.data) + np.int64(4) * (at + OFFSET), np.int64(128) * total)


@borrowed
def _score_pending(
    table: Int64s,
    q: Integer,
    query: Integer,
    query_norm: float,
    pending: Int64s,
    places: Int64s,
    tile: Float32s,
    bounds: Float32s,
    scores: Float64s,
    docs: Int64s,
    counts: Int64s,
) -> None:
    """Score the rows that wait for one query, keep the best, and raise the query's floor."""
    query_bytes, row_bytes, metric = table[QUERY_BYTES], table[ROW_BYTES], table[METRIC]
    place, out = np.int64(places.ctypes.data), np.int64(tile.ctypes.data)
    n = pending[0]
    for j in range(np.int64(PENDING)):
        row = pending[np.int64(1) + min(np.int64(j), n - np.int64(1))]
        places[j] = table[ROWS] + row * row_bytes
        if row_bytes < query_bytes:
            wide = out + np.int64(64) + np.int64(j) * query_bytes
            widen_halves(places[j], wide, query_bytes >> np.int64(2))
            places[j] = wide
    if metric == EUCLIDEAN:
        distance_8x1(place, query, query_bytes, query_bytes, out)
    else:
        dot_8x1(place, query, query_bytes, query_bytes, out)
    for j in range(n):
        row = pending[np.int64(1) + j]
        raw = np.float64(tile[j])
        score = np.float64(0.0) + raw
        if metric == EUCLIDEAN:
            score = np.float64(0.0) - raw
        elif metric == COSINE:
            score = raw / (query_norm * load_f32(table[NORMS] + np.int64(4) * row))
        doc = table[BASE] + doc_of(table[DOCS], row)
        counts[q] = offer(score, doc, counts[q], scores[q], docs[q])
    pending[0] = np.int64(0)
    if counts[q] == scores.shape[1]:
        worst = scores[q, 0]
        # under euclidean a computed distance is off by that share of itself
        worst -= abs(worst) * rounding_of(table[DIM])
        bounds[np.int64(6) * q + np.int64(FLOOR)] = np.float32(worst)


@borrowed
def _take(
    table: Int64s,
    mask: Integer,
    first: Integer,
    q: Integer,
    query: Integer,
    query_norm: float,
    pending: Int64s,
    places: Int64s,
    tile: Float32s,
    bounds: Float32s,
    scores: Float64s,
    docs: Int64s,
    counts: Int64s,
) -> None:
    """Let the rows of a block whose bits are set wait to be scored, if they may be returned."""
    visible, n = table[VISIBLE], table[N]
    bits = np.uint64(mask)
    while bits != np.uint64(0):
        row = first + trailing_zeros(bits)
        bits &= bits - np.uint64(1)
        if row >= n:
            break
        if visible != np.int64(0):
            word = load_u64(visible + np.int64(8) * (row >> np.int64(6)))
            if (word >> np.uint64(row & np.int64(63))) & np.uint64(1) == np.uint64(0):
                continue
        pending[0] += np.int64(1)
        pending[pending[0]] = row
        for line in range(np.int64(0), min(table[ROW_BYTES], np.int64(1024)), np.int64(64)):
            prefetch(table[ROWS] + row * table[ROW_BYTES] + line)
        if pending[0] == np.int64(PENDING):
            _score_pending(
                table, q, query, query_norm, pending, places, tile, bounds, scores, docs, counts
            )


@borrowed
def _visible_blocks(visible: Integer, block: Integer, n_blocks: Integer) -> Any:
    """Whether one of some blocks, up to four from a multiple of four on, holds a visible row."""
    if visible == np.int64(0):
        return True
    word = load_u64(visible + np.int64(8) * (block >> np.int64(2)))
    width = np.uint64(16) * np.uint64(n_blocks)
    word >>= np.uint64(16) * np.uint64(block & np.int64(3))
    if width < np.uint64(64):
        word &= (np.uint64(1) << width) - np.uint64(1)
    return word != np.uint64(0)


@kernel(
    "void(int64[::1], float32[:,::1], float64[::1], float64[:,::1], int64[:,::1], int64[::1],"
    " int8[:,::1], float64[::1], float32[::1], int64[:,::1], int64[::1], float32[::1],"
    " int32[::1])",
    borrows=True,
)
def screen(
    table: Int64s,
    queries: Float32s,
    query_norms: Float64s,
    scores: Float64s,
    docs: Int64s,
    counts: Int64s,
    codes: Any,
    weights: Float64s,
    bounds: Float32s,
    pending: Int64s,
    places: Int64s,
    tile: Float32s,
    sums: Any,
) -> None:
    """The best hits of all queries among the rows of one column, best first.

    table: addresses and sizes in the order of TABLE_SLOTS; docs and visible may be 0.
    queries: [m, stride]; query_norms: [m], ones unless cosine; scores, docs: [m, k];
        counts: [m], how many hits there are.
    codes: [m or more, 4 * groups], zeros; the rest is scratch: weights: [dim]; bounds: [6 m];
        pending: [m, 9], zeros; places: [8]; tile: [16], behind it [8, stride] for float16;
        sums: [16 TILE_BLOCKS TILE_QUERIES].
    """
    m, query_bytes, n = np.int64(queries.shape[0]), table[QUERY_BYTES], table[N]
    code_bytes = np.int64(codes.shape[1])
    groups = code_bytes >> np.int64(2)
    block_bytes, visible = np.int64(64) * groups, table[VISIBLE]
    asked, coded = np.int64(queries.ctypes.data), np.int64(codes.ctypes.data)
    out, bound = np.int64(sums.ctypes.data), np.int64(bounds.ctypes.data)
    for q in range(m):
        counts[q] = np.int64(0)
        _encode_query(
            table, asked + q * query_bytes, query_norms[q], coded + q * code_bytes, weights, bounds,
            np.int64(6) * q,
        )  # fmt: skip
    n_blocks = ((n + np.int64(63)) >> np.int64(6)) << np.int64(2)
    panel = max(np.int64(4), (np.int64(PANEL_BYTES) // block_bytes) & np.int64(-4))
    together = np.int64(TILE_QUERIES)
    for start in range(np.int64(0), n_blocks, panel):
        stop, asks = min(start + panel, n_blocks), np.int64(0)
        while asks + together <= m:
            for block in range(start, stop, np.int64(TILE_BLOCKS)):
                if not _visible_blocks(visible, block, np.int64(TILE_BLOCKS)):
                    continue
                code_tile_many(
                    table[CODES] + block * block_bytes, block_bytes, coded + asks * code_bytes,
                    code_bytes, groups, out,
                )  # fmt: skip
                for t in range(np.int64(TILE_QUERIES)):
                    for b in range(np.int64(TILE_BLOCKS)):
                        first = np.int64(LANES) * (block + b)
                        mask = bound_reaches(
                            out + np.int64(64) * (np.int64(TILE_BLOCKS) * t + b),
                            table[ERRORS] + np.int64(4) * first,
                            table[LENGTHS] + np.int64(4) * first,
                            table[BIASES] + table[BIAS_STEP] * first,
                            bound + np.int64(BOUND_BYTES) * (asks + t),
                        )
                        if mask != np.int64(0):
                            _take(
                                table, mask, first, asks + t,
                                asked + (asks + t) * query_bytes,
                                query_norms[asks + t], pending[asks + t], places, tile, bounds,
                                scores, docs, counts,
                            )  # fmt: skip
            asks += together
        while asks < m:
            for block in range(start, stop, np.int64(4)):
                if not _visible_blocks(visible, block, np.int64(4)):
                    continue
                code_tile_4x1(
                    table[CODES] + block * block_bytes, block_bytes, coded + asks * code_bytes,
                    code_bytes, groups, out,
                )  # fmt: skip
                for b in range(np.int64(4)):
                    first = np.int64(LANES) * (block + b)
                    mask = bound_reaches(
                        out + np.int64(64) * b,
                        table[ERRORS] + np.int64(4) * first,
                        table[LENGTHS] + np.int64(4) * first,
                        table[BIASES] + table[BIAS_STEP] * first,
                        bound + np.int64(BOUND_BYTES) * asks,
                    )
                    if mask != np.int64(0):
                        _take(
                            table, mask, first, asks, asked + asks * query_bytes, query_norms[asks],
                            pending[asks], places, tile, bounds, scores, docs, counts,
                        )  # fmt: skip
            asks += np.int64(1)
    for q in range(m):
        if pending[q, 0] > np.int64(0):
            _score_pending(
                table, q, asked + q * query_bytes, query_norms[q], pending[q], places, tile, bounds,
                scores, docs, counts,
            )  # fmt: skip
        sort_hits(scores[q], docs[q], counts[q])
