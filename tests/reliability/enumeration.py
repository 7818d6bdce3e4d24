"""Every state that a crash may leave of a history is opened, and judged by the contract.

A writer opens each state, and every eighth is opened by a reader before it. Both find the same:
what was committed up to some moment, at least everything durable and at most everything begun.
Checkpoints are whole and equal to their moment, or not there and reported as incomplete.

What the writer leaves behind is a database in itself. Where its bytes are new, it is read through
every structure, by the writer, by a reader and by the next writer; where they are those of one that
was, the answers are known, and only the ids that the writer finds are compared. Writers end as by
another crash, in the first case by closing too.
"""

from __future__ import annotations

import hashlib
import random
import re
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.persistence import MemoryDirectory
from rank_retrieve.persistence.checkpoints import CHECKPOINTS, list_checkpoints, open_checkpoint
from rank_retrieve.persistence.image import take_image, write_image
from rank_retrieve.testing.crash_directory import Crash, CrashDirectory
from tests.reliability.histories import (
    COLLECTION,
    FIELDS,
    Durability,
    History,
    Moment,
    Start,
    State,
    check_ids,
    document,
    open_database,
    read,
    run,
)

READ_EACH = 8  # a reader opens one state of so many before the writer does

_TEMPORARY = re.compile(r"\.\d+-\d+\.tmp\Z")


@dataclass
class Known:
    """By hashes of their bytes: images seen, what recovery left, and checkpoints, as read."""

    images: set[int] = field(default_factory=set)
    recovered: dict[int, State] = field(default_factory=dict)
    checkpoints: dict[int, State] = field(default_factory=dict)


@dataclass
class Counts:
    """What was done, over any number of histories.

    histories: run. enumerated: states looked at, equal ones of a history included. states:
    different ones of a history, each recovered and checked. images: those that are different from
    all others counted here. readers: states that a reader opened first. recovered: different
    databases that recovery left, each read through every structure. recoveries: states left by a
    crash during a recovery. repaired: states that were repaired as well as opened. checkpoints:
    complete ones found in all states.
    """

    histories: int = 0
    enumerated: int = 0
    states: int = 0
    images: int = 0
    readers: int = 0
    recovered: int = 0
    recoveries: int = 0
    repaired: int = 0
    checkpoints: int = 0
    violations: int = 0
    began: float = field(default_factory=time.process_time)
    known: Known = field(default_factory=Known, repr=False)

    def figures(self) -> dict[str, int]:
        """As `counts.record` takes them, with the processor time since they were begun."""
        counted = {
            each.name: getattr(self, each.name)
            for each in fields(self)
            if each.name not in ("began", "known")
        }
        return {**counted, "cpu_seconds": round(time.process_time() - self.began)}


def seed_of(*parts: object) -> int:
    """The same in every process, unlike `hash`."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest(), "little")


@dataclass
class Judge:
    """Checks the states of one history."""

    history: History
    counts: Counts = field(default_factory=Counts)

    def check(self, crash: Crash) -> State:
        """What is found in a state; AssertionError when the contract does not allow it."""
        try:
            return self._check(crash)
        except BaseException as error:
            self.counts.violations += 1
            error.add_note(f"after {crash.at} recorded operations, {crash.label}")
            raise

    def _check(self, crash: Crash) -> State:
        moment: Moment = crash.marks[-1]
        counts = self.counts
        counts.states += 1
        counts.images += _is_new(crash.files, counts.known.images)
        directory = crash.directory()
        if counts.states % READ_EACH == 0:
            with open_database(directory, "r") as db:
                seen = read(db)
                listed = [info.name for info in db.checkpoints()]
            counts.readers += 1
            assert directory.files() == crash.files, "a reader wrote something"
        found = self.recovered(directory)
        possible = self.history.states[moment.durable : moment.committed + 2]
        assert found in possible, f"found {found}, not one of {possible}"
        if self.history.kept:
            complete = self._check_checkpoints(directory, moment)
        if counts.states % READ_EACH == 0:
            assert seen == found, f"a reader found {seen}, a writer {found}"
            assert listed == (complete if self.history.kept else [])
        return found

    def recovered(self, directory: MemoryDirectory) -> State:
        """What a writer finds, and whoever opens the same after it."""
        db = open_database(directory)
        key = _key(directory)
        known = self.counts.known.recovered.get(key)
        found = read(db) if known is None else known
        check_ids(db, found)
        if known is None:
            self._check_recovered(db, directory, found)
            self.counts.known.recovered[key] = found
            self.counts.recovered += 1
        return found  # the writer is not closed: it dies again

    def _check_recovered(self, db: rr.Database, directory: MemoryDirectory, found: State) -> None:
        """What is there after a recovery, if its writer dies at once, and if it closes well."""
        left = directory.files()
        report = db.verify()
        assert report.ok, report
        db.close()
        for files in (left, directory.files()):
            for mode in ("r", "w"):
                with open_database(MemoryDirectory(files), mode) as other:
                    again = read(other)
                assert again == found, f"recovered {found}, and then {again} with mode {mode!r}"

    def _check_checkpoints(self, directory: MemoryDirectory, moment: Moment) -> list[str]:
        """The names of the complete ones, in order."""
        kept = self.history.kept
        listed = [info.name for info in list_checkpoints(directory)]
        acknowledged = {each.name for each in kept[: moment.checkpoints]}
        begun = {each.name for each in kept[: moment.checkpoints + 1]}
        assert acknowledged <= set(listed) <= begun, f"checkpoints {listed} of {sorted(begun)}"
        for each in kept:
            if each.name in listed:
                self.counts.checkpoints += 1
                self._check_whole(open_checkpoint(directory, each.name), each.state)
            else:
                _check_absent(directory, each.name)
        return listed

    def _check_whole(self, folder: Any, state: State) -> None:
        key, known = _key(folder), self.counts.known.checkpoints
        if key not in known:  # equal bytes are read once
            restored = MemoryDirectory()
            write_image(take_image(folder), restored)
            with open_database(folder, "r") as db:
                known[key] = read(db)
            with open_database(restored) as db:
                assert read(db) == known[key], "restored is not what was kept"
        assert known[key] == state, f"checkpoint of {state} has {known[key]}"


def _check_absent(directory: MemoryDirectory, name: str) -> None:
    try:
        open_checkpoint(directory, name)
    except rr.NotFound as error:
        half = (
            CHECKPOINTS in directory.folders() and name in directory.folder(CHECKPOINTS).folders()
        )
        assert ("incomplete" in str(error)) == half, error
    else:
        raise AssertionError(f"checkpoint {name!r} opens, though it is not listed")


def _key(directory: MemoryDirectory) -> int:
    return hash(frozenset(directory.files().items()))


def _is_new(files: Mapping[str, bytes], images: set[int]) -> bool:
    """Whether these bytes are not among the images yet; temporary names all count as one."""
    key = hash(frozenset((_TEMPORARY.sub("", name), contents) for name, contents in files.items()))
    known = len(images)
    images.add(key)
    return len(images) > known


# --------------------------------------------------------------------------- which states


def crashes(history: History, **options: Any) -> Iterator[Crash]:
    """The states that a crash in the last operation, or in closing after it, may leave.

    Those of earlier moments belong to the shorter sequence that begins the same way, so that
    no state of a history is counted twice.
    """
    return history.directory.crashes(since=history.begun + 1, **options)


def check_history(
    sequence: Sequence[str],
    start: Start,
    durability: Durability = "sync",
    *,
    counts: Counts,
    **options: Any,
) -> History:
    """Run a sequence, and check the states of its last operation; options: of `crashes`."""
    history = run(sequence, start, durability)
    judge = Judge(history, counts)
    counts.histories += 1
    try:
        for crash in crashes(history, **options):
            judge.check(crash)
    except BaseException as error:
        error.add_note(f"sequence {tuple(sequence)} from {start!r}, durability {durability!r}")
        raise
    counts.enumerated += history.directory.enumerated
    return history


def check_sequences(
    sequences: Iterable[Sequence[str]],
    states_per_sequence: int | None = None,
    seed: int = 0,
    *,
    start: Start = "used",
    durability: Durability = "sync",
    counts: Counts | None = None,
) -> Counts:
    """Check crash states of each sequence; AssertionError (or an error of ours) at the first bad.

    states_per_sequence: about so many, drawn from `seed`; None takes all. Some mistakes show in one
    state of a thousand only: all states of a few sequences find more than some of many.
    """
    counts = Counts() if counts is None else counts
    share = 1.0
    if states_per_sequence is not None:
        share = min(1.0, states_per_sequence / ENUMERATED[start])
    for sequence in sequences:
        seeded = seed_of(seed, *sequence, start, durability)
        check_history(sequence, start, durability, counts=counts, share=share, seed=seeded)
    return counts


ENUMERATED: dict[Start, int] = {"empty": 4_400, "used": 6_400}
"""About how many states are looked at in a sequence to find `states_per_sequence` different ones
where these are few."""


# --------------------------------------------------------------------------- crashes in recovery


def check_recoveries(
    sequence: Sequence[str],
    start: Start,
    *,
    counts: Counts,
    seed: int,
    crashes_each: int,
    states_each: int,
    depth: int = 2,
) -> None:
    """Crash while recovering from a crash, and in the recovery from that: nothing changes.

    crashes_each: so many states of the history are recovered from. states_each: of each recovery,
    about so many are checked; one of them is recovered from in turn, `depth` levels deep.
    """
    rng = random.Random(seed_of(seed, *sequence, start))
    history = run(sequence, start)
    counts.histories += 1
    judge = Judge(history, counts)
    states = list(crashes(history, share=CHOICE, seed=rng.getrandbits(32)))
    for crash in rng.sample(states, min(crashes_each, len(states))):
        expected = judge.check(crash)
        files, path = crash.files, [crash.label]
        for _ in range(depth):
            record = CrashDirectory(files)
            open_database(record).close()
            share = min(1.0, states_each / ENUMERATED_IN_RECOVERY)
            last = None
            for last in record.crashes(share=share, seed=rng.getrandbits(32)):
                _check_again(judge, last, expected, path)
            if last is None:
                break
            files = last.files
            path.append(last.label)


# --------------------------------------------------------------------------- repair


def check_repairs(
    sequence: Sequence[str],
    start: Start,
    durability: Durability,
    *,
    counts: Counts,
    seed: int,
    crashes_each: int,
) -> None:
    """Repair saves what opening finds: after a crash, and after what was written behind it.

    Writing goes on behind a torn log, the second time as versions did that left its end in place:
    then there are frames that nobody has acknowledged, under LSNs that were given out again.
    """
    rng = random.Random(seed_of(seed, "repair", *sequence, start, durability))
    history = run(sequence, start, durability)
    counts.histories += 1
    judge = Judge(history, counts)
    states = list(crashes(history, share=CHOICE, seed=rng.getrandbits(32)))
    for crash in rng.sample(states, min(crashes_each, len(states))):
        try:
            check_repair(judge, crash)
        except BaseException as error:
            error.add_note(f"sequence {tuple(sequence)} from {start!r}, durability {durability!r}")
            raise


def check_repair(judge: Judge, crash: Crash) -> None:
    """One state of `check_repairs`."""
    found, counts = judge.check(crash), judge.counts
    try:
        _check_repaired(crash.files, found, counts)
        for renews in (True, False):
            _check_repaired(*_written_behind(crash.files, found, renews=renews), counts)
    except BaseException as error:
        counts.violations += 1
        error.add_note(f"a repair after {crash.at} recorded operations, {crash.label}")
        raise


def _written_behind(
    files: Mapping[str, bytes], found: State, *, renews: bool
) -> tuple[Mapping[str, bytes], State]:
    directory = MemoryDirectory(files)
    with pytest.MonkeyPatch.context() as patch:
        if not renews:
            patch.setattr("rank_retrieve.collection.opening.renew", lambda directory, found: None)
        db = open_database(directory)
    if COLLECTION not in found:  # dropped
        db.create_collection(COLLECTION, fields=FIELDS)
    expected = {COLLECTION: (), **found}
    for version, name in enumerate(("y", "z", "y"), 90):
        db.get_collection(COLLECTION).put(document(name, version))
        others = [(n, v) for n, v in expected[COLLECTION] if n != name]
        expected[COLLECTION] = (*others, (name, version))
    return directory.files(), expected  # the writer dies


def _check_repaired(files: Mapping[str, bytes], expected: State, counts: Counts) -> None:
    with open_database(MemoryDirectory(files), "r") as db:
        assert read(db) == expected
    with tempfile.TemporaryDirectory() as folder:
        report = rr.repair(MemoryDirectory(files), f"{folder}/repaired")
        with open_database(f"{folder}/repaired", "r") as db:
            repaired = read(db)
    counts.repaired += 1
    assert repaired == expected, f"repair gives {repaired}, and opening {expected}: {report}"
    assert not report.lost, report


CHOICE = 0.03  # of the states of a history, from which those to recover from are drawn
ENUMERATED_IN_RECOVERY = 2_000


def _check_again(judge: Judge, crash: Crash, expected: State, path: list[str]) -> None:
    where = ", then ".join([*path, crash.label])
    judge.counts.recoveries += 1
    try:
        found = judge.recovered(crash.directory())
        assert found == expected, f"found {found} in place of {expected}"
    except BaseException as error:
        judge.counts.violations += 1
        error.add_note(f"a crash in recovery: {where}")
        raise
