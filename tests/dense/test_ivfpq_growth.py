import numpy as np
import pytest

from rank_retrieve.dense import ivfpq_growth as growth
from rank_retrieve.dense.ivfpq_growth import (
    adopt_lists,
    build_lists,
    extend_lists,
    lists_for,
    merge_lists,
    parts_for,
    shrink_lists,
)
from rank_retrieve.dense.structures import MergedPart
from rank_retrieve.dense.vectors import column_of
from rank_retrieve.types import Bitmap, IVFPQOptions
from tests.dense.test_hnsw import METRICS, clustered

OPTIONS = IVFPQOptions(n_lists=24, steps=5)


def same(one, other, *, rtol=1e-5):
    assert np.array_equal(one.blocks, other.blocks)
    assert np.array_equal(one.lengths, other.lengths)
    np.testing.assert_allclose(one.spreads, other.spreads, rtol=rtol, atol=1e-6)


@pytest.mark.parametrize(
    ("n", "options", "expected"),
    [(0, {}, 1), (7, {}, 1), (16, {}, 2), (10_000, {}, 250), (40_000, {}, 500),
     (10_000, {"n_lists": 1024}, 1024), (800, {"n_lists": 1024}, 100)],
)  # fmt: skip
def test_how_many_lists(n, options, expected):
    assert lists_for(n, IVFPQOptions(**options)) == expected


@pytest.mark.parametrize(
    ("dim", "options", "expected"),
    [(384, {}, 96), (384, {"bits": 8}, 48), (3, {}, 3), (5, {"m": 9}, 5), (5_000, {}, 256),
     (40, {}, 32), (40, {"bits": 8}, 16), (100, {"m": 7}, 7)],
)  # fmt: skip
def test_how_many_parts(dim, options, expected):
    assert parts_for(dim, IVFPQOptions(**options)) == expected


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("rotation", ["none", "opq"])
def test_lists_are_the_same_on_any_number_of_threads(metric, rotation, monkeypatch):
    monkeypatch.setattr(growth, "_ROWS_AT_ONCE", 300)
    column = column_of(clustered(2_000, 14, seed=1)[0])
    options = IVFPQOptions(n_lists=30, rotation=rotation, steps=4)
    one, three = (build_lists(column, metric, options, threads=n) for n in (1, 3))
    same(one, three)
    assert np.array_equal(one.learnt.centres.rows, three.learnt.centres.rows)


def test_a_row_is_in_the_list_of_its_nearest_centre():
    x = clustered(1_500, 9, seed=2)[0]
    lists = build_lists(column_of(x), "euclidean", OPTIONS, threads=1)
    centres = lists.learnt.centres.rows[:, :9].astype(np.float64)
    distances = ((x[:, np.newaxis] - centres) ** 2).sum(axis=2)
    chosen = distances[np.arange(1_500), lists.labels()]
    np.testing.assert_allclose(chosen, distances.min(axis=1), rtol=1e-4)
    assert lists.lengths.tolist() == np.bincount(lists.labels(), minlength=24).tolist()
    sums = np.bincount(lists.labels(), weights=chosen, minlength=24)
    spreads = np.sqrt(sums / np.maximum(lists.lengths, 1))
    np.testing.assert_allclose(lists.spreads, spreads, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("metric", METRICS)
def test_rows_that_come_later_are_coded_like_the_first(metric):
    x = clustered(2_000, 12, seed=3)[0]
    whole = build_lists(column_of(x), metric, OPTIONS, threads=1)
    # the words of all, and only the first rows in their lists
    first = shrink_lists(whole, np.arange(900))
    assert first.n == 900
    # spreads are those of the rows that were there before some went
    same(extend_lists(first, column_of(x), threads=2), whole, rtol=0.2)


def test_rows_that_go_leave_the_others_as_they_are():
    x = clustered(1_000, 8, seed=4)[0]
    lists = build_lists(column_of(x), "dot", OPTIONS, threads=1)
    kept = np.flatnonzero(np.random.default_rng(5).random(1_000) < 0.3)
    rest = shrink_lists(lists, kept)
    assert rest.n == len(kept)
    assert rest.labels().tolist() == lists.labels()[kept].tolist()
    for mine, theirs in zip(rest.coded().arrays, lists.coded().arrays, strict=True):
        assert np.array_equal(mine, theirs[kept])
    assert shrink_lists(lists, np.arange(0)).n == 0


def test_rows_before_and_behind_those_that_are_adopted_are_coded():
    x = clustered(1_200, 8, seed=6)[0]
    whole = build_lists(column_of(x), "euclidean", OPTIONS, threads=1)
    middle = shrink_lists(whole, np.arange(300, 900))
    same(adopt_lists(middle, np.arange(600), column_of(x), 300, threads=1), whole, rtol=0.3)


def merged(column, parts, options=OPTIONS, metric="cosine"):
    return merge_lists(column, parts, metric, options, threads=1)


def test_a_merge_takes_over_the_largest_lists():
    x = clustered(3_000, 10, seed=7)[0]
    columns = [column_of(x[:600]), column_of(x[600:2_400]), column_of(x[2_400:])]
    made = [build_lists(column, "cosine", OPTIONS, threads=1) for column in columns]
    live = Bitmap.from_mask(np.random.default_rng(8).random(1_800) < 0.9)
    parts = [
        MergedPart(columns[0], made[0], None),
        MergedPart(None, None, None),
        MergedPart(columns[1], made[1], live),
        MergedPart(columns[2], None, None),
    ]
    kept = live.to_docs()
    rows = np.concatenate([x[:600], x[600:2_400][kept], x[2_400:]])
    found = merged(column_of(rows), parts)
    assert found.learnt is made[1].learnt
    assert found.n == len(rows)
    codes = found.coded().codes[600 : 600 + len(kept)]
    assert np.array_equal(codes, made[1].coded().codes[kept])


@pytest.mark.parametrize("why", ["outgrown", "options", "metric", "nothing"])
def test_a_merge_learns_anew_where_it_must(why):
    x = clustered(2_000, 6, seed=9)[0]
    n = 300 if why == "outgrown" else 1_500
    options = IVFPQOptions(n_lists=24, steps=5, seed=3) if why == "options" else OPTIONS
    metric = "dot" if why == "metric" else "cosine"
    old = build_lists(column_of(x[:n]), metric, options, threads=1)
    lists = None if why == "nothing" else old
    parts = [MergedPart(column_of(x[:n]), lists, None), MergedPart(column_of(x[n:]), None, None)]
    found = merged(column_of(x), parts)
    assert found.learnt is not old.learnt
    assert found.learnt.trained == 2_000
    same(found, build_lists(column_of(x), "cosine", OPTIONS, threads=1))


def test_training_on_a_sample():
    x = clustered(3_000, 8, seed=10)[0]
    few = IVFPQOptions(n_lists=24, training=256, steps=5)
    lists = build_lists(column_of(x), "cosine", few, threads=1)
    assert lists.n == 3_000
    whole = build_lists(column_of(x), "cosine", OPTIONS, threads=1)
    assert not np.array_equal(lists.learnt.centres.rows, whole.learnt.centres.rows)


def test_progress_counts_vectors_read():
    x = clustered(1_000, 8, seed=11)[0]
    told = []
    build_lists(
        column_of(x), "cosine", OPTIONS, threads=1, progress=lambda *done: told.append(done)
    )
    assert told[-1] == (6_000, 6_000)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[0] == (1_000, 6_000)
