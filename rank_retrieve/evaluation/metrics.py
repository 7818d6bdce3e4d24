"""Metrics of rankings, computed by ir-measures (MacAvaney, Macdonald & Ounis, ECIR 2022).

Imported when first used, so that the package works without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Float64s

DEPTH_WITHOUT_CUTOFF = 1000
CUTOFF_LIMIT = 1_000_000


class Metrics:
    """Parsed metrics, such as nDCG@10, R@100, RR, AP@1000, P(rel=2)@5.

    names: as they were given.
    depth: the deepest cut-off; 1,000 when one has none.
    """

    def __init__(self, names: Sequence[str]) -> None:
        if isinstance(names, str) or not names:
            raise InvalidArgument("metrics", names, "must be a sequence of names, at least one")
        self._module = _ir_measures()
        self.names = tuple(dict.fromkeys(str(name) for name in names))
        self._measures = [self._parse(name) for name in self.names]
        cutoffs = [measure.params.get("cutoff") for measure in self._measures]
        self.depth = max(cutoff or DEPTH_WITHOUT_CUTOFF for cutoff in cutoffs)

    def per_query(
        self,
        queries: Sequence[str],
        qrels: Mapping[str, Mapping[str, int]],
        run: Mapping[str, Mapping[str, float]],
    ) -> Float64s:
        """float64 [n_queries, n_metrics]; a query without hits gets zeros."""
        rows = {query: row for row, query in enumerate(queries)}
        values = np.zeros((len(queries), len(self._measures)), dtype=np.float64)
        judged = {query: dict(qrels[query]) for query in queries}
        found = {query: dict(run[query]) for query in queries if run.get(query)}
        try:
            results = list(self._module.iter_calc(list(set(self._measures)), judged, found))
        except (ValueError, TypeError) as error:
            raise InvalidArgument("metrics", ", ".join(self.names), str(error)) from error
        for result in results:
            # two names may stand for one measure: AP@10 and MAP@10
            for column, measure in enumerate(self._measures):
                if measure == result.measure and result.query_id in rows:
                    values[rows[result.query_id], column] = result.value
        return values

    def _parse(self, name: str) -> Any:
        try:
            measure = self._module.parse_measure(name)
            measure.validate_params()
        except (NameError, ValueError, TypeError, AssertionError) as error:
            raise InvalidArgument(
                "metrics", name, f"is not a metric of ir-measures: {error}", "try nDCG@10 or R@100"
            ) from None
        # trec_eval answers a cut-off of 0 with a segmentation fault
        if not 1 <= measure.params.get("cutoff", 1) <= CUTOFF_LIMIT:
            raise InvalidArgument("metrics", name, f"needs a cut-off in 1..{CUTOFF_LIMIT:,}")
        return measure


def _ir_measures() -> Any:
    try:
        import ir_measures
    except ImportError as error:
        raise ImportError(
            "metrics need ir-measures: pip install 'rank-retrieve[evaluation]'"
        ) from error
    return ir_measures
