import os
import subprocess
import sys
import textwrap

import pytest

from rank_retrieve.errors import LockedError
from rank_retrieve.persistence.directory import FSDirectory

TAKE = textwrap.dedent(
    """
    import sys
    from rank_retrieve.errors import LockedError
    from rank_retrieve.persistence.directory import FSDirectory
    try:
        FSDirectory(sys.argv[1]).lock("lock", "the child").release()
        print("taken")
    except LockedError as error:
        print(error.holder)
    """
)


def ask_another_process(path):
    done = subprocess.run(
        [sys.executable, "-c", TAKE, str(path)], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def in_a_fork(action):
    """The text that `action` returns in a forked child."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            text = str(action())
        except BaseException as error:  # noqa: BLE001 - told to the parent
            text = f"{type(error).__name__}: {error}"
        os.write(writing, text.encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(pid, 0)
    text = os.read(reading, 10_000).decode()
    os.close(reading)
    return text


def test_another_process_is_told_who_holds_the_lock(tmp_path):
    lock = FSDirectory(tmp_path).lock("lock", "a test")
    answer = ask_another_process(tmp_path)
    assert answer.startswith(f"pid {os.getpid()} on host ")
    assert answer.endswith("(a test)")
    lock.release()
    assert ask_another_process(tmp_path) == "taken"


def test_a_second_path_to_the_same_folder_is_the_same_lock(tmp_path):
    (tmp_path / "index").mkdir()
    (tmp_path / "alias").symlink_to(tmp_path / "index")
    lock = FSDirectory(tmp_path / "index").lock("lock", "first")
    with pytest.raises(LockedError, match="first"):
        FSDirectory(tmp_path / "alias").lock("lock", "second")
    lock.release()


def test_opening_and_closing_the_lock_file_elsewhere_keeps_the_lock(tmp_path):
    lock = FSDirectory(tmp_path).lock("lock", "first")
    (tmp_path / "lock").read_bytes()
    with pytest.raises(LockedError):
        FSDirectory(tmp_path).lock("lock", "second")
    assert "first" in ask_another_process(tmp_path)
    lock.release()


def test_the_lock_file_is_never_removed_and_ends_empty(tmp_path):
    FSDirectory(tmp_path).lock("lock", "x").release()
    assert (tmp_path / "lock").read_bytes() == b""


def test_a_forked_child_cannot_release_the_lock_of_its_parent(tmp_path):
    lock = FSDirectory(tmp_path).lock("lock", "the parent")
    assert in_a_fork(lock.release) == "None"
    assert "the parent" in ask_another_process(tmp_path)
    lock.release()


def test_a_forked_child_cannot_take_the_lock_of_its_parent(tmp_path):
    directory = FSDirectory(tmp_path)
    lock = directory.lock("lock", "the parent")
    assert "the parent" in in_a_fork(lambda: directory.lock("lock", "the child"))
    lock.release()
    assert "FileLock" in in_a_fork(lambda: directory.lock("lock", "the child"))


def test_a_forked_child_does_not_keep_the_lock_beyond_its_parents_release(tmp_path):
    directory = FSDirectory(tmp_path)
    lock = directory.lock("lock", "the parent")
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(reading, 1)
        os._exit(0)
    lock.release()
    try:
        directory.lock("lock", "after it").release()
    finally:
        os.write(writing, b".")
        os.waitpid(pid, 0)
        os.close(reading)
        os.close(writing)


def test_unprintable_holders_do_not_reach_the_terminal(tmp_path):
    lock = FSDirectory(tmp_path).lock("lock", "x")
    (tmp_path / "lock").write_bytes(b"evil \x1b[2J \xff")
    with pytest.raises(LockedError) as caught:
        FSDirectory(tmp_path).lock("lock", "y")
    assert caught.value.holder == "evil ?[2J \ufffd"
    lock.release()
