"""Updates and deletes by filter, beside the same changes to plain documents."""

from __future__ import annotations

import copy
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.filters import parse
from tests.collection.world import World


def changed(document: dict[str, Any], changes: dict[str, Any], unset: list[str]) -> dict[str, Any]:
    result = copy.deepcopy(document)
    for path, value in changes.items():
        at = result
        *steps, last = path.split(".")
        for step in steps:
            at = at.setdefault(step, {})
        at[last] = value
    for path in unset:
        *steps, last = path.split(".")
        at = result
        for step in steps:
            at = at.get(step, {}) if isinstance(at, dict) else {}
        if isinstance(at, dict):
            at.pop(last, None)
    return result


EDITS: list[tuple[dict[str, Any], list[str]]] = [
    ({"year": 2022}, []),
    ({"in.depth": [1, {"a": 2}], "new.deep.down": None}, ["tags", "in.other", "mixed.in", "no.x"]),
    ({"text": "tree tree bird", "price": 7}, ["name"]),
    ({}, ["text", "in"]),
]
FILTERS: list[Any] = [{}, {"year": {"$gte": 2005}}, {"tags": "x"}, {"text": {"$regex": "cat"}}]


@pytest.mark.parametrize("seed", range(10))
def test_updates_and_deletes_by_filter_are_those_of_plain_documents(seed: int) -> None:
    world = World(seed)
    for _ in range(8):
        where = world.random.choice(FILTERS)
        fitting = [d for d in world.live if parse(where).matches(d)]
        if world.random.random() < 0.2:
            assert world.collection.delete(where=where) == len(fitting)
            for document in fitting:
                del world._plain[document["id"]]
        else:
            changes, unset = world.random.choice(EDITS)
            assert world.collection.update_where(where, changes, unset=unset) == len(fitting)
            for document in fitting:
                del world._plain[document["id"]]
                world._plain[document["id"]] = changed(document, changes, unset)
        for _ in range(4):
            world.step()
        assert list(world.collection.documents()) == world.live
        fresh = rr.open(":memory:").create_collection("fresh", fields={"text": rr.Text()})
        fresh.put_many(world.live)
        for query in ("tree bird", "cat"):
            ours, expected = world.collection.search(query, k=50), fresh.search(query, k=50)
            assert ours.ids.tolist() == expected.ids.tolist()
            assert ours.scores.tolist() == expected.scores.tolist()


def papers(database: rr.Database | None = None) -> rr.Collection:
    fields: dict[str, Any] = {"text": rr.Text(), "vector": rr.Vector(dim=2)}
    collection = (database or rr.open(":memory:")).create_collection("papers", fields=fields)
    collection.put({"id": "a", "text": "cats", "vector": [1, 0], "author": {"name": "Ada", "x": 1}})
    collection.put({"id": "b", "text": "dogs", "year": 2020})
    return collection


def test_an_update_sets_and_removes_paths_and_leaves_the_rest() -> None:
    collection = papers()
    assert collection.update("a", {"year": 2022, "author.name": "Alan"}, unset=["author.x", "no"])
    found = collection.get("a")
    assert found is not None
    assert found.pop("vector").tolist() == [1, 0]
    assert found == {"id": "a", "text": "cats", "author": {"name": "Alan"}, "year": 2022}
    assert list(collection.ids()) == ["b", "a"]
    assert collection.update("nobody", {"year": 1}) is False
    assert "nobody" not in collection
    assert collection.update("a") is True
    assert collection.update("nobody") is False
    assert collection.update_where({"year": 2020}) == 1


def test_declared_fields_change_like_any_other() -> None:
    collection = papers()
    collection.update("a", {"text": "birds", "vector": np.array([0, 1])})
    assert collection.search("birds")[0].id == "a"
    assert len(collection.search("cats")) == 0
    assert collection.search(vector=[0, 1])[0].score == 1.0
    collection.update("a", unset=["vector"])
    assert len(collection.search(vector=[0, 1])) == 0


def test_what_an_encoder_made_stays_while_the_text_does() -> None:
    texts: list[str] = []

    def encode(some: list[str]) -> Any:
        texts.extend(some)
        return [[float(len(text)), 1.0] for text in some]

    encoder = rr.CallableEncoder(encode, dim=2, name="lengths")
    collection = rr.open(":memory:").create_collection(
        "papers", fields={"text": rr.Text()}, encoder=encoder
    )
    collection.put({"id": "a", "text": "cats", "year": 1})
    texts.clear()
    collection.update("a", {"year": 2})
    assert texts == []
    collection.flush()
    collection.update_where({"year": 2}, {"year": 3})
    assert texts == []
    assert collection.search(vector=[4.0, 1.0])[0].score == pytest.approx(1.0)
    assert "vector" not in (collection.get("a") or {"vector": 0})
    collection.update("a", {"text": "cats and dogs"})
    assert texts == ["cats and dogs"]
    assert collection.search(vector=[13.0, 1.0])[0].score == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("changes", "unset", "message"),
    [
        ([], [], "changes: must be a dict"),
        ({"id": "z"}, [], "changes: cannot be changed"),
        ({"a..b": 1}, [], "changes: a path"),
        ({"$set": {"a": 1}}, [], "changes"),
        ({"a": 1, "a.b": 2}, [], r"within what is changed too \(got 'a.b'\)"),
        ({"a": 1}, ["a"], "changed twice"),
        ({"a.b": 1}, ["a"], "within"),
        ({}, "a", "unset"),
        ({}, ["id"], "unset"),
        ({"text.a": 1}, [], "goes through text, which is no dict in document 'a'"),
        ({"author.name.first": 1}, [], "goes through author.name"),
        ({"year": float("nan")}, [], "year: must be finite"),
        ({"text": 7}, [], "must be a string or None"),
        ({"vector": [1, 2, 3]}, [], "vector"),
    ],
)
def test_an_edit_that_does_not_fit_is_refused_and_changes_nothing(
    changes: Any, unset: Any, message: str
) -> None:
    collection = papers()
    before = repr(list(collection.documents()))
    with pytest.raises(rr.RankRetrieveError, match=message):
        collection.update("a", changes, unset=unset)
    with pytest.raises(rr.RankRetrieveError, match=message):
        collection.update_where({}, changes, unset=unset)
    assert repr(list(collection.documents())) == before


def test_a_delete_wants_an_id_or_a_filter() -> None:
    collection = papers()
    for arguments in ({}, {"document_id": "a", "where": {}}):
        with pytest.raises(rr.InvalidArgument, match="either an id or where"):
            collection.delete(**arguments)
    with pytest.raises(rr.InvalidArgument, match="where"):
        collection.update_where(None, {"a": 1})  # type: ignore[arg-type]
    with pytest.raises(rr.InvalidArgument, match=r"where\.a: is not an operator"):
        collection.delete(where={"a": {"$near": 1}})
    assert collection.delete(where={}) == 2
    assert len(collection) == 0


def test_edits_are_one_batch_that_survives_reopening(tmp_path: Path) -> None:
    with rr.open(tmp_path / "db") as database:
        collection, state = papers(database), database._engine.state
        assert state.wal is not None
        before = state.wal.last_lsn
        assert collection.update_where({}, {"year": 1}) == 2
        assert state.wal.last_lsn == before + 1
        assert collection.delete(where={"text": "dogs"}) == 1
        assert state.wal.last_lsn == before + 2
        with rr.open(tmp_path / "db", mode="r") as reading:
            reader = reading.get_collection("papers")
            assert [(d["id"], d["year"]) for d in reader.documents()] == [("a", 1)]
            with pytest.raises(rr.ReadOnlyError):
                reader.update("a", {"year": 2})
            with pytest.raises(rr.ReadOnlyError):
                reader.delete(where={})


def test_no_edit_loses_another() -> None:
    collection = papers()
    collection.put({"id": "counter", "n": {}})

    def count(name: str) -> None:
        for number in range(40):
            collection.update("counter", {f"n.{name}{number}": number})

    threads = [threading.Thread(target=count, args=(name,)) for name in "xyz"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len((collection.get("counter") or {})["n"]) == 120


def test_a_collection_that_is_gone_is_not_edited() -> None:
    database = rr.open(":memory:")
    collection = database.create_collection("gone", fields={"text": rr.Text()})
    collection.put({"id": "a", "text": "cats"})
    database.drop_collection("gone")
    for edit in (
        lambda: collection.update("a", {"n": 1}),
        lambda: collection.update_where({}, {"n": 1}),
        lambda: collection.delete(where={}),
    ):
        with pytest.raises(rr.NotFound):
            edit()
