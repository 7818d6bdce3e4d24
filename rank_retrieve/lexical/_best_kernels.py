"""The k best results, and the arithmetic that every scoring kernel shares.

A found score is twice the integer score of `scoring`, with the lowest bit set once a term was
found in the doc: a doc whose contributions all round to zero is still a match.

A result is one int64 key, `score << 32 | (2**32 - 1 - doc)`, so that a greater key is a better
hit and equal scores are in order of docs. The k best keys stand in an array that the parts of an
index fill one after the other: for a small k a min-heap of k places; for a large one 2k places
that are cut to the k greatest whenever they are full, and one for the k-th key so far, or -1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import borrowed
from rank_retrieve.simd.saturation import ROUNDER

LOW_HALF = 2**32 - 1


@borrowed
def push(best: Any, k: Any, size: Any, key: Any) -> Any:
    """Offer a key to the k greatest; returns how many keys are kept."""
    if np.int64(len(best)) == k:
        return _push_to_heap(best, size, key)
    edge = np.int64(2) * k
    if key <= best[edge]:
        return size
    best[size] = key
    size += np.int64(1)
    if size == k and best[edge] < 0:
        least = best[0]
        for i in range(k):
            least = min(least, best[i])
        best[edge] = least
    elif size == edge:
        _select(best, size, k)
        best[edge] = best[k - np.int64(1)]
        size = k
    return size


@borrowed
def _push_to_heap(heap: Any, size: Any, key: Any) -> Any:
    capacity = np.int64(len(heap))
    if size < capacity:
        child = size
        while child > 0:
            parent = (child - np.int64(1)) >> np.int64(1)
            if heap[parent] <= key:
                break
            heap[child] = heap[parent]
            child = parent
        heap[child] = key
        return size + np.int64(1)
    if key <= heap[0]:
        return size
    parent = np.int64(0)
    while True:
        child = np.int64(2) * parent + np.int64(1)
        if child >= capacity:
            break
        if child + 1 < capacity and heap[child + 1] < heap[child]:
            child += np.int64(1)
        if heap[child] >= key:
            break
        heap[parent] = heap[child]
        parent = child
    heap[parent] = key
    return size


@borrowed
def _select(keys: Any, n: Any, k: Any) -> None:
    """Move the k greatest of n different keys to the front, the least of them to place k - 1.

    Hoare, "Algorithm 65: find", 1961.
    """
    low, high, wanted = np.int64(0), n - np.int64(1), k - np.int64(1)
    while low < high:
        middle = keys[(low + high) >> np.int64(1)]
        pivot = max(min(keys[low], keys[high]), min(max(keys[low], keys[high]), middle))
        i, j = low, high
        while i <= j:
            while keys[i] > pivot:
                i += np.int64(1)
            while keys[j] < pivot:
                j -= np.int64(1)
            if i <= j:
                keys[i], keys[j] = keys[j], keys[i]
                i += np.int64(1)
                j -= np.int64(1)
        if wanted <= j:
            high = j
        elif wanted >= i:
            low = i
        else:
            break


@borrowed
def key_of(found: Any, doc: Any) -> Any:
    """The key of a doc, numbered over all parts, with its found score."""
    return (np.int64(found >> np.int32(1)) << np.int64(32)) | (np.int64(LOW_HALF) - doc)


@borrowed
def threshold_of(best: Any, k: Any, size: Any, least: Any) -> Any:
    """What a found score must exceed: `least`, or more once there are k keys."""
    edge = np.int64(-1)
    if np.int64(len(best)) != k:
        edge = best[np.int64(2) * k]
    elif size == k:
        edge = best[0]
    if edge < 0:
        return least
    return max(least, np.int32(edge >> np.int64(32)) << np.int32(1) | np.int32(1))


@borrowed
def in_bitmap(words: Any, doc: Any) -> Any:
    """Whether doc is in a bitmap; an empty array stands for all docs."""
    if len(words) == 0:
        return True
    word = words[np.uint64(doc) >> np.uint64(6)]
    return (word >> (np.uint64(doc) & np.uint64(63))) & np.uint64(1) != np.uint64(0)


@borrowed
def contribution(frequency: Any, length: Any, weight: Any, constant: Any, slope: Any) -> Any:
    """Twice the integer contribution of one posting (scoring, equation 3)."""
    f = np.float64(frequency)
    saturation = f + (constant + slope * np.float64(length))
    rounded = (weight * f / saturation + ROUNDER) - ROUNDER
    return np.int32(rounded) << np.int32(1)
