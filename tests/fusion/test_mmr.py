"""Diverse choices from arrays."""

import numpy as np
import pytest

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.fusion import select_diverse


def test_choices_similarities_and_what_they_are_like():
    found = select_diverse([1.0, 0.9, 0.2], [[1, 0], [2, 0], [0, 3]], 3, trade_off=0.5)
    assert found.places.tolist() == [0, 2, 1]
    assert found.similarities.tolist() == [0.0, 0.0, 1.0]
    assert found.nearest.tolist() == [-1, -1, 0]
    assert found.scores.tolist() == pytest.approx([0.5, 0.1, -0.05])


def test_opposite_vectors_are_no_better_than_unrelated_ones():
    found = select_diverse([1.0, 0.9, 0.9], [[1, 0], [0, 1], [-1, 0]], 3)
    assert found.places.tolist() == [0, 1, 2]


def test_rows_without_direction_are_like_nothing():
    found = select_diverse([1.0, 1.0, 1.0], [[1, 0], [0, 0], [np.nan, 1]], 3)
    assert found.similarities.tolist() == [0.0, 0.0, 0.0]


def test_fewer_rows_than_k_and_none():
    assert select_diverse([0.1, 0.2], np.eye(2), 9).places.tolist() == [1, 0]
    assert select_diverse([], np.empty((0, 4)), 3).places.tolist() == []


@pytest.mark.parametrize(
    ("relevance", "vectors", "k", "trade_off"),
    [([1.0], np.eye(2), 1, 0.5), ([1.0, 2.0], [1.0, 2.0], 1, 0.5), ([np.inf], [[1.0]], 1, 0.5),
     ([1.0], [[1.0]], 0, 0.5), ([1.0], [[1.0]], 1, 2)],
)  # fmt: skip
def test_what_does_not_fit_is_refused(relevance, vectors, k, trade_off):
    with pytest.raises(InvalidArgument):
        select_diverse(relevance, vectors, k, trade_off)
