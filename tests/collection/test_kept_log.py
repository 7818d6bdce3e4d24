"""What was replayed stays in the log until the next flush, through any number of crashes."""

from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.collection import opening
from rank_retrieve.persistence import MemoryDirectory
from rank_retrieve.testing.crash_directory import CrashDirectory
from rank_retrieve.testing.crash_model import Rename
from rank_retrieve.testing.fault_directory import Fault, FaultDirectory, FaultKind

FIELDS: dict[str, Any] = {"text": rr.Text()}


def put(db: rr.Database, *ids: str) -> None:
    documents = db.get_collection("c")
    for identity in ids:
        documents.put({"id": identity, "text": f"cat {identity}"})


def started(*ids: str) -> MemoryDirectory:
    """A database whose writer vanished after these puts."""
    directory = MemoryDirectory()
    db = rr.open(directory)
    db.create_collection("c", fields=FIELDS)
    put(db, *ids)
    return directory


def after_crash(directory: MemoryDirectory) -> MemoryDirectory:
    return MemoryDirectory(directory.files())


def logs(directory: MemoryDirectory) -> list[str]:
    return [name for name in directory.list() if name.startswith("wal-")]


def ids(db: rr.Database) -> list[str]:
    return list(db.get_collection("c").ids())


def rehome_facts(db: rr.Database) -> dict[str, Any]:
    (step,) = (step for step in db.report.steps if step.name == "re-home")
    return {name: step.facts[name] for name in ("collections", "kept_in_log")}


def test_opening_after_a_crash_writes_no_segment_and_closing_writes_one() -> None:
    directory = after_crash(started("a", "b"))
    db = rr.open(directory)
    assert rehome_facts(db) == {"collections": 0, "kept_in_log": 1}
    assert logs(directory) == ["wal-0000000001.log", "wal-0000000002.log"]
    assert not [name for name in directory.list() if name.startswith("segment-")]
    assert len(db.get_collection("c").search("cat")) == 2
    db.close()
    assert len(logs(directory)) == 1
    assert len([name for name in directory.list() if name.startswith("segment-")]) == 1


def test_writes_go_on_behind_what_was_replayed_crash_after_crash() -> None:
    directory = started("a")
    for identity in "bcd":
        directory = after_crash(directory)
        put(rr.open(directory), identity)
    db = rr.open(after_crash(directory), mode="r")
    assert ids(db) == ["a", "b", "c", "d"]
    assert db.info()["collections"]["c"]["segments"] == 0


def test_a_log_of_many_files_is_moved_to_segments_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MAX_LOG_FILES", 3)
    directory, counted = started("a"), []
    for _ in range(4):
        directory = after_crash(directory)
        db = rr.open(directory)
        assert ids(db) == ["a"]
        counted.append((len(logs(directory)), rehome_facts(db)["collections"]))
    assert counted == [(2, 0), (3, 0), (1, 1), (1, 0)]


def test_a_torn_end_is_set_aside_once_and_passed_over_from_then_on() -> None:
    files = started("a", "b").files()
    data = files["wal-0000000001.log"].rstrip(b"\0")
    files["wal-0000000001.log"] = data[:-20]
    directory = MemoryDirectory(files)
    put(rr.open(directory), "x")
    for _ in range(2):
        directory = after_crash(directory)
        db = rr.open(directory)
        assert ids(db) == ["a", "x"]
        (log,) = (step for step in db.report.steps if step.name == "log")
        assert log.facts["status"] == "clean"
    assert len([name for name in directory.list() if name.startswith("quarantine-")]) == 1


def test_replayed_deletes_and_replacements_of_stored_documents_are_kept_in_the_log() -> None:
    directory = started("a", "b", "c")
    rr.open(directory := after_crash(directory)).close()  # a, b and c are in a segment
    db = rr.open(directory)
    db.get_collection("c").delete("a")
    db.get_collection("c").put({"id": "b", "text": "dog"})
    for _ in range(2):
        directory = after_crash(directory)
        db = rr.open(directory)
        assert ids(db) == ["c", "b"]
        assert db.get_collection("c").search("dog").ids.tolist() == ["b"]
        assert db.get_collection("c").search("cat").ids.tolist() == ["c"]
    db.close()
    assert ids(rr.open(directory, mode="r")) == ["c", "b"]


def test_damage_to_a_kept_log_is_refused() -> None:
    directory = after_crash(started("a", "b"))
    put(rr.open(directory), "c")
    files = directory.files()
    data = bytearray(files["wal-0000000001.log"])
    data[120] ^= 1
    files["wal-0000000001.log"] = bytes(data)
    with pytest.raises(rr.CorruptionError, match="wal-0000000001"):
        rr.open(MemoryDirectory(files))


@pytest.mark.parametrize("max_log_files", [0, 8])
def test_a_crash_anywhere_in_recovery_recovers_to_the_same(
    max_log_files: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "MAX_LOG_FILES", max_log_files)
    files = started("a", "b").files()
    data = files["wal-0000000001.log"].rstrip(b"\0")
    files["wal-0000000001.log"] = data + b"torn"
    crashing = CrashDirectory(files)
    put(rr.open(crashing, compaction="manual"), "x")
    seen = set()
    for crash in crashing.crashes():
        directory = crash.directory()
        found = tuple(ids(rr.open(directory, compaction="manual")))
        assert found in {("a", "b"), ("a", "b", "x")}, crash
        assert tuple(ids(rr.open(after_crash(directory), mode="r"))) == found
        seen.add(found)
    assert len(seen) == 2


def test_what_only_the_system_held_is_durable_before_anything_is_written_behind_it() -> None:
    directory = CrashDirectory()
    killed = rr.open(directory, durability="none", compaction="manual")
    killed.create_collection("c", fields=FIELDS)
    put(killed, "a", "b")
    assert killed._engine.state.writer_lock is not None
    killed._engine.state.writer_lock.release()  # as the end of its process does
    since = len(directory.log)
    put(rr.open(directory, compaction="manual"), "x")
    directory.mark("x is acknowledged")
    seen = set()
    for crash in directory.crashes(since=since):
        found = "".join(ids(rr.open(crash.directory(), compaction="manual")))
        assert "abx".startswith(found), crash
        assert found == "abx" or not crash.marks, crash
        seen.add(found)
    assert seen == {"", "a", "ab", "abx"}


def test_what_a_failed_sync_left_in_the_cache_is_durable_before_anything_is_written_behind_it() -> (
    None
):
    """The system holds those pages for clean: a second sync returns, and writes none of them."""
    inner = CrashDirectory()
    directory = FaultDirectory(inner)
    failed = rr.open(directory, compaction="manual")
    failed.create_collection("c", fields=FIELDS)
    put(failed, "a")
    kind = FaultKind.SYNC_CLEANED
    directory.fault = Fault(kind, directory.count(kind) + 1)
    with pytest.raises(rr.OutcomeUnknown):
        put(failed, "b")
    failed.close()
    since = len(inner.log)
    again = rr.open(directory, compaction="manual")
    assert ids(again) == ["a", "b"]
    put(again, "x")
    inner.mark("x is acknowledged")
    seen = set()
    for crash in inner.crashes(since=since):
        found = "".join(ids(rr.open(crash.directory(), compaction="manual")))
        assert found in ("a", "ab", "abx"), crash
        assert found == "abx" or not crash.marks, crash
        seen.add(found)
    assert seen == {"a", "ab", "abx"}


def test_only_a_last_log_file_with_frames_is_written_anew() -> None:
    recorded = CrashDirectory(started("a").files())
    replaced = []
    for _ in range(3):  # after a crash with a frame, after one without, after closing
        db = rr.open(recorded, compaction="manual")
        replaced.append([op.target for op in recorded.log if isinstance(op, Rename)])
        recorded = CrashDirectory(recorded.files())
        if len(replaced) == 2:
            db.close()
    assert replaced == [["wal-0000000001.log", "manifest"], ["manifest"], ["manifest"]]
