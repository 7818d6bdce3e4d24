"""State that threads share is touched under its lock only."""

import threading
import weakref
from typing import Any

import pytest

from rank_retrieve.persistence import group_commit, lock
from rank_retrieve.persistence.directory import FSDirectory
from rank_retrieve.persistence.group_commit import GroupCommit
from rank_retrieve.persistence.memory_directory import MemoryDirectory
from rank_retrieve.persistence.wal import FrameType, WriteAheadLog
from rank_retrieve.testing.fault_directory import Fault, FaultDirectory, FaultKind
from tests.mutants.guarding import Guarded, OwnedLock, UnguardedError

ID = b"0123456789abcdef"


def guarded_memory(files: dict[str, bytes] | None = None) -> tuple[MemoryDirectory, Guarded]:
    directory = MemoryDirectory(files)
    guarded = Guarded(OwnedLock(reentrant=True))
    directory._mutex = guarded.lock  # type: ignore[assignment]
    guarded.attributes(directory, "_files", "_folders", "_held")
    return directory, guarded


MEMORY_CALLS = {
    "files": lambda directory: directory.files(),
    "cut": lambda directory: directory.cut("a", 1),
    "create": lambda directory: directory.create("b"),
    "open": lambda directory: directory.open("a"),
    "read": lambda directory: directory.read("a", 10),
    "size": lambda directory: directory.size("a"),
    "exists": lambda directory: directory.exists("a"),
    "list": lambda directory: directory.list(),
    "rename": lambda directory: directory.rename("a", "b"),
    "delete": lambda directory: directory.delete("a"),
    "sync": lambda directory: directory.sync("a"),
    "lock": lambda directory: directory.lock("lock", "x"),
    "unlock": lambda directory: directory.lock("lock", "x").release(),
    "folder": lambda directory: directory.folder("inner"),
    "folders": lambda directory: directory.folders(),
    "remove_folder": lambda directory: directory.remove_folder("inner"),
    "link": lambda directory: directory.link("a", MemoryDirectory()),
    "link to": lambda directory: MemoryDirectory({"x": b"1"}).link("x", directory),
}


@pytest.mark.parametrize("name", MEMORY_CALLS)
def test_a_memory_directory_is_read_and_changed_under_its_mutex(name: str) -> None:
    directory, guarded = guarded_memory({"a": b"contents", "inner/": b""})
    MEMORY_CALLS[name](directory)
    assert guarded.seen
    assert not guarded.missed


def test_a_folder_in_memory_is_found_to_be_empty_under_its_own_mutex() -> None:
    directory = MemoryDirectory()
    inner, guarded = guarded_memory()
    directory._folders["inner"] = inner
    directory.remove_folder("inner")
    assert directory.folders() == []
    assert guarded.seen == {"MemoryDirectory._files", "MemoryDirectory._folders"}
    assert not guarded.missed


def test_touching_a_memory_directory_without_its_mutex_is_seen() -> None:
    directory, _ = guarded_memory()
    with pytest.raises(UnguardedError, match="_files"):
        directory._files["a"]


def guarded_group() -> tuple[GroupCommit, Guarded]:
    group = GroupCommit()
    guarded = Guarded(OwnedLock())
    group._mutex = guarded.lock  # type: ignore[assignment]
    guarded.attributes(group, "_waiters")
    return group, guarded


def test_waiters_for_a_sync_queue_up_and_leave_under_the_mutex() -> None:
    group, guarded = guarded_group()
    group.__dict__["_leader"] = -1  # somebody else's turn

    def commit() -> None:
        with group.lead(1) as leads:
            assert leads

    thread = threading.Thread(target=commit)
    thread.start()
    while not group.__dict__["_waiters"] and not guarded.missed:
        pass
    group._leave()
    thread.join(10)
    assert not thread.is_alive()
    assert not guarded.missed


def test_nobody_leads_beside_a_leader() -> None:
    """Two who come at once: the second looks who leads while the first is about to."""
    group = GroupCommit()
    group._mutex = mutex = OwnedLock()  # type: ignore[assignment]
    looked: list[bool] = []

    class Watched(GroupCommit):
        @property
        def _leader(self) -> int | None:
            looked.append(mutex.mine)
            return vars(self)["_leader"]

        @_leader.setter
        def _leader(self, value: int | None) -> None:
            vars(self)["_leader"] = value

    group.__class__ = Watched
    assert group._enter(1)
    assert looked == [True]
    group._leave()


def test_an_interrupted_waiter_leaves_the_queue_under_the_mutex(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Turn:
        def acquire(self) -> None:
            raise KeyboardInterrupt

    class Waiter:
        def __init__(self, lsn: int) -> None:
            self.lsn, self.leads, self.turn = lsn, False, Turn()

    monkeypatch.setattr(group_commit, "_Waiter", Waiter)
    group, guarded = guarded_group()
    group.__dict__["_leader"] = -1
    with pytest.raises(KeyboardInterrupt), group.lead(1):
        pass
    assert group.__dict__["_waiters"] == []
    assert not guarded.missed


def guarded_log(
    directory: Any, monkeypatch: pytest.MonkeyPatch
) -> tuple[WriteAheadLog, Guarded, list[str]]:
    """A log that notes what is done to it by threads that do not lead, and without its lock."""
    log = WriteAheadLog.create(directory, database_id=ID, number=1, next_lsn=1)
    guarded = Guarded(OwnedLock())
    log._append_lock = guarded.lock  # type: ignore[assignment]
    guarded.calls(monkeypatch, log, "_append", "_rotate", "_start_next_file")
    followed: list[str] = []

    def leading(name: str) -> None:
        call = getattr(log, name)

        def checked() -> None:
            if log._group._leader != threading.get_ident():
                followed.append(name)
            call()

        monkeypatch.setattr(log, name, checked)

    leading("_sync_file")
    leading("_start_next_file")
    return log, guarded, followed


def close_with_a_rest(log: WriteAheadLog) -> None:
    log.append(FrameType.BATCH, b"rest")
    log.close()


LOG_CALLS = {
    "append": lambda log: log.append(FrameType.BATCH, b"body"),
    "sync": lambda log: log.sync(log.append(FrameType.BATCH, b"body")),
    "rotate": lambda log: (log.append(FrameType.BATCH, b"body"), log.rotate()),
    "close": close_with_a_rest,
}


@pytest.mark.parametrize("name", LOG_CALLS)
def test_frames_are_appended_under_the_lock_and_synced_by_the_leader(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, guarded, followed = guarded_log(MemoryDirectory(), monkeypatch)
    LOG_CALLS[name](log)
    assert guarded.seen
    assert not guarded.missed
    assert not followed


def test_a_full_log_is_resumed_under_the_lock_by_the_leader(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    directory = FaultDirectory(MemoryDirectory())
    log, guarded, followed = guarded_log(directory, monkeypatch)
    directory.fault = Fault(FaultKind.ENOSPC, directory.count(FaultKind.ENOSPC) + 1)
    with pytest.raises(OSError, match="space"):
        log.append(FrameType.BATCH, b"refused")
    log.resume()
    assert "_start_next_file" in guarded.seen
    assert not guarded.missed
    assert not followed


def test_who_holds_which_directory_is_looked_up_and_noted_under_the_mutex(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    import portalocker

    guarded = Guarded(OwnedLock(reentrant=True))

    class Held(weakref.WeakValueDictionary[Any, Any]):
        def __contains__(self, key: object) -> bool:
            guarded.check("looked up")
            return super().__contains__(key)

        def __setitem__(self, key: Any, value: Any) -> None:
            guarded.check("noted")
            super().__setitem__(key, value)

        def pop(self, key: Any, *default: Any) -> Any:
            guarded.check("forgotten")
            return super().pop(key, *default)

    monkeypatch.setattr(lock, "_mutex", guarded.lock)
    monkeypatch.setattr(lock, "_held", Held())
    guarded.calls(monkeypatch, portalocker, "lock", "unlock")
    FSDirectory(tmp_path).lock("lock", "x").release()
    assert guarded.seen == {"looked up", "noted", "forgotten", "lock", "unlock"}
    assert not guarded.missed


def test_only_the_leader_syncs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also without anybody to wait for."""
    log, _, followed = guarded_log(MemoryDirectory(), monkeypatch)
    log.sync(log.append(FrameType.BATCH, b"body"))
    assert log.durable_lsn == 1
    assert not followed
