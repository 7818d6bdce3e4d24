"""Quality against time: what a setting such as ef_search buys, and what it costs.

setting    recall@10   milliseconds a query
16         .81         .05
64         .97         .12
256        .99         .38
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TypeAlias

import numpy as np

from rank_retrieve._rendering import html_table, plain_table, rich_table
from rank_retrieve._tables import to_pandas
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.evaluation.evaluate import System, by_order, judged_queries, run_of
from rank_retrieve.evaluation.metrics import Metrics
from rank_retrieve.evaluation.qrels import Qrels
from rank_retrieve.evaluation.runs import Run
from rank_retrieve.types import Hits

Search: TypeAlias = Callable[[Any, int, Any], Hits]
"""(query, k, setting) -> hits"""


@dataclass(frozen=True)
class CurvePoint:
    """One setting.

    quality: mean over the queries. seconds: median of a query's time. p99_seconds: all but one in
    a hundred are faster.
    """

    setting: Any
    quality: float
    seconds: float
    p99_seconds: float


@dataclass(frozen=True)
class Curve:
    """The points of one system, in the order of the settings; `print` shows a table.

    metric: what quality is, such as "recall@10".
    """

    name: str
    metric: str
    points: tuple[CurvePoint, ...]

    def to_dicts(self) -> list[dict[str, Any]]:
        """A row for each setting."""
        return [
            {
                "system": self.name,
                "setting": point.setting,
                self.metric: point.quality,
                "seconds": point.seconds,
                "p99_seconds": point.p99_seconds,
            }
            for point in self.points
        ]

    def to_pandas(self) -> Any:
        """The same as a `pandas.DataFrame` (`pip install 'rank-retrieve[pandas]'`)."""
        rows = self.to_dicts()
        return to_pandas({name: [row[name] for row in rows] for name in rows[0]})

    @property
    def _columns(self) -> tuple[str, ...]:
        return ("setting", self.metric, "ms", "p99 ms")

    @property
    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                str(point.setting), f"{point.quality:.4f}", f"{point.seconds * 1e3:.3f}",
                f"{point.p99_seconds * 1e3:.3f}",
            )
            for point in self.points
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.name}\n{plain_table(self._columns, self._rows)}"

    def _repr_html_(self) -> str:
        return html_table(self._columns, self._rows, caption=self.name, right=self._columns[1:])

    def __rich__(self) -> Any:
        return rich_table(self._columns, self._rows, caption=self.name, right=self._columns[1:])


def measure_curve(
    search: Search,
    settings: Sequence[Any],
    queries: Mapping[str, Any],
    *,
    truth: System | None = None,
    qrels: Qrels | None = None,
    metric: str = "nDCG@10",
    k: int = 10,
    rounds: int = 1,
    name: str = "",
    clock: Callable[[], float] = perf_counter,
) -> Curve:
    """Quality and time of a search at several settings.

    search: (query, k, setting) -> hits, for example
        `lambda query, k, ef: hnsw.search(query, k, ef_search=ef)`.
    truth: what would be right, usually an exact retriever, a function or a run: quality is then
        recall@k, the share of its first k that come back.
    qrels: judgements instead of a truth: quality is `metric`, by ir-measures, over queries that
        have a relevant document.
    rounds: how often each query is asked; its fastest time counts.
    name: of the system; the function's own name when not given.
    clock: gives seconds; `time.thread_time` counts what the thread worked, not what it waited.

    The first query of each setting is asked once beforehand, outside the clock. Raises
    InvalidArgument unless there is either truth or qrels.
    """
    if (truth is None) == (qrels is None):
        raise InvalidArgument("truth", truth, "or qrels must be given, and not both")
    if not settings or not queries:
        raise InvalidArgument("settings", settings, "and queries must not be empty")
    if qrels is not None:
        measured = Metrics([metric])
        judged = judged_queries(list(queries), qrels)
        asked, label, k = tuple(judged), metric, measured.depth

        def quality(run: Run) -> float:
            return float(measured.per_query(asked, judged, by_order(run)).mean())
    else:
        assert truth is not None
        asked, label = tuple(queries), f"recall@{k}"
        right = run_of("truth", truth, asked, queries, k)

        def quality(run: Run) -> float:
            return _recall(right, run, k)

    points = []
    for setting in settings:
        search(queries[asked[0]], k, setting)
        seconds = np.full(len(asked), np.inf)
        run: dict[str, dict[str, float]] = {}
        for _ in range(rounds):
            for place, query in enumerate(asked):
                started = clock()
                hits = search(queries[query], k, setting)
                seconds[place] = min(seconds[place], clock() - started)
                run[query] = dict(zip(map(str, hits.ids.tolist()), hits.scores, strict=True))
        points.append(
            CurvePoint(
                setting,
                quality(run),
                float(np.median(seconds)),
                float(np.quantile(seconds, 0.99)),
            )
        )
    shown = name or str(getattr(search, "__name__", "search"))
    return Curve(shown, label, tuple(points))


def _recall(truth: Run, run: Run, k: int) -> float:
    shares = []
    for query, right in truth.items():
        best = set(list(right)[:k])
        if best:
            shares.append(len(best & set(list(run[query])[:k])) / len(best))
    return float(np.mean(shares)) if shares else 1.0
