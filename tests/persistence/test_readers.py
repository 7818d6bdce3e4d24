import errno
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from rank_retrieve.persistence import readers
from rank_retrieve.persistence.directory import FSDirectory
from rank_retrieve.persistence.memory_directory import MemoryDirectory
from rank_retrieve.persistence.readers import ReaderMark, list_readers

HOLD = textwrap.dedent(
    """
    import sys
    from rank_retrieve.persistence.directory import FSDirectory
    from rank_retrieve.persistence.readers import ReaderMark
    mark = ReaderMark.make(FSDirectory(sys.argv[1], read_only=True), int(sys.argv[2]))
    print("held", flush=True)
    sys.stdin.read()
    """
)


def a_reading_process(path: Path, generation: int) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), str(generation)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def make(directory: FSDirectory, generation: int, at: float = 1_000.0) -> ReaderMark:
    mark = ReaderMark.make(directory, generation, clock=lambda: at)
    assert mark is not None
    return mark


def test_a_mark_says_process_generation_and_time(tmp_path: Path) -> None:
    directory = FSDirectory(tmp_path, read_only=True)
    mark = make(directory, 7)
    (found,) = list_readers(directory, 10, clock=lambda: 1_060.0)
    assert (found.pid, found.generation, found.behind, found.idle_s) == (os.getpid(), 7, 3, 60.0)
    assert found.stale
    assert str(found) == (
        f"reader in process {os.getpid()}: generation 7, 3 behind, refreshed 60 s ago"
    )
    mark.release()


def test_moving_replaces_the_mark_and_releasing_removes_it(tmp_path: Path) -> None:
    directory = FSDirectory(tmp_path)
    mark = make(directory, 7)
    mark.move(9)
    (found,) = list_readers(directory, 9, clock=lambda: 1_000.0)
    assert (found.generation, found.behind, found.stale) == (9, 0, False)
    mark.move(9)
    assert len(list_readers(directory, 9)) == 1
    mark.release()
    mark.release()
    mark.move(11)
    assert list_readers(directory, 9) == []


def test_marks_leave_no_trace_on_disk(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    before = tmp_path.stat()
    mark = make(FSDirectory(tmp_path, read_only=True), 1)
    assert len(list_readers(FSDirectory(tmp_path, read_only=True), 1)) == 1
    assert tmp_path.stat() == before
    assert list(tmp_path.iterdir()) == []
    mark.release()
    tmp_path.chmod(0o755)


def test_marks_and_the_writers_lock_do_not_meet(tmp_path: Path) -> None:
    directory = FSDirectory(tmp_path)
    mark = make(directory, 1)
    directory.lock("lock", "a writer").release()
    mark.release()


def test_every_one_of_many_handles_is_found_longest_idle_first(tmp_path: Path) -> None:
    directory = FSDirectory(tmp_path)
    marks = [make(directory, 100 - n, at=2_000.0 - 7 * (n % 13)) for n in range(40)]
    found = list_readers(directory, 100, clock=lambda: 2_000.0)
    assert sorted(reader.generation for reader in found) == list(range(61, 101))
    assert [reader.idle_s for reader in found] == sorted(
        (7.0 * (n % 13) for n in range(40)), reverse=True
    )
    for mark in marks:
        mark.release()
    assert list_readers(directory, 100) == []


def test_processes_are_told_apart_and_a_kill_leaves_nothing(tmp_path: Path) -> None:
    directory = FSDirectory(tmp_path)
    children = [a_reading_process(tmp_path, generation) for generation in (3, 5, 5)]
    try:
        found = {reader.pid: reader.generation for reader in list_readers(directory, 5)}
        assert found == dict(zip([c.pid for c in children], (3, 5, 5), strict=True))
        children[0].send_signal(signal.SIGKILL)
        children[0].wait()
        assert {r.pid for r in list_readers(directory, 5)} == {c.pid for c in children[1:]}
    finally:
        for child in children:
            end(child)
    assert list_readers(directory, 5) == []


def test_a_handle_that_was_lost_leaves_no_mark(tmp_path: Path) -> None:
    directory = FSDirectory(tmp_path)
    make(directory, 1)
    assert list_readers(directory, 1) == []


@pytest.mark.parametrize("early", [False, True])
def test_a_forked_child_neither_holds_nor_takes_away_the_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, early: bool
) -> None:
    directory = FSDirectory(tmp_path)
    mark = make(directory, 1)
    reading, writing = os.pipe()
    if early:
        monkeypatch.setattr(readers, "_marks", set())  # a child that has not come to its hook yet
    pid = os.fork()
    if pid == 0:
        os.close(writing)
        mark.release()
        mark.move(2)
        os.read(reading, 1)
        os._exit(0)
    try:
        assert [r.generation for r in list_readers(directory, 1)] == [1]
        mark.release()
        # though the child is still there
        assert list_readers(directory, 1) == []
    finally:
        os.close(writing)
        os.waitpid(pid, 0)
        os.close(reading)


FORK = textwrap.dedent(
    """
    import os, sys, time
    from rank_retrieve.persistence.directory import FSDirectory
    from rank_retrieve.persistence.readers import ReaderMark
    mark = ReaderMark.make(FSDirectory(sys.argv[1]), 1)
    pid = os.fork()
    if pid == 0:
        # the child says it, which has let go of the mark by then
        print(os.getpid(), flush=True)
        time.sleep(60)
        os._exit(0)
    sys.stdin.read()
    """
)


def test_a_forked_child_does_not_hold_the_mark_beyond_its_parents_death(tmp_path: Path) -> None:
    directory = FSDirectory(tmp_path)
    parent = subprocess.Popen(
        [sys.executable, "-c", FORK, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    try:
        assert [reader.pid for reader in list_readers(directory, 1)] == [parent.pid]
        parent.kill()
        parent.wait()
        assert list_readers(directory, 1) == []
    finally:
        os.kill(child, signal.SIGKILL)
        parent.communicate()


def test_values_that_do_not_fit_are_cut_not_spilt_into_their_neighbours(tmp_path: Path) -> None:
    directory = FSDirectory(tmp_path)
    mark = make(directory, 2**60, at=2.0**50)
    (found,) = list_readers(directory, 2**60)
    assert found.generation == 2**34 - 1
    assert found.pid == os.getpid()
    mark.release()


def test_where_there_are_no_locks_readers_are_unknown_and_reading_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ReaderMark.make(MemoryDirectory(), 1) is None
    assert list_readers(MemoryDirectory(), 1) == []

    def refuse(fd: int, *, shared: bool, place: int) -> None:
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(readers, "_lock", refuse)
    assert ReaderMark.make(FSDirectory(tmp_path), 1) is None
    monkeypatch.setattr(readers, "_has_locks", lambda: False)
    assert ReaderMark.make(FSDirectory(tmp_path), 1) is None
    assert list_readers(FSDirectory(tmp_path), 1) == []


def test_locks_of_strangers_are_no_danger(tmp_path: Path) -> None:
    import fcntl

    fd = os.open(tmp_path, os.O_RDONLY)
    # the whole of the folder, as one lock that has no end
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, readers.FLOCK.pack(fcntl.F_RDLCK, 0, 0, 0, 0))
    found = list_readers(FSDirectory(tmp_path), 1)
    assert len(found) <= 1
    os.close(fd)
