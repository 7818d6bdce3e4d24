import errno

import pytest

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.persistence.directory import FSDirectory
from rank_retrieve.persistence.memory_directory import MemoryDirectory
from rank_retrieve.testing.crash_directory import CrashDirectory
from rank_retrieve.testing.directory_contract import DirectoryContract
from rank_retrieve.testing.fault_directory import (
    Fault,
    FaultDirectory,
    FaultKind,
    failing_files,
)


class TestFaultDirectoryWithoutAFault(DirectoryContract):
    @pytest.fixture
    def directory(self, tmp_path):
        return FaultDirectory(FSDirectory(tmp_path))


def workload(directory):
    output = directory.create("a")
    output.write(b"1234")
    output.sync()
    output.write(b"5678")
    output.sync()
    directory.rename("a", "b")
    directory.sync_directory()
    directory.delete("b")


def test_operations_are_counted_by_what_can_befall_them():
    directory = FaultDirectory(MemoryDirectory())
    workload(directory)
    counts = {kind.name: directory.count(kind) for kind in FaultKind}
    assert counts == {
        "EIO": 8,
        "READ_EIO": 0,
        "ENOSPC": 4,
        "SHORT_WRITE": 2,
        "SYNC_KEPT": 3,
        "SYNC_DROPPED": 2,
        "SYNC_CLEANED": 2,
    }


@pytest.mark.parametrize("kind", [FaultKind.EIO, FaultKind.ENOSPC])
@pytest.mark.parametrize("at", [1, 2, 3, 4])
def test_exactly_the_nth_operation_fails(kind, at):
    directory = FaultDirectory(MemoryDirectory(), Fault(kind, at))
    with pytest.raises(OSError) as caught:
        workload(directory)
    assert caught.value.errno == (errno.EIO if kind is FaultKind.EIO else errno.ENOSPC)
    assert directory.count(kind) == at
    assert len(directory.failed) == 1


def test_a_sticky_fault_goes_on_and_another_does_not():
    for sticky in (False, True):
        directory = FaultDirectory(MemoryDirectory(), Fault(FaultKind.EIO, 2, sticky))
        output = directory.create("a")
        with pytest.raises(OSError, match="error"):
            output.write(b"1")
        if sticky:
            with pytest.raises(OSError, match="error"):
                output.write(b"2")
        else:
            output.write(b"2")
        assert directory.read("a", 9) == (b"" if sticky else b"2")


def test_a_short_write_stores_half():
    inner = MemoryDirectory()
    output = FaultDirectory(inner, Fault(FaultKind.SHORT_WRITE, 1)).create("a")
    with pytest.raises(OSError, match="space"):
        output.write(b"123", b"456")
    assert inner.files() == {"a": b"123"}
    assert output.tell() == 3


def test_a_failing_sync_keeps_or_loses_what_was_written():
    for kind, expected in (
        (FaultKind.SYNC_KEPT, b"12345678"),
        (FaultKind.SYNC_DROPPED, b"1234"),
    ):
        inner = MemoryDirectory()
        with pytest.raises(OSError, match="error"):
            workload(FaultDirectory(inner, Fault(kind, 2)))
        assert inner.files() == {"a": expected}


def test_what_a_failed_sync_cleans_is_seen_until_power_loss_and_no_later_sync_writes_it():
    inner = CrashDirectory()
    directory = FaultDirectory(inner, Fault(FaultKind.SYNC_CLEANED, 2))
    with pytest.raises(OSError, match="error"):
        workload(directory)
    directory.sync("a")
    directory.sync_directory()
    assert inner.files() == {"a": b"12345678"}
    assert inner.synced().files() == {"a": b"1234"}
    inner.lose("a")
    assert {crash.files.get("a") for crash in inner.crashes(since=len(inner.log))} == {b"1234"}


def test_a_file_is_cleaned_by_name_too():
    inner = CrashDirectory()
    directory = FaultDirectory(inner, Fault(FaultKind.SYNC_CLEANED, 1))
    directory.create("a").write(b"12")
    with pytest.raises(OSError, match="error"):
        directory.sync("a")
    directory.sync("a")
    directory.sync_directory()
    assert inner.synced().files() == {"a": b""}


def test_reading_fails_too():
    inner = MemoryDirectory({"a": b"1"})
    for at in (1, 2, 3, 4, 5):
        directory = FaultDirectory(inner, Fault(FaultKind.READ_EIO, at))
        with pytest.raises(OSError, match="error"):
            for read in (directory.open, directory.size, directory.exists):
                read("a")
            directory.read("a", 1)
            directory.list()
        assert directory.count(FaultKind.READ_EIO) == at


def test_losing_bytes_needs_memory_below(tmp_path):
    with pytest.raises(InvalidArgument, match="MemoryDirectory"):
        FaultDirectory(FSDirectory(tmp_path), Fault(FaultKind.SYNC_DROPPED, 1))
    with pytest.raises(InvalidArgument, match="CrashDirectory"):
        FaultDirectory(MemoryDirectory()).fault = Fault(FaultKind.SYNC_CLEANED, 1)


def test_every_folder_fails_while_files_do(tmp_path):
    with failing_files() as faults:
        workload(FSDirectory(tmp_path))
        with faults.off():
            workload(FSDirectory(tmp_path))
    assert {kind.name: faults.count(kind) for kind in FaultKind} == {
        "EIO": 8,
        "READ_EIO": 0,
        "ENOSPC": 4,
        "SHORT_WRITE": 2,
        "SYNC_KEPT": 3,
        "SYNC_DROPPED": 2,
        "SYNC_CLEANED": 2,
    }
    workload(FSDirectory(tmp_path))
    assert len(faults.performed) == 8, "it ends with the block"


@pytest.mark.parametrize(
    ("kind", "at", "expected"),
    [
        (FaultKind.EIO, 2, {"a": b""}),
        (FaultKind.ENOSPC, 1, {}),
        (FaultKind.SHORT_WRITE, 2, {"a": b"123456"}),
        (FaultKind.SYNC_KEPT, 2, {"a": b"12345678"}),
    ],
)
def test_files_fail_as_directories_do(tmp_path, kind, at, expected):
    with failing_files(Fault(kind, at)) as faults, pytest.raises(OSError):
        workload(FSDirectory(tmp_path))
    assert len(faults.failed) == 1
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == expected


def test_reading_files_fails_and_bytes_are_never_lost(tmp_path):
    (tmp_path / "a").write_bytes(b"1")
    with failing_files(Fault(FaultKind.READ_EIO, 1)), pytest.raises(OSError, match="error"):
        FSDirectory(tmp_path).open("a")
    for kind in (FaultKind.SYNC_DROPPED, FaultKind.SYNC_CLEANED):
        with pytest.raises(InvalidArgument, match="Directory"), failing_files(Fault(kind, 1)):
            pass
