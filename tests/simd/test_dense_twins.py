"""The portable twins of the dense operations, beside those that the processor has."""

import os
import subprocess
import sys

import numba
import numpy as np
import pytest

from rank_retrieve.simd.bit_planes import count_four_planes
from rank_retrieve.simd.code_tiles import bound_reaches, code_tile
from rank_retrieve.simd.features import has
from rank_retrieve.simd.halves import widening

VNNI = has("avx512f", "avx512bw", "avx512vnni")
both = pytest.mark.parametrize("portable", [True, False])


@both
def test_every_finite_float16_is_widened_to_the_bit(portable):
    if not portable and not has("f16c"):
        pytest.skip("the processor has no conversion")
    widen = widening(portable)

    @numba.njit
    def run(source, target):
        widen(source.ctypes.data, target.ctypes.data, target.size)

    bits = np.arange(1 << 16, dtype=np.uint16)
    halves = bits.view(np.float16)
    halves = np.concatenate([halves[np.isfinite(halves)], np.zeros(16, np.float16)])
    halves = np.ascontiguousarray(halves[: len(halves) // 16 * 16])
    found = np.empty(len(halves), np.float32)
    run(halves.view(np.uint16), found)
    assert found.view(np.uint32).tolist() == halves.astype(np.float32).view(np.uint32).tolist()


@both
@pytest.mark.parametrize(("n_blocks", "n_queries"), [(1, 1), (4, 1), (2, 3)])
def test_tiles_of_codes_are_products(portable, n_blocks, n_queries):
    if not portable and not VNNI:
        pytest.skip("the processor has no VNNI")
    tile = code_tile(n_blocks, n_queries, portable)

    @numba.njit
    def run(blocks, queries, out):
        groups = blocks.shape[1]
        tile(
            blocks.ctypes.data, 64 * groups, queries.ctypes.data, 4 * groups, groups,
            out.ctypes.data,
        )  # fmt: skip

    rng = np.random.default_rng(n_blocks)
    blocks = rng.integers(0, 256, (n_blocks, 5, 16, 4), dtype=np.uint8)
    queries = rng.integers(-127, 128, (n_queries, 20)).astype(np.int8)
    blocks[0, :, 0], queries[0] = 255, 127  # words of sixteen bits would overflow
    sums = np.empty((n_queries, n_blocks, 16), np.int32)
    run(blocks, queries, sums)
    rows = blocks.transpose(0, 2, 1, 3).reshape(n_blocks, 16, 20).astype(int)
    assert sums.tolist() == np.einsum("bre,qe->qbr", rows, queries.astype(int)).tolist()


def test_bounds_reach_a_floor_or_not():
    @numba.njit
    def run(sums, errors, lengths, biases, bound):
        return bound_reaches(
            sums.ctypes.data, errors.ctypes.data, lengths.ctypes.data, biases.ctypes.data,
            bound.ctypes.data,
        )  # fmt: skip

    sums = np.arange(100, 116, dtype=np.int32)
    errors, lengths, biases = (np.zeros(16, np.float32) for _ in range(3))
    bound = np.array([0.5, 2.0, 3.0, 1.0, 4.0, 0.0], np.float32)
    bound.view(np.int32)[5] = 100
    # 0.5 (sum - 100) + 1 >= 4 from the seventh on
    assert run(sums, errors, lengths, biases, bound) == 0xFFC0
    errors[0], lengths[1], biases[2] = 1.5, 1.0, 2.0
    assert run(sums, errors, lengths, biases, bound) == 0xFFC7
    biases[3], errors[15] = -np.inf, np.nan
    assert run(sums, errors, lengths, biases, bound) == 0xFFC7


def test_shared_ones_are_counted_by_plane():
    @numba.njit
    def run(row, planes):
        return count_four_planes(row.ctypes.data, planes.ctypes.data, 8 * row.size)

    rng = np.random.default_rng(1)
    row = rng.integers(0, 1 << 63, 16, dtype=np.uint64)
    planes = rng.integers(0, 1 << 63, (4, 16), dtype=np.uint64)
    both_counts = run(row, planes)
    shared = [int(np.bitwise_count(row & plane).sum()) << i for i, plane in enumerate(planes)]
    assert both_counts & 0xFFFFFFFF == sum(shared)
    assert both_counts >> 32 == int(np.bitwise_count(row).sum())


@pytest.mark.reliability
def test_a_processor_without_vector_extensions_finds_the_same(tmp_path):
    program = (
        "import numpy as np, sys\n"
        "from rank_retrieve.dense import Exact\n"
        "rng = np.random.default_rng(6)\n"
        "x, q = rng.standard_normal((700, 520)), rng.standard_normal((30, 520))\n"
        "forms = [dict(dtype='float16'), dict(quantizer='int8'),"
        " dict(quantizer='1bit', rescored=90)]\n"
        "found = [h for m in ('cosine', 'dot', 'euclidean') for form in forms"
        " for h in Exact.from_vectors(x, metric=m, **form).search_many(q, 20)]\n"
        "found += Exact.from_vectors(x > 0, metric='hamming').search_many(q > 0, 20)\n"
        "np.save(sys.argv[1], np.stack([[h.ids, h.scores] for h in found]))\n"
    )
    results = []
    for cpu in ("host", "generic"):
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / cpu)}
        if cpu == "generic":
            environment |= {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
        out = tmp_path / f"{cpu}.npy"
        subprocess.run([sys.executable, "-c", program, str(out)], env=environment, check=True)
        results.append(np.load(out))
    host, generic = results
    # scores are rounded differently without fused multiply-add, and a candidate of estimates may
    # fall to the other side
    assert (host[:, 0] == generic[:, 0]).mean() > 0.999
    np.testing.assert_allclose(generic[:, 1], host[:, 1], rtol=1e-4, atol=1e-3)
