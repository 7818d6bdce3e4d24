"""Choosing the best of many: lists by what they promise, candidates by their estimated costs.

Costs are compared as whole numbers (`order_of`), so that ties and oddities of floats have an
order too. The bound of the n least is found by bisection: counting has no branches that depend on
data, and a few passes over a few hundred numbers take less time than one quickselect.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import inlined
from rank_retrieve.dense._graph_kernels import Integer
from rank_retrieve.simd.memory import load_u64, store_u64
from rank_retrieve.types import Int32s

BEST_LISTS = 8  # that come first, so that a bound is known early


@inlined
def key_of(bits: Integer, number: Integer) -> Any:
    """A key that orders by the float32 with these bits, then by number."""
    ordered = bits ^ ((bits >> np.int64(31)) | np.int64(0x80000000))
    return (np.uint64(ordered & np.int64(0xFFFFFFFF)) << np.uint64(32)) | (
        np.uint64(number) << np.uint64(1)
    )


@inlined
def number_of(key: Any) -> Integer:
    """The number of a key: a list or a row."""
    return np.int64((key & np.uint64(0xFFFFFFFF)) >> np.uint64(1))


@inlined
def select(keys: Integer, low: Integer, high: Integer, n: Integer) -> None:
    """Put the n least of keys[low:high] first, in any order; 0 < n <= high - low.

    keys: an address of different uint64. Hoare's FIND with the median of three.
    """
    wanted = low + n - np.int64(1)
    high -= np.int64(1)
    while low < high:
        a = load_u64(keys + np.int64(8) * low)
        b = load_u64(keys + np.int64(8) * ((low + high) >> np.int64(1)))
        c = load_u64(keys + np.int64(8) * high)
        pivot = max(min(a, b), min(max(a, b), c))
        i, j = low, high
        while i <= j:
            while load_u64(keys + np.int64(8) * i) < pivot:
                i += np.int64(1)
            while load_u64(keys + np.int64(8) * j) > pivot:
                j -= np.int64(1)
            if i <= j:
                left = load_u64(keys + np.int64(8) * i)
                store_u64(keys + np.int64(8) * i, load_u64(keys + np.int64(8) * j))
                store_u64(keys + np.int64(8) * j, left)
                i += np.int64(1)
                j -= np.int64(1)
        if wanted <= j:
            high = j
        elif wanted >= i:
            low = i
        else:
            break


@inlined
def order_of(bits: Integer) -> Integer:
    """A whole number that orders like the float32 with these bits; its own inverse."""
    return bits ^ ((bits >> np.int64(31)) & np.int64(0x7FFFFFFF))


@inlined
def count_up_to(costs: Int32s, size: Integer, limit: Integer) -> Integer:
    """How many of the first costs are not above a limit."""
    bound, count = np.int32(limit), np.int64(0)
    for i in range(size):
        count += np.int64(costs[i] <= bound)
    return count


@inlined
def shrink(costs: Int32s, rows: Int32s, size: Integer, kept: Integer) -> tuple[Integer, Integer]:
    """Keep the candidates of least cost, `kept` of them or an eighth more, in their order.

    costs: as of `order_of`; rows: theirs; `size` > kept candidates. Returns how many were kept,
    and the cost that others must not exceed to be as good. Of equal costs the first are kept.

    The limit is found by bisection: counting has no branches that depend on data, and a few
    passes over a few hundred numbers take less time than one quickselect.
    """
    first = costs[0]
    last = first
    for i in range(np.int64(1), size):
        first, last = min(first, costs[i]), max(last, costs[i])
    # `found` costs are not above `high`, and fewer than `kept` not above `low`
    low, high, found = np.int64(first) - np.int64(1), np.int64(last), size
    most = kept + (kept >> np.int64(3))
    while found > most and high - low > np.int64(1):
        middle = (low + high) >> np.int64(1)
        count = count_up_to(costs, size, middle)
        if count < kept:
            low = middle
        else:
            high, found = middle, count
    n, bound = np.int64(0), np.int32(high)
    if found <= most:
        for i in range(size):
            cost = costs[i]
            costs[n], rows[n] = cost, rows[i]
            n += np.int64(cost <= bound)
        return n, high
    # only costs that are equal are too many
    room = kept
    for i in range(size):
        room -= np.int64(costs[i] < bound)
    for i in range(size):
        equal = costs[i] == bound
        if costs[i] < bound or (equal and room > np.int64(0)):
            room -= np.int64(equal)
            costs[n], rows[n] = costs[i], rows[i]
            n += np.int64(1)
    return n, high


@inlined
def first_lists(orders: Int32s, n: Integer, keys: Integer) -> None:
    """Put the keys of the n lists that are first in order first, the best of them before others.

    orders: [n_lists] as of `order_of`; keys: the address of as many uint64.

    Bisection finds a bound below which there are at most twice as many, without branches that
    depend on data; only those are told apart by their keys.
    """
    n_lists = np.int64(orders.size)
    low, high = np.int64(-0x80000000), np.int64(0x7FFFFFFF)
    found = n_lists
    while found > np.int64(2) * n and high - low > np.int64(1):
        middle = (low + high) >> np.int64(1)
        count = count_up_to(orders, n_lists, middle)
        if count < n:
            low = middle
        else:
            high, found = middle, count
    bound, size = np.int32(high), np.int64(0)
    for number in range(n_lists):
        store_u64(keys + np.int64(8) * size, key_of(order_of(np.int64(orders[number])), number))
        size += np.int64(orders[number] <= bound)
    if n < size:
        select(keys, np.int64(0), size, n)
    if n > np.int64(BEST_LISTS):
        select(keys, np.int64(0), n, np.int64(BEST_LISTS))


@inlined
def more_lists(orders: Int32s, done: Integer, n: Integer, keys: Integer) -> None:
    """Put the keys of the n lists behind the first `done` at their places, in any order."""
    n_lists = np.int64(orders.size)
    for number in range(n_lists):
        key = key_of(order_of(np.int64(orders[number])), number)
        store_u64(keys + np.int64(8) * number, key)
    select(keys, np.int64(0), n_lists, done)
    if done + n < n_lists:
        select(keys, done, n_lists, n)
