"""Metrics and spans through OpenTelemetry: `pip install 'rank-retrieve[otel]'`.

counter     observable counter      read when the exporter reads
gauge       observable gauge        the same
histogram   histogram               recorded as it is measured
a search    span "rank_retrieve.search", its stages as events
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from rank_retrieve._extras import require
from rank_retrieve.collection.metrics import (
    BOUNDS_S,
    LOOKED_UP,
    OBSERVED,
    SEARCH,
    STAGE,
    Family,
    Labels,
    Metrics,
    Samples,
    Value,
)

SCOPE = "rank_retrieve"


def instrument(
    metrics: Metrics, read: Callable[[], Samples], meter_provider: Any, tracer_provider: Any
) -> None:
    """Report to a meter, and each search to a tracer; None for the providers set globally.

    read: all samples as they are now.
    """
    api = require("opentelemetry.metrics", "otel")
    meter = api.get_meter(SCOPE, meter_provider=meter_provider)

    def callback(family: Family) -> Callable[[Any], Iterator[Any]]:
        def observations(_: Any) -> Iterator[Any]:
            for labels, value in read().get(family, {}).items():
                yield api.Observation(value, _attributes(family, labels))

        return observations

    makers = {
        "counter": meter.create_observable_counter, "gauge": meter.create_observable_gauge,
    }  # fmt: skip
    histograms = {}
    for family in (*OBSERVED, *LOOKED_UP.values()):
        name = f"{SCOPE}.{family.name}"
        if family.kind == "histogram":
            histograms[family] = meter.create_histogram(
                name, family.unit, family.help, explicit_bucket_boundaries_advisory=BOUNDS_S
            )
        else:
            makers[family.kind](name, [callback(family)], family.unit, family.help)
    tracer = require("opentelemetry.trace", "otel").get_tracer(
        SCOPE, tracer_provider=tracer_provider
    )

    def listener(values: Sequence[Value]) -> None:
        for family, labels, value in values:
            if family in histograms:
                histograms[family].record(value, _attributes(family, labels))
            if family is SEARCH:
                # it has just ended, in this thread: what called it is the current span
                end = time.time_ns()
                span = tracer.start_span(
                    f"{SCOPE}.search", start_time=end - int(value * 1e9),
                    attributes=_attributes(family, labels) | _stages(values),
                )  # fmt: skip
                span.end(end)

    metrics.listen(listener)


def _attributes(family: Family, labels: Labels) -> dict[str, str | float]:
    return dict(zip(family.labels, labels, strict=True))


def _stages(values: Sequence[Value]) -> dict[str, float]:
    return {f"{labels[1]}_seconds": value for family, labels, value in values if family is STAGE}
