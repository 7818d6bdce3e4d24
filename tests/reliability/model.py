"""A database beside a model of it: dicts in order of insertion, and rankings by brute force.

Every rule does something to both. The rules of crashes keep only what reached the device; whatever
was acknowledged as durable must be there then, as a prefix of what was committed. Readers,
snapshots and checkpoints each remember what the model was when they were taken.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any, ClassVar, TypeAlias

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import rank_retrieve as rr
from rank_retrieve.testing.crash_directory import CrashDirectory
from tests.collection.oracle import bm25

FIELDS: dict[str, Any] = {
    "title": rr.Text(boost=1.5),
    "text": rr.Text(),
    "vector": rr.Vector(dim=2, metric="dot"),
}
BOOSTS = {"title": 1.5, "text": 1.0}
WORDS = ["cat", "cats", "dog", "running", "runs", "mat", "the", "zebra", "ümlaut", "日本語"]
QUERIES = ["cat", "dog runs the mat", "cat cat ümlaut 日本", "zebra"]
UPKEEP = [
    *["flush", "flush", "compact", "sync", "reopen", "checkpoint", "read_checkpoint"],
    *["create_or_drop_collection", "put_what_does_not_fit"],
]
READING = ["refresh", "refresh", "look", "search", "snapshot", "close"]
NEVER_S = 3599.0  # an interval that no example outlives

Documents: TypeAlias = dict[str, dict[str, Any]]
"""Live documents by id, in order of insertion."""

State: TypeAlias = dict[str, Documents]
"""Collections by name."""

names = st.sampled_from(["c", "d"])
ids = st.sampled_from([f"d{i}" for i in range(9)])
texts = st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join)
# small whole numbers, so that every sum is exact and ties are many
vectors = st.tuples(*[st.integers(-2, 2)] * 2).map(lambda v: [float(v[0]), float(v[1])])
documents = st.fixed_dictionaries(
    {"id": ids},
    optional={"title": texts, "text": texts, "vector": vectors, "n": st.integers(0, 3)},
)
changes = st.lists(st.one_of(documents, ids), min_size=1, max_size=6)
filters = st.one_of(
    st.none(),
    st.builds(lambda n: {"n": {"$gte": n}}, st.integers(0, 3)),
    st.builds(lambda n: {"n": {"$ne": n}}, st.integers(0, 3)),
    st.builds(lambda n: {"$not": {"n": {"$in": [n, 3]}}}, st.integers(0, 2)),
    st.just({"n": {"$exists": False}}),
)

START: list[dict[str, Any]] = [
    {"id": "d0", "title": "cat", "text": "the cat runs", "vector": [1.0, 0.0], "n": 0},
    {"id": "d1", "text": "cat", "n": 1},
    {"id": "d2", "vector": [1.0, 0.0]},
    {"id": "d3", "text": "cat dog zebra", "vector": [-1.0, 2.0], "n": 3},
]

LETS: Mapping[str, Any] = {
    "$gte": lambda value, than: value is not None and value >= than,
    "$ne": lambda value, than: value != than,
    "$in": lambda value, among: value in among,
    "$exists": lambda value, wanted: (value is not None) == wanted,
}


def lets(where: Mapping[str, Any] | None, document: Mapping[str, Any]) -> bool:
    """Whether a filter lets a document through; only the forms above."""
    if where is None:
        return True
    if "$not" in where:
        return not lets(where["$not"], document)
    ((operator, operand),) = where["n"].items()
    return bool(LETS[operator](document.get("n"), operand))


def copied(state: State) -> State:
    return {name: dict(documents) for name, documents in state.items()}


def plain(document: dict[str, Any]) -> dict[str, Any]:
    """A document as it was put; its vector came back as an array."""
    if "vector" in document:
        document["vector"] = document["vector"].tolist()
    return document


def contents(db: rr.Database) -> State:
    return {
        name: {d["id"]: plain(d) for d in db.get_collection(name).documents()}
        for name in db.list_collections()
    }


def same(found: State, expected: State) -> bool:
    """Equal, the order of insertion included."""
    return found == expected and all(list(found[n]) == list(expected[n]) for n in found)


def check_view(view: Any, live: Documents, where: Any = None) -> None:
    """A collection or snapshot shows exactly these documents, and ranks them as it must."""
    assert len(view) == len(live)
    assert list(view.ids()) == list(live)
    for name, document in live.items():
        assert name in view
        found = view.get(name)
        assert found is not None
        assert plain(found) == document
    assert view.get("nobody") is None
    let = {name for name, document in live.items() if lets(where, document)}
    assert view.count(where) == len(let)
    fresh = rr.open(":memory:").create_collection("fresh", fields=FIELDS)
    fresh.put_many(live.values())
    for query in QUERIES:
        _check_lexical(view, fresh, live, let, query, where)
    for vector in ([1.0, 0.0], [1.0, -2.0]):
        _check_dense(view, live, let, vector, where)
    options: dict[str, Any] = {"vector": [1.0, 1.0], "mode": "hybrid", "where": where}
    _check_equal(view.search("cat dog", 20, **options), fresh.search("cat dog", 20, **options))
    fresh._engine.close()


def _check_equal(found: rr.Hits, expected: rr.Hits) -> None:
    assert found.ids.tolist() == expected.ids.tolist()
    assert found.scores.tolist() == expected.scores.tolist()  # to the last bit


def _check_lexical(
    view: Any, fresh: rr.Collection, live: Documents, let: set[str], query: str, where: Any
) -> None:
    found = view.search(query, 20, mode="lexical", where=where)
    _check_equal(found, fresh.search(query, 20, mode="lexical", where=where))
    expected = bm25(list(live.values()), query, BOOSTS)
    assert set(found.ids) == set(expected) & let
    for name, score in zip(found.ids, found.scores, strict=True):
        assert math.isclose(score, expected[name], rel_tol=1e-7)
    # fewer are the first of all: filters and ties have no exception
    few = view.search(query, 2, mode="lexical", where=where)
    assert few.ids.tolist() == found.ids.tolist()[:2]


def _check_dense(view: Any, live: Documents, let: set[str], vector: Any, where: Any) -> None:
    found = view.search(vector=vector, k=3, where=where)
    scores = {
        name: float(np.dot(document["vector"], vector))
        for name, document in live.items()
        if "vector" in document and name in let
    }
    # sorting is stable: equal scores stay in order of insertion
    best = sorted(scores, key=lambda name: -scores[name])[:3]
    assert found.ids.tolist() == best
    assert found.scores.tolist() == [scores[name] for name in best]


class Model(RuleBasedStateMachine):
    """done: how often each rule was carried out, over all examples."""

    done: ClassVar[Counter[str]] = Counter()

    @initialize(
        durability=st.sampled_from(["sync", "group", "async", "none"]),
        flush_bytes=st.sampled_from([400, 2_000, 1 << 30]),
    )
    def begin(self, durability: Any, flush_bytes: int) -> None:
        self.durability, self.flush_bytes = durability, flush_bytes
        self.directory = CrashDirectory(zeros_bytes=64)
        self.states: list[State] = [{}]
        self.durable = 0  # states[durable:] are what a crash may leave
        self.readers: list[tuple[rr.Database, State]] = []
        self.views: list[tuple[rr.Snapshot, Documents]] = []
        self.kept: dict[str, State] = {}
        self.db = self.open()
        self.done["examples"] += 1
        self.db.create_collection("c", fields=FIELDS).put_many(START)
        self.states.append({"c": {document["id"]: document for document in START}})
        self.db.sync()
        self.settle()

    def open(self) -> rr.Database:
        return rr.open(
            self.directory,
            durability=self.durability,
            flush_bytes=self.flush_bytes,
            compaction="manual",
            sync_interval_s=NEVER_S,
        )

    @property
    def now(self) -> State:
        return self.states[-1]

    def count(self, what: str) -> None:
        self.done[what] += 1

    def settle(self) -> None:
        """Everything that was committed is durable."""
        self.durable = len(self.states) - 1

    def commit(self, state: State, *, durable: bool = False) -> None:
        self.states.append(state)
        if durable or self.durability in ("sync", "group"):
            self.settle()

    # ------------------------------------------------------------------ collections

    @rule(data=st.data(), what=st.sampled_from(UPKEEP))
    def upkeep(self, data: st.DataObject, what: str) -> None:
        """One rule for all that is rarer than writing and reading."""
        getattr(self, what)(data)

    def create_or_drop_collection(self, data: st.DataObject) -> None:
        """Dropping not too often: what is dropped has no history any more."""
        name, really = data.draw(names), data.draw(st.integers(0, 3))
        state = copied(self.now)
        if name not in state:
            self.count("create collection")
            self.db.create_collection(name, fields=FIELDS)
            state[name] = {}
        elif not really:
            self.count("drop collection")
            self.db.drop_collection(name)
            del state[name]
        else:
            self.count("create collection again")
            with pytest.raises(rr.AlreadyExists):
                self.db.create_collection(name, fields=FIELDS)
            return
        self.commit(state, durable=True)

    # ------------------------------------------------------------------ writes

    def _write(self, name: str, puts: list[dict[str, Any]], deletes: list[str]) -> None:
        state = copied(self.now)
        for identity in deletes:
            state[name].pop(identity, None)
        for document in puts:
            state[name].pop(document["id"], None)
            state[name][document["id"]] = document
        self.commit(state)

    @precondition(lambda self: "c" in self.now)
    @rule(document=documents)
    def put(self, document: dict[str, Any]) -> None:
        self.count("put")
        self.db.get_collection("c").put(document)
        self._write("c", [document], [])

    @precondition(lambda self: self.now)
    @rule(data=st.data(), many=st.lists(documents, min_size=2, max_size=9))
    def put_many(self, data: st.DataObject, many: list[dict[str, Any]]) -> None:
        self.count("put many")
        name = data.draw(st.sampled_from(sorted(self.now)))
        self.db.get_collection(name).put_many(many, batch_size=4)
        for start in range(0, len(many), 4):
            self._write(name, many[start : start + 4], [])

    @precondition(lambda self: self.now)
    @rule(data=st.data(), operations=changes)
    def write_batch(self, data: st.DataObject, operations: list[Any]) -> None:
        self.count("write batch")
        name = data.draw(st.sampled_from(sorted(self.now)))
        batch, last = rr.WriteBatch(), {}
        for operation in operations:
            identity = operation if isinstance(operation, str) else operation["id"]
            last.pop(identity, None)
            last[identity] = operation
            if isinstance(operation, str):
                batch.delete(operation)
            else:
                batch.put(operation)
        self.db.get_collection(name).write(batch)
        puts = [op for op in last.values() if not isinstance(op, str)]
        self._write(name, puts, [op for op in last.values() if isinstance(op, str)])

    @precondition(lambda self: self.now)
    @rule(data=st.data(), anything=ids)
    def delete(self, data: st.DataObject, anything: str) -> None:
        """Of documents that are there, and of documents that are not."""
        name = data.draw(st.sampled_from(sorted(self.now)))
        live = self.now[name]
        identity = data.draw(st.sampled_from([*live, anything]))
        there = identity in live
        self.count("delete" if there else "delete missing")
        assert self.db.get_collection(name).delete(identity) is there
        if there:
            self._write(name, [], [identity])

    def put_what_does_not_fit(self, data: st.DataObject) -> None:
        if not self.now:
            return
        self.count("refused put")
        name = data.draw(st.sampled_from(sorted(self.now)))
        batch = rr.WriteBatch().put({"id": "x", "text": "cat"}).put({"id": "y", "vector": [1.0]})
        with pytest.raises(rr.DimensionMismatch):
            self.db.get_collection(name).write(batch)

    # ------------------------------------------------------------------ upkeep

    def flush(self, data: st.DataObject) -> None:
        self.count("flush")
        self.db.flush()
        # with nothing to flush nothing is synced either
        if any(len(documents) for documents in self.now.values()) or self.durable == 0:
            self.db.sync()
        self.settle()

    def compact(self, data: st.DataObject) -> None:
        self.count("compact")
        self.db.compact()

    def sync(self, data: st.DataObject) -> None:
        self.count("sync")
        self.db.sync()
        self.settle()

    def checkpoint(self, data: st.DataObject) -> None:
        self.count("checkpoint")
        name = data.draw(st.sampled_from(["one", "two"]))
        if name in self.kept:
            self.db.drop_checkpoint(name)
            del self.kept[name]
        else:
            self.db.checkpoint(name)
            self.kept[name] = copied(self.now)

    def read_checkpoint(self, data: st.DataObject) -> None:
        if not self.kept:
            return
        self.count("read checkpoint")
        name = data.draw(st.sampled_from(sorted(self.kept)))
        folder = self.directory.folder("checkpoints").folder(name)
        with rr.open(folder, mode="r") as db:
            assert same(contents(db), self.kept[name])

    # ------------------------------------------------------------------ reads

    @precondition(lambda self: self.now)
    @rule(data=st.data(), where=filters)
    def search(self, data: st.DataObject, where: Any) -> None:
        self.count("search")
        name = data.draw(st.sampled_from(sorted(self.now)))
        check_view(self.db.get_collection(name), self.now[name], where)

    @rule(data=st.data(), where=filters, how=st.sampled_from(["take", "read", "close"]))
    def snapshot(self, data: st.DataObject, where: Any, how: str) -> None:
        if self.now and (how == "take" or not self.views) and len(self.views) < 4:
            self.count("snapshot: take")
            name = data.draw(st.sampled_from(sorted(self.now)))
            view = self.db.get_collection(name).snapshot()
            self.views.append((view, dict(self.now[name])))
        elif self.views:
            self.count(f"snapshot: {how}")
            place = data.draw(st.integers(0, len(self.views) - 1))
            check_view(*self.views[place], where)
            if how == "close":
                self.views.pop(place)[0].close()

    # ------------------------------------------------------------------ readers

    @rule(data=st.data(), how=st.sampled_from(["open", *READING]))
    def reader(self, data: st.DataObject, how: str) -> None:
        if len(self.readers) < 2 and (how == "open" or not self.readers):
            self.count("reader: open")
            self.readers.append((rr.open(self.directory, mode="r"), copied(self.now)))
            return
        self.count(f"reader: {how}")
        place = data.draw(st.integers(0, len(self.readers) - 1))
        reader, seen = self.readers[place]
        if how == "close":
            self.readers.pop(place)[0].close()
            return
        if how == "refresh":
            moved = reader.refresh()
            assert moved or same(seen, self.now)
            seen = copied(self.now)
            self.readers[place] = (reader, seen)
            assert not reader.refresh()
        assert same(contents(reader), seen)
        if seen and how in ("search", "snapshot"):
            name = data.draw(st.sampled_from(sorted(seen)))
            check_view(reader.get_collection(name), seen[name])
            if how == "snapshot" and len(self.views) < 4:
                self.views.append((reader.get_collection(name).snapshot(), dict(seen[name])))

    # ------------------------------------------------------------------ ends

    def reopen(self, data: st.DataObject) -> None:
        self.count("reopen")
        self.db.close()
        self.settle()
        self.db = self.open()

    @rule(everything=st.booleans(), really=st.integers(0, 3))
    def crash(self, everything: bool, really: int = 3) -> None:
        """Power loss, after which only what was synced is there, or all of it is."""
        if really < 3:  # or no reader and no unsynced write would ever live for long
            return
        self.count("crash")
        wanted = "everything" if everything else "synced only"
        states = {c.label: c for c in self.directory.crashes(since=len(self.directory.log))}
        # where nothing is unsynced, there is one state
        self._abandon()
        crash = states.get(wanted, states["synced only"])
        self.directory = CrashDirectory(crash.files, zeros_bytes=64)
        self.db = self.open()
        found = contents(self.db)
        possible = self.states[-1:] if everything else self.states[self.durable :]
        assert any(same(found, state) for state in possible), f"{found} is none of {possible}"
        self.states, self.durable = [found], 0

    def _abandon(self) -> None:
        """Forget the handles, which belong to a process that is gone."""
        for reader, _ in self.readers:
            reader.close()
        self.readers = []
        self.db.close()  # of the old directory, which nobody looks at again

    @invariant()
    def sizes(self) -> None:
        if not hasattr(self, "db"):
            return
        assert self.db.list_collections() == sorted(self.now)
        for name, live in self.now.items():
            assert len(self.db.get_collection(name)) == len(live)

    def teardown(self) -> None:
        if not hasattr(self, "db"):
            return
        for view, live in self.views:
            check_view(view, live)
        self.crash(everything=False)
        for name, live in self.now.items():
            check_view(self.db.get_collection(name), live)
        assert self.db.verify().ok
        self.db.close()
