"""Ctrl-C at every line of the engine: the handle goes on as before or refuses, and nothing is lost.

A trace function raises KeyboardInterrupt before the Nth line that runs in the engine during one
operation, for every N. That is finer than a real interrupt, which arrives between
byte codes of the interpreter's choosing. Entering a `with` block is left out: between its two
halves CPython itself may lose the exit.
"""

import linecache
import random
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.persistence import MemoryDirectory

FIELDS: dict[str, Any] = {"text": rr.Text(analyzer="simple")}
PACKAGE = "/rank_retrieve/collection/"


class Interrupt:
    """Raises KeyboardInterrupt before line number `at` of those that run in the engine."""

    def __init__(self, at: int) -> None:
        self.at, self.count = at, 0
        self.where: str | None = None

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        return self.line if PACKAGE in frame.f_code.co_filename else None

    def line(self, frame: FrameType, event: str, _: Any) -> Any:
        file, number = frame.f_code.co_filename, frame.f_lineno
        if event == "line" and not linecache.getline(file, number).lstrip().startswith("with "):
            self.count += 1
            if self.count == self.at:
                self.where = f"{file.rsplit('/', 1)[1]}:{number}"
                sys.settrace(None)
                raise KeyboardInterrupt
        return self.line


def doc(name: str, n: int) -> dict[str, Any]:
    return {"id": name, "text": f"word {name} w{n}", "n": n}


def prepared() -> tuple[MemoryDirectory, rr.Database, rr.Collection, dict[str, int]]:
    """Documents on disk, sealed and pending; deletes that readers see and that they don't."""
    directory = MemoryDirectory()
    db = rr.open(directory, compaction="manual")
    documents = db.create_collection("c", fields=FIELDS)
    documents.put_many([doc(name, 1) for name in "abcdef"])
    db.flush()
    documents.put_many([doc(name, 1) for name in "ghi"])
    documents.search("word")
    documents.delete("b")
    documents.delete("g")
    for name in "ahz":
        documents.put(doc(name, 2))
    return (
        directory,
        db,
        documents,
        {"c": 1, "d": 1, "e": 1, "f": 1, "i": 1, "a": 2, "h": 2, "z": 2},
    )


def contents(documents: rr.Collection) -> dict[str, int]:
    """What is there by every way in, which must agree."""
    ids = list(documents.ids())
    found = {d["id"]: d["n"] for d in documents.documents()}
    assert len(ids) == len(set(ids)) == len(found) == len(documents)
    assert sorted(documents.search("word", k=50).ids) == sorted(ids)
    for name in "abcdefghiyz":
        assert (documents.get(name) is not None) == (name in found)
    fresh = rr.BM25.from_texts(
        [f"word {name} w{found[name]}" for name in ids], ids=ids, analyzer="simple"
    )
    scores = [(h.id, h.score) for h in documents.search("word w2", k=50)]
    assert scores == [(h.id, h.score) for h in fresh.search("word w2", k=50)]
    return found


OPERATIONS: dict[str, tuple[Callable[[rr.Database, rr.Collection], Any], dict[str, int | None]]] = {
    "search": (lambda db, c: c.search("word"), {}),
    "flush": (lambda db, c: db.flush(), {}),
    "put": (lambda db, c: c.put(doc("c", 3)), {"c": 3}),
    "delete": (lambda db, c: c.delete("d"), {"d": None}),
    "batch": (
        lambda db, c: c.write(rr.WriteBatch().put(doc("z", 4)).delete("e")),
        {"z": 4, "e": None},
    ),
}  # fmt: skip


def changed(state: dict[str, int], delta: dict[str, int | None]) -> dict[str, int]:
    after = {**state, **{k: v for k, v in delta.items() if v is not None}}
    return {k: v for k, v in after.items() if delta.get(k, 0) is not None}


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_interrupt_at_any_line_leaves_one_state_or_a_handle_that_refuses(name: str) -> None:
    operation, delta = OPERATIONS[name]
    places = 0
    while True:
        directory, db, documents, before = prepared()
        after = changed(before, delta)
        interrupt = Interrupt(places + 1)
        tracer = sys.gettrace()
        sys.settrace(interrupt)
        try:
            operation(db, documents)
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(tracer)
        if interrupt.where is None:
            break
        places += 1
        try:
            state = contents(documents)
            assert state in (before, after), interrupt.where
            documents.put(doc("y", 9))
            state = {**state, "y": 9}
            db.flush()
            assert contents(documents) == state, interrupt.where
            possible = [state]
        except rr.PoisonedError:
            possible = [before, after]
        db.close()
        with rr.open(directory) as again:
            assert contents(again.get_collection("c")) in possible, interrupt.where
            assert again.verify().ok
    assert places > 20


def work(db: rr.Database, rounds: range) -> None:
    documents = db.get_collection("c")
    for i in rounds:
        documents.delete(f"d{i % 40}")
        documents.search("word", k=3)
        documents.put(doc(f"e{i % 9}", i))
        if i % 3 == 0:
            db.flush()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_real_interrupts_at_random_moments_lose_nothing_and_hang_nothing() -> None:
    rng = random.Random(5)
    poisoned = interrupted = 0

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    handler = signal.signal(signal.SIGALRM, interrupt)
    try:
        for _ in range(60):
            directory = MemoryDirectory()
            db = rr.open(directory, compaction="manual")
            documents = db.create_collection("c", fields=FIELDS)
            documents.put_many(doc(f"d{i}", i) for i in range(40))
            db.flush()
            work(db, range(1))  # kernels that load now are not interrupted in their loading
            try:
                signal.setitimer(signal.ITIMER_REAL, rng.uniform(0.0005, 0.02))
                # far longer than the timer; an interrupt that lands in a finaliser is dropped by
                # Python and never comes back, so the work must have an end of its own
                work(db, range(1, 500))
            except KeyboardInterrupt:
                interrupted += 1
            signal.setitimer(signal.ITIMER_REAL, 0)
            try:
                documents.put(doc("last", 1))
            except rr.PoisonedError:
                poisoned += 1
            db.close()
            with rr.open(directory) as again:
                found = again.get_collection("c")
                ids = list(found.ids())
                assert len(ids) == len(set(ids)) == len(found)
                assert sorted(found.search("word", k=99).ids) == sorted(ids)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
    assert interrupted > 50
    assert poisoned < interrupted
