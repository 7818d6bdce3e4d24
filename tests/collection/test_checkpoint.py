"""Named checkpoints: kept whole, whatever becomes of the database, or not there at all."""

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.collection import checkpoint as checkpoint_module
from rank_retrieve.persistence import FSDirectory, MemoryDirectory, SegmentReader, folders
from rank_retrieve.persistence import manifest as manifests
from rank_retrieve.persistence.checkpoints import (
    CheckpointInfo,
    checkpoint_manifest,
    clear_checkpoint,
    fill_checkpoint,
)
from rank_retrieve.testing.crash_directory import CrashDirectory
from rank_retrieve.testing.fault_directory import FaultDirectory

FIELDS: dict[str, Any] = {"text": rr.Text(), "vector": rr.Vector(dim=2)}


def document(i: int) -> dict[str, Any]:
    return {"id": str(i), "text": f"cat number {i}", "vector": [i + 1.0, 1.0], "n": i}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A database of documents 0 to 9 without 3, of which 9 is in the log."""
    path = tmp_path / "db"
    with rr.open(path) as db:
        documents = db.create_collection("c", fields=FIELDS)
        documents.put_many(document(i) for i in range(9))
        db.flush()
        documents.delete("3")
        db.flush()
        documents.put(document(9))
    return path


def ids(path: Path) -> list[str]:
    with rr.open(path, mode="r") as db:
        assert db.verify().ok
        return list(db.get_collection("c").ids())


BEFORE = ["0", "1", "2", "4", "5", "6", "7", "8", "9"]


def test_a_checkpoint_survives_changes_and_the_deletion_of_the_originals(
    path: Path, tmp_path: Path
) -> None:
    with rr.open(path) as db:
        hits = db.get_collection("c").search("cat number", k=20)
        expected = list(zip(hits.ids.tolist(), hits.scores.tolist(), strict=True))
        made = db.checkpoint("before")
        for i in range(9):
            db.get_collection("c").delete(str(i))
        db.get_collection("c").put_many(document(i) for i in range(100, 110))
        db.flush()
        db.drop_collection("c")
        assert made.documents == 9
        assert [found.name for found in db.checkpoints()] == ["before"]
    for file in path.iterdir():
        if file.is_file():
            file.unlink()
    rr.restore(path / "checkpoints" / "before", tmp_path / "new")
    assert ids(tmp_path / "new") == BEFORE
    with rr.open(tmp_path / "new") as db:
        hits = db.get_collection("c").search("cat number", k=20)
        assert list(zip(hits.ids.tolist(), hits.scores.tolist(), strict=True)) == expected
        db.get_collection("c").put(document(77))
    assert ids(tmp_path / "new") == [*BEFORE, "77"]


def test_checkpoints_share_bytes_with_the_database_where_links_are_possible(path: Path) -> None:
    with rr.open(path) as db:
        db.checkpoint("one")
        kept = path / "checkpoints" / "one"
        segments = [file for file in kept.iterdir() if file.name.startswith("segment-")]
        assert segments
        assert all(file.stat().st_nlink == 2 for file in segments)
        db.drop_checkpoint("one")
        assert not kept.exists()
        assert db.checkpoints() == []
    assert ids(path) == BEFORE


def test_without_hard_links_files_are_copied(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise OSError(errno.EXDEV, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    with rr.open(path) as db:
        db.checkpoint("copied")
        rr.restore((db, "copied"), tmp_path / "new")
    kept = path / "checkpoints" / "copied"
    assert all(file.stat().st_nlink == 1 for file in kept.iterdir())
    assert ids(tmp_path / "new") == BEFORE


def test_they_are_listed_oldest_first_with_time_and_size(path: Path) -> None:
    with rr.open(path) as db:
        checkpoint_module.make_checkpoint(db._engine, "b", clock=lambda: 1000.5)
        db.get_collection("c").put(document(50))
        checkpoint_module.make_checkpoint(db._engine, "a", clock=lambda: 2000.0)
        first, second = db.checkpoints()
        assert (first.name, first.created, first.documents) == ("b", 1000.5, 9)
        assert (second.name, second.created, second.documents) == ("a", 2000.0, 10)
        assert second.bytes > first.bytes > 1000
    with rr.open(path, mode="r") as db:
        assert [found.name for found in db.checkpoints()] == ["b", "a"]
        with pytest.raises(rr.ReadOnlyError):
            db.checkpoint("c")
        with pytest.raises(rr.ReadOnlyError):
            db.drop_checkpoint("a")


def test_a_checkpoint_opens_for_reading_and_never_for_writing(path: Path) -> None:
    with rr.open(path) as db:
        db.checkpoint("kept")
    kept = path / "checkpoints" / "kept"
    before = {file.name: file.read_bytes() for file in kept.iterdir()}
    assert ids(kept) == BEFORE
    with pytest.raises(rr.ReadOnlyError, match="checkpoint"):
        rr.open(kept)
    assert {file.name: file.read_bytes() for file in kept.iterdir()} == before


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", ".hidden", "a b", "x" * 101, 7, None])
def test_names_cannot_leave_the_folder(path: Path, name: Any) -> None:
    with rr.open(path) as db:
        with pytest.raises(rr.InvalidArgument):
            db.checkpoint(name)
        with pytest.raises(rr.InvalidArgument):
            db.drop_checkpoint(name)
        with pytest.raises(rr.InvalidArgument):
            rr.restore((db, name), path.parent / "new")
    assert not (path / "checkpoints").exists()


def test_names_are_used_once_and_unknown_ones_list_the_known(path: Path) -> None:
    with rr.open(path) as db:
        with pytest.raises(rr.NotFound, match="none yet"):
            db.drop_checkpoint("x")
        db.checkpoint("kept")
        with pytest.raises(rr.AlreadyExists, match="kept"):
            db.checkpoint("kept")
        with pytest.raises(rr.NotFound, match="kept"):
            rr.restore((db, "other"), path.parent / "new")
        assert [found.name for found in db.checkpoints()] == ["kept"]


def test_a_database_in_memory_has_checkpoints_that_are_restored_to_a_path(tmp_path: Path) -> None:
    with rr.open(":memory:") as db:
        documents = db.create_collection("c", fields=FIELDS)
        documents.put_many(document(i) for i in range(3))
        db.checkpoint("kept")
        documents.put(document(3))
        documents.delete("0")
        assert [(found.name, found.documents) for found in db.checkpoints()] == [("kept", 3)]
        rr.restore((db, "kept"), tmp_path / "new")
        db.drop_checkpoint("kept")
        assert db.checkpoints() == []
        assert list(documents.ids()) == ["1", "2", "3"]
    assert ids(tmp_path / "new") == ["0", "1", "2"]


def test_a_database_in_a_directory_without_folders_is_told_to_make_a_backup() -> None:
    with (
        rr.open(FaultDirectory(MemoryDirectory())) as db,
        pytest.raises(rr.InvalidArgument, match=r"without folders.*backup"),
    ):
        db.checkpoint("x")


def test_what_is_left_of_a_checkpoint_is_told_apart_and_can_be_dropped(
    path: Path, tmp_path: Path
) -> None:
    with rr.open(path) as db:
        db.checkpoint("half")
        (path / "checkpoints" / "half" / "manifest").unlink()
        with pytest.raises(rr.NotFound, match="incomplete"):
            rr.restore((db, "half"), tmp_path / "new")
        db.drop_checkpoint("half")
        assert not (path / "checkpoints" / "half").exists()
        with pytest.raises(rr.NotFound, match="none yet"):
            db.drop_checkpoint("half")


def test_a_link_in_place_of_the_folder_is_never_followed(path: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (elsewhere / "victim").mkdir(parents=True)
    (elsewhere / "victim" / "manifest").write_bytes(b"precious")
    (path / "checkpoints").symlink_to(elsewhere)
    with rr.open(path) as db:
        with pytest.raises(rr.NotFound):
            db.drop_checkpoint("victim")
        with pytest.raises(rr.NotFound):
            db.checkpoint("victim")
        assert db.checkpoints() == []
    assert (elsewhere / "victim" / "manifest").read_bytes() == b"precious"


def test_a_lost_manifest_beside_checkpoints_is_not_an_empty_database(path: Path) -> None:
    with rr.open(path) as db:
        db.checkpoint("kept")
    for file in path.iterdir():
        if file.is_file():
            file.unlink()
    with pytest.raises(rr.CorruptionError, match="manifest"):
        rr.open(path)


def test_a_half_checkpoint_is_not_listed_not_restored_and_is_cleared(
    path: Path, tmp_path: Path
) -> None:
    with rr.open(path) as db:
        db.checkpoint("kept")
        folder = path / "checkpoints" / "kept"
        (folder / "manifest").unlink()
        assert db.checkpoints() == []
        with pytest.raises(rr.NotFound):
            rr.restore((db, "kept"), tmp_path / "new")
        with pytest.raises(rr.CorruptionError):
            rr.restore(folder, tmp_path / "new")
        assert not (tmp_path / "new").exists()
        db.checkpoint("kept")
        rr.restore((db, "kept"), tmp_path / "new")
    assert ids(tmp_path / "new") == BEFORE


def test_every_crash_while_one_is_made_leaves_none_or_all_of_it(path: Path) -> None:
    source = FSDirectory(path, read_only=True)
    manifest = checkpoint_manifest(manifests.load(source))
    files = {
        file.name: SegmentReader.open(source, file.name, kind=None, expected=file).contents
        for file in manifest.files()
    }
    folder = CrashDirectory()
    folder.mark("begun")
    fill_checkpoint(source, manifest, files, folder, CheckpointInfo("x", 1.0, 9, 1))
    folder.mark("done")
    outcomes = {"none": 0, "whole": 0}
    for crash in folder.crashes():
        try:
            with rr.open(crash.directory(), mode="r") as db:
                assert list(db.get_collection("c").ids()) == BEFORE
                assert db.verify().ok
            outcomes["whole"] += 1
        except (rr.NotFound, rr.CorruptionError) as error:
            assert "manifest" in str(error) or isinstance(error, rr.NotFound)
            assert not crash.directory().exists("manifest")
            assert "done" not in crash.marks
            outcomes["none"] += 1
    assert outcomes["none"] > 50
    assert outcomes["whole"] >= 2


def test_every_crash_while_one_is_dropped_leaves_none_or_all_of_it(path: Path) -> None:
    with rr.open(path) as db:
        db.checkpoint("x")
    kept = path / "checkpoints" / "x"
    folder = CrashDirectory({file.name: file.read_bytes() for file in kept.iterdir()})
    clear_checkpoint(folder)
    folder.mark("done")
    outcomes = {"none": 0, "whole": 0}
    for crash in folder.crashes():
        if crash.directory().exists("manifest"):
            with rr.open(crash.directory(), mode="r") as db:
                assert list(db.get_collection("c").ids()) == BEFORE
            assert "done" not in crash.marks
            outcomes["whole"] += 1
        else:
            outcomes["none"] += 1
    assert outcomes["none"] > 10
    assert outcomes["whole"] >= 1


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_failed_checkpoint_leaves_nothing_and_the_database_writes_on(
    path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: object) -> None:
        raise OSError(code, "failed")

    with rr.open(path) as db:
        with monkeypatch.context() as patched:
            patched.setattr(folders, "write_file", fail)
            patched.setattr("rank_retrieve.persistence.checkpoints.write_file", fail)
            with pytest.raises(rr.NotCommitted, match="checkpoint 'x'"):
                db.checkpoint("x")
        assert db.checkpoints() == []
        assert not (path / "checkpoints" / "x").exists()
        db.get_collection("c").put(document(60))
        db.checkpoint("x")
    assert ids(path / "checkpoints" / "x") == [*BEFORE, "60"]


def test_a_flipped_byte_in_a_checkpoint_is_found_before_anything_is_restored(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rr.open(path) as db:
        db.checkpoint("kept")
    kept = path / "checkpoints" / "kept"
    harmless = 0
    for file in sorted(kept.iterdir()):
        if file.name == "checkpoint":
            continue  # says when and how much; nothing that is restored
        data = file.read_bytes()
        for place in range(0, len(data), 23):
            copy = tmp_path / "copy"
            shutil.copytree(kept, copy)
            damaged = bytearray(data)
            damaged[place] ^= 0x41
            (copy / file.name).write_bytes(bytes(damaged))
            target = tmp_path / "target"
            try:
                rr.restore(copy, target)
                assert ids(target) == BEFORE
                harmless += 1
                shutil.rmtree(target)
            except (rr.CorruptionError, rr.FormatVersionError):
                assert not target.exists()
            shutil.rmtree(copy)
    assert harmless < 20
    assert [entry.name for entry in tmp_path.iterdir()] == ["db"]
