from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from rank_retrieve.filters.values import Kind, identity, microseconds, order_key


def test_ints_and_floats_are_equal_exactly_when_the_numbers_are() -> None:
    assert identity(1) == identity(1.0)
    assert identity(0) == identity(-0.0)
    assert identity(2**53) == identity(float(2**53))
    assert identity(2**53 + 1) != identity(float(2**53))


@pytest.mark.parametrize(
    ("one", "other"),
    [(1, True), (0, False), (0, None), ("1", 1), (b"a", "a"), ([], {}), ([1], 1), ("", None)],
)
def test_values_of_different_kinds_are_not_equal(one: object, other: object) -> None:
    assert identity(one) != identity(other)


def test_objects_are_equal_in_any_order_and_arrays_only_in_order() -> None:
    assert identity({"a": 1, "b": [True]}) == identity({"b": [True], "a": 1.0})
    assert identity([1, 2]) == identity((1, 2))
    assert identity([1, 2]) != identity([2, 1])
    assert identity({"a": 1}) != identity({"a": True})


def test_datetimes_are_equal_by_instant_even_in_an_hour_that_comes_twice() -> None:
    berlin = datetime(2021, 10, 31, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin"))
    utc = datetime(2021, 10, 31, 1, 30, tzinfo=UTC)
    assert berlin != utc  # Python's answer, which is why instants are compared as numbers
    assert identity(berlin) == identity(utc)
    assert order_key(berlin) == order_key(utc)


def test_microseconds_are_counted_from_1970_and_negative_before() -> None:
    assert microseconds(datetime(1970, 1, 1, tzinfo=UTC)) == 0
    assert microseconds(datetime(1969, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)) == -1
    east = timezone(timedelta(hours=1))
    assert microseconds(datetime(1970, 1, 1, 0, 0, 1, 5, tzinfo=east)) == -3_598_999_995


def test_a_value_of_a_foreign_kind_is_equal_to_nothing() -> None:
    thing = object()
    assert identity(thing) != identity(thing)
    assert identity(datetime(2021, 1, 1)) != identity(datetime(2021, 1, 1))


def test_numbers_strings_bytes_and_datetimes_have_an_order_and_others_none() -> None:
    assert order_key(3) == (Kind.INT, 3)
    assert order_key(2.5) == (Kind.INT, 2.5)
    assert order_key("a") == (Kind.STRING, "a")
    assert order_key(b"a") == (Kind.BYTES, b"a")
    for value in (None, True, [], {}, datetime(2021, 1, 1), object()):
        assert order_key(value) is None
