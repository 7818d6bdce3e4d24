"""Two systems over the same queries: how they differ, and whether by luck."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

import numpy as np

from rank_retrieve._rendering import html_table, plain_table, rich_table
from rank_retrieve._tables import to_pandas
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.evaluation.significance import corrected, fisher_randomisation, paired_t
from rank_retrieve.types import Float64s


@dataclass(frozen=True)
class Comparison:
    """One metric of one system against the baseline.

    difference: mean of system - baseline.
    wins, ties, losses: queries where the system is better, equal, worse.
    p: two-sided p-value of the test.
    p_corrected: over all comparisons that were made together.
    """

    system: str
    baseline: str
    metric: str
    difference: float
    wins: int
    ties: int
    losses: int
    p: float
    p_corrected: float


class Comparisons(list[Comparison]):
    """Comparisons that were made together: a list that shows itself as a table."""

    COLUMNS = ("system", "baseline", "metric", "difference", "better", "equal", "worse", "p")

    @classmethod
    def corrected(cls, found: Sequence[Comparison], correction: str) -> Comparisons:
        """With p-values corrected for each other."""
        p_values = corrected([comparison.p for comparison in found], correction)
        pairs = zip(found, p_values, strict=True)
        return cls(replace(comparison, p_corrected=p) for comparison, p in pairs)

    def to_dicts(self) -> list[dict[str, Any]]:
        """A dict for each comparison."""
        return [asdict(comparison) for comparison in self]

    def to_pandas(self) -> Any:
        """A `pandas.DataFrame`, a row for each comparison (`pip install
        'rank-retrieve[pandas]'`).
        """
        rows = self.to_dicts()
        return to_pandas({f.name: [row[f.name] for row in rows] for f in fields(Comparison)})

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                c.system, c.baseline, c.metric, f"{c.difference:+.4f}", str(c.wins), str(c.ties),
                str(c.losses), shown_p(c.p_corrected),
            )
            for c in self
        ]  # fmt: skip

    def __str__(self) -> str:
        return plain_table(self.COLUMNS, self._rows(), left=3)

    def _repr_html_(self) -> str:
        return html_table(self.COLUMNS, self._rows(), right=self.COLUMNS[3:])

    def __rich__(self) -> Any:
        return rich_table(self.COLUMNS, self._rows(), right=self.COLUMNS[3:])


def shown_p(p: float) -> str:
    """Three digits, and what is smaller as such."""
    return "<.001" if p < 0.001 else f"{p:.3f}"


def compare(
    metrics: Sequence[str],
    values: Mapping[str, Float64s],
    baseline: str,
    *,
    test: Literal["randomisation", "t"],
    seed: int,
    correction: str = "holm",
) -> Comparisons:
    """Every system but the baseline, for each metric; see `Evaluation.compare`."""
    tests: dict[str, Callable[[Float64s], float]] = {
        "randomisation": lambda differences: fisher_randomisation(differences, seed=seed),
        "t": paired_t,
    }
    if test not in tests:
        raise InvalidArgument("test", test, f"must be one of {', '.join(tests)}")
    found = []
    for system, scores in values.items():
        if system == baseline:
            continue
        for column, metric in enumerate(metrics):
            differences = scores[:, column] - values[baseline][:, column]
            p = tests[test](differences)
            found.append(
                Comparison(
                    system,
                    baseline,
                    metric,
                    float(differences.mean()),
                    int(np.count_nonzero(differences > 0)),
                    int(np.count_nonzero(differences == 0)),
                    int(np.count_nonzero(differences < 0)),
                    p,
                    p,
                )
            )
    return Comparisons.corrected(found, correction)
