"""Metrics in the text format of Prometheus, version 0.0.4.

# HELP rank_retrieve_search_seconds Searches, by how long they took.
# TYPE rank_retrieve_search_seconds histogram
rank_retrieve_search_seconds_bucket{collection="papers",mode="hybrid",le="0.001"} 12
rank_retrieve_search_seconds_bucket{collection="papers",mode="hybrid",le="+Inf"} 12
rank_retrieve_search_seconds_sum{collection="papers",mode="hybrid"} 0.0081
rank_retrieve_search_seconds_count{collection="papers",mode="hybrid"} 12
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from rank_retrieve.collection.metrics import Family, Histogram, Sample, Samples

PREFIX = "rank_retrieve_"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def prometheus_text(samples: Samples) -> str:
    """All samples, family by family."""
    return "".join(
        f"{line}\n" for family, found in samples.items() for line in _family(family, found)
    )


def _family(family: Family, found: dict[tuple[str, ...], Sample]) -> Iterator[str]:
    # a counter's name ends in _total there
    name = f"{PREFIX}{family.name}{'_total' if family.kind == 'counter' else ''}"
    yield f"# HELP {name} {family.help}"
    yield f"# TYPE {name} {family.kind}"
    for values, sample in found.items():
        labels = list(zip(family.labels, values, strict=True))
        if not isinstance(sample, Histogram):
            yield f"{name}{_labels(labels)} {_number(sample)}"
            continue
        stated = sample.to_dict()
        for bound, count in stated["buckets"].items():
            yield f"{name}_bucket{_labels([*labels, ('le', _number(bound))])} {count}"
        yield f"{name}_sum{_labels(labels)} {_number(sample.sum)}"
        yield f"{name}_count{_labels(labels)} {sample.count}"


def _labels(labels: Sequence[tuple[str, str]]) -> str:
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return f"{{{inside}}}" if inside else ""


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    return "+Inf" if value == math.inf else repr(value)
