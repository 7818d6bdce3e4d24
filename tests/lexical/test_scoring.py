import math

import numpy as np
import pytest

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical.scoring import BM25Scorer, CollectionStatistics


def weigh(query_frequencies, document_frequencies, statistics, **parameters):
    scorer = BM25Scorer(**parameters)
    idfs = [scorer.idf(statistics.n_docs, df) for df in document_frequencies]
    return scorer.weigh(query_frequencies, idfs, statistics)


def test_idf_of_one_document_in_four_is_the_logarithm_of_ten_thirds():
    # 1 + (4 - 1 + 0.5) / (1 + 0.5) = 10/3
    assert BM25Scorer.idf(4, 1) == math.log(1.0 + 3.5 / 1.5)
    assert BM25Scorer.idf(4, 1) == pytest.approx(1.2039728043259361, rel=1e-15)


def test_idf_of_a_term_in_every_document_is_positive():
    assert 0 < BM25Scorer.idf(1_000_000, 1_000_000) < 1e-6


def test_exponent_leaves_the_sum_of_weights_below_two_to_the_29():
    weights = weigh([1, 2], [1, 3], CollectionStatistics(4, 8, 1))
    # weights 1.2040 and 2 * 0.3567 sum to 1.917: between 2**0 and 2**1, so e = 29 - 1
    assert weights.exponent == 28
    assert weights.unit == 2.0**-28
    assert 2**28 <= weights.scaled.sum() < 2**29


def test_constant_and_slope_are_in_units_of_the_scale():
    weights = weigh([1], [1], CollectionStatistics(2, 8, 4), k1=1.0, b=0.5)
    # average length 4 units: constant 1 * 0.5 * 4 = 2, slope 1 * 0.5 * 4 / 4 = 0.5
    assert (weights.constant, weights.slope) == (2.0, 0.5)


def test_a_contribution_worked_by_hand():
    weights = weigh([1], [1], CollectionStatistics(4, 8, 1))
    # N=4, df=1, avgdl=2; tf=2, dl=3: 1.2 * (0.25 + 0.75 * 1.5) = 1.65; 2 / 3.65 = 0.5479...
    score = BM25Scorer().contribution(weights, 0, 2, 3) * weights.unit
    assert score == pytest.approx(1.2039728043259361 * 2 / 3.65, rel=1e-8)


def test_weights_do_not_depend_on_the_order_of_terms():
    statistics = CollectionStatistics(1000, 5000, 1)
    frequencies = [1, 7, 33, 500, 999, 2, 2, 41]
    forwards = weigh([1] * 8, frequencies, statistics)
    backwards = weigh([1] * 8, frequencies[::-1], statistics)
    assert forwards.exponent == backwards.exponent
    assert forwards.scaled.tolist() == backwards.scaled[::-1].tolist()


@pytest.mark.parametrize(
    ("k1", "b"),
    [(-0.1, 0.5), (math.nan, 0.5), (math.inf, 0.5), (1.2, 1.1), (1.2, -1e-9), (True, 0.5)],
)
def test_parameters_out_of_range_are_refused(k1, b):
    with pytest.raises(InvalidArgument):
        BM25Scorer(k1, b)


def test_numpy_parameters_become_floats():
    assert BM25Scorer(np.float32(0.5), np.int64(1)) == BM25Scorer(0.5, 1.0)
