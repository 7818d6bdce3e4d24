from __future__ import annotations

from typing import Any

import pytest

from rank_retrieve.filters import parse
from rank_retrieve.filters.columns import Columns, write_columns
from rank_retrieve.types import MemorySections
from tests.filters.generate import Generator
from tests.reliability.counts import record


def columns_of(documents: list[dict[str, Any]], **options: int) -> Columns:
    sections = MemorySections()
    write_columns(sections, documents, **options)
    return Columns.open(sections, n_docs=len(documents))


def check(documents: list[dict[str, Any]], columns: Columns, where: dict[str, Any]) -> int:
    predicate = parse(where)
    expected = [doc for doc, document in enumerate(documents) if predicate.matches(document)]
    assert predicate.evaluate(columns).to_docs().tolist() == expected, where
    return len(documents)


@pytest.mark.parametrize("seed", range(20))
def test_columns_answer_as_the_plain_specification_does_for_nested_documents(seed: int) -> None:
    source = Generator(seed)
    documents = source.documents(source.random.choice([0, 1, 2, 15, 40]))
    columns = columns_of(documents)
    for _ in range(120):
        check(documents, columns, source.filter())


@pytest.mark.parametrize("seed", range(100, 110))
def test_columns_answer_as_the_plain_specification_does_for_flat_documents(seed: int) -> None:
    source = Generator(seed)
    documents = source.flat_documents(200)
    columns = columns_of(documents)
    for _ in range(60):
        check(documents, columns, source.filter())


@pytest.mark.parametrize("limit", [0, 1, 3, 6])
@pytest.mark.parametrize("seed", range(200, 205))
def test_paths_beyond_the_column_limit_are_answered_from_rows(seed: int, limit: int) -> None:
    source = Generator(seed)
    documents = source.documents(30)
    columns = columns_of(documents, max_columns=limit)
    assert len(columns.paths) == limit
    assert not columns.complete
    for _ in range(60):
        check(documents, columns, source.filter())


def test_a_position_is_found_when_only_the_path_below_the_array_has_a_column() -> None:
    documents = [{"a": [{"0": n} for n in range(6)]}, {"a": [9]}, {"b": 9}]
    columns = columns_of(documents, max_columns=1)
    assert columns.paths == ("a.0",)
    assert parse({"a.0": 9}).evaluate(columns).to_docs().tolist() == [1]
    assert parse({"a.0": 5}).evaluate(columns).to_docs().tolist() == [0]


def test_a_clause_that_reads_rows_sees_only_the_docs_that_the_others_leave() -> None:
    documents = [{"n": n, "a": [n, n + 1]} for n in range(100)]
    columns = columns_of(documents)
    seen: list[int] = []
    select = columns.rows

    def rows(docs: Any) -> Any:
        seen.extend(docs.tolist())
        return select(docs)

    columns.rows = rows  # type: ignore[method-assign]
    where = parse({"a": [42, 43], "n": {"$gte": 40, "$lt": 43}})
    assert where.evaluate(columns).to_docs().tolist() == [42]
    assert seen == [40, 41, 42]


@pytest.mark.reliability
@pytest.mark.parametrize("start", range(20_000, 21_000, 125))
def test_100_000_pairs_of_documents_and_filters_agree_with_the_plain_specification(
    start: int,
) -> None:
    for seed in range(start, start + 125):
        source = Generator(seed)
        documents = source.documents(12) if seed % 3 else source.flat_documents(20)
        columns = columns_of(documents, max_columns=source.random.choice([256, 256, 2]))
        for _ in range(100):
            check(documents, columns, source.filter())
    record(
        "filters as the plain specification has them",
        pairs=125 * 100,
        seeds=f"{start}..{start + 124}",
    )
