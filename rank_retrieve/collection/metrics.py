"""What an open database did, counted as it goes: searches and writes by how long they took.

    kind        value
    counter     a number that only grows
    gauge       a number as it is now
    histogram   how many took how long: counts by upper bound, their number and their sum

A search costs an entry in a queue, which is sorted into histograms when somebody looks, or when it
is long. `OBSERVED` and `LOOKED_UP` are all that there is; `prometheus` and `telemetry`
export it.
"""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Literal, TypeAlias

BOUNDS_S = (
    0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
    1.0, 2.5, 5.0, 10.0,
)  # fmt: skip
QUEUE = 1_024
QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}

Kind = Literal["counter", "gauge", "histogram"]
Labels: TypeAlias = tuple[str, ...]
Value: TypeAlias = "tuple[Family, Labels, float]"
Listener: TypeAlias = "Callable[[Sequence[Value]], None]"


@dataclass(frozen=True)
class Family:
    """One thing that is measured. labels: what tells its samples apart. unit: "s", "By" or ""."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    unit: str = ""


SEARCH = Family(
    "search_seconds", "histogram", "Searches, by how long they took.", ("collection", "mode"), "s"
)
STAGE = Family(
    "search_stage_seconds", "histogram", "Stages of searches, by how long they took.",
    ("collection", "stage"), "s",
)  # fmt: skip
HITS = Family("hits", "counter", "Hits returned.", ("collection",))
WRITE = Family(
    "write_seconds", "histogram", "Batches, by how long it took until they were acknowledged.",
    ("collection",), "s",
)  # fmt: skip
PUT = Family("documents_put", "counter", "Documents put, in acknowledged batches.", ("collection",))
DELETED = Family("ids_deleted", "counter", "Ids deleted, there or not.", ("collection",))
FLUSH = Family("flush_seconds", "histogram", "Flushes, by how long they took.", (), "s")

_COLLECTION = ("collection",)
OBSERVED: tuple[Family, ...] = (SEARCH, STAGE, HITS, WRITE, PUT, DELETED, FLUSH)
LOOKED_UP: dict[str, Family] = {
    family.name: family
    for family in (
        Family("open_seconds", "gauge", "How long opening the database took.", (), "s"),
        Family("recovery_seconds", "gauge", "Steps of opening.", ("step",), "s"),
        Family(
            "structure_open_seconds", "gauge", "Opening the structures of segments, added up.",
            ("collection", "structure"), "s",
        ),
        Family("generation", "gauge", "Published states so far."),
        Family("readers", "gauge", "Reading handles on this machine."),
        Family("documents", "gauge", "Live documents.", _COLLECTION),
        Family("deleted", "gauge", "Deleted documents whose space is taken.", _COLLECTION),
        Family("segments", "gauge", "Segment files.", _COLLECTION),
        Family("segment_bytes", "gauge", "Size of the segment files.", _COLLECTION, "By"),
        Family("memtable_documents", "gauge", "Documents in no segment file yet.", _COLLECTION),
        Family("memtable_bytes", "gauge", "What these take in the log.", _COLLECTION, "By"),
        Family("compactions", "counter", "Merges that were published.", _COLLECTION),
    )
}  # fmt: skip


@dataclass
class Histogram:
    """counts: how many values were up to each bound, and above the last; not added up."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS_S) + 1))
    sum: float = 0.0

    def add(self, value: float) -> None:
        """Count one value."""
        self.counts[bisect_left(BOUNDS_S, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        """How many values."""
        return sum(self.counts)

    def quantile(self, share: float) -> float:
        """Roughly the value below which this share of all lies, from between two bounds."""
        rank, below = share * self.count, 0
        for i, count in enumerate(self.counts[:-1]):
            if count and below + count >= rank:
                low = BOUNDS_S[i - 1] if i else 0.0
                return low + (BOUNDS_S[i] - low) * (rank - below) / count
            below += count
        return BOUNDS_S[-1]

    def to_dict(self) -> dict[str, Any]:
        """Count, sum, quantiles, and counts added up by upper bound."""
        added, total = {}, 0
        for bound, count in zip((*BOUNDS_S, float("inf")), self.counts, strict=True):
            total += count
            added[bound] = total
        quantiles = {name: self.quantile(share) for name, share in QUANTILES.items()}
        return {"count": total, "sum": self.sum, **(quantiles if total else {}), "buckets": added}


Sample: TypeAlias = "float | Histogram"
Samples: TypeAlias = dict[Family, dict[Labels, Sample]]


class Metrics:
    """What one handle observes. May be used by several threads at once."""

    def __init__(self) -> None:
        self._queue: deque[tuple[Callable[..., Iterable[Value]], tuple[Any, ...]]] = deque()
        self._lock = threading.Lock()
        self._histograms: dict[Family, dict[Labels, Histogram]] = {}
        self._counters: dict[Family, dict[Labels, float]] = {}
        self._listeners: list[Listener] = []

    def listen(self, listener: Listener) -> None:
        """Have something called with the values of each event, in the thread that measured it."""
        self._listeners.append(listener)

    def observe(self, values: Callable[..., Iterable[Value]], *arguments: Any) -> None:
        """Take in values of `OBSERVED` families: what `values(*arguments)` gives, later on."""
        self._queue.append((values, arguments))
        if self._listeners:
            together = list(values(*arguments))
            for listener in self._listeners:
                listener(together)
        if len(self._queue) > QUEUE:
            self.samples()

    def searched(self, collection: str, mode: str, stages: Mapping[str, float], hits: int) -> None:
        """A search that was answered; stages: seconds, "total" among them."""
        self.observe(_of_search, collection, mode, stages, hits)

    def flushed(self, seconds: float) -> None:
        """A flush that wrote something."""
        self.observe(_of_flush, seconds)

    @contextmanager
    def writing(self, collection: str, changes: Mapping[str, object]) -> Iterator[None]:
        """Around a batch, which counts when no error comes; changes: None for what is deleted."""
        start = perf_counter()
        yield
        self.wrote(collection, start, changes)

    def wrote(self, collection: str, start: float, changes: Mapping[str, object]) -> None:
        """A batch that was begun at `start`, of `perf_counter`; as in `writing`."""
        seconds, deleted = perf_counter() - start, list(changes.values()).count(None)
        self.observe(_of_write, collection, seconds, len(changes) - deleted, deleted)

    def samples(self) -> Samples:
        """All that was observed so far."""
        with self._lock:
            # others may go on filling the queue
            for _ in range(len(self._queue)):
                values, arguments = self._queue.popleft()
                for value in values(*arguments):
                    self._add(*value)
            return {
                **{
                    family: {at: Histogram(list(h.counts), h.sum) for at, h in found.items()}
                    for family, found in self._histograms.items()
                },
                **{family: dict(found) for family, found in self._counters.items()},
            }

    def _add(self, family: Family, labels: Labels, value: float) -> None:
        if family.kind == "histogram":
            by_labels = self._histograms.setdefault(family, {})
            by_labels.setdefault(labels, Histogram()).add(value)
        else:
            counters = self._counters.setdefault(family, {})
            counters[labels] = counters.get(labels, 0) + value


def _of_search(
    collection: str, mode: str, stages: Mapping[str, float], hits: int
) -> Iterator[Value]:
    yield HITS, (collection,), hits
    for stage, seconds in stages.items():
        if stage == "total":
            yield SEARCH, (collection, mode), seconds
        else:
            yield STAGE, (collection, stage), seconds


def _of_write(collection: str, seconds: float, put: int, deleted: int) -> Iterator[Value]:
    labels = (collection,)
    yield WRITE, labels, seconds
    yield PUT, labels, put
    yield DELETED, labels, deleted


def _of_flush(seconds: float) -> Iterator[Value]:
    yield FLUSH, (), seconds


def looked_up(values: Iterable[tuple[str, Labels, float]]) -> Samples:
    """Samples of `LOOKED_UP` families by their names."""
    samples: Samples = {}
    for name, labels, value in values:
        samples.setdefault(LOOKED_UP[name], {})[labels] = value
    return samples


def to_dict(samples: Samples) -> dict[str, Any]:
    """Values by the family's name, then by one label after the other."""
    result: dict[str, Any] = {}
    for family, found in samples.items():
        for labels, sample in found.items():
            at: dict[str, Any] = result
            steps = (family.name, *labels)
            for step in steps[:-1]:
                at = at.setdefault(step, {})
            at[steps[-1]] = sample.to_dict() if isinstance(sample, Histogram) else sample
    return result
