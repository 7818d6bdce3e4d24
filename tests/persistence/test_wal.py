import errno
import os
import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.codecs.checksum import crc32c
from rank_retrieve.errors import (
    AlreadyExists,
    ForkedHandleError,
    InvalidArgument,
    PoisonedError,
)
from rank_retrieve.persistence import wal as wal_module
from rank_retrieve.persistence.directory import FSDirectory
from rank_retrieve.persistence.memory_directory import MemoryDirectory
from rank_retrieve.persistence.wal import FrameType, WriteAheadLog, scan
from rank_retrieve.testing.fault_directory import Fault, FaultDirectory, FaultKind

ID = b"0123456789abcdef"
FIRST = "wal-0000000001.log"


def create(directory, *, number=1, next_lsn=1, **options):
    return WriteAheadLog.create(
        directory, database_id=ID, number=number, next_lsn=next_lsn, **options
    )


def bodies(directory, above=0):
    found = scan(directory, database_id=ID)
    assert found.status == "clean", found.findings
    return [(frame.lsn, bytes(frame.body)) for frame in found.frames(above)]


def test_the_bytes_of_a_log_with_two_frames():
    directory = MemoryDirectory()
    log = create(directory, next_lsn=5)
    assert log.append(FrameType.BATCH, b"hi") == 5
    log.sync(5)
    assert log.append(FrameType.CHECKPOINT, b"12345678") == 6
    header = (
        bytes.fromhex("89 52 52 57 41 4c 0d 0a 01 00 00 00 00 00 00 00")
        + ID
        + bytes.fromhex("01 00 00 00 00 00 00 00 05 00 00 00 00 00 00 00")
        + bytes(12)
    )
    seed = crc32c(header)
    one = bytes.fromhex("05 00 00 00 00 00 00 00 02 00 00 00")
    rest = bytes.fromhex("04 00 00 00 00 00 00 00 01 00 00 00 00 00 00 00 68 69 00 00 00 00 00 5a")
    first = one + crc32c((64).to_bytes(8, "little") + one + rest, seed).to_bytes(4, "little") + rest
    two = bytes.fromhex("06 00 00 00 00 00 00 00 08 00 00 00")
    rest = bytes.fromhex("05 00 00 00 00 00 00 00 04 00 00 00 00 00 00 00")
    rest += b"12345678" + bytes.fromhex("00 00 00 00 00 00 00 5a")
    second = (
        two + crc32c((104).to_bytes(8, "little") + two + rest, seed).to_bytes(4, "little") + rest
    )
    assert directory.files() == {FIRST: header + seed.to_bytes(4, "little") + first + second}


def test_appended_frames_are_read_back_in_order():
    directory = MemoryDirectory()
    log = create(directory, next_lsn=10)
    assert (log.last_lsn, log.durable_lsn, log.numbers) == (9, 9, (1,))
    for number in range(5):
        assert log.append(FrameType.BATCH, b"x" * number) == 10 + number
    assert (log.last_lsn, log.durable_lsn) == (14, 9)
    log.sync(12)
    assert log.durable_lsn == 14
    assert bodies(directory) == [(10 + number, b"x" * number) for number in range(5)]
    assert bodies(directory, above=12) == [(13, b"xxx"), (14, b"xxxx")]


@given(
    st.lists(st.lists(st.binary(max_size=40), max_size=3), max_size=20),
    st.integers(1, 400),
)
@settings(deadline=None, max_examples=100)
def test_any_batches_come_back_whatever_the_file_size(batches, segment_bytes):
    directory = MemoryDirectory()
    log = create(directory, segment_bytes=segment_bytes)
    for number, batch in enumerate(batches):
        log.append(FrameType.BATCH, *batch)
        if number % 3 == 0:
            log.sync(log.last_lsn)
    log.close()
    found = scan(directory, database_id=ID)
    assert found.status == "clean"
    assert [bytes(frame.body) for frame in found.frames()] == [b"".join(b) for b in batches]
    for file in found.files[:-1]:
        assert file.end <= segment_bytes or len(file.offsets) == 1  # a frame too large for any


def test_large_and_typed_buffers_are_one_body():
    directory = MemoryDirectory()
    log = create(directory)
    vector = np.arange(40_000, dtype=np.float32).reshape(100, 400)
    log.append(FrameType.BATCH, b"head", vector, bytearray(b"tail"))
    assert bodies(directory) == [(1, b"head" + vector.tobytes() + b"tail")]


def test_a_buffer_that_is_not_contiguous_is_refused_and_harms_nothing():
    directory = MemoryDirectory()
    log = create(directory)
    with pytest.raises(ValueError, match="contiguous"):
        log.append(FrameType.BATCH, np.zeros((4, 4))[:, 1])
    log.append(FrameType.BATCH, b"next")
    assert bodies(directory) == [(1, b"next")]


def test_a_body_above_the_limit_is_refused_and_harms_nothing(monkeypatch):
    monkeypatch.setattr(wal_module, "MAX_BODY_BYTES", 10)
    directory = MemoryDirectory()
    log = create(directory)
    with pytest.raises(InvalidArgument, match="at most 10 bytes"):
        log.append(FrameType.BATCH, b"123456", b"78901")
    log.append(FrameType.BATCH, b"1234567890")
    assert bodies(directory) == [(1, b"1234567890")]


def test_a_full_file_is_followed_by_the_next_and_a_large_frame_has_its_own():
    directory = MemoryDirectory()
    log = create(directory, segment_bytes=64 + 3 * 40)
    for _ in range(4):
        log.append(FrameType.BATCH, b"seven b")
    assert log.numbers == (1, 2)
    log.append(FrameType.BATCH, bytes(1000))
    log.append(FrameType.BATCH, b"seven b")
    assert log.numbers == (1, 2, 3, 4)
    found = scan(directory, database_id=ID)
    assert [(file.first_lsn, len(file.offsets)) for file in found.files] == [
        (1, 3),
        (4, 1),
        (5, 1),
        (6, 1),
    ]


def test_rotation_syncs_what_was_written_and_gives_the_new_number():
    directory = MemoryDirectory()
    log = create(directory, number=7)
    log.append(FrameType.BATCH, b"a")
    assert log.rotate() == 8
    assert log.durable_lsn == 1
    assert log.rotate() == 9
    assert bodies(directory) == [(1, b"a")]


def test_obsolete_files_are_deleted_and_the_current_one_never():
    directory = MemoryDirectory({"wal-0000000003.log": b"old", "notes": b"", FIRST: b"older"})
    log = create(directory, number=5)
    log.rotate()
    log.delete_before(6)
    assert directory.list() == ["notes", "wal-0000000006.log"]
    log.delete_before(99)
    assert directory.list() == ["notes", "wal-0000000006.log"]
    assert log.numbers == (6,)


def test_a_sync_beyond_the_last_frame_is_refused():
    log = create(MemoryDirectory(), next_lsn=5)
    log.sync(4)
    with pytest.raises(InvalidArgument, match="the last frame is 4"):
        log.sync(5)


def test_a_number_is_used_once():
    directory = MemoryDirectory()
    create(directory)
    with pytest.raises(AlreadyExists):
        create(directory)


@pytest.mark.parametrize(
    "options",
    [
        {"database_id": b"short"},
        {"number": 0},
        {"next_lsn": 0},
        {"next_lsn": 2**62},
        {"segment_bytes": 0},
    ],
)
def test_bad_arguments_are_refused_before_anything_is_created(options):
    directory = MemoryDirectory()
    arguments = {"database_id": ID, "number": 1, "next_lsn": 1, **options}
    with pytest.raises(InvalidArgument):
        WriteAheadLog.create(directory, **arguments)
    assert directory.list() == []


def test_closing_syncs_and_leaves_a_witness():
    directory = MemoryDirectory()
    counter = FaultDirectory(directory)
    log = create(counter)
    log.append(FrameType.BATCH, b"a")
    syncs = counter.count(FaultKind.SYNC_KEPT)
    log.close()
    log.close()
    assert counter.count(FaultKind.SYNC_KEPT) == syncs + 1
    found = scan(directory, database_id=ID)
    assert [frame.lsn for frame in found.frames()] == [1]
    assert found.next_lsn == 3
    with pytest.raises(PoisonedError, match="closed"):
        log.append(FrameType.BATCH, b"late")


def test_an_empty_log_is_closed_without_a_trace():
    directory = MemoryDirectory()
    create(directory).close()
    assert directory.size(FIRST) == 64


def test_small_syncs_are_prepared_with_zeros_and_large_ones_are_not(tmp_path):
    directory = FSDirectory(tmp_path)
    log = create(directory)
    log.sync(log.append(FrameType.BATCH, b"a"))
    log.sync(log.append(FrameType.BATCH, b"b"))
    size = directory.size(FIRST)
    assert size >= wal_module.RESERVE_BYTES
    for _ in range(100):
        log.sync(log.append(FrameType.BATCH, bytes(1000)))
    assert directory.size(FIRST) == size
    assert len(bodies(directory)) == 102
    bulk = create(directory, number=2, next_lsn=103)
    for _ in range(3):
        bulk.append(FrameType.BATCH, bytes(wal_module.RESERVE_BELOW_BYTES))
        bulk.sync(bulk.last_lsn)
    assert directory.size("wal-0000000002.log") == scan(directory, database_id=ID).files[1].end


def test_zeros_never_go_beyond_the_file_size_that_was_asked_for(tmp_path):
    directory = FSDirectory(tmp_path)
    log = create(directory, segment_bytes=5000)
    for _ in range(50):
        log.sync(log.append(FrameType.BATCH, bytes(500)))
    assert all(directory.size(name) <= 5000 for name in directory.list())
    assert len(bodies(directory)) == 50


def test_threads_that_append_and_sync_lose_nothing_and_share_syncs(tmp_path):
    class Counting(FaultDirectory):
        pass

    directory = Counting(FSDirectory(tmp_path))
    log = create(directory, segment_bytes=20_000)
    wrong = []

    def work(number):
        for turn in range(100):
            lsn = log.append(FrameType.BATCH, b"%d-%d" % (number, turn))
            log.sync(lsn)
            if log.durable_lsn < lsn:
                wrong.append(lsn)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    log.close()
    assert wrong == []
    found = bodies(directory)
    assert [lsn for lsn, _ in found] == list(range(1, 801))
    for number in range(8):
        mine = [body for _, body in found if body.startswith(b"%d-" % number)]
        assert mine == [b"%d-%d" % (number, turn) for turn in range(100)]


def test_waiting_threads_share_one_sync():
    gate, syncing = threading.Event(), threading.Event()

    class Slow(FaultDirectory):
        def create(self, name):
            output = super().create(name)
            real = output.sync

            def sync():
                if gate is not None and log_ready:
                    syncing.set()
                    gate.wait(10)
                    calls.append(1)
                real()

            output.sync = sync
            return output

    calls, log_ready = [], []
    log = create(Slow(MemoryDirectory()))
    log_ready.append(1)
    lsn = log.append(FrameType.BATCH, b"0")
    leader = threading.Thread(target=log.sync, args=(lsn,))
    leader.start()
    assert syncing.wait(10)
    lsns = [log.append(FrameType.BATCH, b"%d" % n) for n in range(1, 8)]
    others = [threading.Thread(target=log.sync, args=(n,)) for n in lsns]
    for thread in others:
        thread.start()
    while len(log._group._waiters) < 7:
        pass
    gate.set()
    for thread in [leader, *others]:
        thread.join(10)
    assert len(calls) == 2
    assert log.durable_lsn == 8


@pytest.mark.parametrize(
    "kind", [FaultKind.EIO, FaultKind.ENOSPC, FaultKind.SHORT_WRITE, FaultKind.SYNC_KEPT]
)
@pytest.mark.parametrize("sticky", [False, True])
def test_every_failing_operation_stops_the_log_and_keeps_what_was_synced(kind, sticky):
    def workload(directory, done):
        log = create(directory, segment_bytes=300)
        for number in range(12):
            lsn = log.append(FrameType.BATCH, b"frame %d" % number)
            done["appended"] = number + 1
            if number % 2:
                log.sync(lsn)
                done["synced"] = number + 1
        return log

    counter = FaultDirectory(MemoryDirectory())
    workload(counter, {})
    for at in range(1, counter.count(kind) + 1):
        inner = MemoryDirectory()
        failing = FaultDirectory(inner, Fault(kind, at, sticky))
        done = {"appended": 0, "synced": 0}
        # zeros ahead are not needed, so a disk that is full just for them goes unnoticed
        try:
            workload(failing, done)
        except OSError:
            pass
        else:
            assert failing.failed == ["reserve"] and kind is FaultKind.ENOSPC
        found = scan(inner, database_id=ID)
        assert found.status in ("clean", "torn", "missing"), found
        frames = [bytes(frame.body) for frame in found.frames()]
        assert frames == [b"frame %d" % number for number in range(len(frames))]
        assert done["synced"] <= len(frames) <= done["appended"] or kind is FaultKind.SYNC_KEPT


def test_a_failed_sync_is_never_tried_again():
    inner = MemoryDirectory()
    failing = FaultDirectory(inner)
    log = create(failing)
    log.sync(log.append(FrameType.BATCH, b"kept"))
    lsn = log.append(FrameType.BATCH, b"lost")
    already = failing.count(FaultKind.SYNC_DROPPED)
    failing.fault = Fault(FaultKind.SYNC_DROPPED, already + 1)
    with pytest.raises(OSError, match="error"):
        log.sync(lsn)
    for call in (
        lambda: log.sync(lsn),
        lambda: log.append(FrameType.BATCH, b"x"),
        lambda: log.rotate(),
        lambda: log.resume(),
    ):
        with pytest.raises(PoisonedError):
            call()
    assert log.durable_lsn == 1
    log.close()
    assert failing.count(FaultKind.SYNC_DROPPED) == already + 1
    assert [bytes(frame.body) for frame in scan(inner, database_id=ID).frames()] == [b"kept"]


def test_an_interrupted_write_stops_the_log(monkeypatch):
    log = create(MemoryDirectory())
    monkeypatch.setattr(log._output, "write", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        log.append(FrameType.BATCH, b"x")
    with pytest.raises(PoisonedError, match="KeyboardInterrupt"):
        log.append(FrameType.BATCH, b"y")


@pytest.mark.parametrize("kind", [FaultKind.ENOSPC, FaultKind.SHORT_WRITE])
def test_after_a_full_disk_the_log_goes_on_in_a_new_file(kind):
    inner = MemoryDirectory()
    failing = FaultDirectory(inner)
    log = create(failing)
    log.sync(log.append(FrameType.BATCH, b"one"))
    failing.fault = Fault(kind, failing.count(kind) + (2 if kind is FaultKind.ENOSPC else 1))
    with pytest.raises(OSError, match="space") as caught:
        log.append(FrameType.BATCH, b"refused")
    assert caught.value.errno == errno.ENOSPC
    with pytest.raises(PoisonedError):
        log.append(FrameType.BATCH, b"refused")
    log.resume()
    log.resume()
    assert log.append(FrameType.BATCH, b"two") == 2
    log.sync(2)
    assert bodies(inner) == [(1, b"one"), (2, b"two")]
    assert log.numbers == (1, 2)


def test_a_full_disk_at_rotation_can_be_resumed_too():
    inner = MemoryDirectory()
    failing = FaultDirectory(inner)
    log = create(failing)
    log.sync(log.append(FrameType.BATCH, b"one"))
    failing.fault = Fault(FaultKind.ENOSPC, failing.count(FaultKind.ENOSPC) + 1, sticky=True)
    for _ in range(2):
        with pytest.raises((OSError, PoisonedError)):
            log.rotate()
        with pytest.raises(OSError, match="space"):
            log.resume()
    failing.fault = None
    log.resume()
    assert log.append(FrameType.BATCH, b"two") == 2
    log.close()
    assert bodies(inner) == [(1, b"one"), (2, b"two")]


def test_a_forked_child_cannot_use_the_log_and_the_parent_can(tmp_path):
    log = create(FSDirectory(tmp_path))
    log.append(FrameType.BATCH, b"one")
    log._append_lock.acquire()  # as another thread may at the moment of a fork
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            for call in (
                lambda: log.append(FrameType.BATCH, b"child"),
                lambda: log.sync(1),
                lambda: log.rotate(),
                lambda: log.resume(),
            ):
                try:
                    call()
                except ForkedHandleError:
                    continue
                os._exit(2)
            log.close()
            code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    log._append_lock.release()
    log.append(FrameType.BATCH, b"two")
    log.close()
    assert bodies(FSDirectory(tmp_path)) == [(1, b"one"), (2, b"two")]
