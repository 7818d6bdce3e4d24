"""Kernels of the scan by one bit a component: the signs of a vector that was turned at random.

RaBitQ (Gao & Long, SIGMOD 2024): with y = x - offsets turned by an orthogonal P, s its signs and
p = P q the turned query,

    y q  is about  (|y|^2 / s y) (s p),    s p = 2 (sum of p where s is positive) - (sum of p)

without bias. The query is rounded to four bits, p = low + unit u, so that the sum is

    low popcount(s) + unit (popcount(s & u0) + 2 popcount(s & u1) + 4 .. + 8 ..)

over the four bit planes of u. Turning is two rounds of random signs and a Walsh-Hadamard transform.
"""

from __future__ import annotations

import numpy as np

from rank_retrieve._numba import borrowed, kernel
from rank_retrieve.dense._exact_kernels import Integer, offer
from rank_retrieve.simd.bit_planes import count_four_planes
from rank_retrieve.simd.memory import count_ones, load_f32, load_u64, prefetch
from rank_retrieve.types import Float32s, Float64s, Int64s, UInt64s

PLANES = 4
TABLE_SLOTS = ("codes", "scales", "biases", "bias_step", "n", "words", "visible")
CODES, SCALES, BIASES, BIAS_STEP, N, WORDS, VISIBLE = range(len(TABLE_SLOTS))
AHEAD_BYTES = 1024
LOW_BITS = 0xFFFFFFFF


@kernel("void(float32[:,::1], Array(float32, 2, 'C', readonly=True))")
def turn(rows: Float32s, signs: Float32s) -> None:
    """Turn rows in place. rows: [n, a power of two]; signs: [rounds, the same], 1 and -1."""
    width = np.int64(rows.shape[1])
    scale = np.float32(1.0 / np.sqrt(np.float64(width)))
    for r in range(rows.shape[0]):
        for one in range(signs.shape[0]):
            for j in range(width):
                rows[r, j] *= signs[one, j] * scale
            half = np.int64(1)
            while half < width:
                for start in range(np.int64(0), width, np.int64(2) * half):
                    for j in range(start, start + half):
                        left, right = rows[r, j], rows[r, j + half]
                        rows[r, j], rows[r, j + half] = left + right, left - right
                half *= np.int64(2)


@borrowed
def _product(row: Integer, planes: UInt64s, words: Integer, low: float, unit: float) -> float:
    """The sum of the query's turned components where the row's bits are one."""
    if words & np.int64(7) == np.int64(0):
        both = count_four_planes(row, np.int64(planes.ctypes.data), np.int64(8) * words)
        return low * np.float64(both >> np.int64(32)) + unit * np.float64(both & np.int64(LOW_BITS))
    ones = first = second = third = fourth = np.int64(0)
    for w in range(words):
        bits = load_u64(row + np.int64(8) * np.int64(w))
        ones += count_ones(bits)
        first += count_ones(bits & planes[0, w])
        second += count_ones(bits & planes[1, w])
        third += count_ones(bits & planes[2, w])
        fourth += count_ones(bits & planes[3, w])
    whole = first + np.int64(2) * second + np.int64(4) * third + np.int64(8) * fourth
    return low * np.float64(ones) + unit * np.float64(whole)


@kernel(
    "int64(int64[::1], uint64[:,::1], float64, float64, float64, float64, float64[::1],"
    " int64[::1])",
    borrows=True,
)
def scan_signs(
    table: Int64s,
    planes: UInt64s,
    low: float,
    unit: float,
    total: float,
    times: float,
    scores: Float64s,
    rows: Int64s,
) -> Integer:
    """The rows with the highest estimates, in no order; how many.

    table: addresses and sizes in the order of TABLE_SLOTS; visible may be 0. planes: [4, words];
    low, unit, total: of the query's turned components; times: 2 under euclidean, else 1.
    scores, rows: [candidates].
    """
    n, words, visible = table[N], table[WORDS], table[VISIBLE]
    row_bytes, found = np.int64(8) * words, np.int64(0)
    for row in range(n):
        if visible != np.int64(0):
            word = load_u64(visible + np.int64(8) * (row >> np.int64(6)))
            if (word >> np.uint64(row & np.int64(63))) & np.uint64(1) == np.uint64(0):
                continue
        address = table[CODES] + row * row_bytes
        prefetch(address + np.int64(AHEAD_BYTES))
        product = np.float64(2.0) * _product(address, planes, words, low, unit) - total
        score = times * product * load_f32(table[SCALES] + np.int64(4) * row)
        score += load_f32(table[BIASES] + table[BIAS_STEP] * row)
        if found < scores.size or score > scores[0]:
            found = offer(score, np.int64(row), found, scores, rows)
    return found
