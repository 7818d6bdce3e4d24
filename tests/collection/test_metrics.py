"""Counters, histograms and gauges, and their forms."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client.parser import text_string_to_metric_families

import rank_retrieve as rr
from rank_retrieve.collection.metrics import BOUNDS_S, QUEUE, Histogram, Metrics
from rank_retrieve.collection.prometheus import prometheus_text

FIELDS: dict[str, Any] = {"text": rr.Text(), "vector": rr.Vector(dim=2)}


def busy(path: Path | str = ":memory:") -> rr.Database:
    """A database with three puts, a delete, four searches and a flush."""
    database = rr.open(path)
    papers = database.create_collection("papers", fields=FIELDS)
    papers.put({"id": "a", "text": "cats", "vector": [1, 0], "n": 1})
    papers.put_many([{"id": "b", "text": "dogs"}, {"id": "c", "text": "cats and dogs"}])
    papers.delete("b")
    papers.search("cats")
    papers.search("cats", where={"n": 1})
    papers.search("cats", vector=[1, 0])
    papers.search_many(["cats"], k=1)
    database.flush()
    return database


def test_what_was_done_is_counted() -> None:
    found = busy().metrics()
    searches = found["search_seconds"]["papers"]
    assert searches["lexical"]["count"] == 3
    assert searches["hybrid"]["count"] == 1
    assert found["hits"]["papers"] == 2 + 1 + 2 + 1
    stages = found["search_stage_seconds"]["papers"]
    assert {name: stage["count"] for name, stage in stages.items()} == {
        "query": 4, "filter": 1, "lexical": 4, "dense": 1, "fusion": 1, "hits": 4,
    }  # fmt: skip
    total = sum(stage["sum"] for stage in stages.values())
    assert total == pytest.approx(sum(mode["sum"] for mode in searches.values()))
    assert found["write_seconds"]["papers"]["count"] == 3
    assert found["documents_put"]["papers"] == 3
    assert found["ids_deleted"]["papers"] == 1
    assert found["flush_seconds"]["count"] == 1


def test_what_is_there_is_looked_up(tmp_path: Path) -> None:
    busy(tmp_path / "db").close()
    with rr.open(tmp_path / "db") as database:
        look_up(database)


def look_up(database: rr.Database) -> None:
    found = database.metrics()
    assert found["documents"] == {"papers": 2}
    assert found["segments"] == {"papers": 1}
    assert found["memtable_documents"] == {"papers": 0}
    assert found["generation"] == database.info()["generation"]
    assert found["readers"] == 0
    assert found["open_seconds"] >= sum(found["recovery_seconds"].values()) > 0
    assert list(found["recovery_seconds"]) == [step.name for step in database.report.steps]
    assert "search_seconds" not in found
    papers = database.get_collection("papers")
    papers.search("cats", vector=[1, 0])
    opened = database.metrics()["structure_open_seconds"]["papers"]
    assert {"index text0", "vectors vector"} <= set(opened)
    papers.put({"id": "d", "text": "fish"})
    papers.compact()
    assert database.metrics()["compactions"] == {"papers": 1}


def test_a_write_that_fails_is_not_counted() -> None:
    database = busy()
    with pytest.raises(rr.DimensionMismatch):
        database.get_collection("papers").put({"id": "a", "vector": [1]})
    assert database.metrics()["documents_put"]["papers"] == 3


def test_a_histogram_counts_by_upper_bound_and_guesses_quantiles_between() -> None:
    histogram = Histogram()
    for value in (0.000_01, 0.001, 0.001, 0.002, 99.0):
        histogram.add(value)
    found = histogram.to_dict()
    assert found["count"] == 5
    assert found["sum"] == pytest.approx(99.00401)
    counts = found["buckets"]
    assert (counts[0.000_05], counts[0.000_5], counts[0.001], counts[0.002_5]) == (1, 1, 3, 4)
    assert (counts[10.0], counts[float("inf")]) == (4, 5)
    # the third of five: the second of two between 0.0005 and 0.001
    assert histogram.quantile(0.6) == pytest.approx(0.001)
    assert found["p99"] == BOUNDS_S[-1]
    assert "p50" not in Histogram().to_dict()


def test_the_text_for_prometheus_is_what_its_own_parser_reads() -> None:
    database = busy()
    families = {f.name: f for f in text_string_to_metric_families(database.prometheus())}
    search = families["rank_retrieve_search_seconds"]
    assert search.type == "histogram"
    values = {(s.name, s.labels.get("mode"), s.labels.get("le")): s.value for s in search.samples}
    assert values["rank_retrieve_search_seconds_count", "lexical", None] == 3
    assert values["rank_retrieve_search_seconds_bucket", "lexical", "+Inf"] == 3
    assert families["rank_retrieve_documents_put"].samples[0].value == 3
    assert families["rank_retrieve_documents_put"].samples[0].name.endswith("_total")
    assert families["rank_retrieve_documents"].samples[0].labels == {"collection": "papers"}
    assert families["rank_retrieve_open_seconds"].type == "gauge"


def test_labels_are_escaped_for_prometheus() -> None:
    metrics = Metrics()
    metrics.searched('a "b"\\\n', "lexical", {"total": 0.5}, 3)
    text = prometheus_text(metrics.samples())
    assert 'rank_retrieve_hits_total{collection="a \\"b\\"\\\\\\n"} 3\n' in text
    (hits,) = [f for f in text_string_to_metric_families(text) if f.name == "rank_retrieve_hits"]
    assert hits.samples[0].labels == {"collection": 'a "b"\\\n'}


def test_opentelemetry_gets_the_same_and_a_span_for_each_search() -> None:
    reader, spans = InMemoryMetricReader(), InMemorySpanExporter()
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(spans))
    database = busy()
    database.instrument(MeterProvider([reader]), tracing)
    papers = database.get_collection("papers")
    for _ in range(3):
        papers.search("cats")

    def read() -> dict[str, Any]:
        data = reader.get_metrics_data()
        if data is None:
            return {}
        (scope,) = data.resource_metrics[0].scope_metrics
        return {metric.name: metric.data.data_points for metric in scope.metrics}

    found = read()
    (point,) = found["rank_retrieve.search_seconds"]
    assert point.count == 3
    assert point.attributes == {"collection": "papers", "mode": "lexical"}
    assert point.explicit_bounds == BOUNDS_S
    (point,) = found["rank_retrieve.documents"]
    assert (point.value, point.attributes) == (2, {"collection": "papers"})
    (point,) = found["rank_retrieve.documents_put"]
    assert point.value == 3
    finished = spans.get_finished_spans()
    assert [span.name for span in finished] == ["rank_retrieve.search"] * 3
    attributes = dict(finished[0].attributes or {})
    assert (attributes.pop("collection"), attributes.pop("mode")) == ("papers", "lexical")
    assert set(attributes) == {"query_seconds", "lexical_seconds", "hits_seconds"}
    assert finished[0].end_time - finished[0].start_time > 0
    database.close()
    assert "rank_retrieve.documents" not in read()


def test_many_values_are_sorted_before_anybody_looks() -> None:
    metrics = Metrics()
    for _ in range(QUEUE * 3):
        metrics.searched("papers", "dense", {"total": 0.1}, 1)
        assert len(metrics._queue) <= QUEUE + 2


def test_values_of_several_threads_all_count(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()

    def work() -> None:
        for _ in range(4_000):
            metrics.searched("papers", "dense", {"total": 0.1}, 1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = {family.name: value for family, value in metrics.samples().items()}
    assert found["hits"] == {("papers",): 16_000}
    histogram = found["search_seconds"]["papers", "dense"]
    assert isinstance(histogram, Histogram)
    assert histogram.count == 16_000


def test_histograms_are_changed_under_the_lock_only(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = Metrics()
    metrics.searched("papers", "dense", {"total": 0.1}, 1)
    held: list[bool] = []
    monkeypatch.setattr(Histogram, "add", lambda *_: held.append(metrics._lock.locked()))
    metrics.samples()
    assert held == [True]
