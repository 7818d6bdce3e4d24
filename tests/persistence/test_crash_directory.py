import pytest

from rank_retrieve.testing.crash_directory import CrashDirectory
from rank_retrieve.testing.directory_contract import NestingContract


class TestCrashDirectory(NestingContract):
    @pytest.fixture
    def directory(self):
        return CrashDirectory()


class TestCrashDirectoryThatReservesZeros(NestingContract):
    @pytest.fixture
    def directory(self):
        return CrashDirectory(zeros_bytes=50)


def last_states(directory, **options):
    """Files of every state at the last moment."""
    return [dict(crash.files) for crash in directory.crashes(since=len(directory.log), **options)]


def written(directory, name, contents):
    output = directory.create(name)
    output.write(contents)
    return output


def test_nothing_synced_may_all_be_there_or_all_gone():
    directory = CrashDirectory()
    written(directory, "a", b"1")
    states = last_states(directory)
    assert {} in states
    assert {"a": b"1"} in states
    assert {"a": b""} in states
    assert {"a": b"\0"} in states


def test_a_synced_file_without_a_synced_name_may_have_no_name():
    directory = CrashDirectory()
    written(directory, "a", b"1").sync()
    assert last_states(directory) == [{}, {"a": b"1"}]


def test_a_synced_name_without_synced_bytes_may_have_none():
    directory = CrashDirectory()
    written(directory, "a", b"123")
    directory.sync_directory()
    states = last_states(directory)
    assert states[:2] == [{"a": b""}, {"a": b"123"}]
    assert {"a": b"1"} in states and {"a": b"12"} in states
    assert {"a": b"1\0\0"} in states and {"a": b"\0\0\0"} in states


def test_what_is_synced_stays():
    directory = CrashDirectory({"old": b"0"})
    written(directory, "a", b"1").sync()
    directory.sync_directory()
    assert last_states(directory) == [{"old": b"0", "a": b"1"}]


def test_writes_may_arrive_out_of_order_with_zeros_between():
    directory = CrashDirectory()
    output = written(directory, "a", b"1")
    directory.sync_directory()
    output.write(b"2")
    states = last_states(directory)
    assert {"a": b"\x002"} in states
    assert {"a": b"1"} in states
    assert {"a": b"12"} in states


def test_a_rename_is_atomic_and_may_be_lost():
    directory = CrashDirectory({"a": b"new", "b": b"old"})
    directory.rename("a", "b")
    assert last_states(directory) == [{"a": b"new", "b": b"old"}, {"b": b"new"}]
    directory.sync_directory()
    assert last_states(directory) == [{"b": b"new"}]


def test_a_rename_may_arrive_before_the_bytes():
    directory = CrashDirectory({"b": b"old"})
    written(directory, "a", b"new")
    directory.rename("a", "b")
    states = last_states(directory)
    assert {"b": b""} in states
    assert {"b": b"old"} in states
    assert {"b": b"new"} in states


def test_a_delete_may_be_lost_and_may_overtake_a_rename():
    directory = CrashDirectory({"a": b"1", "b": b"2"})
    directory.rename("a", "c")
    directory.delete("b")
    states = last_states(directory)
    assert {"a": b"1"} in states
    assert {"c": b"1", "b": b"2"} in states


def test_long_writes_are_torn_at_sectors_and_pages():
    directory = CrashDirectory()
    output = written(directory, "a", b"x" * 100)
    output.sync()
    directory.sync_directory()
    output.write(b"y" * 9000)
    sizes = {len(state["a"]) for state in last_states(directory)}
    assert {100, 9100, 100 + 3000, 100 + 6000, 100 + 512, 100 + 4096, 512, 4096} <= sizes


def test_announced_zeros_may_arrive_or_not():
    directory = CrashDirectory(zeros_bytes=3)
    output = directory.create("a")
    directory.sync_directory()
    output.reserve(1000)
    output.write(b"1")
    states = last_states(directory)
    for contents in (b"", b"1", b"1\0\0", b"\0\0\0"):
        assert {"a": contents} in states


def test_a_folder_is_there_once_its_name_is_synced_and_its_files_once_theirs_are():
    directory = CrashDirectory()
    folder = directory.folder("inner", create=True)
    assert last_states(directory) == [{"inner/": b""}]
    written(folder, "a", b"1").sync()
    assert last_states(directory) == [{"inner/": b""}, {"inner/a": b"1"}]
    directory.sync_directory()
    assert len(last_states(directory)) == 2
    folder.sync_directory()
    assert last_states(directory) == [{"inner/a": b"1"}]
    made = [dict(crash.files) for crash in directory.crashes(since=1) if crash.at == 1]
    assert {} in made and {"inner/": b""} in made


def test_a_link_may_be_lost_and_keeps_the_bytes_of_a_deleted_name():
    directory = CrashDirectory({"a": b"1", "inner/": b""})
    folder = directory.folder("inner")
    assert directory.link("a", folder)
    directory.delete("a")
    states = last_states(directory)
    for state in ({"a": b"1", "inner/": b""}, {"a": b"1", "inner/a": b"1"}, {"inner/a": b"1"}):
        assert state in states
    assert {"inner/": b""} in states, "both names go when only the delete arrives"
    folder.sync_directory()
    assert {"inner/": b""} not in last_states(directory)


def test_a_removed_folder_may_come_back_empty_until_its_parent_is_synced():
    directory = CrashDirectory({"inner/a": b"1"})
    folder = directory.folder("inner")
    folder.delete("a")
    at = len(directory.log) + 1
    directory.remove_folder("inner")
    removed = [crash.files for crash in directory.crashes(since=at) if crash.at == at]
    assert {"inner/a": b"1"} in removed and {"inner/": b""} in removed and {} in removed
    assert last_states(directory) == [{}]


def test_folders_of_the_start_are_synced_and_recorded_with_the_rest():
    directory = CrashDirectory({"inner/deep/a": b"1"})
    deep = directory.folder("inner").folder("deep")
    written(deep, "b", b"2").sync()
    deep.sync_directory()
    assert last_states(directory) == [{"inner/deep/a": b"1", "inner/deep/b": b"2"}]
    assert directory.files() == {"inner/deep/a": b"1", "inner/deep/b": b"2"}


def test_each_moment_has_its_states_and_marks():
    directory = CrashDirectory()
    output = written(directory, "a", b"1")
    output.sync()
    directory.sync_directory()
    directory.mark("acknowledged")
    output.write(b"2")
    crashes = list(directory.crashes())
    assert [crash.at for crash in crashes] == sorted(crash.at for crash in crashes)
    for crash in crashes:
        if "acknowledged" in crash.marks:
            assert crash.files["a"][:1] == b"1"
            assert crash.directory().files() == dict(crash.files)
    assert any(crash.marks == () and crash.files == {} for crash in crashes)


def test_no_state_comes_twice():
    directory = CrashDirectory()
    for name in "abc":
        written(directory, name, name.encode())
    states = [(crash.marks, tuple(crash.files.items())) for crash in directory.crashes()]
    assert len(states) == len(set(states))


def test_subsets_are_complete_when_few_and_drawn_from_the_seed_when_many():
    directory = CrashDirectory()
    for name in "abc":
        directory.create(name)
    assert len(last_states(directory)) == 8
    for name in "defgh":
        directory.create(name)
    few = last_states(directory, all_subsets_of=0)
    assert len(few) == 2 + 2 * 8
    drawn = last_states(directory, all_subsets_of=0, subsets=20, seed=1)
    assert len(few) < len(drawn) <= len(few) + 20
    assert drawn == last_states(directory, all_subsets_of=0, subsets=20, seed=1)
    assert drawn != last_states(directory, all_subsets_of=0, subsets=20, seed=2)


def test_a_share_of_the_states_is_drawn_from_the_seed():
    directory = CrashDirectory()
    for name in "abcdefgh":
        written(directory, name, name.encode())
    every = list(directory.crashes())
    looked_at = directory.enumerated
    drawn = [crash.files for crash in directory.crashes(share=0.2, seed=1)]
    assert 0.1 * looked_at < directory.enumerated < 0.3 * looked_at
    assert 0 < len(drawn) < len(every)
    assert all(files in [crash.files for crash in every] for files in drawn)
    assert drawn == [crash.files for crash in directory.crashes(share=0.2, seed=1)]
    assert drawn != [crash.files for crash in directory.crashes(share=0.2, seed=2)]
