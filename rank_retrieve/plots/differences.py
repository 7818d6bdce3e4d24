"""Where one system is better than another, query by query."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rank_retrieve.evaluation import Evaluation
from rank_retrieve.plots.canvas import COLOURS, QUIET, axes_or_new, quieten

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def query_differences(
    evaluation: Evaluation,
    metric: str,
    system: str,
    baseline: str | None = None,
    *,
    names: int = 3,
    axes: Axes | None = None,
) -> Axes:
    """A bar for each query, the largest gain on the left, the largest loss on the right.

    baseline: the first system when not given. names: so many ids of queries are written at either
    end.
    """
    base = evaluation.systems[0] if baseline is None else baseline
    differences = evaluation.differences(metric, system, base)
    values = np.array(list(differences.values()))
    canvas = axes_or_new(axes, 7.0, 3.4)
    places = np.arange(len(values))
    canvas.bar(places, values, 1.0, color=np.where(values > 0, COLOURS[0], COLOURS[1]))
    canvas.axhline(0, color=QUIET, linewidth=0.8)
    mean = float(values.mean())
    canvas.axhline(mean, color="#222222", linewidth=1, linestyle=(0, (4, 3)))
    better, worse = int((values > 0).sum()), int((values < 0).sum())
    canvas.set_title(
        f"{system} against {base}: {better} better, {worse} worse, "
        f"{len(values) - better - worse} equal; mean {mean:+.4f} (dashed)",
        fontsize=10, loc="left",
    )  # fmt: skip
    _name_ends(canvas, list(differences.items()), names)
    canvas.set_xlabel(f"{len(values)} queries, by difference")
    canvas.set_ylabel(f"difference in {metric}")
    canvas.set_xticks([])
    canvas.set_xlim(-0.5, len(values) - 0.5)
    canvas.margins(y=0.12)
    quieten(canvas, grid="y")
    result: Axes = canvas
    return result


def _name_ends(canvas: object, differences: list[tuple[str, float]], names: int) -> None:
    gains = [(query, value) for query, value in differences[:names] if value > 0]
    losses = [(query, value) for query, value in differences[-names:] if value < 0]
    for shown, x, align, title in (
        (gains, 0.02, "left", "most gained"),
        (losses, 0.98, "right", "most lost"),
    ):
        if not shown:
            continue
        lines = [f"{query}  {value:+.2f}" for query, value in shown]
        top = align == "right"
        canvas.text(  # type: ignore[attr-defined]
            x, 0.97 if top else 0.03, "\n".join([title, *lines]),
            transform=canvas.transAxes,  # type: ignore[attr-defined]
            ha=align, va="top" if top else "bottom", fontsize=8, color="#333333",
        )  # fmt: skip
