import hashlib
from typing import Any

import numpy as np
import pytest

from rank_retrieve.collection import ids as ids_module
from rank_retrieve.collection.ids import IdTable, merge_ids, write_ids
from rank_retrieve.errors import CorruptionError
from rank_retrieve.types import Bitmap, MemorySections


def table(ids: list[str]) -> IdTable:
    sections = MemorySections()
    write_ids(sections, ids)
    return IdTable(sections)


def test_ids_are_found_by_doc_and_by_name() -> None:
    names = ["d1", "Ω", "a much longer identifier / with: punctuation", "d2"]
    found = table(names)
    assert found.all() == names
    assert [found.find(name) for name in names] == [0, 1, 2, 3]
    assert found.find("d3") == -1
    assert found.find_many([b"d2", b"nothing", b"d1"]).tolist() == [3, -1, 0]


def test_the_hashes_are_sorted_blake2b() -> None:
    sections = MemorySections()
    write_ids(sections, ["d1", "d2"])
    expected = sorted(
        int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "little")
        for name in (b"d1", b"d2")
    )
    assert np.frombuffer(sections.section("ids.hashes"), "<u8").tolist() == expected


def test_ids_with_one_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        ids_module, "hash_ids", lambda ids: np.full(len(list(ids)), 7, dtype=np.uint64)
    )
    found = table(["a", "b", "c"])
    assert [found.find(name) for name in "abcd"] == [0, 1, 2, -1]


def test_an_empty_table_finds_nothing() -> None:
    assert table([]).find("a") == -1


def test_a_doc_beyond_the_table_is_corruption() -> None:
    sections = MemorySections()
    write_ids(sections, ["a"])
    sections.buffers["ids.docs"] = memoryview(b"\x05\0\0\0")
    with pytest.raises(CorruptionError):
        IdTable(sections).find("a")


@pytest.mark.parametrize("size", [0, -1, 1])
@pytest.mark.parametrize("name", ["ids", "ids.hashes", "ids.docs", "ids.offsets"])
def test_sections_that_contradict_each_other_are_corruption(name: str, size: int) -> None:
    sections = MemorySections()
    write_ids(sections, ["a", "b"])
    sections.buffers[name] = sections.buffers[name][:size]
    with pytest.raises(CorruptionError):
        IdTable(sections)


def test_merged_tables_hold_the_ids_of_live_docs_in_order() -> None:
    sections, expected = MemorySections(), MemorySections()
    merge_ids(
        sections, [(table(["a", "ß", "c"]), Bitmap.from_docs(3, [1, 2])), (table(["d"]), None)]
    )
    write_ids(expected, ["ß", "c", "d"])
    assert bytes(sections.section("ids")) == "ßcd".encode()
    assert bytes(sections.section("ids.offsets")) == np.array([0, 2, 3, 4], "<u8").tobytes()
    assert sections.buffers == expected.buffers


@pytest.mark.parametrize(
    ("name", "damage"),
    [
        ("ids.docs", np.array([0, 9], "<u4")),
        ("ids.offsets", np.array([0, 2**63, 2], "<u8")),
        ("ids.offsets", np.array([1, 1, 2], "<u8")),
    ],
)
def test_a_merge_refuses_tables_that_contradict_themselves(name: str, damage: Any) -> None:
    sections = MemorySections()
    write_ids(sections, ["a", "b"])
    sections.buffers[name] = memoryview(damage.tobytes())
    with pytest.raises(CorruptionError):
        merge_ids(MemorySections(), [(IdTable(sections), None)])
