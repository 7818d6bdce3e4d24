"""Least, greatest and sums, from columns."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from rank_retrieve.filters.columns import Columns, write_columns
from rank_retrieve.filters.facets import distinct_values, parse_path
from rank_retrieve.filters.statistics import Statistics, combine, summarise
from rank_retrieve.filters.values import sort_key
from rank_retrieve.types import MemorySections
from tests.filters.generate import PATHS, Generator


def statistics(documents: list[dict[str, Any]], path: str, within: Any = None) -> Statistics:
    sections = MemorySections()
    write_columns(sections, documents)
    columns = Columns.open(sections)
    mask = np.ones(len(documents), np.bool_) if within is None else within
    return combine([summarise(columns, parse_path(path), mask)], int(mask.sum()))


def test_statistics_of_a_few_values() -> None:
    assert statistics([{"n": 3}, {"n": [1, 1, 8]}, {}, {"n": None}], "n") == Statistics(
        2, 2, 1, 8, 12, 4.0
    )
    assert statistics([{"n": "b"}, {"n": "a"}], "n") == Statistics(2, 0, "a", "b", None, None)
    assert statistics([{"n": True}, {"n": 2.5}], "n") == Statistics(2, 0, True, 2.5, 2.5, 2.5)
    assert statistics([{}], "n") == Statistics(0, 1, None, None, None, None)
    noon = datetime(2021, 3, 4, 12, tzinfo=UTC)
    assert statistics([{"n": noon}, {"n": 7}], "n") == Statistics(2, 0, 7, noon, 7, 7.0)


@pytest.mark.parametrize("width", [8, 16, 32, 63])
def test_sums_of_ints_are_exact(width: int) -> None:
    numbers = [-(2 ** (width - 1)), 2**width - 1 if width < 63 else 2**63 - 1, 1, 1]
    documents = [{"n": number} for number in numbers]
    assert statistics(documents, "n").sum == sum(numbers)


@pytest.mark.parametrize("seed", range(10))
def test_statistics_are_those_of_plain_values(seed: int) -> None:
    source = Generator(seed)
    documents = source.documents(30) if seed % 2 else source.flat_documents(30)
    within = np.array([source.random.random() < 0.8 for _ in documents], dtype=np.bool_)
    chosen = [document for document, one in zip(documents, within, strict=True) if one]
    for path in PATHS:
        values = [
            [v for v in distinct_values(d, parse_path(path)) if v is not None] for d in chosen
        ]
        flat = sorted((v for found in values for v in found), key=sort_key)
        numbers = [v for v in flat if type(v) in (int, float)]
        found = statistics(documents, path, within)
        assert found.count == sum(map(bool, values))
        assert found.missing == len(chosen) - found.count
        if flat:
            assert sort_key(found.min) == sort_key(flat[0])
            assert sort_key(found.max) == sort_key(flat[-1])
        exact = sum(map(Fraction, numbers), Fraction(0))
        assert found.sum == (rounded(exact, numbers) if numbers else None)


def rounded(exact: Fraction, numbers: list[Any]) -> int | float:
    if all(type(number) is int for number in numbers):
        return int(exact)
    try:
        return float(exact)
    except OverflowError:
        return math.copysign(math.inf, exact)
