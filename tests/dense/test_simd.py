import os
import subprocess
import sys

import numpy as np
import pytest

from rank_retrieve.dense import _exact_kernels as kernels
from rank_retrieve.dense.searcher import DensePart, ExactSearcher
from rank_retrieve.dense.vectors import VectorColumn, write_vectors
from rank_retrieve.types import MemorySections


def in_lanes(row, query, metric, *, fused):
    """The documented order of summation, in NumPy: sixteen lanes, then one tree."""
    row, query = (np.pad(v, (0, -len(v) % 16)).reshape(-1, 16) for v in (row, query))
    lanes = np.zeros(16, dtype=np.float32)
    for x, q in zip(row, query, strict=True):
        x, q = (x - q, x - q) if metric == "euclidean" else (x, q)
        if fused:
            # a product of float32 numbers is exact in float64
            lanes = (lanes.astype("f8") + x.astype("f8") * q.astype("f8")).astype("f4")
        else:
            lanes = lanes + x * q
    a = lanes.reshape(4, 2, 2).sum(axis=2).sum(axis=1)
    return (a[0] + a[2]) + (a[1] + a[3])


def scores_of(vectors, queries, metric):
    sections = MemorySections()
    write_vectors(sections, "v", vectors, None, len(vectors))
    made = VectorColumn.open(sections, "v")
    found = ExactSearcher([DensePart(made, 0, None, len(vectors))], metric)
    return np.stack([found.scores(query, np.arange(len(vectors))) for query in queries])


@pytest.mark.parametrize("metric", ["dot", "euclidean"])
@pytest.mark.parametrize("dim", [1, 16, 20, 384])
def test_a_reduction_is_the_documented_sum_to_the_bit(metric, dim):
    rng = np.random.default_rng(dim)
    vectors = rng.standard_normal((9, dim)).astype(np.float32)
    query = rng.standard_normal(dim).astype(np.float32)
    sign = -1 if metric == "euclidean" else 1
    fused, split = (
        [sign * float(in_lanes(row, query, metric, fused=way)) for row in vectors]
        for way in (True, False)
    )
    assert scores_of(vectors, [query], metric)[0].tolist() in (fused, split)


def test_plain_python_keeps_the_same_best_hits_as_the_compiled_heap():
    rng = np.random.default_rng(4)
    offered = rng.integers(0, 6, 300).astype(np.float64)
    order = rng.permutation(300)
    scores, docs = np.empty(40), np.empty(40, dtype=np.int64)
    n = np.int64(0)
    for doc in order:
        n = kernels.offer.py_func(offered[doc], doc, n, scores, docs)
    plain = scores.copy(), docs.copy()
    kernels.sort_hits.py_func(*plain, 40)
    compiled = scores.copy(), docs.copy()
    kernels.sort_hits(*compiled, 40)
    expected = np.lexsort((np.arange(300), -offered))[:40]
    assert plain[1].tolist() == compiled[1].tolist() == expected.tolist()
    assert plain[0].tolist() == compiled[0].tolist() == offered[expected].tolist()


def test_norms_are_the_same_in_plain_python():
    rows = np.random.default_rng(5).standard_normal((6, 23)).astype(np.float32)
    rows[4, 22] = np.inf
    plain, compiled = np.empty(6, dtype=np.float32), np.empty(6, dtype=np.float32)
    assert kernels.measure_norms.py_func(rows, plain) == 4
    assert kernels.measure_norms(rows, compiled) == 4
    # compiled code may fuse nothing here: float64 sums are in the same order
    assert plain.tolist() == compiled.tolist()


@pytest.mark.reliability
def test_a_processor_without_vector_extensions_ranks_alike(tmp_path):
    program = (
        "import numpy as np, sys\n"
        "from rank_retrieve.dense import Exact\n"
        "rng = np.random.default_rng(6)\n"
        "x, q = rng.standard_normal((300, 40)), rng.standard_normal((9, 40))\n"
        "found = [h for m in ('cosine', 'dot', 'euclidean')"
        " for h in Exact.from_vectors(x, metric=m).search_many(q, 20)]\n"
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
    assert np.array_equal(host[:, 0], generic[:, 0])
    np.testing.assert_allclose(generic[:, 1], host[:, 1], rtol=1e-5, atol=1e-5)
