"""Making and mending an HNSW graph: codes, links of new nodes, links back, links around the dead.

Nodes are inserted in batches, in two steps whose results do not depend on how a batch is divided
among threads:

    link_forward   every new node walks the graph as it was before the batch, adds the nodes of its
                   batch that come before it, and chooses its links. It writes its own lists only.
    link_back      every node that was chosen gains a link back, in the order of the batch. Part p
                   of n handles the lists of the nodes whose number is p modulo n.
"""

from __future__ import annotations

import numpy as np

from rank_retrieve._numba import inlined, kernel
from rank_retrieve.dense._exact_kernels import COSINE
from rank_retrieve.dense._graph_kernels import (
    ENTRY,
    IDS,
    KEYS,
    POOL,
    QUERY,
    TOP,
    WHOLE,
    Integer,
    clear_pool,
    descend,
    distance_to,
    insert,
    key_of,
    links_of,
    load_row,
    node_of,
    nodes_on,
    offer,
    row_of,
    select,
    spread_copies,
    walk,
    width_of,
)
from rank_retrieve.simd.memory import load_i32, load_i64, load_u64, store_i32, store_u64
from rank_retrieve.types import Float32s, Int32s, Int64s, UInt8s


@kernel(
    "void(Array(float32, 2, 'C', readonly=True), Array(float32, 1, 'C', readonly=True), int64,"
    " Array(float32, 1, 'C', readonly=True), float64, uint8[:,::1])"
)
def encode_rows(
    rows: Float32s,
    norms: Float32s,
    metric: Integer,
    offsets: Float32s,
    scale: float,
    codes: UInt8s,
) -> None:
    """Eight-bit codes of float rows.

    rows: [n, stride]; norms: [n]; offsets: [dim]; codes: [n, code_bytes]: unsigned, 128 is 0.
    """
    for r in range(rows.shape[0]):
        factor = np.float64(1.0)
        if metric == COSINE:
            factor = np.float64(1.0) / np.float64(norms[r])
        for j in range(offsets.size):
            value = np.rint((np.float64(rows[r, j]) * factor - np.float64(offsets[j])) * scale)
            code = np.int64(min(max(value, np.float64(-127.0)), np.float64(127.0)))
            codes[r, j] = np.uint8(code + np.int64(128))
        for j in range(offsets.size, codes.shape[1]):
            codes[r, j] = np.uint8(128)


@kernel("void(Array(uint8, 2, 'C', readonly=True), int32[::1], int32[::1])")
def measure_codes(codes: UInt8s, squares: Int32s, sums: Int32s) -> None:
    """Sums of the squares of signed codes, and sums of them; both [n]."""
    for r in range(codes.shape[0]):
        total, square = np.int64(0), np.int64(0)
        for j in range(codes.shape[1]):
            code = np.int64(codes[r, j]) - np.int64(128)
            total += code
            square += code * code
        squares[r], sums[r] = square, total


@inlined
def _store_links(links: Integer, width: Integer, chosen: Integer, n: Integer) -> None:
    """Write a list of n nodes, and -1 behind them."""
    for j in range(width):
        node = np.int64(-1)
        if j < n:
            node = load_i32(chosen + np.int64(4) * j)
        store_i32(links + np.int64(4) * j, node)


@kernel(
    "void(int64[::1], int64[::1], int64[::1], int32[::1], int32[::1], int32[::1], int64[::1],"
    " int32[:,::1], int64, int64, int64)"
)
def link_forward(
    graph_table: Int64s,
    work_table: Int64s,
    constants: Int64s,
    rows: Int32s,
    levels: Int32s,
    positions: Int32s,
    starts: Int64s,
    chosen: Int32s,
    first: Integer,
    last: Integer,
    limit: Integer,
) -> None:
    """Choose the links of the nodes first..last of a batch.

    rows, levels, positions: [batch], row, highest layer, position above layer 0 or -1.
    starts: [batch], where a node's lists begin in chosen: [lists, 2 m], one list a layer, from
        0 up.
    limit: candidates a layer, `ef_construction`. The graph's top is -1 while it is empty.
    """
    graph, work = np.int64(graph_table.ctypes.data), np.int64(work_table.ctypes.data)
    values, top = np.int64(constants.ctypes.data), load_i64(graph + TOP)
    query, pool, ids = load_i64(work + QUERY), load_i64(work + POOL), load_i64(work + IDS)
    width, whole = np.int64(chosen.shape[1]), np.int64(WHOLE)
    for i in range(first, last):
        row, level = np.int64(rows[i]), np.int64(levels[i])
        constant = load_row(graph, row, values, query)
        own = distance_to(graph, row, query, whole, constant)
        here = load_i64(graph + ENTRY)
        if level < top:
            here = descend(graph, here, top, level, query, whole, constant)
        for layer in range(level, np.int64(-1), np.int64(-1)):
            size = np.int64(0)
            if layer > top:
                clear_pool(pool, limit)
            else:
                size = walk(graph, work, layer, here, limit, query, whole, constant, own)
                here = node_of(load_u64(pool))
                if layer == np.int64(1):
                    here = row_of(graph, layer, here)
            filled = np.int64(0)
            for j in range(i):
                if np.int64(levels[j]) >= layer:
                    node = np.int64(rows[j])
                    if layer > np.int64(0):
                        node = np.int64(positions[j])
                    store_i32(ids + np.int64(4) * filled, node)
                    filled += np.int64(1)
            no_prefetch = np.int64(-1)
            size, _ = offer(
                graph, work, layer, ids, filled, query, whole, constant, size, limit, own,
                no_prefetch,
            )  # fmt: skip
            for j in range(size):
                place = pool + np.int64(8) * j
                store_u64(place, load_u64(place) & ~np.uint64(1))
            spread_copies(pool, size, row)
            kept = np.int64(chosen.ctypes.data) + np.int64(4) * width * (starts[i] + layer)
            limit_here = width_of(graph, layer)
            n = select(graph, work, layer, pool, size, limit_here, values, kept, np.int64(0))
            for j in range(n, width):
                store_i32(kept + np.int64(4) * j, np.int64(-1))
            node = row
            if layer > np.int64(0):
                node = np.int64(positions[i])
            _store_links(links_of(graph, layer, node), width_of(graph, layer), kept, n)


@inlined
def _gather(
    graph: Integer,
    keys: Integer,
    n: Integer,
    layer: Integer,
    node: Integer,
    query: Integer,
    constant: Integer,
) -> Integer:
    """Put a node into sorted keys unless it is there; the new n."""
    distance = distance_to(graph, row_of(graph, layer, node), query, np.int64(WHOLE), constant)
    key = key_of(distance, node)
    for j in range(n):
        if load_u64(keys + np.int64(8) * j) == key:
            return n
    if n & np.int64(7) == np.int64(0):
        clear_pool(keys + np.int64(8) * n, np.int64(0))
    insert(keys, n, n + np.int64(1), key)
    return n + np.int64(1)


@inlined
def _link_to(
    graph: Integer, work: Integer, constants: Integer, layer: Integer, owner: Integer, node: Integer
) -> None:
    """Add a node to the list of its owner; a full list is chosen anew."""
    links, width = links_of(graph, layer, owner), width_of(graph, layer)
    n, limit = np.int64(0), np.uint64(nodes_on(graph, layer))
    while n < width:
        other = load_i32(links + np.int64(4) * n)
        if np.uint64(other) >= limit:
            break
        if other == node:
            return
        n += np.int64(1)
    if n < width:
        store_i32(links + np.int64(4) * n, node)
        return
    keys, query, kept = load_i64(work + KEYS), load_i64(work + QUERY), load_i64(work + IDS)
    constant = load_row(graph, row_of(graph, layer, owner), constants, query)
    size = _gather(graph, keys, np.int64(0), layer, node, query, constant)
    for j in range(width):
        other = load_i32(links + np.int64(4) * j)
        size = _gather(graph, keys, size, layer, other, query, constant)
    spread_copies(keys, size, owner + node)
    n = select(graph, work, layer, keys, size, width, constants, kept, np.int64(0))
    _store_links(links, width, kept, n)


@kernel(
    "void(int64[::1], int64[::1], int64[::1], int32[::1], int32[::1], int32[::1], int64[::1],"
    " int32[:,::1], int64, int64)"
)
def link_back(
    graph_table: Int64s,
    work_table: Int64s,
    constants: Int64s,
    rows: Int32s,
    levels: Int32s,
    positions: Int32s,
    starts: Int64s,
    chosen: Int32s,
    part: Integer,
    n_parts: Integer,
) -> None:
    """Link the nodes that a batch has chosen back to it. Arguments as of `link_forward`."""
    graph, work = np.int64(graph_table.ctypes.data), np.int64(work_table.ctypes.data)
    values = np.int64(constants.ctypes.data)
    for i in range(rows.size):
        for layer in range(np.int64(levels[i]) + np.int64(1)):
            node = np.int64(rows[i])
            if layer > np.int64(0):
                node = np.int64(positions[i])
            for j in range(chosen.shape[1]):
                owner = np.int64(chosen[starts[i] + layer, j])
                if owner < np.int64(0):
                    break
                if owner % n_parts == part:
                    _link_to(graph, work, values, layer, owner, node)


@kernel(
    "void(int64[::1], int64[::1], int64[::1], int64, int32[::1], int32[::1], int32[:,::1],"
    " int32[::1], int64, int64)"
)
def mend(
    graph_table: Int64s,
    work_table: Int64s,
    constants: Int64s,
    layer: Integer,
    nodes: Int32s,
    numbers: Int32s,
    links: Int32s,
    survived: Int32s,
    first: Integer,
    last: Integer,
) -> None:
    """New lists for nodes that stay when others go; the old graph is only read.

    Links to nodes that stay are kept. Where some are lost, others are chosen as always, from the
    links of all its neighbours, those that go included (compare FreshDiskANN, Singh et al., 2021,
    which chooses the whole list anew, and so loses far links).

    nodes: those that stay; numbers: [nodes of the layer], their new numbers, -1 for those that go.
    links: [len(nodes), width], the new lists in new numbers; survived: [len(nodes)], how many links
        at the front of each are old. Those of first..last are written.
    """
    graph, work = np.int64(graph_table.ctypes.data), np.int64(work_table.ctypes.data)
    values, width = np.int64(constants.ctypes.data), width_of(graph, layer)
    keys, query, kept = load_i64(work + KEYS), load_i64(work + QUERY), load_i64(work + IDS)
    limit = np.uint64(nodes_on(graph, layer))
    for i in range(first, last):
        owner = np.int64(nodes[i])
        old, gone, n = links_of(graph, layer, owner), np.int64(0), np.int64(0)
        if old != np.int64(0):
            while n < width:
                node = load_i32(old + np.int64(4) * n)
                if np.uint64(node) >= limit:
                    break
                if numbers[node] < 0:
                    gone += np.int64(1)
                store_i32(kept + np.int64(4) * n, node)
                n += np.int64(1)
        survived[i] = n
        if gone > np.int64(0):
            constant = load_row(graph, row_of(graph, layer, owner), values, query)
            size, survivors = np.int64(0), np.int64(0)
            for j in range(n):
                node = load_i32(old + np.int64(4) * j)
                if numbers[node] >= 0:
                    store_i32(kept + np.int64(4) * survivors, node)
                    survivors += np.int64(1)
                around = links_of(graph, layer, node)
                if around == np.int64(0):
                    continue
                for t in range(width):
                    other = load_i32(around + np.int64(4) * t)
                    if np.uint64(other) >= limit:
                        break
                    if numbers[other] >= 0 and other != owner:
                        size = _gather(graph, keys, size, layer, other, query, constant)
            spread_copies(keys, size, owner)
            n = select(graph, work, layer, keys, size, width, values, kept, survivors)
            survived[i] = survivors
        for j in range(width):
            number = np.int32(-1)
            if j < n:
                number = numbers[load_i32(kept + np.int64(4) * j)]
            links[i, j] = number
