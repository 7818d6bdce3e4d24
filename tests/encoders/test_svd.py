import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import sparse

from rank_retrieve.encoders.svd import OVERSAMPLING, right_singular_vectors


def test_a_diagonal_matrix_worked_by_hand():
    matrix = sparse.csr_array(np.diag([2.0, -5.0, 3.0]).astype(np.float32))
    values, vectors = right_singular_vectors(matrix, 2, seed=0)
    np.testing.assert_allclose(values, [5.0, 3.0], rtol=1e-5)
    np.testing.assert_allclose(vectors, [[0, 0], [1, 0], [0, 1]], atol=1e-5)


@settings(deadline=None, max_examples=100)
@given(st.integers(1, 20), st.integers(1, 20), st.integers(1, 25), st.integers(0, 999))
def test_a_matrix_no_wider_than_the_sample_is_decomposed_exactly(n, m, k, seed):
    m = min(m, k + OVERSAMPLING)
    rng = np.random.default_rng(seed)
    dense = rng.integers(-3, 4, (n, m)) * (rng.random((n, m)) < 0.5)
    expected = np.linalg.svd(dense.astype(float), compute_uv=False)
    known = expected[expected > 1e-9]
    assume(not len(known) or known[-1] > 1e-3 * known[0])  # what counts as rank is then plain
    rank = min(k, len(known))
    values, vectors = right_singular_vectors(sparse.csr_array(dense.astype(np.float32)), k, seed)
    assert vectors.shape == (m, rank)
    np.testing.assert_allclose(values, expected[:rank], rtol=1e-3)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(rank), atol=1e-3)
    if rank:
        assert (vectors[np.abs(vectors).argmax(axis=0), np.arange(rank)] > 0).all()
        if rank == len(known):
            # the vectors span the row space
            np.testing.assert_allclose(dense @ vectors @ vectors.T, dense, atol=2e-3)


def test_the_same_seed_gives_the_same_bits_and_another_seed_nearly_the_same_values():
    rng = np.random.default_rng(0)
    # singular values that decay, as those of texts do
    dense = (rng.standard_normal((200, 40)) * 0.8 ** np.arange(40)) @ rng.standard_normal((40, 150))
    matrix = sparse.csr_array(dense.astype(np.float32))
    first, again = (right_singular_vectors(matrix, 8, seed=1) for _ in range(2))
    assert np.array_equal(first[0], again[0])
    assert np.array_equal(first[1], again[1])
    other = right_singular_vectors(matrix, 8, seed=2)
    expected = np.linalg.svd(dense, compute_uv=False)[:8]
    for values in (first[0], other[0]):
        np.testing.assert_allclose(values, expected, rtol=0.05)


def test_progress_ends_at_one():
    shares = []
    right_singular_vectors(sparse.csr_array(np.eye(3, dtype=np.float32)), 2, 0, shares.append)
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize("shape", [(3, 4), (0, 4), (3, 0)])
def test_nothing_has_rank_zero(shape):
    values, vectors = right_singular_vectors(sparse.csr_array(shape, dtype=np.float32), 2, 0)
    assert values.shape == (0,)
    assert vectors.shape == (shape[1], 0)
