import mmap
from pathlib import Path

import pytest

from rank_retrieve.persistence import FSDirectory, MemoryDirectory
from rank_retrieve.persistence.read_ahead import read_soon, read_sparsely
from rank_retrieve.persistence.segment import SegmentReader, SegmentWriter

PAGE = mmap.PAGESIZE


class Recorded(mmap.mmap):
    """A map that notes the advice it is given."""

    def madvise(self, option: int, start: int = 0, length: int | None = None) -> None:
        calls.append((option, start, length))
        super().madvise(option, start, *(() if length is None else (length,)))


calls: list[tuple[int, int, int | None]] = []


@pytest.fixture
def view(tmp_path: Path) -> memoryview:
    calls.clear()
    path = tmp_path / "file"
    path.write_bytes(bytes(100 * PAGE))
    with path.open("rb") as file:
        return memoryview(Recorded(file.fileno(), 0, access=mmap.ACCESS_READ))


@pytest.mark.skipif(not hasattr(mmap, "MADV_RANDOM"), reason="the system takes no such advice")
@pytest.mark.skipif(PAGE != 4096, reason="the numbers are for pages of 4 KiB")
def test_a_range_is_asked_for_in_steps_and_then_read_as_usual(view: memoryview) -> None:
    read_sparsely(view)
    read_soon(view, 3 * PAGE + 5, 64 * PAGE)
    assert calls == [
        (mmap.MADV_RANDOM, 0, None),
        (mmap.MADV_WILLNEED, 3 * PAGE, 32 * PAGE),
        (mmap.MADV_WILLNEED, 35 * PAGE, 32 * PAGE),
        (mmap.MADV_WILLNEED, 67 * PAGE, 5),
        (mmap.MADV_NORMAL, 3 * PAGE, 64 * PAGE + 5),
    ]


@pytest.mark.skipif(not hasattr(mmap, "MADV_RANDOM"), reason="the system takes no such advice")
@pytest.mark.skipif(PAGE != 4096, reason="the numbers are for pages of 4 KiB")
def test_a_range_at_the_end_stays_in_the_map_and_a_small_one_is_left_alone(
    view: memoryview,
) -> None:
    read_soon(view, 99 * PAGE, PAGE)
    assert calls == []
    read_soon(view, 80 * PAGE, 1 << 20)
    assert calls[-1] == (mmap.MADV_NORMAL, 80 * PAGE, 20 * PAGE)


def test_what_is_no_map_is_left_alone() -> None:
    read_sparsely(memoryview(b"bytes"))
    read_soon(memoryview(b"bytes"), 0, 1 << 20)


@pytest.mark.parametrize("where", ["disk", "memory"])
def test_sections_read_the_same_under_advice(where: str, tmp_path: Path) -> None:
    directory = FSDirectory(tmp_path) if where == "disk" else MemoryDirectory()
    writer = SegmentWriter(directory, "s", kind="test")
    writer.add("small", b"abc")
    writer.add("large", bytes(range(256)) * 4_000)
    writer.finish()
    reader = SegmentReader.open(directory, "s", kind="test")
    assert bytes(reader.section("large")) == bytes(range(256)) * 4_000
    assert bytes(reader.section("small")) == b"abc"
    reader.verify()


def test_a_system_that_refuses_advice_is_read_without(tmp_path: Path) -> None:
    class Refusing(mmap.mmap):
        def madvise(self, *_: object) -> None:
            raise OSError(38, "Function not implemented")

    path = tmp_path / "file"
    path.write_bytes(bytes(100 * PAGE))
    with path.open("rb") as file:
        view = memoryview(Refusing(file.fileno(), 0, access=mmap.ACCESS_READ))
    read_sparsely(view)
    read_soon(view, 0, 100 * PAGE)
    assert view[5] == 0
