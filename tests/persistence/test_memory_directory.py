import pytest

from rank_retrieve.persistence.memory_directory import MemoryDirectory
from rank_retrieve.testing.directory_contract import DirectoryContract, put


class TestMemoryDirectory(DirectoryContract):
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
