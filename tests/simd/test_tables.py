import numpy as np
import pytest
from numba import njit

from rank_retrieve.simd import tables
from rank_retrieve.simd.features import has

WIDTHS = [None, *([32] if has("avx2") else []), *([64] if has("avx512f", "avx512bw") else [])]


@njit
def _costs(sums, numbers, scales, biases, offsets, out):
    return tables.costs_below(
        sums, numbers[0], numbers[1], numbers[2], numbers[3], scales, biases, offsets, numbers[4],
        out,
    )  # fmt: skip


def test_the_widest_shuffle_is_one_of_those_tested():
    assert tables.widest_shuffle() == WIDTHS[-1]


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("n_tables", [4, 12, 96, 256])
def test_sums_of_chosen_entries_are_exact_in_every_variant(width, n_tables):
    sum_up = tables.table_sums_by(width)
    rng = np.random.default_rng(n_tables)
    codes = rng.integers(0, 16, (32, n_tables)).astype(np.uint8)
    entries = rng.integers(0, 256, (n_tables, 16)).astype(np.uint8)
    entries[:, 15] = 255
    codes[31] = 15  # the greatest sum that there is
    block = np.ascontiguousarray((codes[:16] | codes[16:] << 4).T)
    out = np.full(32, 9, np.uint16)

    @njit
    def run(codes, entries, n_groups, out):
        sum_up(codes, entries, n_groups, out)

    run(block.ctypes.data, entries.ctypes.data, n_tables // 4, out.ctypes.data)
    expected = entries[np.arange(n_tables), codes].sum(axis=1, dtype=np.int64)
    assert out.tolist() == expected.tolist()
    assert out[31] == 255 * n_tables


def test_eight_bit_codes_choose_sixteen_bit_entries():
    rng = np.random.default_rng(0)
    codes = rng.integers(0, 256, (32, 5)).astype(np.uint8)
    entries = rng.integers(0, 65_535 // 5, (5, 256)).astype(np.uint16)
    block, out = np.ascontiguousarray(codes.T), np.empty(32, np.uint16)

    @njit
    def run(codes, entries, n_tables, out):
        tables.byte_sums(codes, entries, n_tables, out)

    run(block.ctypes.data, entries.ctypes.data, 5, out.ctypes.data)
    assert out.tolist() == entries[np.arange(5), codes].sum(axis=1).tolist()


def test_costs_are_the_documented_formula_to_the_bit():
    rng = np.random.default_rng(1)
    sums = rng.integers(0, 65_536, 32).astype(np.uint16)
    scales, biases, offsets = rng.standard_normal((3, 32)).astype(np.float32)
    base, unit, cost, weight, limit = np.array([3e4, 1e-4, 0.5, 0.7, 1.0], np.float32)
    product = (sums.astype(np.float32) - base) * unit
    expected = ((cost + offsets) + weight * biases) - scales * product
    limit = np.sort(expected)[20]
    out, numbers = np.empty(32, np.float32), np.array([base, unit, cost, weight, limit])
    arrays = [a.ctypes.data for a in (scales, biases, offsets, out)]
    mask = _costs(sums.ctypes.data, numbers, *arrays)
    assert out.tolist() == expected.tolist()
    assert [bool(mask >> i & 1) for i in range(32)] == (expected <= limit).tolist()
    assert mask.bit_count() == 21


def test_a_cost_that_is_no_number_is_not_above_the_limit():
    biases = np.zeros(32, np.float32)
    biases[5] = np.nan
    zeros, sums, out = np.zeros(32, np.float32), np.zeros(32, np.uint16), np.empty(32, np.float32)
    numbers = np.array([0, 1, 1, 1, 0], np.float32)
    arrays = [a.ctypes.data for a in (zeros, biases, zeros, out)]
    assert _costs(sums.ctypes.data, numbers, *arrays) == 1 << 5


@pytest.mark.parametrize("n_words", [16, 256])
def test_a_table_holds_products_and_its_ends(n_words):
    rng = np.random.default_rng(2)
    query = rng.integers(-9, 9, 3).astype(np.float32)
    words = rng.integers(-9, 9, (3, n_words)).astype(np.float32)
    entries, ends = np.empty(n_words, np.float32), np.empty(2, np.float32)

    @njit
    def run(query, words, n_words, entries, ends):
        tables.table_of(query, words, 3, n_words, entries, ends)

    run(query.ctypes.data, words.ctypes.data, n_words, entries.ctypes.data, ends.ctypes.data)
    expected = query @ words
    assert entries.tolist() == expected.tolist()
    assert ends.tolist() == [expected.min(), expected.max()]


@pytest.mark.parametrize(("bits", "dtype"), [(8, np.uint8), (16, np.uint16)])
def test_entries_are_rounded_and_cut_off(bits, dtype):
    quantise = tables.quantised(bits)
    most = (1 << bits) - 1
    entries = np.zeros(16, np.float32)
    entries[:6] = [1.0, 1.24, 1.26, 1e9, -5.0, np.nan]
    out = np.full(16, 77, dtype)

    @njit
    def run(entries, least, factor, out):
        quantise(entries, 16, least, factor, out)

    run(entries.ctypes.data, np.float32(1.0), np.float32(2.0), out.ctypes.data)
    assert out[:6].tolist() == [0, 0, 1, most, 0, 0]
