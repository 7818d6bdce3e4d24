"""Every state that a crash may leave recovers to a prefix of what was committed.

The quick tier draws states of all sequences of up to three operations; the long tier takes every
state of every one. `tests.reliability.enumeration` says what is checked in each.
"""

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.testing.crash_directory import CrashDirectory, CrashOutput
from tests.reliability import counts
from tests.reliability.enumeration import (
    Counts,
    Judge,
    check_recoveries,
    check_repair,
    check_repairs,
    check_sequences,
    crashes,
    seed_of,
)
from tests.reliability.histories import (
    COLLECTION,
    FIELDS,
    OPERATIONS,
    STARTS,
    Durability,
    History,
    Moment,
    Start,
    all_sequences,
    document,
    open_database,
    read,
    run,
)

SEED = 1
QUICK_STATES = 76  # of a sequence, as goes the average
QUICK_PARTS, QUICK_FLOOR = 24, 4_200  # at least 100,800 states
LONG_PARTS, LONG_FLOOR = 144, 14_000  # at least 2,016,000
LONG_STATES: dict[Start, int | None] = {"empty": 400, "used": None}  # None: all there are


def report(name: str, found: Counts, seed: int | str) -> None:
    counts.record(name, **found.figures(), seed=seed)


def test_there_are_twelve_operations_and_all_their_sequences() -> None:
    assert len(OPERATIONS) == 12
    assert len(set(all_sequences())) == len(all_sequences()) == 12 + 144 + 1_728


def histories(part: int, parts: int, *, every_start: bool) -> Iterator[tuple[Sequence[str], Start]]:
    """A part of all sequences, each from one of the starts or from all; parts are about equal."""
    # by their last operation, which makes the number of states
    sequences = sorted(all_sequences(), key=lambda sequence: sequence[::-1])
    for number in range(part, len(sequences), parts):
        for start in STARTS if every_start else [STARTS[number // parts % len(STARTS)]]:
            yield sequences[number], start


@pytest.mark.parametrize("part", range(QUICK_PARTS))
def test_crashes_recover_to_a_prefix_that_holds_all_acknowledged_writes(part: int) -> None:
    """Some states of each sequence; half of them begin with a database in use."""
    found = Counts()
    for sequence, start in histories(part, QUICK_PARTS, every_start=False):
        check_sequences([sequence], QUICK_STATES, SEED, start=start, counts=found)
    report("crash states, quick", found, SEED)
    assert found.histories >= len(all_sequences()) // QUICK_PARTS
    assert found.states >= QUICK_FLOOR


@pytest.mark.reliability
@pytest.mark.parametrize("part", range(LONG_PARTS))
def test_every_crash_recovers_to_a_prefix_that_holds_all_acknowledged_writes(part: int) -> None:
    """All states of all sequences that begin with a database in use, some from an empty one."""
    found = Counts()
    for sequence, start in histories(part, LONG_PARTS, every_start=True):
        check_sequences([sequence], LONG_STATES[start], SEED, start=start, counts=found)
    report("crash states, long", found, SEED)
    assert found.histories >= len(all_sequences()) // LONG_PARTS * len(STARTS)
    assert found.states >= LONG_FLOOR


def drawn(n: int, seed: object) -> list[tuple[tuple[str, ...], Start]]:
    """Sequences with a start."""
    rng = random.Random(seed_of(seed))
    return rng.sample(list(itertools.product(all_sequences(), STARTS)), n)


@pytest.mark.parametrize("part", range(4))
def test_a_crash_in_recovery_recovers_to_the_same_state(part: int) -> None:
    found = Counts()
    for sequence, start in drawn(30, ("recovery", part)):
        check_recoveries(sequence, start, counts=found, seed=SEED, crashes_each=2, states_each=5)
    report("crashes in recovery, quick", found, SEED)
    assert found.recoveries >= 800


@pytest.mark.reliability
@pytest.mark.parametrize("part", range(6))
def test_many_crashes_in_recovery_recover_to_the_same_state(part: int) -> None:
    found = Counts()
    for sequence, start in drawn(50, ("many recoveries", part)):
        check_recoveries(
            sequence, start, counts=found, seed=part, crashes_each=5, states_each=8, depth=3
        )
    report("crashes in recovery, long", found, part)
    assert found.recoveries >= 5_000


@pytest.mark.parametrize("durability", ["sync", "none"])
def test_repair_saves_what_opening_finds(durability: Durability) -> None:
    found = Counts()
    for sequence, start in drawn(8, ("repair", durability)):
        check_repairs(sequence, start, durability, counts=found, seed=SEED, crashes_each=2)
    report(f"repairs, {durability}, quick", found, SEED)
    assert found.repaired >= 24


def test_repair_leaves_out_what_opening_passed_over() -> None:
    """Unsynced frames arrived without those before them; writing goes on over their LSNs."""
    history = History("empty", "none")
    for name in "abcd":
        history.put([name])
    judge = Judge(history)
    for crash in history.directory.crashes(since=len(history.directory.log), share=0.5, seed=3):
        check_repair(judge, crash)
    report("repairs of unsynced frames, quick", judge.counts, 3)
    assert judge.counts.repaired >= 30


@pytest.mark.reliability
@pytest.mark.parametrize("part", range(3))
@pytest.mark.parametrize("durability", ["sync", "none"])
def test_repair_saves_what_opening_finds_many_times(durability: Durability, part: int) -> None:
    found = Counts()
    for sequence, start in drawn(60, ("many repairs", durability, part)):
        check_repairs(sequence, start, durability, counts=found, seed=part, crashes_each=15)
    report(f"repairs, {durability}, long", found, part)
    assert found.repaired >= 2_000


def check_durability(durability: Durability, n_sequences: int, states: int, seed: int) -> Counts:
    """Longer sequences than the others, so that more is between two syncs."""
    rng = random.Random(seed_of(durability, seed))
    found = Counts()
    for _ in range(n_sequences):
        sequence = rng.choices(list(OPERATIONS), k=rng.randint(2, 6))
        start = rng.choice(STARTS)
        check_sequences([sequence], states, seed, start=start, durability=durability, counts=found)
    return found


@pytest.mark.parametrize("durability", ["group", "async", "none"])
def test_in_every_durability_the_recovered_state_is_a_prefix_that_holds_what_was_synced(
    durability: Durability,
) -> None:
    found = check_durability(durability, 40, 40, SEED)
    report(f"crash states, {durability}, quick", found, SEED)
    assert found.states >= 1_000


@pytest.mark.reliability
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("durability", ["group", "async", "none"])
def test_in_every_durability_many_recovered_states_are_prefixes(
    durability: Durability, seed: int
) -> None:
    found = check_durability(durability, 100, 300, seed)
    report(f"crash states, {durability}, long", found, seed)
    assert found.states >= 6_000


# --------------------------------------------------------------------------- special histories


def test_a_crash_while_the_database_is_made_leaves_one_that_can_be_made() -> None:
    directory = CrashDirectory()
    rr.open(directory).close()
    n = 0
    for crash in directory.crashes():
        with rr.open(crash.directory()) as db:
            assert db.list_collections() == []
        n += 1
    assert n >= 12


@pytest.mark.parametrize("durability", ["sync", "none"])
def test_a_crash_in_a_compaction_leaves_the_old_segments_or_the_new_one(
    durability: Durability,
) -> None:
    """With deletes before it, and with deletes and puts that come while it runs."""
    history = History("empty", durability)
    for names in (["a", "b", "d"], ["e", "f"], ["b", "g"]):
        history.put(names)
        history.durably(history.db.flush)
    history.delete("e")
    history.begun = len(history.directory.log)
    stages: list[str] = []

    def meanwhile(stage: str, done: int, total: int) -> None:
        if stage == "documents" and not stages:
            stages.append(stage)
            history.delete("f")
            history.put(["a"])
            history.durably(history.db.flush)
            history.put(["h"])
            history.delete("d")

    history.collection.compact(meanwhile)
    assert stages
    history.close()
    judge = Judge(history)
    for crash in crashes(history, share=0.04, seed=4):
        judge.check(crash)
    assert judge.counts.states >= 300


@pytest.mark.parametrize("durability", ["async", "none"])
def test_a_manifest_never_outruns_an_unsynced_log(durability: Durability) -> None:
    """One collection is made and flushed alone while another has writes that nobody synced."""
    history = History("empty", durability)
    history.put(["a"])
    states: list[Any] = [{COLLECTION: ()}, history.states[-1], history.states[-1] | {"other": ()}]
    history.db.create_collection("other", fields=FIELDS)
    history.put(["b"])
    states.append(history.states[-1] | {"other": ()})
    history.collection.flush()
    history.db.get_collection("other").put(document("x", 9))
    states.append(states[-1] | {"other": (("x", 9),)})
    history.put(["d"])
    states.append(history.states[-1] | {"other": (("x", 9),)})
    history.collection.flush()
    n = 0
    for crash in history.directory.crashes(since=history.begun, share=0.02, seed=5):
        with open_database(crash.directory()) as db:
            assert read(db) in states, crash.label
        n += 1
    assert n >= 90


# --------------------------------------------------------------------------- the harness itself


def test_equal_seeds_check_equal_states_and_others_check_others() -> None:
    def labels(seed: int) -> list[tuple[int, str]]:
        states = crashes(run(("flush", "checkpoint"), "used"), share=0.05, seed=seed)
        return [(crash.at, crash.label) for crash in states]

    assert labels(1) == labels(1) != labels(2)


def test_states_of_a_sequence_belong_to_its_last_operation() -> None:
    history = run(("put", "flush", "delete"), "empty")
    before: Moment = Moment(1, 1, 0)
    assert {crash.marks[-1] for crash in crashes(history)} == {before, Moment(2, 2, 0)}


@pytest.mark.parametrize("lost", ["sync_directory", "sync"])
def test_a_directory_that_does_not_sync_is_found_out(
    lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CrashDirectory, lost, lambda *arguments: None)
    if lost == "sync":
        monkeypatch.setattr(CrashOutput, lost, lambda output: None)
    with pytest.raises((AssertionError, rr.RankRetrieveError)):
        check_sequences([("put", "flush"), ("checkpoint", "put")], 500, start="used")


def test_a_write_that_was_never_made_durable_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rank_retrieve.persistence.wal.WriteAheadLog._sync_file", lambda log: None)
    with pytest.raises(AssertionError, match="not one of"):
        check_sequences([("put",)], 500, start="empty")


def test_a_checkpoint_that_is_not_what_it_was_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def later(history: History) -> None:
        history.checkpoint()
        history.kept[-1] = type(history.kept[-1])(history.kept[-1].name, {COLLECTION: ()})

    monkeypatch.setitem(OPERATIONS, "checkpoint", later)
    with pytest.raises(AssertionError, match="checkpoint of"):
        check_sequences([("checkpoint", "put")], 500, start="used")


def test_a_lost_checkpoint_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "rank_retrieve.persistence.checkpoints.manifests.publish", lambda folder, manifest: None
    )
    with pytest.raises(AssertionError, match="checkpoints"):
        check_sequences([("checkpoint", "put")], 500, start="used")
