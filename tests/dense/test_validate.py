import numpy as np
import pytest

from rank_retrieve.dense.validate import (
    MAX_NORM,
    MIN_COSINE_NORM,
    as_matrix,
    as_query,
    as_vector,
    check_metric,
    row_norms,
)
from rank_retrieve.errors import DimensionMismatch, InvalidArgument


@pytest.mark.parametrize(
    "value",
    [
        [1, 2, 3],
        (1.0, 2.0, 3.0),
        np.array([1, 2, 3], dtype=np.float16),
        np.array([1, 2, 3], dtype=np.float64),
        np.array([1, 2, 3], dtype=">f8"),
        np.array([1, 2, 3], dtype=np.int8),
        np.array([1, 2, 3], dtype=np.uint64),
        np.array([1, 2, 3], dtype=np.longdouble),
        np.array([1, 9, 2, 9, 3], dtype=np.float32)[::2],
        np.array([3, 2, 1], dtype=np.float32)[::-1],
    ],
)
def test_every_array_of_real_numbers_becomes_contiguous_float32(value):
    row = as_vector(value, 3, "dot")
    assert row.dtype == np.float32
    assert row.flags.c_contiguous
    assert row.tolist() == [1.0, 2.0, 3.0]


@pytest.mark.parametrize(
    "value",
    [
        None,
        "1 2",
        ["1", "2"],
        [1, None],
        [[1], [1, 2]],
        [1 + 2j, 3],
        [True, False],
        np.array([1, 2], dtype=object),
        np.array(["2020-01-01", "2020-01-02"], dtype="M8[D]"),
        {"a": 1},
        (x for x in (1.0, 2.0)),
    ],
)
def test_what_is_not_an_array_of_real_numbers_is_refused(value):
    with pytest.raises(InvalidArgument):
        as_vector(value, 2, "dot")


def test_a_vector_of_the_wrong_length_is_a_dimension_mismatch():
    with pytest.raises(DimensionMismatch) as caught:
        as_query([1.0, 2.0], 3, "dot", "abstract")
    assert (caught.value.field, caught.value.expected, caught.value.got) == ("abstract", 3, 2)
    with pytest.raises(DimensionMismatch):
        as_matrix(np.ones((2, 2)), 3, "dot")


@pytest.mark.parametrize("value", [[[1.0, 2.0]], 1.0])
def test_a_vector_has_one_axis(value):
    with pytest.raises(InvalidArgument, match="one axis"):
        as_vector(value, 2, "dot")


@pytest.mark.parametrize("value", [[], [1.0, 2.0], np.ones((1, 2, 3))])
def test_a_matrix_has_two_axes(value):
    with pytest.raises(InvalidArgument, match="two axes"):
        as_matrix(value, None, "dot")


def test_a_matrix_has_1_to_65536_components():
    with pytest.raises(InvalidArgument, match=r"1\.\.65536"):
        as_matrix(np.ones((3, 0)), None, "dot")
    with pytest.raises(InvalidArgument, match=r"1\.\.65536"):
        as_matrix(np.ones((1, 65537)), None, "dot")
    assert as_matrix(np.ones((0, 4)), None, "cosine").shape == (0, 4)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_component_that_is_not_finite_is_refused_with_its_place(bad):
    rows = np.ones((4, 5))
    rows[2, 3] = bad
    with pytest.raises(InvalidArgument, match="component 3 of row 2 is not finite"):
        as_matrix(rows, 5, "dot")
    with pytest.raises(InvalidArgument, match="component 3 is not finite"):
        as_vector(rows[2], 5, "dot")


def test_a_component_too_large_for_float32_is_refused():
    with pytest.raises(InvalidArgument, match=r"component 1 is too large for float32 \(got 1e\+39"):
        as_vector([1.0, 1e39], 2, "euclidean")


def test_a_norm_whose_scores_would_overflow_is_refused():
    assert as_vector([MAX_NORM], 1, "dot")[0] == np.float32(MAX_NORM)
    with pytest.raises(InvalidArgument, match="would overflow"):
        as_vector([2 * MAX_NORM], 1, "dot")


def test_cosine_refuses_vectors_without_direction():
    with pytest.raises(InvalidArgument, match="row 1 is all zeros"):
        as_matrix([[1.0, 0.0], [0.0, 0.0]], 2, "cosine")
    with pytest.raises(InvalidArgument, match="all zeros"):
        as_vector([0.0, -0.0], 2, "cosine")
    with pytest.raises(InvalidArgument, match="all zeros"):
        as_vector([1e-60, 0.0], 2, "cosine")
    with pytest.raises(InvalidArgument, match="too small for cosine"):
        as_vector([MIN_COSINE_NORM / 2], 1, "cosine")
    assert as_vector([0.0, 0.0], 2, "dot").tolist() == [0.0, 0.0]


def test_a_checked_vector_is_not_the_callers_memory():
    mine = np.ones(3, dtype=np.float32)
    row = as_vector(mine, 3, "dot")
    mine[0] = 7
    assert row[0] == 1


def test_norms_are_exact_where_the_squares_are_and_do_not_depend_on_the_row():
    rows = np.array([[3.0, 4.0, 0.0], [1.0, 2.0, 2.0]], dtype=np.float32)
    assert row_norms(rows).tolist() == [5.0, 3.0]
    row = np.random.default_rng(1).standard_normal(37).astype(np.float32)
    many = row_norms(np.tile(row, (9, 1)))
    assert set(many.tolist()) == set(row_norms(row[np.newaxis]).tolist())
    assert many[0] == pytest.approx(np.linalg.norm(row.astype(np.float64)), rel=1e-7)


def test_an_unknown_metric_is_refused_with_the_known_ones():
    with pytest.raises(InvalidArgument, match="cosine, dot, euclidean"):
        check_metric("manhattan")
