import pytest

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.persistence.directory import FSDirectory
from rank_retrieve.persistence.memory_directory import MemoryDirectory
from rank_retrieve.testing.directory_contract import NestingContract, put


class TestMemoryDirectory(NestingContract):
    @pytest.fixture
    def directory(self):
        return MemoryDirectory()


def test_it_starts_with_the_files_it_is_given_and_gives_copies_of_them():
    directory = MemoryDirectory({"b": b"2", "a": b"1"})
    put(directory, "c", b"3")
    assert directory.files() == {"a": b"1", "b": b"2", "c": b"3"}
    assert list(directory.files()) == ["a", "b", "c"]


def test_an_output_goes_on_writing_into_a_renamed_file():
    directory = MemoryDirectory()
    output = directory.create("a")
    output.write(b"1")
    directory.rename("a", "b")
    output.write(b"2")
    assert directory.files() == {"b": b"12"}


def test_cutting_loses_the_end():
    directory = MemoryDirectory({"a": b"123456"})
    directory.cut("a", 4)
    assert directory.files() == {"a": b"1234"}


def test_two_directories_have_locks_of_their_own():
    first, second = MemoryDirectory(), MemoryDirectory()
    first.lock("lock", "x")
    second.lock("lock", "x").release()


def test_files_in_folders_are_named_by_their_path():
    files = {"a": b"1", "inner/b": b"2", "inner/deep/c": b"3", "empty/": b"", "inner/none/": b""}
    directory = MemoryDirectory(files)
    assert directory.list() == ["a"]
    assert directory.folders() == ["empty", "inner"]
    assert directory.folder("inner").folders() == ["deep", "none"]
    assert directory.folder("inner").folder("deep").read("c", 9) == b"3"
    assert directory.folder("inner").path == ":memory:/inner"
    assert directory.files() == files
    for name in ("../x", "/x", "a//b", ""):
        with pytest.raises(InvalidArgument):
            MemoryDirectory({name: b""})


def test_files_are_linked_between_directories_in_memory_only(tmp_path):
    directory = MemoryDirectory({"a": b"1"})
    other = MemoryDirectory()
    assert directory.link("a", other)
    assert other.files() == {"a": b"1"}
    assert not directory.link("a", FSDirectory(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_a_file_does_not_take_the_name_of_a_folder():
    directory = MemoryDirectory({"a": b"1", "inner/b": b"2"})
    with pytest.raises(IsADirectoryError):
        directory.rename("a", "inner")
    assert directory.files() == {"a": b"1", "inner/b": b"2"}
