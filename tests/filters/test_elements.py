"""`$elemMatch` with operators is answered from columns where these know all elements."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from rank_retrieve.filters import parse
from rank_retrieve.filters.columns import Columns, write_columns
from rank_retrieve.types import MemorySections
from tests.filters.generate import Generator


class Watched(Columns):
    """Columns that remember whose rows were read."""

    read: list[int]

    def rows(self, docs: Any) -> Iterator[tuple[int, dict[str, Any]]]:
        self.read += docs.tolist()
        return super().rows(docs)


def columns_of(documents: list[dict[str, Any]], **options: int) -> Watched:
    sections = MemorySections()
    write_columns(sections, documents, **options)
    columns = Watched.open(sections, n_docs=len(documents))
    assert isinstance(columns, Watched)
    columns.read = []
    return columns


def answer(columns: Watched, operators: dict[str, Any], path: str = "a") -> list[int]:
    return parse({path: {"$elemMatch": operators}}).evaluate(columns).to_docs().tolist()


def test_one_element_has_to_fit_all_operators() -> None:
    columns = columns_of([{"a": [0, 5]}, {"a": [2]}, {"a": 2}, {"a": []}, {}, {"a": [9, 1.5]}])
    assert answer(columns, {"$gt": 1, "$lt": 3}) == [1, 5]
    assert answer(columns, {"$not": {"$gt": 1}}) == [0]
    assert answer(columns, {"$exists": True}) == [0, 1, 5]
    assert answer(columns, {"$in": [5, "x"], "$ne": 0}) == [0]
    assert answer(columns, {"$size": 1}) == []
    assert columns.read == []


def test_arrays_with_elements_that_have_no_pair_are_read() -> None:
    columns = columns_of([{"a": ["x", {"b": 1}]}, {"a": ["y", ["x"]]}, {"a": ["x", None]}])
    assert answer(columns, {"$regex": "x"}) == [0, 2]
    assert answer(columns, {"$size": 1}) == [1]
    assert answer(columns, {"$eq": None}) == [2]
    assert set(columns.read) == {0, 1}


def test_paths_through_arrays_are_read_and_paths_through_dicts_are_not() -> None:
    columns = columns_of([{"d": {"a": [1, 7]}}, {"d": {"a": 7}}, {}])
    assert answer(columns, {"$gt": 2}, "d.a") == [0]
    assert columns.read == []
    columns = columns_of([{"d": [{"a": [1]}, {"a": 7}]}, {"d": {"a": [7]}}])
    assert answer(columns, {"$gt": 2}, "d.a") == [1]
    assert columns.read == [0, 1]


@pytest.mark.parametrize("limit", [256, 2])
@pytest.mark.parametrize("seed", range(8))
def test_elements_answer_as_the_plain_specification_does(seed: int, limit: int) -> None:
    source = Generator(seed)
    documents = source.documents(30)
    for document in documents[::2]:
        document["a"] = [source.value(2) for _ in range(source.random.randrange(4))]
    columns = columns_of(documents, max_columns=limit)
    for _ in range(80):
        operators = source.operators(1)
        path = source.random.choice(["a", "a", "b", "a.b", "c.0", "a.0"])
        predicate = parse({path: {"$elemMatch": operators}})
        expected = [doc for doc, document in enumerate(documents) if predicate.matches(document)]
        assert answer(columns, operators, path) == expected, (path, operators)
