"""Searching inverted lists: which lists, which of their rows by codes, which of those by floats.

    mode     candidates
    PROBE    the rows of the lists that look best, at least `n_probe` of them, and more lists until
             `needed` visible rows have been looked at or there are no more lists
    SCAN     every visible row

Costs are estimates of -(q x), or of |q - x|^2 / 2 under euclidean (`dense.pq`). Lists are taken in
the order of

    cost of the centre - SPREAD_WEIGHTS[metric] * reach * spread

where the spread of a list is the root mean square distance of its rows to the centre, and reach is
|q|, or |q - c| under euclidean: the rows of a wide list lie on both sides of its centre. Candidates
are kept in a pool of keys (cost, row) that is cut down to the best whenever it is full; so every
visible row that was looked at is kept while there are few, and no filter can starve a search.

The tables of addresses and sizes are those of *_SLOTS; the first slots of the work table are those
that `_graph_kernels` has, for `_rescoring_kernels`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import inlined, kernel
from rank_retrieve.dense._exact_kernels import COSINE, EUCLIDEAN, sum_of_squares
from rank_retrieve.dense._graph_kernels import POOL, Integer
from rank_retrieve.dense._graph_kernels import WORK_SLOTS as GRAPH_WORK_SLOTS
from rank_retrieve.dense._rescoring_kernels import (
    METRIC,
    MODE,
    VISIBLE,
    is_visible,
    rescore,
)
from rank_retrieve.dense._rescoring_kernels import SETTING_SLOTS as RESCORING_SLOTS
from rank_retrieve.dense._selection_kernels import (
    first_lists,
    more_lists,
    number_of,
    order_of,
    shrink,
)
from rank_retrieve.dense.validate import MAX_NORM, MIN_COSINE_NORM
from rank_retrieve.simd.memory import (
    count_ones,
    load_f32,
    load_i32,
    load_i64,
    load_u64,
    prefetch,
    store_i32,
    store_i64,
    store_u64,
    trailing_zeros,
)
from rank_retrieve.simd.tables import (
    BLOCK_ROWS,
    byte_sums,
    costs_below,
    quantise_8,
    quantise_16,
    table_of,
    table_sums,
)
from rank_retrieve.simd.tiles import LANES, TILE_BLOCKS, TILE_POINTS, products_one, products_tile
from rank_retrieve.types import Float32s, Float64s, Int32s, Int64s

PROBE, SCAN = 0, 1

INDEX_SLOTS = (
    "centres", "centre_blocks", "halves", "spreads", "starts", "lengths", "n_lists", "dim",
    "width", "turning", "turning_blocks", "words", "m", "part", "bits", "blocks", "block_bytes",
    "scales", "biases", "rows", "offsets",
)  # fmt: skip
(
    CENTRES, CENTRE_BLOCKS, HALVES, SPREADS, STARTS, LENGTHS, N_LISTS, DIM,
    WIDTH, TURNING, TURNING_BLOCKS, WORDS, M, PART, BITS, BLOCKS, BLOCK_BYTES,
    SCALES, BIASES, ROW_NUMBERS, OFFSETS,
) = range(0, 8 * len(INDEX_SLOTS), 8)  # fmt: skip
# settings and scratch of rescoring come first, as it expects them
SETTING_SLOTS = (*RESCORING_SLOTS, "n_probe", "needed", "kept", "n_visible", "n")
N_PROBE, NEEDED, KEPT, N_VISIBLE, ALL_ROWS = range(
    8 * len(RESCORING_SLOTS), 8 * len(SETTING_SLOTS), 8
)
_OWN_SLOTS = (
    "prepared", "turned", "products", "list_keys", "entries", "tables", "ends", "table_sums",
    "costs", "list_costs", "queries", "no_offsets",
)  # fmt: skip
WORK_SLOTS = (*GRAPH_WORK_SLOTS, *_OWN_SLOTS)
(
    PREPARED, TURNED, PRODUCTS, LIST_KEYS, ENTRIES, TABLES, ENDS, TABLE_SUMS,
    COSTS, LIST_COSTS, QUERIES, NO_OFFSETS,
) = range(8 * len(GRAPH_WORK_SLOTS), 8 * len(WORK_SLOTS), 8)  # fmt: skip

# measured: by products the spread says much, by distances little
SPREAD_WEIGHTS = (0.3, 0.3, 0.1)
PREFETCHED_BYTES = 4096  # of the next list
MOST_WIDENED = 4.0


@inlined
def _prepare(index: Integer, work: Integer, queries: Float32s, first: Integer, m: Integer) -> None:
    """Products of m queries with all centres, after turning them where there is a rotation."""
    width, dim = load_i64(index + WIDTH), load_i64(index + DIM)
    prepared, addresses = load_i64(work + PREPARED), load_i64(work + QUERIES)
    copied = min(dim, np.int64(queries.shape[1]))
    for p in range(m):
        row = prepared + np.int64(4) * p * width
        for e in range(width):
            value = np.float32(0.0)
            if e < copied:
                value = queries[first + p, e]
            store_i32(row + np.int64(4) * e, _bits(value))
    for p in range(np.int64(TILE_POINTS)):
        place = prepared + np.int64(4) * min(p, m - np.int64(1)) * width
        store_i64(addresses + np.int64(8) * p, place)
    turning = load_i64(index + TURNING)
    if turning != np.int64(0):
        turned, n_blocks = load_i64(work + TURNED), load_i64(index + TURNING_BLOCKS)
        _multiply(addresses, m, turning, n_blocks, width, turned)
        for p in range(np.int64(TILE_POINTS)):
            place = turned + np.int64(4 * LANES) * n_blocks * min(p, m - np.int64(1))
            store_i64(addresses + np.int64(8) * p, place)
    _multiply(
        addresses,
        m,
        load_i64(index + CENTRES),
        load_i64(index + CENTRE_BLOCKS),
        width,
        load_i64(work + PRODUCTS),
    )


@inlined
def _bits(value: Any) -> Integer:
    return np.int64(np.float32(value).view(np.int32))


@inlined
def _multiply(
    addresses: Integer, m: Integer, blocks: Integer, n_blocks: Integer, dim: Integer, out: Integer
) -> None:
    """Products of m points with all blocks: float32 [m, LANES n_blocks]."""
    line, block_bytes = np.int64(4 * LANES), np.int64(4 * LANES) * dim
    out_bytes = line * n_blocks
    if m == np.int64(1):
        for b in range(np.int64(0), n_blocks, np.int64(4)):
            products_one(
                addresses, blocks + b * block_bytes, block_bytes, dim, out + b * line, out_bytes
            )
        return
    for b in range(np.int64(0), n_blocks, np.int64(TILE_BLOCKS)):
        products_tile(
            addresses, blocks + b * block_bytes, block_bytes, dim, out + b * line, out_bytes
        )


@inlined
def _order_lists(
    index: Integer, work: Integer, orders: Int32s, p: Integer, metric: Integer, length: float
) -> None:
    """What lists are ordered by, and the costs of their centres, for query p of the tile."""
    n_lists = load_i64(index + N_LISTS)
    halves, spreads = load_i64(index + HALVES), load_i64(index + SPREADS)
    products = load_i64(work + PRODUCTS)
    products += np.int64(4 * LANES) * load_i64(index + CENTRE_BLOCKS) * p
    costs = load_i64(work + LIST_COSTS)
    half = np.float32(0.5 * length * length)
    weight = np.float32(SPREAD_WEIGHTS[metric])
    reach = weight * np.float32(length)
    for number in range(n_lists):
        at = np.int64(4) * number
        cost = -np.float32(load_f32(products + at))
        spread = np.float32(load_f32(spreads + at))
        if metric == EUCLIDEAN:
            cost = max(half + (cost + np.float32(load_f32(halves + at))), np.float32(0.0))
            reach = weight * np.float32(np.sqrt(np.float32(2.0) * cost))
        store_i32(costs + at, _bits(cost))
        orders[number] = np.int32(order_of(_bits(cost - reach * spread)))


@inlined
def _make_tables(index: Integer, work: Integer, query: Integer) -> tuple[Any, Any]:
    """Tables of products of a query with all words, as integers; their base and their unit.

    A sum s of entries stands for the product (s - base) * unit.
    """
    m, part = load_i64(index + M), load_i64(index + PART)
    words, bits = load_i64(index + WORDS), load_i64(index + BITS)
    entries, ends, tables = (
        load_i64(work + ENTRIES),
        load_i64(work + ENDS),
        load_i64(work + TABLES),
    )
    n_words = np.int64(1) << bits
    widest, total = np.float32(0.0), np.float64(0.0)
    for j in range(m):
        table_of(
            query + np.int64(4) * j * part,
            words + np.int64(4) * j * part * n_words,
            part,
            n_words,
            entries + np.int64(4) * j * n_words,
            ends + np.int64(8) * j,
        )
        least = load_f32(ends + np.int64(8) * j)
        total += least
        widest = max(widest, np.float32(load_f32(ends + np.int64(8) * j + np.int64(4)) - least))
    # sums of all tables stay below 2^16
    top = np.float32(255.0) if bits == np.int64(4) else np.float32(np.int64(65535) // m)
    unit = widest / top
    if not (unit > np.float32(1e-37) and unit < np.float32(1e37)):
        unit = np.float32(1.0)
    factor = np.float32(1.0) / unit
    for j in range(m):
        least = np.float32(load_f32(ends + np.int64(8) * j))
        at = entries + np.int64(4) * j * n_words
        if bits == np.int64(4):
            quantise_8(at, n_words, least, factor, tables + j * n_words)
        else:
            quantise_16(at, n_words, least, factor, tables + np.int64(2) * j * n_words)
    return np.float32(-total / np.float64(unit)), unit


@inlined
def _visible_lanes(visible: Integer, rows: Integer, lanes: Any) -> Any:
    """Those of some lanes of a block whose rows are visible."""
    found, left = np.uint64(0), lanes
    while left != np.uint64(0):
        lane = trailing_zeros(left)
        left &= left - np.uint64(1)
        if is_visible(visible, load_i32(rows + np.int64(4) * lane)):
            found |= np.uint64(1) << np.uint64(lane)
    return found


@inlined
def _needed_where_few(
    settings: Integer, looked_at: Integer, seen: Integer, needed: Integer
) -> Integer:
    """How many visible rows to look at, after the first lists held `seen` among `looked_at` rows.

    Where visible rows are rarer than elsewhere, the nearest of them are far, and all about as far:
    the order of lists says little, and more of them have to be looked at.
    """
    n_visible = load_i64(settings + N_VISIBLE)
    expected = (
        np.float64(looked_at) * np.float64(n_visible) / np.float64(load_i64(settings + ALL_ROWS))
    )
    factor = np.float64(MOST_WIDENED)
    if np.float64(seen) * factor > expected:
        factor = max(expected / np.float64(max(seen, np.int64(1))), np.float64(1.0))
    return min(n_visible, np.int64(np.float64(needed) * factor))


@inlined
def _probe(
    index: Integer,
    work: Integer,
    settings: Integer,
    products: Integer,
    base: float,
    unit: float,
    orders: Int32s,
    pool_costs: Int32s,
    pool_rows: Int32s,
) -> Integer:
    """The best candidates of the lists that are looked at, into the pool; how many."""
    metric, visible = load_i64(settings + METRIC), load_i64(settings + VISIBLE)
    kept, capacity = load_i64(settings + KEPT), np.int64(pool_costs.size)
    needed, n_lists = load_i64(settings + NEEDED), load_i64(index + N_LISTS)
    asked = min(load_i64(settings + N_PROBE), n_lists)
    keys = load_i64(work + LIST_KEYS)
    codes, block_bytes = load_i64(index + BLOCKS), load_i64(index + BLOCK_BYTES)
    starts, lengths = load_i64(index + STARTS), load_i64(index + LENGTHS)
    scales, biases = load_i64(index + SCALES), load_i64(index + BIASES)
    offsets, no_offsets = load_i64(index + OFFSETS), load_i64(work + NO_OFFSETS)
    numbers, tables = load_i64(index + ROW_NUMBERS), load_i64(work + TABLES)
    sums, costs = load_i64(work + TABLE_SUMS), load_i64(work + COSTS)
    list_costs, halves = load_i64(work + LIST_COSTS), load_i64(index + HALVES)
    bits, m = load_i64(index + BITS), load_i64(index + M)
    groups = (m + np.int64(3)) >> np.int64(2)
    size, seen, done = np.int64(0), np.int64(0), np.int64(0)
    limit: Any = np.float32(np.inf)
    chosen = asked
    first_lists(orders, asked, keys)
    looked_at = np.int64(0)
    while True:
        while done < chosen and (done < asked or seen < needed):
            number = number_of(load_u64(keys + np.int64(8) * done))
            done += np.int64(1)
            if done < chosen:
                ahead = number_of(load_u64(keys + np.int64(8) * done))
                start = codes + load_i64(starts + np.int64(8) * ahead) * block_bytes
                size_ahead = load_i64(lengths + np.int64(8) * ahead) + np.int64(BLOCK_ROWS - 1)
                size_ahead = (size_ahead >> np.int64(5)) * block_bytes
                for at in range(
                    np.int64(0), min(size_ahead, np.int64(PREFETCHED_BYTES)), np.int64(64)
                ):
                    prefetch(start + at)
            cost = np.float32(load_f32(list_costs + np.int64(4) * number))
            half = np.float32(load_f32(halves + np.int64(4) * number))
            weight = np.float32(0.0)
            if half > np.float32(0.0):
                product = np.float32(load_f32(products + np.int64(4) * number))
                weight = product / (half + half)
            left = load_i64(lengths + np.int64(8) * number)
            looked_at += left
            block = codes + load_i64(starts + np.int64(8) * number) * block_bytes
            while left > np.int64(0):
                lanes = np.uint64(0xFFFFFFFF)
                if left < np.int64(BLOCK_ROWS):
                    lanes = (np.uint64(1) << np.uint64(left)) - np.uint64(1)
                left -= np.int64(BLOCK_ROWS)
                here = block
                block += block_bytes
                if visible != np.int64(0):
                    lanes = _visible_lanes(visible, here + numbers, lanes)
                    if lanes == np.uint64(0):
                        continue
                seen += count_ones(lanes)
                if bits == np.int64(4):
                    table_sums(here, tables, groups, sums)
                else:
                    byte_sums(here, tables, m, sums)
                offset = no_offsets
                if metric == EUCLIDEAN:
                    offset = here + offsets
                found = costs_below(
                    sums,
                    base,
                    unit,
                    cost,
                    weight,
                    here + scales,
                    here + biases,
                    offset,
                    limit,
                    costs,
                )
                good = lanes & np.uint64(found)
                while good != np.uint64(0):
                    lane = np.int64(4) * trailing_zeros(good)
                    good &= good - np.uint64(1)
                    pool_costs[size] = np.int32(order_of(load_i32(costs + lane)))
                    pool_rows[size] = np.int32(load_i32(here + numbers + lane))
                    size += np.int64(1)
                if size > capacity - np.int64(BLOCK_ROWS):
                    size, bound = shrink(pool_costs, pool_rows, size, kept)
                    store_i32(costs, order_of(bound))
                    limit = np.float32(load_f32(costs))
        if done == asked and visible != np.int64(0):
            needed = _needed_where_few(settings, looked_at, seen, needed)
        if done == n_lists or seen >= needed:
            break
        chosen = min(n_lists, np.int64(2) * done)
        more_lists(orders, done, chosen - done, keys)
    if size > kept:
        size, bound = shrink(pool_costs, pool_rows, size, kept)
    pool = load_i64(work + POOL)
    for i in range(size):
        store_u64(pool + np.int64(8) * i, np.uint64(pool_rows[i]) << np.uint64(1))
    return size


@inlined
def _all_visible(work: Integer, settings: Integer, n: Integer) -> Integer:
    """All visible rows below n, into the pool; how many."""
    pool, visible, size = load_i64(work + POOL), load_i64(settings + VISIBLE), np.int64(0)
    for first in range(np.int64(0), n, np.int64(64)):
        word = np.uint64(0xFFFFFFFFFFFFFFFF)
        if n - first < np.int64(64):
            word = (np.uint64(1) << np.uint64(n - first)) - np.uint64(1)
        if visible != np.int64(0):
            word &= load_u64(visible + (first >> np.int64(3)))
        while word != np.uint64(0):
            row = first + trailing_zeros(word)
            word &= word - np.uint64(1)
            store_u64(pool + np.int64(8) * size, np.uint64(row) << np.uint64(1))
            size += np.int64(1)
    return size


@kernel(
    "int64(int64[::1], int64[::1], int64[::1], int64, int32[::1], int32[::1], int32[::1],"
    " Array(float32, 2, 'C', readonly=True), float64[::1], float64[::1], float64[:,::1],"
    " int64[:,::1], int64[:,::1])"
)
def search(
    index_table: Int64s,
    work_table: Int64s,
    setting_table: Int64s,
    n: Integer,
    orders: Int32s,
    pool_costs: Int32s,
    pool_rows: Int32s,
    queries: Float32s,
    norms: Float64s,
    lengths: Float64s,
    scores: Float64s,
    docs: Int64s,
    counts: Int64s,
) -> Integer:
    """The best docs for each query.

    index_table, work_table, setting_table: see the module. n: rows of the column.
    orders: [n_lists]; pool_costs, pool_rows: [kept + kept / 8 + 2 * BLOCK_ROWS or more], scratch.
    queries: [m, stride]; norms: [m], ones unless cosine; lengths: [m], Euclidean norms, or [0] to
        check the rows and measure both, as `dense.validate` does.
    scores, docs: [m, k], best first; counts: [m, 2], how many there are, of how many scored.
    Returns 0, or -1 when a row that was to be measured is none to search for.
    """
    index, work = np.int64(index_table.ctypes.data), np.int64(work_table.ctypes.data)
    settings = np.int64(setting_table.ctypes.data)
    mode, metric = load_i64(settings + MODE), load_i64(settings + METRIC)
    total, row_items = np.int64(queries.shape[0]), np.int64(queries.shape[1])
    product_bytes = np.int64(4 * LANES) * load_i64(index + CENTRE_BLOCKS)
    for first in range(np.int64(0), total, np.int64(TILE_POINTS)):
        m = min(np.int64(TILE_POINTS), total - first)
        if mode == PROBE:
            _prepare(index, work, queries, first, m)
        for p in range(m):
            i = first + p
            start = np.int64(queries.ctypes.data) + np.int64(4) * i * row_items
            norm, length = np.float64(1.0), np.float64(1.0)
            if lengths.size > 0:
                norm, length = norms[i], lengths[i]
            else:
                squares = sum_of_squares(start, row_items)
                length = np.float64(np.float32(np.sqrt(squares)))
                if not length <= MAX_NORM or (metric == COSINE and length < MIN_COSINE_NORM):
                    return np.int64(-1)
                if metric == COSINE:
                    norm = length
            if mode == PROBE:
                _order_lists(index, work, orders, p, metric, length)
                query = load_i64(load_i64(work + QUERIES) + np.int64(8) * p)
                base, unit = _make_tables(index, work, query)
                products = load_i64(work + PRODUCTS) + p * product_bytes
                size = _probe(
                    index, work, settings, products, base, unit, orders, pool_costs, pool_rows
                )
            else:
                size = _all_visible(work, settings, n)
            counts[i, 0], counts[i, 1] = rescore(
                work, settings, size, start, norm, scores[i], docs[i]
            )
    return np.int64(0)
