"""`rank-retrieve compact`."""

from pathlib import Path

import pytest

import rank_retrieve as rr
from tests.cli.test_commands import run


@pytest.fixture
def index(tmp_path: Path) -> Path:
    path = tmp_path / "index"
    with rr.open(path, compaction="manual") as database:
        for name in ("documents", "notes"):
            collection = database.create_collection(name, fields={"text": rr.Text()})
            for number in range(4):
                collection.put({"id": str(number), "text": f"cat {number}"})
                collection.flush()
            collection.delete("2")
    return path


def test_compact_leaves_one_segment_in_every_collection(index: Path) -> None:
    outcome = run("compact", index)
    assert outcome.exit_code == 0
    for record, name in zip(outcome.records, ["documents", "notes"], strict=True):
        assert record.pop("seconds") > 0
        assert record.pop("segment_bytes") < record.pop("segment_bytes_before")
        # the segment of the deleted document went when the last writer closed
        assert record == {"collection": name, "documents": 3, "segments_before": 3, "segments": 1}
    with rr.open(index, mode="r") as database:
        assert database.get_collection("documents").search("cat").ids.tolist() == ["0", "1", "3"]


def test_compact_can_take_one_collection(index: Path) -> None:
    shown = run("compact", index, "--collection", "notes", "--table").stdout
    assert shown.startswith("notes: 3 documents, segments 3 -> 1, ")
    with rr.open(index, mode="r") as database:
        assert database.get_collection("documents").info()["segments"] == 3
        assert database.get_collection("notes").info()["segments"] == 1


def test_compact_makes_no_index_and_names_an_unknown_collection(
    index: Path, tmp_path: Path
) -> None:
    assert run("compact", tmp_path / "missing").exit_code == 1
    assert not (tmp_path / "missing").exists()
    unknown = run("compact", index, "-c", "papers")
    assert unknown.exit_code == 1
    assert "'papers'" in unknown.stderr
    assert "notes" in unknown.stderr
