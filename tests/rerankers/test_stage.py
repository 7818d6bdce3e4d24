"""Stages one after the other: order, cutting, and sums to the last bit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.rerankers import Boost, Kept, Part, Reranked, Scored, as_stages, run_stages
from rank_retrieve.types import Query
from tests.rerankers.candidates import candidates_of, ranked_ids


class Given:
    """A stage with these scores."""

    def __init__(self, *scores):
        self.scores = np.array(scores, dtype=np.float64)

    def rerank(self, query, candidates, k):
        return Reranked(candidates, (Part(self.scores, lambda _: "as given"),), "given")


def run(stages, candidates, k=10):
    return run_stages(stages, Query("q"), candidates.source, candidates.scores, k)


def test_the_highest_score_wins_and_equal_ones_keep_their_order():
    candidates = candidates_of({}, {}, {}, {})
    found = Given(1.0, 3.0, 1.0, 3.0).rerank(Query("q"), candidates, 4)
    assert ranked_ids(found) == ["d1", "d3", "d0", "d2"]


def test_stages_see_what_the_stage_before_left_and_the_last_is_cut_to_k():
    seen = []

    def remember(query, candidates):
        seen.append([candidate.id for candidate in candidates])
        return [float(candidate.rank) for candidate in candidates]

    found = run([Given(1.0, 3.0, 2.0), Scored(remember)], candidates_of({}, {}, {}), k=2)
    assert seen == [["d1", "d2", "d0"]]
    assert found.positions.tolist() == [0, 2]
    assert found.scores.tolist() == [3.0, 2.0]


def test_a_tree_has_a_level_for_each_stage_and_the_search_at_its_bottom():
    found = run([Given(1.0, 3.0), Boost("2")], candidates_of({}, {}))
    tree = found.explain(1)
    assert str(tree) == "\n".join([
        "6 = boost, multiply: 2, before: rank 1",
        "  3 = given, before: rank 2",
        "    3 = as given",
        "    0 = earlier score, does not count",
        "      0.5 = made up",
        "  3 = |earlier score| x (2 - 1), of 2",
    ])  # fmt: skip
    assert tree.adds_up()
    assert found.describe() == [
        {"stage": "given", "candidates": 2},
        {"stage": "boost, multiply: 2", "candidates": 2},
    ]


@pytest.mark.parametrize(
    ("stage", "reason"),
    [
        (Given(1.0), "must give 2 values"),
        (Given(1.0, np.inf), "infinite"),
        (Given(1.0, np.nan), "kept 1 of 2, 2 are wanted"),
    ],
)
def test_a_stage_that_breaks_its_contract_is_named(stage, reason):
    with pytest.raises(InvalidArgument, match=reason):
        run([stage], candidates_of({}, {}))


def test_a_stage_may_drop_what_is_not_wanted():
    found = run([Given(1.0, np.nan, 2.0)], candidates_of({}, {}, {}), k=2)
    assert found.positions.tolist() == [2, 0]


def test_functions_and_stages_are_taken_alone_or_in_a_list():
    boost = Boost("2")
    assert as_stages(boost) == (boost,)
    (scored,) = as_stages(len)
    assert scored == Scored(len)
    assert as_stages([boost, len]) == (boost, Scored(len))
    for wrong in ("mmr", Boost, 3, [boost, None]):
        with pytest.raises(InvalidArgument, match="rerank"):
            as_stages(wrong)


def test_no_candidates_are_no_error():
    found = run([Boost("2"), Scored(lambda query, candidates: [])], candidates_of())
    assert len(found.positions) == 0


numbers = st.floats(-1e6, 1e6, allow_nan=False)


@settings(deadline=None, max_examples=60)
@given(
    rounds=st.lists(st.lists(numbers, min_size=7, max_size=7), min_size=1, max_size=4),
    kept=st.lists(st.booleans(), min_size=4, max_size=4),
    k=st.integers(1, 9),
)
def test_every_tree_sums_to_its_score_to_the_last_bit(rounds, kept, k):
    class Mixed:
        def __init__(self, scores, keeps):
            self.scores, self.keeps = np.array(scores), keeps

        def rerank(self, query, candidates, k):
            parts = [Part(self.scores, lambda _: "one"), Part(self.scores / 3, lambda _: "third")]
            return Reranked(candidates, (*parts, *[Kept.of(candidates)][: self.keeps]), "mixed")

    stages = [Mixed(scores, keeps) for scores, keeps in zip(rounds, kept, strict=False)]
    found = run(stages, candidates_of(*[{}] * 7), k)
    assert len(found.positions) == min(k, 7)
    assert (np.diff(found.scores) <= 0).all()
    for position, score in zip(found.positions.tolist(), found.scores.tolist(), strict=True):
        tree = found.explain(position)
        assert tree.value == score
        assert tree.adds_up()
