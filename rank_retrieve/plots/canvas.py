"""What the plots have in common: axes, colours, quiet lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rank_retrieve._extras import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe & Ito's palette, told apart by colour-blind people too, without its yellow
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#4D4D4D")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
QUIET = "#8A8A8A"


def axes_or_new(axes: Axes | None, width: float, height: float) -> Any:
    """The axes given, or those of a new figure of so many inches."""
    if axes is not None:
        return axes
    pyplot = require("matplotlib.pyplot", "plots")
    return pyplot.subplots(figsize=(width, height), layout="constrained")[1]


def quieten(axes: Any, *, grid: str) -> None:
    """Take away what is no data. grid: the axis, "x", "y" or "both", whose lines stay."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(QUIET)
    axes.tick_params(colors="#333333", length=0)
    axes.grid(axis=grid, color="#DDDDDD", linewidth=0.8)
    axes.set_axisbelow(True)


def colour(number: int) -> str:
    """The colour of system `number`; they come again after seven."""
    return COLOURS[number % len(COLOURS)]


def marker(number: int) -> str:
    """The marker of system `number`."""
    return MARKERS[number % len(MARKERS)]
