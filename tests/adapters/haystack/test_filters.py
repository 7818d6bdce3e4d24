from datetime import UTC, datetime, timedelta, timezone
from itertools import product
from typing import Any

import pytest

pytest.importorskip("haystack")

from haystack import Document
from haystack.errors import FilterError
from haystack.utils.filters import document_matches_filter

from rank_retrieve.adapters.haystack import RankRetrieveDocumentStore

DATES = [
    "2020-01-01",
    "2020-01-01T00:00:00",
    "2020-01-01T12:00:00",
    "2020-01-01T12:00:00Z",
    "2020-01-01T12:00:00+02:00",
    "2020-01-01T10:00:00+00:00",
    "2020-01-01 10:00:00",
    "2021-06-30T23:59:59.999999-05:00",
]
VALUES = [None, 0, 1, -1.5, 1.0, True, False, "1", "a", "", *DATES]
ZONED = datetime(2020, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))


def stored(values: list[Any]) -> RankRetrieveDocumentStore:
    store = RankRetrieveDocumentStore()
    documents = [
        Document(id=str(n), content="cat", meta={} if v is None else {"v": v, "deep": {"v": v}})
        for n, v in enumerate(values)
    ]
    store.write_documents(documents)
    return store


def matched(store: RankRetrieveDocumentStore, filters: dict[str, Any]) -> list[Any]:
    """The values that a filter finds: by the store, by a search, and by the publisher's rules."""
    found = store.filter_documents(filters)
    assert store.count_documents_by_filter(filters) == len(found)
    searched = store.bm25_retrieval("cats", filters, top_k=100)
    assert sorted(d.id for d in searched) == sorted(d.id for d in found)
    by_rule = [d for d in store.filter_documents() if document_matches_filter(filters, d)]
    assert [d.id for d in found] == [d.id for d in by_rule]
    return [d.meta.get("v") for d in found]


@pytest.mark.parametrize("operator", ["==", "!=", "in", "not in"])
def test_equality_is_that_of_the_publisher_for_every_pair_of_values(operator: str) -> None:
    # to Python, and so to Haystack, True is 1; to us it is not (see the page)
    values = [value for value in VALUES if not isinstance(value, bool)]
    store = stored(values)
    for value, field in product(values, ("meta.v", "meta.deep.v")):
        operand = [value, "nothing"] if "in" in operator else value
        matched(store, {"field": field, "operator": operator, "value": operand})


@pytest.mark.parametrize("operator", ["<", "<=", ">", ">="])
def test_order_is_that_of_the_publisher_for_numbers_and_for_dates(operator: str) -> None:
    numbers, dates = [None, 0, 1, -1.5, 1.0, 2**60], [None, *DATES]
    for values, operands in ((numbers, numbers), (dates, [*dates, ZONED, ZONED.astimezone(UTC)])):
        store = stored(values)
        for value, field in product(operands, ("meta.v", "meta.deep.v")):
            matched(store, {"field": field, "operator": operator, "value": value})


def test_dates_compare_as_instants_not_as_text() -> None:
    store = stored(DATES)
    after = {"field": "meta.v", "operator": ">", "value": "2020-01-01T11:00:00+00:00"}
    assert matched(store, after) == [
        "2020-01-01T12:00:00",
        "2020-01-01T12:00:00Z",
        "2021-06-30T23:59:59.999999-05:00",
    ]
    noon = {"field": "meta.v", "operator": "==", "value": ZONED}
    assert matched(store, noon) == [
        "2020-01-01T12:00:00",
        "2020-01-01T12:00:00+02:00",
        "2020-01-01T10:00:00+00:00",
    ]


def test_values_of_other_kinds_do_not_match_a_range() -> None:
    store = stored([5, "word", "2020-01-01", True])
    above = {"field": "meta.v", "operator": ">", "value": 1}
    assert [d.meta["v"] for d in store.filter_documents(above)] == [5]
    after = {"field": "meta.v", "operator": ">", "value": "2019-01-01"}
    assert [d.meta["v"] for d in store.filter_documents(after)] == ["2020-01-01"]


def test_logic_nests_and_empty_logic_is_logic() -> None:
    store = stored([1, 2, 3])
    one = {"field": "meta.v", "operator": "==", "value": 1}
    big = {"field": "meta.v", "operator": ">", "value": 2}
    either = {"operator": "OR", "conditions": [one, big]}
    assert matched(store, either) == [1, 3]
    assert matched(store, {"operator": "NOT", "conditions": [either]}) == [2]
    assert matched(store, {"operator": "NOT", "conditions": [one, big]}) == [1, 2, 3]
    assert matched(store, {"operator": "AND", "conditions": []}) == [1, 2, 3]
    assert matched(store, {"operator": "OR", "conditions": []}) == []
    assert matched(store, {"field": "meta.v", "operator": "in", "value": []}) == []


def test_fields_of_the_document_and_metadata_without_its_prefix() -> None:
    store = RankRetrieveDocumentStore(embedding_dim=1)
    store.write_documents(
        [Document(id="a", content="cat", meta={"v": 1}), Document(id="b", content="cats")]
    )
    assert matched(store, {"field": "v", "operator": "==", "value": 1}) == [1]

    def found(field: str, value: Any) -> list[str]:
        filters = {"field": field, "operator": "==", "value": value}
        return [d.id for d in store.filter_documents(filters)]

    assert (found("id", "b"), found("content", "cat")) == (["b"], ["a"])
    assert found("content", None) == []
    with pytest.raises(FilterError, match="'embedding' cannot be filtered"):
        found("embedding", None)


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"field": "meta.v", "operator": "~", "value": 1}, "unknown comparison operator '~'"),
        ({"operator": "XOR", "conditions": []}, "unknown logical operator 'XOR'"),
        ({"operator": "AND", "conditions": ["v"]}, "a condition must be a dict"),
        ({"field": "meta.v", "operator": ">", "value": "tomorrow"}, "not 'tomorrow' with meta.v"),
        ({"field": "meta.v", "operator": ">", "value": True}, "not True"),
        ({"field": "content", "operator": ">", "value": "2020-01-01"}, "dates of metadata"),
        ({"field": "meta..v", "operator": "==", "value": 1}, "empty step"),
        ({"field": "meta.v", "operator": "==", "value": {1, 2}}, "set"),
    ],
)
def test_what_is_no_filter_is_refused(filters: dict[str, Any], message: str) -> None:
    for store in (stored([1]), RankRetrieveDocumentStore()):
        with pytest.raises(FilterError, match=message):
            store.filter_documents(filters)
        with pytest.raises(FilterError, match=message):
            store.bm25_retrieval("cats", filters)
