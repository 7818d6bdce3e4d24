"""The Nth operation on the directory fails, for every N of a workload and every kind of fault.

Whatever fails: only typed errors come out, the handle can be read and closed, nothing
acknowledged is lost, and the next opening finds a prefix of what was committed.
"""

import errno
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.persistence import MemoryDirectory
from rank_retrieve.testing.fault_directory import (
    Fault,
    FaultDirectory,
    FaultKind,
    failing_files,
)

FIELDS: dict[str, Any] = {"text": rr.Text(analyzer="simple")}


def commits() -> list[tuple[str, dict[str, Any]]]:
    """Steps of the workload; each leaves the documents {id: n} named beside it."""
    return [
        ("create", {}),
        ("put a", {"a": 1}),
        ("put b c", {"a": 1, "b": 2, "c": 2}),
        ("flush", {"a": 1, "b": 2, "c": 2}),
        ("delete a", {"b": 2, "c": 2}),
        ("put b", {"b": 3, "c": 2}),
        ("search", {"b": 3, "c": 2}),
        ("flush", {"b": 3, "c": 2}),
        ("put d", {"b": 3, "c": 2, "d": 4}),
        ("delete c", {"b": 3, "d": 4}),
        ("compact", {"b": 3, "d": 4}),
        ("put e", {"b": 3, "d": 4, "e": 5}),
        ("close", {"b": 3, "d": 4, "e": 5}),
    ]


def take(db: rr.Database, step: str, after: dict[str, Any]) -> None:
    name, *ids = step.split()
    if name == "create":
        db.create_collection("c", fields=FIELDS)
        return
    documents = db.get_collection("c")
    if name == "put":
        documents.put_many([{"id": i, "text": f"word {i}", "n": after[i]} for i in ids])
    elif name == "delete":
        documents.delete(ids[0])
    elif name == "search":
        documents.search("word")
    elif name == "flush":
        db.flush()
    elif name == "compact":
        documents.compact()
    else:
        db.close()


def stored(directory: MemoryDirectory, field: str = "n") -> dict[str, Any] | None:
    """What the next opening finds; None when there is no collection yet."""
    with rr.open(directory) as db:
        if "c" not in db:
            return None
        documents = db.get_collection("c")
        assert documents.verify().ok
        return {d["id"]: d[field] for d in documents.documents()}


def run(fault: Fault | None) -> tuple[FaultDirectory, int, int]:
    """The directory, how many steps were acknowledged, and how many were begun."""
    inner = MemoryDirectory()
    directory = FaultDirectory(inner, fault)
    acknowledged = begun = 0
    try:
        db = rr.open(directory, compaction="manual")
    except (OSError, rr.RankRetrieveError):
        return directory, 0, 0
    try:
        for step, after in commits():
            begun += 1
            take(db, step, after)
            acknowledged = begun
    except rr.RankRetrieveError as error:
        if not db.closed and "c" in db:  # reads still work, and show no more than was begun
            documents = db.get_collection("c")
            assert len(documents) == len(list(documents.documents())), error
            documents.search("word")
        with suppress(rr.RankRetrieveError):
            db.close()
    return directory, acknowledged, begun


# reading is for other tests; what only power loss shows is in `tests/reliability/test_faults.py`
KINDS = [kind for kind in FaultKind if kind not in (FaultKind.READ_EIO, FaultKind.SYNC_CLEANED)]


def kinds_and_places() -> list[tuple[FaultKind, int]]:
    directory, acknowledged, _ = run(None)
    assert acknowledged == len(commits())
    return [(kind, at) for kind in KINDS for at in range(1, directory.count(kind) + 1)]


@pytest.mark.parametrize("sticky", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("kind", KINDS)
def test_no_single_failing_operation_loses_an_acknowledged_write(
    kind: FaultKind, sticky: bool
) -> None:
    places = [at for k, at in kinds_and_places() if k is kind]
    assert len(places) >= 5
    for at in places:
        directory, acknowledged, begun = run(Fault(kind, at, sticky))
        assert directory.failed, f"fault {kind} at {at} never happened"
        inner = directory.inner
        assert isinstance(inner, MemoryDirectory)
        found = stored(inner)
        states: list[Any] = [None, *(after for _, after in commits())]
        assert found in states[acknowledged : begun + 1], f"{kind} at {at}: {found}"


def full_disk(path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[rr.Database, list[bool]]:
    db = rr.open(path)
    db.create_collection("c", fields=FIELDS).put({"id": "a", "text": "word", "n": 1})
    full = [True]
    from rank_retrieve.persistence.directory import FSOutput

    write = FSOutput.write

    def refusing(self: FSOutput, *buffers: Any) -> None:
        if full[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, *buffers)

    monkeypatch.setattr(FSOutput, "write", refusing)
    return db, full


def test_a_full_disk_refuses_writes_reads_on_and_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, full = full_disk(tmp_path / "db", monkeypatch)
    documents = db.get_collection("c")
    with pytest.raises(rr.NotCommitted, match="full"):
        documents.put({"id": "b", "text": "word"})
    with pytest.raises(rr.ReadOnlyError, match="resume"):
        documents.put({"id": "c", "text": "word"})
    assert documents.search("word").ids.tolist() == ["a"]
    full[0] = False
    db.resume()
    documents.put({"id": "d", "text": "word"})
    db.close()
    with rr.open(tmp_path / "db") as again:
        assert list(again.get_collection("c").ids()) == ["a", "d"]


def test_a_full_disk_at_closing_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, full = full_disk(tmp_path / "db", monkeypatch)
    with pytest.raises(rr.ResourceExhausted, match="space"):
        db.close()
    full[0] = False
    with rr.open(tmp_path / "db") as again:  # and the lock was released
        assert list(again.get_collection("c").ids()) == ["a"]


def test_a_failed_sync_is_never_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rank_retrieve.persistence.directory import FSOutput

    db = rr.open(tmp_path / "db")
    documents = db.create_collection("c", fields=FIELDS)
    documents.put({"id": "a", "text": "word"})
    syncs: list[int] = []

    def failing(self: FSOutput) -> None:
        syncs.append(1)
        raise OSError(errno.EIO, "I/O error")

    with monkeypatch.context() as patch:
        patch.setattr(FSOutput, "sync", failing)
        with pytest.raises(rr.OutcomeUnknown):
            documents.put({"id": "b", "text": "word"})
    with pytest.raises(rr.PoisonedError, match="reopen"):
        documents.put({"id": "c", "text": "word"})
    with pytest.raises(rr.PoisonedError):
        db.flush()
    assert documents.get("a") is not None
    db.close()
    assert len(syncs) == 1
    with rr.open(tmp_path / "db") as again:
        assert "a" in again.get_collection("c")
        assert "c" not in again.get_collection("c")


def test_an_interrupted_write_stops_the_handle_and_recovery_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rank_retrieve.collection.store import CollectionStore

    db = rr.open(tmp_path / "db")
    documents = db.create_collection("c", fields=FIELDS)
    documents.put({"id": "a", "text": "word"})

    def interrupted(self: CollectionStore, changes: Any) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(CollectionStore, "apply", interrupted)
        with pytest.raises(KeyboardInterrupt):
            documents.put({"id": "b", "text": "word"})
    with pytest.raises(rr.PoisonedError):
        documents.put({"id": "c", "text": "word"})
    db.close()
    with rr.open(tmp_path / "db") as again:
        assert list(again.get_collection("c").ids()) == ["a", "b"]  # it was in the log


def test_a_committed_put_returns_though_the_flush_behind_it_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rank_retrieve.collection import flush

    db = rr.open(tmp_path / "db", flush_bytes=1)
    documents = db.create_collection("c", fields=FIELDS)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(flush, "_write_memtable", full)
        documents.put({"id": "a", "text": "word"})
        for write in (lambda: documents.put({"id": "b", "text": "word"}), db.flush, documents.sync):
            with pytest.raises(rr.ReadOnlyError, match=r"flush behind .* no space .* resume\(\)"):
                write()
        stopped = db.info()["writing_stopped"]
        assert stopped.startswith("until resume(): the flush behind an earlier write failed, no sp")
        with pytest.raises(rr.ResourceExhausted):
            db.resume()
        with pytest.raises(rr.ReadOnlyError, match="flush behind"):
            documents.delete("a")
    assert documents.search("word").ids.tolist() == ["a"]
    assert documents.info()["memtable_documents"] == 1
    db.resume()
    assert documents.info()["memtable_documents"] == 0
    assert "writing_stopped" not in db.info()
    documents.put({"id": "c", "text": "word"})
    db.close()
    with rr.open(tmp_path / "db") as again:
        assert list(again.get_collection("c").ids()) == ["a", "c"]


def test_closing_a_handle_that_refuses_writes_makes_durable_what_was_acknowledged() -> None:
    directory = FaultDirectory(MemoryDirectory())
    db = rr.open(directory, durability="none", compaction="manual")
    documents = db.create_collection("c", fields=FIELDS)
    documents.put({"id": "a", "text": "word", "n": 1})
    directory.fault = Fault(FaultKind.ENOSPC, directory.count(FaultKind.ENOSPC) + 1, sticky=True)
    with pytest.raises(rr.NotCommitted):
        documents.put({"id": "b", "text": "word", "n": 2})
    before = directory.performed.count("sync")
    db.close()
    assert directory.performed.count("sync") > before, "the disk is full, but takes a sync"
    assert isinstance(directory.inner, MemoryDirectory)
    assert stored(directory.inner) == {"a": 1}


def test_closing_says_when_what_was_acknowledged_cannot_be_made_durable() -> None:
    directory = FaultDirectory(MemoryDirectory())
    db = rr.open(directory, durability="none", compaction="manual")
    documents = db.create_collection("c", fields=FIELDS)
    documents.put({"id": "a", "text": "word", "n": 1})
    directory.fault = Fault(FaultKind.ENOSPC, directory.count(FaultKind.ENOSPC) + 1)
    with pytest.raises(rr.NotCommitted):
        documents.put({"id": "b", "text": "word", "n": 2})
    kind = FaultKind.SYNC_KEPT
    directory.fault = Fault(kind, directory.count(kind) + 1, sticky=True)
    with pytest.raises(rr.OutcomeUnknown):
        db.close()
    assert db.closed


@pytest.mark.parametrize("kind", [FaultKind.EIO, FaultKind.READ_EIO, FaultKind.ENOSPC])
def test_every_failing_operation_around_checkpoints_is_told(
    kind: FaultKind, tmp_path: Path
) -> None:
    def take() -> None:
        db.checkpoint("one")
        assert [info.name for info in db.checkpoints()] == ["one"]
        db.drop_checkpoint("one")

    with rr.open(tmp_path / "db", compaction="manual") as db:
        db.create_collection("c", fields=FIELDS).put({"id": "a", "text": "word"})
        db.flush()
        with failing_files() as faults:
            take()
        assert faults.count(kind) >= 5
        for at in range(1, faults.count(kind) + 1):
            with failing_files(Fault(kind, at)) as failing:
                with suppress(rr.NotCommitted, rr.OutcomeUnknown, rr.CorruptionError):
                    take()
                assert failing.failed
                with failing.off(), suppress(rr.NotFound):
                    db.drop_checkpoint("one")
        take()


def test_every_failing_read_of_a_compaction_is_told() -> None:
    directory = FaultDirectory(MemoryDirectory())
    db = rr.open(directory, compaction="manual")
    documents = db.create_collection("c", fields=FIELDS)
    for name in "ab":
        documents.put({"id": name, "text": "word"})
        db.flush()
    directory.fault = Fault(FaultKind.READ_EIO, directory.count(FaultKind.READ_EIO) + 1)
    with pytest.raises(rr.PoisonedError):
        documents.compact()
    assert documents.search("word").ids.tolist() == ["a", "b"]
    db.close()


def test_resuming_before_there_is_space_refuses_writes_as_before() -> None:
    directory = FaultDirectory(MemoryDirectory())
    db = rr.open(directory, compaction="manual")
    documents = db.create_collection("c", fields=FIELDS)
    documents.put({"id": "a", "text": "word"})
    directory.fault = Fault(FaultKind.ENOSPC, directory.count(FaultKind.ENOSPC) + 1, sticky=True)
    with pytest.raises(rr.NotCommitted):
        documents.put({"id": "b", "text": "word"})
    for _ in range(2):
        with pytest.raises(rr.ResourceExhausted, match="resume"):
            db.resume()
        with pytest.raises(rr.ReadOnlyError, match="the disk was full; free space"):
            documents.put({"id": "b", "text": "word"})
    directory.fault = None
    db.resume()
    documents.put({"id": "b", "text": "word"})
    db.close()
    assert stored(directory.inner, "id") == {"a": "a", "b": "b"}  # type: ignore[arg-type]


def test_a_full_disk_while_the_log_rotates_can_be_resumed() -> None:
    directory = FaultDirectory(MemoryDirectory())
    db = rr.open(directory, compaction="manual")
    documents = db.create_collection("c", fields=FIELDS)
    documents.put({"id": "a", "text": "word", "n": 1})
    before = directory.count(FaultKind.ENOSPC)
    twin = FaultDirectory(MemoryDirectory())  # tells which operation creates the log's file
    with rr.open(twin, compaction="manual") as other:
        other.create_collection("c", fields=FIELDS).put({"id": "a", "text": "word", "n": 1})
        assert twin.count(FaultKind.ENOSPC) == before
        other.flush()
    needing = [op for op in twin.performed if op in ("create", "write", "reserve", "rename")]
    rotation = [n for n, op in enumerate(needing, 1) if op == "create" and n > before][1]
    directory.fault = Fault(FaultKind.ENOSPC, rotation)
    with pytest.raises(rr.ResourceExhausted, match="flush"):
        db.flush()
    with pytest.raises(rr.ReadOnlyError, match="the disk was full"):
        documents.put({"id": "b", "text": "word", "n": 2})
    db.resume()
    documents.put({"id": "b", "text": "word", "n": 2})
    db.close()
    assert isinstance(directory.inner, MemoryDirectory)
    assert stored(directory.inner) == {"a": 1, "b": 2}


def test_a_damaged_segment_behind_a_put_stops_writing_and_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rank_retrieve.collection import flush

    db = rr.open(tmp_path / "db", flush_bytes=1)
    documents = db.create_collection("c", fields=FIELDS)

    def damaged(*_: Any) -> None:
        raise rr.CorruptionError("segment-1", 64, "a section", "another")

    monkeypatch.setattr(flush, "_write_memtable", damaged)
    documents.put({"id": "a", "text": "word"})
    with pytest.raises(rr.ReadOnlyError, match="segment-1 at byte 64"):
        documents.put({"id": "b", "text": "word"})
    assert len(documents) == 1
    db.close()


def test_what_cannot_be_read_is_told_by_verify_and_refused_by_info() -> None:
    directory = FaultDirectory(MemoryDirectory())
    db = rr.open(directory, compaction="manual")
    documents = db.create_collection("c", fields=FIELDS)
    documents.put({"id": "a", "text": "word"})
    db.flush()
    directory.fault = Fault(FaultKind.READ_EIO, 1 + directory.count(FaultKind.READ_EIO), True)
    report = db.verify()
    assert len(report.problems) == 1
    assert "cannot be read: [Errno 5]" in report.problems[0]
    with pytest.raises(rr.CorruptionError, match="a folder that can be read"):
        db.info()
    assert documents.search("word").ids.tolist() == ["a"]
    directory.fault = None
    db.close()


def test_a_flush_that_finds_no_space_to_publish_leaves_no_files_behind(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from rank_retrieve.persistence import manifest

    directory = MemoryDirectory()
    db = rr.open(directory)
    documents = db.create_collection("c", fields=FIELDS)
    documents.put_many([{"id": i, "text": "word"} for i in "abc"])
    db.flush()
    documents.delete("b")  # a deletions file, and below a segment
    documents.put({"id": "d", "text": "word"})

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    def published() -> list[str]:
        return [name for name in directory.list() if not name.startswith("wal-")]

    before = published()
    with monkeypatch.context() as patch:
        patch.setattr(manifest, "stage", full)
        for _ in range(3):
            with pytest.raises(rr.ResourceExhausted):
                db.flush()
            assert published() == before
    db.flush()
    assert len(published()) == len(before) + 2
    assert documents.search("word").ids.tolist() == ["a", "c", "d"]
    db.close()


def test_a_damaged_id_table_refuses_a_put_before_the_log_has_it() -> None:
    from rank_retrieve.persistence import SegmentReader

    directory = MemoryDirectory()
    with rr.open(directory) as db:
        db.create_collection("c", fields=FIELDS).put({"id": "a", "text": "word"})
    files = {name: data for name, data in directory.files().items() if name != "lock"}
    (name,) = (name for name in files if name.startswith("segment-"))
    hashes = bytes(SegmentReader.open(directory, name, kind=None).section("ids.hashes"))
    place = files[name].index(hashes)
    flipped = bytearray(files[name])
    flipped[place] ^= 1
    damaged = MemoryDirectory({**files, name: bytes(flipped)})
    db = rr.open(damaged)
    with pytest.raises(rr.CorruptionError, match=r"ids\.hashes"):
        db.get_collection("c").put({"id": "b", "text": "word"})
    db.close()
    with rr.open(damaged, mode="r") as again:
        assert len(again.get_collection("c")) == 1
