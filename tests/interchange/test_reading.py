"""Documents from frames in memory, and the first bad record."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.interchange import read_documents
from rank_retrieve.interchange.lines import BadRecord

ROWS = [
    {"id": "a", "text": "one", "year": 2020, "vector": [1.0, 2.0]},
    {"id": "b", "text": "two", "year": 2021, "vector": [3.0, 4.0]},
]


def frame_of(library: str) -> Any:
    module = pytest.importorskip(library)
    if library == "pyarrow":
        return module.Table.from_pylist(ROWS)
    return module.DataFrame({name: [row[name] for row in ROWS] for name in ROWS[0]})


@pytest.mark.parametrize("library", ["pyarrow", "pandas", "polars"])
def test_frames_become_documents(library: str) -> None:
    pytest.importorskip("pyarrow")
    found = list(read_documents(frame_of(library)))
    assert [{**d, "vector": list(d["vector"])} for d in found] == ROWS
    assert all(isinstance(d["vector"], np.ndarray) for d in found)
    with rr.open(":memory:") as db:
        notes = db.create_collection("n", fields={"text": rr.Text(), "vector": rr.Vector(2)})
        assert notes.put_many(rr.read_documents(frame_of(library))) == 2
        assert notes.search(vector=[3.0, 4.1], mode="dense", k=1).ids.tolist() == ["b"]


def test_vectors_that_some_rows_lack_or_of_other_lengths_stay_lists() -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"id": ["a", "b"], "v": [[1.0, 2.0], None], "w": [[1.0], [2.0, 3.0, 4.0]]})
    assert list(read_documents(table)) == [
        {"id": "a", "v": [1.0, 2.0], "w": [1.0]},
        {"id": "b", "w": [2.0, 3.0, 4.0]},
    ]


def test_times_with_a_zone_are_times_and_others_are_strings() -> None:
    pa = pytest.importorskip("pyarrow")
    when = datetime(2024, 2, 29, 12, tzinfo=UTC)
    table = pa.table({
        "id": ["a"],
        "zoned": pa.array([when], pa.timestamp("us", tz="UTC")),
        "local": pa.array([datetime(2024, 2, 29, 12)], pa.timestamp("us")),
    })  # fmt: skip
    assert list(read_documents(table)) == [
        {"id": "a", "zoned": when, "local": "2024-02-29T12:00:00"}
    ]


def test_a_frame_without_ids_is_refused() -> None:
    pa = pytest.importorskip("pyarrow")
    with pytest.raises(rr.InvalidArgument, match="no column is named _id or id"):
        list(read_documents(pa.table({"text": ["a"]})))


def test_bad_rows_are_reported_or_refused() -> None:
    pa = pytest.importorskip("pyarrow")
    table = pa.table({"id": ["a", "", "c"]})
    bad: list[BadRecord] = []
    assert [d["id"] for d in read_documents(table, on_error=bad.append)] == ["a", "c"]
    assert [(record.line, record.reason) for record in bad] == [(2, "the id is empty")]
    with pytest.raises(rr.InvalidArgument, match="the id is empty"):
        list(read_documents(table))


def test_what_is_neither_path_nor_frame_is_refused() -> None:
    with pytest.raises(rr.InvalidArgument, match="path or a frame"):
        read_documents([{"id": "a"}])


@pytest.mark.parametrize(
    "value", ['{"$date": 5}', '{"$binary": {"base64": "?"}}', '{"$binary": 1}', '{"$date": "x"}']
)
def test_tagged_values_that_are_none_are_reported_with_their_line(
    value: str, tmp_path: Path
) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"id": "a"}\n{"id": "b", "v": ' + value + "}\n")
    bad: list[BadRecord] = []
    assert [d["id"] for d in read_documents(file, on_error=bad.append)] == ["a"]
    assert [record.line for record in bad] == [2]
