import numpy as np
import pytest

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.fusion import Pool
from rank_retrieve.types import Ranked
from tests.fusion.legs import leg


def test_candidates_are_the_union_in_ascending_order():
    pool = Pool.of([leg((7, 3.0), (2, 2.0)), Ranked.empty(), leg((2, 9.0), (5, 9.0), (7, 1.0))])
    assert pool.docs.tolist() == [2, 5, 7]
    assert [columns.tolist() for columns in pool.columns] == [[2, 0], [], [0, 1, 2]]
    assert pool.counts().tolist() == [2, 1, 2]
    table = pool.table([leg.scores for leg in pool.legs], -1.0)
    assert table.tolist() == [[2.0, -1.0, 3.0], [-1.0, -1.0, -1.0], [9.0, 9.0, 1.0]]


@pytest.mark.parametrize(
    ("legs", "reason"),
    [
        ([], "at least one leg"),
        ([leg((1, 1.0)), leg((4, 2.0), (4, 1.0))], "leg 2 holds this doc twice .got 4."),
        ([leg((4, 1.0)), leg((3, 2.0)), leg((4, 2.0), (4, 1.0))], "leg 3 holds this doc twice"),
        ([leg((1, 2.0), (2, float("-inf")))], "leg 1 has a score that is not finite"),
        ([leg((1, 2.0), (2, float("nan")), (3, 1.0))], "leg 1 has a score that is not finite"),
        ([leg((1, 1.0), (2, 2.0))], "leg 1 is not best first at rank 2 .got 2.0."),
        ([leg((1, float("nan")))], "leg 1 has a score that is not finite"),
        ([leg((1, float("inf")), (2, 0.0))], "leg 1 has a score that is not finite"),
        ([Ranked(np.array([1]), np.array([1.0, 0.5]))], "as many docs as scores"),
        ([Ranked(np.array([1]), np.array([1.0], dtype=np.float32))], "float64 scores"),
        ([Ranked(np.array([1], dtype=np.int32), np.array([1.0]))], "int64 docs"),
    ],
)
def test_what_is_no_ranking_is_refused(legs, reason):
    with pytest.raises(InvalidArgument, match=reason):
        Pool.of(legs)
