import numpy as np
import pytest
from numba import njit

from rank_retrieve.simd import tiles

SIZES = [(1, 4), (6, 1), (12, 2)]


def packed(rows, n_blocks):
    """Rows as [n_blocks, dim, 16], behind the last one zeros."""
    blocks = np.zeros((n_blocks, rows.shape[1], 16), np.float32)
    for number, row in enumerate(rows):
        blocks[number // 16, :, number % 16] = row
    return blocks


def addresses_of(points):
    return np.array([row.ctypes.data for row in points], np.int64)


@pytest.mark.parametrize(("n_points", "n_blocks"), SIZES)
@pytest.mark.parametrize("dim", [1, 5, 40])
def test_products_of_small_integers_are_exact(n_points, n_blocks, dim):
    tile = tiles.products(n_points, n_blocks)
    rng = np.random.default_rng(dim)
    points = rng.integers(-9, 9, (n_points, dim)).astype(np.float32)
    rows = rng.integers(-9, 9, (16 * n_blocks, dim)).astype(np.float32)
    out = np.full((n_points, 16 * n_blocks + 3), 7.0, np.float32)

    @njit
    def run(addresses, blocks, block_bytes, dim, out, out_bytes):
        tile(addresses, blocks, block_bytes, dim, out, out_bytes)

    addresses, blocks = addresses_of(points), packed(rows, n_blocks)
    run(addresses.ctypes.data, blocks.ctypes.data, 64 * dim, dim, out.ctypes.data, out.strides[0])
    assert np.array_equal(out[:, : 16 * n_blocks], points @ rows.T)
    assert (out[:, 16 * n_blocks :] == 7.0).all()


@pytest.mark.parametrize(("n_points", "n_blocks"), SIZES)
def test_the_least_of_each_lane_stays_and_of_equal_ones_the_first(n_points, n_blocks):
    tile = tiles.nearest(n_points, n_blocks)
    rng = np.random.default_rng(n_points)
    points = rng.integers(-3, 3, (n_points, 4)).astype(np.float32)
    rows = rng.integers(-3, 3, (16 * n_blocks, 4)).astype(np.float32)
    halves = ((rows * rows).sum(axis=1) / 2).astype(np.float32)
    values = np.full((n_points, 16), 0.5, np.float32)
    numbers = np.full((n_points, 16), 3, np.int32)

    @njit
    def run(addresses, blocks, block_bytes, halves, values, numbers):
        tile(addresses, blocks, block_bytes, 4, halves, 100, values, numbers)

    addresses, blocks = addresses_of(points), packed(rows, n_blocks)
    run(
        addresses.ctypes.data, blocks.ctypes.data, 256, halves.ctypes.data, values.ctypes.data,
        numbers.ctypes.data,
    )  # fmt: skip
    for p, point in enumerate(points):
        for lane in range(16):
            best, number = 0.5, 3
            for b in range(n_blocks):
                value = halves[16 * b + lane] - point @ rows[16 * b + lane]
                if value < best:
                    best, number = value, 100 + 16 * b + lane
            assert (values[p, lane], numbers[p, lane]) == (best, number)


def test_the_nearest_word_of_each_lane_by_hand():
    # three words (0, 0), (2, 0), (0, 2); points (0, 0), (2, 1), (1, 2) and (1, 1): a tie of all
    words = np.array([[0.0, 2.0, 0.0], [0.0, 0.0, 2.0]], np.float32)
    halves = np.array([0.0, 2.0, 2.0], np.float32)
    points = np.zeros((2, 16), np.float32)
    points[:, 1], points[:, 2], points[:, 3] = (2, 1), (1, 2), (1, 1)
    values, numbers = np.empty(16, np.float32), np.empty(16, np.int32)

    @njit
    def run(points, words, halves, values, numbers):
        tiles.nearest_words(points, words, halves, 3, 2, values, numbers)

    run(*(array.ctypes.data for array in (points, words, halves, values, numbers)))
    assert numbers[:4].tolist() == [0, 1, 2, 0]
    assert values[:4].tolist() == [0.0, -2.0, -2.0, 0.0]
