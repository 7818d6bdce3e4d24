"""A workload that uses every feature of a database, step by step, and what each step leaves.

A step may be done again after it failed: it asks what is there first. `after` is the whole state,
{collection: {id: n}}, once the step is acknowledged.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import rank_retrieve as rr
from rank_retrieve.collection.merge_policy import MergePolicy
from rank_retrieve.persistence import Directory
from rank_retrieve.testing.fault_directory import Faults

State = dict[str, dict[str, int]]

NOTES: dict[str, Any] = {
    "title": rr.Text(analyzer="simple", boost=2.0),
    "text": rr.Text(analyzer="english"),
    "vector": rr.Vector(dim=2),
}
PAPERS: dict[str, Any] = {"text": rr.Text(analyzer="simple")}
FLUSH_BYTES = 600


def note(identity: str, n: int) -> dict[str, Any]:
    return {
        "id": identity,
        "title": f"title{identity}",
        "text": f"running word{n} all",
        "vector": [1.0, float(n)],
        "n": n,
        "tags": ["odd" if n % 2 else "even", {"deep": n}],
    }


def paper(identity: str, n: int) -> dict[str, Any]:
    words = ("ant bee cat", "bee cat dog", "cat dog elk", "dog elk fox")[n % 4]
    return {"id": identity, "text": f"{words} all", "n": n}


@dataclass
class Session:
    """The handle that the steps use; the step "reopen" opens `place` anew.

    folder: for copies of the database. faults: those under way, not to strike what only looks.
    """

    place: Directory | Path
    folder: Path | None = None
    faults: Faults | None = None
    db: rr.Database = field(init=False)
    snapshot: Any = None
    copies: int = 0

    def open(self) -> None:
        if self.folder is not None:
            self.folder.mkdir(exist_ok=True)
        self.snapshot = None  # one of an older handle ends with it
        self.db = rr.open(self.place, compaction="manual", flush_bytes=FLUSH_BYTES)
        # two segments are enough to merge
        self.db._engine.compaction.policy = MergePolicy(fanout=2)

    @property
    def notes(self) -> rr.Collection:
        return self.db.get_collection("notes")

    @property
    def papers(self) -> rr.Collection:
        return self.db.get_collection("papers")

    def copy(self) -> Path:
        """A new path, also when a step is done again."""
        assert self.folder is not None
        self.copies += 1
        return self.folder / str(self.copies)

    def expect(self, copy: Path) -> None:
        """A copy of the database holds what the database does."""
        with nullcontext() if self.faults is None else self.faults.off():
            assert stored(copy) == state_of(self.db)


Action = Callable[[Session], Any]
Step = tuple[str, Action, State]


def _create_notes(s: Session) -> None:
    if "notes" not in s.db:
        s.db.create_collection("notes", fields=NOTES)


def _create_papers(s: Session) -> None:
    if "papers" not in s.db:
        encoder = rr.LSAEncoder(dim=2, analyzer="simple")
        s.db.create_collection("papers", fields=PAPERS, encoder=encoder)


def _drop_papers(s: Session) -> None:
    if "papers" in s.db:
        s.db.drop_collection("papers")


def _batch(s: Session) -> None:
    s.notes.write(rr.WriteBatch().put(note("d", 4)).put(note("b", 5)).delete("a"))


def _search(s: Session) -> None:
    notes = s.notes
    n = len(notes)
    assert len(notes.search("all", k=50, mode="lexical")) == n
    assert len(notes.search(vector=[1, 2], k=50)) == n
    assert len(notes.search("all", vector=[1, 2], k=50)) == n
    found = notes.search("all", k=50, where={"n": {"$gte": 4}, "tags": "even"})
    assert all(hit.document["n"] >= 4 and hit.document["n"] % 2 == 0 for hit in found)
    for identity in notes.ids():
        assert notes.get(identity) is not None


def _open_snapshot(s: Session) -> None:
    s.snapshot = s.notes.snapshot()


def _read_snapshot(s: Session) -> None:
    if s.snapshot is not None:
        before = sorted(s.snapshot.ids())
        assert len(s.snapshot.search("all", k=50)) == len(before)
        s.snapshot.close()
        s.snapshot = None


def _merge(s: Session) -> None:
    while s.db._engine.compaction._merge_next(s.notes._store):
        pass


def _verify(s: Session) -> None:
    report = s.db.verify()
    assert all("Input/output error" in problem for problem in report.problems), str(report)
    s.db.info()


def _reopen(s: Session) -> None:
    s.db.close()
    s.open()


def _many(s: Session) -> None:
    s.notes.put_many([note(f"m{n}", n) for n in range(10, 16)])


def _checkpoint(s: Session) -> None:
    if "cp" not in [c.name for c in s.db.checkpoints()]:
        s.db.checkpoint("cp")


def _drop_checkpoint(s: Session) -> None:
    if "cp" in [c.name for c in s.db.checkpoints()]:
        s.db.drop_checkpoint("cp")


def _restore(s: Session) -> None:
    target = s.copy()
    rr.restore((s.db, "cp"), target)
    s.expect(target)


def _backup(s: Session) -> None:
    archive, target = s.copy(), s.copy()
    rr.backup(s.db, archive)
    rr.restore(archive, target)
    s.expect(target)


def steps(*, files: bool) -> list[Step]:
    """files: also those that need folders."""
    a1: State = {"notes": {}}
    one: State = {"notes": {"a": 1}}
    three: State = {"notes": {"a": 1, "b": 2, "c": 3}}
    batched: State = {"notes": {"c": 3, "d": 4, "b": 5}}
    trained = {f"p{n}": n for n in range(4)}
    with_papers: State = {**batched, "papers": {}}
    filled: State = {**batched, "papers": trained}
    deleted: State = {"notes": {"d": 4, "b": 5}, "papers": trained}
    put: State = {"notes": {"d": 4, "b": 6}, "papers": trained}
    many: State = {
        "notes": {"d": 4, "b": 6, **{f"m{n}": n for n in range(10, 16)}},
        "papers": trained,
    }
    fewer: State = {
        "notes": {"d": 4, "b": 6, **{f"m{n}": n for n in range(11, 16)}},
        "papers": trained,
    }
    dropped: State = {"notes": fewer["notes"]}
    again: State = {**dropped, "papers": {}}
    last: State = {"notes": fewer["notes"], "papers": {"q": 9}}
    result: list[Step] = [
        ("create notes", _create_notes, a1),
        ("put", lambda s: s.notes.put(note("a", 1)), one),
        ("put many", lambda s: s.notes.put_many([note("b", 2), note("c", 3)]), three),
        ("flush", lambda s: s.db.flush(), three),
        ("batch", _batch, batched),
        ("search", _search, batched),
        ("snapshot", _open_snapshot, batched),
        ("create papers", _create_papers, with_papers),
        ("fill papers", lambda s: s.papers.put_many([paper(f"p{n}", n) for n in range(4)]), filled),
        ("fit", lambda s: s.papers.fit_encoder(), filled),
        ("delete", lambda s: s.notes.delete("c"), deleted),
        ("flush notes", lambda s: s.notes.flush(), deleted),
        ("put again", lambda s: s.notes.put(note("b", 6)), put),
        ("merge", _merge, put),
        ("read snapshot", _read_snapshot, put),
        ("sync", lambda s: s.db.sync(), put),
        ("checkpoint", _checkpoint, put),
        ("restore", _restore, put),
        ("reopen", _reopen, put),
        ("many", _many, many),
        ("search papers", lambda s: s.papers.search("cat", k=9), many),
        ("delete one", lambda s: s.notes.delete("m10"), fewer),
        ("delete missing", lambda s: s.notes.delete("m10"), fewer),
        ("compact", lambda s: s.notes.compact(), fewer),
        ("verify", _verify, fewer),
        ("drop papers", _drop_papers, dropped),
        ("create papers again", _create_papers, again),
        ("put a paper", lambda s: s.papers.put(paper("q", 9)), last),
        ("backup", _backup, last),
        ("drop the checkpoint", _drop_checkpoint, last),
        ("search again", _search, last),
        ("close", lambda s: s.db.close(), last),
    ]
    needs_files = {"checkpoint", "restore", "backup", "drop the checkpoint"}
    return result if files else [step for step in result if step[0] not in needs_files]


def state_of(db: rr.Database) -> State:
    """Everything that is there, read twice: as documents and through searches."""
    found: State = {}
    for name in db.list_collections():
        documents = db.get_collection(name)
        stored = list(documents.documents())
        found[name] = {d["id"]: d["n"] for d in stored}
        assert sorted(documents.search("all", k=99, mode="lexical").ids) == sorted(found[name])
        if name == "notes":
            assert sorted(documents.search(vector=[1, 2], k=99).ids) == sorted(found[name])
            for document in stored:
                wanted = note(document["id"], document["n"])
                assert document["vector"].tolist() == wanted["vector"]
                assert {k: v for k, v in document.items() if k != "vector"} == {
                    k: v for k, v in wanted.items() if k != "vector"
                }
                hits = documents.search(f"word{document['n']}", k=9, where={"n": document["n"]})
                assert hits.ids.tolist() == [document["id"]]
    return found


def stored(place: Directory | Path) -> State:
    """What the next opening finds; nothing where there is no database yet."""
    try:
        with rr.open(place, mode="r") as db:
            for name in db.list_collections():
                assert db.get_collection(name).verify().ok
            return state_of(db)
    except rr.NotFound:
        return {}
