"""Crashes at every step of the protocols, and proof that the steps are all needed."""

import inspect
import types

import pytest

from rank_retrieve.errors import CorruptionError, RankRetrieveError
from rank_retrieve.persistence import manifest, recovery, segment, wal, wal_scan
from rank_retrieve.persistence.memory_directory import MemoryDirectory
from rank_retrieve.testing.crash_directory import CrashDirectory
from rank_retrieve.testing.fault_directory import Fault, FaultDirectory, FaultKind
from tests.persistence.mini_engine import ORIGINALS, MiniEngine, read

RECORDS = [b"%d" % number * (number * 7 % 40 + 1) for number in range(20)]


class ViolationError(AssertionError):
    """The contract was broken in some state."""


def workload(directory, modules=ORIGINALS):
    """Every protocol once: creation, synced and unsynced puts, rotation, flush, reopening."""
    engine = MiniEngine(directory, segment_bytes=200, modules=modules)
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
            engine = MiniEngine(directory, segment_bytes=200, modules=modules)
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


def run(modules=ORIGINALS):
    """Check every state of the workload; how many there were."""
    directory = CrashDirectory(zeros_bytes=64)
    workload(directory, modules)
    count = 0
    for crash in directory.crashes(subsets=5):
        check(crash)
        count += 1
    return count


def test_every_crash_leaves_a_prefix_with_everything_acknowledged():
    assert run() > 1000


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


def check_quarantine(modules):
    directory = CrashDirectory(torn_files())
    tail = recovery.recover(directory, writable=True).torn_tail
    name = modules["recovery"].quarantine(directory, tail)
    for crash in directory.crashes(since=len(directory.log)):
        if crash.files.get(name) != b"half a frame":
            raise ViolationError(f"{crash}: the torn bytes are gone")
    assert modules["recovery"].quarantine(directory, tail) == name


def test_a_quarantined_tail_survives_at_once():
    check_quarantine(ORIGINALS)


def check_resume(modules):
    """What was written before the disk was full is durable before what comes after."""
    inner = CrashDirectory()
    directory = FaultDirectory(inner)
    engine = MiniEngine(directory, modules=modules)
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


def test_going_on_after_a_full_disk_keeps_the_order():
    check_resume(ORIGINALS)


def check_atomic_write(modules):
    directory = CrashDirectory()
    for mark in (b"old", b"new"):
        modules["segment"].write_file_atomically(
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


def test_an_atomic_write_is_old_or_new_in_every_crash():
    check_atomic_write(ORIGINALS)


# --------------------------------------------------------------------------- mutants


def mutant(module, old, new, number):
    """The module with the `number`-th occurrence of `old` replaced."""
    source = inspect.getsource(module)
    parts = source.split(old)
    assert len(parts) > number + 1, f"{module.__name__} has only {len(parts) - 1} of {old!r}"
    changed = old.join(parts[: number + 1]) + new + old.join(parts[number + 1 :])
    result = types.ModuleType(module.__name__)
    exec(compile(changed, inspect.getsourcefile(module) or "mutant", "exec"), result.__dict__)
    return result


def check_all(modules):
    run(modules)
    check_atomic_write(modules)
    check_quarantine(modules)
    check_resume(modules)


MODULES = {"manifest": manifest, "recovery": recovery, "segment": segment, "wal": wal}
SYNCS = [
    (name, call, number)
    for name, module in MODULES.items()
    for call in ("output.sync()", "directory.sync_directory()", "self._sync_file()")
    for number in range(inspect.getsource(module).count(call))
]


def test_the_checks_pass_without_a_mutation():
    check_all({name: mutant(module, "import", "import", 0) for name, module in MODULES.items()})


@pytest.mark.parametrize(("name", "call", "number"), SYNCS)
def test_no_sync_can_be_left_out(name, call, number):
    changed = {**MODULES, name: mutant(MODULES[name], call, "_ = None", number)}
    with pytest.raises(ViolationError):
        check_all({**ORIGINALS, **changed})


def test_every_sync_of_the_layer_has_its_mutant():
    assert len(SYNCS) == 14
    for module in MODULES.values():
        source = inspect.getsource(module)
        called = source.count(".sync(") + source.count(".sync_directory(")
        called += source.count("._sync_file(")
        assert called == sum(MODULES[name] is module for name, _, _ in SYNCS)


def flips_go_unnoticed(read_all, files):
    """Whether a changed byte yields something else without an error."""
    whole = read_all(MemoryDirectory(files))
    for name, contents in files.items():
        for place in range(len(contents)):
            changed = bytearray(contents)
            changed[place] ^= 0x04
            try:
                found = read_all(MemoryDirectory({**files, name: bytes(changed)}))
            except RankRetrieveError:
                continue
            if found != whole:
                return True
    return False


def read_segment(module):
    def read_all(directory):
        reader = module.SegmentReader.open(directory, "s", kind="t")
        return [(name, bytes(reader.section(name))) for name in reader.section_names]

    return read_all


def read_log(module):
    def read_all(directory):
        found = module.scan(directory, database_id=b"0123456789abcdef")
        # what is reported may be lost; what is given must be right
        frames = [(frame.lsn, bytes(frame.body)) for frame in found.frames()]
        return [] if found.status != "clean" else frames

    def same_or_reported(directory):
        found = read_all(directory)
        return found or WHOLE_LOG

    return same_or_reported


def segment_files():
    directory = MemoryDirectory()
    segment.write_file_atomically(directory, "s", "t", lambda sink: sink.add("a", b"contents"))
    return directory.files()


def manifest_files():
    directory = MemoryDirectory()
    manifest.publish(directory, manifest.Manifest(database_id=b"0123456789abcdef"))
    return directory.files()


WHOLE_LOG = [(1, b"one"), (2, b"two"), (3, b"three")]


def log_files():
    directory = MemoryDirectory()
    log = wal.WriteAheadLog.create(directory, database_id=b"0123456789abcdef", number=1, next_lsn=1)
    for _, body in WHOLE_LOG:
        log.sync(log.append(wal.FrameType.BATCH, body))
    log.close()
    return directory.files()


CHECKS = [
    (segment, read_segment, segment_files, "if got != checksum:", 0),  # a section
    (
        segment,
        read_segment,
        segment_files,
        "if crc32c(table, header_checksum) != table_checksum:",
        0,
    ),
    (manifest, lambda module: module.load, manifest_files, "if got != expected:", 0),
    (wal_scan, read_log, log_files, "seed) != checksum:", 0),  # a frame
]


@pytest.mark.parametrize(("module", "reading", "make", "check_text", "number"), CHECKS)
def test_no_checksum_can_be_left_out(module, reading, make, check_text, number):
    assert not flips_go_unnoticed(reading(module), make())
    blind = mutant(module, check_text, check_text[:-1] + " and False:", number)
    assert flips_go_unnoticed(reading(blind), make())
