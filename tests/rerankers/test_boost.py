"""Scores that follow fields."""

import pytest

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.rerankers import Boost
from rank_retrieve.types import Query
from tests.rerankers.candidates import candidates_of, ranked_ids

BOOKS = [
    {"id": "a", "sold": 10, "kind": "novel"},
    {"id": "b", "sold": 1000, "kind": "novel"},
    {"id": "c", "kind": "atlas"},
]


def boosted(boost, scores=(3.0, 2.0, 1.0)):
    return boost.rerank(Query("q"), candidates_of(*BOOKS, scores=list(scores)), 10)


@pytest.mark.parametrize(
    ("boost", "expected"),
    [
        (Boost("1 + sold / 1000"), [3.03, 4.0, 1.0]),
        (Boost("sold / 100", "add"), [3.1, 12.0, 1.0]),
        (Boost("sold / 100", "add", missing=5), [3.1, 12.0, 6.0]),
        (Boost("score * (1 + (kind == 'atlas') * 9)", "replace"), [3.0, 2.0, 10.0]),
        (Boost("default(sold, 0)", "replace"), [10.0, 1000.0, 0.0]),
    ],
    ids=str,
)
def test_scores_are_multiplied_added_to_or_replaced(boost, expected):
    assert boosted(boost).scores.tolist() == pytest.approx(expected, rel=1e-15)


def test_a_boost_lifts_a_score_below_zero_too():
    assert boosted(Boost("3"), (-1.0, -2.0, -3.0)).scores.tolist() == [1.0, 2.0, 3.0]


def test_the_order_follows_and_the_fields_are_shown():
    found = boosted(Boost("1 + sold / 1000"))
    assert ranked_ids(found) == ["b", "a", "c"]
    text = str(found.explain(1, found.candidates.source.explain(1)))
    assert "|earlier score| x (2 - 1), of 1 + sold / 1000 with sold = 1000" in text
    missing = str(found.explain(2, found.candidates.source.explain(2)))
    assert "1 + sold / 1000 has no value here" in missing


def test_a_replaced_score_must_have_a_value():
    with pytest.raises(InvalidArgument, match=r"no value for 'c'.*[Pp]ass missing="):
        boosted(Boost("sold", "replace"))


@pytest.mark.parametrize(
    "wrong",
    [{"how": "divide"}, {"missing": float("nan")}, {"missing": "0"}, {"expression": "1 +"}],
)
def test_bad_parameters_are_refused_when_the_stage_is_made(wrong):
    with pytest.raises(InvalidArgument):
        Boost(**{"expression": "1", **wrong})


def test_boosts_compare_and_pickle():
    import pickle

    assert Boost("1 + n") == Boost("1 + n") != Boost("2 + n")
    again = pickle.loads(pickle.dumps(Boost("1 + n")))  # noqa: S301 - our own bytes
    assert again == Boost("1 + n")
