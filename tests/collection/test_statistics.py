"""Whatever happened to a collection, its scores are those of a fresh one, bit for bit."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rank_retrieve as rr
from tests.collection.oracle import bm25

WORDS = ["cat", "cats", "dog", "running", "runs", "mat", "the", "of", "zebra", "ümlaut", "日本語"]
FIELDS: dict[str, Any] = {"title": rr.Text(boost=1.5), "text": rr.Text()}
BOOSTS = {"title": 1.5, "text": 1.0}

texts = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)
ids = st.sampled_from([f"d{i}" for i in range(8)])
documents = st.fixed_dictionaries({"id": ids}, optional={"title": texts, "text": texts})
operations = st.one_of(
    st.tuples(st.just("put"), documents),
    st.tuples(st.just("put_many"), st.lists(documents, max_size=5)),
    st.tuples(st.just("delete"), ids),
    st.tuples(st.just("flush"), st.none()),
    st.tuples(st.just("compact"), st.none()),
    st.tuples(st.just("search"), st.none()),
    st.tuples(st.just("reopen"), st.none()),
)


def fresh(live: dict[str, Any]) -> rr.Collection:
    collection = rr.open(":memory:").create_collection("fresh", fields=FIELDS)
    collection.put_many(live.values())
    return collection


def apply(live: dict[str, Any], operation: str, argument: Any) -> None:
    """The same operation on a dict: a put takes the last place."""
    puts = {"put": [argument], "put_many": argument}.get(operation, [])
    for document in puts:
        live.pop(document["id"], None)
        live[document["id"]] = document
    if operation == "delete":
        live.pop(argument, None)


def run(collection: rr.Collection, operation: str, argument: Any) -> None:
    actions = {
        "put": collection.put,
        "put_many": collection.put_many,
        "delete": collection.delete,
        "flush": lambda _: collection.flush(),
        "compact": lambda _: collection.compact(),
        "search": lambda _: collection.search("cat"),
    }
    actions[operation](argument)


@settings(deadline=None, max_examples=60)
@given(history=st.lists(operations, max_size=14))
def test_scores_after_any_history_equal_those_of_a_fresh_collection(
    history: list[tuple[str, Any]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("history") / "db"
    db = rr.open(path, durability="none")
    collection = db.create_collection("c", fields=FIELDS)
    live: dict[str, Any] = {}
    for operation, argument in history:
        if operation == "reopen":
            db.close()
            db = rr.open(path, durability="none")
            collection = db.get_collection("c")
        else:
            run(collection, operation, argument)
            apply(live, operation, argument)
    expected = fresh(live)
    assert len(collection) == len(live)
    assert list(collection.ids()) == list(live)
    assert [collection.get(name) for name in live] == list(live.values())
    for query in ["cat", "dog runs the mat", "cat cat ümlaut 日本", "zebra"]:
        got, wanted = (c.search(query, k=20) for c in (collection, expected))
        assert got.ids.tolist() == wanted.ids.tolist()
        assert got.scores.tolist() == wanted.scores.tolist()  # to the last bit
        oracle = bm25(list(live.values()), query, BOOSTS)
        assert set(got.ids) == set(oracle)
        for hit in got:
            assert hit.score == pytest.approx(oracle[hit.id], rel=1e-7)
            explanation = hit.explain()
            assert explanation.value == hit.score
            assert explanation.adds_up()
    db.close()


def test_deleting_changes_the_scores_of_what_stays() -> None:
    collection = rr.open(":memory:").create_collection("c", fields={"text": rr.Text()})
    collection.put_many([{"id": str(i), "text": "cat dog"} for i in range(9)])
    collection.put({"id": "odd", "text": "cat"})
    before = collection.search("dog")[0].score
    collection.delete("odd")
    after = collection.search("dog")[0].score
    assert after != before
    assert after == pytest.approx(bm25(list(collection.documents()), "dog", {"text": 1})["0"])


def test_equal_scores_come_in_order_of_insertion_across_segments() -> None:
    collection = rr.open(":memory:").create_collection("c", fields={"text": rr.Text()})
    for i in range(6):
        collection.put({"id": f"d{i}", "text": "cat"})
        if i % 2:
            collection.flush()
    assert collection.search("cat", k=4).ids.tolist() == ["d0", "d1", "d2", "d3"]
    collection.put({"id": "d0", "text": "cat"})  # put again, so the newest now
    assert collection.search("cat", k=9).ids.tolist() == ["d1", "d2", "d3", "d4", "d5", "d0"]
