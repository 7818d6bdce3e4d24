"""Two systems over the same queries: how they differ, and whether by luck."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.evaluation.significance import fisher_randomisation, holm, paired_t
from rank_retrieve.types import Float64s


@dataclass(frozen=True)
class Comparison:
    """One metric of one system against the baseline.

    difference: mean of system - baseline.
    wins, ties, losses: queries where the system is better, equal, worse.
    p: two-sided p-value of the test.
    p_corrected: by Holm's method, over all comparisons that were made together.
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


def compare(
    metrics: Sequence[str],
    values: Mapping[str, Float64s],
    baseline: str,
    *,
    test: Literal["randomisation", "t"],
    seed: int,
) -> list[Comparison]:
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
    corrected = holm([comparison.p for comparison in found])
    return [
        replace(comparison, p_corrected=p) for comparison, p in zip(found, corrected, strict=True)
    ]
