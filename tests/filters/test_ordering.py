"""The order of docs by a path, from columns, beside a plain sort of values."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

from rank_retrieve.filters.columns import Columns, write_columns
from rank_retrieve.filters.facets import distinct_values, parse_path
from rank_retrieve.filters.ordering import order_docs
from rank_retrieve.filters.values import sort_key
from rank_retrieve.types import MemorySections
from tests.filters.generate import COMMON, PATHS, SCALARS, Generator


def columns_of(documents: list[dict[str, Any]], **options: int) -> Columns:
    sections = MemorySections()
    write_columns(sections, documents, **options)
    return Columns.open(sections, n_docs=len(documents))


def check(documents: list[dict[str, Any]], columns: Columns, path: str, largest: bool) -> None:
    choose = max if largest else min
    order = order_docs(columns, parse_path(path), largest=largest)
    keys = []
    for doc, document in enumerate(documents):
        values = [v for v in distinct_values(document, parse_path(path)) if v is not None]
        assert order.has[doc] == bool(values)
        keys.append(sort_key(choose(values, key=sort_key)) if values else None)
        if values:
            assert sort_key(order.value(doc)) == keys[-1]
    there = [doc for doc, key in enumerate(keys) if key is not None]
    ranks = order.ranks.tolist()
    for a, b in itertools.pairwise(there):
        assert (ranks[a] < ranks[b]) == (keys[a] < keys[b])
        assert (ranks[a] == ranks[b]) == (keys[a] == keys[b])
    for value in SCALARS[1:]:
        low, above = order.span(value)
        key = sort_key(value)
        assert [ranks[doc] < low for doc in there] == [keys[doc] < key for doc in there], value
        assert [ranks[doc] < above for doc in there] == [keys[doc] <= key for doc in there], value


@pytest.mark.parametrize("limit", [256, 2])
@pytest.mark.parametrize("seed", range(8))
def test_ranks_are_in_the_order_of_values(seed: int, limit: int) -> None:
    source = Generator(seed)
    documents = source.documents(25) if seed % 2 else source.flat_documents(25)
    columns = columns_of(documents, max_columns=limit)
    for path in PATHS:
        for largest in (False, True):
            check(documents, columns, path, largest)


@pytest.mark.parametrize("seed", range(8))
def test_ints_and_floats_are_one_order_and_compared_exactly(seed: int) -> None:
    source = Generator(seed)
    numbers = [v for v in SCALARS if type(v) in (int, float)]
    some = numbers if seed % 2 else [v for v in COMMON if type(v) in (int, float)]
    documents = [
        {"n": [source.random.choice(some) for _ in range(source.random.randrange(3))]}
        if source.random.random() < 0.3
        else {"n": source.random.choice(some)}
        for _ in range(40)
    ]
    for largest in (False, True):
        check(documents, columns_of(documents), "n", largest)


def test_a_column_of_one_kind_is_ordered_as_it_is_stored() -> None:
    columns = columns_of([{"n": 30}, {"n": 10}, {"n": 20}])
    order = order_docs(columns, ("n",), largest=False)
    assert order.ranks.tolist() == [20, 0, 10]
    assert order.ranks.dtype == np.uint8
    assert order.span(15) == (5, 6)
    assert order.span(20.0) == (10, 11)
    assert order.span(2**60) == (np.inf, np.inf)
    assert order.span("a") == (np.inf, np.inf)
    assert order.span(False) == (-np.inf, -np.inf)


def test_an_int_that_floats_skip_lies_between_two_of_them() -> None:
    columns = columns_of([{"n": 1}, {"n": 2.0**53 + 4}, {"n": 2.0**53}])
    order = order_docs(columns, ("n",), largest=False)
    assert order.ranks.tolist() == [1.0, 2.0**53 + 4, 2.0**53]
    assert order.span(2**53 + 3) == (2.0**53 + 4, 2.0**53 + 4)
    assert order.span(2**53 + 1) == (2.0**53 + 2, 2.0**53 + 2)
    assert order.span(2**53 + 4) == (2.0**53 + 4, 2.0**53 + 6)
