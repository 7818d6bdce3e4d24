"""A mark of a reader ends when it is released, whoever else has its descriptor."""

import os
from pathlib import Path

import pytest

from rank_retrieve.persistence.directory import FSDirectory
from rank_retrieve.persistence.readers import ReaderMark, list_readers


def test_a_released_mark_is_gone_although_its_descriptor_was_copied(tmp_path: Path) -> None:
    """As a child has it that was forked a moment ago."""
    directory = FSDirectory(tmp_path)
    mark = ReaderMark.make(directory, 7)
    if mark is None:
        pytest.skip("this system has no locks of open file descriptions")
    copy = os.dup(mark._fd)
    assert [reader.generation for reader in list_readers(directory, 9)] == [7]
    mark.release()
    assert list_readers(directory, 9) == []
    os.close(copy)
