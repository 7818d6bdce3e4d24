"""The outcome of an evaluation: systems x queries x metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from rank_retrieve._rendering import html_table, plain_table, rich_table
from rank_retrieve._tables import to_pandas
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.evaluation.comparison import Comparisons, compare
from rank_retrieve.evaluation.runs import Run
from rank_retrieve.evaluation.significance import mean_interval
from rank_retrieve.types import Float64s


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Metrics of one or more systems over the same queries; `print` shows a table.

    metrics: names, as they were asked for.
    queries: ids of the queries that count: asked, and with a relevant document.
    values: system -> float64 [n_queries, n_metrics].
    runs: system -> what it returned, for `write_run`.
    skipped: ids of queries that were asked but have no relevant document.
    seconds: system -> what a query took on average, for systems that were asked.
    """

    metrics: tuple[str, ...]
    queries: tuple[str, ...]
    values: Mapping[str, Float64s]
    runs: Mapping[str, Run]
    skipped: tuple[str, ...] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

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
        correction: Literal["holm", "bonferroni", "none"] = "holm",
    ) -> Comparisons:
        """Every other system against the baseline (the first when not given), for each metric.

        test: "randomisation" is Fisher's, "t" the paired t-test; both two-sided.
        correction: of the p-values, over all comparisons in the result.
        """
        name = self.systems[0] if baseline is None else baseline
        self._values(name)
        return compare(self.metrics, self.values, name, test=test, seed=seed, correction=correction)

    def differences(
        self, metric: str, system: str, baseline: str | None = None
    ) -> dict[str, float]:
        """Query id -> how much better a system is than the baseline, the largest gain first.

        baseline: the first system when not given. Equal ones keep the order of the queries.
        """
        column = self._column(metric)
        base = self._values(self.systems[0] if baseline is None else baseline)
        found = (self._values(system)[:, column] - base[:, column]).tolist()
        pairs = zip(self.queries, found, strict=True)
        return dict(sorted(pairs, key=lambda pair: -pair[1]))

    def interval(
        self, metric: str, system: str | None = None, level: float = 0.95
    ) -> tuple[float, float]:
        """The confidence interval of a mean by Student's t, see `mean_interval`."""
        return mean_interval(self._values(system)[:, self._column(metric)], level)

    def to_dicts(self, *, per_query: bool = False) -> list[dict[str, Any]]:
        """A row for each system: {"system": ..., metric: mean, ...}.

        per_query: a row for each system and query instead, with "query".
        """
        if not per_query:
            return [{"system": name, **means} for name, means in self.aggregates.items()]
        return [
            {"system": system, "query": query, **dict(zip(self.metrics, row, strict=True))}
            for system, values in self.values.items()
            for query, row in zip(self.queries, values.tolist(), strict=True)
        ]

    def to_pandas(self, *, per_query: bool = False) -> Any:
        """The rows of `to_dicts` as a `pandas.DataFrame` (`pip install
        'rank-retrieve[pandas]'`).
        """
        rows = self.to_dicts(per_query=per_query)
        return to_pandas({name: [row[name] for row in rows] for name in rows[0]})

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
        return f"{plain_table(self._columns, self._rows)}\n{self._caption}"

    def _repr_html_(self) -> str:
        return html_table(
            self._columns, self._rows, caption=self._caption, right=self.metrics, strong=self._best
        )

    def __rich__(self) -> Any:
        return rich_table(
            self._columns, self._rows, caption=self._caption, right=self.metrics, strong=self._best
        )

    @property
    def _columns(self) -> tuple[str, ...]:
        return ("system", *self.metrics)

    @property
    def _rows(self) -> list[tuple[str, ...]]:
        means = self.aggregates
        return [(name, *(f"{v:.4f}" for v in means[name].values())) for name in means]

    @property
    def _caption(self) -> str:
        left_out = f", {len(self.skipped)} without a relevant document" if self.skipped else ""
        return f"{len(self.queries)} queries{left_out}"

    @property
    def _best(self) -> set[tuple[int, int]]:
        """Row and column of the best mean of each metric; none for a system alone."""
        if len(self.values) < 2:
            return set()
        means = np.array([values.mean(axis=0) for values in self.values.values()])
        rows, columns = np.nonzero(means == means.max(axis=0))
        return {(int(row), int(column) + 1) for row, column in zip(rows, columns, strict=True)}

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
