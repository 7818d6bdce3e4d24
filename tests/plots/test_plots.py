"""What is drawn: the numbers behind bars and lines."""

import sys

import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.evaluation import Curve, CurvePoint, Evaluation
from rank_retrieve.plots.precision import eleven_points

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def close_figures():
    yield
    matplotlib.pyplot.close("all")


@pytest.fixture
def evaluation():
    values = {
        "old": np.array([[0.5, 1.0], [0.0, 0.0], [1.0, 1.0]]),
        "new": np.array([[1.0, 1.0], [0.25, 0.0], [0.5, 1.0]]),
    }
    runs = {
        "old": {"q1": {"a": 3.0, "b": 2.0}, "q3": {"c": 1.0}},
        "new": {"q1": {"b": 3.0, "a": 2.0}, "q2": {"d": 1.0}, "q3": {"c": 1.0}},
    }
    return Evaluation(("nDCG@10", "RR"), ("q1", "q2", "q3"), values, runs)


def test_bars_are_as_high_as_the_means(evaluation):
    axes = rr.plots.metric_bars(evaluation)
    heights = [[bar.get_height() for bar in group] for group in axes.containers[::2]]
    assert heights == [pytest.approx([0.5, 2 / 3]), pytest.approx([1.75 / 3, 2 / 3])]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["old", "new"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["nDCG@10", "RR"]


def test_bars_of_some_metrics_go_into_axes_that_are_given(evaluation):
    _, axes = matplotlib.pyplot.subplots()
    assert rr.plots.metric_bars(evaluation, ["RR"], axes=axes) is axes
    assert len(axes.containers[0]) == 1


def test_differences_fall_from_left_to_right(evaluation):
    axes = rr.plots.query_differences(evaluation, "nDCG@10", "new", names=1)
    assert [bar.get_height() for bar in axes.containers[0]] == [0.5, 0.25, -0.5]
    assert axes.get_title(loc="left") == (
        "new against old: 2 better, 1 worse, 0 equal; mean +0.0833 (dashed)"
    )
    assert [text.get_text() for text in axes.texts] == [
        "most gained\nq1  +0.50",
        "most lost\nq3  -0.50",
    ]


def test_precision_at_eleven_levels_by_hand():
    # relevant at places 1 and 3 of 4, one of three never found
    points = eleven_points(
        {"a": 4.0, "x": 3.0, "b": 2.0, "y": 1.0}, {"a": 1, "b": 2, "c": 1, "x": 0}
    )
    assert points.tolist() == pytest.approx([1.0] * 4 + [2 / 3] * 3 + [0.0] * 4)
    assert eleven_points({}, {"a": 1}).tolist() == [0.0] * 11


def test_precision_recall_averages_over_queries(evaluation):
    qrels = {"q1": {"a": 1}, "q2": {"d": 1}, "q3": {"c": 1}}
    axes = rr.plots.precision_recall(evaluation, qrels)
    old, new = (line.get_ydata() for line in axes.lines)
    assert old.tolist() == pytest.approx([2 / 3] * 11)
    assert new.tolist() == pytest.approx([2.5 / 3] * 11)


def test_curves_go_through_their_settings():
    points = (CurvePoint(16, 0.8, 0.0001, 0.0002), CurvePoint(64, 0.97, 0.0003, 0.0004))
    axes = rr.plots.quality_latency([Curve("one", "recall@10", points)])
    assert axes.lines[0].get_xdata() == pytest.approx([0.1, 0.3])
    assert axes.lines[0].get_ydata() == pytest.approx([0.8, 0.97])
    assert [text.get_text() for text in axes.texts] == ["16", "64"]
    assert axes.get_title(loc="left") == "one"
    both = [Curve("one", "recall@10", points), Curve("two", "recall@10", points[:1])]
    axes = rr.plots.quality_latency(both)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "two"]


def test_curves_of_different_metrics_are_refused():
    curves = [Curve("one", "recall@10", ()), Curve("two", "nDCG@10", ())]
    with pytest.raises(rr.InvalidArgument, match="one metric"):
        rr.plots.quality_latency(curves)


def test_without_matplotlib_the_command_is_told(evaluation, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(rr.MissingExtra, match=r"pip install 'rank-retrieve\[plots\]'"):
        rr.plots.metric_bars(evaluation)
