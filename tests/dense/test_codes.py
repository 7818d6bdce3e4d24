import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from rank_retrieve.dense.codes import Coder, Distances
from rank_retrieve.dense.vectors import column_of
from rank_retrieve.simd import floats
from rank_retrieve.simd.pools import insert_step

PORTABLE = floats.code_dots(portable=True)
FASTEST = floats.code_dots()


@pytest.mark.parametrize("pair", [PORTABLE, FASTEST], ids=["portable", "fastest"])
@pytest.mark.parametrize("width", [64, 128, 448])
def test_dot_products_of_codes_are_exact(pair, width):
    one, four = pair

    @njit
    def dots(rows, query, out):
        addresses = np.empty(4, np.int64)
        sums = np.empty(4, np.int32)
        start, at = np.int64(rows.ctypes.data), np.int64(query.ctypes.data)
        for r in range(0, rows.shape[0], 4):
            for t in range(4):
                addresses[t] = start + (r + t) * width
            four(np.int64(addresses.ctypes.data), at, width, np.int64(sums.ctypes.data))
            for t in range(4):
                out[0, r + t] = one(addresses[t], at, width)
                out[1, r + t] = sums[t]

    rng = np.random.default_rng(width)
    rows = rng.integers(0, 256, (8, width)).astype(np.uint8)
    query = rng.integers(-128, 128, width).astype(np.int8)
    rows[0], query[:64] = 255, -128  # the largest products there are
    out = np.empty((2, 8), np.int64)
    dots(rows, query, out)
    expected = rows.astype(np.int64) @ query.astype(np.int64)
    assert out.tolist() == [expected.tolist()] * 2


@njit
def _insert_all(block, start, keys, limit, places):
    """Insert keys as the kernels do."""
    size = 0
    for i in range(keys.size):
        last = min(size, limit - 1)
        place = 0
        at = last >> 3
        while at >= 0:
            smaller = insert_step(np.int64(block.ctypes.data) + 8 * (start + 8 * at), keys[i])
            if smaller > 0:
                place = 8 * at + smaller
                break
            at -= 1
        places[i] = place
        size = min(size + 1, limit)
    return size


@given(
    st.lists(st.integers(0, 2**64 - 2), max_size=60, unique=True),
    st.integers(1, 30),
)
@settings(deadline=None, max_examples=100)
def test_a_pool_keeps_the_least_keys_in_order(keys, limit):
    block = np.full(8 + 64, 2**64 - 1, np.uint64)
    block[:8] = 0
    kept, expected_places = [], []
    offered = []
    for key in keys:
        if len(kept) == limit and key > kept[-1]:
            continue
        offered.append(key)
        expected_places.append(sum(other < key for other in kept))
        kept = sorted([*kept, key])[:limit]
    places = np.zeros(len(offered), np.int64)
    size = _insert_all(block, 8, np.array(offered, np.uint64), limit, places)
    assert block[8 : 8 + size].tolist() == kept
    assert places.tolist() == expected_places


def test_codes_are_rounded_offsets_cut_off_at_127():
    coder = Coder("euclidean", np.array([1.0, 0.0, 0.0], np.float32), 10.0, 64)
    column = column_of(np.array([[1.0, 0.26, -50.0], [-3.0, 0.0, 99.0]], np.float32))
    codes = coder.encode(column.rows, column.norms)
    assert codes[:, :3].tolist() == [[128, 131, 1], [88, 128, 255]]
    assert (codes[:, 3:] == 128).all()
    distances = Distances.of(codes, "euclidean")
    assert distances.squares.tolist() == [3**2 + 127**2, 40**2 + 127**2]
    assert distances.constants.tolist() == [16138 + 256 * (3 - 127), 17729 + 256 * (-40 + 127)]
    dot = Distances.of(codes, "dot")
    assert dot.biases.tolist() == [0, 0]
    assert dot.constants.tolist() == [2 * 17729 + 256 * (3 - 127), 2 * 17729 + 256 * 87]


def test_under_cosine_the_unit_vector_is_coded():
    coder = Coder("cosine", np.zeros(2, np.float32), 100.0, 64)
    column = column_of(np.array([[3.0, 4.0], [30.0, 40.0]], np.float32))
    assert coder.encode(column.rows, column.norms)[:, :2].tolist() == [[188, 208]] * 2


@pytest.mark.parametrize("metric", ["cosine", "dot", "euclidean"])
def test_a_fitted_coder_uses_the_range_and_hardly_cuts_off(metric):
    x = np.random.default_rng(1).standard_normal((3_000, 50)).astype(np.float32) + 2
    column = column_of(x)
    codes = Coder.fit(column, metric).encode(column.rows, column.norms)[:, :50].astype(int) - 128
    assert 100 < np.abs(codes).max() <= 127
    assert (np.abs(codes) == 127).mean() < 0.001


def test_equal_vectors_and_none_at_all_can_be_coded():
    for vectors in (np.ones((4, 3), np.float32), np.empty((0, 3), np.float32)):
        coder = Coder.fit(column_of(vectors), "euclidean")
        assert np.isfinite(coder.scale)
        assert coder.scale > 0


@pytest.mark.reliability
def test_a_processor_without_vector_extensions_builds_and_searches_the_same_graph(tmp_path):
    program = (
        "import numpy as np, sys\n"
        "from rank_retrieve.dense import HNSW\n"
        "rng = np.random.default_rng(6)\n"
        "x, q = rng.standard_normal((2500, 40)), rng.standard_normal((30, 40))\n"
        "made = [HNSW.from_vectors(x, metric=m) for m in ('cosine', 'dot', 'euclidean')]\n"
        "found = [h for one in made for h in one.search_many(q, 20, ef_search=30)]\n"
        "np.savez(sys.argv[1], hits=np.stack([[h.ids, h.scores] for h in found]),"
        " **{one.metric: one._state.graph.links for one in made})\n"
    )
    results = []
    for cpu in ("host", "generic"):
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / cpu)}
        if cpu == "generic":
            environment |= {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
        out = tmp_path / f"{cpu}.npz"
        subprocess.run([sys.executable, "-c", program, str(out)], env=environment, check=True)
        results.append(np.load(out))
    host, generic = results
    for metric in ("cosine", "dot", "euclidean"):
        # codes are rounded in float64: one in millions may fall to the other side
        assert (host[metric] == generic[metric]).mean() > 0.99
    same = host["hits"][:, 0] == generic["hits"][:, 0]
    assert same.mean() > 0.98
