"""An opening that fails leaves the database as it was, lets go of all, and can be repeated."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.collection import opening
from rank_retrieve.persistence import FSDirectory, MemoryDirectory
from rank_retrieve.persistence import manifest as manifests
from rank_retrieve.testing.fault_directory import Fault, FaultDirectory, FaultKind

FIELDS: dict[str, Any] = {"text": rr.Text()}


def killed() -> dict[str, bytes]:
    """The files of a database whose writer vanished with two documents in the log."""
    directory = MemoryDirectory()
    documents = rr.open(directory).create_collection("c", fields=FIELDS)
    for identity in "ab":
        documents.put({"id": identity, "text": f"cat {identity}"})
    return {name: data for name, data in directory.files().items() if name != "lock"}


def ids(directory: Any) -> list[str]:
    return list(rr.open(directory, mode="r").get_collection("c").ids())


def failing(number: int) -> Callable[..., str]:
    def stage(*arguments: object) -> str:
        raise OSError(number, os.strerror(number))

    return stage


@pytest.mark.parametrize("max_log_files", [0, 8])
@pytest.mark.parametrize(
    ("number", "error"), [(errno.ENOSPC, rr.ResourceExhausted), (errno.EIO, rr.PoisonedError)]
)
def test_attempts_that_fail_do_not_fill_the_disk_nor_keep_descriptors(
    number: int,
    error: type[rr.RankRetrieveError],
    max_log_files: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opening, "MAX_LOG_FILES", max_log_files)
    for name, data in killed().items():
        (tmp_path / name).write_bytes(data)

    def attempt() -> tuple[int, int]:
        with pytest.raises(error):
            rr.open(tmp_path)
        sizes = [path.stat().st_size for path in tmp_path.iterdir()]
        return len(list(Path("/proc/self/fd").iterdir())), len(sizes)

    with monkeypatch.context() as patch:
        patch.setattr(manifests, "stage", failing(number))
        assert len({attempt() for _ in range(4)}) == 1
    if number == errno.ENOSPC:
        kinds = {path.name.split("-")[0] for path in tmp_path.iterdir()}
        assert kinds == {"lock", "manifest", "wal"}
    with rr.open(tmp_path) as db:
        assert list(db.get_collection("c").ids()) == ["a", "b"]


@pytest.mark.parametrize("max_log_files", [0, 8])
def test_wherever_opening_fails_the_error_is_typed_and_the_next_one_succeeds(
    max_log_files: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "MAX_LOG_FILES", max_log_files)
    files = killed()
    torn = files["wal-0000000001.log"].rstrip(b"\0") + b"torn"
    files["wal-0000000001.log"] = torn
    seen = set()
    for kind in (FaultKind.EIO, FaultKind.ENOSPC, FaultKind.SHORT_WRITE):
        counting = FaultDirectory(MemoryDirectory(files))
        rr.open(counting, compaction="manual")
        for at in range(2, counting.count(kind) + 1):  # the first takes the lock
            inner = MemoryDirectory(files)
            with pytest.raises((rr.ResourceExhausted, rr.PoisonedError)) as caught:
                rr.open(FaultDirectory(inner, Fault(kind, at)), compaction="manual")
            seen.add(caught.type)
            assert ids(inner) == ["a", "b"]
            with rr.open(inner, compaction="manual") as db:
                assert list(db.get_collection("c").ids()) == ["a", "b"]
    assert seen == {rr.ResourceExhausted, rr.PoisonedError}


def test_a_database_that_cannot_be_made_leaves_nothing_and_can_be_made_later() -> None:
    counting = FaultDirectory(MemoryDirectory())
    rr.open(counting, compaction="manual")
    for at in range(1, counting.count(FaultKind.ENOSPC) + 1):
        inner = MemoryDirectory()
        directory = FaultDirectory(inner, Fault(FaultKind.ENOSPC, at))
        with pytest.raises((rr.ResourceExhausted, rr.PoisonedError)):
            rr.open(directory, compaction="manual")
        published = directory.failed == ["rename"]  # as far as can be told
        assert published or not [name for name in inner.list() if name.startswith("wal-")]
        assert rr.open(inner, compaction="manual").list_collections() == []


def test_crashes_in_the_flush_at_opening_do_not_add_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each attempt ends as by a kill: nothing of it is taken away by itself."""
    monkeypatch.setattr(opening, "MAX_LOG_FILES", 0)
    files, counted = killed(), set()
    for _ in range(4):
        directory, at_the_end = MemoryDirectory(files), []

        def crash(*arguments: object, seen: Any = at_the_end, place: Any = directory) -> str:
            seen.append({n: d for n, d in place.files().items() if n != "lock"})
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(manifests, "stage", crash)
            with pytest.raises(KeyboardInterrupt):
                rr.open(directory, compaction="manual")
        (files,) = at_the_end
        counted.add(len([name for name in files if name.startswith("segment-")]))
    assert counted == {1}
    assert ids(MemoryDirectory(files)) == ["a", "b"]


def test_what_another_manifest_may_have_named_stays_until_a_new_one_is_durable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    directory = MemoryDirectory(killed())
    rr.open(directory, compaction="manual").close()
    unspent = manifests.load(directory).next_file_number
    spent_name, unspent_name = (f"encoder-{number:010d}.rrs" for number in (unspent - 1, unspent))
    files = {**directory.files(), spent_name: b"old", unspent_name: b"new"}
    directory = MemoryDirectory(files)
    with monkeypatch.context() as patch:
        patch.setattr(manifests, "stage", failing(errno.EIO))
        with pytest.raises(rr.PoisonedError):
            rr.open(directory, compaction="manual")
    assert directory.exists(spent_name)
    assert not directory.exists(unspent_name)
    rr.open(directory, compaction="manual")
    assert not directory.exists(spent_name)


def test_documents_that_went_astray_on_the_way_to_a_segment_are_missed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opening, "MAX_LOG_FILES", 0)
    flushed = opening.CollectionStore.flushed

    def without(store: Any, entry: Any, disk: Any) -> None:
        flushed(store, entry, disk)
        store.disk = []

    monkeypatch.setattr(opening.CollectionStore, "flushed", without)
    with pytest.raises(rr.CorruptionError, match="2 documents in segments"):
        rr.open(MemoryDirectory(killed()), compaction="manual")


@pytest.mark.parametrize("mode", ["r", "w"])
def test_whatever_the_system_refuses_to_read_the_error_names_the_database(mode: Any) -> None:
    directory = FaultDirectory(MemoryDirectory(killed()))
    reads = 0
    while True:
        reads += 1
        faults = directory.faults
        faults.fault = Fault(FaultKind.READ_EIO, faults.count(FaultKind.READ_EIO) + reads)
        failed = len(faults.failed)
        try:
            rr.open(directory, mode)
        except rr.StorageError as error:
            assert error.path == directory.path
            assert error.errno == errno.EIO
            assert "then open the database again" in str(error)
        except rr.PoisonedError as error:  # where files are made anew from what was read
            assert "Input/output error" in str(error)
        if len(faults.failed) == failed:
            break
    assert reads > 3
    directory.faults.fault = None
    assert ids(directory) == ["a", "b"]


def test_a_folder_without_permission_is_told_with_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*arguments: object) -> str:
        raise PermissionError(errno.EACCES, "Permission denied", "manifest")

    rr.open(tmp_path / "db").close()
    monkeypatch.setattr(FSDirectory, "read", refused)
    with pytest.raises(rr.StorageError, match="db, file manifest: Permission denied"):
        rr.open(tmp_path / "db", "r")
