"""Short histories of operations, run on a directory that records what is done to it.

A history knows what must be found after a crash at any of its moments: `states` holds the contents
after each commit, in order, and the marks in the record say how many commits and checkpoints were
acknowledged by then, and how many commits were durable. `enumeration.check_sequences` opens the
states and judges them.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import rank_retrieve as rr
from rank_retrieve.collection.checkpoint import make_checkpoint
from rank_retrieve.persistence import MemoryDirectory
from rank_retrieve.persistence import manifest as manifests
from rank_retrieve.persistence.manifest import Manifest
from rank_retrieve.persistence.wal import WriteAheadLog
from rank_retrieve.testing.crash_directory import CrashDirectory

FIELDS: dict[str, Any] = {"text": rr.Text(analyzer="simple"), "vector": rr.Vector(dim=2)}
COLLECTION = "c"
NEVER_S = 3599.0  # an interval that no history outlives: threads would make histories differ

Documents: TypeAlias = tuple[tuple[str, int], ...]
"""Id and version of each live document, in order of insertion."""

State: TypeAlias = dict[str, Documents]
"""Documents by collection."""

Start: TypeAlias = Literal["empty", "used"]
Durability: TypeAlias = Literal["sync", "group", "async", "none"]

STARTS: tuple[Start, ...] = ("empty", "used")


class Moment(NamedTuple):
    """What was acknowledged: commits, how many of them durably, and checkpoints."""

    durable: int
    committed: int
    checkpoints: int


def document(name: str, version: int) -> dict[str, Any]:
    """What a version of a document looks like, in every kind of field."""
    return {
        "id": name,
        "text": " ".join([name, f"v{version}", *["word"] * (1 + version % 3)]),
        "vector": [version + 1.0, float(len(name)) + ord(name[0]) % 7],
        "n": version,
    }


def open_database(directory: Any, mode: Literal["r", "w"] = "w", **options: Any) -> rr.Database:
    """Without threads of its own, so that equal operations make equal histories."""
    return rr.open(directory, mode, compaction="manual", sync_interval_s=NEVER_S, **options)


@dataclass(frozen=True)
class Kept:
    """A checkpoint, and what it must hold."""

    name: str
    state: State


class History:
    """Runs operations on a database and on lists, and marks each acknowledged one."""

    def __init__(self, start: Start = "empty", durability: Durability = "sync") -> None:
        self.directory = CrashDirectory(_start_files(start), zeros_bytes=64)
        self.durability = durability
        self.states: list[State] = [_START_STATES[start]]
        self.kept: list[Kept] = []
        self._views: list[tuple[Any, Documents]] = []
        self._version = 10
        self._durable = self._acknowledged = 0
        self.db = open_database(self.directory, durability=durability)
        self._mark()
        if start == "used":
            self.put(["e"])  # something that is in the log only
        self.begun = len(self.directory.log)
        """How long the record was when the latest operation began."""

    def run(self, operation: str) -> None:
        """One of `OPERATIONS`."""
        self.begun = len(self.directory.log)
        OPERATIONS[operation](self)

    def close(self) -> None:
        """Look at the snapshots once more, then close the database."""
        self.check_views()
        self.db.close()
        self.settle()

    @property
    def collection(self) -> rr.Collection:
        """The one that everything happens to."""
        return self.db.get_collection(COLLECTION)

    @property
    def documents(self) -> Documents:
        """What is in it now."""
        return self.states[-1][COLLECTION]

    # ------------------------------------------------------------------ marks

    def _mark(self) -> None:
        done = len(self.states) - 1
        if self.durability in ("sync", "group"):
            self._durable = done
        moment = Moment(self._durable, done, self._acknowledged)
        self.directory.mark(moment)

    def settle(self) -> None:
        """Everything committed so far is durable now, whatever the durability."""
        if self._durable != len(self.states) - 1:
            self._durable = len(self.states) - 1
            self._mark()

    def commit(self, state: State, action: Callable[[], Any]) -> None:
        """An action that makes this the next state."""
        # known before it runs: a crash in the middle may already show it
        self.states.append(state)
        action()
        self._mark()

    # ------------------------------------------------------------------ operations

    def _changed(self, puts: Sequence[str], deletes: Sequence[str] = ()) -> State:
        gone = {*puts, *deletes}
        kept = [entry for entry in self.documents if entry[0] not in gone]
        return {COLLECTION: (*kept, *((name, self._version) for name in puts))}

    def _new(self, names: Sequence[str]) -> list[dict[str, Any]]:
        self._version += 1
        return [document(name, self._version) for name in names]

    def put(self, names: Sequence[str]) -> None:
        """One call for one document, or `put_many`."""
        documents = self._new(names)
        write = self.collection.put_many if len(names) > 1 else self.collection.put
        argument: Any = documents if len(names) > 1 else documents[0]
        self.commit(self._changed(names), lambda: write(argument))

    def delete(self, name: str) -> None:
        """Of an id that may be there or not."""
        there = any(identity == name for identity, _ in self.documents)
        if there:
            self.commit(self._changed([], [name]), lambda: self.collection.delete(name))
        else:
            assert self.collection.delete(name) is False

    def write_batch(self) -> None:
        """Deletes, one of them of nothing, and puts, one of them twice."""
        new, newer, other = *self._new(["b"]), *self._new(["b"]), *self._new(["g"])
        other["n"] = self._version
        batch = rr.WriteBatch().put(new).delete("a").delete("nobody").put(newer).put(other)
        state = self._changed([], ["a", "b", "g"])
        documents = (*state[COLLECTION], ("b", newer["n"]), ("g", other["n"]))
        self.commit({COLLECTION: documents}, lambda: self.collection.write(batch))

    def checkpoint(self) -> None:
        """Under a new name each time."""
        kept = Kept(f"kept{len(self.kept)}", self.states[-1])
        self.kept.append(kept)
        # `Database.checkpoint`, but at a time that is always the same
        make_checkpoint(self.db._engine, kept.name, clock=lambda: 1_000.0 + len(self.kept))
        self._acknowledged += 1
        self._durable = len(self.states) - 1
        self._mark()

    def snapshot(self) -> None:
        """Read through a snapshot that is looked at again when the database is closed."""
        view = self.collection.snapshot()
        self._views.append((view, self.documents))
        check_view(view, self.documents)

    def check_views(self) -> None:
        """Every snapshot still shows what it showed; they end with their database."""
        for view, documents in self._views:
            check_view(view, documents)
            view.close()
        self._views.clear()

    def recreate(self) -> None:
        """Drop the collection, and make one of the same name."""
        self.commit({}, lambda: self.db.drop_collection(COLLECTION))
        self.commit({COLLECTION: ()}, lambda: self.db.create_collection(COLLECTION, fields=FIELDS))
        self.settle()

    def reopen(self) -> None:
        """Close and open."""
        self.close()
        self.db = open_database(self.directory, durability=self.durability)

    def durably(self, action: Callable[[], Any]) -> None:
        """Something after which all is durable that was committed before."""
        action()
        self.settle()


OPERATIONS: dict[str, Callable[[History], None]] = {
    "put": lambda h: h.put(["a"]),
    "put many": lambda h: h.put(["a", "b", "d"]),
    "delete": lambda h: h.delete("a"),
    "write batch": lambda h: h.write_batch(),
    "flush": lambda h: h.durably(h.db.flush),
    "sync": lambda h: h.durably(h.db.sync),
    "compact": lambda h: h.durably(h.db.compact),
    "checkpoint": lambda h: h.checkpoint(),
    "snapshot and read": lambda h: h.snapshot(),
    "reopen": lambda h: h.reopen(),
    "drop and create": lambda h: h.recreate(),
    "delete missing": lambda h: h.delete("nobody"),
}

Sequence3: TypeAlias = tuple[str, ...]


def all_sequences(longest: int = 3) -> list[Sequence3]:
    """Every sequence of one to `longest` operations: 12 + 144 + 1,728 of up to three."""
    return [
        sequence
        for length in range(1, longest + 1)
        for sequence in itertools.product(OPERATIONS, repeat=length)
    ]


def run(
    sequence: Sequence[str], start: Start = "empty", durability: Durability = "sync"
) -> History:
    """The history of a sequence, closed. Its `begun` is where the last operation began."""
    history = History(start, durability)
    for operation in sequence:
        history.run(operation)
    history.close()
    return history


# --------------------------------------------------------------------------- reading


def answers(view: Any) -> tuple[Any, ...]:
    """What every structure says: ids, terms with exact scores, vectors, columns, look-ups."""
    lexical = view.search("word a v12", k=100)
    dense = view.search(vector=[1.0, 2.0], k=100, where={"n": {"$gte": 2}})
    return (
        len(view),
        lexical.ids.tolist(),
        lexical.scores.tobytes(),
        dense.ids.tolist(),
        dense.scores.tobytes(),
        "a" in view,
        "nobody" in view,
    )


@functools.lru_cache(maxsize=100_000)
def expected_answers(documents: Documents) -> tuple[Any, ...]:
    """Those of a fresh collection with these documents."""
    with open_database(":memory:") as db:
        collection = db.create_collection(COLLECTION, fields=FIELDS)
        collection.put_many(document(name, version) for name, version in documents)
        return answers(collection)


@functools.lru_cache(maxsize=100_000)
def _stored(name: str, version: int) -> dict[str, Any]:
    return document(name, version)


def read_view(view: Any) -> Documents:
    """What a collection or snapshot holds. AssertionError when its structures disagree."""
    found = []
    for stored in view.documents():
        stored["vector"] = stored["vector"].tolist()
        assert stored == _stored(stored["id"], stored["n"]), stored
        found.append((stored["id"], stored["n"]))
    documents = tuple(found)
    assert answers(view) == expected_answers(documents), f"structures disagree on {documents}"
    return documents


def check_view(view: Any, documents: Documents) -> None:
    """A collection or snapshot holds exactly these."""
    found = read_view(view)
    assert found == documents, f"found {found} in place of {documents}"


def read(db: rr.Database) -> State:
    """What is stored, read through every structure."""
    return {name: read_view(db.get_collection(name)) for name in db.list_collections()}


def check_ids(db: rr.Database, state: State) -> None:
    """These collections with these ids are there; a quick look, without an index."""
    assert db.list_collections() == sorted(state)
    for name, documents in state.items():
        collection = db.get_collection(name)
        assert len(collection) == len(documents)
        assert all(identity in collection for identity, _ in documents), documents


# --------------------------------------------------------------------------- starts


@functools.cache
def _start_files(start: Start) -> dict[str, bytes]:
    directory = MemoryDirectory()
    # a database as opening an empty directory makes it, but with an id that is always the same
    database_id = b"reliability test"
    WriteAheadLog.create(directory, database_id=database_id, number=1, next_lsn=1).close()
    manifests.publish(directory, Manifest(database_id))
    with open_database(directory) as db:
        collection = db.create_collection(COLLECTION, fields=FIELDS)
        if start == "used":
            collection.put_many(document(name, 1) for name in "abdf")
            db.flush()
            collection.delete("f")
            db.flush()
            collection.put(document("b", 2))
    return {name: contents for name, contents in directory.files().items() if name != "lock"}


_START_STATES: dict[Start, State] = {
    "empty": {COLLECTION: ()},
    "used": {COLLECTION: (("a", 1), ("d", 1), ("b", 2))},
}
