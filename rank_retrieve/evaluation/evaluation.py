"""The outcome of an evaluation: systems x queries x metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.evaluation.comparison import Comparison, compare
from rank_retrieve.evaluation.runs import Run
from rank_retrieve.types import Float64s


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Metrics of one or more systems over the same queries; `print` shows a table.

    metrics: names, as they were asked for.
    queries: ids of the queries that count: asked, and with a relevant document.
    values: system -> float64 [n_queries, n_metrics].
    runs: system -> what it returned, for `write_run`.
    skipped: ids of queries that were asked but have no relevant document.
    """

    metrics: tuple[str, ...]
    queries: tuple[str, ...]
    values: Mapping[str, Float64s]
    runs: Mapping[str, Run]
    skipped: tuple[str, ...] = ()

    @property
    def systems(self) -> tuple[str, ...]:
        """Names of the systems, in the order given."""
        return tuple(self.values)

    @property
    def aggregates(self) -> dict[str, dict[str, float]]:
        """System -> metric -> mean over queries."""
        return {
            system: dict(zip(self.metrics, values.mean(axis=0).tolist(), strict=True))
            for system, values in self.values.items()
        }

    def mean(self, metric: str, system: str | None = None) -> float:
        """A metric's mean over queries; the system may be left out when there is one only."""
        return float(self._values(system)[:, self._column(metric)].mean())

    def per_query(self, metric: str, system: str | None = None) -> dict[str, float]:
        """Query id -> value."""
        column = self._values(system)[:, self._column(metric)]
        return dict(zip(self.queries, column.tolist(), strict=True))

    def compare(
        self,
        baseline: str | None = None,
        *,
        test: Literal["randomisation", "t"] = "randomisation",
        seed: int = 0,
    ) -> list[Comparison]:
        """Every other system against the baseline (the first when not given), for each metric.

        test: "randomisation" is Fisher's, "t" the paired t-test; both two-sided.
        Corrected over all comparisons in the result by Holm's method.
        """
        name = self.systems[0] if baseline is None else baseline
        self._values(name)
        return compare(self.metrics, self.values, name, test=test, seed=seed)

    def to_dict(self) -> dict[str, Any]:
        """As plain dicts and lists, ready for JSON."""
        return {
            "metrics": list(self.metrics),
            "n_queries": len(self.queries),
            "skipped": list(self.skipped),
            "aggregates": self.aggregates,
            "per_query": {
                system: {
                    query: dict(zip(self.metrics, row, strict=True))
                    for query, row in zip(self.queries, values.tolist(), strict=True)
                }
                for system, values in self.values.items()
            },
        }

    def __str__(self) -> str:
        width = max(len("system"), *(len(system) for system in self.systems))
        columns = [max(len(metric), 6) for metric in self.metrics]
        lines = [
            "  ".join(["system".ljust(width), *map(str.rjust, self.metrics, columns)]),
            *(
                "  ".join(
                    [system.ljust(width)]
                    + [f"{v:.4f}".rjust(n) for v, n in zip(means.values(), columns, strict=True)]
                )
                for system, means in self.aggregates.items()
            ),
        ]
        left_out = f", {len(self.skipped)} without a relevant document" if self.skipped else ""
        return "\n".join([*lines, f"{len(self.queries)} queries{left_out}"])

    def _values(self, system: str | None) -> Float64s:
        if system is None and len(self.values) == 1:
            return next(iter(self.values.values()))
        if system is None or system not in self.values:
            raise InvalidArgument("system", system, f"must be one of {', '.join(self.systems)}")
        return self.values[system]

    def _column(self, metric: str) -> int:
        if metric not in self.metrics:
            raise InvalidArgument("metric", metric, f"must be one of {', '.join(self.metrics)}")
        return self.metrics.index(metric)
