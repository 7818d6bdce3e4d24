"""Loops of `words`; sizes are checked by the callers."""

from __future__ import annotations

from typing import Any

import numpy as np

from rank_retrieve._numba import kernel
from rank_retrieve.types import Int32s, Int64s, UInt8s, UInt32s

ONE_BYTE = 64  # words of one byte
TWO_BYTES = ONE_BYTE + 62 * 256  # of at most two
MAX_TOKEN = 64
TRUNCATED, UNKNOWN = -1, -2


@kernel(
    "int64(Array(uint8, 1, 'C', readonly=True), Array(int64, 1, 'C', readonly=True),"
    " Array(uint8, 1, 'C', readonly=True), int32[::1], uint32[::1], int64[::1])"
)
def cut(
    text: UInt8s, offsets: Int64s, kinds: UInt8s, ends: Int32s, hashes: UInt32s, places: Int64s
) -> Any:
    """Cut texts into tokens: where each ends, and a hash of its bytes; how many there are.

    A token is a run of letters with one space before it, a run of spaces, or a run of others.
    kinds: of each byte, 0 other, 1 space, 2 ASCII letter, 3 beyond ASCII; a hash is odd when
    one of these is in its token. places[i] becomes the number of the first token of text i.
    """
    n = np.int64(0)
    for doc in range(len(offsets) - 1):
        at, stop = offsets[doc], offsets[doc + 1]
        places[doc] = n
        while at < stop:
            byte = text[at]
            kind = kinds[byte]
            value = (np.uint64(byte) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
            beyond = kind == np.uint8(3)
            limit = min(stop, at + np.int64(MAX_TOKEN))
            at += np.int64(1)
            if kind == np.uint8(1) and at < limit and kinds[text[at]] >= np.uint8(2):
                kind = np.uint8(2)
            letters = kind >= np.uint8(2)
            while at < limit:
                byte = text[at]
                other = kinds[byte]
                if letters:
                    if other < np.uint8(2):
                        break
                    beyond |= other == np.uint8(3)
                elif other != kind:
                    break
                value = (value ^ np.uint64(byte)) * np.uint64(0x9E3779B97F4A7C15)
                at += np.int64(1)
            ends[n] = np.int32(at)
            value = (value >> np.uint64(31)) & np.uint64(0xFFFFFFFE)
            hashes[n] = np.uint32(value | np.uint64(beyond))
            n += np.int64(1)
    places[len(offsets) - 1] = n
    return n


@kernel(
    "int64(Array(uint8, 1, 'C', readonly=True), Array(int32, 1, 'C', readonly=True),"
    " Array(uint32, 1, 'C', readonly=True), int32[::1], int64[::1], int64[::1], int64[::1])"
)
def count(
    text: UInt8s,
    ends: Int32s,
    hashes: UInt32s,
    slots: Int32s,
    starts: Int64s,
    lengths: Int64s,
    counts: Int64s,
) -> Any:
    """Count the tokens of a text that is cut without gaps; how many different ones there are.

    slots: -1 everywhere, a power of two, at least twice len(starts). When `starts` is full,
    further new tokens are left out.
    """
    n = np.int64(0)
    mask = np.int64(len(slots) - 1)
    at = np.int64(0)
    for token in range(len(ends)):
        length = np.int64(ends[token]) - at
        place = np.int64(hashes[token]) & mask
        while True:
            found = np.int64(slots[place])
            if found < 0:
                if n < len(starts):
                    slots[place] = np.int32(n)
                    starts[n] = at
                    lengths[n] = length
                    counts[n] = np.int64(1)
                    n += np.int64(1)
                break
            if lengths[found] == length:
                i = np.int64(0)
                start = starts[found]
                while i < length and text[start + i] == text[at + i]:
                    i += np.int64(1)
                if i == length:
                    counts[found] += np.int64(1)
                    break
            place = (place + np.int64(1)) & mask
        at += length
    return n


@kernel("void(Array(uint32, 1, 'C', readonly=True), int32[::1])")
def index(hashes: UInt32s, slots: Int32s) -> None:
    """Put word i under hashes[i] into a table: -1 everywhere, a power of two, twice the words."""
    mask = np.int64(len(slots) - 1)
    for word in range(len(hashes)):
        place = np.int64(hashes[word]) & mask
        while slots[place] >= 0:
            place = (place + np.int64(1)) & mask
        slots[place] = np.int32(word)


@kernel(
    "int64(Array(uint8, 1, 'C', readonly=True), Array(int32, 1, 'C', readonly=True),"
    " Array(uint32, 1, 'C', readonly=True), Array(int64, 1, 'C', readonly=True),"
    " Array(uint8, 1, 'C', readonly=True), Array(int64, 1, 'C', readonly=True),"
    " Array(int32, 1, 'C', readonly=True), uint8[::1], int64[::1])"
)
def encode(
    text: UInt8s,
    ends: Int32s,
    hashes: UInt32s,
    places: Int64s,
    words: UInt8s,
    word_offsets: Int64s,
    slots: Int32s,
    out: UInt8s,
    code_ends: Int64s,
) -> Any:
    """Write the code of each text, at most three bytes for one; its size in all.

    ends, hashes, places: from `cut`. code_ends[i] becomes where the code of text i ends.
    """
    size = np.int64(0)
    at = np.int64(0)
    mask = np.int64(len(slots) - 1)
    for doc in range(len(places) - 1):
        escaped = np.int64(-1)  # where the open run of escaped bytes has its length
        for token in range(places[doc], places[doc + 1]):
            length = np.int64(ends[token]) - at
            place = np.int64(hashes[token]) & mask
            word = np.int64(slots[place])
            while word >= 0:
                start = word_offsets[word]
                if word_offsets[word + 1] - start == length:
                    i = np.int64(0)
                    while i < length and words[start + i] == text[at + i]:
                        i += np.int64(1)
                    if i == length:
                        break
                place = (place + np.int64(1)) & mask
                word = np.int64(slots[place])
            if word < 0:
                if escaped >= 0 and np.int64(out[escaped]) + length <= np.int64(255):
                    out[escaped] += np.uint8(length)
                elif hashes[token] & np.uint32(1):
                    out[size] = np.uint8(0xFF)
                    out[size + 1] = np.uint8(length)
                    escaped = size + np.int64(1)
                    size += np.int64(2)
                else:
                    escaped = np.int64(-1)
                for j in range(length):
                    out[size + j] = text[at + j]
                size += length
                at += length
                continue
            escaped = np.int64(-1)
            if word < np.int64(ONE_BYTE):
                out[size] = np.uint8(np.int64(0x80) + word)
                size += np.int64(1)
            elif word < np.int64(TWO_BYTES):
                rest = word - np.int64(ONE_BYTE)
                out[size] = np.uint8(np.int64(0xC0) + (rest >> np.int64(8)))
                out[size + 1] = np.uint8(rest & np.int64(255))
                size += np.int64(2)
            else:
                rest = word - np.int64(TWO_BYTES)
                out[size] = np.uint8(0xFE)
                out[size + 1] = np.uint8(rest >> np.int64(8))
                out[size + 2] = np.uint8(rest & np.int64(255))
                size += np.int64(3)
            at += length
        code_ends[doc] = size
    return size


@kernel(
    "int64(Array(uint8, 1, 'C', readonly=True), Array(int64, 1, 'C', readonly=True),"
    " Array(int64, 1, 'C', readonly=True), int64[::1], int64[::1])"
)
def measure(code: UInt8s, ends: Int64s, word_offsets: Int64s, sizes: Int64s, place: Int64s) -> Any:
    """sizes[i] becomes the size of document i; 0, or TRUNCATED or UNKNOWN at place[0].

    ends: ascending, the last one within the code.
    """
    n_words = np.int64(len(word_offsets) - 1)
    at = np.int64(0)
    for doc in range(len(ends)):
        stop = ends[doc]
        size = np.int64(0)
        while at < stop:
            byte = np.int64(code[at])
            place[0] = at
            at += np.int64(1)
            if byte < np.int64(0x80):
                size += np.int64(1)
                continue
            if byte == np.int64(0xFF):
                if at >= stop or at + np.int64(1) + np.int64(code[at]) > stop:
                    return np.int64(TRUNCATED)
                size += np.int64(code[at])
                at += np.int64(1) + np.int64(code[at])
                continue
            word = byte - np.int64(0x80)
            if byte == np.int64(0xFE):
                if at + np.int64(1) >= stop:
                    return np.int64(TRUNCATED)
                word = np.int64(TWO_BYTES) + (np.int64(code[at]) << np.int64(8))
                word += np.int64(code[at + 1])
                at += np.int64(2)
            elif byte >= np.int64(0xC0):
                if at >= stop:
                    return np.int64(TRUNCATED)
                word = np.int64(ONE_BYTE) + ((byte - np.int64(0xC0)) << np.int64(8))
                word += np.int64(code[at])
                at += np.int64(1)
            if word >= n_words:
                return np.int64(UNKNOWN)
            size += word_offsets[word + 1] - word_offsets[word]
        sizes[doc] = size
    return np.int64(0)


@kernel(
    "int64(Array(uint8, 1, 'C', readonly=True), Array(uint8, 1, 'C', readonly=True),"
    " Array(int64, 1, 'C', readonly=True), uint8[::1])"
)
def expand(code: UInt8s, words: UInt8s, word_offsets: Int64s, out: UInt8s) -> Any:
    """Write the content of a code that `measure` has found good; its size."""
    at = np.int64(0)
    size = np.int64(0)
    while at < len(code):
        byte = np.int64(code[at])
        at += np.int64(1)
        if byte < np.int64(0x80):
            out[size] = np.uint8(byte)
            size += np.int64(1)
        elif byte == np.int64(0xFF):
            length = np.int64(code[at])
            at += np.int64(1)
            for i in range(at, at + length):
                out[size] = code[i]
                size += np.int64(1)
            at += length
        else:
            word = byte - np.int64(0x80)
            if byte == np.int64(0xFE):
                word = np.int64(TWO_BYTES) + (np.int64(code[at]) << np.int64(8))
                word += np.int64(code[at + 1])
                at += np.int64(2)
            elif byte >= np.int64(0xC0):
                word = np.int64(ONE_BYTE) + ((byte - np.int64(0xC0)) << np.int64(8))
                word += np.int64(code[at])
                at += np.int64(1)
            for i in range(word_offsets[word], word_offsets[word + 1]):
                out[size] = words[i]
                size += np.int64(1)
    return size
