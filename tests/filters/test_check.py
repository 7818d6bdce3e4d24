from __future__ import annotations

import enum
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.filters import check_metadata
from rank_retrieve.filters.values import identity


class Colour(enum.IntEnum):
    RED = 1


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


def test_every_kind_of_value_is_accepted() -> None:
    check_metadata(
        {
            "null": None, "bool": True, "ints": [-(2**63), 2**63 - 1], "float": 1e308,
            "text": "naïve \U0001f600", "raw": b"\xff\x00", "pair": (1, 2),
            "when": datetime(2021, 1, 1, tzinfo=timezone(timedelta(hours=-3))),
            "author": {"name": "Ada", "born": {"year": 1815}},
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("document", "path", "reason"),
    [
        ({"n": 2**63}, "n", "64 bits"),
        ({"n": -(2**63) - 1}, "n", "64 bits"),
        ({"n": 10**5000}, "n", "64 bits"),
        ({"x": float("nan")}, "x", "finite"),
        ({"x": [1, float("inf")]}, "x.1", "finite"),
        ({"a": {"b": "\ud800"}}, "a.b", "lone surrogate"),
        ({"when": datetime(2021, 1, 1)}, "when", "time zone"),
        ({"when": datetime.min.replace(tzinfo=timezone(timedelta(hours=5)))}, "when", "years 1"),
        ({"day": date(2021, 1, 1)}, "day", "not this type"),
        ({"n": np.int64(1)}, "n", "not this type"),
        ({"n": np.float64(1)}, "n", "not this type"),
        ({"s": np.str_("a")}, "s", "not this type"),
        ({"colour": Colour.RED}, "colour", "not this type"),
        ({"tags": {"a"}}, "tags", "not this type"),
        ({"raw": bytearray(b"a")}, "raw", "not this type"),
        ({"": 1}, "metadata", "empty"),
        ({"a": {"": 1}}, "a", "empty"),
        ({"a.b": 1}, "metadata", "dot"),
        ({"a": [{"$b": 1}]}, "a.0", r'with "\$"'),
        ({"a": {1: 2}}, "a", "strings"),
        ({"a": {"\ud800": 2}}, "a", "lone surrogate"),
        ({"k" * 1025: 2}, "metadata", "1024 bytes"),
        ({"é" * 513: 2}, "metadata", "1024 bytes"),
        ({"deep": nested(32)}, ".".join(["deep", *["0"] * 31]), "32 deep"),
        ({"wide": [0] * (1 << 20)}, "wide", "too many values"),
    ],
)
def test_a_value_that_cannot_be_stored_is_refused_by_path(
    document: dict[str, Any], path: str, reason: str
) -> None:
    with pytest.raises(InvalidArgument, match=reason) as caught:
        check_metadata(document)
    assert caught.value.argument == path
    str(caught.value).encode("utf-8")


def test_the_error_says_how_to_convert() -> None:
    with pytest.raises(InvalidArgument, match=r"Convert it with \.item\(\)"):
        check_metadata({"n": np.int64(1)})


def test_thirty_one_levels_below_the_document_are_allowed() -> None:
    check_metadata({"deep": nested(31)})


def test_shared_references_count_each_time_so_that_small_input_cannot_explode() -> None:
    value: Any = [1, 1]
    for _ in range(28):
        value = [value, value]
    with pytest.raises(InvalidArgument, match="too many values"):
        check_metadata({"bomb": value})
    with pytest.raises(InvalidArgument, match="more text"):
        check_metadata({"bomb": ["x" * 1_000_000] * 300})


def test_a_cycle_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(InvalidArgument, match="32 deep"):
        check_metadata({"loop": loop})


def test_metadata_must_be_a_dict() -> None:
    with pytest.raises(InvalidArgument, match="must be a dict"):
        check_metadata([("a", 1)])  # type: ignore[arg-type]


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
    | st.binary(max_size=5) | st.datetimes(timezones=st.sampled_from([None, UTC]))
    | st.characters(categories=["Cs"]) | st.dates()
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.integers(), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), values, max_size=4))
@settings(deadline=None, max_examples=100)
def test_what_is_accepted_comes_back_equal_from_storage(document: dict[str, Any]) -> None:
    try:
        check_metadata(document)
    except InvalidArgument:
        return
    stored = msgspec.msgpack.decode(msgspec.msgpack.encode(document))
    assert identity(stored) == identity(document)
