"""Query objects over collections: fields, filters, writes of every kind, and all modes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rank_retrieve as rr
from tests.lexical.queries.oracle import Group, Oracle
from tests.lexical.queries.strategies import queries

WORDS = st.lists(st.sampled_from(["a", "a", "b", "ab", "ba", "abc", "c"]), max_size=6)
GROUPS = (Group({"title": 3, "text": 2}, 2), Group({"notes": 1}))


def fields(*, positions: bool) -> dict[str, Any]:
    return {
        "title": rr.Text(analyzer="simple", boost=1.5),
        "text": rr.Text(analyzer="simple", positions=positions),
        "notes": rr.Text(analyzer="whitespace", positions=positions),
    }


def check(collection: rr.Collection, held: dict[str, dict[str, Any]], query: Any) -> None:
    """The collection finds, scores, counts and explains what brute force does."""
    ids = list(collection.snapshot().ids())
    assert sorted(ids) == sorted(held)
    documents = {
        number: {name: held[identity][name].split() for name in ("title", "text", "notes")}
        for number, identity in enumerate(ids)
    }
    expected = Oracle(documents, GROUPS).run(query)
    order = sorted(expected, key=lambda doc: (-expected[doc], doc))
    hits = collection.search(query, k=100, mode="lexical")
    assert hits.ids.tolist() == [ids[doc] for doc in order]
    assert hits.scores.tolist() == [expected[doc] for doc in order]
    assert collection.count(query=query) == len(order)
    for hit in hits:
        explanation = hit.explain()
        assert explanation.adds_up()
        assert explanation.value == hit.score


documents = st.fixed_dictionaries(
    {name: WORDS.map(" ".join) for name in ("title", "text", "notes")}
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 9), documents),
        st.tuples(st.just("delete"), st.integers(0, 9)),
        st.tuples(st.just("flush")),
        st.tuples(st.just("compact")),
        st.tuples(st.just("search")),
    ),
    min_size=3,
    max_size=14,
)


@given(steps, st.lists(queries, min_size=1, max_size=3), st.booleans())
@settings(deadline=None, max_examples=40)
def test_after_any_writes_every_tree_scores_as_over_a_fresh_collection(
    history: list[Any], asked: list[Any], positions: bool
) -> None:
    db = rr.open(":memory:")
    collection = db.create_collection("c", fields=fields(positions=positions))
    held: dict[str, dict[str, Any]] = {}

    def put(number: int, document: dict[str, Any]) -> None:
        identity = f"d{number}"
        collection.put({"id": identity, **document})
        held[identity] = document

    def delete(number: int) -> None:
        collection.delete(f"d{number}")
        held.pop(f"d{number}", None)

    actions: dict[str, Callable[..., Any]] = {
        "put": put,
        "delete": delete,
        "flush": collection.flush,
        "compact": collection.compact,
        "search": lambda: check(collection, held, asked[0]),
    }
    for name, *arguments in history:
        actions[name](*arguments)
    for query in asked:
        check(collection, held, query)
    db.close()


@pytest.mark.parametrize("positions", [False, True])
def test_phrases_and_fields_survive_flush_delete_compaction_and_reopening(
    tmp_path: Path, positions: bool
) -> None:
    held = {
        f"d{i}": {
            "title": ["a b", "b a", "c"][i % 3],
            "text": ["c a b", "a c b", "b"][i % 2 + i % 5 // 4],
            "notes": "a b a" if i % 4 else "b",
        }
        for i in range(60)
    }
    asked = [
        rr.Phrase("a b"),
        rr.Phrase("a b", field="title", slop=2),
        rr.parse_query('+title:a -text:"a b" notes:"b a"^2'),
        rr.Prefix("a", field="title"),
    ]
    with rr.open(tmp_path / "db") as db:
        collection = db.create_collection("c", fields=fields(positions=positions))
        for identity, document in held.items():
            collection.put({"id": identity, **document})
            if identity in ("d20", "d40"):
                collection.flush()
        for identity in ("d3", "d33", "d59"):
            collection.delete(identity)
            del held[identity]
        for query in asked:
            check(collection, held, query)
        collection.flush()
        collection.compact()
        for query in asked:
            check(collection, held, query)
        assert collection.verify().ok
    with rr.open(tmp_path / "db", mode="r") as db:
        collection = db.get_collection("c")
        for query in asked:
            check(collection, held, query)
        has_positions = [
            part.segment.index(group.name).positions is not None
            for part in collection._look().parts
            for group in part.segment.schema.groups
        ]
        assert has_positions == [positions] * 2


@pytest.fixture
def papers() -> rr.Collection:
    db = rr.open(":memory:")
    papers = db.create_collection(
        "papers",
        fields={"title": rr.Text(), "text": rr.Text(), "vector": rr.Vector(dim=2)},
        encoder=rr.CallableEncoder(
            lambda texts: [[float("dense" in text), 1.0] for text in texts], dim=2, name="d"
        ),
    )
    papers.put_many(
        {"id": f"p{i}", "title": title, "text": text, "year": 2000 + i}
        for i, (title, text) in enumerate(
            [
                ("Dense retrieval", "Vectors find documents."),
                ("Sparse retrieval", "Words find documents, dense or not."),
                ("Cats", "A cat sat on the mat."),
            ]
        )
    )
    return papers


def test_filters_and_counts_go_with_queries(papers: rr.Collection) -> None:
    query = rr.parse_query('retriev* OR "find documents"')
    assert papers.search(query, mode="lexical").ids.tolist() == ["p0", "p1"]
    where = {"year": {"$gte": 2001}}
    assert papers.search(query, mode="lexical", where=where).ids.tolist() == ["p1"]
    assert papers.count(query=query) == 2
    assert papers.count(where, query=query) == 1
    assert papers.count(query="retrieval cats") == 3
    assert papers.count(where, query="retrieval") == 1
    assert papers.facets("year", query=rr.Match("documents dense", operator="and"))[0].count == 1


def test_a_hybrid_search_gives_the_query_to_one_leg_and_its_words_to_the_other(
    papers: rr.Collection,
) -> None:
    query = rr.parse_query("+dense -sparse")
    hits = papers.search(query, k=3)
    assert hits.plan["mode"] == "hybrid"
    assert hits.plan["legs"][0]["query"] == repr(query)
    assert len(hits) == 3
    assert papers.search(query, mode="lexical").ids.tolist() == ["p0"]
    # the encoder of this collection is given "dense", which p1 holds in small letters
    assert papers.search(query, mode="dense").ids.tolist()[0] == "p1"


def test_a_pattern_has_no_words_to_encode(papers: rr.Collection) -> None:
    hits = papers.search(rr.Prefix("retriev"))
    assert hits.plan["mode"] == "lexical"
    assert hits.scores.tolist() == [1.0, 1.0]
    with pytest.raises(rr.InvalidArgument, match="mode"):
        papers.search(rr.Prefix("retriev"), mode="dense")
    hybrid = papers.search(rr.Prefix("retriev"), vector=[1.0, 0.0])
    assert hybrid.plan["mode"] == "hybrid"


def test_many_queries_of_all_kinds_at_once(papers: rr.Collection) -> None:
    asked = ["cats", rr.Phrase("find documents"), rr.parse_query("title:dense")]
    many = papers.search_many(asked, k=2, mode="lexical", threads=2)
    alone = [papers.search(query, k=2, mode="lexical") for query in asked]
    assert [hits.ids.tolist() for hits in many] == [hits.ids.tolist() for hits in alone]


def test_plain_text_is_still_plain_text(papers: rr.Collection) -> None:
    assert papers.search('+dense -"cats"', mode="lexical").ids.tolist() == (
        papers.search(rr.Match("dense cats"), mode="lexical").ids.tolist()
    )


def test_an_unknown_field_is_refused_with_those_there_are(papers: rr.Collection) -> None:
    with pytest.raises(rr.InvalidArgument, match=r"\['text', 'title'\]"):
        papers.search(rr.parse_query("author:ada"), mode="lexical")
    with pytest.raises(rr.InvalidArgument, match="year"):
        papers.search(rr.Term("2001", field="year"), mode="lexical")


def test_a_search_may_not_take_longer_than_it_is_allowed_to(papers: rr.Collection) -> None:
    for query in ("cats", rr.Match("cats"), rr.Phrase("find documents")):
        with pytest.raises(rr.DeadlineExceeded, match="1e-09 s"):
            papers.search(query, timeout_s=1e-9)
        assert len(papers.search(query, timeout_s=60.0, mode="lexical")) >= 1
    with pytest.raises(rr.DeadlineExceeded):
        papers.count(query=rr.Phrase("find documents"), timeout_s=1e-9)
    with pytest.raises(rr.InvalidArgument, match="timeout_s"):
        papers.search("cats", timeout_s=0)


def test_positions_are_in_the_schema_only_where_asked_for() -> None:
    from rank_retrieve.collection.schema import Schema

    stored = Schema({"a": rr.Text(positions=True), "b": rr.Text()}).to_dict()
    assert stored["a"]["positions"] is True
    assert "positions" not in stored["b"]
    again = Schema.from_dict(stored, "test")
    assert again.fields["a"] == rr.Text(positions=True)
    assert [group.positions for group in again.groups] == [True]
    with pytest.raises(rr.InvalidArgument, match="positions"):
        rr.Text(positions=1)  # type: ignore[arg-type]
