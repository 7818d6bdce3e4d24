"""`find`: filters, orders and pages, beside a plain sort of plain documents."""

from __future__ import annotations

import base64
from datetime import UTC
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rank_retrieve as rr
from rank_retrieve.filters import parse
from rank_retrieve.filters.facets import distinct_values
from rank_retrieve.filters.values import sort_key
from tests.collection.world import PATHS, World


def value_of(document: dict[str, Any], path: str, *, largest: bool) -> Any:
    """What places a document: its smallest or largest scalar, None for none."""
    values = [v for v in distinct_values(document, tuple(path.split("."))) if v is not None]
    choose = max if largest else min
    return choose(values, key=sort_key) if values else None


def in_order(documents: list[dict[str, Any]], keys: list[str]) -> list[dict[str, Any]]:
    """The plain sort: the last key first, then the others over it."""
    result = sorted(documents, key=lambda document: document["id"])
    for key in reversed(keys):
        descending, path = key.startswith("-"), key.lstrip("-")
        placed = [(value_of(d, path, largest=descending), d) for d in result]
        has = [pair for pair in placed if pair[0] is not None]
        has.sort(key=lambda pair: sort_key(pair[0]), reverse=descending)
        result = [d for _, d in has] + [d for value, d in placed if value is None]
    return result


def random_keys(world: World) -> list[str]:
    pick = world.random
    return [pick.choice(["", "-"]) + path for path in pick.sample(PATHS, pick.randrange(1, 4))]


FILTERS: list[Any] = [None, {"year": {"$gte": 2005}}, {"tags": "x"}, {"nowhere": 1}]


@pytest.mark.parametrize("seed", range(15))
def test_pages_in_any_order_are_the_plain_sort_cut_into_pieces(seed: int) -> None:
    world = World(seed)
    for _ in range(6):
        where, keys = world.random.choice(FILTERS), random_keys(world)
        expected = [
            d for d in in_order(world.live, keys) if where is None or parse(where).matches(d)
        ]
        limit = world.random.choice([1, 3, 7, 100])
        found: list[dict[str, Any]] = []
        after = None
        while True:
            page = world.collection.find(where, sort=keys, limit=limit, after=after)
            assert page.total == len(expected)
            assert page.ids == [document["id"] for document in page]
            found += page
            after = page.next
            assert (after is None) == (len(found) == len(expected))
            if after is None:
                break
            assert len(page) == limit
        assert [d["id"] for d in found] == [d["id"] for d in expected], keys
        offset = world.random.randrange(9)
        page = world.collection.find(where, sort=keys, limit=limit, offset=offset)
        assert page.ids == [d["id"] for d in expected[offset : offset + limit]]


@pytest.mark.parametrize("seed", range(6))
def test_without_a_sort_documents_come_in_order_of_insertion(seed: int) -> None:
    world = World(seed)
    expected = [document["id"] for document in world.live]
    with world.collection.snapshot() as view:
        first = view.find(limit=4)
        for _ in range(20):
            world.step()
        found = [*first.ids]
        after = first.next
        while after is not None:
            page = view.find(limit=4, after=after)
            assert page
            found += page.ids
            after = page.next
    assert found == expected


@pytest.mark.parametrize("seed", range(6))
def test_sorted_pages_skip_and_repeat_nothing_while_others_write(seed: int) -> None:
    world = World(seed)
    kept = {document["id"]: document for document in world.live}
    seen: list[str] = []
    page = world.collection.find(sort=["-year", "price"], limit=5)
    while True:
        seen += page.ids
        if page.next is None:
            break
        before = {document["id"] for document in world.live}
        for _ in range(3):
            world.step()
        now = {document["id"]: document for document in world.live}
        kept = {name: d for name, d in kept.items() if now.get(name) is d}
        assert before
        page = world.collection.find(sort=["-year", "price"], limit=5, after=page.next)
    assert set(kept) <= set(seen)
    # who is seen twice was put again on the way
    assert all(name not in kept for name in seen if seen.count(name) > 1)


def papers() -> rr.Collection:
    collection = rr.open(":memory:").create_collection("papers", fields={"text": rr.Text()})
    collection.put_many(
        [
            {"id": "a", "text": "one", "year": 2020, "author": {"name": "Ada", "age": 36}},
            {"id": "b", "text": "two", "year": None},
            {"id": "c", "text": "three", "year": [1990, 2030]},
            {"id": "d", "text": "four", "year": "2020"},
            {"id": "e", "text": "five"},
        ]
    )
    return collection


def test_an_array_stands_at_its_smallest_or_largest_and_what_has_no_value_comes_last() -> None:
    assert papers().find(sort="year").ids == ["c", "a", "d", "b", "e"]
    assert papers().find(sort="-year").ids == ["d", "c", "a", "b", "e"]


def test_a_page_holds_the_fields_that_were_asked_for() -> None:
    page = papers().find({"id": {"$in": ["a", "b"]}}, fields=["author.name", "year"])
    assert list(page) == [
        {"id": "a", "author": {"name": "Ada"}, "year": 2020},
        {"id": "b", "year": None},
    ]
    assert page[1:] == [{"id": "b", "year": None}]
    assert repr(page) == "Page(2 of 2 documents)"


def test_the_cursor_of_a_document_that_is_gone_is_refused_where_only_it_knows_the_place() -> None:
    collection = papers()
    unsorted, by_id = collection.find(limit=2).next, collection.find(sort="id", limit=2).next
    collection.delete("b")
    assert collection.find(sort="id", after=by_id).ids == ["c", "d", "e"]
    with pytest.raises(rr.InvalidArgument, match="not there any more"):
        collection.find(after=unsorted)


@pytest.mark.parametrize(
    "after",
    [
        "", "!", "AAAA", "é", 7, "gA==",
        base64.urlsafe_b64encode(msgspec.msgpack.encode([2, [], [], "a"])).decode(),
        base64.urlsafe_b64encode(msgspec.msgpack.encode([1, [], [3], "a"])).decode(),
        base64.urlsafe_b64encode(msgspec.msgpack.encode([1, [], [], ""])).decode(),
    ],
)  # fmt: skip
def test_what_is_no_cursor_is_refused(after: Any) -> None:
    with pytest.raises(rr.InvalidArgument, match="after"):
        papers().find(after=after)


@pytest.mark.parametrize("place", [[[1], "a"], [{}, "a"], [float("inf"), "a"], ["a"], [1, 2, 3]])
def test_a_cursor_of_a_place_where_nothing_can_stand_is_refused(place: list[Any]) -> None:
    raw = msgspec.msgpack.encode([1, ["year"], place, "a"])
    with pytest.raises(rr.InvalidArgument, match="after"):
        papers().find(sort="year", after=base64.urlsafe_b64encode(raw).decode())


def test_a_cursor_belongs_to_its_sort() -> None:
    after = papers().find(sort="year", limit=1).next
    with pytest.raises(rr.InvalidArgument, match="the same sort"):
        papers().find(sort=["-year"], after=after)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": True}, "limit"),
        ({"offset": -1}, "offset"),
        ({"sort": "text"}, "sort: is a text field"),
        ({"sort": ["year", "a..b"]}, r"sort\.1"),
        ({"sort": []}, "sort"),
        ({"sort": [1]}, r"sort\.0"),
        ({"sort": ["a"] * 9}, "sort"),
        ({"fields": "year"}, "fields"),
        ({"fields": ["$x"]}, r"fields\.0"),
        ({"fields": ["a"] * 257}, "fields"),
        ({"with_vectors": 1}, "with_vectors"),
    ],
)
def test_arguments_that_do_not_fit_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(rr.InvalidArgument, match=message):
        papers().find(**arguments)


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats() | st.text()
    | st.binary() | st.datetimes(timezones=st.just(UTC)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)  # fmt: skip
PAPERS = papers()


@settings(deadline=None, max_examples=100)
@given(
    st.binary(max_size=60)
    | plain.map(msgspec.msgpack.encode)
    | st.tuples(
        st.just(1), st.sampled_from([[], ["year"]]), st.lists(plain, max_size=3), st.text()
    ).map(msgspec.msgpack.encode),
    st.sampled_from([None, "year"]),
)
def test_a_cursor_from_anywhere_gives_a_page_or_is_refused(raw: bytes, sort: Any) -> None:
    after = base64.urlsafe_b64encode(raw).decode()
    try:
        page = PAPERS.find(sort=sort, after=after, limit=2)
    except rr.InvalidArgument as error:
        assert error.argument == "after"
    else:
        assert len(page) <= 2
