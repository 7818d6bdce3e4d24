"""Every candidate on every leg."""

import numpy as np
import pytest

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.fusion import complete_legs
from rank_retrieve.types import Ranked
from tests.fusion.legs import leg


def pairs(ranked):
    return list(zip(ranked.docs.tolist(), ranked.scores.tolist(), strict=True))


def test_each_leg_is_asked_for_what_it_lacks_only():
    asked = []

    def scores(docs):
        asked.append(docs.tolist())
        # doc 7 does not match the leg; doc 5 ties with doc 2
        return np.where(docs == 7, np.nan, 0.5)

    first, second = leg((2, 0.5), (9, 0.1)), leg((7, 3.0), (5, 2.0), (2, 1.0))
    completed = complete_legs([first, second], [scores, lambda docs: -docs.astype(float)])
    assert asked == [[5, 7]]
    assert pairs(completed[0]) == [(2, 0.5), (5, 0.5), (9, 0.1)]
    assert pairs(completed[1]) == [(7, 3.0), (5, 2.0), (2, 1.0), (9, -9.0)]


def test_legs_that_hold_everything_stay_as_they_are():
    legs = [leg((1, 2.0)), leg((1, 5.0))]
    completed = complete_legs(legs, [lambda docs: pytest.fail("asked")] * 2)
    assert [id(found) for found in completed] == [id(one) for one in legs]


def test_no_legs_and_empty_legs_are_no_error():
    assert complete_legs([], []) == []
    (alone, empty) = complete_legs(
        [leg((1, 2.0)), Ranked.empty()], [np.zeros_like, lambda docs: np.full(len(docs), np.nan)]
    )
    assert (pairs(alone), pairs(empty)) == ([(1, 2.0)], [])


def test_one_function_a_leg_is_needed():
    with pytest.raises(InvalidArgument, match="must be 1, one a leg"):
        complete_legs([leg((1, 2.0))], [])
