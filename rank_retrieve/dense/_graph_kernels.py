"""What every walk over an HNSW graph is made of: distances, the pool, the walk, the selection.

A graph is a table of int64 (`GRAPH_SLOTS`): addresses and sizes of its arrays. Layer 0 names its
nodes by row; the layers above name theirs by *position*, their place in the list of the nodes
that reach higher, so that the small upper layers need no table over all rows. Lists of links have
a fixed width and end at their first entry that is no node: -1, or whatever a damaged file holds.
Every link is compared with the number of nodes before it is followed.

The pool of a walk is one sorted array of uint64,

    bit   63..32      31..1   0
          distance    node    1 when its links have been followed

so that a comparison of keys orders by distance, then node. Eight zeros lie before it
(`simd.pools`).

A distance is an integer over eight-bit codes: with unsigned codes u = s + 128 of a row, signed
codes q of a query and the row's bias b,

    distance = (b * weight >> 15) + constant - 2 * sum u q

which orders rows like the squared distance, or like the dot product when weight is 0. The caller
chooses `constant` so that no distance is negative or reaches 2^32.

Malkov & Yashunin, "Efficient and robust approximate nearest neighbor search using Hierarchical
Navigable Small World graphs", IEEE TPAMI 2020: algorithm 2 is `walk`, algorithm 4 `select`.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from rank_retrieve._numba import inlined
from rank_retrieve.simd.floats import code_dot, code_dots_4, flip_codes
from rank_retrieve.simd.memory import (
    load_i32,
    load_i64,
    load_u64,
    move_bytes,
    prefetch,
    store_i32,
    store_i64,
    store_u64,
)
from rank_retrieve.simd.pools import insert_step

GRAPH_SLOTS = (
    "codes", "code_bytes", "bias", "bias_step", "links", "link_bytes", "n",
    "upper_links", "upper_bytes", "upper_nodes", "upper_starts", "n_upper", "n_upper_rows",
    "top", "entry",
)  # fmt: skip
WORK_SLOTS = (
    "pool", "visited", "touched", "ids", "addresses", "sums", "query", "other_query",
    "chosen", "keys", "wide",
)  # fmt: skip

# offsets in bytes into the two tables
CODES, CODE_BYTES, BIAS, BIAS_STEP, LINKS, LINK_BYTES, N = range(0, 56, 8)
UPPER_LINKS, UPPER_BYTES, UPPER_NODES, UPPER_STARTS, N_UPPER, N_UPPER_ROWS = range(56, 104, 8)
TOP, ENTRY = 104, 112
POOL, VISITED, TOUCHED, IDS, ADDRESSES, SUMS, QUERY, OTHER_QUERY = range(0, 64, 8)
CHOSEN, KEYS, WIDE = range(64, 88, 8)

WHOLE = 1 << 15  # the weight of a bias that counts in full
PREFETCHED_BYTES = 1024
COPIES = 16
AT_ONCE = 2
NODE_BITS = 0xFFFFFFFF

# int64 to Numba; a NumPy scalar or an int when a kernel runs as plain Python
Integer: TypeAlias = Any


@inlined
def key_of(distance: Integer, node: Integer) -> Any:
    """A pool key whose node's links have not been followed."""
    return (np.uint64(distance) << np.uint64(32)) | (np.uint64(node) << np.uint64(1))


@inlined
def node_of(key: Any) -> Integer:
    """The node of a pool key."""
    return np.int64((key & np.uint64(NODE_BITS)) >> np.uint64(1))


@inlined
def row_of(graph: Integer, layer: Integer, node: Integer) -> Integer:
    """The row of a node of a layer."""
    if layer == np.int64(0):
        return node
    return load_i32(load_i64(graph + UPPER_NODES) + np.int64(4) * node)


@inlined
def links_of(graph: Integer, layer: Integer, node: Integer) -> Integer:
    """The address of a node's links; 0 where a damaged file leads to a layer it is not on."""
    if layer == np.int64(0):
        return load_i64(graph + LINKS) + node * load_i64(graph + LINK_BYTES)
    start = load_i32(load_i64(graph + UPPER_STARTS) + np.int64(4) * node)
    place = start + layer - np.int64(1)
    if place >= load_i64(graph + N_UPPER_ROWS):
        return np.int64(0)
    return load_i64(graph + UPPER_LINKS) + place * load_i64(graph + UPPER_BYTES)


@inlined
def width_of(graph: Integer, layer: Integer) -> Integer:
    """How many links a node of a layer may have."""
    if layer == np.int64(0):
        return load_i64(graph + LINK_BYTES) >> np.int64(2)
    return load_i64(graph + UPPER_BYTES) >> np.int64(2)


@inlined
def nodes_on(graph: Integer, layer: Integer) -> Integer:
    """The bound that a link of a layer must stay below."""
    if layer == np.int64(0):
        return load_i64(graph + N)
    return load_i64(graph + N_UPPER)


@inlined
def distance_to(
    graph: Integer, row: Integer, query: Integer, weight: Integer, constant: Integer
) -> Integer:
    """The distance of one row from the query whose codes are at an address."""
    code_bytes = load_i64(graph + CODE_BYTES)
    bias = load_i32(load_i64(graph + BIAS) + row * load_i64(graph + BIAS_STEP))
    dot = code_dot(load_i64(graph + CODES) + row * code_bytes, query, code_bytes)
    return ((bias * weight) >> np.int64(15)) + constant - np.int64(2) * dot


@inlined
def insert(pool: Integer, size: Integer, limit: Integer, key: Any) -> Integer:
    """Put a key into a sorted pool, over the last one when it is full; its place.

    What lies behind the last key, up to the end of its block, is not less than any key.
    """
    last = min(size, limit - np.int64(1))
    for block in range(last >> np.int64(3), np.int64(-1), np.int64(-1)):
        smaller = insert_step(pool + np.int64(64) * block, key)
        if smaller > np.int64(0):
            return np.int64(8) * block + smaller
    return np.int64(0)


@inlined
def clear_pool(pool: Integer, limit: Integer) -> None:
    """Fill a pool with keys that are greater than any."""
    for place in range((limit + np.int64(8)) & np.int64(-8)):
        store_u64(pool + np.int64(8) * place, np.uint64(0xFFFFFFFFFFFFFFFF))


@inlined
def prefetch_codes(graph: Integer, row: Integer) -> None:
    """Ask for a row of codes, and its bias."""
    bias_step = load_i64(graph + BIAS_STEP)
    if bias_step != np.int64(0):
        prefetch(load_i64(graph + BIAS) + row * bias_step)
    code_bytes = load_i64(graph + CODE_BYTES)
    start = load_i64(graph + CODES) + row * code_bytes
    for at in range(np.int64(0), min(code_bytes, np.int64(PREFETCHED_BYTES)), np.int64(64)):
        prefetch(start + at)


@inlined
def offer(
    graph: Integer,
    work: Integer,
    layer: Integer,
    ids: Integer,
    m: Integer,
    query: Integer,
    weight: Integer,
    constant: Integer,
    size: Integer,
    limit: Integer,
    own: Integer,
    near: Integer,
) -> tuple[Integer, Integer]:
    """Offer m nodes, int32 at an address, to the pool; its new size and the first place taken.

    own: the distance of a copy of the query, of which COPIES are enough; -1 to take all.
    near: links of nodes that take a place up to this one are asked for.
    """
    pool, addresses = load_i64(work + POOL), load_i64(work + ADDRESSES)
    sums, codes = load_i64(work + SUMS), load_i64(graph + CODES)
    code_bytes = load_i64(graph + CODE_BYTES)
    bias, bias_step = load_i64(graph + BIAS), load_i64(graph + BIAS_STEP)
    first = limit
    for j in range(np.int64(0), m, np.int64(4)):
        for t in range(np.int64(4)):
            node = load_i32(ids + np.int64(4) * min(j + t, m - np.int64(1)))
            address = codes + row_of(graph, layer, node) * code_bytes
            store_i64(addresses + np.int64(8) * t, address)
        code_dots_4(addresses, query, code_bytes, sums)
        for t in range(min(np.int64(4), m - j)):
            node = load_i32(ids + np.int64(4) * (j + t))
            row = row_of(graph, layer, node)
            distance = (load_i32(bias + row * bias_step) * weight) >> np.int64(15)
            distance += constant - np.int64(2) * load_i32(sums + np.int64(4) * t)
            key = key_of(distance, node)
            if distance == own and size > np.int64(COPIES):
                rival = load_u64(pool + np.int64(8 * COPIES)) >> np.uint64(32)
                if np.int64(rival) == own:
                    continue
            if size < limit or key < load_u64(pool + np.int64(8) * (size - np.int64(1))):
                place = insert(pool, size, limit, key)
                if size < limit:
                    size += np.int64(1)
                first = min(first, place)
                if place <= near:
                    # its links are next, or soon
                    links = links_of(graph, layer, node)
                    prefetch(links)
                    prefetch(links + np.int64(64))
    return size, first


@inlined
def forget(work: Integer, n_touched: Integer) -> None:
    """Clear the marks of the nodes that a walk has touched."""
    visited, touched = load_i64(work + VISITED), load_i64(work + TOUCHED)
    for t in range(n_touched):
        node = load_i32(touched + np.int64(4) * t)
        store_i64(visited + np.int64(8) * (node >> np.int64(6)), np.int64(0))


@inlined
def walk(
    graph: Integer,
    work: Integer,
    layer: Integer,
    start: Integer,
    limit: Integer,
    query: Integer,
    weight: Integer,
    constant: Integer,
    own: Integer,
) -> Integer:
    """Best-first search of one layer from a node; the size of the pool, at most `limit`.

    The links of AT_ONCE nodes are followed before their neighbours are compared, so that waits for
    memory overlap. own: see `offer`.
    """
    pool, visited = load_i64(work + POOL), load_i64(work + VISITED)
    touched, n_nodes = load_i64(work + TOUCHED), nodes_on(graph, layer)
    width = width_of(graph, layer)
    distance = distance_to(graph, row_of(graph, layer, start), query, weight, constant)
    clear_pool(pool, limit)
    store_u64(pool, key_of(distance, start))
    bit = np.uint64(1) << np.uint64(start & np.int64(63))
    store_u64(visited + np.int64(8) * (start >> np.int64(6)), bit)
    store_i32(touched, start)
    size, place, n_touched = np.int64(1), np.int64(0), np.int64(1)
    while place < size:
        key = load_u64(pool + np.int64(8) * place)
        if key & np.uint64(1):
            place += np.int64(1)
            continue
        before, expanded = n_touched, np.int64(0)
        while place < size and expanded < np.int64(AT_ONCE):
            key = load_u64(pool + np.int64(8) * place)
            if key & np.uint64(1):
                place += np.int64(1)
                continue
            store_u64(pool + np.int64(8) * place, key | np.uint64(1))
            place += np.int64(1)
            expanded += np.int64(1)
            links = links_of(graph, layer, node_of(key))
            if links == np.int64(0):
                continue
            for j in range(width):
                node = load_i32(links + np.int64(4) * j)
                if np.uint64(node) >= np.uint64(n_nodes):
                    break
                word = visited + np.int64(8) * (node >> np.int64(6))
                marks = load_u64(word)
                shift = np.uint64(node & np.int64(63))
                store_u64(word, marks | (np.uint64(1) << shift))
                # no branch: a node seen before is overwritten by the next one
                store_i32(touched + np.int64(4) * n_touched, node)
                n_touched += np.int64(1) - np.int64((marks >> shift) & np.uint64(1))
        for j in range(before, n_touched):
            node = load_i32(touched + np.int64(4) * j)
            prefetch_codes(graph, row_of(graph, layer, node))
        for ahead in range(place, min(place + np.int64(AT_ONCE), size)):
            following = node_of(load_u64(pool + np.int64(8) * ahead))
            links = links_of(graph, layer, following)
            for at in range(np.int64(0), np.int64(4) * width, np.int64(64)):
                prefetch(links + at)
        size, first = offer(
            graph, work, layer, touched + np.int64(4) * before, n_touched - before,
            query, weight, constant, size, limit, own,
            place + np.int64(AT_ONCE),
        )  # fmt: skip
        place = min(place, first)
    forget(work, n_touched)
    return size


@inlined
def descend(
    graph: Integer,
    start: Integer,
    above: Integer,
    layer: Integer,
    query: Integer,
    weight: Integer,
    constant: Integer,
) -> Integer:
    """Go to ever nearer nodes on the layers above..layer + 1; the node where that ends.

    start: a position, or a row when `above` is 0. Returns a position, or a row when `layer` is 0.
    """
    here = start
    if above == np.int64(0):
        return here
    nearest = distance_to(graph, row_of(graph, above, here), query, weight, constant)
    width, n_nodes = width_of(graph, above), nodes_on(graph, above)
    for current in range(above, layer, np.int64(-1)):
        moved = True
        while moved:
            moved = False
            links = links_of(graph, current, here)
            if links == np.int64(0):
                break
            n = np.int64(0)
            while n < width:
                node = load_i32(links + np.int64(4) * n)
                if np.uint64(node) >= np.uint64(n_nodes):
                    break
                prefetch_codes(graph, row_of(graph, current, node))
                n += np.int64(1)
            for j in range(n):
                node = load_i32(links + np.int64(4) * j)
                row = row_of(graph, current, node)
                distance = distance_to(graph, row, query, weight, constant)
                if distance < nearest:
                    nearest, here, moved = distance, node, True
    if layer == np.int64(0):
        return row_of(graph, np.int64(1), here)
    return here


@inlined
def load_row(graph: Integer, row: Integer, constants: Integer, query: Integer) -> Integer:
    """Make a stored row the query; its constant, of int64 at an address."""
    code_bytes = load_i64(graph + CODE_BYTES)
    flip_codes(load_i64(graph + CODES) + row * code_bytes, query, code_bytes)
    return load_i64(constants + np.int64(8) * row)


@inlined
def spread_copies(keys: Integer, n: Integer, seed: Integer) -> None:
    """Turn the run of keys at the least distance around, each list from another place.

    Copies of one vector would all keep the same first few of them, and the others could not be
    reached any more.
    """
    run, least = np.int64(1), load_u64(keys) >> np.uint64(32)
    while run < n and load_u64(keys + np.int64(8) * run) >> np.uint64(32) == least:
        run += np.int64(1)
    run = min(run, n)
    if run < np.int64(2):
        return
    mixed = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15)
    turn = np.int64((mixed >> np.uint64(33)) % np.uint64(run))
    for _ in range(turn):
        first = load_u64(keys)
        move_bytes(keys, keys + np.int64(8), np.int64(8) * (run - np.int64(1)))
        store_u64(keys + np.int64(8) * (run - np.int64(1)), first)


@inlined
def select(
    graph: Integer,
    work: Integer,
    layer: Integer,
    keys: Integer,
    n: Integer,
    limit: Integer,
    constants: Integer,
    chosen: Integer,
    found: Integer,
) -> Integer:
    """Choose links among n candidates, nearest first: one nearer to the node than to any link
    chosen before it. One as near to such a link as to the node, most likely a copy of both, may
    take one of a quarter of the places.

    keys: their pool keys. constants: of each row as a query. chosen: where the nodes go, int32
    [limit]; `found` are there already. Returns how many there are then.
    """
    addresses, sums = load_i64(work + CHOSEN), load_i64(work + SUMS)
    query, code_bytes = load_i64(work + OTHER_QUERY), load_i64(graph + CODE_BYTES)
    codes, bias = load_i64(graph + CODES), load_i64(graph + BIAS)
    copies = np.int64(0)
    for j in range(found):
        row = row_of(graph, layer, load_i32(chosen + np.int64(4) * j))
        for t in range(np.int64(4)):
            store_i64(addresses + np.int64(8) * (j + t), codes + row * code_bytes)
    for i in range(n):
        if found >= limit:
            break
        key = load_u64(keys + np.int64(8) * i)
        node, distance = node_of(key), np.int64(key >> np.uint64(32))
        row = row_of(graph, layer, node)
        prefetched = min(i + np.int64(2), n - np.int64(1))
        ahead = node_of(load_u64(keys + np.int64(8) * prefetched))
        prefetch_codes(graph, row_of(graph, layer, ahead))
        constant = load_row(graph, row, constants, query)
        keep, copy = True, False
        for j in range(np.int64(0), found, np.int64(4)):
            code_dots_4(addresses + np.int64(8) * j, query, code_bytes, sums)
            for t in range(min(np.int64(4), found - j)):
                link = load_i32(chosen + np.int64(4) * (j + t))
                other = row_of(graph, layer, link)
                between = load_i32(bias + np.int64(4) * other) + constant
                between -= np.int64(2) * load_i32(sums + np.int64(4) * t)
                if between < distance or link == node:
                    keep = False
                copy = copy or between == distance
            if not keep:
                break
        if keep and copy:
            keep = copies < limit >> np.int64(2)
            copies += np.int64(1)
        if keep:
            store_i32(chosen + np.int64(4) * found, node)
            # four places at a time: those not filled yet repeat the last
            for t in range(np.int64(4)):
                address = codes + row * code_bytes
                store_i64(addresses + np.int64(8) * (found + t), address)
            found += np.int64(1)
    return found
