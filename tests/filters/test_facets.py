"""Facets count, for each value, the documents that an equality filter finds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.filters import parse
from rank_retrieve.filters.columns import Columns, write_columns
from rank_retrieve.filters.facets import (
    Facet,
    count_values,
    distinct_values,
    most_frequent,
    parse_path,
)
from rank_retrieve.filters.values import identity
from rank_retrieve.types import MemorySections
from tests.filters.generate import PATHS, Generator


def columns_of(documents: Sequence[Any], **options: int) -> Columns:
    sections = MemorySections()
    write_columns(sections, documents, **options)
    return Columns.open(sections, n_docs=len(documents))


def facets(documents: Sequence[Any], path: str) -> list[tuple[Any, int]]:
    counts = count_values(
        columns_of(documents), parse_path(path), np.ones(len(documents), np.bool_)
    )
    return [(facet.value, facet.count) for facet in most_frequent([counts])]


def test_values_and_elements_of_arrays_count_once_a_document() -> None:
    documents = [{"tag": "a"}, {"tag": ["a", "b", "a"]}, {"tag": ["c", ["d"], {"e": 1}]}, {}]
    assert facets(documents, "tag") == [("a", 2), ("b", 1), ("c", 1)]


def test_one_and_one_point_zero_are_one_value_and_true_is_another() -> None:
    documents = [{"n": 1.0}, {"n": 1}, {"n": [1, 1.0]}, {"n": True}, {"n": None}, {"n": "1"}]
    assert facets(documents, "n") == [(1, 3), (None, 1), (True, 1), ("1", 1)]


def test_datetimes_bytes_and_floats_come_back_as_they_were() -> None:
    noon = datetime(2021, 3, 4, 12, tzinfo=UTC)
    documents = [{"v": noon}, {"v": noon}, {"v": b"\xff"}, {"v": -1.5}]
    assert facets(documents, "v") == [(noon, 2), (-1.5, 1), (b"\xff", 1)]


def test_facets_of_several_segments_are_added_up() -> None:
    every = np.ones(2, np.bool_)
    parts = [
        count_values(columns_of(documents), ("n",), every)
        for documents in ([{"n": 1.0}, {"n": 7}], [{"n": 1}, {"n": 8}])
    ]
    assert most_frequent(parts) == [Facet(1, 2), Facet(7, 1), Facet(8, 1)]


@pytest.mark.parametrize("limit", [256, 3, 0])
@pytest.mark.parametrize("seed", range(12))
def test_columns_count_as_the_plain_specification_does(seed: int, limit: int) -> None:
    source = Generator(seed)
    documents = source.documents(40) if seed % 3 else source.flat_documents(60)
    columns = columns_of(documents, max_columns=limit)
    for path in PATHS:
        within = np.array([source.random.random() < 0.7 for _ in documents], dtype=np.bool_)
        expected: dict[Any, int] = {}
        for document in np.array(documents, dtype=object)[within]:
            for value in distinct_values(document, parse_path(path)):
                expected[identity(value)] = expected.get(identity(value), 0) + 1
        counts = count_values(columns, parse_path(path), within)
        assert {key: count for key, (_, count) in counts.items()} == expected, path
        for facet in most_frequent([counts]):
            found = parse({path: facet.value}).evaluate(columns).to_docs()
            assert int(within[found].sum()) == facet.count


def test_a_path_that_is_none_is_refused() -> None:
    with pytest.raises(rr.InvalidArgument, match="empty step"):
        parse_path("a..b")
    with pytest.raises(rr.InvalidArgument, match="must be a string"):
        parse_path(3)


@pytest.mark.parametrize("seed", range(8))
def test_the_most_frequent_of_one_segment_are_those_of_all_its_values(seed: int) -> None:
    source = Generator(seed)
    documents = source.documents(40) if seed % 2 else source.flat_documents(60)
    columns = columns_of(documents)
    within = np.array([source.random.random() < 0.7 for _ in documents], dtype=np.bool_)
    for path in PATHS:
        steps = parse_path(path)
        every = most_frequent([count_values(columns, steps, within)])
        for limit in (1, 2, 5):
            assert (
                most_frequent([count_values(columns, steps, within, limit)], limit)
                == (every[:limit])
            )


def test_few_of_many_different_values_are_decoded() -> None:
    columns = columns_of([{"n": f"value {n % 500:03}"} for n in range(999)])
    every = np.ones(999, np.bool_)
    counts = count_values(columns, ("n",), every, 3)
    assert [facet.value for facet in most_frequent([counts], 3)] == [
        "value 000", "value 001", "value 002",
    ]  # fmt: skip
    assert len(counts) == 3


def test_elements_count_once_wherever_in_the_array_they_come_again() -> None:
    documents = [{"n": ["x", "y", "y"]}, {"n": ["z", "z"]}, {"n": ["x", "y", "z"]}]
    assert facets(documents, "n") == [("x", 2), ("y", 2), ("z", 2)]
    many = [{"n": [f"{i % 7}" for i in range(40)]}, {"n": [i % 7 + 0.5 for i in range(40)]}]
    assert facets(many, "n") == [(i + 0.5, 1) for i in range(7)] + [(f"{i}", 1) for i in range(7)]
