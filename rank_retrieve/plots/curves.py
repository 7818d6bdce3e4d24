"""Quality against time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.evaluation import Curve
from rank_retrieve.plots.canvas import axes_or_new, colour, marker, quieten

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def quality_latency(curves: Curve | Sequence[Curve], *, axes: Axes | None = None) -> Axes:
    """A line for each curve through its settings; up and to the left is better.

    Time is the median of a query, on a logarithmic axis; each point is named by its setting.
    """
    shown = [curves] if isinstance(curves, Curve) else list(curves)
    metrics = {curve.metric for curve in shown}
    if len(metrics) != 1:
        raise InvalidArgument("curves", sorted(metrics), "must be of one metric")
    canvas = axes_or_new(axes, 6.0, 4.0)
    for number, curve in enumerate(shown):
        times = [point.seconds * 1e3 for point in curve.points]
        qualities = [point.quality for point in curve.points]
        canvas.plot(
            times, qualities, color=colour(number), marker=marker(number), markersize=5,
            linewidth=1.8, label=curve.name,
        )  # fmt: skip
        # to the right below the first curve, to the left above the second, and so on
        offset, align = ((5, -11), "left") if number % 2 == 0 else ((-4, 6), "right")
        for point, time, quality in zip(curve.points, times, qualities, strict=True):
            canvas.annotate(
                str(point.setting), (time, quality), xytext=offset, ha=align,
                textcoords="offset points", fontsize=8, color=colour(number),
            )  # fmt: skip
    canvas.set_xscale("log")
    canvas.xaxis.set_major_formatter("{x:g}")
    canvas.xaxis.set_minor_formatter("{x:g}")
    canvas.tick_params(axis="x", which="minor", labelsize=7, length=0)
    canvas.set_xlabel("milliseconds a query, median")
    canvas.set_ylabel(metrics.pop())
    canvas.margins(x=0.12, y=0.1)
    quieten(canvas, grid="both")
    if len(shown) > 1:
        canvas.legend(frameon=False, loc="lower right")
    else:
        canvas.set_title(shown[0].name, fontsize=10, loc="left")
    result: Axes = canvas
    return result
