"""Kernels of k-means: distances and the choice of the nearest centre in one pass.

Points stand in rows; centres are packed as `simd.tiles` says. No distance is ever stored: a tile
of products is compared with the least so far while it is in registers.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from rank_retrieve._numba import inlined, kernel
from rank_retrieve.simd.tiles import (
    LANES,
    TILE_BLOCKS,
    TILE_POINTS,
    nearest_tile,
    products_one,
    products_tile,
)
from rank_retrieve.types import Float32s, Float64s, Int32s, Int64s

POINTS_AT_ONCE = 8 * TILE_POINTS  # a block of centres is read once for so many points
LARGEST = 3.4e38

# int64 to Numba; a NumPy scalar or an int when a kernel runs as plain Python
Integer: TypeAlias = Any


@kernel("void(Array(float32, 2, 'C', readonly=True), float32[:,:,::1], float32[::1])")
def pack_centres(centres: Float32s, blocks: Float32s, halves: Float32s) -> None:
    """Pack centres into blocks of sixteen.

    centres: [k, dim]; blocks: [n_blocks, dim, LANES]; halves: [LANES n_blocks], half the square of
        each. Places behind the last centre are nearest to nothing.
    """
    k, dim = np.int64(centres.shape[0]), np.int64(centres.shape[1])
    for place in range(halves.size):
        b, lane = place // np.int64(LANES), place % np.int64(LANES)
        half = np.float32(0.0)
        for e in range(dim):
            value = centres[place, e] if place < k else np.float32(0.0)
            blocks[b, e, lane] = value
            half += np.float32(0.5) * value * value
        halves[place] = half if place < k else np.float32(LARGEST)


@inlined
def _least_lane(values: Float32s, numbers: Int32s, p: Integer) -> tuple[Any, Any]:
    """The least value of a point's lanes, and its centre; of equal values the first centre."""
    value, number = values[p, 0], numbers[p, 0]
    for lane in range(np.int64(1), np.int64(LANES)):
        other = values[p, lane]
        if other < value or (other == value and numbers[p, lane] < number):
            value, number = other, numbers[p, lane]
    return value, number


@kernel(
    "int64(Array(float32, 2, 'C', readonly=True), float32[:,:,::1], float32[::1], int64,"
    " int32[::1], float32[::1], float32[:,::1], int64[::1], int64[::1], float32[:,::1],"
    " int32[:,::1])"
)
def assign(
    points: Float32s,
    blocks: Float32s,
    halves: Float32s,
    k: Integer,
    labels: Int32s,
    values: Float32s,
    sums: Float32s,
    counts: Int64s,
    addresses: Int64s,
    least: Float32s,
    numbers: Int32s,
) -> Integer:
    """Label points with their nearest centres; how many labels are new.

    points: [n, dim]; blocks, halves: of `pack_centres`, a multiple of TILE_BLOCKS blocks;
    k: centres. labels: [n], in and out; values: [n], |c|^2 / 2 - x c of the nearest.
    sums, counts: [k, dim] and [k], to which each point is added; [0, dim] and [0] for neither.
    addresses: [TILE_POINTS]; least, numbers: [POINTS_AT_ONCE, LANES]; scratch.
    """
    n, dim = np.int64(points.shape[0]), np.int64(points.shape[1])
    start, at = np.int64(points.ctypes.data), np.int64(addresses.ctypes.data)
    packed, half = np.int64(blocks.ctypes.data), np.int64(halves.ctypes.data)
    value_at, number_at = np.int64(least.ctypes.data), np.int64(numbers.ctypes.data)
    block_bytes, changed = np.int64(4 * LANES) * dim, np.int64(0)
    for first in range(np.int64(0), n, np.int64(POINTS_AT_ONCE)):
        m: Integer = min(np.int64(POINTS_AT_ONCE), n - first)
        for p in range(m):
            for lane in range(LANES):
                least[p, lane] = np.float32(LARGEST)
                numbers[p, lane] = np.int32(lane)
        for b in range(np.int64(0), np.int64(blocks.shape[0]), np.int64(TILE_BLOCKS)):
            for tile in range(np.int64(0), m, np.int64(TILE_POINTS)):
                for p in range(np.int64(TILE_POINTS)):
                    # a tile that is not full repeats the last point
                    place: Integer = min(tile + p, m - np.int64(1))
                    addresses[p] = start + (first + place) * dim * np.int64(4)
                nearest_tile(
                    at,
                    packed + b * block_bytes,
                    block_bytes,
                    dim,
                    half + b * np.int64(4 * LANES),
                    b * np.int64(LANES),
                    value_at + tile * np.int64(4 * LANES),
                    number_at + tile * np.int64(4 * LANES),
                )
        for p in range(m):
            value, number = _least_lane(least, numbers, p)
            label = np.int64(number) if number < k else np.int64(0)
            changed += np.int64(labels[first + p] != label)
            labels[first + p], values[first + p] = np.int32(label), value
            if counts.size > 0:
                counts[label] += np.int64(1)
                for e in range(dim):
                    sums[label, e] += points[first + p, e]
    return changed


@kernel(
    "void(float32[:,:,::1], float32[::1], float32[::1], int64[::1], float32[::1], float64[::1])"
)
def lower_distances(
    blocks: Float32s,
    halves: Float32s,
    centre: Float32s,
    addresses: Int64s,
    out: Float32s,
    distances: Float64s,
) -> None:
    """Lower each distance to |x - c|^2 / 2 if that is less, for points packed like centres.

    blocks, halves: the points, of `pack_centres`, a multiple of four blocks; centre: [dim].
    addresses: [1]; out: [4 LANES]; scratch. distances: [n].
    """
    dim, n = np.int64(blocks.shape[1]), np.int64(distances.size)
    block_bytes = np.int64(4 * LANES) * dim
    packed, at = np.int64(blocks.ctypes.data), np.int64(addresses.ctypes.data)
    addresses[0] = np.int64(centre.ctypes.data)
    result, half = np.int64(out.ctypes.data), np.float64(0.0)
    for e in range(dim):
        half += np.float64(0.5) * np.float64(centre[e]) * np.float64(centre[e])
    for b in range(np.int64(0), np.int64(blocks.shape[0]), np.int64(4)):
        products_one(at, packed + b * block_bytes, block_bytes, dim, result, np.int64(0))
        first = np.int64(LANES) * b
        for j in range(min(np.int64(4 * LANES), n - first)):
            distance = np.float64(halves[first + j]) + half - np.float64(out[j])
            distances[first + j] = min(distances[first + j], max(distance, np.float64(0.0)))


@kernel("void(Array(float32, 2, 'C', readonly=True), float32[:,:,::1], int64[::1], float32[:,::1])")
def multiply(points: Float32s, blocks: Float32s, addresses: Int64s, out: Float32s) -> None:
    """The products of points [n, dim] with packed centres [n_blocks, dim, LANES].

    blocks: a multiple of TILE_BLOCKS; addresses: [TILE_POINTS], scratch; out: [n', LANES
    n_blocks] with n' = n rounded up to a multiple of TILE_POINTS.
    """
    n, dim = np.int64(points.shape[0]), np.int64(points.shape[1])
    start, at = np.int64(points.ctypes.data), np.int64(addresses.ctypes.data)
    packed, result = np.int64(blocks.ctypes.data), np.int64(out.ctypes.data)
    block_bytes, line = np.int64(4 * LANES) * dim, np.int64(4 * LANES)
    out_bytes = line * np.int64(blocks.shape[0])
    for tile in range(np.int64(0), n, np.int64(TILE_POINTS)):
        for p in range(np.int64(TILE_POINTS)):
            place: Integer = min(tile + p, n - np.int64(1))
            addresses[p] = start + place * dim * np.int64(4)
        for b in range(np.int64(0), np.int64(blocks.shape[0]), np.int64(TILE_BLOCKS)):
            products_tile(
                at,
                packed + b * block_bytes,
                block_bytes,
                dim,
                result + tile * out_bytes + b * line,
                out_bytes,
            )
