import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rank_retrieve as rr
from rank_retrieve.adapters.diversity import marginal_relevance

HALF = 2**-0.5


def test_each_pick_is_worth_its_relevance_less_its_likeness_to_those_before() -> None:
    query = np.float32([1, 0])
    rows = np.float32([[1, 0], [2, 0], [1, 1], [0, 3]])
    chosen, values = marginal_relevance(query, rows, 4, 0.5)
    assert chosen == [0, 1, 2, 3]
    # row 1 is row 0 again: 0.5 - 0.5; then row 2: (cos 45 - cos 45) / 2; row 3: 0 - cos 45 / 2
    assert values == pytest.approx([0.5, 0.0, 0.0, -HALF / 2], abs=1e-7)
    assert marginal_relevance(query, rows, 2, 0.4)[0] == [0, 3]


def test_the_extremes_ask_for_relevance_or_diversity_only() -> None:
    query = np.float32([1, 0.1])
    rows = np.float32([[1, 0], [1, 0.01], [-1, 0]])
    assert marginal_relevance(query, rows, 3, 1.0)[0] == [1, 0, 2]
    assert marginal_relevance(query, rows, 2, 0.0)[0] == [0, 2]


def test_nothing_zeros_and_more_than_there_is() -> None:
    query = np.float32([1, 0])
    assert marginal_relevance(query, np.empty((0, 2), np.float32), 3) == ([], [])
    assert marginal_relevance(query, np.float32([[0, 0], [1, 0]]), 5)[0] == [1, 0]
    with pytest.raises(rr.InvalidArgument, match="lambda"):
        marginal_relevance(query, np.float32([[1, 0]]), 1, 1.5)


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 12), st.integers(1, 8), st.floats(0, 1))
def test_it_agrees_with_the_definition(seed: int, n: int, k: int, lambda_: float) -> None:
    random = np.random.default_rng(seed)
    query, rows = random.standard_normal(5), random.standard_normal((n, 5))

    def cosine(a: np.ndarray, b: np.ndarray) -> float:
        return float(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    expected: list[int] = []
    for _ in range(min(k, n)):

        def worth(row: int) -> float:
            like = max((cosine(rows[row], rows[other]) for other in expected), default=0.0)
            return lambda_ * cosine(query, rows[row]) - (1 - lambda_) * like

        expected.append(max((r for r in range(n) if r not in expected), key=worth))
    chosen, _ = marginal_relevance(np.float32(query), np.float32(rows), k, lambda_)
    assert len(chosen) == min(k, n) and len(set(chosen)) == len(chosen)
    if lambda_ > 0.01:  # else the first pick is a tie that rounding decides
        assert chosen == expected
