"""Writers that come together share a write and a sync, and each is told its own result."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.persistence import MemoryDirectory
from rank_retrieve.persistence.memory_directory import MemoryOutput
from rank_retrieve.persistence.wal import WriteAheadLog
from rank_retrieve.testing.crash_directory import CrashDirectory
from rank_retrieve.testing.fault_directory import Fault, FaultDirectory, FaultKind

FIELDS: dict[str, Any] = {"text": rr.Text(analyzer="simple")}


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline, "timed out"
        time.sleep(0.001)


class Gate:
    """Holds the first write up until `open`, counts writes and syncs behind it."""

    def __init__(self, db: rr.Database, monkeypatch: pytest.MonkeyPatch) -> None:
        self.writers = db._engine.writer._writers
        self.writes: list[int] = []
        self.syncs = 0
        self._held, self._open = threading.Event(), threading.Event()
        append, sync = WriteAheadLog.append_many, WriteAheadLog.sync

        def held(log: WriteAheadLog, kind: Any, bodies: Any) -> Any:
            if not self._held.is_set():
                self._held.set()
                assert self._open.wait(10)
            found = append(log, kind, bodies)
            self.writes.append(found[0])
            return found

        def counted(log: WriteAheadLog, lsn: int) -> None:
            self.syncs += 1
            sync(log, lsn)

        monkeypatch.setattr(WriteAheadLog, "append_many", held)
        monkeypatch.setattr(WriteAheadLog, "sync", counted)

    def run(self, *calls: Callable[[], Any]) -> list[Any]:
        """The first call alone, all others together, in this order; results or errors."""
        results: list[Any] = [None] * len(calls)

        def run(number: int) -> None:
            try:
                results[number] = calls[number]()
            except BaseException as error:  # noqa: BLE001 - looked at by the test
                results[number] = error

        threads = [threading.Thread(target=run, args=(n,)) for n in range(len(calls))]
        for number, thread in enumerate(threads):
            thread.start()
            assert self._held.wait(10)
            wait_for(lambda n=number: len(self.writers._waiting) == n)
        self._open.set()
        for thread in threads:
            thread.join(10)
            assert not thread.is_alive()
        return results


def opened(directory: Any = None, **options: Any) -> tuple[rr.Database, rr.Collection]:
    db = rr.open(directory or MemoryDirectory(), compaction="manual", **options)
    return db, db.create_collection("c", fields=FIELDS)


def put(collection: rr.Collection, name: str, text: str = "word") -> Callable[[], None]:
    return lambda: collection.put({"id": name, "text": text})


def test_eight_writers_write_and_sync_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    directory = MemoryDirectory()
    db, c = opened(directory)
    gate = Gate(db, monkeypatch)
    assert gate.run(*(put(c, name) for name in "abcdefgh")) == [None] * 8
    assert gate.writes == [1, 7]
    assert gate.syncs == 2
    with rr.open(directory, mode="r") as reader:
        assert list(reader.get_collection("c").ids()) == list("abcdefgh")


def test_every_writer_has_a_frame_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    db, c = opened()
    before = db._engine.log.last_lsn
    Gate(db, monkeypatch).run(*(put(c, name) for name in "abc"))
    assert db._engine.log.last_lsn == before + 3


def test_without_durability_nothing_is_synced(monkeypatch: pytest.MonkeyPatch) -> None:
    db, c = opened(durability="none")
    gate = Gate(db, monkeypatch)
    gate.run(*(put(c, name) for name in "abc"))
    assert (gate.writes, gate.syncs) == ([1, 2], 0)


def test_one_delete_of_a_document_on_disk_finds_it_however_many_come_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    db, c = opened()
    c.put({"id": "x", "text": "old"})
    db.flush()
    writer, store = db._engine.writer, c._store
    gate = Gate(db, monkeypatch)
    found = gate.run(
        put(c, "a"), *(lambda: writer.commit(store, {"x": None}, None) for _ in range(3))
    )
    assert found == [None, 1, 0, 0]
    assert len(c) == 1
    assert c.search("old").ids.tolist() == []


def test_the_last_of_those_who_put_the_same_id_together_wins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    db, c = opened()
    c.put({"id": "x", "text": "old"})
    db.flush()
    Gate(db, monkeypatch).run(put(c, "a"), put(c, "x", "first"), put(c, "x", "second"))
    assert c.get("x") == {"id": "x", "text": "second"}
    assert [c.search(word).ids.tolist() for word in ("old", "first", "second")] == [[], [], ["x"]]


def test_a_batch_that_cannot_be_written_fails_its_own_writer_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    db, c = opened()
    other = db.create_collection("other", fields=FIELDS)
    gate = Gate(db, monkeypatch)
    other._store.dropped = True
    results = gate.run(put(c, "a"), put(c, "b"), put(other, "lost"), put(c, "d"))
    assert [type(result) for result in results] == [type(None), type(None), rr.NotFound, type(None)]
    assert list(c.ids()) == ["a", "b", "d"]
    assert gate.writes == [1, 2]


@pytest.mark.parametrize("sticky", [False, True])
def test_a_disk_that_fills_up_amid_a_group_tells_each_writer_the_truth(
    monkeypatch: pytest.MonkeyPatch, *, sticky: bool
) -> None:
    crashing = CrashDirectory()
    directory = FaultDirectory(crashing)
    db, c = opened(directory)
    gate = Gate(db, monkeypatch)
    faults = directory.faults

    at = faults.count(FaultKind.SHORT_WRITE) + 2  # the write of the group behind
    faults.fault = Fault(FaultKind.SHORT_WRITE, at, sticky=sticky)
    results = gate.run(*(put(c, name) for name in "abcdef"))
    assert results[0] is None
    committed = [name for name, result in zip("abcdef", results, strict=True) if result is None]
    assert committed == ["a", "b", "c"]  # half of five frames of one size
    refused = [result for result in results if result is not None]
    assert [type(error) for error in refused] == [rr.NotCommitted] * 3
    assert len(set(map(id, refused))) == 3
    assert list(c.ids()) == committed
    with pytest.raises(rr.ReadOnlyError, match="resume"):
        put(c, "z")()
    with rr.open(crashing, mode="r") as reader:  # what is in the file, torn frame and all
        assert list(reader.get_collection("c").ids()) == committed
    faults.fault = None
    db.resume()
    put(c, "z")()
    db.close()
    with rr.open(directory) as again:
        assert sorted(again.get_collection("c").ids()) == [*committed, "z"]


def test_a_failing_sync_leaves_all_of_the_group_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    db, c = opened()
    gate = Gate(db, monkeypatch)
    sync, syncs = MemoryOutput.sync, []

    def failing(output: MemoryOutput) -> None:
        syncs.append(1)
        if len(syncs) == 2:
            raise OSError(5, "Input/output error")
        sync(output)

    monkeypatch.setattr(MemoryOutput, "sync", failing)
    results = gate.run(*(put(c, name) for name in "abcd"))
    assert results[0] is None
    assert [type(result) for result in results[1:]] == [rr.OutcomeUnknown] * 3
    assert len(set(map(id, results[1:]))) == 3
    with pytest.raises(rr.PoisonedError):
        put(c, "e")()


def test_where_writes_are_refused_meanwhile_each_of_the_group_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    db, c = opened()
    state, sync = db._engine.state, MemoryOutput.sync

    def refusing(output: MemoryOutput) -> None:
        sync(output)
        state.refuse_writes("the disk was full")

    gate = Gate(db, monkeypatch)
    monkeypatch.setattr(MemoryOutput, "sync", refusing)
    results = gate.run(*(put(c, name) for name in "abc"))
    assert [type(result) for result in results] == [type(None), rr.ReadOnlyError, rr.ReadOnlyError]
    assert results[1] is not results[2]
    assert list(c.ids()) == ["a"]


def test_a_group_that_outgrows_a_log_file_goes_on_in_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    directory = MemoryDirectory()
    db, c = opened(directory)
    gate = Gate(db, monkeypatch)
    assert db._engine.state.wal is not None
    db._engine.state.wal._segment_bytes = 400
    assert gate.run(*(put(c, name, "word " * 20) for name in "abcdef")) == [None] * 6
    assert sum(gate.writes) == 6
    assert len(gate.writes) > 2
    assert len(db._engine.state.wal.numbers) > 1
    with rr.open(directory, mode="r") as reader:
        assert list(reader.get_collection("c").ids()) == list("abcdef")


def test_who_fills_the_memtable_flushes_once_for_the_group(monkeypatch: pytest.MonkeyPatch) -> None:
    db, c = opened(flush_bytes=1_000)
    gate = Gate(db, monkeypatch)
    gate.run(*(put(c, name, "word " * 60) for name in "abcdef"))
    assert len(db._engine.state.manifest.collections[0].segments) == 1
    assert list(c.ids()) == list("abcdef")
