"""Kernels that turn documents of tokens into lists of documents per term."""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import inlined, kernel

_BYTES = "Array(uint8, 1, 'C', True)"
_INT32S = "Array(int32, 1, 'C', True)"
_INT64S = "Array(int64, 1, 'C', True)"

LENGTH_LIMIT = 2**31 - 1


@kernel(f"int64({_INT32S}, {_INT64S}, {_INT32S}, int32[::1], int64[::1], uint32[::1])")
def count(
    tokens: Any,
    offsets: Any,
    field_units: Any,
    last_doc: Any,
    document_frequencies: Any,
    lengths: Any,
) -> Any:
    """Document frequency of each token and length of each doc; returns the number of postings.

    last_doc is filled with -1 and document_frequencies with 0 by the caller. Returns
    -1 - doc for a doc whose length exceeds LENGTH_LIMIT.
    """
    n_fields = len(field_units)
    n_docs = len(lengths)
    n_postings = np.int64(0)
    for doc in range(n_docs):
        length = np.int64(0)
        for field in range(n_fields):
            run = doc * n_fields + field
            start, end = offsets[run], offsets[run + 1]
            length += (end - start) * np.int64(field_units[field])
            for i in range(start, end):
                token = tokens[i]
                if last_doc[token] != doc:
                    last_doc[token] = doc
                    document_frequencies[token] += np.int64(1)
                    n_postings += np.int64(1)
        if length > LENGTH_LIMIT:
            return np.int64(-1) - np.int64(doc)
        lengths[doc] = np.uint32(length)
    return n_postings


@kernel(
    f"void({_INT32S}, {_INT64S}, {_INT32S}, int32[::1], int64[::1], int32[::1], uint32[::1], int64)"
)
def fill(
    tokens: Any,
    offsets: Any,
    field_units: Any,
    last_doc: Any,
    next_posting: Any,
    docs: Any,
    frequencies: Any,
    n_docs: Any,
) -> None:
    """Write each posting to the place that next_posting gives its token.

    last_doc is filled with -1; next_posting holds the first place of each token and ends
    one past its last.
    """
    n_fields = len(field_units)
    for doc in range(n_docs):
        for field in range(n_fields):
            run = doc * n_fields + field
            units = np.uint32(field_units[field])
            for i in range(offsets[run], offsets[run + 1]):
                token = tokens[i]
                if last_doc[token] != doc:
                    last_doc[token] = np.int32(doc)
                    place = next_posting[token]
                    docs[place] = np.int32(doc)
                    frequencies[place] = units
                    next_posting[token] = place + np.int64(1)
                else:
                    frequencies[next_posting[token] - np.int64(1)] += units


@inlined
def _prefix_key(arena: Any, start: Any, end: Any) -> Any:
    """The first eight bytes as a big-endian number, padded with zeros."""
    key = np.uint64(0)
    for i in range(np.int64(8)):
        key <<= np.uint64(8)
        if start + i < end:
            key |= np.uint64(arena[start + i])
    return key


@inlined
def _precedes(arena: Any, starts: Any, ends: Any, keys: Any, left: Any, right: Any) -> Any:
    """Whether term left is not greater than term right, bytewise."""
    if keys[left] != keys[right]:
        return keys[left] < keys[right]
    left_at, left_end = starts[left], ends[left]
    right_at, right_end = starts[right], ends[right]
    while left_at < left_end and right_at < right_end:
        if arena[left_at] != arena[right_at]:
            return arena[left_at] < arena[right_at]
        left_at += np.int64(1)
        right_at += np.int64(1)
    return left_at == left_end


@kernel(f"void({_BYTES}, {_INT64S}, {_INT64S}, uint64[::1])")
def prefix_keys(arena: Any, starts: Any, ends: Any, keys: Any) -> None:
    """The first eight bytes of each term as a number that orders like them."""
    for term in range(len(keys)):
        keys[term] = _prefix_key(arena, starts[term], ends[term])


@kernel(f"void({_BYTES}, {_INT64S}, {_INT64S}, uint64[::1], int64[::1], int64[::1])")
def settle_equal_keys(
    arena: Any, starts: Any, ends: Any, keys: Any, order: Any, spare: Any
) -> None:
    """Put terms that are in order of their keys in order of all their bytes.

    Each run of equal keys is merge-sorted, so that long terms with one beginning stay cheap;
    equal terms keep their order. spare is scratch of the length of order.
    """
    n_terms = np.int64(len(order))
    first = np.int64(0)
    while first < n_terms:
        last = first + np.int64(1)
        while last < n_terms and keys[order[last]] == keys[order[first]]:
            last += np.int64(1)
        width = np.int64(1)
        while width < last - first:
            low = first
            while low < last:
                middle = min(low + width, last)
                high = min(low + width + width, last)
                left, right = low, middle
                for place in range(low, high):
                    if left < middle and (
                        right >= high
                        or _precedes(arena, starts, ends, keys, order[left], order[right])
                    ):
                        spare[place] = order[left]
                        left += np.int64(1)
                    else:
                        spare[place] = order[right]
                        right += np.int64(1)
                low = high
            for place in range(first, last):
                order[place] = spare[place]
            width += width
        first = last


@kernel(f"void({_BYTES}, {_INT64S}, {_INT64S}, {_INT64S}, uint8[::1], {_INT64S})")
def gather_terms(
    arena: Any, starts: Any, ends: Any, order: Any, gathered: Any, gathered_offsets: Any
) -> None:
    """Copy the terms in the given order next to each other."""
    for place in range(len(order)):
        term = order[place]
        at = gathered_offsets[place]
        for i in range(starts[term], ends[term]):
            gathered[at] = arena[i]
            at += np.int64(1)


@kernel(f"int64({_BYTES}, {_INT64S}, {_INT64S}, {_INT64S}, int64[::1])")
def number_distinct(arena: Any, starts: Any, ends: Any, order: Any, numbers: Any) -> Any:
    """Number the distinct terms of a sorted order from 0; returns how many there are.

    numbers[term] receives the number of the term that it equals.
    """
    n_distinct = np.int64(0)
    for place in range(len(order)):
        term = order[place]
        if place == 0:
            n_distinct = np.int64(1)
        else:
            before = order[place - 1]
            length = ends[term] - starts[term]
            same = length == ends[before] - starts[before]
            i = np.int64(0)
            while same and i < length:
                same = arena[starts[term] + i] == arena[starts[before] + i]
                i += np.int64(1)
            if not same:
                n_distinct += np.int64(1)
        numbers[term] = n_distinct - np.int64(1)
    return n_distinct
