"""Reading the bytes of an FST: look-up, walking beside an automaton, full check.

Everything that lists terms is one walk. It keeps a stack with a frame for each byte of the
current term, lists as many terms as its output holds or works through a bounded number of
nodes, and can be continued.

Nothing here trusts the bytes: a node must lie behind the header, its parts before it and its
children before those. So no read leaves the buffer, and every step goes strictly down.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import kernel
from rank_retrieve.codecs.fst._layout import (
    CHAIN,
    HEADER_BYTES,
    LEAF,
    LEAF_ADDRESS,
    SHORT_CHAIN,
    SHORT_LABELS_AT,
)
from rank_retrieve.codecs.fst._splice import spliced
from rank_retrieve.types import Int32s, Int64s, UInt8s

# the arrays of signatures; the reading ones take read-only memory too
BYTES = "Array(uint8, 1, 'C', readonly=True)"
INT64S = "Array(int64, 1, 'C', readonly=True)"
PROGRAM = "Array(int32, 1, 'C', readonly=True)"

ABSENT, DAMAGED = -1, -2
FINISHED, MORE = 0, 1

# columns of `stack`: the node, its next transition (-1: the node itself comes first), the sum
# of outputs so far, and the automaton's state (a DFA uses STATE alone)
NODE, NEXT, SUM, STATE, POSITION, PARTIAL = 0, 1, 2, 3, 4, 5
STACK_COLUMNS = 6

# slots of `walk_state`; at and below FLOOR lies what the walk must not leave
DEPTH, FLOOR, LISTED, BUDGET, BOUNDED = 0, 1, 2, 3, 4
WALK_SLOTS = 5

# a program is int32[]: its kind, then for a DFA the number of its start row, the class of each
# byte, and rows of [accepts, next row by class] where row 0 is dead
KIND, START, CLASSES = 0, 1, 2
ROWS = CLASSES + 256
# or for Levenshtein the distance, whether transpositions count once, how many characters must
# match, the length of the pattern, and its code points between PADDING negative ones
DISTANCE, TRANSPOSITIONS, EXACT, LENGTH, PATTERN = 1, 2, 3, 4, 5
PADDING = 8
IS_DFA, IS_LEVENSHTEIN = 0, 1


@spliced
def read_uint(buffer: UInt8s, at: Any, width: Any) -> Any:
    """A little-endian number of `width` bytes."""
    value = np.int64(0)
    for i in range(width):
        value |= np.int64(buffer[np.uint64(at + i)]) << np.int64(np.int64(8) * i)
    return value


@spliced
def parts(buffer: UInt8s, address: Any) -> tuple[Any, Any, Any, Any, Any, Any]:
    """Of the node at `address`: transitions, output width, delta width, start, labels, final.

    start: its first byte, below HEADER_BYTES when the node is damaged. labels: where they lie;
    the output of a final node follows them. Deltas of width 0 say that the only child ends
    right before this node.
    """
    header = np.int64(buffer[np.uint64(address)])
    final = header >> np.int64(7)
    kind = (header >> np.int64(3)) & np.int64(15)
    low = header & np.int64(7)
    one, zero = np.int64(1), np.int64(0)
    if kind < np.int64(SHORT_CHAIN):
        count = np.int64(buffer[np.uint64(address - one)]) + one
        deltas = low + one
        labels = address - one - final * kind - count
        return count, kind, deltas, labels - count * (kind + deltas), labels, final
    if kind < np.int64(LEAF):
        code = (header & np.int64(127)) - np.int64(SHORT_CHAIN * 8) + final * np.int64(40)
        return one, zero, zero, address, np.int64(SHORT_LABELS_AT) + code, zero
    if kind == np.int64(CHAIN):
        return one, zero, zero, address - one, address - one, final
    width = (low & one) * np.int64(8)
    return zero, width, zero, address - width, address - width, final


@spliced
def child_of(buffer: UInt8s, start: Any, transition: Any, deltas: Any) -> Any:
    """Where the transition leads; DAMAGED unless that lies before the node's first byte."""
    if deltas == np.int64(0):
        child = start - np.int64(1)
    else:
        delta = read_uint(buffer, start + transition * deltas, deltas)
        if delta == np.int64(0):
            child = np.int64(LEAF_ADDRESS)
        else:
            child = start - delta
    if child < np.int64(HEADER_BYTES) or child >= start:
        return np.int64(DAMAGED)
    return child


@spliced
def find_label(buffer: UInt8s, at: Any, count: Any, label: Any) -> Any:
    """The first of `count` ascending labels that is not below `label`; `count` if all are."""
    low = np.int64(0)
    high = np.int64(count)
    while high - low > np.int64(8):
        middle = (low + high) >> np.int64(1)
        if np.int64(buffer[np.uint64(at + middle)]) < label:
            low = middle + np.int64(1)
        else:
            high = middle
    while low < high and np.int64(buffer[np.uint64(at + low)]) < label:
        low += np.int64(1)
    return low


@kernel(f"int64({BYTES}, int64, {BYTES}, int64, int64)")
def get(buffer: UInt8s, root: Any, arena: UInt8s, first: Any, last: Any) -> Any:
    """The value of the term arena[first:last]; ABSENT or DAMAGED."""
    address = np.int64(root)
    value = np.int64(0)
    for i in range(first, last):
        label = np.int64(arena[np.uint64(i)])
        count, width, deltas, start, labels, final = parts(buffer, address)
        if start < np.int64(HEADER_BYTES):
            return np.int64(DAMAGED)
        j = find_label(buffer, labels, count, label)
        if j == count or np.int64(buffer[np.uint64(labels + j)]) != label:
            return np.int64(ABSENT)
        value += read_uint(buffer, start + count * deltas + j * width, width)
        if value < np.int64(0):
            return np.int64(DAMAGED)
        address = child_of(buffer, start, j, deltas)
        if address < np.int64(0):
            return np.int64(DAMAGED)
    count, width, deltas, start, labels, final = parts(buffer, address)
    if start < np.int64(HEADER_BYTES):
        return np.int64(DAMAGED)
    if final == np.int64(0):
        return np.int64(ABSENT)
    value += read_uint(buffer, labels + count, width)
    return value if value >= np.int64(0) else np.int64(DAMAGED)


@kernel(f"int64({BYTES}, int64, {BYTES}, {INT64S}, int64[::1])")
def get_many(buffer: UInt8s, root: Any, arena: UInt8s, offsets: Int64s, out: Int64s) -> Any:
    """Look up term i = arena[offsets[i]:offsets[i + 1]] into out[i]; 0, or DAMAGED."""
    for i in range(len(out)):
        out[i] = get(buffer, root, arena, offsets[i], offsets[i + 1])
        if out[i] == np.int64(DAMAGED):
            return np.int64(DAMAGED)
    return np.int64(0)


@kernel(f"int64({BYTES}, int64, int64, uint8[::1])")
def term_of(buffer: UInt8s, root: Any, value: Any, key: UInt8s) -> Any:
    """Write the term with this value into `key`; its length, ABSENT or DAMAGED.

    Right only where values ascend with the terms, so that outputs ascend within a node.
    """
    address = np.int64(root)
    depth = np.int64(0)
    while True:
        count, width, deltas, start, labels, final = parts(buffer, address)
        if start < np.int64(HEADER_BYTES):
            return np.int64(DAMAGED)
        if final and read_uint(buffer, labels + count, width) == value:
            return depth
        outputs = start + count * deltas
        j = count - np.int64(1)
        while j >= np.int64(0) and read_uint(buffer, outputs + j * width, width) > value:
            j -= np.int64(1)
        if j < np.int64(0):
            return np.int64(ABSENT)
        output = read_uint(buffer, outputs + j * width, width)
        address = child_of(buffer, start, j, deltas)
        if output < np.int64(0) or address < np.int64(0) or depth == len(key):
            return np.int64(DAMAGED)
        value -= output
        key[depth] = buffer[np.uint64(labels + j)]
        depth += np.int64(1)


@kernel(f"int64({BYTES}, int64, uint8[::1])")
def last_term(buffer: UInt8s, root: Any, key: UInt8s) -> Any:
    """Write the greatest term into `key`; its length or DAMAGED. There is at least one term."""
    address = np.int64(root)
    depth = np.int64(0)
    while True:
        count, _, deltas, start, labels, _ = parts(buffer, address)
        if start < np.int64(HEADER_BYTES):
            return np.int64(DAMAGED)
        if count == np.int64(0):
            return depth
        address = child_of(buffer, start, count - np.int64(1), deltas)
        if address < np.int64(0) or depth == len(key):
            return np.int64(DAMAGED)
        key[depth] = buffer[np.uint64(labels + count - np.int64(1))]
        depth += np.int64(1)


@spliced
def _start_state(program: Int32s) -> Any:
    """The automaton before the first byte; POSITION and PARTIAL are 0."""
    if program[KIND] == IS_DFA:
        return np.int64(program[START])
    return _fresh_errors(program, np.int64(0))


@spliced
def _fresh_errors(program: Int32s, position: Any) -> Any:
    """No error up to `position`; from there on pattern characters may be left out."""
    distance = np.int64(program[DISTANCE])
    home = np.int64(1) << distance
    if position < np.int64(program[EXACT]):
        return home | home << np.int64(8) | home << np.int64(16)
    fits = _fitting(program, position)
    one = (home | home << np.int64(1)) & fits
    two = (one | one << np.int64(1)) & fits
    return home | one << np.int64(8) | two << np.int64(16)


@spliced
def _fitting(program: Int32s, position: Any) -> Any:
    """The bits of the band that stand for places inside the pattern or at its end."""
    distance = np.int64(program[DISTANCE])
    width = min(
        np.int64(2) * distance + np.int64(1),
        np.int64(program[LENGTH]) - position + distance + np.int64(1),
    )
    return (np.int64(1) << max(width, np.int64(0))) - np.int64(1)


@spliced
def _read_character(program: Int32s, errors: Any, position: Any, character: Any) -> Any:
    """The errors after one more code point; -1 when no continuation can match.

    Bit k of the j-th byte of `errors`: the text so far is within j edits of the pattern's first
    (position - distance + k) characters. Bytes 3 and 4 remember the first half of a
    transposition made at one or two errors.
    """
    one = np.int64(1)
    distance = np.int64(program[DISTANCE])
    base = np.int64(PATTERN + PADDING) + position - distance - one
    equal = np.int64(0)
    for k in range(np.int64(2) * distance + np.int64(3)):
        if np.int64(program[np.uint64(base + k)]) == character:
            equal |= one << k
    here = equal >> one
    if position < np.int64(program[EXACT]):
        if not (here >> distance) & one:
            return np.int64(-1)
        return _fresh_errors(program, position + one)
    fits = _fitting(program, position + one)
    e0 = errors & np.int64(255)
    e1 = (errors >> np.int64(8)) & np.int64(255)
    e2 = (errors >> np.int64(16)) & np.int64(255)
    t1 = (errors >> np.int64(24)) & np.int64(255)
    t2 = (errors >> np.int64(32)) & np.int64(255)
    n0 = e0 & here & fits
    n1 = np.int64(0)
    n2 = np.int64(0)
    h1 = np.int64(0)
    h2 = np.int64(0)
    if distance >= one:
        n1 = ((e1 & here) | e0 | (e0 >> one) | (t1 & equal) | (n0 << one)) & fits
    if distance >= np.int64(2):
        n2 = ((e2 & here) | e1 | (e1 >> one) | (t2 & equal) | (n1 << one)) & fits
    if program[TRANSPOSITIONS]:
        half = equal >> np.int64(2)
        if distance >= one:
            h1 = e0 & half
        if distance >= np.int64(2):
            h2 = e1 & half
    if (n0 | n1 | n2 | h1 | h2) == np.int64(0):
        return np.int64(-1)
    return n0 | n1 << np.int64(8) | n2 << np.int64(16) | h1 << np.int64(24) | h2 << np.int64(32)


@spliced
def _step(
    program: Int32s, state: Any, position: Any, partial: Any, label: Any
) -> tuple[Any, Any, Any, Any]:
    """The automaton after one byte: whether it can still match, and its state.

    Levenshtein reads code points: `partial` holds an unfinished one as
    (bits << 8 | bytes << 4 | bytes to come), and anything but UTF-8 is a dead end.
    """
    zero, one = np.int64(0), np.int64(1)
    if program[KIND] == IS_DFA:
        row = np.int64(program[np.uint64(state + one + program[np.uint64(CLASSES + label)])])
        return row != zero, row, position, partial
    character = np.int64(label)
    if partial == zero:
        if label >= np.int64(128):
            if label < np.int64(0xC2) or label > np.int64(0xF4):
                return False, state, position, partial
            size = np.int64(2)
            if label >= np.int64(0xE0):
                size += one
            if label >= np.int64(0xF0):
                size += one
            bits = label & ((one << (np.int64(7) - size)) - one)
            return True, state, position, bits << np.int64(8) | size << np.int64(4) | (size - one)
    else:
        if label >> np.int64(6) != np.int64(2):
            return False, state, position, partial
        size = (partial >> np.int64(4)) & np.int64(15)
        left = (partial & np.int64(15)) - one
        character = (partial >> np.int64(8)) << np.int64(6) | (label & np.int64(63))
        if left > zero:
            waiting = character << np.int64(8) | size << np.int64(4) | left
            return True, state, position, waiting
        # longer than needed, a surrogate, or beyond the last code point
        if (
            (size == np.int64(3) and character < np.int64(0x800))
            or (size == np.int64(4) and character < np.int64(0x10000))
            or (np.int64(0xD800) <= character and character <= np.int64(0xDFFF))
            or character > np.int64(0x10FFFF)
        ):
            return False, state, position, partial
    after = _read_character(program, state, position, character)
    return after >= zero, after, position + one, zero


@spliced
def _worth_trying(program: Int32s, state: Any, position: Any, partial: Any) -> tuple[Any, Any]:
    """The ASCII bytes that may lead on, a bit each for 0..63 and for 64..127.

    With no edits left only the pattern's next characters do, and most nodes are met so. The
    second half of a transposition is among them: it also follows the first half as an insertion.
    """
    every = ~np.uint64(0)
    distance = np.int64(program[DISTANCE])
    if (
        program[KIND] == IS_DFA
        or partial != np.int64(0)
        or position < np.int64(program[EXACT])
        or state & ((np.int64(1) << (np.int64(8) * distance)) - np.int64(1)) != np.int64(0)
    ):
        return every, every
    low = np.uint64(0)
    high = np.uint64(0)
    band = state >> (np.int64(8) * distance)
    base = np.int64(PATTERN + PADDING) + position - distance
    for k in range(np.int64(2) * distance + np.int64(1)):
        character = np.int64(program[np.uint64(base + k)])
        if (band >> k) & np.int64(1) and character >= np.int64(0):
            bit = np.uint64(1) << np.uint64(character & np.int64(63))
            if character < np.int64(64):
                low |= bit
            elif character < np.int64(128):
                high |= bit
    return low, high


@spliced
def _accepts(program: Int32s, state: Any, position: Any, partial: Any) -> Any:
    """Whether the automaton accepts a term that ends here."""
    if program[KIND] == IS_DFA:
        return program[np.uint64(state)] != np.int32(0)
    if partial != np.int64(0):
        return False
    distance = np.int64(program[DISTANCE])
    place = np.int64(program[LENGTH]) - position + distance
    if place < np.int64(0) or place > np.int64(2) * distance:
        return False
    return (state >> (np.int64(8) * distance + place)) & np.int64(1) != np.int64(0)


@kernel(f"int64({PROGRAM}, int64[::1])")
def begin(program: Int32s, frame: Int64s) -> Any:
    """Put the automaton's first state into one frame of a stack; whether it accepts."""
    frame[STATE] = _start_state(program)
    frame[POSITION] = np.int64(0)
    frame[PARTIAL] = np.int64(0)
    return np.int64(_accepts(program, frame[STATE], np.int64(0), np.int64(0)))


@kernel(f"int64({PROGRAM}, int64[::1], int64)")
def advance(program: Int32s, frame: Int64s, label: Any) -> Any:
    """Move the automaton in `frame` by one byte: -1 dead, 1 accepting, 0 between."""
    alive, state, position, partial = _step(
        program, frame[STATE], frame[POSITION], frame[PARTIAL], label
    )
    if not alive:
        return np.int64(-1)
    frame[STATE] = state
    frame[POSITION] = position
    frame[PARTIAL] = partial
    return np.int64(_accepts(program, state, position, partial))


@kernel(f"int64({PROGRAM}, {BYTES}, int64[::1])")
def matches(program: Int32s, term: UInt8s, frame: Int64s) -> Any:
    """1 when the automaton accepts the term, else 0; `frame` is scratch."""
    accepting = begin(program, frame)
    for i in range(len(term)):
        accepting = advance(program, frame, np.int64(term[i]))
        if accepting < np.int64(0):
            return np.int64(0)
    return accepting


@kernel(f"int64({BYTES}, int64, {PROGRAM}, int64[:, ::1], uint8[::1], int64[::1], {BYTES})")
def seek(
    buffer: UInt8s,
    root: Any,
    program: Int32s,
    stack: Int64s,
    key: UInt8s,
    walk_state: Int64s,
    target: UInt8s,
) -> Any:
    """Set the stack so that the walk begins with the first term >= target.

    Returns how many bytes of the target lead somewhere, or DAMAGED.
    """
    begin(program, stack[0])
    stack[0, NODE] = root
    stack[0, NEXT] = np.int64(-1)
    stack[0, SUM] = np.int64(0)
    walk_state[DEPTH] = np.int64(0)
    for depth in range(len(target)):
        count, width, deltas, start, labels, _ = parts(buffer, stack[depth, NODE])
        if start < np.int64(HEADER_BYTES):
            return np.int64(DAMAGED)
        label = np.int64(target[depth])
        j = find_label(buffer, labels, count, label)
        # the node's own term is a prefix of the target, so it is passed by
        stack[depth, NEXT] = j
        if j == count or np.int64(buffer[np.uint64(labels + j)]) != label:
            return depth
        stack[depth, NEXT] = j + np.int64(1)
        total = stack[depth, SUM] + read_uint(buffer, start + count * deltas + j * width, width)
        child = child_of(buffer, start, j, deltas)
        if total < np.int64(0) or child < np.int64(0) or depth == len(key):
            return np.int64(DAMAGED)
        key[depth] = target[depth]
        below = depth + np.int64(1)
        stack[below, NODE] = child
        stack[below, NEXT] = np.int64(-1)
        stack[below, SUM] = total
        stack[below, STATE] = stack[depth, STATE]
        stack[below, POSITION] = stack[depth, POSITION]
        stack[below, PARTIAL] = stack[depth, PARTIAL]
        if advance(program, stack[below], label) < np.int64(0):
            return depth
        walk_state[DEPTH] = below
    return np.int64(len(target))


@spliced
def _reached(key: UInt8s, depth: Any, bound: UInt8s) -> Any:
    """Whether key[:depth] >= bound."""
    for i in range(min(depth, np.int64(len(bound)))):
        if key[i] != bound[i]:
            return key[i] > bound[i]
    return depth >= np.int64(len(bound))


@kernel(
    f"int64({BYTES}, {PROGRAM},"
    f" int64[:, ::1], uint8[::1], int64[::1], {BYTES},"
    " uint8[::1], int64[::1], int64[::1])"
)
def walk(
    buffer: UInt8s,
    program: Int32s,
    stack: Int64s,
    key: UInt8s,
    walk_state: Int64s,
    bound: UInt8s,
    arena: UInt8s,
    offsets: Int64s,
    values: Int64s,
) -> Any:
    """List the next terms that the automaton accepts, below `bound`.

    Term i goes to arena[offsets[i]:offsets[i + 1]] and values[i]; walk_state[LISTED] counts
    them. FINISHED; MORE when an output is full or walk_state[BUDGET] nodes were visited;
    DAMAGED.
    """
    one = np.int64(1)
    depth = walk_state[DEPTH]
    floor = walk_state[FLOOR]
    listed = np.int64(0)
    offsets[0] = np.int64(0)
    walk_state[LISTED] = listed
    while depth >= floor:
        count, width, deltas, start, labels, final = parts(buffer, stack[depth, NODE])
        if start < np.int64(HEADER_BYTES):
            return np.int64(DAMAGED)
        state = stack[depth, STATE]
        position = stack[depth, POSITION]
        partial = stack[depth, PARTIAL]
        j = stack[depth, NEXT]
        if j < np.int64(0):
            if (
                walk_state[BUDGET] == np.int64(0)
                or listed == len(values)
                or offsets[listed] + depth > len(arena)
            ):
                walk_state[DEPTH] = depth
                return np.int64(MORE)
            walk_state[BUDGET] -= one
            if walk_state[BOUNDED] and _reached(key, depth, bound):
                break
            if final and _accepts(program, state, position, partial):
                value = stack[depth, SUM] + read_uint(buffer, labels + count, width)
                if value < np.int64(0):
                    return np.int64(DAMAGED)
                at = offsets[listed]
                for i in range(depth):
                    arena[at + i] = key[i]
                values[listed] = value
                listed += one
                offsets[listed] = at + depth
                walk_state[LISTED] = listed
            j = np.int64(0)
        alive = False
        low, high = _worth_trying(program, state, position, partial)
        while j < count:
            label = np.int64(buffer[np.uint64(labels + j)])
            worth = low if label < np.int64(64) else high
            if label < np.int64(128) and not (
                (worth >> np.uint64(label & np.int64(63))) & np.uint64(1)
            ):
                j += one
                continue
            alive, after, place, rest = _step(program, state, position, partial, label)
            if alive:
                break
            j += one
        stack[depth, NEXT] = j + one
        if not alive:
            depth -= one
            continue
        total = stack[depth, SUM] + read_uint(buffer, start + count * deltas + j * width, width)
        child = child_of(buffer, start, j, deltas)
        if total < np.int64(0) or child < np.int64(0) or depth == len(key):
            return np.int64(DAMAGED)
        key[depth] = buffer[np.uint64(labels + j)]
        depth += one
        stack[depth, NODE] = child
        stack[depth, NEXT] = np.int64(-1)
        stack[depth, SUM] = total
        stack[depth, STATE] = after
        stack[depth, POSITION] = place
        stack[depth, PARTIAL] = rest
    walk_state[DEPTH] = floor - one
    return np.int64(FINISHED)


@kernel(f"int64({BYTES}, int64, int64[::1])")
def list_nodes(buffer: UInt8s, root: Any, addresses: Int64s) -> Any:
    """Find the nodes from the root down to the shared leaf, as they lie without gaps.

    Fills `addresses` from its end, unless that is empty; the number of nodes, or DAMAGED.
    """
    address = np.int64(root)
    found = np.int64(0)
    while True:
        _, _, _, start, _, _ = parts(buffer, address)
        if start < np.int64(HEADER_BYTES):
            return np.int64(DAMAGED)
        if len(addresses) > 0:
            addresses[len(addresses) - np.int64(1) - found] = address
        found += np.int64(1)
        if address == np.int64(LEAF_ADDRESS):
            leaf = np.int64(buffer[LEAF_ADDRESS])
            return found if leaf == np.int64(128 | LEAF << 3) else np.int64(DAMAGED)
        address = start - np.int64(1)
        if address < np.int64(LEAF_ADDRESS):
            return np.int64(DAMAGED)


@kernel(f"int64({BYTES}, int64[::1], int64[:, ::1], int64[::1])")
def sum_up(buffer: UInt8s, addresses: Int64s, sums: Int64s, claimed: Int64s) -> Any:
    """Check every node, children first; 0 or the address of a damaged one.

    sums[i] becomes the number of terms below node i, their bytes, the longest, and the highest
    value. The first three may not exceed what the header claims, so they cannot overflow.
    """
    for i in range(len(addresses)):
        address = addresses[i]
        count, width, deltas, start, labels, final = parts(buffer, address)
        terms = np.int64(final)
        term_bytes = np.int64(0)
        longest = np.int64(0)
        highest = np.int64(0)
        if final:
            highest = read_uint(buffer, labels + count, width)
            if highest < np.int64(0):
                return address
        for j in range(count):
            if j > np.int64(0) and buffer[labels + j] <= buffer[labels + j - np.int64(1)]:
                return address
            output = read_uint(buffer, start + count * deltas + j * width, width)
            child = child_of(buffer, start, j, deltas)
            low = np.int64(0)
            high = np.int64(i)
            while low < high:
                middle = (low + high) >> np.int64(1)
                if addresses[middle] < child:
                    low = middle + np.int64(1)
                else:
                    high = middle
            if output < np.int64(0) or low == i or addresses[low] != child:
                return address
            terms += sums[low, 0]
            term_bytes += sums[low, 1] + sums[low, 0]
            longest = max(longest, sums[low, 2] + np.int64(1))
            if output + sums[low, 3] < np.int64(0):
                return address
            highest = max(highest, output + sums[low, 3])
            if terms > claimed[0] or term_bytes > claimed[1] or longest > claimed[2]:
                return address
        # only the root of an empty FST leads to no term at all
        if terms == np.int64(0) and (claimed[0] > np.int64(0) or i + 1 < len(addresses)):
            return address
        sums[i, 0] = terms
        sums[i, 1] = term_bytes
        sums[i, 2] = longest
        sums[i, 3] = highest
    return np.int64(0)
