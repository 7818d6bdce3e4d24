"""Searching an HNSW graph: candidates by codes, then the best of them by their float vectors.

    mode      candidates
    WALK      the nearest nodes, whatever they are; hidden ones are dropped at the end
    BRIDGE    a walk over visible nodes only, which steps across hidden ones to their neighbours
    SCAN      every visible row

A row is visible when a filter and the deletions let it through. All modes end alike: the float
rows of the nearest candidates are scored as the exact scan scores them, to the bit, and the k best
are kept, equal scores by ascending doc.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import inlined, kernel
from rank_retrieve.dense._exact_kernels import COSINE, EUCLIDEAN, sum_of_squares
from rank_retrieve.dense._graph_kernels import (
    CODE_BYTES,
    ENTRY,
    IDS,
    POOL,
    QUERY,
    TOP,
    TOUCHED,
    VISITED,
    Integer,
    N,
    clear_pool,
    descend,
    forget,
    links_of,
    node_of,
    prefetch_codes,
    walk,
    width_of,
)
from rank_retrieve.dense._graph_kernels import offer as offer_nodes
from rank_retrieve.dense._rescoring_kernels import (
    LIMIT,
    METRIC,
    MODE,
    VISIBLE,
    is_visible,
    rescore,
)
from rank_retrieve.dense.validate import MAX_NORM, MIN_COSINE_NORM
from rank_retrieve.simd.memory import (
    load_i32,
    load_i64,
    load_u64,
    move_bytes,
    prefetch,
    store_i8,
    store_i32,
    store_u64,
    trailing_zeros,
)
from rank_retrieve.types import Float32s, Float64s, Int64s

WALK, BRIDGE, SCAN = 0, 1, 2

SEEDS = 8  # a bridged walk that starts from fewer nodes takes samples of all visible ones
SAMPLES = 32
SCANNED_AT_ONCE = 64
ALL_COPIES = -1
LARGEST = 127.0


@inlined
def _encode_query(
    graph: Integer, work: Integer, metric: Integer, offsets: Float32s, scale: float, query: Float32s
) -> tuple[Integer, Integer]:
    """Write the query's codes; the weight of biases and the constant of its distances."""
    codes, dim = load_i64(work + QUERY), np.int64(offsets.size)
    # under cosine and dot only the direction matters, so the query has a scale of its own
    largest = np.float64(0.0)
    for j in range(dim):
        value = np.float64(query[j])
        if metric == EUCLIDEAN:
            value = (value - np.float64(offsets[j])) * scale
        largest = max(largest, abs(value))
    factor = np.float64(LARGEST) / max(largest, np.float64(1e-300))
    if metric == EUCLIDEAN:
        factor = min(factor, np.float64(1.0))
    total, squares = np.int64(0), np.int64(0)
    for j in range(dim):
        value = np.float64(query[j])
        if metric == EUCLIDEAN:
            value = (value - np.float64(offsets[j])) * scale
        code = np.int64(np.rint(value * factor))
        store_i8(codes + j, code)
        total += code
        squares += code * code
    code_bytes = load_i64(graph + CODE_BYTES)
    # Cauchy-Schwarz: no row of codes is longer than 127 sqrt(code_bytes)
    reach = np.float64(LARGEST) * np.sqrt(np.float64(squares) * np.float64(code_bytes))
    bound = np.int64(2.0 * reach) + np.int64(2)
    weight = np.int64(0)
    if metric == EUCLIDEAN:
        weight = np.int64(factor * 32768.0)
        slack = ((np.int64(16129) * code_bytes) >> np.int64(15)) + np.int64(2)
        smallest = np.float64(squares) / factor
        if smallest < np.float64(bound):
            bound = np.int64(smallest) + slack
        else:
            bound += slack
    return weight, bound + np.int64(256) * total


@inlined
def _scan(
    graph: Integer,
    work: Integer,
    visible: Integer,
    limit: Integer,
    query: Integer,
    weight: Integer,
    constant: Integer,
) -> Integer:
    """The nearest `limit` of all visible rows, into the pool; how many."""
    ids, n = load_i64(work + IDS), load_i64(graph + N)
    size, filled = np.int64(0), np.int64(0)
    clear_pool(load_i64(work + POOL), limit)
    for first in range(np.int64(0), n, np.int64(64)):
        if visible == np.int64(0):
            word = np.uint64(0xFFFFFFFFFFFFFFFF)
            if n - first < np.int64(64):
                word = (np.uint64(1) << np.uint64(n - first)) - np.uint64(1)
        else:
            word = load_u64(visible + (first >> np.int64(3)))
        while word != np.uint64(0):
            row = first + trailing_zeros(word)
            word &= word - np.uint64(1)
            store_i32(ids + np.int64(4) * filled, row)
            prefetch_codes(graph, row)
            filled += np.int64(1)
            if filled == SCANNED_AT_ONCE:
                # the last half has only just been asked for
                size, _ = offer_nodes(
                    graph, work, np.int64(0), ids, np.int64(32), query, weight, constant, size,
                    limit, np.int64(ALL_COPIES), np.int64(-1),
                )  # fmt: skip
                move_bytes(ids, ids + np.int64(128), np.int64(128))
                filled = np.int64(32)
    size, _ = offer_nodes(
        graph, work, np.int64(0), ids, filled, query, weight, constant, size, limit,
        np.int64(ALL_COPIES), np.int64(-1),
    )  # fmt: skip
    return size


@inlined
def _mark(work: Integer, n_touched: Integer, node: Integer) -> Integer:
    """Mark a node as visited; the new number of touched ones."""
    word = load_i64(work + VISITED) + np.int64(8) * (node >> np.int64(6))
    store_u64(word, load_u64(word) | (np.uint64(1) << np.uint64(node & np.int64(63))))
    store_i32(load_i64(work + TOUCHED) + np.int64(4) * n_touched, node)
    return n_touched + np.int64(1)


@inlined
def _is_marked(work: Integer, node: Integer) -> Any:
    return is_visible(load_i64(work + VISITED), node)


@inlined
def _seed(
    graph: Integer,
    work: Integer,
    visible: Integer,
    found: Integer,
    query: Integer,
    weight: Integer,
    constant: Integer,
) -> Integer:
    """Keep and mark the visible nodes of a pool of `found`; where they are few, add samples of
    all visible rows, evenly spread. The new size of the pool.
    """
    pool, size = load_i64(work + POOL), np.int64(0)
    for j in range(found):
        key = load_u64(pool + np.int64(8) * j)
        if is_visible(visible, node_of(key)):
            store_u64(pool + np.int64(8) * size, key & ~np.uint64(1))
            size = _mark(work, size, node_of(key))
    for j in range(size, max(found, size + np.int64(SAMPLES + 8))):
        store_u64(pool + np.int64(8) * j, np.uint64(0xFFFFFFFFFFFFFFFF))
    if size >= np.int64(SEEDS):
        return size
    ids, filled, word = load_i64(work + IDS), np.int64(0), np.int64(0)
    words = (load_i64(graph + N) + np.int64(63)) >> np.int64(6)
    for sample in range(np.int64(SAMPLES)):
        word = max(word, (sample * words) // np.int64(SAMPLES))
        while word < words and load_u64(visible + np.int64(8) * word) == np.uint64(0):
            word += np.int64(1)
        if word >= words:
            break
        row = np.int64(64) * word + trailing_zeros(load_u64(visible + np.int64(8) * word))
        word += np.int64(1)
        if not _is_marked(work, row):
            _mark(work, size + filled, row)
            store_i32(ids + np.int64(4) * filled, row)
            filled += np.int64(1)
    size, _ = offer_nodes(
        graph, work, np.int64(0), ids, filled, query, weight, constant, size, size + filled,
        np.int64(ALL_COPIES), np.int64(-1),
    )  # fmt: skip
    return size


@inlined
def _bridged_walk(
    graph: Integer,
    work: Integer,
    visible: Integer,
    size: Integer,
    limit: Integer,
    query: Integer,
    weight: Integer,
    constant: Integer,
) -> Integer:
    """Best-first search of layer 0 among visible rows, from a pool of seeds; its new size.

    A hidden neighbour is replaced by its own visible neighbours while those of the node are few,
    as in ACORN (Patel et al., SIGMOD 2024).
    """
    pool, ids, n = load_i64(work + POOL), load_i64(work + IDS), load_i64(graph + N)
    width = width_of(graph, np.int64(0))
    hidden = ids + np.int64(8) * width
    wanted, n_touched = width >> np.int64(1), size
    size, place = min(size, limit), np.int64(0)
    while place < size:
        key = load_u64(pool + np.int64(8) * place)
        if key & np.uint64(1):
            place += np.int64(1)
            continue
        store_u64(pool + np.int64(8) * place, key | np.uint64(1))
        links, m, n_hidden = links_of(graph, np.int64(0), node_of(key)), np.int64(0), np.int64(0)
        for j in range(width):
            node = load_i32(links + np.int64(4) * j)
            if np.uint64(node) >= np.uint64(n):
                break
            if _is_marked(work, node):
                continue
            if is_visible(visible, node):
                n_touched = _mark(work, n_touched, node)
                store_i32(ids + np.int64(4) * m, node)
                prefetch_codes(graph, node)
                m += np.int64(1)
            else:
                store_i32(hidden + np.int64(4) * n_hidden, node)
                n_hidden += np.int64(1)
        for j in range(n_hidden):
            if m >= wanted:
                break
            bridge = load_i32(hidden + np.int64(4) * j)
            ahead = load_i32(hidden + np.int64(4) * min(j + np.int64(1), n_hidden - np.int64(1)))
            prefetch(links_of(graph, np.int64(0), ahead))
            n_touched = _mark(work, n_touched, bridge)
            links = links_of(graph, np.int64(0), bridge)
            for t in range(width):
                node = load_i32(links + np.int64(4) * t)
                if np.uint64(node) >= np.uint64(n) or m >= np.int64(2) * width:
                    break
                if not _is_marked(work, node) and is_visible(visible, node):
                    n_touched = _mark(work, n_touched, node)
                    store_i32(ids + np.int64(4) * m, node)
                    prefetch_codes(graph, node)
                    m += np.int64(1)
        size, first = offer_nodes(
            graph, work, np.int64(0), ids, m, query, weight, constant, size, limit,
            np.int64(ALL_COPIES), np.int64(-1),
        )  # fmt: skip
        place = min(place + np.int64(1), first)
    forget(work, n_touched)
    return size


@kernel(
    "int64(int64[::1], int64[::1], int64[::1], Array(float32, 1, 'C', readonly=True), float64,"
    " Array(float32, 2, 'C', readonly=True), float64[::1], float64[:,::1], int64[:,::1],"
    " int64[:,::1])"
)
def search(
    graph_table: Int64s,
    work_table: Int64s,
    setting_table: Int64s,
    offsets: Float32s,
    scale: float,
    queries: Float32s,
    query_norms: Float64s,
    scores: Float64s,
    docs: Int64s,
    counts: Int64s,
) -> Integer:
    """The best docs for each query.

    graph_table, work_table, setting_table: addresses and sizes, in the order of their *_SLOTS.
    offsets, scale: of the codes. queries: [m, stride]; query_norms: [m], ones unless cosine, or
        [0] to check and measure the rows, which are then without padding.
    scores, docs: [m, k], best first; counts: [m, 2], how many there are, of how many scored.
    Returns 0, or -1 when a row that was to be measured is none to search for.
    """
    graph, work = np.int64(graph_table.ctypes.data), np.int64(work_table.ctypes.data)
    settings = np.int64(setting_table.ctypes.data)
    mode, limit = load_i64(settings + MODE), load_i64(settings + LIMIT)
    metric, visible = load_i64(settings + METRIC), load_i64(settings + VISIBLE)
    codes, bottom = load_i64(work + QUERY), np.int64(0)
    for i in range(queries.shape[0]):
        query, query_norm = queries[i], np.float64(1.0)
        if query_norms.size > 0:
            query_norm = query_norms[i]
        else:
            squares = sum_of_squares(np.int64(query.ctypes.data), np.int64(query.size))
            measured = np.float64(np.float32(np.sqrt(squares)))
            if not measured <= MAX_NORM or (metric == COSINE and measured < MIN_COSINE_NORM):
                return np.int64(-1)
            if metric == COSINE:
                query_norm = measured
        weight, constant = _encode_query(graph, work, metric, offsets, scale, query)
        if mode == SCAN:
            size = _scan(graph, work, visible, limit, codes, weight, constant)
        else:
            start = descend(
                graph, load_i64(graph + ENTRY), load_i64(graph + TOP), bottom, codes, weight,
                constant,
            )  # fmt: skip
            size = walk(
                graph, work, bottom, start, limit, codes, weight, constant, np.int64(ALL_COPIES)
            )
            if mode == BRIDGE:
                size = _seed(graph, work, visible, size, codes, weight, constant)
                size = _bridged_walk(graph, work, visible, size, limit, codes, weight, constant)
        counts[i, 0], counts[i, 1] = rescore(
            work, settings, size, np.int64(query.ctypes.data), query_norm, scores[i], docs[i]
        )
    return np.int64(0)
