from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.filters.column_writer import write_columns
from rank_retrieve.filters.columns import Columns
from rank_retrieve.types import MemorySections


def written(documents: list[dict[str, Any]], **options: int) -> dict[str, bytes]:
    sections = MemorySections()
    write_columns(sections, documents, **options)
    return {name: bytes(view) for name, view in sections.buffers.items()}


def directory(documents: list[dict[str, Any]], **options: int) -> list[Any]:
    result = msgspec.msgpack.decode(written(documents, **options)["columns"])
    assert isinstance(result, list)
    return result


def test_the_worked_example_of_the_format() -> None:
    sections = written([{"year": 2021}, {}, {"year": 2019}])
    assert list(sections) == ["columns.0", "columns"]
    assert sections["columns.0"].hex(" ") == "00 00 00 00 02 00 00 00 02 00 00 00 00 00 00 00"
    assert msgspec.msgpack.decode(sections["columns"]) == [
        1, 3, True, 0, 0, [["year", [[3, 2, 1, 1, 2019, 1, 0, 0]]]],
    ]  # fmt: skip


def test_a_value_that_most_documents_have_is_stored_with_a_bit_for_each() -> None:
    sections = written([{"n": 9}, {"n": 8}, {}, {"n": 8}])
    assert sections["columns.0"] == b"\x0b" + bytes(7) + b"\x01\x00\x00\x00" + bytes(4)
    assert msgspec.msgpack.decode(sections["columns"])[5] == [["n", [[3, 3, 3, 1, 8, 1, 0, 0]]]]


def test_a_null_that_many_documents_have_is_a_bit_for_each() -> None:
    sections = written([{"n": None}, {}, {}] * 3)
    assert sections["columns.0"] == b"\x49" + bytes(7)
    assert msgspec.msgpack.decode(sections["columns"])[5] == [["n", [[1, 3, 3, 0, 0, 1, 0, 0]]]]


def test_strings_are_codes_into_a_sorted_dictionary() -> None:
    sections = written([{"s": "b"}, {"s": "é"}, {"s": "b"}])
    assert sections["columns.0"] == (
        b"\x00\x01\x00" + bytes(5)  # codes
        + b"\x00\x00\x00\x00\x01\x00\x00\x00\x03\x00\x00\x00" + bytes(4)  # offsets 0, 1, 3
        + b"b\xc3\xa9" + bytes(5)
    )  # fmt: skip
    assert msgspec.msgpack.decode(sections["columns"])[5] == [["s", [[5, 3, 0, 1, 0, 1, 2, 3]]]]


def test_values_are_split_by_kind() -> None:
    documents = [
        {"v": v} for v in (None, True, 7, 2.5, "x", b"y", datetime(1970, 1, 1, tzinfo=UTC))
    ]
    parts = directory(documents)[5][0][1]
    assert [part[0] for part in parts] == [1, 2, 3, 4, 5, 6, 7]
    assert {part[1] for part in parts} == {1}


def test_arrays_and_objects_are_taken_apart() -> None:
    documents = [{"a": [1, {"b": 2}, [3]]}, {"a": {"b": [4, 4]}}, {"a": []}]
    version, n_docs, complete, row_count, row_bytes, columns = directory(documents)
    assert (version, n_docs, complete, row_count) == (1, 3, True, 3)
    assert row_bytes > 0
    assert {path: {part[0]: part[1] for part in parts} for path, parts in columns} == {
        "a": {3: 1, 8: 2, 9: 2},  # the element 1; docs 0 and 1 with dicts; docs 0 and 2 with arrays
        "a.b": {3: 3, 9: 1},  # 2, 4, 4; the array of doc 1
    }


def test_rows_hold_only_the_fields_that_are_arrays_or_objects() -> None:
    sections = written([{"x": 1}, {"x": 2, "a": [1]}])
    # one row: doc 1, which ends at byte 5
    assert sections["columns.rows"] == (
        b"\x01\x00\x00\x00" + bytes(4) + b"\x05" + bytes(7) + b"\x81\xa1a\x91\x01"
    )


@pytest.mark.parametrize(
    ("values", "width", "base", "unit"),
    [
        ([5], 1, 5, 1),
        ([0, 255], 1, 0, 1),
        ([-3, 252], 1, -3, 1),
        ([0, 257], 1, 0, 257),
        ([0, 256, 1], 2, 0, 1),
        ([0, 1, 1 << 16], 4, 0, 1),
        ([0, 1, 1 << 32], 8, 0, 1),
        ([-(2**63), 2**63 - 1, 0], 8, -(2**63), 1),
        ([1000, 3000, 6000], 1, 1000, 1000),
    ],
)
def test_ints_are_stored_as_narrow_steps(
    values: list[int], width: int, base: int, unit: int
) -> None:
    part = directory([{"n": value} for value in values])[5][0][1][0]
    assert part[3:6] == [width, base, unit]


def test_days_need_one_byte() -> None:
    start = datetime(2021, 1, 1, tzinfo=UTC)
    part = directory([{"day": start + timedelta(days=i)} for i in range(200)])[5][0][1][0]
    assert part[0] == 7
    assert part[3] == 1
    assert part[5] == 86_400_000_000


def test_the_most_frequent_paths_get_the_columns() -> None:
    documents = [{"often": 1, "rare": 1}, {"often": 2, "some": 1}, {"often": 3, "some": 1}]
    sections = MemorySections()
    write_columns(sections, documents, max_columns=2)
    columns = Columns.open(sections)
    assert columns.paths == ("often", "some")
    assert not columns.complete
    assert [(doc, row) for doc, row in columns.rows(columns.row_docs())] == [(0, {"rare": 1})]


def test_a_field_keyed_by_user_data_does_not_make_a_column_for_each_key() -> None:
    documents = [{"id": f"d{i}", "seen": {f"user{i}": i}} for i in range(1_000)]
    result = directory(documents)
    assert len(result[5]) == 256
    assert result[5][0][0] == "id"
    assert result[2] is False


def test_no_documents_and_no_metadata_are_fine() -> None:
    assert directory([]) == [1, 0, True, 0, 0, []]
    assert directory([{}, {}]) == [1, 2, True, 0, 0, []]


@pytest.mark.parametrize(
    "document",
    [{"a": object()}, {"a": 2**63}, {"a": datetime(2021, 1, 1)}, {"a": "\ud800"}, {"a.b": 1},
     {"a": {"": 1}}, {"a": {1: 1}}, {1: 1}, {"a": [2**64]}]
)  # fmt: skip
def test_what_check_metadata_refuses_is_not_written(document: dict[Any, Any]) -> None:
    with pytest.raises(InvalidArgument):
        write_columns(MemorySections(), [{"id": "d0"}, document])
