"""A thousand random shapes, element types, layouts and metrics against NumPy in float64."""

import numpy as np
import pytest

from rank_retrieve.dense.exact import Exact

SHAPES = 1_000
METRICS = ["cosine", "dot", "euclidean", "hamming"]
GIVEN = ["f2", "f4", "f8", ">f4", "i1", "i8", "u2"]


def laid_out(rng, array):
    """The same numbers, contiguous or not."""
    match int(rng.integers(4)):
        case 0:
            return np.asfortranarray(array)
        case 1:
            wide = np.zeros((array.shape[0], 2 * array.shape[1]), array.dtype)
            wide[:, ::2] = array
            return wide[:, ::2]
        case 2:
            return array[::-1][::-1]
    return array


def true_scores(x, query, metric):
    x, q = x.astype(np.float64), query.astype(np.float64)
    if metric in ("euclidean", "hamming"):
        return -((x - q) ** 2).sum(axis=1)
    dot = x @ q
    return dot if metric == "dot" else dot / (np.linalg.norm(x, axis=1) * np.linalg.norm(q))


def made(rng, n, dim, metric, given):
    if metric == "hamming":
        return rng.random((n, dim)) < rng.uniform(0.1, 0.9)
    numbers = rng.standard_normal((n, dim)) * 10 + rng.choice([0, 30])
    made = (np.abs(numbers) if given == "u2" else numbers).astype(given)
    made[~made.any(axis=1)] = 1
    return made


@pytest.mark.parametrize("block", range(10))
def test_the_nearest_are_those_of_numpy(block):
    compared = 0
    for seed in range(block * SHAPES // 10, (block + 1) * SHAPES // 10):
        rng = np.random.default_rng(seed)
        n, dim = int(rng.integers(1, 200)), int(rng.integers(1, 80))
        metric, given = METRICS[seed % 4], GIVEN[int(rng.integers(len(GIVEN)))]
        stored = ["float32", "float16"][int(rng.integers(2))]
        quantizer = None if metric == "hamming" or rng.random() < 0.6 else "int8"
        k = int(rng.integers(1, n + 20))
        x, query = made(rng, n, dim, metric, given), made(rng, 1, dim, metric, given)[0]
        asked = (metric, stored, quantizer, given, n, dim, k, seed)
        exact = Exact.from_vectors(
            laid_out(rng, x), metric=metric, dtype=stored, quantizer=quantizer
        )
        hits = exact.search(query, k)
        kept = x.astype(np.float32).astype(stored) if metric != "hamming" else x
        expected = true_scores(kept, query.astype(np.float32), metric)
        # float32 sums differ from float64 ones by about that much
        scale = np.abs(expected) + np.abs(kept.astype(np.float64)).max() ** 2 * dim
        allowed = 2e-6 * (scale if metric in ("dot", "euclidean") else np.ones(n))
        assert len(hits) == min(k, n), asked
        assert (np.diff(hits.scores) <= 0).all(), asked
        assert len(set(hits.ids.tolist())) == len(hits), asked
        assert (np.abs(hits.scores - expected[hits.ids]) <= allowed[hits.ids]).all(), asked
        # whoever is missing is no better than the last, but for rounding
        missing = np.setdiff1d(np.arange(n), hits.ids)
        if len(missing):
            assert (expected[missing] <= hits.scores[-1] + 2 * allowed[missing]).all(), asked
        compared += 1
    assert compared == SHAPES // 10
