"""Crashes over a real folder: what the file system was asked to sync is enough, everywhere.

The crash directory stands above the system calls; here they are below it.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.persistence import FSDirectory, MemoryDirectory
from rank_retrieve.persistence.folders import new_folder, write_file
from tests.persistence.recorded_folder import RecordedFolder, State

FIELDS: dict[str, Any] = {"text": rr.Text(analyzer="simple")}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RecordedFolder]:
    (tmp_path / "root").mkdir()
    recorded = RecordedFolder(tmp_path / "root", monkeypatch)
    yield recorded
    recorded.close()


def put(db: rr.Database, number: int) -> None:
    db.get_collection("c").put({"id": str(number), "text": f"word {number}"})


def ids(files: dict[str, bytes]) -> list[str]:
    """What is in a database of these files, every byte of it checked."""
    with rr.open(MemoryDirectory(files), mode="r") as db:
        assert db.verify().ok
        return list(db.get_collection("c").ids()) if "c" in db else []


def filled(path: Path, numbers: range) -> rr.Database:
    db = rr.open(path, compaction="manual")
    if "c" not in db:
        db.create_collection("c", fields=FIELDS)
    for number in numbers:
        put(db, number)
    return db


def test_every_crash_after_a_put_has_the_document_in_a_folder_of_new_folders(
    folder: RecordedFolder,
) -> None:
    with rr.open(folder.root / "a" / "b", compaction="manual") as db:
        folder.mark(-1)
        db.create_collection("c", fields=FIELDS)
        for number in range(3):
            put(db, number)
            folder.mark(number)
            if number == 1:
                db.flush()
    for state in folder.states():
        if state.marks:
            found = ids(state.inside("a/b"))
            assert found == [str(n) for n in range(len(found))], state
            assert len(found) > state.marks[-1], state


def test_every_crash_after_a_recovery_has_what_was_recovered(
    folder: RecordedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its log was never synced by the process that wrote it."""
    with filled(folder.root / "db", range(2)):
        pass
    db = rr.open(folder.root / "db", durability="none", compaction="manual")
    folder.mark(2)
    put(db, 2)
    put(db, 3)
    assert db._engine.state.writer_lock is not None
    db._engine.state.writer_lock.release()  # as the end of the process does
    with rr.open(folder.root / "db", compaction="manual") as again:
        folder.mark(4)
        put(again, 4)
        folder.mark(5)
    for state in folder.states():
        if state.marks:
            found = ids(state.inside("db"))
            assert found == [str(n) for n in range(len(found))], state
            assert len(found) >= state.marks[-1], state


def test_every_crash_around_a_checkpoint_leaves_none_or_all_of_it(folder: RecordedFolder) -> None:
    with filled(folder.root / "db", range(3)) as db:
        folder.mark("begun")
        db.checkpoint("kept")
        folder.mark("made")
        put(db, 3)
        db.drop_checkpoint("kept")
        folder.mark("dropped")
    outcomes = {"none": 0, "whole": 0}
    for state in folder.states():
        files = state.inside("db/checkpoints/kept")
        whole = "manifest" in files
        outcomes["whole" if whole else "none"] += 1
        if whole:
            assert ids(files) == ["0", "1", "2"], state
            assert "dropped" not in state.marks, state
        elif "begun" in state.marks:
            assert len(ids(state.inside("db"))) >= 3, state
        if state.marks and state.marks[-1] == "made" and not _dropping(folder, state):
            assert whole, state
        if "dropped" in state.marks:
            assert not any(path.startswith("db/checkpoints/kept") for path in state.files), state
    assert outcomes["whole"] >= 5


def _dropping(folder: RecordedFolder, state: State) -> bool:
    """Whether the drop may have begun."""
    made = next(n for n, op in enumerate(folder.log) if getattr(op, "value", "") == "made")
    return any("Delete" in str(op) and "manifest" in str(op) for op in folder.log[made : state.at])


def test_without_hard_links_every_crash_leaves_none_or_all_of_a_checkpoint(
    folder: RecordedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rank_retrieve.persistence.folders.link", lambda *arguments: False)
    with filled(folder.root / "db", range(2)) as db:
        db.checkpoint("kept")
        folder.mark("made")
    for state in folder.states():
        files = state.inside("db/checkpoints/kept")
        if "manifest" in files or state.marks:
            assert ids(files) == ["0", "1"], state


def archive_of(path: Path, tmp_path: Path) -> Path:
    with filled(path, range(3)) as db:
        db.flush()
        put(db, 3)
        rr.backup(db, tmp_path / "archive")
    return tmp_path / "archive"


@pytest.mark.parametrize("source", ["archive", "folder"])
def test_every_crash_after_a_restore_has_all_of_it(
    tmp_path: Path, folder: RecordedFolder, source: str
) -> None:
    path = archive_of(tmp_path / "db", tmp_path) if source == "archive" else tmp_path / "db"
    if source == "folder":
        filled(path, range(4)).close()
    rr.restore(path, folder.root / "new")
    folder.mark("done")
    states = list(folder.states())
    for state in states:
        files = state.inside("new")
        if files or state.marks:
            assert ids(files) == ["0", "1", "2", "3"], state
    assert len(states) > 20


def test_every_crash_after_a_backup_has_all_of_the_archive(
    tmp_path: Path, folder: RecordedFolder
) -> None:
    with filled(tmp_path / "db", range(4)) as db:
        rr.backup(db, folder.root / "archive")
    folder.mark("done")
    restored = 0
    for number, state in enumerate(folder.states()):
        made = state.write(tmp_path / f"state {number}")
        if (made / "archive").exists() or state.marks:
            rr.restore(made / "archive", tmp_path / f"new {number}")
            restored += 1
    assert restored >= 1


def test_a_new_folder_never_shows_without_its_files(folder: RecordedFolder) -> None:
    with new_folder(folder.root / "new") as inside:
        write_file(inside, "a", memoryview(b"contents"))
    folder.mark("done")
    for state in folder.states():
        assert state.inside("new") == {"a": b"contents"} or not state.marks, state
        assert "new/" not in state.files, state


def test_a_folder_made_or_removed_is_durable_at_once(folder: RecordedFolder) -> None:
    with_folders = FSDirectory(folder.root)
    with_folders.folder("inner", create=True)
    folder.mark("made")
    with_folders.remove_folder("inner")
    folder.mark("removed")
    for state in folder.states():
        if state.marks == ("made",) and state.label == "synced only":
            assert "inner/" in state.files
            break
    assert [state.files for state in folder.states() if "removed" in state.marks] == [{}]


def test_without_fdatasync_files_are_synced_by_fsync(
    folder: RecordedFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "fdatasync")
    output = FSDirectory(folder.root).create("a")
    output.write(b"contents")
    output.sync()
    FSDirectory(folder.root).sync_directory()
    folder.mark("synced")
    assert [s.files for s in folder.states() if s.marks] == [{"a": b"contents"}]
