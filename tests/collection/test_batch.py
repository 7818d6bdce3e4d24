import numpy as np
import pytest

from rank_retrieve.collection.batch import (
    WriteBatch,
    changes_of,
    decode_frame,
    encode_changes,
)
from rank_retrieve.collection.record import Record
from rank_retrieve.collection.schema import Schema
from rank_retrieve.errors import CorruptionError, DimensionMismatch, InvalidArgument
from rank_retrieve.types import Text, Vector

SCHEMA = Schema({"text": Text(), "v": Vector(dim=2)})


def test_a_batch_is_msgpack_of_collection_and_operations() -> None:
    row = np.array([1.0, 2.0], dtype=np.float32)
    changes = {"a": Record("a", b"\x80", {"v": row}, frozenset({"v"})), "b": None}
    assert encode_changes(3, changes) == bytes.fromhex(
        "92 03 92"  # [3, [
        "94 00 a1 61 c4 01 80"  # [0, "a", b"\x80",
        "91 93 a1 76 c3 c4 08 0000803f 00000040"  # [["v", true, 1.0 2.0]]],
        "92 01 a1 62"  # [1, "b"]]]
    )


def test_changes_survive_the_log() -> None:
    changes = WriteBatch().put({"id": "a", "text": "x", "v": [1, 2]}).delete("b").changes(SCHEMA)
    back = changes_of(decode_frame(encode_changes(1, changes), "wal", 0), SCHEMA, "wal", 0)
    assert list(back) == ["a", "b"]
    assert back["b"] is None
    record = back["a"]
    assert record is not None
    assert (record.id, record.vectors["v"].tolist()) == ("a", [1.0, 2.0])


def test_the_last_operation_on_an_id_wins_and_takes_its_place() -> None:
    batch = (
        WriteBatch().put({"id": "a", "text": "1"}).put({"id": "b"}).put({"id": "a", "text": "2"})
    )
    changes = batch.changes(SCHEMA)
    assert list(changes) == ["b", "a"]
    assert WriteBatch().put({"id": "a"}).delete("a").changes(SCHEMA) == {"a": None}
    assert len(batch) == 3


def test_one_bad_operation_refuses_the_batch() -> None:
    with pytest.raises(DimensionMismatch):
        WriteBatch().put({"id": "a"}).put({"id": "b", "v": [1, 2, 3]}).changes(SCHEMA)
    with pytest.raises(InvalidArgument):
        WriteBatch().delete("").changes(SCHEMA)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"\x92\x03",
        bytes.fromhex("92 03 91 92 07 a1 61"),  # an operation of type 7
        bytes.fromhex("92 03 91 92 01 a0"),  # an empty id
        bytes.fromhex("92 03 91 94 00 a1 61 c4 00 91 93 a1 76 c2 c4 01 00"),  # one byte of vector
        bytes.fromhex("92 03 91 94 00 a1 61 c4 00 91 93 a1 77 c2 c4 01 00"),  # no such field
        b"\x91" * 5_000,
    ],
)
def test_a_malformed_frame_is_corruption(body: bytes) -> None:
    with pytest.raises(CorruptionError):
        changes_of(decode_frame(body, "wal", 0), SCHEMA, "wal", 0)
