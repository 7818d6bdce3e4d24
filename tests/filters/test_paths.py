from __future__ import annotations

from typing import Any

import pytest

from rank_retrieve.filters.paths import check_path, position_of, reach


@pytest.mark.parametrize(
    ("document", "path", "reached"),
    [
        ({"a": 1}, "a", [1]),
        ({"a": None}, "a", [None]),
        ({"a": 1}, "b", []),
        ({"a": {"b": 2}}, "a.b", [2]),
        ({"a": 1}, "a.b", []),
        ({"a": [{"b": 1}, {"c": 2}, {"b": 3}, 4]}, "a.b", [1, 3]),
        ({"a": [1, 2]}, "a", [[1, 2]]),
        ({"a": [1, 2]}, "a.1", [2]),
        ({"a": [1, 2]}, "a.2", []),
        ({"a": [1, 2]}, "a.01", []),
        ({"a": [[{"b": 1}]]}, "a.b", []),
        ({"a": [[{"b": 1}]]}, "a.0.b", [1]),
        ({"a": [[5, 6]]}, "a.0.1", [6]),
        ({"a": {"0": 7}}, "a.0", [7]),
        ({"a": [{"0": 7}]}, "a.0", [7, {"0": 7}]),
        ({"a": [{"b": [{"c": 1}]}, {"b": {"c": 2}}]}, "a.b.c", [1, 2]),
    ],
)
def test_a_path_reaches(document: dict[str, Any], path: str, reached: list[Any]) -> None:
    assert list(reach(document, tuple(path.split(".")))) == reached


@pytest.mark.parametrize(
    "path", ["", ".", "a.", ".a", "a..b", "$a", "a.$b", "\ud800", 5, None, ".".join("a" * 33),
             "a" * 1025]
)  # fmt: skip
def test_a_malformed_path_is_a_problem(path: object) -> None:
    assert check_path(path) is not None


@pytest.mark.parametrize("path", ["a", "a.b", "a.0", "a b", "é", ".".join("a" * 32)])
def test_a_well_formed_path_is_none(path: str) -> None:
    assert check_path(path) is None


def test_only_plain_decimal_numbers_are_positions() -> None:
    assert [position_of(s) for s in ("0", "12", "999999999")] == [0, 12, 999_999_999]
    assert [position_of(s) for s in ("01", "-1", "+1", "1.", "", "٣", "²", "9" * 10)] == [-1] * 8
