"""Kernels of the vocabulary: UTF-8 bytes to numbers of raw terms.

The table of terms is open addressing with linear probing over slots of four uint64:

    word    field
    0, 1    the first 16 bytes of the term, padded with zeros (terms hold no zero byte)
    2       number of the term + 1, and its length in bits 32..63; zero for an empty slot
    3       hash

so that terms of up to 16 bytes are found without touching the arena.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rank_retrieve._numba import inlined, kernel

if TYPE_CHECKING:
    from rank_retrieve.types import Int32s, Int64s, UInt8s, UInt32s, UInt64s

# these repeat code_points.py and scanner.py: a kernel's cache only sees its own file
_SEPARATOR, _WORD, _MARK, _SKIP, _APOSTROPHE, _BIGRAM = 0, 1, 2, 3, 4, 5
_SLOW = 1
_MAX_TERM_BYTES = 255

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_SHIFT = np.uint64(32)
_LOW_32 = np.uint64(0xFFFFFFFF)
_ZERO, _ONE = np.uint64(0), np.uint64(1)
_WORD_BITS, _BYTE_BITS = np.uint64(64), np.uint64(8)
_MAX_WORDS = 32


@inlined
def next_token(
    buffer: UInt8s, at: int, end: int, in_run: int, points: UInt32s, scratch: UInt8s
) -> tuple[int, int, int]:
    """Find the next token from `at` and write it to `scratch`, by code points.

    in_run: 1 when `at` is the second character of a pair just returned, which is no token
        of its own.
    Returns (length in bytes or 0, where to go on, in_run of that place).
    """
    length = 0
    full = False
    inside = _SEPARATOR
    units = 0
    second = at
    pending = False
    while at < end:
        lead = np.int64(buffer[at])
        if lead < 0x80:
            point = lead
            width = 1
        elif lead < 0xE0:
            point = (lead & 0x1F) << 6 | np.int64(buffer[at + 1]) & 0x3F
            width = 2
        elif lead < 0xF0:
            point = (
                (lead & 0x0F) << 12
                | (np.int64(buffer[at + 1]) & 0x3F) << 6
                | np.int64(buffer[at + 2]) & 0x3F
            )
            width = 3
        else:
            point = (
                (lead & 0x07) << 18
                | (np.int64(buffer[at + 1]) & 0x3F) << 12
                | (np.int64(buffer[at + 2]) & 0x3F) << 6
                | np.int64(buffer[at + 3]) & 0x3F
            )
            width = 4
        entry = np.int64(points[point])
        kind = entry >> 24
        if kind == _WORD:
            if inside == _BIGRAM:
                break
            if pending:
                if length < _MAX_TERM_BYTES and not full:
                    scratch[length] = 0x27
                    length += 1
                else:
                    full = True
                pending = False
            inside = _WORD
        elif kind == _BIGRAM:
            if inside == _WORD or units == 2:
                break
            inside = _BIGRAM
            units += 1
            if units == 2:
                second = at
        elif kind in (_MARK, _SKIP):
            if pending:
                break
            if inside == _SEPARATOR or kind == _SKIP:
                at += width
                continue
        elif kind == _APOSTROPHE:
            if pending or inside == _BIGRAM:
                break
            pending = inside == _WORD
            at += width
            continue
        else:
            if inside != _SEPARATOR:
                break
            at += width
            continue
        at += width
        stored = entry & 0x1FFFFF
        if stored < 0x80:
            room = 1
        elif stored < 0x800:
            room = 2
        elif stored < 0x10000:
            room = 3
        else:
            room = 4
        # once something did not fit, nothing shorter may slip in behind it
        full = full or length + room > _MAX_TERM_BYTES
        if full:
            continue
        if room == 1:
            scratch[length] = stored
        elif room == 2:
            scratch[length] = 0xC0 | stored >> 6
            scratch[length + 1] = 0x80 | stored & 0x3F
        elif room == 3:
            scratch[length] = 0xE0 | stored >> 12
            scratch[length + 1] = 0x80 | stored >> 6 & 0x3F
            scratch[length + 2] = 0x80 | stored & 0x3F
        else:
            scratch[length] = 0xF0 | stored >> 18
            scratch[length + 1] = 0x80 | stored >> 12 & 0x3F
            scratch[length + 2] = 0x80 | stored >> 6 & 0x3F
            scratch[length + 3] = 0x80 | stored & 0x3F
        length += room
    if inside == _BIGRAM and units == 2:
        return length, second, 1
    if inside == _BIGRAM and in_run == 1:
        return 0, at, 0
    return length, at, 0


@inlined
def same_bytes(arena: UInt8s, start: int, scratch: UInt8s, length: int) -> bool:
    """Whether a term of the arena equals the first `length` bytes of `scratch`."""
    for i in range(length):  # noqa: SIM110 - kernels have no generators
        if arena[start + i] != scratch[i]:
            return False
    return True


@kernel(
    "int64(uint8[::1], int64[::1], int64, uint8[::1], uint32[::1], uint8[::1], uint64[::1], "
    "uint64[::1], uint8[::1], int64[::1], int64[::1], int32[::1], int64[::1])"
)
def tokenize(
    buffer: UInt8s,
    bounds: Int64s,
    first: int,
    byte_table: UInt8s,
    points: UInt32s,
    scratch: UInt8s,
    words: UInt64s,
    slots: UInt64s,
    arena: UInt8s,
    arena_offsets: Int64s,
    state: Int64s,
    tokens: Int32s,
    offsets: Int64s,
) -> int:
    """Number the raw terms of texts `first`, `first` + 1, ...

    buffer: the texts in UTF-8, each followed by one zero byte, and four more at the end.
    bounds: text t is buffer[bounds[t] : bounds[t + 1] - 1].
    words: the memory of `scratch`, 256 bytes, as uint64.
    arena: the raw terms, each followed by a line feed; term i starts at arena_offsets[i].
    state: [number of terms, number of tokens], read and written.
    tokens, offsets: text t is tokens[offsets[t] : offsets[t + 1]].
    Returns the first text that is not done: all are, or the table or arena is full (then it
    is to be grown, and the call repeated from that text).
    """
    n_terms = state[0]
    n_tokens = state[1]
    n_slots = slots.size >> 2
    mask = np.uint64(n_slots - 1)
    max_terms = min(n_slots >> 1, arena_offsets.size - 1)
    n_texts = bounds.size - 1
    for text in range(first, n_texts):
        at = bounds[text]
        end = bounds[text + 1] - 1
        in_run = 0
        while True:
            while at < end and byte_table[buffer[at]] == 0:
                at += 1
            if at >= end:
                break
            # eight bytes at a time in a register; the zero byte after each text ends the loop
            stop = at
            n_words = 0
            byte = byte_table[buffer[stop]]
            while byte > _SLOW:
                word = _ZERO
                shift = _ZERO
                while byte > _SLOW and shift < _WORD_BITS:
                    word |= np.uint64(byte) << shift
                    shift += _BYTE_BITS
                    stop += 1
                    byte = byte_table[buffer[stop]]
                if n_words < _MAX_WORDS:
                    words[n_words] = word
                    n_words += 1
            if byte == _SLOW:
                length, at, in_run = next_token(buffer, at, end, in_run, points, scratch)
                if length == 0:
                    continue
                n_words = (length + 7) >> 3
                for i in range(length, n_words << 3):
                    scratch[i] = 0
            else:
                length = min(stop - at, _MAX_TERM_BYTES)
                if length == _MAX_TERM_BYTES:
                    scratch[_MAX_TERM_BYTES] = 0
                at = stop
            code = np.uint64(length)
            for i in range(n_words):
                code = (code ^ words[i]) * _MULTIPLIER
                code ^= code >> _SHIFT
            word0 = words[0]
            word1 = words[1] if n_words > 1 else _ZERO
            place = code & mask
            term = np.int64(-1)
            while True:
                base = np.int64(place) << 2
                label = slots[base + 2]
                if label == _ZERO:
                    break
                if (
                    slots[base] == word0
                    and slots[base + 1] == word1
                    and label >> _SHIFT == np.uint64(length)
                ):
                    found = np.int64(label & _LOW_32) - 1
                    if length <= 16 or (
                        slots[base + 3] == code
                        and same_bytes(arena, arena_offsets[found], scratch, length)
                    ):
                        term = found
                        break
                place = (place + _ONE) & mask
            if term < 0:
                start = arena_offsets[n_terms]
                if n_terms >= max_terms or start + length + 1 > arena.size:
                    state[0] = n_terms
                    state[1] = offsets[text]
                    return text
                term = n_terms
                n_terms += 1
                slots[base] = word0
                slots[base + 1] = word1
                slots[base + 2] = np.uint64(length) << _SHIFT | np.uint64(n_terms)
                slots[base + 3] = code
                for i in range(length):
                    arena[start + i] = scratch[i]
                arena[start + length] = 10
                arena_offsets[n_terms] = start + length + 1
            tokens[n_tokens] = term
            n_tokens += 1
        offsets[text + 1] = n_tokens
    state[0] = n_terms
    state[1] = n_tokens
    return n_texts


@kernel("int64(uint64[::1], uint64[::1])")
def rehash(slots: UInt64s, larger: UInt64s) -> int:
    """Enter every term of a table into a larger, empty one; returns how many."""
    mask = np.uint64((larger.size >> 2) - 1)
    n_terms = 0
    for base in range(0, slots.size, 4):
        if slots[base + 2] == _ZERO:
            continue
        place = slots[base + 3] & mask
        while larger[(np.int64(place) << 2) + 2] != _ZERO:
            place = (place + _ONE) & mask
        for i in range(4):
            larger[(np.int64(place) << 2) + i] = slots[base + i]
        n_terms += 1
    return n_terms


@kernel("int64(int32[::1], int64[::1], int32[::1])")
def finish_tokens(tokens: Int32s, offsets: Int64s, final_of_raw: Int32s) -> int:
    """Replace raw terms by final ones in place, dropping those below zero.

    Returns the number of tokens that are left.
    """
    kept = 0
    read = offsets[0]
    for text in range(offsets.size - 1):
        end = offsets[text + 1]
        while read < end:
            term = final_of_raw[tokens[read]]
            read += 1
            if term >= 0:
                tokens[kept] = term
                kept += 1
        offsets[text + 1] = kept
    return kept


@kernel("int64(int32[::1], int64[::1], int32[::1], int32[::1])")
def finish_positioned_tokens(
    tokens: Int32s, offsets: Int64s, final_of_raw: Int32s, positions: Int32s
) -> int:
    """`finish_tokens`, and where each token that is left stood in its text, dropped ones counted.

    positions: int32 [n_tokens], written.
    """
    kept = 0
    read = offsets[0]
    for text in range(offsets.size - 1):
        start, end = read, offsets[text + 1]
        while read < end:
            term = final_of_raw[tokens[read]]
            if term >= 0:
                tokens[kept] = term
                positions[kept] = read - start
                kept += 1
            read += 1
        offsets[text + 1] = kept
    return kept
