"""Backups into one file, and databases made of them, or of nothing else."""

import errno
import hashlib
import os
import random
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.codecs.checksum import crc32c
from rank_retrieve.persistence import MemoryDirectory

FIELDS: dict[str, Any] = {"text": rr.Text(), "vector": rr.Vector(dim=2)}


def document(i: int) -> dict[str, Any]:
    return {"id": str(i), "text": f"cat number {i}", "vector": [i + 1.0, 1.0], "n": i}


def fill(db: rr.Database) -> None:
    """Documents 0 to 9 without 3, of which 9 is in the log."""
    documents = db.create_collection("c", fields=FIELDS)
    documents.put_many(document(i) for i in range(9))
    db.flush()
    documents.delete("3")
    db.flush()
    documents.put(document(9))


IDS = ["0", "1", "2", "4", "5", "6", "7", "8", "9"]


def ids(path: Path) -> list[str]:
    with rr.open(path, mode="r") as db:
        assert db.verify().ok
        return list(db.get_collection("c").ids())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive, made while the database is open."""
    folder = tmp_path_factory.mktemp("backup")
    with rr.open(folder / "db") as db:
        fill(db)
        rr.backup(db, folder / "a.rra")
    return folder / "a.rra"


def entry(name: bytes, contents: bytes, *, size: int | None = None) -> tuple[bytes, bytes, bytes]:
    head = struct.pack("<HHQ", len(name), 0, len(contents) if size is None else size) + name
    head += struct.pack("<I", crc32c(head))
    trailer = struct.pack("<I", crc32c(contents))
    return head, contents, trailer + hashlib.blake2b(contents, digest_size=32).digest()


def archive(*entries: tuple[bytes, bytes, bytes], n_files: int | None = None) -> bytes:
    """As docs/formats/archive.md says, written by hand."""
    total = sum(len(contents) for _, contents, _ in entries)
    count = len(entries) if n_files is None else n_files
    header = struct.pack("<8sHHIQI", b"\x89RRARC\r\n", 1, 0, count, total, 0)
    header += struct.pack("<I", crc32c(header))
    whole = hashlib.blake2b(header, digest_size=32)
    for head, _, trailer in entries:
        whole.update(head + trailer)
    return header + b"".join(map(b"".join, entries)) + b"ENDARC\r\n" + whole.digest()


def test_a_backup_holds_every_acknowledged_write_and_restores_anywhere(
    made: Path, tmp_path: Path
) -> None:
    report = rr.restore(made, tmp_path / "deep" / "new")
    assert report.collections == ("c",)
    assert ids(tmp_path / "deep" / "new") == IDS
    with rr.open(made.parent / "db", mode="r") as old, rr.open(tmp_path / "deep" / "new") as new:
        first, second = (
            db.get_collection("c").search("cat number", vector=[3, 1], k=20) for db in (old, new)
        )
        assert first.ids.tolist() == second.ids.tolist()
        assert first.scores.tolist() == second.scores.tolist()
        new.get_collection("c").put(document(70))
    assert ids(tmp_path / "deep" / "new") == [*IDS, "70"]


def test_the_bytes_are_those_of_the_format_page(tmp_path: Path) -> None:
    directory = MemoryDirectory()
    with rr.open(directory) as db:
        fill(db)
        report = rr.backup(db, tmp_path / "a.rra")
        files = directory.files()
    log = next(name for name in files if name.startswith("wal-"))
    files[log] = files[log].rstrip(b"\0")
    segments = sorted(name for name in files if name.startswith("segment-"))
    deletions = sorted(name for name in files if name.startswith("deletions-"))
    expected = archive(
        *(entry(name.encode(), files[name]) for name in ["manifest", *segments, *deletions, log])
    )
    data = (tmp_path / "a.rra").read_bytes()
    assert data == expected
    assert report.digest == data[-32:].hex()
    assert (report.files, report.bytes) == (4, sum(map(len, files.values())) - len(files["lock"]))


def test_a_path_is_backed_up_beside_its_writer_without_a_write(tmp_path: Path) -> None:
    with rr.open(tmp_path / "db") as db:
        fill(db)
        before = {f.name: f.read_bytes() for f in (tmp_path / "db").iterdir()}
        rr.backup(tmp_path / "db", tmp_path / "a.rra")
        assert {f.name: f.read_bytes() for f in (tmp_path / "db").iterdir()} == before
        rr.restore(tmp_path / "a.rra", tmp_path / "new")
        assert ids(tmp_path / "new") == IDS


def test_a_checkpoint_and_a_database_in_memory_can_be_backed_up(tmp_path: Path) -> None:
    with rr.open(tmp_path / "db") as db:
        fill(db)
        db.checkpoint("kept")
        db.get_collection("c").delete("0")
        rr.backup(tmp_path / "db" / "checkpoints" / "kept", tmp_path / "kept.rra")
    with rr.open(":memory:") as db:
        fill(db)
        rr.backup(db, tmp_path / "memory.rra")
    for name in ("kept", "memory"):
        rr.restore(tmp_path / f"{name}.rra", tmp_path / name)
        assert ids(tmp_path / name) == IDS
        with rr.open(tmp_path / name) as db:  # what is restored is no checkpoint any more
            db.get_collection("c").put(document(1))


def test_an_empty_database_comes_back_empty(tmp_path: Path) -> None:
    with rr.open(tmp_path / "db") as db:
        rr.backup(db, tmp_path / "a.rra")
    assert rr.restore(tmp_path / "a.rra", tmp_path / "new").collections == ()
    with rr.open(tmp_path / "new") as db:
        assert db.list_collections() == []


def test_nothing_is_ever_replaced(made: Path, tmp_path: Path) -> None:
    data = made.read_bytes()
    with pytest.raises(rr.AlreadyExists, match=made.name):
        rr.backup(made.parent / "db", made)
    assert made.read_bytes() == data
    occupied = tmp_path / "occupied"
    occupied.mkdir()
    (occupied / "file").write_text("mine")
    for target in (occupied, occupied / "file"):
        with pytest.raises(rr.InvalidArgument, match="is there already"):
            rr.restore(made, target)
    assert [f.name for f in tmp_path.iterdir()] == ["occupied"]
    assert (occupied / "file").read_text() == "mine"
    (tmp_path / "empty").mkdir()
    rr.restore(made, tmp_path / "empty")
    assert ids(tmp_path / "empty") == IDS


def test_sources_that_are_not_there_or_not_ours_are_typed_errors(
    made: Path, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("not an archive")
    (tmp_path / "nothing").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    cases: list[tuple[Any, type[Exception]]] = [
        (tmp_path / "missing", rr.NotFound),
        (tmp_path / "text", rr.FormatVersionError),
        (tmp_path / "nothing", rr.CorruptionError),
        (tmp_path / "folder", rr.NotFound),
        (7, rr.InvalidArgument),
        ((made, "x"), rr.InvalidArgument),
    ]
    for source, error in cases:
        with pytest.raises(error):
            rr.restore(source, tmp_path / "new")
    with pytest.raises(rr.NotFound):
        rr.backup(tmp_path / "folder", tmp_path / "a.rra")
    with pytest.raises(rr.InvalidArgument):
        rr.backup(7, tmp_path / "a.rra")  # type: ignore[arg-type]
    assert sorted(f.name for f in tmp_path.iterdir()) == ["folder", "nothing", "text"]


def test_every_flipped_byte_and_truncation_is_refused_and_leaves_nothing(
    made: Path, tmp_path: Path
) -> None:
    data = made.read_bytes()
    rng = random.Random(5)
    places = {*range(60), *rng.sample(range(len(data)), 120), *range(len(data) - 40, len(data))}
    sizes = {0, 1, 7, 8, 31, 32, 33, len(data) - 1, *rng.sample(range(len(data)), 40)}
    flipped = [bytearray(data) for _ in places]
    for copy, place in zip(flipped, sorted(places), strict=True):
        copy[place] ^= rng.randrange(1, 256)
    for damaged in [*flipped, *(data[:size] for size in sizes), data + b"\0"]:
        (tmp_path / "a.rra").write_bytes(damaged)
        with pytest.raises((rr.CorruptionError, rr.FormatVersionError)):
            rr.restore(tmp_path / "a.rra", tmp_path / "new")
        assert [f.name for f in tmp_path.iterdir()] == ["a.rra"]


@pytest.mark.parametrize(
    "name", [b"../evil", b"/etc/evil", b"a/b", b"..", b".hidden", b"a\0b", b"\xff", b"lock", b"x"]
)
def test_names_of_an_archive_cannot_leave_the_target(name: bytes, tmp_path: Path) -> None:
    with rr.open(directory := MemoryDirectory()):
        files = directory.files()
    log = b"wal-0000000001.log"
    entries = [entry(name, contents) for name, contents in [
        (b"manifest", files["manifest"]), (log, files[log.decode()]), (name, b"evil"),
    ]]  # fmt: skip
    (tmp_path / "a.rra").write_bytes(archive(*entries))
    with pytest.raises(rr.CorruptionError):
        rr.restore(tmp_path / "a.rra", tmp_path / "below" / "new")
    assert sorted(f.name for f in tmp_path.rglob("*")) == ["a.rra", "below"]


def test_archives_that_lie_about_themselves_are_refused(tmp_path: Path) -> None:
    with rr.open(directory := MemoryDirectory()):
        files = directory.files()
    manifest = entry(b"manifest", files["manifest"])
    log = entry(b"wal-0000000001.log", files["wal-0000000001.log"])
    whole = archive(manifest, log)
    huge = entry(b"wal-0000000001.log", b"", size=2**62)
    newer = struct.pack("<8sHHIQI", b"\x89RRARC\r\n", 2, 0, 1, 0, 0)
    newer += struct.pack("<I", crc32c(newer))
    for data, error in [
        (archive(log, manifest), rr.CorruptionError),
        (archive(manifest, log, log), rr.CorruptionError),
        (archive(manifest), rr.CorruptionError),
        (archive(manifest, huge), rr.CorruptionError),
        (archive(manifest, log, n_files=3), rr.CorruptionError),
        (archive(manifest, log, n_files=1), rr.CorruptionError),
        (archive(n_files=2**32 - 1), rr.CorruptionError),
        (archive(), rr.CorruptionError),
        (newer + whole[32:], rr.FormatVersionError),
    ]:
        (tmp_path / "a.rra").write_bytes(data)
        with pytest.raises(error):
            rr.restore(tmp_path / "a.rra", tmp_path / "new")
        assert [f.name for f in tmp_path.iterdir()] == ["a.rra"]
    (tmp_path / "a.rra").write_bytes(whole)
    assert rr.restore(tmp_path / "a.rra", tmp_path / "new").files == 2


def test_a_failure_while_backing_up_leaves_no_archive(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(fd: int) -> None:
        raise OSError(5, "failed")

    with rr.open(":memory:") as db:
        fill(db)
        monkeypatch.setattr("rank_retrieve.collection.backups.sync_descriptor", fail)
        with pytest.raises(OSError, match="failed"):
            rr.backup(db, tmp_path / "a.rra")
    assert list(tmp_path.iterdir()) == []


def test_a_segment_damaged_before_the_backup_is_found_by_the_restore(
    made: Path, tmp_path: Path
) -> None:
    shutil.copytree(made.parent / "db", tmp_path / "db")
    segment = sorted((tmp_path / "db").glob("segment-*"))[0]
    data = bytearray(segment.read_bytes())
    data[200] ^= 1
    segment.write_bytes(bytes(data))
    rr.backup(tmp_path / "db", tmp_path / "a.rra")
    with pytest.raises(rr.CorruptionError, match=segment.name):
        rr.restore(tmp_path / "a.rra", tmp_path / "new")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO])
def test_a_disk_that_fails_at_any_write_leaves_no_half_target(
    code: int, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = 0

    def failing(write: Callable[[int, Any], int]) -> Callable[[int, Any], int]:
        def call(fd: int, data: Any) -> int:
            nonlocal left
            left -= 1
            if left == 0:
                raise OSError(code, os.strerror(code))
            return write(fd, data)

        return call

    rr.restore(made, tmp_path / "db")
    attempts = {
        "restored": lambda: rr.restore(made, tmp_path / "target"),
        "copied": lambda: rr.restore(tmp_path / "db", tmp_path / "target"),
        "repaired": lambda: rr.repair(tmp_path / "db", tmp_path / "target"),
    }
    for function in (os.write, os.writev):
        monkeypatch.setattr(os, function.__name__, failing(function))
    for name, attempt in attempts.items():
        failures = 0
        for number in range(1, 1_000):
            left = number
            try:
                attempt()
            except (OSError, rr.RankRetrieveError):
                failures += 1
                assert sorted(path.name for path in tmp_path.iterdir()) == ["db"], (name, number)
            if left > 0:
                break
        assert failures > 3, name
        left = 0
        assert ids(tmp_path / "target") == IDS
        shutil.rmtree(tmp_path / "target")


def test_what_is_neither_file_nor_folder_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for source in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(rr.InvalidArgument, match="neither a file nor a folder"):
            rr.restore(source, tmp_path / "target")
    assert not (tmp_path / "target").exists()


def test_a_link_in_the_place_of_the_target_is_not_followed(made: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("link", "dangling"):
        with pytest.raises(rr.InvalidArgument, match="is there already"):
            rr.restore(made, tmp_path / name)
        with pytest.raises(rr.AlreadyExists):
            rr.backup(MemoryDirectory(), tmp_path / name)
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_file_of_the_archive_that_links_out_of_a_folder_is_not_followed(
    made: Path, tmp_path: Path
) -> None:
    """A folder whose segment was replaced by a link is not read through it."""
    rr.restore(made, tmp_path / "db")
    (segment,) = (tmp_path / "db").glob("segment-*")
    segment.rename(tmp_path / "moved")
    segment.symlink_to(tmp_path / "moved")
    with pytest.raises(rr.RankRetrieveError):
        rr.backup(tmp_path / "db", tmp_path / "b.rra")
    with pytest.raises(rr.RankRetrieveError):
        rr.restore(tmp_path / "db", tmp_path / "target")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["db", "moved"]
