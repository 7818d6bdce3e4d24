"""Tables of results, comparisons, differences and curves, with numbers worked out by hand."""

import io

import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.evaluation import Evaluation, bonferroni, mean_interval, measure_curve


@pytest.fixture
def evaluation():
    values = {
        "old": np.array([[0.5, 1.0], [0.0, 0.0], [1.0, 1.0]]),
        "new": np.array([[1.0, 1.0], [0.25, 0.0], [0.5, 1.0]]),
    }
    return Evaluation(("nDCG@10", "RR"), ("q1", "q2", "q3"), values, {}, ("q4",))


def test_rows_are_ready_for_a_data_frame(evaluation):
    assert evaluation.to_dicts() == [
        {"system": "old", "nDCG@10": 0.5, "RR": pytest.approx(2 / 3)},
        {"system": "new", "nDCG@10": pytest.approx(1.75 / 3), "RR": pytest.approx(2 / 3)},
    ]
    rows = evaluation.to_dicts(per_query=True)
    assert len(rows) == 6
    assert rows[4] == {"system": "new", "query": "q2", "nDCG@10": 0.25, "RR": 0.0}


def test_a_data_frame_has_the_same_rows(evaluation):
    pytest.importorskip("pandas")
    frame = evaluation.to_pandas()
    assert list(frame.columns) == ["system", "nDCG@10", "RR"]
    assert frame["nDCG@10"].tolist() == [0.5, 1.75 / 3]
    assert evaluation.to_pandas(per_query=True).shape == (6, 4)
    compared = evaluation.compare().to_pandas()
    assert compared["difference"].tolist() == [pytest.approx(0.25 / 3), 0.0]


def test_differences_come_with_the_largest_gain_first(evaluation):
    found = evaluation.differences("nDCG@10", "new")
    assert list(found.items()) == [("q1", 0.5), ("q2", 0.25), ("q3", -0.5)]
    assert evaluation.differences("nDCG@10", "old", "new") == {"q3": 0.5, "q2": -0.25, "q1": -0.5}
    with pytest.raises(InvalidArgument, match="must be one of old, new"):
        evaluation.differences("nDCG@10", "newer")


def test_the_table_of_a_notebook_sets_off_the_best(evaluation):
    html = evaluation._repr_html_()
    assert '<td style="text-align:right"><strong>0.5833</strong></td>' in html
    assert html.count("<strong>") == 3  # the reciprocal ranks are equal
    assert "<caption>3 queries, 1 without a relevant document</caption>" in html


def test_names_of_systems_are_escaped():
    values = {"<script>": np.array([[1.0]])}
    html = Evaluation(("RR",), ("q",), values, {})._repr_html_()
    assert "&lt;script&gt;" in html
    assert "<script>" not in html


def test_rich_shows_the_table(evaluation):
    from rich.console import Console

    console = Console(width=80, record=True, file=io.StringIO())
    console.print(evaluation)
    console.print(evaluation.compare())
    text = console.export_text()
    assert "0.5833" in text
    assert "+0.0833" in text


def test_comparisons_show_themselves(evaluation):
    assert str(evaluation.compare("old", test="t")).splitlines() == [
        "system  baseline  metric   difference  better  equal  worse      p",
        "new     old       nDCG@10     +0.0833       2      0      1  1.000",
        "new     old       RR          +0.0000       0      3      0  1.000",
    ]


def test_p_values_are_corrected_as_asked(evaluation):
    plain = evaluation.compare("old", test="t", correction="none")
    assert [c.p_corrected for c in plain] == [c.p for c in plain]
    doubled = evaluation.compare("old", test="t", correction="bonferroni")
    assert [c.p_corrected for c in doubled] == [min(1.0, 2 * c.p) for c in plain]
    with pytest.raises(InvalidArgument, match="must be one of holm, bonferroni, none"):
        evaluation.compare("old", correction="fdr")
    assert bonferroni([0.01, 0.02, 0.5]) == [0.03, 0.06, 1.0]


def test_an_interval_is_that_of_student():
    # mean 2, deviation 1 of 4 values, error 1/2, t(3 degrees, 97.5%) = 3.182446
    values = np.array([1.0, 1.5, 2.5, 3.0])
    half = 3.182446305 * values.std(ddof=1) / 2
    assert mean_interval(values) == pytest.approx((2 - half, 2 + half))
    assert mean_interval(np.array([0.7])) == (0.7, 0.7)
    for level in (0, 1, 95, "0.9"):
        with pytest.raises(InvalidArgument):
            mean_interval(values, level)


# ------------------------------------------------------------------ curves

VECTORS = np.eye(4, dtype=np.float32)


@pytest.fixture
def exact():
    return rr.Exact.from_vectors(VECTORS, ids=list("abcd"))


def seconds(*taken):
    """A clock whose queries take so many seconds each."""
    moments = [0.0]
    for time in taken:
        moments += [moments[-1], moments[-1] + time]
    steps = iter(moments[1:])
    return lambda: next(steps)


def test_recall_counts_what_an_exact_search_has_too(exact):
    def first(query, k, n):
        """Right for the first n queries, and empty for the others."""
        return exact.search(query, k) if query[:n].any() else rr.Hits.empty()

    queries = dict(zip("wxyz", VECTORS, strict=True))
    clock = seconds(*[0.002] * 3, 0.010, *[0.001] * 4)
    curve = measure_curve(first, [2, 4], queries, truth=exact, k=1, clock=clock)
    assert (curve.name, curve.metric) == ("first", "recall@1")
    assert [point.quality for point in curve.points] == [0.5, 1.0]
    assert [point.seconds for point in curve.points] == pytest.approx([0.002, 0.001])
    assert curve.points[0].p99_seconds == pytest.approx(0.00976)
    assert str(curve).splitlines()[1:3] == [
        "setting  recall@1     ms  p99 ms",
        "2          0.5000  2.000   9.760",
    ]
    assert curve.to_dicts()[1]["setting"] == 4
    assert "<caption>first</caption>" in curve._repr_html_()


def test_the_fastest_of_several_rounds_counts(exact):
    clock = seconds(0.003, 0.001, 0.002)
    curve = measure_curve(
        lambda query, k, _: exact.search(query, k), [0], {"q": VECTORS[0]}, truth=exact, rounds=3,
        clock=clock, name="exact",
    )  # fmt: skip
    assert curve.points[0].seconds == pytest.approx(0.001)


def test_judgements_may_stand_in_for_the_truth(exact):
    pytest.importorskip("ir_measures")
    curve = measure_curve(
        lambda query, k, _: exact.search(query, k), [0],
        {"q": VECTORS[0], "unjudged": VECTORS[1]}, qrels={"q": {"a": 1}}, metric="RR@5",
    )  # fmt: skip
    assert (curve.metric, curve.points[0].quality) == ("RR@5", 1.0)


@pytest.mark.parametrize(
    "wrong",
    [{}, {"truth": {"q": {}}, "qrels": {"q": {"a": 1}}}, {"truth": {"q": {}}, "settings": []},
     {"truth": {"q": {}}, "queries": {}}],
)  # fmt: skip
def test_a_curve_needs_either_truth_or_judgements(wrong):
    arguments = {"settings": [1], "queries": {"q": VECTORS[0]}, **wrong}
    with pytest.raises(InvalidArgument):
        measure_curve(
            lambda *_: rr.Hits.empty(), arguments.pop("settings"), arguments.pop("queries"),
            **arguments,
        )  # fmt: skip


def test_systems_that_are_asked_are_timed(exact):
    pytest.importorskip("ir_measures")
    queries = dict(zip("wxyz", VECTORS, strict=True))
    found = rr.evaluation.evaluate(
        {"exact": exact, "run": {"w": {"a": 1.0}}}, queries, {"w": {"a": 1}}, ["RR"]
    )
    assert found.seconds.keys() == {"exact"}
    assert found.seconds["exact"] > 0
