from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.dense import _kmeans_kernels as kernels
from rank_retrieve.dense.kmeans import STARTS, Centres, cluster, packed, products
from rank_retrieve.errors import InvalidArgument

FOUR = np.array([[0, 0], [0, 2], [10, 0], [10, 2]], np.float32)


def blobs(n, k, dim, seed):
    rng = np.random.default_rng(seed)
    centres = 20 * rng.standard_normal((k, dim))
    of = rng.integers(0, k, n)
    return np.ascontiguousarray(centres[of] + rng.standard_normal((n, dim)), np.float32), of


def squares(points, rows):
    wide = points.astype(np.float64)
    return ((wide[:, np.newaxis] - rows.astype(np.float64)) ** 2).sum(axis=2)


def test_two_clusters_of_two_points_by_hand():
    found = cluster(FOUR, 2, steps=10, seed=1, start="k-means++", threads=1)
    assert sorted(found.centres.rows.tolist()) == [[0.0, 1.0], [10.0, 1.0]]
    assert found.labels[0] == found.labels[1] != found.labels[2] == found.labels[3]
    assert found.objective == 4.0


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 200), st.integers(1, 70), st.integers(1, 20), st.integers(0, 99))
def test_every_point_gets_its_nearest_centre(n, k, dim, seed):
    # small integers: every product is exact, and ties are many
    rng = np.random.default_rng(seed)
    points = rng.integers(-4, 5, (n, dim)).astype(np.float32)
    rows = rng.integers(-4, 5, (k, dim)).astype(np.float32)
    labels, values = Centres(rows).nearest(points)
    distances = squares(points, rows)
    assert labels.tolist() == distances.argmin(axis=1).tolist()
    half = (points.astype(np.float64) ** 2).sum(axis=1)
    assert (2 * values + half).tolist() == distances.min(axis=1).tolist()


def test_products_are_those_of_numpy():
    rng = np.random.default_rng(2)
    points = rng.integers(-9, 9, (29, 7)).astype(np.float32)
    rows = rng.integers(-9, 9, (37, 7)).astype(np.float32)
    assert np.array_equal(products(points, packed(rows)[0])[:, :37], points @ rows.T)


@pytest.mark.parametrize("start", sorted(STARTS))
def test_well_separated_clusters_are_found(start):
    points, of = blobs(3_000, 8, 12, seed=3)
    found = cluster(points, 8, steps=25, seed=4, start=start, threads=1)
    if start == "k-means++":
        together = {(a, b) for a, b in zip(of.tolist(), found.labels.tolist(), strict=True)}
        assert len(together) == 8
        assert found.steps < 25
    assert found.objective == pytest.approx(
        squares(points, found.centres.rows)[np.arange(3_000), found.labels].sum(), rel=1e-3
    )


def test_the_objective_never_grows():
    points, _ = blobs(2_000, 30, 6, seed=5)
    sums = [cluster(points, 20, steps=n, seed=6, threads=1).objective for n in range(1, 8)]
    assert all(after <= before * (1 + 1e-6) for before, after in pairwise(sums))


def test_threads_change_nothing():
    points, _ = blobs(20_000, 40, 9, seed=7)
    one, three = (cluster(points, 40, steps=5, seed=8, threads=n) for n in (1, 3))
    assert np.array_equal(one.centres.rows, three.centres.rows)
    assert np.array_equal(one.labels, three.labels)
    assert one.objective == three.objective


def test_seeds_change_the_start():
    points, _ = blobs(2_000, 30, 6, seed=5)
    a, b = (cluster(points, 20, steps=2, seed=seed, threads=1).centres.rows for seed in (1, 2))
    assert not np.array_equal(a, b)


def test_a_centre_without_points_takes_half_of_the_worst_cluster():
    # copies of one point win every tie, so that the others would stay without any
    points = np.concatenate([np.zeros((50, 3)), [[9, 9, 9], [9, 9, 8], [9, 8, 9]]])
    points = np.ascontiguousarray(points, np.float32)
    found = cluster(points, 4, steps=30, seed=0, threads=1)
    assert len(np.unique(found.labels)) == 4
    assert found.objective == pytest.approx(0.0, abs=1e-3)


def test_copies_of_one_point_are_no_obstacle():
    points = np.ones((100, 5), np.float32)
    for start in STARTS:
        found = cluster(points, 7, steps=5, start=start, threads=1)
        assert found.objective == pytest.approx(0.0, abs=1e-3)
        assert np.isfinite(found.centres.rows).all()


def test_as_many_centres_as_points():
    found = cluster(FOUR, 4, threads=1)
    assert sorted(found.centres.rows.tolist()) == FOUR.tolist()
    assert found.objective == 0.0


def test_progress_is_told_and_may_end_the_work():
    points, _ = blobs(1_000, 30, 6, seed=9)
    told = []
    cluster(points, 20, steps=3, threads=1, progress=lambda *done: told.append(done))
    assert told == [(1, 3), (2, 3), (3, 3)]

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cluster(points, 20, threads=1, progress=stop)


@pytest.mark.parametrize(
    "arguments",
    [{"k": 0}, {"k": 5}, {"k": True}, {"k": 2, "steps": 0}, {"k": 2, "start": "best"},
     {"k": 2, "threads": 0}],
)  # fmt: skip
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(InvalidArgument):
        cluster(FOUR, **arguments)


def test_packing_is_the_same_in_plain_python():
    rows = np.random.default_rng(10).standard_normal((19, 3)).astype(np.float32)
    made = [(np.zeros((4, 3, 16), np.float32), np.zeros(64, np.float32)) for _ in range(2)]
    kernels.pack_centres(rows, *made[0])
    kernels.pack_centres.py_func(rows, *made[1])
    assert np.array_equal(made[0][0], made[1][0])
    assert made[0][0][1, :, 2].tolist() == rows[18].tolist()
    np.testing.assert_allclose(made[0][1], made[1][1], rtol=1e-6)
