from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.adapters.metadata_filter import below


@pytest.mark.parametrize(
    ("where", "moved"),
    [
        ({}, {}),
        ({"year": 2021}, {"metadata.year": 2021}),
        (
            {"id": "x", "author.name": {"$ne": "Ada"}},
            {"metadata.id": "x", "metadata.author.name": {"$ne": "Ada"}},
        ),
        (
            {"$or": [{"a": 1}, {"$not": {"b": {"$gt": 2}}}]},
            {"$or": [{"metadata.a": 1}, {"$not": {"metadata.b": {"$gt": 2}}}]},
        ),
        ({"$nor": [{"a": 1}]}, {"$nor": [{"metadata.a": 1}]}),
        ({"a": {"$elemMatch": {"b": 1}}}, {"metadata.a": {"$elemMatch": {"b": 1}}}),
    ],
)
def test_every_path_goes_one_step_down(where: dict[str, Any], moved: dict[str, Any]) -> None:
    assert below("metadata", where) == rr.Filter.parse(moved)
    assert below("metadata", rr.Filter.parse(where)) == rr.Filter.parse(moved)


def test_no_filter_stays_none_and_a_bad_one_is_named_as_it_was_written() -> None:
    assert below("metadata", None) is None
    with pytest.raises(rr.InvalidArgument, match=r"where\.year: is not an operator"):
        below("metadata", {"year": {"$bigger": 1}})
