"""What every `Directory` must do, as tests to subclass; and every `Nesting`, which holds folders.

class TestMyDirectory(DirectoryContract):
@pytest.fixture
def directory(self):
return MyDirectory()
"""

from __future__ import annotations

import threading

import numpy as np
import pytest

from rank_retrieve.errors import (
    AlreadyExists,
    CorruptionError,
    InvalidArgument,
    LockedError,
    NotFound,
)
from rank_retrieve.persistence.directory import Directory, Nesting, as_nesting

HOSTILE_NAMES = [
    "",
    ".",
    "..",
    ".hidden",
    "../up",
    "a/b",
    "/etc/passwd",
    "a\\b",
    "a b",
    "a\0b",
    "a\n",
    "é",
    "-rf",
    "_x",
    "x" * 129,
]


def put(directory: Directory, name: str, contents: bytes) -> None:
    """A finished, synced file."""
    output = directory.create(name)
    output.write(contents)
    output.sync()
    output.close()


class DirectoryContract:
    """Subclass it with a fixture `directory` that gives an empty directory open for writing."""

    def test_a_new_directory_is_empty(self, directory: Directory) -> None:
        assert directory.list() == []
        assert not directory.exists("a")

    def test_written_buffers_come_back_concatenated(self, directory: Directory) -> None:
        output = directory.create("a")
        output.write(b"one", bytearray(b"two"), memoryview(b"three")[1:])
        output.write()
        output.write(np.array([[1, 2], [3, 4]], dtype="<u2"), b"")
        assert output.tell() == 10 + 8
        output.sync()
        output.close()
        expected = b"onetwohree" + bytes([1, 0, 2, 0, 3, 0, 4, 0])
        assert bytes(directory.open("a")) == expected
        assert directory.read("a", 18) == expected
        assert directory.size("a") == 18

    def test_many_buffers_and_empty_ones_in_one_write_keep_their_order(
        self, directory: Directory
    ) -> None:
        buffers = [bytes([number % 251]) * (number % 3) for number in range(5000)]
        output = directory.create("a")
        output.write(*buffers)
        output.close()
        assert directory.read("a", 1 << 20) == b"".join(buffers)

    def test_buffers_that_are_not_contiguous_are_refused(self, directory: Directory) -> None:
        output = directory.create("a")
        with pytest.raises(ValueError, match="contiguous"):
            output.write(np.arange(10)[::2])
        assert output.tell() == 0
        output.close()

    def test_a_name_is_created_once(self, directory: Directory) -> None:
        put(directory, "a", b"1")
        with pytest.raises(AlreadyExists):
            directory.create("a")
        assert directory.read("a", 9) == b"1"

    def test_closing_twice_is_fine_and_writing_after_it_is_not(self, directory: Directory) -> None:
        output = directory.create("a")
        output.close()
        output.close()
        with pytest.raises(OSError, match=r"descriptor|closed"):
            output.write(b"late")

    def test_reserved_bytes_read_as_zeros_and_are_written_over(self, directory: Directory) -> None:
        output = directory.create("a")
        output.write(b"head")
        output.reserve(100)
        assert output.tell() == 4
        output.write(b"tail")
        output.sync()
        contents = directory.read("a", 1000)
        assert contents[:8] == b"headtail"
        assert len(contents) <= 104 and not any(contents[8:])
        output.write(bytes([7]) * 200)
        output.close()
        assert directory.read("a", 1000) == b"headtail" + bytes([7]) * 200

    def test_an_empty_file_opens_as_no_bytes(self, directory: Directory) -> None:
        put(directory, "a", b"")
        assert bytes(directory.open("a")) == b""
        assert directory.read("a", 0) == b""
        assert directory.size("a") == 0

    def test_a_view_is_aligned_and_read_only(self, directory: Directory) -> None:
        put(directory, "a", bytes(range(100)))
        view = directory.open("a")
        assert view.readonly
        assert np.frombuffer(view, dtype=np.uint8).ctypes.data % 64 == 0

    def test_a_view_sees_what_was_written_before_it_and_keeps_its_length(
        self, directory: Directory
    ) -> None:
        output = directory.create("a")
        output.write(b"one")
        view = directory.open("a")
        output.write(b"two")
        assert bytes(view) == b"one"
        assert bytes(directory.open("a")) == b"onetwo"
        output.close()

    def test_a_view_outlives_delete_and_replacement(self, directory: Directory) -> None:
        put(directory, "a", b"old a")
        put(directory, "b", b"old b")
        put(directory, "c", b"new")
        a, b = directory.open("a"), directory.open("b")
        directory.delete("a")
        directory.rename("c", "b")
        assert (bytes(a), bytes(b)) == (b"old a", b"old b")
        assert directory.read("b", 99) == b"new"

    def test_reading_stops_at_the_limit(self, directory: Directory) -> None:
        put(directory, "a", bytes(11))
        with pytest.raises(CorruptionError, match="at most 10 bytes"):
            directory.read("a", 10)

    def test_list_is_sorted_and_complete(self, directory: Directory) -> None:
        for name in ["b", "a", "B", "a.1", "0"]:
            put(directory, name, b"")
        assert directory.list() == ["0", "B", "a", "a.1", "b"]

    def test_rename_replaces_and_the_old_name_is_gone(self, directory: Directory) -> None:
        put(directory, "a", b"new")
        put(directory, "b", b"old")
        directory.rename("a", "b")
        directory.sync_directory()
        assert directory.list() == ["b"]
        assert directory.read("b", 9) == b"new"
        directory.rename("b", "b")
        assert directory.read("b", 9) == b"new"

    def test_a_deleted_name_can_be_created_again(self, directory: Directory) -> None:
        put(directory, "a", b"1")
        directory.delete("a")
        put(directory, "a", b"2")
        assert directory.read("a", 9) == b"2"

    def test_what_is_not_there_is_not_found(self, directory: Directory) -> None:
        for call in (directory.open, directory.size, directory.delete, directory.sync):
            with pytest.raises(NotFound):
                call("a")
        with pytest.raises(NotFound):
            directory.read("a", 9)
        with pytest.raises(NotFound):
            directory.rename("a", "b")
        assert not directory.exists("a")

    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    def test_names_cannot_leave_the_directory(self, directory: Directory, name: str) -> None:
        put(directory, "a", b"")
        calls = (directory.create, directory.open, directory.size, directory.exists)
        for call in (*calls, directory.delete, directory.sync):
            with pytest.raises(InvalidArgument):
                call(name)
        for attempt in (
            lambda: directory.read(name, 9),
            lambda: directory.rename("a", name),
            lambda: directory.rename(name, "b"),
            lambda: directory.lock(name, "test"),
        ):
            with pytest.raises(InvalidArgument):
                attempt()
        assert directory.list() == ["a"]

    def test_names_of_128_characters_work(self, directory: Directory) -> None:
        name = "a" * 128
        put(directory, name, b"1")
        assert directory.list() == [name]

    def test_files_are_synced_by_name(self, directory: Directory) -> None:
        put(directory, "a", b"1")
        directory.sync("a")
        assert directory.read("a", 1) == b"1"

    def test_a_held_lock_names_its_holder(self, directory: Directory) -> None:
        lock = directory.lock("lock", "the first")
        try:
            with pytest.raises(LockedError, match=r"pid \d+ on host .*the first"):
                directory.lock("lock", "the second")
        finally:
            lock.release()

    def test_a_released_lock_can_be_taken_and_its_file_stays(self, directory: Directory) -> None:
        for _ in range(3):
            lock = directory.lock("lock", "again")
            lock.release()
            lock.release()
        assert directory.exists("lock")

    def test_threads_create_different_files_at_once(self, directory: Directory) -> None:
        errors: list[BaseException] = []

        def work(number: int) -> None:
            try:
                for turn in range(20):
                    put(directory, f"f-{number}-{turn}", bytes([number]) * turn)
                    assert f"f-{number}-{turn}" in directory.list()
                    assert bytes(directory.open(f"f-{number}-{turn}")) == bytes([number]) * turn
            except BaseException as error:  # noqa: BLE001 - reported by the main thread
                errors.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert errors == []
        assert len(directory.list()) == 80


class NestingContract(DirectoryContract):
    """Subclass it with a fixture `directory` that gives an empty directory open for writing."""

    def test_a_folder_is_made_once_and_found_again(self, directory: Nesting) -> None:
        with pytest.raises(NotFound):
            directory.folder("inner")
        put(directory.folder("inner", create=True), "a", b"1")
        assert directory.folder("inner", create=True).read("a", 9) == b"1"
        assert directory.folder("inner").list() == ["a"]
        assert directory.folders() == ["inner"]
        assert as_nesting(directory) is directory

    def test_folders_are_directories_that_hold_folders(self, directory: Nesting) -> None:
        for name in ("b", "a", "a.1"):
            directory.folder("outer", create=True).folder(name, create=True)
        put(directory.folder("outer").folder("a"), "file", b"1")
        assert directory.folder("outer").folders() == ["a", "a.1", "b"]
        assert directory.folder("outer").list() == []
        assert directory.folder("outer").folder("a").read("file", 9) == b"1"
        assert directory.folder("outer").path.startswith(directory.path)

    def test_what_is_in_a_folder_is_out_of_reach_from_outside(self, directory: Nesting) -> None:
        put(directory.folder("inner", create=True), "a", b"1")
        assert directory.list() == []
        assert not directory.exists("a") and not directory.exists("inner")
        with pytest.raises(NotFound):
            directory.open("inner")
        with pytest.raises(AlreadyExists):
            directory.create("inner")

    def test_a_file_is_no_folder(self, directory: Nesting) -> None:
        put(directory, "a", b"1")
        for create in (False, True):
            with pytest.raises(NotFound):
                directory.folder("a", create=create)
        with pytest.raises(NotFound):
            directory.remove_folder("a")
        assert directory.folders() == []
        assert directory.read("a", 9) == b"1"

    def test_a_folder_is_removed_when_it_is_empty(self, directory: Nesting) -> None:
        inner = directory.folder("inner", create=True)
        put(inner, "a", b"1")
        with pytest.raises(OSError, match="not empty"):
            directory.remove_folder("inner")
        inner.delete("a")
        directory.remove_folder("inner")
        assert directory.folders() == []
        with pytest.raises(NotFound):
            directory.remove_folder("inner")
        assert directory.folder("inner", create=True).list() == []

    def test_a_link_shares_the_bytes_and_outlives_the_first_name(self, directory: Nesting) -> None:
        inner = directory.folder("inner", create=True)
        put(directory, "a", b"1")
        put(directory, "b", b"2")
        if not directory.link("a", inner):
            assert inner.list() == []
            return
        inner.sync_directory()
        directory.delete("a")
        directory.rename("b", "a")
        assert inner.read("a", 9) == b"1"
        assert directory.read("a", 9) == b"2"
        with pytest.raises(AlreadyExists):
            directory.link("a", inner)
        with pytest.raises(NotFound):
            directory.link("missing", inner)

    @pytest.mark.parametrize("name", HOSTILE_NAMES)
    def test_folders_cannot_leave_the_directory(self, directory: Nesting, name: str) -> None:
        inner = directory.folder("inner", create=True)
        for attempt in (
            lambda: directory.folder(name),
            lambda: directory.folder(name, create=True),
            lambda: directory.remove_folder(name),
            lambda: directory.link(name, inner),
        ):
            with pytest.raises(InvalidArgument):
                attempt()
        assert directory.folders() == ["inner"]
