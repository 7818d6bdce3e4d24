"""Means of systems side by side, with how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rank_retrieve.evaluation import Evaluation
from rank_retrieve.plots.canvas import axes_or_new, colour, quieten

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def metric_bars(
    evaluation: Evaluation,
    metrics: Sequence[str] | None = None,
    *,
    level: float = 0.95,
    axes: Axes | None = None,
) -> Axes:
    """A group of bars for each metric, a bar for each system, with confidence intervals.

    metrics: those of the evaluation when not given. level: of the intervals, by Student's t over
    queries; they say where each mean lies, not whether two systems differ: see
    `query_differences` and `Evaluation.compare` for that.
    """
    chosen = list(evaluation.metrics if metrics is None else metrics)
    systems = evaluation.systems
    width = 0.8 / len(systems)
    canvas = axes_or_new(axes, max(4.0, 0.55 * len(chosen) * max(2, len(systems)) + 1.0), 3.6)
    for number, system in enumerate(systems):
        means = np.array([evaluation.mean(metric, system) for metric in chosen])
        spans = np.array([evaluation.interval(metric, system, level) for metric in chosen])
        places = np.arange(len(chosen)) + (number - (len(systems) - 1) / 2) * width
        canvas.bar(places, means, width * 0.92, color=colour(number), label=system)
        canvas.errorbar(
            places, means, [means - spans[:, 0], spans[:, 1] - means],
            fmt="none", ecolor="#222222", elinewidth=1.1, capsize=2.5,
        )  # fmt: skip
        for place, mean, (low, _) in zip(places, means, spans, strict=True):
            # inside the bar, below its interval, where it has room
            canvas.text(
                place, max(low - 0.015, 0.01), f"{mean:.3f}".lstrip("0"), ha="center", va="top",
                fontsize=8, color="white",
            )  # fmt: skip
    canvas.set_xticks(np.arange(len(chosen)), chosen)
    canvas.set_ylim(0, 1)
    canvas.set_ylabel(f"mean over {len(evaluation.queries)} queries, {level:.0%} interval")
    quieten(canvas, grid="y")
    canvas.legend(
        frameon=False, ncols=min(4, len(systems)), loc="lower left", bbox_to_anchor=(0, 1.0)
    )
    result: Axes = canvas
    return result
