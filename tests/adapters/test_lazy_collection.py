from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.adapters.lazy_collection import LazyCollection, dim_of, without


def lazy(place: Any = ":memory:", **settings: Any) -> LazyCollection:
    return LazyCollection(place, "things", texts=["text"], vector="vector", **settings)


@pytest.fixture
def things() -> Iterator[LazyCollection]:
    things = lazy()
    yield things
    things.close()


def test_the_first_vector_tells_the_dimension(things: LazyCollection) -> None:
    assert things.existing() is None and not things.has_vectors()
    things.put([{"id": "a", "text": "x"}, {"id": "b", "text": "y", "vector": [1.0, 2.0, 3.0]}])
    found = things.existing()
    assert found is not None
    assert found.schema.fields == {"text": rr.Text(), "vector": rr.Vector(dim=3)}
    assert things.has_vectors()
    with pytest.raises(rr.DimensionMismatch):
        things.put([{"id": "c", "vector": [1.0]}])


def test_without_vectors_there_is_no_field_for_them_later(things: LazyCollection) -> None:
    things.put([{"id": "a", "text": "x"}])
    with pytest.raises(rr.InvalidArgument, match="was made without vectors"):
        things.put([{"id": "b", "vector": [1.0]}])
    assert things.delete(["a", "b", "a"]) == 1


def test_a_dimension_that_is_given_makes_the_field_at_once() -> None:
    things = lazy(dim=2, metric="dot", index="hnsw", analyzer="german")
    things.put([{"id": "a", "text": "x"}])
    things.put([{"id": "b", "vector": [1.0, 0.0]}])
    found = things.existing()
    assert found is not None
    assert found.schema.fields == {
        "text": rr.Text(analyzer="german"),
        "vector": rr.Vector(dim=2, metric="dot", index=rr.HNSWOptions()),
    }
    things.close()


def test_bad_settings_are_refused_before_the_first_document() -> None:
    with pytest.raises(rr.InvalidArgument, match="metric"):
        lazy(metric="manhattan")
    with pytest.raises(rr.InvalidArgument, match="index"):
        lazy(index="flat")


def test_clearing_keeps_the_collection_and_dropping_does_not(things: LazyCollection) -> None:
    assert things.clear() == 0
    things.drop()
    things.put([{"id": "a", "vector": [1.0]}, {"id": "b", "vector": [2.0]}])
    assert things.clear() == 2
    assert things.has_vectors()
    things.drop()
    assert things.existing() is None
    things.put([])
    assert things.existing() is None


def test_a_collection_that_is_there_already_is_used(tmp_path: Path) -> None:
    with rr.open(tmp_path / "db") as db:
        mine = db.create_collection("things", {"text": rr.Text(), "title": rr.Text()})
        mine.put({"id": "m", "title": "Mine"})
        things = lazy(db)
        things.put([{"id": "a", "text": "x"}])
        assert sorted(mine.ids()) == ["a", "m"]


def test_dim_of_and_without() -> None:
    assert dim_of([{"id": "a"}, {"id": "b", "v": None}, {"id": "c", "v": [1.0, 2.0]}], "v") == 2
    assert dim_of([{"id": "a"}], "v") is None
    assert without({"id": "a", "v": 1, "w": 2}, "v", "w") == {"id": "a"}
