"""The Nth operation of a workload that uses every feature fails, in every way, once and sticky.

After each fault: only typed errors came out; the handle reads and closes; what the next opening
finds lies between what was acknowledged and what was begun. A fault that strikes once is followed
by the rest of the workload, after `resume()` or after reopening, which ends as without a fault.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

import rank_retrieve as rr
from rank_retrieve.persistence import Directory, MemoryDirectory
from rank_retrieve.testing.crash_directory import CrashDirectory
from rank_retrieve.testing.fault_directory import (
    Fault,
    FaultDirectory,
    FaultKind,
    Faults,
    failing_files,
)
from tests.reliability.counts import record
from tests.reliability.fault_workload import (
    Action,
    Session,
    State,
    Step,
    state_of,
    steps,
    stored,
)

QUICK_RUNS = {"memory": 12, "disk": 4, "device": 3}
"""How many places of each kind the quick tier tries."""
KINDS = {
    "memory": [kind for kind in FaultKind if kind is not FaultKind.SYNC_CLEANED],
    "disk": [k for k in FaultKind if k not in (FaultKind.SYNC_DROPPED, FaultKind.SYNC_CLEANED)],
    "device": [FaultKind.SYNC_CLEANED],
}
TAKES_PATHS = frozenset({"open", "reopen", "backup", "restore"})
"""Steps that may raise the file system's own errors, as their docstrings say."""


class GaveUp(Exception):  # noqa: N818
    """The fault does not go away."""


class Run:
    """One run of the workload; `look` gives a place to open that sees no faults."""

    def __init__(
        self,
        session: Session,
        todo: Sequence[Step],
        look: Callable[[], Directory | Path],
        faults: Faults,
    ) -> None:
        self.session, self.todo, self.look, self.faults = session, todo, look, faults
        self.states: list[State] = [{}, *(after for _, _, after in todo)]
        self.acknowledged = self.begun = 0
        self.resumed = self.reopened = 0
        self.told: list[str] = []

    def check(self) -> None:
        """What the next opening finds is a prefix."""
        found = stored(self.look())
        allowed = self.states[self.acknowledged : self.begun + 1]
        assert found in allowed, f"{found} is none of {allowed}"

    def take(self, name: str, action: Action) -> bool:
        """Whether the step was acknowledged; anything but a typed error fails the test."""
        try:
            action(self.session)
        except rr.RankRetrieveError as error:
            self.told.append(f"{name}: {error!r}")
            return False
        except OSError as error:
            assert name in TAKES_PATHS, f"{name} raised {error!r}"
            self.told.append(f"{name}: {error!r}")
            return False
        return True

    def go(self) -> None:
        """Take all steps; after an error go on as a user would."""
        if not self.take("open", Session.open):
            self.open_again()
        for name, action, _ in self.todo:
            self.begun += 1
            attempts = 0
            while not self.take(name, action):
                attempts += 1
                self.read_on()
                self.check()
                if attempts == 3:
                    raise GaveUp
                self.recover()
            self.acknowledged = self.begun

    def read_on(self) -> None:
        """What a handle that has failed still does."""
        db = self.session.db
        if not db.closed:
            with suppress(rr.PoisonedError):  # stopped while it took over a new state
                assert state_of(db) in self.states[self.acknowledged : self.begun + 1]

    def recover(self) -> None:
        """Go on with this handle if it can, else with another one."""
        db = self.session.db
        if not db.closed:
            try:
                db.resume()
            except rr.RankRetrieveError as error:
                assert not self.space_is_back(), f"resume() raised {error!r}"
            else:
                self.resumed += 1
                return
            self.close()
        self.open_again()

    def space_is_back(self) -> bool:
        """Whether the disk was full once, and not in the middle of publishing a manifest."""
        fault = self.faults.fault
        full = (FaultKind.ENOSPC, FaultKind.SHORT_WRITE)
        once = fault is not None and fault.kind in full and not fault.sticky
        return once and self.faults.failed != ["rename"]

    def close(self) -> None:
        with suppress(rr.RankRetrieveError):
            self.session.db.close()
        assert self.session.db.closed

    def open_again(self) -> None:
        for _ in range(3):
            if self.take("open", Session.open):
                self.reopened += 1
                return
            self.check()
        raise GaveUp

    def all(self, *, sticky: bool) -> None:
        try:
            self.go()
        except GaveUp:
            assert sticky, self.told
            if hasattr(self.session, "db"):
                self.close()
        self.check()
        assert sticky or self.acknowledged == len(self.todo)


def in_memory(fault: Fault | None, _: Path) -> tuple[Faults, Run]:
    inner = MemoryDirectory()
    directory = FaultDirectory(inner, fault)

    def look() -> MemoryDirectory:
        return MemoryDirectory({n: d for n, d in inner.files().items() if n != "lock"})

    run = Run(Session(directory), steps(files=False), look, directory.faults)
    run.all(sticky=fault is not None and fault.sticky)
    return directory.faults, run


def on_disk(fault: Fault | None, folder: Path) -> tuple[Faults, Run]:
    folder.mkdir()

    class Unfailing(Run):
        def check(self) -> None:
            with faults.off():
                super().check()

    with failing_files(fault) as faults:
        session = Session(folder / "db", folder=folder / "copies", faults=faults)
        run = Unfailing(session, steps(files=True), lambda: folder / "db", faults)
        run.all(sticky=fault is not None and fault.sticky)
    shutil.rmtree(folder)
    return faults, run


def on_device(fault: Fault | None, _: Path) -> tuple[Faults, Run]:
    """After each step, power loss would leave what that acknowledged."""
    inner = CrashDirectory()
    directory = FaultDirectory(inner, fault)

    class Unpowered(Run):
        def take(self, name: str, action: Action) -> bool:
            taken = super().take(name, action)
            self.check()
            return taken

    run = Unpowered(Session(directory), steps(files=False), inner.synced, directory.faults)
    run.all(sticky=fault is not None and fault.sticky)
    return directory.faults, run


PLACES = {"memory": in_memory, "disk": on_disk, "device": on_device}


def cases() -> Iterator[tuple[str, FaultKind, bool]]:
    for place in PLACES:
        for kind in KINDS[place]:
            for sticky in (False, True):
                yield place, kind, sticky


def every_fault(
    place: str, kind: FaultKind, sticky: bool, most: int | None, folder: Path
) -> dict[str, int]:
    """Run the workload with a fault at every place, or at `most` of them; what happened."""
    faults, run = PLACES[place](None, folder / "none")
    assert not run.resumed and not run.reopened
    total = faults.count(kind)
    assert total >= 30
    counted = {"runs": 0, "resumed": 0, "reopened": 0, "places": total}
    stride = 1 if most is None else -(-total // most)
    # another start for each kind, so that strides do not meet the same operations only
    first = 1 + (7 * list(FaultKind).index(kind) + 5 * sticky) % stride
    for at in range(first, total + 1, stride):
        try:
            faults, run = PLACES[place](Fault(kind, at, sticky), folder / f"run{at}")
        except BaseException as error:
            error.add_note(f"{kind.name} at {at}, sticky: {sticky}, on {place}")
            raise
        assert faults.failed, f"{kind} at {at} never happened"
        counted["runs"] += 1
        counted["resumed"] += run.resumed
        counted["reopened"] += run.reopened
    return counted


@pytest.mark.parametrize(("place", "kind", "sticky"), list(cases()))
def test_no_failing_operation_loses_an_acknowledged_write(
    place: str, kind: FaultKind, sticky: bool, tmp_path: Path
) -> None:
    counted = every_fault(place, kind, sticky, QUICK_RUNS[place], tmp_path)
    assert counted["runs"] >= 1


@pytest.mark.reliability
@pytest.mark.parametrize(("place", "kind", "sticky"), list(cases()))
def test_no_failing_operation_at_all_loses_an_acknowledged_write(
    place: str, kind: FaultKind, sticky: bool, tmp_path: Path
) -> None:
    counted = every_fault(place, kind, sticky, None, tmp_path)
    assert counted["runs"] == counted["places"]
    if kind in (FaultKind.ENOSPC, FaultKind.SHORT_WRITE) and not sticky:
        assert counted["resumed"]
    record("faults", place=place, kind=kind.name, sticky=int(sticky), **counted)


def test_the_workload_leaves_what_its_steps_say(tmp_path: Path) -> None:
    session = Session(tmp_path / "db", folder=tmp_path / "copies")
    session.open()
    for name, action, after in steps(files=True):
        action(session)
        assert stored(tmp_path / "db") == after, name
        if name == "many":
            assert session.notes.info()["memtable_documents"] == 0, "it flushes behind a put"
