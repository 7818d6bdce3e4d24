"""Values come back from columns as they were, or the damage is named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.filters.columns import Columns, write_columns
from rank_retrieve.filters.facets import count_values, most_frequent
from rank_retrieve.filters.ordering import order_docs
from rank_retrieve.filters.part_values import scalars_of_doc
from rank_retrieve.filters.statistics import combine, summarise
from rank_retrieve.types import MemorySections
from tests.filters.generate import Generator

NOON = datetime(2021, 3, 4, 12, tzinfo=UTC)


def written(documents: list[dict[str, Any]]) -> MemorySections:
    sections = MemorySections("segment-7")
    write_columns(sections, documents)
    return sections


def patched(sections: MemorySections, old: bytes, new: bytes) -> Columns:
    raw = sections.buffers["columns.0"]
    at = bytes(raw).index(old)
    raw[at : at + len(new)] = new
    return Columns.open(sections)


def rebased(sections: MemorySections, base: int) -> Columns:
    """The same columns, the first one's numbers counted from another base."""
    directory = msgspec.msgpack.decode(sections.buffers["columns"])
    directory[5][0][1][0][4] = base
    sections.buffers["columns"] = memoryview(msgspec.msgpack.encode(directory))
    return Columns.open(sections)


WAYS: dict[str, Callable[[Columns], Any]] = {
    "facets": lambda c: most_frequent([count_values(c, ("v",), np.ones(c.n_docs, np.bool_))]),
    "statistics": lambda c: combine([summarise(c, ("v",), np.ones(c.n_docs, np.bool_))], 2),
    "order": lambda c: order_docs(c, ("v",), largest=False).value(1),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_string_that_is_not_utf_8_is_damage(way: str) -> None:
    documents = [{"v": "plain"}, {"v": "broken"}]
    assert WAYS[way](Columns.open(written(documents))) is not None
    with pytest.raises(rr.CorruptionError, match=r"segment-7 .*strings in UTF-8"):
        WAYS[way](patched(written(documents), b"broken", b"bro\xffen"))


@pytest.mark.parametrize("way", WAYS)
def test_an_instant_of_no_year_is_damage(way: str) -> None:
    documents = [{"v": NOON}, {"v": NOON}]
    assert WAYS[way](rebased(written(documents), 0)) is not None
    with pytest.raises(rr.CorruptionError, match=r"segment-7 .*instants of the years 1 to 9999"):
        WAYS[way](rebased(written(documents), 2**62))


@pytest.mark.parametrize("seed", range(6))
def test_a_doc_has_the_scalars_of_its_document(seed: int) -> None:
    source = Generator(seed)
    documents = source.documents(30) if seed % 2 else source.flat_documents(30)
    columns = Columns.open(written(documents))
    for path in ("a", "b", "c", "id"):
        column = columns.column(path)
        if column is None:
            continue
        for doc, document in enumerate(documents):
            held = document.get(path, [])
            every = held if isinstance(held, list) else [held]
            expected = [v for v in every if not isinstance(v, list | dict)]
            found = list(scalars_of_doc(column, doc, "here"))
            assert sorted(map(repr, found)) == sorted(
                repr(v.astimezone(UTC) if isinstance(v, datetime) else v) for v in expected
            )
