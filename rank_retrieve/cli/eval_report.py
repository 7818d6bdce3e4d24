"""What `eval` shows: means, tests against a baseline, a fitted fusion."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rank_retrieve.cli.output import Output
    from rank_retrieve.evaluation import Comparisons, Evaluation, FusionFit


def show(output: Output, measured: Evaluation, names: Mapping[str, str] | None = None) -> None:
    """A line for each system: as a table, or as JSON. names: what a table calls some metrics."""
    means = measured.aggregates
    if output.json:
        for name, values in means.items():
            output.record({"system": name, "queries": len(measured.queries), **values})
        return
    rows = [
        (name, *(f"{value:.4f}" for value in values.values())) for name, values in means.items()
    ]
    title = f"{len(measured.queries)} judged queries"
    columns = [(names or {}).get(metric, metric) for metric in measured.metrics]
    output.table(("system", *columns), rows, title=title, right=columns)


def show_comparisons(output: Output, found: Comparisons) -> None:
    """A line for each comparison with the baseline."""
    from rank_retrieve.evaluation.comparison import shown_p

    if output.json:
        for row in found.to_dicts():
            output.record(row)
        return
    columns = ("system", "metric", "difference", "better", "equal", "worse", "p")
    rows = [
        (
            c.system, c.metric, f"{c.difference:+.4f}", str(c.wins), str(c.ties), str(c.losses),
            shown_p(c.p_corrected),
        )
        for c in found
    ]  # fmt: skip
    baseline = f"against {found[0].baseline}" if found else "nothing to compare"
    output.table(columns, rows, title=baseline, right=columns[2:])


def show_fit(output: Output, fit: FusionFit) -> None:
    """The fusion that was fitted, and what it is worth."""
    if output.json:
        output.record(
            {
                "fitted": repr(fit.method),
                "metric": fit.metric,
                "held_out": fit.held_out.aggregates,
                "gains": fit.gains().to_dicts(),
            }
        )
        return
    output.line(f"\nfitted: {fit}")


def write_per_query(path: Path, measured: Evaluation) -> None:
    """A JSON line for each system and query."""
    import msgspec

    lines = [msgspec.json.encode(row) for row in measured.to_dicts(per_query=True)]
    path.write_bytes(b"".join([line + b"\n" for line in lines]))
