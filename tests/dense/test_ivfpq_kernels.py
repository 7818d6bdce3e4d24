import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.dense import _selection_kernels as kernels
from rank_retrieve.dense.graph_search import Visible
from rank_retrieve.dense.ivfpq_growth import build_lists
from rank_retrieve.dense.ivfpq_search import ListSearcher
from rank_retrieve.dense.vectors import column_of, padded
from rank_retrieve.types import Bitmap, IVFPQOptions
from tests.dense.test_hnsw import clustered


def shrunk(kernel, values, kept):
    costs, rows = np.array(values, np.int32), np.arange(len(values), dtype=np.int32)
    n, limit = kernel(costs, rows, np.int64(len(costs)), np.int64(kept))
    return rows[:n].tolist(), costs[:n].tolist(), int(limit)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.sampled_from([0, 1, 7, -3, 2**31 - 1, -(2**31), 5, 6, 10**9]), min_size=2, max_size=90
    ),
    st.data(),
)
def test_shrinking_keeps_the_best_and_of_equal_ones_the_first(values, data):
    kept = data.draw(st.integers(1, len(values) - 1))
    rows, costs, limit = shrunk(kernels.shrink, values, kept)
    assert shrunk(kernels.shrink.py_func, values, kept) == (rows, costs, limit)
    assert kept <= len(rows) <= kept + kept // 8
    best = sorted(range(len(values)), key=lambda row: (values[row], row))[: len(rows)]
    assert rows == sorted(best)
    assert costs == [values[row] for row in rows]
    assert limit >= max(costs)


def test_shrinking_many_different_costs():
    rng = np.random.default_rng(1)
    for n, kept in ((200, 64), (1_000, 3), (5_000, 1_200)):
        values = rng.integers(-(2**31), 2**31, n)
        rows, costs, limit = shrunk(kernels.shrink, values, kept)
        assert sorted(rows) == sorted(np.argsort(values)[: len(rows)].tolist())
        assert kept <= len(rows) <= kept + kept // 8
        assert limit >= max(costs)


def test_whole_numbers_order_like_costs():
    costs = np.array([-np.inf, -2.0, -1e-30, 0.0, 1e-30, 1.0, 3e38, np.inf, np.nan], np.float32)
    bits = costs.view(np.int32).astype(np.int64)
    ordered = [kernels.order_of(int(b)) for b in bits]
    assert ordered == sorted(set(ordered))
    assert [kernels.order_of(o) for o in ordered] == bits.tolist()
    assert [kernels.order_of.py_func(int(b)) for b in bits] == ordered


@pytest.mark.parametrize("n", [1, 2, 33, 500])
def test_selecting_puts_the_least_first(n):
    rng = np.random.default_rng(n)
    keys = rng.permutation(n * 3)[:n].astype(np.uint64)
    for wanted in {1, n // 2 or 1, n}:
        some = keys.copy()
        kernels.select(some.ctypes.data, np.int64(0), np.int64(n), np.int64(wanted))
        assert sorted(some[:wanted].tolist()) == sorted(keys.tolist())[:wanted]
        assert sorted(some.tolist()) == sorted(keys.tolist())
        assert some[wanted - 1] == max(some[:wanted])


@pytest.mark.parametrize("n_lists", [1, 9, 100, 700])
def test_the_first_lists_are_those_of_least_cost_and_more_follow(n_lists):
    rng = np.random.default_rng(n_lists)
    # many are equal; 0.0 is added so that none is -0.0, which would come first
    costs = (np.round(rng.standard_normal(n_lists) * 8) + 0.0).astype(np.float32)
    bits = costs.view(np.int32).astype(np.int64)
    orders = (bits ^ ((bits >> 31) & 0x7FFFFFFF)).astype(np.int32)
    expected = np.lexsort((np.arange(n_lists), costs)).tolist()
    keys = np.zeros(n_lists, np.uint64)

    def numbers(start, stop):
        return [int(key & np.uint64(0xFFFFFFFF)) >> 1 for key in keys[start:stop]]

    for n in sorted({1, n_lists // 10 or 1, n_lists // 2 or 1, n_lists}):
        kernels.first_lists(orders, np.int64(n), np.int64(keys.ctypes.data))
        assert sorted(numbers(0, n)) == sorted(expected[:n])
        if n > kernels.BEST_LISTS:
            assert sorted(numbers(0, 8)) == sorted(expected[:8])
        more = min(n_lists - n, n)
        if more:
            kernels.more_lists(orders, np.int64(n), np.int64(more), np.int64(keys.ctypes.data))
            assert sorted(numbers(n, n + more)) == sorted(expected[n : n + more])


def test_keys_order_by_cost_then_by_number():
    costs = np.array([-np.inf, -2.0, -1e-30, 0.0, 1e-30, 1.0, 3e38, np.inf], np.float32)
    bits = costs.view(np.int32)
    keys = [kernels.key_of(int(b), n) for b in bits for n in (0, 5, 2**31 - 1)]
    assert keys == sorted(set(keys))
    assert [kernels.number_of(np.uint64(key)) for key in keys] == [0, 5, 2**31 - 1] * 8


# --------------------------------------------------------------------------- against NumPy


def estimated(lists, turned):
    """Costs of all rows by the formulas of `dense.pq`, in float64; [n]."""
    learnt, coded = lists.learnt, lists.coded()
    q = turned.astype(np.float64)
    c = learnt.centres.rows.astype(np.float64)
    labels = lists.labels()
    products = (learnt.quantizer.decode(coded.codes) @ q) * coded.scales
    weights = (c @ q) / np.maximum((c * c).sum(axis=1), 1e-12)
    cost = -(c @ q)
    if lists.metric == "euclidean":
        cost = ((c - q) ** 2).sum(axis=1) / 2
    return cost[labels] + coded.offsets + weights[labels] * coded.biases - products


@pytest.mark.parametrize("metric", ["cosine", "dot", "euclidean"])
@pytest.mark.parametrize("options", [{"m": 16}, {"m": 8, "bits": 8}, {"m": 10, "rotation": "opq"}])
def test_candidates_are_those_of_least_estimated_cost(metric, options):
    x, _ = clustered(1_500, 20, seed=2)
    q = clustered(8, 20, seed=3)[0]
    column = column_of(x)
    made = IVFPQOptions(n_lists=25, rescored=100, **options)
    lists = build_lists(column, metric, made, threads=1)
    searcher = ListSearcher(lists, column, 0)
    found = searcher.search(padded(q), np.ones(8), 100, 25, Visible(None, 1_500))
    turned = lists.learnt.turned(q, np.ones(8, np.float32))
    for ranked, query in zip(found, turned, strict=True):
        costs = estimated(lists, query)
        least = set(np.argsort(costs)[:100].tolist())
        # entries of tables are rounded to whole numbers of units
        assert len(least & set(ranked.docs.tolist())) >= 88


def test_rows_that_are_hidden_are_no_candidates_and_do_not_take_places():
    x, _ = clustered(2_000, 16, seed=4)
    column = column_of(x)
    lists = build_lists(column, "dot", IVFPQOptions(n_lists=20, m=16, rescored=50), threads=1)
    searcher = ListSearcher(lists, column, 1_000)
    q = padded(clustered(5, 16, seed=5)[0])
    visible = np.random.default_rng(6).random(2_000) < 0.5
    bitmap = Bitmap.from_mask(visible)
    plan_all = searcher.search(q, np.ones(5), 50, 20, Visible(None, 2_000))
    plan_some = searcher.search(q, np.ones(5), 50, 20, Visible(bitmap, len(bitmap)))
    for everything, some in zip(plan_all, plan_some, strict=True):
        assert all(doc - 1_000 in bitmap for doc in some.docs.tolist())
        kept = [doc for doc in everything.docs.tolist() if visible[doc - 1_000]]
        assert len(set(kept) - set(some.docs.tolist())) <= 2
