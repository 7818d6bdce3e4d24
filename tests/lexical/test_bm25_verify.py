"""`BM25.verify` reads what a search for other words would never touch."""

import pytest

import rank_retrieve as rr
from rank_retrieve.persistence import MemoryDirectory
from rank_retrieve.persistence.segment import SegmentReader


def saved() -> dict[str, bytes]:
    directory = MemoryDirectory()
    texts = [f"word{number} common" for number in range(300)]
    rr.BM25.from_texts(texts, analyzer="simple").save(directory)
    return directory.files()


def flipped(contents: bytes, section: str) -> bytes:
    reader = SegmentReader.open(MemoryDirectory({"x": contents}), "x", kind="bm25")
    part = bytes(reader.section(section))
    place = contents.index(part) + len(part) // 2
    return contents[:place] + bytes([contents[place] ^ 1]) + contents[place + 1 :]


def test_a_sound_index_is_verified() -> None:
    rr.BM25.open(MemoryDirectory(saved())).verify()


def test_damage_that_opening_does_not_meet_is_found_by_verify() -> None:
    files = saved()
    ((name, contents),) = files.items()
    found = 0
    reader = SegmentReader.open(MemoryDirectory(files), name, kind="bm25")
    for section in reader.section_names:
        if reader.section_size(section) < 64:
            continue
        damaged = MemoryDirectory({name: flipped(contents, section)})
        try:
            index = rr.BM25.open(damaged)
        except rr.CorruptionError:
            continue
        with pytest.raises(rr.CorruptionError):
            index.verify()
        found += 1
    assert found
