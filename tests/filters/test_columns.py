from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from rank_retrieve.errors import CorruptionError, FormatVersionError
from rank_retrieve.filters import parse
from rank_retrieve.filters.columns import Columns, write_columns
from rank_retrieve.types import MemorySections
from tests.filters.generate import Generator

DOCUMENTS: list[dict[str, Any]] = [
    {"id": "d0", "year": 2021, "tags": ["x", "y"], "author": {"name": "Ada"}},
    {"id": "d1", "year": 2019, "price": 2.5},
    {"id": "d2", "year": 2019, "tags": []},
]
ALL = parse({"$or": [{name: 1} for name in ("year", "tags", "author", "author.name", "price", "id")]
             + [{"tags": ["x"]}]})  # fmt: skip


def sections_of(documents: list[dict[str, Any]]) -> MemorySections:
    sections = MemorySections()
    write_columns(sections, documents)
    return sections


def with_directory(sections: MemorySections, **changes: Any) -> MemorySections:
    names = ["version", "n_docs", "complete", "row_count", "row_bytes", "columns"]
    entry = msgspec.msgpack.decode(sections.buffers["columns"])
    for name, value in changes.items():
        entry[names.index(name)] = value
    sections.buffers["columns"] = memoryview(msgspec.msgpack.encode(entry))
    return sections


def test_columns_are_views_of_the_section() -> None:
    sections = sections_of([{"x": float(i)} for i in range(100)])
    column = Columns.open(sections).column("x")
    assert column is not None
    (part,) = column.parts.values()
    assert part.docs is None
    assert part.values.base is not None
    assert not part.values.flags.owndata


def test_a_path_without_a_column_is_none() -> None:
    columns = Columns.open(sections_of(DOCUMENTS))
    assert columns.column("none") is None
    assert columns.n_docs == 3
    assert set(columns.paths) == {"id", "year", "tags", "price", "author", "author.name"}


def test_only_the_sections_that_a_filter_names_are_touched() -> None:
    sections = sections_of(DOCUMENTS)
    columns = Columns.open(sections)
    number = columns.paths.index("price")
    sections.buffers[f"columns.{number}"] = memoryview(b"damaged")
    assert parse({"year": 2019}).evaluate(columns).to_docs().tolist() == [1, 2]
    with pytest.raises(CorruptionError, match="<memory>"):
        parse({"price": 2.5}).evaluate(columns)


def test_a_newer_format_is_refused_by_version() -> None:
    with pytest.raises(FormatVersionError, match="columns 2"):
        Columns.open(with_directory(sections_of(DOCUMENTS), version=2))
    sections = sections_of(DOCUMENTS)
    sections.buffers["columns"] = memoryview(msgspec.msgpack.encode([7, {"new": "shape"}]))
    with pytest.raises(FormatVersionError, match="columns 7"):
        Columns.open(sections)


@pytest.mark.parametrize(
    "changes",
    [
        {"n_docs": 4}, {"n_docs": -1}, {"n_docs": 1 << 40}, {"complete": 3}, {"row_count": 9},
        {"row_bytes": 1 << 50}, {"row_count": -1}, {"columns": {}}, {"columns": [["a", [[99]]]]},
        {"columns": [["a", [[3, 1, 0, 1]]], ["a", [[3, 1, 0, 1]]]]},
        {"columns": [[f"c{i}", []] for i in range(257)]},
        {"columns": [["a", [[3, 0, 0, 1, 0, 0, 0, 0]]]]},
        {"columns": [["id", [[5, 1 << 60, 1, 8, 0, 1, 1 << 60, 1 << 60]]]]},
        {"columns": [["id", [[3, 3, 0, 3, 0, 1, 0, 0]]]]},
        {"columns": [["id", [[3, 3, 0, 1, 1 << 63, 1, 0, 0]]]]},
        {"columns": [["id", [[3, 3, 0, 1, 0, 1, 0, 0], [3, 3, 0, 1, 0, 1, 0, 0]]]]},
    ],
    ids=str,
)  # fmt: skip
def test_a_directory_that_contradicts_the_sections_is_damage(changes: dict[str, Any]) -> None:
    sections = with_directory(sections_of(DOCUMENTS), **changes)
    with pytest.raises(CorruptionError):
        ALL.evaluate(Columns.open(sections, n_docs=3))


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.9])
def test_a_section_cut_short_is_damage(keep: float) -> None:
    for name in sections_of(DOCUMENTS).buffers:
        sections = sections_of(DOCUMENTS)
        view = sections.buffers[name]
        sections.buffers[name] = view[: int(len(view) * keep)]
        with pytest.raises(CorruptionError):
            ALL.evaluate(Columns.open(sections))


def test_docs_out_of_order_or_out_of_range_are_damage() -> None:
    for docs in (b"\x02\0\0\0\x01\0\0\0", b"\x01\0\0\0\x01\0\0\0", b"\0\0\0\0\x06\0\0\0"):
        sections = sections_of([{"a": 1}, {}, {}, {}, {}, {"a": 2}])
        sections.buffers["columns.0"] = memoryview(docs + bytes(sections.buffers["columns.0"][8:]))
        with pytest.raises(CorruptionError, match="ascending docs below 6"):
            parse({"a": 1}).evaluate(Columns.open(sections))


def test_bits_that_do_not_add_up_are_damage() -> None:
    sections = sections_of([{"n": 9}, {"n": 8}, {}, {"n": 8}])
    sections.buffers["columns.0"] = memoryview(b"\x0f" + bytes(15))
    with pytest.raises(CorruptionError, match="expected 3 docs, got 4"):
        parse({"n": 9}).evaluate(Columns.open(sections))


def test_an_answer_does_not_change_the_column_that_it_came_from() -> None:
    documents = [{"n": None, "m": 1}, {"n": None}, {}, {"n": None, "m": 2}, {"m": None}] * 5
    columns = Columns.open(sections_of(documents))
    where = [
        {"n": None}, {"$not": {"n": None}}, {"n": None, "m": 1}, {"m": {"$exists": True}},
        {"$nor": [{"m": {"$gte": 1}}, {"n": None}]},
        {"$or": [{"n": None}, {"m": {"$in": [1, None]}}]},
    ]  # fmt: skip
    for predicate in [parse(w) for w in where] * 2:
        expected = [doc for doc, document in enumerate(documents) if predicate.matches(document)]
        assert predicate.evaluate(columns).to_docs().tolist() == expected


def test_a_code_beyond_the_dictionary_is_damage() -> None:
    sections = sections_of([{"s": "a"}, {"s": "b"}])
    sections.buffers["columns.0"] = memoryview(
        b"\x00\x02" + bytes(sections.buffers["columns.0"][2:])
    )
    with pytest.raises(CorruptionError, match="codes below 2"):
        parse({"s": "a"}).evaluate(Columns.open(sections))


def test_a_dictionary_with_an_entry_twice_is_damage() -> None:
    sections = with_directory(
        sections_of([{"s": ""}, {"s": ""}]), columns=[["s", [[5, 2, 0, 1, 0, 1, 2, 0]]]]
    )
    sections.buffers["columns.0"] = memoryview(bytes(8 + 16))
    with pytest.raises(CorruptionError, match="2 dictionary entries"):
        parse({"s": "a"}).evaluate(Columns.open(sections))


def test_a_row_that_is_not_msgpack_is_damage() -> None:
    sections = sections_of([{"a": [1, 2]}])
    raw = bytes(sections.buffers["columns.rows"])
    sections.buffers["columns.rows"] = memoryview(raw[:16] + b"\xc1" + raw[17:])
    with pytest.raises(CorruptionError, match="msgpack row"):
        parse({"a": [1, 2]}).evaluate(Columns.open(sections))


@pytest.mark.parametrize("seed", range(6))
def test_flipped_bytes_give_an_answer_or_a_typed_error(seed: int) -> None:
    source, pick = Generator(seed), random.Random(seed)
    documents = source.documents(12)
    filters = [parse(source.filter()) for _ in range(12)]
    for _ in range(120):
        sections = sections_of(documents)
        for _ in range(pick.randrange(1, 4)):
            name = pick.choice(list(sections.buffers))
            raw = bytearray(sections.buffers[name])
            if raw:
                raw[pick.randrange(len(raw))] = pick.randrange(256)
            sections.buffers[name] = memoryview(bytes(raw))
        try:
            columns = Columns.open(sections, n_docs=12)
        except (CorruptionError, FormatVersionError):
            continue
        for predicate in filters:
            try:
                bitmap = predicate.evaluate(columns)
            except CorruptionError:
                continue
            assert bitmap.size == 12
