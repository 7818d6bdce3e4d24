"""Crashes at every step of the protocols. That the steps are all needed, `tests.mutants` shows."""

import pytest

from rank_retrieve.errors import CorruptionError, RankRetrieveError
from rank_retrieve.persistence import recovery, segment
from rank_retrieve.persistence.memory_directory import MemoryDirectory
from rank_retrieve.testing.crash_directory import CrashDirectory
from rank_retrieve.testing.fault_directory import Fault, FaultDirectory, FaultKind
from tests.persistence.mini_engine import MiniEngine, read

RECORDS = [b"%d" % number * (number * 7 % 40 + 1) for number in range(20)]


class ViolationError(AssertionError):
    """The contract was broken in some state."""


def workload(directory):
    """Every protocol once: creation, synced and unsynced puts, rotation, flush, reopening."""
    engine = MiniEngine(directory, segment_bytes=200)
    directory.mark(0)
    for number, record in enumerate(RECORDS):
        synced = number % 3 != 1
        engine.put(record, sync=synced)
        if synced:
            directory.mark(number + 1)
        if number == 5:
            engine.flush()
            directory.mark(6)
        if number == 8:
            # the process ends without closing; the next one recovers
            engine = MiniEngine(directory, segment_bytes=200)
            directory.mark(9)
        if number == 15:
            engine.flush()
            directory.mark(16)
    assert not synced
    engine.log.close()
    directory.mark(20)


def check(crash, expected=RECORDS):
    """A prefix of commit order that holds everything acknowledged, and stays so."""
    try:
        found = read(crash.directory())
    except CorruptionError as error:
        raise ViolationError(f"{crash}: refused: {error}") from error
    acknowledged = crash.marks[-1] if crash.marks else None
    if found is None:
        if acknowledged is not None:
            raise ViolationError(f"{crash}: the database is gone")
        return 0
    if found != expected[: len(found)]:
        raise ViolationError(f"{crash}: {found} is no prefix")
    if acknowledged is not None and len(found) < acknowledged:
        raise ViolationError(f"{crash}: {len(found)} of {acknowledged} acknowledged records")
    return len(found)


def test_every_crash_leaves_a_prefix_with_everything_acknowledged():
    directory = CrashDirectory(zeros_bytes=64)
    workload(directory)
    count = 0
    for crash in directory.crashes(subsets=5):
        check(crash)
        count += 1
    assert count > 1000


def test_recovering_twice_is_recovering_once():
    directory = CrashDirectory()
    workload(directory)
    for number, crash in enumerate(directory.crashes()):
        if number % 20:
            continue
        once = crash.directory()
        before = read(crash.directory())
        assert read(once) == before  # reading changes nothing
        assert once.files() == dict(sorted(crash.files.items()))
        MiniEngine(once).log.close()
        assert read(once) == (before or [])
        MiniEngine(once).log.close()
        assert read(once) == (before or [])


def test_crashes_inside_recovery_lose_nothing():
    directory = CrashDirectory()
    workload(directory)
    count = 0
    for number, crash in enumerate(directory.crashes()):
        if number % 60:
            continue
        before = read(crash.directory()) or []
        second = CrashDirectory(crash.files)
        engine = MiniEngine(second)
        second.mark(len(before))
        engine.put(b"after", sync=True)
        second.mark(len(before) + 1)
        for inner in second.crashes():
            check(inner, [*before, b"after"])
            if before:  # the first state was durable, so recovery cannot shrink it
                assert len(read(inner.directory())) >= len(before)
            count += 1
    assert count > 1000


def torn_files():
    memory = MemoryDirectory()
    engine = MiniEngine(memory)
    engine.put(b"whole")
    engine.log._output.write(b"half a frame")
    return memory.files()


def test_a_quarantined_tail_survives_at_once():
    directory = CrashDirectory(torn_files())
    tail = recovery.recover(directory).torn_tail
    name = recovery.quarantine(directory, tail)
    for crash in directory.crashes(since=len(directory.log)):
        if crash.files.get(name) != b"half a frame":
            raise ViolationError(f"{crash}: the torn bytes are gone")
    assert recovery.quarantine(directory, tail) == name


def test_going_on_after_a_full_disk_keeps_the_order():
    """What was written before the disk was full is durable before what comes after."""
    inner = CrashDirectory()
    directory = FaultDirectory(inner)
    engine = MiniEngine(directory)
    engine.put(b"first", sync=False)
    full = directory.count(FaultKind.SHORT_WRITE) + 1
    directory.fault = Fault(FaultKind.SHORT_WRITE, full)
    with pytest.raises(OSError, match="space"):
        engine.put(b"refused")
    engine.log.resume()
    engine.put(b"second")
    inner.mark(2)
    for crash in inner.crashes():
        check(crash, [b"first", b"second"])


def test_an_atomic_write_is_old_or_new_in_every_crash():
    directory = CrashDirectory()
    for mark in (b"old", b"new"):
        segment.write_file_atomically(
            directory, "s", "t", lambda sink, contents=mark: sink.add("a", contents)
        )
        directory.mark(mark)
    for crash in directory.crashes():
        done = crash.marks[-1] if crash.marks else b""
        allowed = {b"": [None, b"old"], b"old": [b"old", b"new"], b"new": [b"new"]}[done]
        found = None
        if "s" in crash.files:
            try:
                reader = segment.SegmentReader.open(crash.directory(), "s", kind="t")
                found = bytes(reader.section("a"))
            except RankRetrieveError as error:
                raise ViolationError(f"{crash}: {error}") from error
        if found not in allowed:
            raise ViolationError(f"{crash}: {found} is none of {allowed}")
