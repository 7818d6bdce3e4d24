import errno
import os
import stat
from pathlib import Path

import pytest

from rank_retrieve.errors import InvalidArgument, NotFound, ReadOnlyError
from rank_retrieve.persistence import directory as directory_module
from rank_retrieve.persistence.directory import FSDirectory, as_view
from rank_retrieve.testing.directory_contract import NestingContract, put


@pytest.fixture
def directory(tmp_path):
    return FSDirectory(tmp_path / "index", create=True)


class TestFSDirectory(NestingContract):
    @pytest.fixture
    def directory(self, tmp_path):
        return FSDirectory(tmp_path / "index", create=True)


def test_a_missing_folder_is_not_found_unless_it_is_created(tmp_path):
    with pytest.raises(NotFound):
        FSDirectory(tmp_path / "a" / "b")
    FSDirectory(tmp_path / "a" / "b", create=True)
    assert FSDirectory(tmp_path / "a" / "b").list() == []


def test_a_file_is_no_directory(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InvalidArgument, match="not a directory"):
        FSDirectory(tmp_path / "file")


def test_creating_syncs_each_new_folder_in_its_parent(tmp_path, monkeypatch):
    synced = []
    real = os.fsync
    monkeypatch.setattr(
        os,
        "fsync",
        lambda fd: (synced.append(str(Path(f"/proc/self/fd/{fd}").readlink())), real(fd)),
    )
    FSDirectory(tmp_path / "a" / "b", create=True)
    assert synced == [str(tmp_path), str(tmp_path / "a")]


def test_a_read_only_directory_changes_nothing(tmp_path):
    put(FSDirectory(tmp_path), "a", b"1")
    reader = FSDirectory(tmp_path, create=True, read_only=True)
    for change in (
        lambda: reader.create("b"),
        lambda: reader.rename("a", "b"),
        lambda: reader.delete("a"),
        lambda: reader.sync("a"),
        lambda: reader.sync_directory(),
        lambda: reader.lock("lock", "x"),
        lambda: reader.folder("inner", create=True),
        lambda: reader.remove_folder("inner"),
    ):
        with pytest.raises(ReadOnlyError):
            change()
    assert bytes(reader.open("a")) == b"1"
    assert reader.list() == ["a"]
    with pytest.raises(NotFound):
        FSDirectory(tmp_path / "absent", create=True, read_only=True)


def test_links_pipes_and_folders_are_not_files(directory, tmp_path):
    secret = tmp_path / "secret"
    secret.write_bytes(b"secret")
    root = tmp_path / "index"
    (root / "link").symlink_to(secret)
    (root / "dangling").symlink_to(root / "new")
    os.mkfifo(root / "pipe")
    (root / "folder").mkdir()
    assert directory.list() == []
    for name in ("link", "dangling", "pipe", "folder"):
        assert not directory.exists(name)
        with pytest.raises(NotFound):
            directory.open(name)
        with pytest.raises(NotFound):
            directory.read(name, 100)
    with pytest.raises(OSError, match="symbolic links"):
        directory.lock("dangling", "x")
    assert not (root / "new").exists()


def test_the_folder_may_be_moved_while_it_is_open(directory, tmp_path):
    put(directory, "a", b"1")
    (tmp_path / "index").rename(tmp_path / "elsewhere")
    put(directory, "b", b"2")
    assert directory.list() == ["a", "b"]
    assert (tmp_path / "elsewhere" / "b").read_bytes() == b"2"


def test_a_short_system_write_is_continued(directory, monkeypatch):
    real_write, real_writev = os.write, os.writev
    monkeypatch.setattr(os, "write", lambda fd, data: real_write(fd, data[:3]))
    monkeypatch.setattr(os, "writev", lambda fd, parts: real_writev(fd, [parts[0][:2]]))
    output = directory.create("a")
    output.write(b"0123456789")
    output.write(b"abc", b"", b"defgh")
    output.close()
    assert directory.read("a", 99) == b"0123456789abcdefgh"


def test_the_position_after_a_failed_write_says_how_much_arrived(directory, monkeypatch):
    real = os.writev
    calls = []

    def failing(fd, parts):
        calls.append(parts)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "full")
        return real(fd, [parts[0][:2]])

    output = directory.create("a")
    monkeypatch.setattr(os, "writev", failing)
    with pytest.raises(OSError, match="full"):
        output.write(b"abc", b"def")
    assert output.tell() == 2


def test_reserved_zeros_reach_the_file_ahead_of_writes(directory):
    output = directory.create("a")
    output.write(b"ab")
    output.reserve(70_000)
    assert directory.size("a") == 70_002
    output.write(bytes([1]) * 10)
    output.reserve(5)
    assert directory.size("a") == 70_002
    contents = directory.read("a", 1 << 20)
    assert contents == b"ab" + bytes([1]) * 10 + bytes(69_990)


def test_a_closed_output_does_not_write_into_a_file_that_took_its_descriptor(directory):
    output = directory.create("a")
    output.close()
    other = directory.create("b")
    with pytest.raises(OSError, match="descriptor"):
        output.write(b"stray")
    with pytest.raises(OSError, match="descriptor"):
        output.sync()
    assert directory.size("b") == 0
    other.close()


def test_a_closed_directory_is_unusable_but_its_views_live_on(directory):
    put(directory, "a", b"1")
    view = directory.open("a")
    directory.close()
    assert bytes(view) == b"1"
    with pytest.raises(OSError, match="descriptor"):
        directory.list()


def test_sync_pushes_the_file_and_sync_directory_the_folder(directory, monkeypatch):
    synced = []
    monkeypatch.setattr(directory_module, "sync_descriptor", synced.append)
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(stat.S_ISDIR(os.fstat(fd).st_mode)))
    output = directory.create("a")
    output.sync()
    output.close()
    assert len(synced) == 1
    directory.sync("a")
    assert len(synced) == 2
    directory.sync_directory()
    assert synced[2:] == [True]


def test_other_names_in_the_folder_are_out_of_reach(directory, tmp_path):
    (tmp_path / "index" / "my notes.txt").write_bytes(b"")
    (tmp_path / "index" / ".hidden").write_bytes(b"")
    assert directory.list() == []


def test_views_of_buffers_are_flat_bytes():
    import numpy as np

    assert bytes(as_view(np.array([[1], [258]], dtype="<u2"))) == bytes([1, 0, 2, 1])
    assert bytes(as_view(np.empty((0, 4), dtype=np.float32))) == b""
    with pytest.raises(ValueError, match="contiguous"):
        as_view(np.zeros((4, 4))[:, 0])
