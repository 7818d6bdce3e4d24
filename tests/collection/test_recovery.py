"""What opening does after a crash, and what it says about it."""

from pathlib import Path
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.persistence import MemoryDirectory

FIELDS: dict[str, Any] = {"text": rr.Text()}


def crashed(n: int = 5) -> dict[str, bytes]:
    """The files of a database whose writer vanished with n documents in the log."""
    directory = MemoryDirectory()
    db = rr.open(directory)
    documents = db.create_collection("c", fields=FIELDS)
    for i in range(n):
        documents.put({"id": str(i), "text": f"cat {i}"})
    return directory.files()


def wal(files: dict[str, bytes]) -> str:
    (name,) = (name for name in files if name.startswith("wal-"))
    return name


def log_end(data: bytes) -> int:
    return len(data.rstrip(b"\0"))


def steps(db: rr.Database) -> dict[str, Any]:
    return {step.name: step for step in db.report.steps}


def test_all_ten_steps_are_reported_with_what_they_found() -> None:
    db = rr.open(MemoryDirectory(crashed()))
    assert list(steps(db)) == [
        "fence", "identify", "select", "validate", "segments", "inventory", "log", "replay",
        "re-home", "clean",
    ]  # fmt: skip
    assert steps(db)["log"].facts["status"] == "clean"
    assert steps(db)["replay"].facts == {"batches": 5, "operations": 5}
    assert steps(db)["clean"].facts["documents"] == 5
    assert list(db.get_collection("c").ids()) == ["0", "1", "2", "3", "4"]
    assert "replay" in str(db.report)


def test_opening_again_finds_nothing_to_do() -> None:
    directory = MemoryDirectory(crashed())
    rr.open(directory).close()
    db = rr.open(directory)
    assert steps(db)["replay"].facts == {"batches": 0, "operations": 0}
    assert len(db.get_collection("c")) == 5


@pytest.mark.parametrize("cut", [1, 5, 20, 40])
def test_a_torn_end_is_cut_off_set_aside_and_reported(cut: int) -> None:
    files = crashed()
    data = files[wal(files)]
    files[wal(files)] = data[: log_end(data) - cut]
    directory = MemoryDirectory(files)
    with rr.open(directory) as db:
        assert list(db.get_collection("c").ids()) == ["0", "1", "2", "3"]
        assert steps(db)["log"].facts["status"] == "torn"
        assert "quarantine-" in str(db.report)
    (kept,) = (name for name in directory.list() if name.startswith("quarantine-"))
    assert bytes(directory.open(kept)) in data


def test_a_reader_ignores_a_torn_end_and_leaves_it(tmp_path: Path) -> None:
    files = crashed()
    data = files[wal(files)]
    files[wal(files)] = data[: log_end(data) - 3]
    for name, contents in files.items():
        (tmp_path / name).write_bytes(contents)
    with rr.open(tmp_path, mode="r") as db:
        assert len(db.get_collection("c")) == 4
    assert {f.name: f.read_bytes() for f in tmp_path.iterdir()} == files


def test_damage_in_the_middle_of_the_log_is_refused_and_nothing_changes() -> None:
    files = crashed()
    data = bytearray(files[wal(files)])
    data[120] ^= 1
    files[wal(files)] = bytes(data)
    directory = MemoryDirectory(files)
    with pytest.raises(rr.CorruptionError, match=wal(files)):
        rr.open(directory)
    assert {n: c for n, c in directory.files().items() if n != "lock"} == {
        n: c for n, c in files.items() if n != "lock"
    }


def test_orphans_are_removed_and_strangers_are_left_alone() -> None:
    files = crashed()
    files["segment-0000000077.rrs"] = b"half a flush"
    files["manifest.1-1.tmp"] = b"never renamed"
    files["notes.txt"] = b"somebody's"
    directory = MemoryDirectory(files)
    with rr.open(directory) as db:
        assert "notes.txt" in str(db.report)
        db.get_collection("c").put({"id": "x"})
    assert directory.exists("notes.txt")
    assert not directory.exists("manifest.1-1.tmp")
    assert not directory.exists("segment-0000000077.rrs")
    # its number is not used again: a reader may have looked
    assert directory.exists("segment-0000000078.rrs")


def test_a_missing_segment_is_corruption_that_names_it() -> None:
    directory = MemoryDirectory(crashed())
    rr.open(directory).close()
    (segment,) = (name for name in directory.list() if name.startswith("segment-"))
    directory.delete(segment)
    for mode in ("r", "w"):
        with pytest.raises(rr.CorruptionError, match=segment):
            rr.open(directory, mode=mode)  # type: ignore[arg-type]


def test_a_missing_manifest_beside_data_is_not_an_empty_database() -> None:
    files = crashed()
    del files["manifest"]
    with pytest.raises(rr.CorruptionError, match="manifest"):
        rr.open(MemoryDirectory(files))


def test_batches_of_a_dropped_collection_are_not_replayed() -> None:
    directory = MemoryDirectory()
    db = rr.open(directory)
    db.create_collection("gone", fields=FIELDS).put({"id": "x"})
    db.create_collection("c", fields=FIELDS).put({"id": "y"})
    db.drop_collection("gone")
    with rr.open(MemoryDirectory(directory.files())) as again:
        assert again.list_collections() == ["c"]
        assert list(again.get_collection("c").ids()) == ["y"]
