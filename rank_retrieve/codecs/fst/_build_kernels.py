"""Loops of `FstBuilder`: the path of unfinished nodes, the registry, the bytes of a node.

The unfinished nodes lie on the path of the last term. Node d owns the transitions
`path[d, FIRST] : path[d + 1, FIRST]`, so all of them are one stack: finishing the deepest
node takes its transitions off the top.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import kernel
from rank_retrieve.codecs.fst._layout import (
    CHAIN,
    LEAF,
    LEAF_ADDRESS,
    SHORT_CHAIN,
    SHORT_LABELS,
    SHORT_LABELS_AT,
)
from rank_retrieve.codecs.fst._splice import spliced
from rank_retrieve.types import Int64s, UInt8s

# the arrays of signatures; the reading ones take read-only memory too
BYTES = "Array(uint8, 1, 'C', readonly=True)"
INT64S = "Array(int64, 1, 'C', readonly=True)"

# columns of `path`
FIRST, FINAL, FINAL_OUTPUT = 0, 1, 2
PATH_COLUMNS = 3

# columns of `transitions`
LABEL, OUTPUT, TARGET = 0, 1, 2
TRANSITION_COLUMNS = 3

# slots of `state`
END, DEPTH, TERMS, TERM_BYTES, LONGEST, STATUS = 0, 1, 2, 3, 4, 5
# from here on, for each byte: its place among the short labels, or -1
CODES = 6
STATE_SLOTS = CODES + 256

# what `state[STATUS]` says after a call
DONE, GROW, UNSORTED, BAD_VALUE = 0, 1, 2, 3

# a registry slot is (address + 1) << TAG_BITS | part of the hash; 0 is free
TAG_BITS = 15
PROBES = 24


@spliced
def _width(value: Any) -> Any:
    width = np.int64(0)
    while value > np.int64(0):
        value >>= np.int64(8)
        width += np.int64(1)
    return width


@spliced
def _write(buffer: UInt8s, at: Any, value: Any, width: Any) -> None:
    for _ in range(width):
        buffer[at] = np.uint8(value & np.int64(255))
        value >>= np.int64(8)
        at += np.int64(1)


@spliced
def _read(buffer: UInt8s, at: Any, width: Any) -> Any:
    value = np.int64(0)
    for i in range(width):
        value |= np.int64(buffer[np.uint64(at + i)]) << np.int64(np.int64(8) * i)
    return value


@spliced
def _mix(state: Any, value: Any) -> Any:
    state = (state ^ value) * np.uint64(0x9E3779B97F4A7C15)
    return state ^ (state >> np.uint64(29))


@spliced
def _hash_node(
    transitions: Int64s,
    first: Any,
    last: Any,
    final: Any,
    final_output: Any,
) -> Any:
    state = _mix(np.uint64(final), np.uint64(final_output))
    for i in range(first, last):
        state = _mix(
            state,
            np.uint64(transitions[i, LABEL]) | (np.uint64(transitions[i, TARGET]) << np.uint64(8)),
        )
        if transitions[i, OUTPUT] > np.int64(0):
            state = _mix(state, np.uint64(transitions[i, OUTPUT]))
    return _mix(state, np.uint64(last - first))


@spliced
def _same_node(
    buffer: UInt8s,
    address: Any,
    transitions: Int64s,
    first: Any,
    last: Any,
    final: Any,
    final_output: Any,
) -> Any:
    header = np.int64(buffer[address])
    kind = (header >> np.int64(3)) & np.int64(15)
    count = last - first
    if np.int64(SHORT_CHAIN) <= kind and kind != np.int64(LEAF):
        if kind == np.int64(CHAIN):
            child = address - np.int64(2)
            label_at = address - np.int64(1)
            chain_final = header >> np.int64(7)
        else:
            child = address - np.int64(1)
            code = (header & np.int64(127)) - np.int64(SHORT_CHAIN * 8)
            code += (header >> np.int64(7)) * np.int64(SHORT_LABELS // 2)
            label_at = np.int64(SHORT_LABELS_AT) + code
            chain_final = np.int64(0)
        return (
            count == np.int64(1)
            and chain_final == final
            and final_output == np.int64(0)
            and transitions[first, OUTPUT] == np.int64(0)
            and transitions[first, TARGET] == child
            and transitions[first, LABEL] == buffer[label_at]
        )
    if (
        kind == np.int64(LEAF)
        or header >> np.int64(7) != final
        or np.int64(buffer[address - np.int64(1)]) + np.int64(1) != count
    ):
        return False
    deltas = (header & np.int64(7)) + np.int64(1)
    at = address - np.int64(1)
    if final:
        at -= kind
        if _read(buffer, at, kind) != final_output:
            return False
    labels_at = at - count
    outputs_at = labels_at - count * kind
    start = outputs_at - count * deltas
    for i in range(count):
        if buffer[labels_at + i] != transitions[first + i, LABEL]:
            return False
        delta = _read(buffer, start + i * deltas, deltas)
        target = start - delta if delta > np.int64(0) else np.int64(LEAF_ADDRESS)
        if target != transitions[first + i, TARGET]:
            return False
        if _read(buffer, outputs_at + i * kind, kind) != transitions[first + i, OUTPUT]:
            return False
    return True


@spliced
def _emit_node(
    buffer: UInt8s,
    state: Int64s,
    transitions: Int64s,
    first: Any,
    last: Any,
    final: Any,
    final_output: Any,
) -> Any:
    start = state[END]
    count = last - first
    if count == np.int64(0):
        # only a root can have no transitions and not be the shared leaf
        wide = np.int64(1) if final else np.int64(0)
        _write(buffer, start, final_output, wide * np.int64(8))
        at = start + wide * np.int64(8)
        buffer[at] = np.uint8((final << np.int64(7)) | (np.int64(LEAF) << np.int64(3)) | wide)
        return at
    if (
        count == np.int64(1)
        and final_output == np.int64(0)
        and transitions[first, OUTPUT] == np.int64(0)
        and transitions[first, TARGET] == start - np.int64(1)
    ):
        label = transitions[first, LABEL]
        code = state[CODES + label]
        if code >= np.int64(0) and not final:
            upper = code // np.int64(SHORT_LABELS // 2)
            buffer[start] = np.uint8(
                (upper << np.int64(7))
                + np.int64(SHORT_CHAIN * 8)
                + (code - upper * np.int64(SHORT_LABELS // 2))
            )
            return start
        buffer[start] = label
        buffer[start + np.int64(1)] = np.uint8(
            (final << np.int64(7)) | (np.int64(CHAIN) << np.int64(3))
        )
        return start + np.int64(1)
    widest_output = final_output
    widest_delta = np.int64(1)
    for i in range(first, last):
        widest_output |= transitions[i, OUTPUT]
        if transitions[i, TARGET] != np.int64(LEAF_ADDRESS):
            widest_delta |= start - transitions[i, TARGET]
    width = _width(widest_output)
    deltas = _width(widest_delta)
    at = np.int64(start)
    for i in range(first, last):
        delta = (
            start - transitions[i, TARGET]
            if transitions[i, TARGET] != np.int64(LEAF_ADDRESS)
            else np.int64(0)
        )
        _write(buffer, at, delta, deltas)
        at += deltas
    for i in range(first, last):
        _write(buffer, at, transitions[i, OUTPUT], width)
        at += width
    for i in range(first, last):
        buffer[at] = transitions[i, LABEL]
        at += np.int64(1)
    if final:
        _write(buffer, at, final_output, width)
        at += width
    buffer[at] = np.uint8(count - np.int64(1))
    at += np.int64(1)
    buffer[at] = np.uint8((final << np.int64(7)) | (width << np.int64(3)) | (deltas - np.int64(1)))
    return at


@spliced
def _freeze(
    buffer: UInt8s,
    transitions: Int64s,
    registry: Int64s,
    state: Int64s,
    first: Any,
    last: Any,
    final: Any,
    final_output: Any,
) -> Any:
    """The address of a node equal to this one: an old one, or written now."""
    if first == last and final and final_output == np.int64(0):
        return np.int64(LEAF_ADDRESS)
    hashed = _hash_node(transitions, first, last, final, final_output)
    tag = np.int64(hashed >> np.uint64(64 - TAG_BITS))
    mask = np.int64(len(registry)) - np.int64(1)
    home = np.int64(hashed & np.uint64(mask))
    slot = home
    for _ in range(PROBES):
        entry = registry[slot]
        if entry == np.int64(0):
            break
        if entry & np.int64((1 << TAG_BITS) - 1) == tag:
            address = (entry >> np.int64(TAG_BITS)) - np.int64(1)
            if _same_node(buffer, address, transitions, first, last, final, final_output):
                return address
        slot = (slot + np.int64(1)) & mask
    if registry[slot] != np.int64(0):
        # full around here: the node at home makes room, and may be written twice later
        slot = home
    address = _emit_node(buffer, state, transitions, first, last, final, final_output)
    state[END] = address + np.int64(1)
    registry[slot] = ((address + np.int64(1)) << np.int64(TAG_BITS)) | tag
    return address


@kernel("int64(uint8[::1], int64[:, ::1], int64[:, ::1], int64[::1], int64[::1], int64)")
def close_nodes(
    buffer: UInt8s,
    path: Int64s,
    transitions: Int64s,
    registry: Int64s,
    state: Int64s,
    keep: Any,
) -> Any:
    """Write the open nodes below depth `keep`, deepest first; the address of the last one.

    With keep = -1 that is the root. The buffer has room for them.
    """
    depth = state[DEPTH]
    address = np.int64(0)
    while depth > keep:
        first = path[depth, FIRST]
        address = _freeze(
            buffer,
            transitions,
            registry,
            state,
            first,
            path[depth + 1, FIRST],
            path[depth, FINAL],
            path[depth, FINAL_OUTPUT],
        )
        if depth > np.int64(0):
            transitions[first - np.int64(1), TARGET] = address
        depth -= np.int64(1)
    return address


@kernel(
    "int64(uint8[::1], int64[:, ::1], int64[:, ::1], int64[::1], int64[::1],"
    f" {BYTES}, {INT64S},"
    f" {INT64S}, int64)"
)
def add_terms(
    buffer: UInt8s,
    path: Int64s,
    transitions: Int64s,
    registry: Int64s,
    state: Int64s,
    arena: UInt8s,
    offsets: Int64s,
    values: Int64s,
    term: Any,
) -> Any:
    """Add the terms from number `term` on; the number of the first one that was not added.

    `state[STATUS]` says why it stopped: DONE, GROW (the buffer may be too short for the next
    term), UNSORTED or BAD_VALUE.
    """
    state[STATUS] = DONE
    while term < len(values):
        start = offsets[term]
        length = offsets[term + 1] - start
        value = values[term]
        depth = state[DEPTH]
        if value < np.int64(0):
            state[STATUS] = BAD_VALUE
            return term
        # a node needs at most 17 bytes a transition and 10 besides
        if path[depth + 1, FIRST] * np.int64(17) + (depth + np.int64(1)) * np.int64(10) > (
            np.int64(len(buffer)) - state[END]
        ):
            state[STATUS] = GROW
            return term

        common = np.int64(0)
        shorter = min(length, depth)
        while (
            common < shorter
            and transitions[path[common + 1, FIRST] - np.int64(1), LABEL] == arena[start + common]
        ):
            common += np.int64(1)
        if state[TERMS] > np.int64(0):
            if common == length:
                state[STATUS] = UNSORTED
                return term
            if (
                common < depth
                and transitions[path[common + 1, FIRST] - np.int64(1), LABEL]
                > arena[start + common]
            ):
                state[STATUS] = UNSORTED
                return term

        if depth > common:
            close_nodes(buffer, path, transitions, registry, state, common)

        # outputs stay as near to the root as both terms allow
        for d in range(common):
            last = path[d + 1, FIRST] - np.int64(1)
            shared = min(transitions[last, OUTPUT], value)
            excess = transitions[last, OUTPUT] - shared
            if excess > np.int64(0):
                transitions[last, OUTPUT] = shared
                # below d + 1 the open transition is the last of its node, so these are all
                for i in range(path[d + 1, FIRST], path[d + 2, FIRST]):
                    transitions[i, OUTPUT] += excess
                if path[d + 1, FINAL]:
                    path[d + 1, FINAL_OUTPUT] += excess
            value -= shared

        if common == length:  # the empty term, first of all
            path[0, FINAL] = np.int64(1)
            path[0, FINAL_OUTPUT] = value
        for d in range(common, length):
            top = path[d + 1, FIRST]
            transitions[top, LABEL] = arena[start + d]
            transitions[top, OUTPUT] = value
            value = np.int64(0)
            path[d + 1, FIRST] = top + np.int64(1)
            path[d + 1, FINAL] = np.int64(0)
            path[d + 1, FINAL_OUTPUT] = np.int64(0)
            path[d + 2, FIRST] = top + np.int64(1)
        if length > np.int64(0):
            path[length, FINAL] = np.int64(1)
        state[DEPTH] = length
        state[TERMS] += np.int64(1)
        state[TERM_BYTES] += length
        state[LONGEST] = max(state[LONGEST], length)
        term += np.int64(1)
    return term
