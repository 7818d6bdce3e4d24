import struct

import numpy as np
import pytest

from rank_retrieve.errors import CorruptionError, InvalidArgument, NotFound
from rank_retrieve.persistence.ids import Ids
from rank_retrieve.types import MemorySections


def stored(ids):
    sections = MemorySections("file")
    ids.write(sections)
    return sections


def test_positions_store_nothing():
    ids = Ids.of(None, 3)
    assert stored(ids).buffers == {}
    assert ids.take(np.array([2, 0])).tolist() == [2, 0]
    assert ids.position(1) == 1


def test_the_sections_of_strings_are_these_bytes():
    sections = stored(Ids.of(["a", "\u00fc", ""], 3))
    assert bytes(sections.section("ids.offsets")) == struct.pack("<4q", 0, 1, 3, 3)
    assert bytes(sections.section("ids.bytes")) == b"a\xc3\xbc"
    ids = Ids.open(sections, "strings", 3)
    assert ids.take(np.array([1, 0, 2])).tolist() == ["\u00fc", "a", ""]
    assert [ids.position(value) for value in ("a", "\u00fc", "")] == [0, 1, 2]


def test_integers_are_stored_as_such():
    sections = stored(Ids.of(np.array([7, -1], dtype=np.int16), 2))
    assert bytes(sections.section("ids.integers")) == struct.pack("<2q", 7, -1)
    assert Ids.open(sections, "integers", 2).take(np.array([1])).tolist() == [-1]


@pytest.mark.parametrize("value", ["b", 0, True, None])
def test_an_unknown_id_is_not_found(value):
    with pytest.raises(NotFound):
        Ids.of(["a"], 1).position(value)


@pytest.mark.parametrize("given", [["a"], ["a", "a"], [1, 1], ["a", 1], [1.0, 2.0], [1, 2**64]])
def test_bad_ids_are_refused(given):
    with pytest.raises(InvalidArgument, match="ids"):
        Ids.of(given, 2)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ids.offsets", b"123"),
        ("ids.offsets", struct.pack("<3q", 0, 1, 9)),
        ("ids.offsets", struct.pack("<3q", 0, 9, 2)),
        ("ids.offsets", struct.pack("<3q", -4, 1, 2)),
        ("ids.bytes", b"\xffb"),
    ],
)
def test_damaged_sections_are_corruption(name, value):
    sections = stored(Ids.of(["a", "b"], 2))
    sections.buffers[name] = memoryview(value)
    with pytest.raises(CorruptionError):
        Ids.open(sections, "strings", 2).take(np.array([0, 1]))
