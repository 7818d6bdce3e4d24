from pathlib import Path
from typing import Any

import msgspec
import pytest

from rank_retrieve.errors import CorruptionError, FormatVersionError, InvalidArgument, NotFound
from rank_retrieve.persistence import MemoryDirectory, SegmentWriter
from rank_retrieve.persistence.standalone import open_retriever, save_retriever


class Toy(msgspec.Struct, forbid_unknown_fields=True):
    version: int
    size: int


def saved(description: bytes) -> MemoryDirectory:
    directory = MemoryDirectory()
    writer = SegmentWriter(directory, "toy.segment", kind="toy")
    writer.add("toy", description)
    writer.finish()
    return directory


def test_what_was_saved_comes_back_with_its_description(tmp_path: Path) -> None:
    save_retriever(tmp_path / "new", "toy", Toy(1, 3), lambda sink: sink.add("rows", b"abc"))
    sections, description = open_retriever(tmp_path / "new", "toy", 1, Toy)
    assert description == Toy(1, 3)
    assert bytes(sections.section("rows")) == b"abc"
    assert [f.name for f in (tmp_path / "new").iterdir()] == ["toy.segment"]


@pytest.mark.parametrize(
    ("description", "error"),
    [
        (b"{}", FormatVersionError),
        (b'{"version": 2}', FormatVersionError),
        (b"\xff", CorruptionError),
        (b"3", CorruptionError),
        (b"[" * 10_000, CorruptionError),
        (b'{"version": 1, "size": "x"}', CorruptionError),
        (b'{"version": 1, "size": 3, "more": 4}', CorruptionError),
    ],
)
def test_a_description_that_is_not_ours_is_refused(description: bytes, error: type) -> None:
    with pytest.raises(error):
        open_retriever(saved(description), "toy", 1, Toy)


def test_another_kind_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        open_retriever(saved(b"{}"), "other", 1, Toy)
    with pytest.raises(NotFound):
        open_retriever(tmp_path / "nowhere", "toy", 1, Toy)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", [None, 7, b"bytes"])
def test_a_path_is_a_path_or_a_directory(path: Any) -> None:
    with pytest.raises(InvalidArgument):
        open_retriever(path, "toy", 1, Toy)
