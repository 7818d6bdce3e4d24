import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.dense import indexes
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import HNSWOptions, Vector
from tests.dense.test_hnsw import clustered, recall

OPTIONS = HNSWOptions(m=8, ef_construction=60, ef_search=60)


@pytest.fixture
def few_rows(monkeypatch):
    """Graphs for segments of 300 vectors already."""
    monkeypatch.setattr(indexes, "GRAPH_ROWS", 300)


def documents(x, start=0):
    return [
        {"id": f"d{start + i}", "v": row, "third": (start + i) % 3 == 0} for i, row in enumerate(x)
    ]


def both(path, name, x):
    """The same documents in a collection with graphs and in an exact one."""
    db = rr.open(path)
    made = []
    for kind in (OPTIONS, "exact"):
        fields = {"v": rr.Vector(dim=x.shape[1], metric="euclidean", index=kind)}
        made.append(
            db.create_collection(f"{name}-{'exact' if kind == 'exact' else 'hnsw'}", fields)
        )
    return db, *made


def compare(hnsw, exact, queries, least, **arguments):
    pairs = [(c.search(vector=q, k=10, **arguments) for c in (hnsw, exact)) for q in queries]
    found, truth = zip(*((f.ids.tolist(), t.ids.tolist()) for f, t in pairs), strict=True)
    assert [len(ids) for ids in found] == [len(ids) for ids in truth]
    assert recall(found, truth) > least
    for query in queries[:3]:
        for hit in hnsw.search(vector=query, k=5, **arguments):
            assert hit.explain().value == hit.score
            assert hit.score == dict(
                zip(*(lambda t: (t.ids.tolist(), t.scores.tolist()))(
                    exact.search(vector=query, k=3_000, **arguments)
                ), strict=True)
            )[hit.id]  # fmt: skip


def graphs_below(path):
    """How many graphs the files of a database hold."""
    return sum(file.read_bytes().count(b"hnsw.v.meta") for file in path.glob("segment-*"))


def test_names_and_options_of_an_index():
    assert Vector(dim=3, index="hnsw") == Vector(dim=3, index=HNSWOptions())
    assert Vector(dim=3, index="hnsw").kind == "hnsw"
    assert Vector(dim=3).kind == "exact"
    for bad in ("ivf", 3, {"m": 4}, None):
        with pytest.raises(InvalidArgument):
            Vector(dim=3, index=bad)


def test_a_collection_with_a_graph_finds_what_an_exact_one_finds(tmp_path, few_rows):
    x, _ = clustered(2_400, 12, seed=31)
    q = clustered(20, 12, seed=32)[0]
    db, hnsw, exact = both(tmp_path, "c", x)
    with db:
        for collection in (hnsw, exact):
            collection.put_many(documents(x[:1_500]))
            collection.flush()
            collection.put_many(documents(x[1_500:2_000], 1_500))
            collection.flush()
            # too few for a graph, and some that no file holds yet
            collection.put_many(documents(x[2_000:2_200], 2_000))
            collection.flush()
            collection.put_many(documents(x[2_200:], 2_200))
        assert graphs_below(tmp_path) == 2
        assert hnsw.search(vector=q[0]).plan["legs"][0]["index"] == "hnsw"
        compare(hnsw, exact, q, 0.93)
        compare(hnsw, exact, q, 0.93, where={"third": True})
        for collection in (hnsw, exact):
            for i in range(0, 2_400, 7):
                collection.delete(f"d{i}")
        compare(hnsw, exact, q, 0.93)
        compare(hnsw, exact, q, 0.93, where={"third": True})
        for collection in (hnsw, exact):
            collection.compact()
        assert graphs_below(tmp_path) == 1
        compare(hnsw, exact, q, 0.9)
        assert hnsw.verify().ok == exact.verify().ok
    with rr.open(tmp_path) as again:
        hnsw, exact = again.get_collection("c-hnsw"), again.get_collection("c-exact")
        compare(hnsw, exact, q, 0.9)
        assert len(hnsw) == 2_400 - len(range(0, 2_400, 7))


def test_the_schema_keeps_the_options(tmp_path):
    with rr.open(tmp_path) as db:
        db.create_collection("c", {"v": rr.Vector(dim=2, index=rr.HNSWOptions(m=5, seed=3))})
    with rr.open(tmp_path, mode="r") as db:
        collection = db.get_collection("c")
        assert collection.schema.vectors["v"].index == rr.HNSWOptions(m=5, seed=3)


def test_documents_without_a_vector_are_no_obstacle(tmp_path, few_rows):
    x, _ = clustered(900, 8, seed=33)
    db, hnsw, exact = both(tmp_path, "c", x)
    with db:
        for collection in (hnsw, exact):
            some = [d if i % 4 else {"id": d["id"]} for i, d in enumerate(documents(x))]
            collection.put_many(some)
            collection.flush()
        compare(hnsw, exact, np.ascontiguousarray(x[:20]), 0.93)
