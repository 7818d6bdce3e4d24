"""Every state that a crash may leave recovers to a prefix of what was committed.

Short histories run on a directory that records its operations; then each state that a crash
could leave after each operation is opened. What is found must equal the state after some number
of commits: at least those that were acknowledged (durability "sync"), at most those begun.
"""

import random
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

import rank_retrieve as rr
from rank_retrieve.testing.crash_directory import Crash, CrashDirectory

FIELDS: dict[str, Any] = {"text": rr.Text(analyzer="simple"), "vector": rr.Vector(dim=2)}
State: TypeAlias = dict[str, dict[str, Any]]


def doc(name: str, version: int) -> dict[str, Any]:
    return {
        "id": name,
        "text": f"{name} {version} word",
        "vector": [version + 1.0, 1.0],
        "n": version,
    }


class History:
    """Runs operations on a database and on a dict, and marks each acknowledged commit."""

    def __init__(self, durability: Any = "sync") -> None:
        self.directory = CrashDirectory(zeros_bytes=64)
        self.durability = durability
        self.states: list[State] = [{}]
        self.version = 0
        self.db = self.open()
        self.directory.mark(0)
        self.create("c")

    def open(self) -> rr.Database:
        # a thread of its own would make other histories of the same operations
        return rr.open(self.directory, durability=self.durability, compaction="manual")

    def commit(self, change: Callable[[State], None], run: Callable[[], Any]) -> None:
        state = {name: dict(documents) for name, documents in self.states[-1].items()}
        change(state)
        # known before it runs: a crash in the middle may already show it
        self.states.append(state)
        run()
        self.directory.mark(len(self.states) - 1)

    def create(self, name: str) -> None:
        self.commit(
            lambda state: state.update({name: {}}),
            lambda: self.db.create_collection(name, fields=FIELDS),
        )

    def drop(self, name: str) -> None:
        self.commit(lambda state: state.pop(name), lambda: self.db.drop_collection(name))

    def write(self, puts: list[str], deletes: list[str]) -> None:
        self.version += 1
        documents = [doc(name, self.version) for name in puts]

        def change(state: State) -> None:
            for name in deletes:
                state["c"].pop(name, None)
            state["c"].update({d["id"]: d for d in documents})

        batch = rr.WriteBatch()
        for name in deletes:
            batch.delete(name)
        for document in documents:
            batch.put(document)
        self.commit(change, lambda: self.db.get_collection("c").write(batch))

    def reopen(self) -> None:
        self.db.close()
        self.db = self.open()

    def search(self) -> None:
        self.db.get_collection("c").search("word")


def recreate(history: History) -> None:
    history.drop("c")
    history.create("c")


OPERATIONS: dict[str, Callable[[History], None]] = {
    "put": lambda h: h.write(["a"], []),
    "put many": lambda h: h.write(["a", "b", "d"], []),
    "delete": lambda h: h.write([], ["a"]),
    "batch": lambda h: h.write(["b"], ["a", "nobody"]),
    "flush": lambda h: h.db.flush(),
    "compact": lambda h: h.db.compact(),
    "search": lambda h: h.search(),
    "sync": lambda h: h.db.sync(),
    "recreate": recreate,
    "reopen": lambda h: h.reopen(),
}


def contents(db: rr.Database) -> State:
    """What is stored, read through every structure."""
    state: State = {}
    for name in db.list_collections():
        collection = db.get_collection(name)
        documents = {d["id"]: d for d in collection.documents()}
        assert len(collection) == len(documents)
        assert set(collection.search("word", k=100).ids) == set(documents)
        assert set(collection.search(vector=[1, 1], k=100).ids) == set(documents)
        for document in documents.values():
            document["vector"] = document["vector"].tolist()
        state[name] = documents
    return state


def check(crash: Crash, states: list[State], at_least: int) -> None:
    with rr.open(crash.directory()) as db:
        found = contents(db)
    possible = states[at_least : at_least + 2]
    assert found in possible, f"after {crash.at} operations, {crash.label}: {found}"


def crashes(history: History, **options: Any) -> Iterator[Crash]:
    for crash in history.directory.crashes(**options):
        if crash.marks:  # before the first mark, the database may not exist yet
            yield crash


def run(names: tuple[str, ...]) -> History:
    history = History()
    for name in names:
        OPERATIONS[name](history)
    history.db.close()
    return history


@pytest.mark.parametrize("first", OPERATIONS)
def test_crashes_recover_to_a_prefix_that_holds_all_acknowledged_writes(first: str) -> None:
    """Sixty states of every history of two operations; the long tier takes them all."""
    rng = random.Random(first)
    n = 0
    for second in OPERATIONS:
        history = run(("put many", first, second))
        states = list(crashes(history))
        for crash in rng.sample(states, min(60, len(states))):
            check(crash, history.states, crash.marks[-1])
            n += 1
    assert n >= 400


@pytest.mark.reliability
@pytest.mark.parametrize("first", OPERATIONS)
@pytest.mark.parametrize("second", OPERATIONS)
def test_every_crash_recovers_to_a_prefix_that_holds_all_acknowledged_writes(
    first: str, second: str
) -> None:
    history = run(("put many", first, second))
    n = 0
    for crash in crashes(history):
        check(crash, history.states, crash.marks[-1])
        n += 1
    assert n >= 40


def test_a_crash_while_the_database_is_made_leaves_one_that_can_be_made() -> None:
    directory = CrashDirectory()
    rr.open(directory).close()
    for crash in directory.crashes():
        with rr.open(crash.directory()) as db:
            assert db.list_collections() == []


@pytest.mark.parametrize(
    "names",
    [("put many", "delete"), ("put", "flush", "batch"), ("put many", "flush", "delete", "compact")],
)
def test_a_crash_in_recovery_recovers_to_the_same_state(names: tuple[str, ...]) -> None:
    rng = random.Random(1)
    n = 0
    for crash in rng.sample(list(crashes(run(names))), 12):
        with rr.open(crash.directory()) as db:
            expected = contents(db)
        again = CrashDirectory(crash.files)
        rr.open(again).close()
        states = list(again.crashes())
        for second in rng.sample(states, min(20, len(states))):
            with rr.open(second.directory()) as db:
                assert contents(db) == expected, f"{crash.label}, then {second.label}"
            n += 1
    assert n >= 100


@pytest.mark.parametrize("durability", ["sync", "none"])
def test_a_crash_in_a_compaction_leaves_the_old_segments_or_the_new_one(durability: Any) -> None:
    """With deletes before it, and with deletes and puts that come while it runs."""
    history = History(durability)
    for names in (["a", "b", "d"], ["e", "f"], ["b", "g"]):
        history.write(names, [])
        history.db.flush()
    history.write([], ["e"])
    stages: list[str] = []

    def meanwhile(stage: str, done: int, total: int) -> None:
        if stage == "documents" and not stages:
            stages.append(stage)
            history.write(["a"], ["f"])
            history.db.flush()
            history.write(["h"], ["d"])

    history.db.get_collection("c").compact(meanwhile)
    assert stages
    history.db.close()
    states = list(crashes(history))
    for crash in random.Random(4).sample(states, 250):
        with rr.open(crash.directory()) as db:
            found = contents(db)
            assert db.verify().ok
        least = crash.marks[-1] if durability == "sync" else 0
        assert found in history.states[least : crash.marks[-1] + 2], crash.label


@pytest.mark.parametrize("durability", ["async", "none"])
def test_without_syncs_the_recovered_state_is_still_a_prefix(durability: Any) -> None:
    history = History(durability)
    for name in ("put many", "put", "flush", "batch", "delete", "compact", "put", "flush", "put"):
        OPERATIONS[name](history)
    history.db.close()
    states = list(crashes(history))
    for crash in random.Random(2).sample(states, 200):
        with rr.open(crash.directory()) as db:
            found = contents(db)
        assert found in history.states[: crash.marks[-1] + 2]


@pytest.mark.parametrize("durability", ["async", "none"])
def test_a_manifest_never_outruns_an_unsynced_log(durability: Any) -> None:
    """One collection is made and flushed alone while another has writes that nobody synced."""
    history = History(durability)
    history.write(["a"], [])
    history.create("other")
    history.write(["b"], [])
    history.db.get_collection("c").flush()
    history.commit(
        lambda state: state["other"].update({"x": doc("x", 9)}),
        lambda: history.db.get_collection("other").put(doc("x", 9)),
    )
    history.write(["d"], [])
    history.db.get_collection("c").flush()
    for crash in crashes(history):
        with rr.open(crash.directory()) as db:
            assert contents(db) in history.states[: crash.marks[-1] + 2]
