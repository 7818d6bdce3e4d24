"""A handle that threads share: its state is touched under its lock only, in every call."""

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.collection import checkpoint, compaction, database, engine, reports
from rank_retrieve.collection.compaction import Compaction
from rank_retrieve.collection.database import Database
from rank_retrieve.collection.memtable_segment import LazySections
from rank_retrieve.collection.store import CollectionStore
from rank_retrieve.errors import ResourceExhausted
from rank_retrieve.persistence import MemoryDirectory
from rank_retrieve.testing.fault_directory import Fault, FaultDirectory, FaultKind
from tests.mutants.guarding import Guarded, OwnedLock

FIELDS: dict[str, Any] = {"text": rr.Text(analyzer="simple"), "vector": rr.Vector(dim=2)}
STORE_CALLS = (
    "apply", "check_there", "contains", "flushed", "get", "let_go", "merged", "prepare", "visible",
    "__len__",
)  # fmt: skip


class GuardedDict(dict[Any, Any]):
    """Collections by name, as one handle has them."""

    def __init__(self, guarded: Guarded, contents: dict[Any, Any]) -> None:
        super().__init__(contents)
        self.guarded = guarded

    def __contains__(self, key: object) -> bool:
        self.guarded.check("stores")
        return super().__contains__(key)

    def __iter__(self) -> Iterator[Any]:
        self.guarded.check("stores")
        return super().__iter__()

    def values(self) -> Any:
        self.guarded.check("stores")
        return super().values()


def document(number: int) -> dict[str, Any]:
    return {"id": str(number), "text": f"word {number}", "vector": [1.0, number]}


def filled(db: Database) -> rr.Collection:
    collection = db.create_collection("c", fields=FIELDS)
    for number in range(6):
        collection.put(document(number))
        if number % 2:
            db.flush()
    return collection


def opened(place: Any = None, **options: Any) -> Database:
    options = {"compaction": "manual", **options}
    return rr.open(MemoryDirectory() if place is None else place, **options)


def guard(
    db: Database, monkeypatch: pytest.MonkeyPatch, *, store_calls: tuple[str, ...] = STORE_CALLS
) -> Guarded:
    """Watch everything that the lock of a handle guards."""
    guarded = Guarded(OwnedLock(reentrant=True))
    db._engine.state.lock = guarded.lock  # type: ignore[assignment]
    guarded.calls(monkeypatch, CollectionStore, *store_calls)
    guarded.calls(monkeypatch, db._engine.publisher, "publish")
    guarded.calls(monkeypatch, db._engine.log, "append")
    guarded.calls(monkeypatch, db._engine.encoders, "write", "attach")
    guarded.calls(monkeypatch, database, "database_info")
    guarded.calls(monkeypatch, engine, "open_files")
    guarded.calls(monkeypatch, reports, "list_readers")
    guarded.calls(monkeypatch, "rank_retrieve.collection.collection", "collection_info")
    guarded.calls(monkeypatch, "rank_retrieve.collection.observing", "collection_info")
    return guarded


def drop(db: Database) -> None:
    collection = db.get_collection("c")
    db.drop_collection("c")
    with pytest.raises(rr.NotFound):
        collection.get("1")


def encode(db: Database) -> None:
    collection = db.create_collection("e", {"text": rr.Text()}, encoder=rr.LSAEncoder(dim=2))
    collection.put_many({"id": str(n), "text": f"some words {n} {n % 3}"} for n in range(8))
    assert collection.fit_encoder() == 8
    collection.search("words")


CALLS: dict[str, Callable[[Database], Any]] = {
    "create_collection": lambda db: db.create_collection("d", fields=FIELDS),
    "get_collection": lambda db: db.get_collection("c"),
    "list_collections": lambda db: db.list_collections(),
    "contains": lambda db: "c" in db,
    "drop_collection": drop,
    "put": lambda db: db.get_collection("c").put(document(9)),
    "delete": lambda db: db.get_collection("c").delete("1"),
    "get": lambda db: db.get_collection("c").get("1"),
    "in": lambda db: "1" in db.get_collection("c"),
    "len": lambda db: len(db.get_collection("c")),
    "info": lambda db: (db.info(), db.get_collection("c").info()),
    "readers": lambda db: db.readers(),
    "search": lambda db: db.get_collection("c").search("word", vector=[1, 1]),
    "snapshot": lambda db: db.get_collection("c").snapshot().search("word"),
    "documents": lambda db: list(db.get_collection("c").documents()),
    "flush": lambda db: (db.get_collection("c").put(document(9)), db.flush()),
    "sync": lambda db: db.sync(),
    "verify": lambda db: db._engine.verify(lambda: list(db._engine.state.stores.values())),
    "update": lambda db: db.get_collection("c").update("1", {"n": 1}),
    "delete_where": lambda db: db.get_collection("c").delete(where={"id": "1"}),
    "search_across": lambda db: db.search("word"),
    "metrics": lambda db: db.metrics(),
    "compact": lambda db: db.compact(),
    "fit_encoder": encode,
}


@pytest.mark.parametrize("name", CALLS)
def test_every_call_touches_the_collections_under_the_lock(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened() as db:
        filled(db)
        guarded = guard(db, monkeypatch)
        plain = db._engine.state.stores
        db._engine.state.stores = GuardedDict(guarded, plain)
        CALLS[name](db)
        assert not guarded.missed
        monkeypatch.undo()
        db._engine.state.stores = dict(db._engine.state.stores.items())


def test_checkpoints_are_made_listed_and_dropped_under_the_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path / "db") as db:
        filled(db)
        guarded = guard(db, monkeypatch)
        guarded.calls(monkeypatch, checkpoint, "fill_checkpoint", "remove_checkpoint")
        listing = "rank_retrieve.persistence.checkpoints"
        guarded.calls(monkeypatch, listing, "list_checkpoints")
        db.checkpoint("kept")
        assert [info.name for info in db.checkpoints()] == ["kept"]
        db.drop_checkpoint("kept")
        seen = {"fill_checkpoint", "remove_checkpoint", "list_checkpoints"}
        assert seen <= guarded.seen
        assert not guarded.missed


def test_a_handle_is_closed_under_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    db = opened()
    filled(db)
    guarded = guard(db, monkeypatch)
    guarded.calls(monkeypatch, db._engine.state.wal, "close")
    db.close()
    assert {"close", "let_go"} <= guarded.seen
    assert not guarded.missed


def test_a_full_disk_is_noted_and_resumed_from_under_the_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    directory = FaultDirectory(MemoryDirectory())
    db = opened(directory)
    filled(db)
    guarded = guard(db, monkeypatch)
    guarded.calls(monkeypatch, db._engine.state.wal, "resume")
    guarded.attributes(db._engine.state, "refusal")
    directory.fault = Fault(FaultKind.ENOSPC, directory.count(FaultKind.ENOSPC) + 1)
    with pytest.raises(rr.NotCommitted):
        db.get_collection("c").put(document(9))
    db.resume()
    db._engine.state.refuse_writes("from a flush behind a write, without the lock")
    db.resume()
    assert {"resume", "State.refusal"} <= guarded.seen
    assert not guarded.missed
    db.close()


def test_a_handle_that_is_closed_or_a_collection_that_is_gone_is_not_synced_or_flushed() -> None:
    db = opened()
    collection = filled(db)
    db.drop_collection("c")
    with pytest.raises(rr.NotFound):
        collection.flush()
    with opened() as other:
        reader = rr.open(other._engine.state.directory, mode="r")
        with pytest.raises(rr.ReadOnlyError):
            reader.sync()
        reader.close()
    db.close()


# --------------------------------------------------------------------------- reading handles


@pytest.mark.parametrize("flush", [False, True])
def test_a_reading_handle_is_refreshed_under_both_of_its_locks(
    flush: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(tmp_path / "db") as writer:
        filled(writer)
        db = rr.open(tmp_path / "db", mode="r")
        writer.get_collection("c").put(document(9))
        if flush:
            writer.flush()
        guarded = guard(db, monkeypatch, store_calls=("let_go",) if flush else STORE_CALLS)
        guarded.attributes(db._engine.state, "stores")
        follower = db._engine.follower
        assert follower is not None
        refreshing = Guarded(OwnedLock())
        follower._one_at_a_time = refreshing.lock  # type: ignore[assignment]
        refreshing.calls(monkeypatch, follower, "_follow", "release")
        if follower._mark is not None:
            guarded.calls(monkeypatch, follower._mark, "move")
        try:
            assert db.refresh()
            assert "9" in db.get_collection("c")
            db.close()
        finally:
            monkeypatch.undo()  # the writer is not watched
        assert not guarded.missed
        assert not refreshing.missed
        assert refreshing.seen == {"_follow", "release"}
        assert "State.stores" in guarded.seen


# --------------------------------------------------------------------------- compaction


class Eager:
    """Merges whatever there is."""

    def next_merge(self, sizes: Sequence[Any]) -> range | None:
        return range(len(sizes)) if sizes else None


class Background:
    """Runs a piece of a compaction in a thread that is its background thread."""

    def __init__(self, merges: Compaction) -> None:
        self.merges = merges
        self.errors: list[BaseException] = []

    def run(self, action: Callable[[], Any]) -> None:
        def work() -> None:
            try:
                action()
            except BaseException as error:  # noqa: BLE001 - told by `errors`
                self.errors.append(error)

        thread = threading.Thread(target=work)
        vars(self.merges)["_thread"] = thread
        thread.start()
        thread.join(20)
        assert not thread.is_alive()
        assert self.errors == []


def watched_thread(merges: Compaction) -> Guarded:
    """Watches who sets the thread, and everything about the wish for one."""
    guarded = Guarded(OwnedLock())
    merges._mutex = guarded.lock  # type: ignore[assignment]
    guarded.attributes(merges, "_woken")

    class Watched(type(merges)):  # type: ignore[misc]
        @property
        def _thread(self) -> threading.Thread | None:
            found: threading.Thread | None = vars(self)["_thread"]
            return found

        @_thread.setter
        def _thread(self, thread: threading.Thread | None) -> None:
            guarded.check("_thread")
            vars(self)["_thread"] = thread

    merges.__class__ = Watched
    return guarded


def test_the_background_thread_is_started_and_ended_under_the_mutex(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with opened(compaction="background") as db:
        merges = db._engine.compaction
        merges.policy = Eager()  # type: ignore[assignment]
        merged: list[CollectionStore] = []
        monkeypatch.setattr(merges, "_merge_next", lambda store: merged.append(store))
        guarded = watched_thread(merges)
        filled(db)
        merges.wait()
        assert merged
        assert guarded.seen == {"_thread", "Compaction._woken"}
        assert not guarded.missed


def test_a_background_thread_that_gives_up_is_forgotten_under_the_mutex(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with opened(compaction="background") as db:
        merges = db._engine.compaction

        def full(store: CollectionStore) -> bool:
            raise ResourceExhausted("disk", "no space", "free some")

        merges.policy = Eager()  # type: ignore[assignment]
        monkeypatch.setattr(merges, "_merge_next", full)
        guarded = watched_thread(merges)
        filled(db)
        merges.wait()
        assert vars(merges)["_thread"] is None
        assert not guarded.missed


def test_a_thread_is_only_waited_for_once_it_was_started(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for it between its making and its start has to wait for the mutex."""
    errors: list[BaseException] = []
    tried = threading.Event()
    starting = threading.Thread.start

    class Announced(OwnedLock):
        def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
            if threading.current_thread() is waiting:
                tried.set()
            return super().acquire(blocking, timeout)

    def wait() -> None:
        try:
            merges.wait()
        except RuntimeError as error:
            errors.append(error)
        tried.set()

    def start(thread: threading.Thread) -> None:
        if thread.name == "rank-retrieve-compaction" and not waiting.ident:
            starting(waiting)
            assert tried.wait(20)
        starting(thread)

    waiting = threading.Thread(target=wait)
    with opened(compaction="background") as db:
        merges = db._engine.compaction
        merges.policy = Eager()  # type: ignore[assignment]
        merges._mutex = Announced()  # type: ignore[assignment]
        monkeypatch.setattr(merges, "_merge_next", lambda store: False)
        monkeypatch.setattr(threading.Thread, "start", start)
        filled(db)
        waiting.join(20)
        assert tried.is_set()
    assert errors == []


def test_one_merge_runs_at_a_time_by_hand_and_in_the_background(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with opened() as db:
        collection = filled(db)
        merges = db._engine.compaction
        guarded = Guarded(OwnedLock(reentrant=True))
        merges._one_at_a_time = guarded.lock  # type: ignore[assignment]
        guarded.calls(monkeypatch, merges, "_begin", "_run")
        collection.compact()
        assert guarded.seen == {"_begin", "_run"}
        guarded.seen.clear()
        filled_again = db.create_collection("d", fields=FIELDS)
        for number in range(2):
            filled_again.put(document(number))
            db.flush()
        merges.policy = Eager()  # type: ignore[assignment]
        Background(merges).run(lambda: merges._merge_next(filled_again._store))
        assert guarded.seen == {"_begin", "_run"}
        assert not guarded.missed


@pytest.mark.parametrize("background", [False, True])
def test_a_merge_is_begun_and_published_under_the_lock(
    background: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened() as db:
        store = filled(db)._store
        merges = db._engine.compaction
        guarded = guard(db, monkeypatch)
        guarded.calls(monkeypatch, compaction.DiskSegment, "live_now")
        guarded.calls(monkeypatch, merges, "_publish")
        if background:
            # `locked_for` would wait without an end for who waits for this thread to end
            guarded.calls(monkeypatch, db._engine.state, "locked_for")
            merges.policy = Eager()  # type: ignore[assignment]
            Background(merges).run(lambda: merges._merge_next(store))
            monkeypatch.delattr(db._engine.state, "locked_for")
        else:
            merges.compact(store, None)
        assert {"live_now", "_publish"} <= guarded.seen
        assert not guarded.missed


@pytest.mark.parametrize("background", [False, True])
def test_a_lock_that_is_waited_for_patiently_is_held(background: bool) -> None:
    with opened() as db:
        merges = db._engine.compaction
        lock = OwnedLock(reentrant=True)

        def hold() -> None:
            with merges._patiently(lock):  # type: ignore[arg-type]
                assert lock.mine
            assert not lock.mine

        if background:
            Background(merges).run(hold)
        else:
            hold()


def test_the_background_thread_looks_for_collections_under_the_lock(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with opened() as db:
        merges = db._engine.compaction
        filled(db)
        guarded = guard(db, monkeypatch, store_calls=())
        db._engine.state.stores = GuardedDict(guarded, db._engine.state.stores)
        monkeypatch.setattr(merges, "_merge_next", lambda store: False)
        merges._woken = True
        Background(merges).run(merges._work)
        assert guarded.seen == {"stores"}
        db._engine.state.stores = dict(db._engine.state.stores.items())


def test_closing_waits_for_the_merge_of_another_thread_to_end() -> None:
    db = opened()
    collection = filled(db)
    tried, ended = threading.Event(), threading.Event()
    closed: list[bool] = []

    class Announced(OwnedLock):
        def acquire(self, blocking: bool = True, timeout: float = -1) -> bool:
            if threading.current_thread() is closing:
                tried.set()
            return super().acquire(blocking, timeout)

    def progress(stage: str, done: int, total: int) -> None:
        if not closing.ident:
            closing.start()
            while not tried.is_set() and not ended.is_set():
                tried.wait(0.01)
            closed.append(ended.is_set())

    def close() -> None:
        db.close()
        ended.set()

    closing = threading.Thread(target=close)
    db._engine.compaction._one_at_a_time = Announced(reentrant=True)  # type: ignore[assignment]
    with pytest.raises(rr.InvalidArgument, match="was closed during a compaction"):
        collection.compact(progress)
    closing.join(20)
    assert ended.is_set()
    assert closed == [False]


# --------------------------------------------------------------------------- caches


def test_blocks_of_documents_are_cached_under_a_lock() -> None:
    with opened() as db:
        collection = filled(db)
        blocks = collection._store.disk[0].visible.segment.bodies
        guarded = Guarded(OwnedLock())
        blocks._lock = guarded.lock  # type: ignore[union-attr]
        guarded.attributes(blocks, "_cache")
        for _ in range(2):
            blocks.body(0)
        assert guarded.seen == {"DocumentStore._cache"}
        assert not guarded.missed


def test_a_structure_of_a_segment_is_opened_once_under_its_lock() -> None:
    with opened() as db:
        segment = filled(db)._store.disk[0].visible.segment
        guarded = Guarded(OwnedLock())
        segment._lock = guarded.lock  # type: ignore[assignment]
        made = [segment._once("x", lambda: guarded.check("x") or len(guarded.seen)) for _ in "ab"]
        assert made == [1, 1]
        assert not guarded.missed


def test_sections_in_memory_are_made_once_under_their_lock() -> None:
    sections = LazySections("x")
    guarded = Guarded(OwnedLock())
    sections._lock = guarded.lock  # type: ignore[assignment]
    sections.add_later("a", lambda sink: (guarded.check("a"), sink.add("a", b"1"))[1])
    assert bytes(sections.section("a")) == b"1"
    assert "a" in sections
    assert guarded.seen == {"a"}
    assert not guarded.missed
