from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from rank_retrieve.filters.columns import Part
from rank_retrieve.filters.intervals import BOUNDS, Bounds, between, equal_to_any, interval
from rank_retrieve.filters.values import Kind
from tests.filters.test_dictionary import dictionary_of


def ints(base: int, unit: int, dtype: str = "u1") -> Part:
    return Part(Kind.INT, None, None, True, np.zeros(0, dtype=dtype), base, unit, None)


FLOATS = Part(Kind.FLOAT, None, None, True, np.zeros(0), 0, 1, None)
STRINGS = Part(
    Kind.STRING, None, None, True, np.zeros(0, dtype="u1"), 0, 1, dictionary_of([b"b", b"d", b"f"])
)


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("$gte", 2000, (10, 255)),
        ("$gt", 2000, (11, 255)),
        ("$gt", 1999.5, (10, 255)),
        ("$lt", 2000, (0, 9)),
        ("$lte", 2000.5, (0, 10)),
        ("$lt", 2000.5, (0, 10)),
        ("$gte", 1, (0, 255)),
        ("$lte", 1989, None),
        ("$gte", 2246, None),
        ("$gt", math.inf, None),
        ("$lt", math.inf, (0, 255)),
        ("$gte", -math.inf, (0, 255)),
        ("$lte", -math.inf, None),
    ],
)
def test_bounds_on_ints_from_1990(operator: str, value: Any, expected: Any) -> None:
    assert interval(ints(1990, 1), BOUNDS[operator](value)) == expected


def test_bounds_between_the_steps_of_a_column_round_inwards() -> None:
    part = ints(100, 50)  # 100, 150, 200, ...
    assert interval(part, Bounds(120, 210)) == (1, 2)
    assert interval(part, Bounds(150, 150)) == (1, 1)
    assert interval(part, Bounds(151, 151)) is None
    assert interval(part, Bounds(100, 200, strict=True)) == (1, 1)


def test_int_bounds_on_floats_are_exact_where_floats_are_sparse() -> None:
    big = 2**53
    assert interval(FLOATS, Bounds(big + 1, big + 1)) is None
    assert interval(FLOATS, Bounds(big, big)) == (float(big), float(big))
    assert interval(FLOATS, BOUNDS["$gte"](big + 1)) == (float(big + 2), math.inf)
    assert interval(FLOATS, BOUNDS["$lt"](big + 1)) == (-math.inf, float(big))
    assert interval(FLOATS, BOUNDS["$gt"](0)) == (5e-324, math.inf)
    assert interval(FLOATS, BOUNDS["$lt"](-0.0)) == (-math.inf, -5e-324)
    assert interval(FLOATS, BOUNDS["$gt"](2**63 - 1)) == (float(2**63), math.inf)


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        ("$gt", "b", (1, 2)), ("$gte", "b", (0, 2)), ("$gt", "c", (1, 2)), ("$gt", "f", None),
        ("$lt", "d", (0, 0)), ("$lte", "d", (0, 1)), ("$lt", "e", (0, 1)), ("$lt", "b", None),
        ("$lte", "z", (0, 2)), ("$gte", "", (0, 2)), ("$gte", "ff", None),
    ],
)  # fmt: skip
def test_bounds_on_strings(operator: str, value: str, expected: Any) -> None:
    assert interval(STRINGS, BOUNDS[operator](value)) == expected


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "u8"])
def test_between_at_the_edges_of_a_width(dtype: str) -> None:
    top = int(np.iinfo(dtype).max)
    values = np.array([0, 1, 5, top - 1, top], dtype=dtype)
    for low, high in [(0, 0), (0, 5), (1, 5), (5, top), (1, top - 1), (top, top), (2, 4)]:
        expected = [low <= value <= high for value in values.tolist()]
        assert np.asarray(between(values, low, high)).tolist() == expected
    assert between(values, 0, top) is True


@pytest.mark.parametrize("n_values", [1, 8, 9, 200])
@pytest.mark.parametrize(("dtype", "kind"), [("u1", 3), ("u2", 3), ("u4", 3), ("u8", 3), ("f8", 4)])
def test_equality_with_one_or_many_values(n_values: int, dtype: str, kind: int) -> None:
    column = (np.arange(1_000) * 7 % 251).astype(dtype)
    part = Part(Kind(kind), None, None, True, column, 0, 1, None)
    wanted = [n * 3 for n in range(n_values)]
    assert np.array_equal(np.asarray(equal_to_any(part, wanted)), np.isin(column, wanted))
    if part.kind is Kind.INT:
        assert equal_to_any(part, [-5, 0.5]) is False
