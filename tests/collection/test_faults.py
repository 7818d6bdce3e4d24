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
from rank_retrieve.testing.fault_directory import Fault, FaultDirectory, FaultKind

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


def stored(directory: MemoryDirectory) -> dict[str, int] | None:
    """What the next opening finds; None when there is no collection yet."""
    with rr.open(directory) as db:
        if "c" not in db:
            return None
        documents = db.get_collection("c")
        assert documents.verify().ok
        return {d["id"]: d["n"] for d in documents.documents()}


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


def kinds_and_places() -> list[tuple[FaultKind, int]]:
    directory, acknowledged, _ = run(None)
    assert acknowledged == len(commits())
    kinds = [kind for kind in FaultKind if kind is not FaultKind.READ_EIO]
    return [(kind, at) for kind in kinds for at in range(1, directory.count(kind) + 1)]


@pytest.mark.parametrize("sticky", [False, True], ids=["once", "from then on"])
@pytest.mark.parametrize("kind", [k for k in FaultKind if k is not FaultKind.READ_EIO])
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
        with pytest.raises(rr.ResourceExhausted):
            db.flush()
    assert documents.search("word").ids.tolist() == ["a"]
    db.close()
    with rr.open(tmp_path / "db") as again:
        assert list(again.get_collection("c").ids()) == ["a"]


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
