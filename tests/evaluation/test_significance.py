from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.evaluation import fisher_randomisation, holm, paired_t


def test_randomisation_over_all_sign_patterns_is_exact():
    # of the 8 patterns of +-1 +-2 +-3, only +6 and -6 reach 6
    assert fisher_randomisation(np.array([1.0, 2.0, 3.0, 0.0])) == 2 / 8
    # +-0.5 +-1: all four reach 0.5
    assert fisher_randomisation(np.array([-1.0, 0.5])) == 1.0
    assert fisher_randomisation(np.zeros(5)) == 1.0
    assert fisher_randomisation(np.empty(0)) == 1.0


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(-5, 5), min_size=1, max_size=9))
def test_exact_randomisation_equals_counting_patterns_one_by_one(values):
    kept = [value for value in values if value]
    patterns = list(product([1, -1], repeat=len(kept)))
    totals = [abs(sum(s * v for s, v in zip(signs, kept, strict=True))) for signs in patterns]
    expected = sum(total >= abs(sum(kept)) for total in totals) / len(patterns)
    # tenths do not add up exactly, and must not make p smaller
    assert fisher_randomisation(np.array(values) / 10) == pytest.approx(expected)


def test_drawn_randomisation_comes_close_to_the_exact_p_and_repeats():
    differences = np.random.default_rng(3).normal(0.1, 0.3, 15)
    exact = fisher_randomisation(differences)
    # three differences too small to matter push the test over the limit of 15
    padded = np.concatenate([differences, [1e-12, -1e-12, 1e-12]])
    drawn = fisher_randomisation(padded, seed=5)
    assert drawn == pytest.approx(exact, abs=0.01)
    assert drawn == fisher_randomisation(padded, seed=5)
    assert drawn != fisher_randomisation(padded, seed=6)


def test_drawn_randomisation_is_never_zero():
    assert fisher_randomisation(np.full(60, 0.5), n_random=999) == 1 / 1000


def test_the_t_test_gives_textbook_values():
    # mean 2, deviation sqrt(2.5), t = 2.8284 with 4 degrees of freedom
    assert paired_t(np.array([0.0, 1.0, 2.0, 3.0, 4.0])) == pytest.approx(0.0474, abs=1e-4)
    # one degree of freedom is Cauchy: t = 1 gives p = 1/2
    assert paired_t(np.array([0.0, 1.0])) == pytest.approx(0.5)
    assert paired_t(np.array([1.0, -1.0])) == 1.0
    assert paired_t(np.array([0.25, 0.25])) == 0.0
    assert paired_t(np.zeros(4)) == 1.0
    assert paired_t(np.array([3.0])) == 1.0


def test_holm_multiplies_by_what_is_left_and_never_decreases():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.6]) == [1.0, 1.0]
    assert holm([]) == []
