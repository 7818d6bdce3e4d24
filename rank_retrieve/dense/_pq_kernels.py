"""Kernels of product quantisation: learning words, coding rows, and packing codes into blocks.

Sixteen rows are handled at once, one in each lane: their components are transposed first.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from rank_retrieve._numba import inlined, kernel
from rank_retrieve.dense._exact_kernels import EUCLIDEAN
from rank_retrieve.simd.tables import BLOCK_ROWS
from rank_retrieve.simd.tiles import LANES, nearest_words
from rank_retrieve.types import Float32s, Float64s, Int32s, Int64s, UInt8s

MOST_SCALE = 4.0
SPLIT = 1.0 / 1024.0

# int64 to Numba; a NumPy scalar or an int when a kernel runs as plain Python
Integer: TypeAlias = Any


@inlined
def measure_words(words: Float32s, j: Integer, halves: Float32s) -> None:
    """halves[j, w] = |w|^2 / 2 of the words [m, part, n_words] of one part."""
    for w in range(words.shape[2]):
        total = np.float32(0.0)
        for e in range(words.shape[1]):
            total += np.float32(0.5) * words[j, e, w] * words[j, e, w]
        halves[j, w] = total


@kernel(
    "void(float32[:,:,::1], int64, float32[:,:,::1], float32[:,::1], int64, int64,"
    " float64[:,::1], int64[::1], float32[::1], int32[::1])"
)
def learn_words(
    sample: Float32s,
    n: Integer,
    words: Float32s,
    halves: Float32s,
    j: Integer,
    steps: Integer,
    sums: Float64s,
    counts: Int64s,
    values: Float32s,
    numbers: Int32s,
) -> None:
    """k-means over part j of a sample, starting from the words that are there.

    sample: [ceil(n / LANES), m * part, LANES], transposed rows; words: [m, part, n_words], of
    which part j is moved; halves: [m, n_words]; sums: [part, n_words], counts: [n_words], values
    and numbers: [LANES], scratch. A word that no row is nearest to moves beside the word of most.
    """
    part, n_words = np.int64(words.shape[1]), np.int64(words.shape[2])
    value_at, number_at = np.int64(values.ctypes.data), np.int64(numbers.ctypes.data)
    line = np.int64(4 * LANES)
    word_at = np.int64(words.ctypes.data) + j * part * n_words * np.int64(4)
    half_at = np.int64(halves.ctypes.data) + j * n_words * np.int64(4)
    sample_at = np.int64(sample.ctypes.data) + j * part * line
    before = np.float64(-1.0)
    for _ in range(steps):
        measure_words(words, j, halves)
        for w in range(n_words):
            counts[w] = np.int64(0)
            for e in range(part):
                sums[e, w] = np.float64(0.0)
        objective = np.float64(0.0)
        for block in range(sample.shape[0]):
            at = sample_at + np.int64(block) * np.int64(sample.shape[1]) * line
            nearest_words(at, word_at, half_at, n_words, part, value_at, number_at)
            first = np.int64(block) * np.int64(LANES)
            for lane in range(min(np.int64(LANES), n - first)):
                nearest = np.int64(numbers[lane])
                counts[nearest] += np.int64(1)
                objective += np.float64(values[lane])
                for e in range(part):
                    sums[e, nearest] += np.float64(sample[block, j * part + e, lane])
        for w in range(n_words):
            if counts[w] > 0:
                for e in range(part):
                    words[j, e, w] = np.float32(sums[e, w] / np.float64(counts[w]))
        for w in range(n_words):
            if counts[w] == 0:
                most: Integer = np.int64(0)
                for other in range(np.int64(1), n_words):
                    if counts[other] > counts[most]:
                        most = other
                for e in range(part):
                    value = words[j, e, most]
                    words[j, e, w] = value * np.float32(1.0 + SPLIT)
                    words[j, e, most] = value * np.float32(1.0 - SPLIT)
                counts[w] = counts[most] >> np.int64(1)
                counts[most] -= counts[w]
        if objective == before:
            break
        before = objective
    measure_words(words, j, halves)


@kernel("void(Array(float32, 3, 'C', readonly=True), float32[:,::1])")
def measure_all_words(words: Float32s, halves: Float32s) -> None:
    """halves: [m, n_words], |w|^2 / 2 of words [m, part, n_words]."""
    for j in range(words.shape[0]):
        measure_words(words, np.int64(j), halves)


@inlined
def residuals_of(
    rows: Float32s, centres: Float32s, labels: Int32s, first: Integer, block: Float32s
) -> None:
    """block[e, lane] = row - centre, of LANES rows from `first` on; the last row is repeated."""
    last = np.int64(rows.shape[0]) - np.int64(1)
    for lane in range(np.int64(LANES)):
        r = min(first + lane, last)
        label = np.int64(labels[r])
        for e in range(rows.shape[1]):
            block[e, lane] = rows[r, e] - centres[label, e]


@kernel(
    "void(Array(float32, 2, 'C', readonly=True), Array(float32, 2, 'C', readonly=True),"
    " int32[::1], float32[:,:,::1])"
)
def residual_blocks(rows: Float32s, centres: Float32s, labels: Int32s, blocks: Float32s) -> None:
    """Residuals of all rows [n, width] with LANES rows in lanes: [ceil(n / LANES), width, LANES].

    centres: [k, width]; labels: [n].
    """
    for b in range(blocks.shape[0]):
        residuals_of(rows, centres, labels, np.int64(b) * np.int64(LANES), blocks[b])


@kernel(
    "void(Array(float32, 2, 'C', readonly=True), Array(float32, 2, 'C', readonly=True),"
    " int32[::1], Array(float32, 3, 'C', readonly=True), float32[:,::1], int64, uint8[:,::1],"
    " float32[::1], float32[::1], float32[::1], float32[:,::1], float32[::1], int32[::1])"
)
def encode(
    rows: Float32s,
    centres: Float32s,
    labels: Int32s,
    words: Float32s,
    halves: Float32s,
    metric: Integer,
    codes: UInt8s,
    scales: Float32s,
    biases: Float32s,
    offsets: Float32s,
    block: Float32s,
    values: Float32s,
    numbers: Int32s,
) -> None:
    """Code the residuals of rows, and measure what their codes lose.

    rows: [n, width]; centres: [k, width]; labels: [n]; words: [m, part, n_words], m * part =
    width; halves: [m, n_words]. codes: [n, m]; scales, biases, offsets: [n], see `dense.pq`.
    block: [width, LANES]; values, numbers: [LANES]; scratch.
    """
    n, m = np.int64(rows.shape[0]), np.int64(words.shape[0])
    part, n_words = np.int64(words.shape[1]), np.int64(words.shape[2])
    value_at, number_at = np.int64(values.ctypes.data), np.int64(numbers.ctypes.data)
    block_at, line = np.int64(block.ctypes.data), np.int64(4 * LANES)
    word_at, half_at = np.int64(words.ctypes.data), np.int64(halves.ctypes.data)
    for first in range(np.int64(0), n, np.int64(LANES)):
        residuals_of(rows, centres, labels, first, block)
        filled = min(np.int64(LANES), n - first)
        for j in range(m):
            nearest_words(
                block_at + j * part * line,
                word_at + j * part * n_words * np.int64(4),
                half_at + j * n_words * np.int64(4),
                n_words,
                part,
                value_at,
                number_at,
            )
            for lane in range(filled):
                codes[first + lane, j] = np.uint8(numbers[lane])
        for lane in range(filled):
            r = first + lane
            label = np.int64(labels[r])
            # residual x residual, x coded, centre x residual, x coded
            rr = rh = cr = ch = np.float64(0.0)
            for j in range(m):
                w = np.int64(codes[r, j])
                for e in range(part):
                    residual = np.float64(block[j * part + e, lane])
                    coded = np.float64(words[j, e, w])
                    centre = np.float64(centres[label, j * part + e])
                    rr += residual * residual
                    rh += residual * coded
                    cr += centre * residual
                    ch += centre * coded
            scale = np.float64(1.0)
            if rr > np.float64(0.0):
                scale = np.float64(MOST_SCALE)
                if rh * np.float64(MOST_SCALE) > rr:
                    scale = rr / rh
            scales[r] = np.float32(scale)
            biases[r] = np.float32(scale * ch - cr)
            offsets[r] = np.float32(0.0)
            if metric == EUCLIDEAN:
                offsets[r] = np.float32(np.float64(0.5) * rr + cr)


@kernel("void(uint8[:,::1], int64[::1], int64[::1], int64[::1], int64, uint8[:,::1], int32[:,::1])")
def pack_lists(
    codes: UInt8s,
    order: Int64s,
    ends: Int64s,
    starts: Int64s,
    bits: Integer,
    packed: UInt8s,
    rows: Int32s,
) -> None:
    """Put coded rows into blocks of 32, list after list.

    codes: [n, m]; order: [n], rows by list; ends: [n_lists], of each list in `order`; starts:
    [n_lists], the first block of each. packed: [n_blocks, code bytes], zeros; rows: [n_blocks,
    32], -1.
    """
    m, first = np.int64(codes.shape[1]), np.int64(0)
    for number in range(ends.size):
        for place in range(first, ends[number]):
            r = order[place]
            block = starts[number] + ((place - first) >> np.int64(5))
            slot = (place - first) & np.int64(BLOCK_ROWS - 1)
            rows[block, slot] = np.int32(r)
            for j in range(m):
                if bits == np.int64(4):
                    byte = j * np.int64(16) + (slot & np.int64(15))
                    shift = np.uint8((slot >> np.int64(4)) << np.int64(2))
                    packed[block, byte] |= np.uint8(codes[r, j] << shift)
                else:
                    packed[block, j * np.int64(BLOCK_ROWS) + slot] = codes[r, j]
        first = ends[number]


@kernel(
    "void(Array(uint8, 2, 'C', readonly=True), Array(int32, 2, 'C', readonly=True), int64,"
    " uint8[:,::1])"
)
def unpack_codes(packed: UInt8s, rows: Int32s, bits: Integer, codes: UInt8s) -> None:
    """The codes of each row, [n, m], from blocks; the inverse of `pack_lists`."""
    m = np.int64(codes.shape[1])
    for block in range(rows.shape[0]):
        for slot in range(np.int64(BLOCK_ROWS)):
            r = np.int64(rows[block, slot])
            if r < 0:
                continue
            for j in range(m):
                if bits == np.int64(4):
                    byte = packed[block, j * np.int64(16) + (slot & np.int64(15))]
                    shift = np.uint8((slot >> np.int64(4)) << np.int64(2))
                    codes[r, j] = (byte >> shift) & np.uint8(15)
                else:
                    codes[r, j] = packed[block, j * np.int64(BLOCK_ROWS) + slot]
