import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.dense import indexes, ivfpq_search
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import IVFPQOptions
from tests.dense.test_hnsw import clustered, recall
from tests.dense.test_indexes import documents

OPTIONS = IVFPQOptions(n_lists=30, n_probe=12, steps=4)


@pytest.fixture(autouse=True)
def few_rows(monkeypatch):
    """Lists for segments of 300 vectors already, looked at though a scan would be quicker."""
    monkeypatch.setattr(indexes, "LISTED_ROWS", 300)
    monkeypatch.setattr(ivfpq_search, "_SCANNED_BIT_NS", 10**6)


def both(path, dim, metric):
    """A collection with lists and an exact one."""
    db = rr.open(path)
    made = [
        db.create_collection(name, {"v": rr.Vector(dim=dim, metric=metric, index=kind)})
        for name, kind in (("lists", OPTIONS), ("exact", "exact"))
    ]
    return db, *made


def compare(lists, exact, queries, least, **arguments):
    found, truth = ([], [])
    for query in queries:
        mine = lists.search(vector=query, k=10, **arguments)
        theirs = exact.search(vector=query, k=10, **arguments)
        assert len(mine) == len(theirs)
        found.append(mine.ids.tolist())
        truth.append(theirs.ids.tolist())
        known = dict(zip(truth[-1], theirs.scores.tolist(), strict=True))
        for name, score in zip(found[-1], mine.scores.tolist(), strict=True):
            assert known.get(name, score) == score
    assert recall(found, truth) > least
    hit = lists.search(vector=queries[0], k=1, **arguments)[0]
    assert hit.explain().value == hit.score


def lists_below(path):
    """How many sets of lists the files of a database hold."""
    return sum(file.read_bytes().count(b"ivfpq.v.meta") for file in path.glob("segment-*"))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_a_collection_with_lists_finds_what_an_exact_one_finds(tmp_path, metric):
    x, _ = clustered(2_400, 12, seed=31)
    q = clustered(15, 12, seed=32)[0]
    db, lists, exact = both(tmp_path, 12, metric)
    with db:
        for collection in (lists, exact):
            collection.put_many(documents(x[:1_500]))
            collection.flush()
            collection.put_many(documents(x[1_500:2_000], 1_500))
            collection.flush()
            # too few for lists, and some that no file holds yet
            collection.put_many(documents(x[2_000:2_200], 2_000))
            collection.flush()
            collection.put_many(documents(x[2_200:], 2_200))
        assert lists_below(tmp_path) == 2
        assert lists.search(vector=q[0]).plan["legs"][0]["index"] == "ivfpq"
        compare(lists, exact, q, 0.85)
        compare(lists, exact, q, 0.85, where={"third": True})
        for collection in (lists, exact):
            for i in range(0, 2_400, 7):
                collection.delete(f"d{i}")
        compare(lists, exact, q, 0.85)
        compare(lists, exact, q, 0.85, where={"third": True})
        for collection in (lists, exact):
            collection.compact()
        assert lists_below(tmp_path) == 1
        compare(lists, exact, q, 0.85)
        assert lists.verify().ok
    with rr.open(tmp_path) as again:
        lists, exact = again.get_collection("lists"), again.get_collection("exact")
        compare(lists, exact, q, 0.85)
        assert len(lists) == 2_400 - len(range(0, 2_400, 7))
    with rr.open(tmp_path, mode="r") as again:
        compare(again.get_collection("lists"), again.get_collection("exact"), q, 0.85)


def test_a_filter_that_goes_with_the_vectors_is_not_starved(tmp_path):
    x, cluster = clustered(1_500, 8, seed=33)
    db, lists, exact = both(tmp_path, 8, "cosine")
    with db:
        for collection in (lists, exact):
            collection.put_many(
                [{"id": f"d{i}", "v": row, "c": int(cluster[i])} for i, row in enumerate(x)]
            )
            collection.flush()
        for c in (3, 17):
            far = x[cluster != c][:10]
            compare(lists, exact, far, 0.85, where={"c": c})
        hits = lists.search(vector=x[0], k=5, where={"c": 10**6})
        assert len(hits) == 0


def test_the_schema_keeps_the_options(tmp_path):
    options = rr.IVFPQOptions(n_lists=77, m=3, bits=8, rotation="opq", n_probe=5, seed=3)
    with rr.open(tmp_path) as db:
        db.create_collection("c", {"v": rr.Vector(dim=6, index=options)})
    with rr.open(tmp_path, mode="r") as db:
        assert db.get_collection("c").schema.vectors["v"].index == options


def test_documents_without_a_vector_are_no_obstacle(tmp_path):
    x, _ = clustered(900, 8, seed=34)
    db, lists, exact = both(tmp_path, 8, "dot")
    with db:
        for collection in (lists, exact):
            some = [d if i % 4 else {"id": d["id"]} for i, d in enumerate(documents(x))]
            collection.put_many(some)
            collection.flush()
        compare(lists, exact, np.ascontiguousarray(x[:15]), 0.85)


def test_a_search_may_look_at_more_lists(tmp_path):
    x, _ = clustered(1_500, 16, seed=35)
    q = clustered(30, 16, seed=36)[0]
    db, lists, exact = both(tmp_path, 16, "cosine")
    with db:
        for collection in (lists, exact):
            collection.put_many(documents(x))
            collection.flush()
        truth = [exact.search(vector=v, k=10).ids.tolist() for v in q]

        def found(n_probe):
            return recall(
                [lists.search(vector=v, k=10, n_probe=n_probe).ids.tolist() for v in q], truth
            )

        assert found(1) < found(5) < found(30)
        assert found(30) > 0.95
        with pytest.raises(InvalidArgument):
            lists.search(vector=q[0], n_probe=0)


def test_old_segments_without_lists_are_scanned(tmp_path, monkeypatch):
    x, _ = clustered(600, 8, seed=37)
    db, lists, exact = both(tmp_path, 8, "cosine")
    with db:
        monkeypatch.setattr(indexes, "LISTED_ROWS", 10**6)
        for collection in (lists, exact):
            collection.put_many(documents(x))
            collection.flush()
        assert lists_below(tmp_path) == 0
        for v in x[:5]:
            assert lists.search(vector=v).ids.tolist() == exact.search(vector=v).ids.tolist()
