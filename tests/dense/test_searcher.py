import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.dense.searcher import DensePart, ExactSearcher
from rank_retrieve.dense.vectors import VectorColumn, write_vectors
from rank_retrieve.errors import DimensionMismatch, InvalidArgument
from rank_retrieve.types import Bitmap, MemorySections

METRICS = ["cosine", "dot", "euclidean"]


def column(vectors, docs=None, n_docs=None):
    sections = MemorySections()
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    some = None if docs is None else np.array(docs, dtype=np.int32)
    write_vectors(sections, "v", vectors, some, len(vectors) if n_docs is None else n_docs)
    return VectorColumn.open(sections, "v")


def part(vectors, base=0, live=None, docs=None, n_docs=None):
    made = column(vectors, docs, n_docs)
    return DensePart(made, base, live, made.n_docs)


def searcher(vectors, metric):
    return ExactSearcher([part(vectors)], metric)


def true_scores(vectors, query, metric):
    x, q = np.asarray(vectors, dtype=np.float64), np.asarray(query, dtype=np.float64)
    if metric == "euclidean":
        return -((x - q) ** 2).sum(axis=1)
    dot = x @ q
    if metric == "dot":
        return dot
    return dot / (np.linalg.norm(x, axis=1) * np.linalg.norm(q))


# --------------------------------------------------------------------------- by hand


def test_scores_worked_by_hand():
    vectors = [[3.0, 4.0], [0.0, 2.0], [-3.0, -4.0]]
    query = [0.0, 5.0]
    by_metric = {
        "cosine": ([1, 0, 2], [1.0, 0.8, -0.8]),
        "dot": ([0, 1, 2], [20.0, 10.0, -20.0]),
        "euclidean": ([1, 0, 2], [-9.0, -10.0, -90.0]),
    }
    for metric, (docs, scores) in by_metric.items():
        ranked = searcher(vectors, metric).search(query, 5)
        assert ranked.docs.tolist() == docs
        assert ranked.scores.tolist() == scores
        assert ranked.docs.dtype == np.int64
        assert ranked.scores.dtype == np.float64


def test_a_vector_is_at_distance_zero_from_itself():
    vectors = np.random.default_rng(0).standard_normal((40, 33)) * 1000
    ranked = searcher(vectors, "euclidean").search(vectors[17].astype(np.float32), 1)
    assert (ranked.docs.tolist(), ranked.scores.tolist()) == ([17], [0.0])
    assert not np.signbit(ranked.scores[0])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("k", [1, 3, 8, 9, 200])
def test_equal_scores_are_ordered_by_ascending_doc(metric, k):
    vectors = np.tile([[1.0, 2.0, 3.0]], (100, 1))
    assert searcher(vectors, metric).search([1.0, 2.0, 2.0], k).docs.tolist() == list(
        range(min(k, 100))
    )


def test_ties_at_the_edge_keep_the_first_docs_even_when_better_ones_come_later():
    vectors = [[1.0], [1.0], [1.0], [5.0], [1.0], [7.0]]
    assert searcher(vectors, "dot").search([1.0], 4).docs.tolist() == [5, 3, 0, 1]


@pytest.mark.parametrize("metric", METRICS)
def test_the_largest_and_smallest_accepted_vectors_have_finite_scores(metric):
    vectors = np.array([[2.0**62, 0.0], [-(2.0**62), 0.0], [2.0**-50, 0.0]])
    found = searcher(vectors, metric)
    for query in vectors:
        ranked = found.search(query, 3)
        assert np.isfinite(ranked.scores).all()
        if metric == "cosine":
            assert sorted(abs(ranked.scores)) == [1.0, 1.0, 1.0]


# --------------------------------------------------------------------------- against NumPy


@settings(deadline=None, max_examples=100)
@given(
    n=st.integers(0, 150),
    dim=st.integers(1, 70),
    k=st.integers(1, 200),
    metric=st.sampled_from(METRICS),
    dtype=st.sampled_from(["f2", "f4", "f8", "i1", "i8"]),
    seed=st.integers(0, 1 << 30),
)
def test_search_equals_numpy(n, dim, k, metric, dtype, seed):
    rng = np.random.default_rng(seed)
    vectors = (rng.standard_normal((n, dim)) * 10).astype(dtype)
    query = (rng.standard_normal(dim) * 10).astype(dtype)
    vectors[~vectors.any(axis=1)] = 1
    query[0] = query[0] or 1
    ranked = searcher(vectors, metric).search(query, k) if n else None
    if ranked is None:
        return
    # what is stored and searched for is float32; from there on, nothing may be lost
    vectors, query = vectors.astype("f4"), query.astype("f4")
    expected = true_scores(vectors, query, metric)
    norms = np.linalg.norm(vectors.astype("f8"), axis=1) * np.linalg.norm(query.astype("f8"))
    scale = {"cosine": np.ones(n), "dot": norms, "euclidean": -expected}[metric]
    assert len(ranked) == min(k, n)
    assert (np.diff(ranked.scores) <= 0).all()
    assert (abs(ranked.scores - expected[ranked.docs]) <= 1e-5 * scale[ranked.docs]).all()
    # nothing that was left out is better than what was kept, beyond rounding
    left = np.delete(np.arange(n), ranked.docs)
    if len(left):
        assert (expected[left] - 2e-5 * scale[left] <= ranked.scores[-1] + 2e-5 * scale.max()).all()
    # and given the computed scores, order and selection are exact
    scores = searcher(vectors, metric).scores(query, np.arange(n))
    assert ranked.docs.tolist() == np.lexsort((np.arange(n), -scores))[:k].tolist()
    assert ranked.scores.tolist() == scores[ranked.docs].tolist()


@st.composite
def several_parts(draw):
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    dim = draw(st.sampled_from([1, 5, 16, 40]))
    parts, allowed, vectors, base = [], [], {}, 0
    for _ in range(draw(st.integers(0, 4))):
        n_docs = draw(st.integers(0, 90))
        base += draw(st.integers(0, 3))
        having = np.flatnonzero(rng.random(n_docs) < draw(st.sampled_from([0.0, 0.3, 1.0])))
        # few distinct rows, so that scores tie
        rows = rng.integers(-1, 2, (len(having), dim)).astype(np.float32)
        rows[~rows.any(axis=1)] = 1
        masks = [draw(st.sampled_from([None, 0.0, 0.1, 0.9])) for _ in range(2)]
        live, allow = (None if p is None else rng.random(n_docs) < p for p in masks)
        made = None
        if len(having):
            made = column(rows, None if len(having) == n_docs else having, n_docs)
        parts.append(
            DensePart(made, base, None if live is None else Bitmap.from_mask(live), n_docs)
        )
        allowed.append(None if allow is None else Bitmap.from_mask(allow))
        for doc, row in zip(having, rows, strict=True):
            if (live is None or live[doc]) and (allow is None or allow[doc]):
                vectors[base + int(doc)] = row
        base += n_docs
    query = rng.integers(1, 4, dim).astype(np.float32)
    return parts, allowed, vectors, query


@settings(deadline=None, max_examples=100)
@given(several_parts(), st.sampled_from(METRICS), st.sampled_from([1, 2, 10, 1000]))
def test_parts_deletions_and_filters_equal_a_scan_of_what_remains(given_parts, metric, k):
    parts, allowed, vectors, query = given_parts
    found = ExactSearcher(parts, metric)
    ranked = found.search(query, k, allowed)
    docs = np.array(sorted(vectors), dtype=np.int64)
    assert len(ranked) == min(k, len(docs))
    if len(docs):
        flat = searcher(np.stack([vectors[doc] for doc in docs.tolist()]), metric).search(query, k)
        assert ranked.docs.tolist() == docs[flat.docs].tolist()
        assert ranked.scores.tolist() == flat.scores.tolist()
        assert found.scores(query, ranked.docs).tolist() == ranked.scores.tolist()


# --------------------------------------------------------------------------- determinism


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dim", [3, 16, 100, 384])
def test_a_score_does_not_depend_on_the_rows_place_or_neighbours(metric, dim):
    rng = np.random.default_rng(dim)
    row, query = rng.standard_normal((2, dim)).astype(np.float32)
    alone = searcher([row], metric).search(query, 1).scores[0]
    for n in (2, 7, 8, 9, 64, 65, 200):
        others = rng.standard_normal((n, dim)).astype(np.float32)
        for at in {0, 1, n // 2, n - 1}:
            others[at] = row
            found = searcher(others, metric)
            assert found.scores(query, np.array([at]))[0] == alone
            ranked = found.search(query, n)
            assert ranked.scores[ranked.docs.tolist().index(at)] == alone


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("n_queries", [1, 2, 3, 4, 5, 8, 300])
def test_a_batch_gives_the_bits_of_single_searches(metric, n_queries):
    rng = np.random.default_rng(n_queries)
    vectors = rng.standard_normal((203, 50))
    vectors[100:150] = vectors[:50]
    queries = rng.standard_normal((n_queries, 50))
    allowed = [Bitmap.from_mask(rng.random(203) < 0.7)]
    found = searcher(vectors, metric)
    for threads in (1, 2):
        for bitmaps in (None, allowed):
            batch = found.search_many(queries, 20, bitmaps, threads=threads)
            assert len(batch) == n_queries
            for query, ranked in zip(queries, batch, strict=True):
                single = found.search(query, 20, bitmaps)
                assert ranked.docs.tolist() == single.docs.tolist()
                assert ranked.scores.tolist() == single.scores.tolist()


def test_many_hits_are_sorted_like_few():
    vectors = np.random.default_rng(3).integers(-9, 9, (3000, 2))
    found = searcher(vectors, "dot")
    scores = vectors @ [3, 1]
    order = np.lexsort((np.arange(3000), -scores))
    for k in (1, 7, 1000, 2999, 3000, 10**15):
        assert found.search([3, 1], k).docs.tolist() == order[:k].tolist()


# --------------------------------------------------------------------------- scores, explain


def test_docs_without_a_vector_have_nan_scores():
    parts = [part([[1.0], [2.0]], 0, docs=[0, 2], n_docs=3), DensePart(None, 3, None, 2)]
    found = ExactSearcher([*parts, part([[5.0]], 10)], "dot")
    scores = found.scores([2.0], np.array([10, 0, 1, 2, 3, 7, -1, 11]))
    assert scores.tolist()[:2] == [10.0, 2.0]
    assert np.isnan(scores).tolist() == [False, False, True, False, True, True, True, True]


def test_deleted_docs_still_have_scores():
    live = Bitmap.from_docs(2, [1])
    found = ExactSearcher([part([[1.0], [2.0]], 0, live)], "dot")
    assert found.scores([1.0], np.array([0, 1])).tolist() == [1.0, 2.0]
    assert found.search([1.0], 5).docs.tolist() == [1]


def test_a_cosine_is_explained_by_the_numbers_that_give_it():
    found = searcher([[3.0, 4.0], [1.0, 7.0]], "cosine")
    explanation = found.explain([0.0, 5.0], 0)
    dot, query, document = (child.value for child in explanation.children)
    assert (dot, query, document) == (20.0, 5.0, 5.0)
    assert explanation.value == 0.8
    explanation = found.explain([1.0, 1.0], 1)
    dot, query, document = (child.value for child in explanation.children)
    assert dot / (query * document) == explanation.value
    assert explanation.value == found.scores([1.0, 1.0], np.array([1]))[0]
    assert explanation.adds_up()


def test_dot_and_distance_are_explained():
    assert searcher([[3.0, 4.0]], "dot").explain([1.0, 1.0], 0).value == 7.0
    explanation = searcher([[3.0, 4.0]], "euclidean").explain([1.0, 1.0], 0)
    assert (explanation.value, explanation.children[0].value) == (-13.0, 13.0)


def test_a_doc_without_a_vector_cannot_be_explained():
    found = ExactSearcher([part([[1.0]], 0, docs=[1], n_docs=2)], "dot")
    with pytest.raises(InvalidArgument, match="has no vector"):
        found.explain([1.0], 0)


# --------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("k", [0, -1, 1.5, True, "3", None])
def test_k_is_a_positive_integer(k):
    with pytest.raises(InvalidArgument, match="k: must be"):
        searcher([[1.0]], "dot").search([1.0], k)
    with pytest.raises(InvalidArgument, match="k: must be"):
        searcher([[1.0]], "dot").search_many([[1.0]], k)


def test_bad_queries_are_refused():
    found = searcher([[1.0, 2.0]], "cosine")
    with pytest.raises(DimensionMismatch):
        found.search([1.0], 1)
    for query in ([np.nan, 1.0], [np.inf, 1.0], [0.0, 0.0], ["a", "b"], [[1.0, 2.0]]):
        with pytest.raises(InvalidArgument):
            found.search(query, 1)
        with pytest.raises(InvalidArgument):
            found.search_many([query], 1)
        with pytest.raises(InvalidArgument):
            found.scores(query, np.array([0]))
    with pytest.raises(InvalidArgument, match="threads"):
        found.search_many([[1.0, 2.0]], 1, threads=0)


def test_bitmaps_must_fit_their_parts():
    with pytest.raises(InvalidArgument, match="bitmap over 2 docs"):
        searcher([[1.0], [2.0]], "dot").search([1.0], 1, [Bitmap(3, full=True)])
    with pytest.raises(InvalidArgument, match="allowed"):
        searcher([[1.0], [2.0]], "dot").search([1.0], 1, [])
    with pytest.raises(InvalidArgument, match="live"):
        part([[1.0]], live=Bitmap(2))


def test_parts_must_agree_in_dimension_and_ascend():
    with pytest.raises(InvalidArgument, match="one dimension"):
        ExactSearcher([part([[1.0]]), part([[1.0, 2.0]], 1)], "dot")
    with pytest.raises(InvalidArgument, match="doc 1 or later"):
        ExactSearcher([part([[1.0]]), part([[1.0]], 0)], "dot")
    with pytest.raises(InvalidArgument, match="cover 5 docs"):
        DensePart(column([[1.0]]), 0, None, 5)


def test_nothing_to_search_gives_nothing():
    for parts in ([], [DensePart(None, 0, None, 3)]):
        found = ExactSearcher(parts, "dot")
        assert len(found.search([1.0], 5)) == 0
        assert [len(ranked) for ranked in found.search_many(np.ones((2, 3)), 5)] == [0, 0]
        assert np.isnan(found.scores([1.0], np.array([0]))).all()
    assert found.search_many(np.empty((0, 3)), 5) == []
