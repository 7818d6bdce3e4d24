"""Ages by hand."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.rerankers import Recency
from rank_retrieve.types import Query
from tests.rerankers.candidates import candidates_of, ranked_ids

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = timedelta(days=1)


def recent(dates, scores, **options):
    stage = Recency("on", **{"half_life": 10 * DAYS, "weight": 1, "now": NOW, **options})
    documents = [{} if on is None else {"on": on} for on in dates]
    return stage.rerank(Query("q"), candidates_of(*documents, scores=scores), 10)


def test_gains_halve_with_every_half_life():
    found = recent([NOW, NOW - 10 * DAYS, NOW - 20 * DAYS, None], [4.0, 4.0, 4.0, 4.0])
    assert found.scores.tolist() == [8.0, 6.0, 5.0, 4.0]


def test_a_newer_document_overtakes_an_older_one():
    assert ranked_ids(recent([NOW - 100 * DAYS, NOW], [1.0, 0.9])) == ["d1", "d0"]


@pytest.mark.parametrize(
    "on",
    [
        "2026-02-19",
        "2026-02-19T00:00:00Z",
        date(2026, 2, 19),
        datetime(2026, 2, 19),
        datetime(2026, 2, 19, 1, tzinfo=timezone(timedelta(hours=1))),
    ],
)
def test_dates_come_in_several_forms(on):
    assert recent([on], [1.0]).scores.tolist() == [1.5]


def test_the_future_is_as_good_as_now_and_scores_below_zero_rise():
    assert recent([NOW + 5 * DAYS], [-2.0]).scores.tolist() == [0.0]


def test_the_explanation_tells_the_age():
    found = recent([NOW - 5 * DAYS, None], [2.0, 1.0], weight=0.5)
    texts = [str(found.explain(place, found.candidates.source.explain(place))) for place in (0, 1)]
    assert "on 5 days ago" in texts[0]
    assert "no on" in texts[1]
    assert found.label == "recency of on, half-life 10 days"


def test_the_clock_is_asked_when_no_moment_is_given():
    moments = iter([NOW, NOW + 10 * DAYS])
    stage = Recency("on", 10 * DAYS, weight=1, now=lambda: next(moments))
    candidates = candidates_of({"on": NOW}, scores=[1.0])
    assert [stage.rerank(Query("q"), candidates, 1).scores.tolist() for _ in range(2)] == [
        [2.0],
        [1.5],
    ]


@pytest.mark.parametrize("on", [2021, "yesterday", b"2021", [NOW]])
def test_what_is_no_date_is_refused(on):
    with pytest.raises(InvalidArgument, match="on: "):
        recent([on], [1.0])


@pytest.mark.parametrize(
    "wrong",
    [{"field": ""}, {"half_life": timedelta(0)}, {"half_life": 3}, {"weight": -1}, {"now": 3},
     {"weight": float("inf")}],
)  # fmt: skip
def test_bad_parameters_are_refused(wrong):
    with pytest.raises(InvalidArgument):
        Recency(**{"field": "on", "half_life": DAYS, **wrong})
