"""How precision falls as more is found."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from rank_retrieve.evaluation import Evaluation, Qrels
from rank_retrieve.evaluation.runs import ranking
from rank_retrieve.plots.canvas import axes_or_new, colour, marker, quieten
from rank_retrieve.types import Float64s

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEVELS = np.linspace(0.0, 1.0, 11)


def precision_recall(evaluation: Evaluation, qrels: Qrels, *, axes: Axes | None = None) -> Axes:
    """Interpolated precision at eleven levels of recall, averaged over queries, for each system.

    The precision at a level is the highest at any place where at least so much is found; what a
    system did not return counts as not found. (Manning, Raghavan & Schuetze, "Introduction to
    Information Retrieval", 2008, section 8.4.)
    """
    canvas = axes_or_new(axes, 4.6, 4.0)
    for number, system in enumerate(evaluation.systems):
        run = evaluation.runs[system]
        points = [eleven_points(run.get(query, {}), qrels[query]) for query in evaluation.queries]
        canvas.plot(
            LEVELS, np.mean(points, axis=0), color=colour(number), marker=marker(number),
            markersize=4, linewidth=1.8, label=system, clip_on=False,
        )  # fmt: skip
    canvas.set_xlabel("recall")
    canvas.set_ylabel(f"interpolated precision, mean of {len(evaluation.queries)} queries")
    canvas.set_xlim(0, 1)
    canvas.set_ylim(0, 1)
    quieten(canvas, grid="both")
    canvas.legend(frameon=False)
    result: Axes = canvas
    return result


def eleven_points(scores: Mapping[str, float], grades: Mapping[str, int]) -> Float64s:
    """Interpolated precision of one query at recall 0, .1, ..., 1: float64 [11].

    scores: document id -> score, as returned; grades: document id -> grade, above zero relevant.
    """
    relevant = {document for document, grade in grades.items() if grade > 0}
    hits = np.array([document in relevant for document, _ in ranking(scores)], dtype=np.float64)
    found = np.cumsum(hits)
    precision = found / np.arange(1, len(hits) + 1)
    recall = found / len(relevant)
    # from the end: the best that is still to come
    best = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(recall, LEVELS - 1e-12)
    padded = np.append(best, 0.0)
    result: Float64s = padded[places]
    return result
