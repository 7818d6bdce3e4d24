import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.dense import graph_search
from rank_retrieve.dense.exact import Exact
from rank_retrieve.dense.graph_search import Visible
from rank_retrieve.dense.hnsw import HNSW
from rank_retrieve.dense.vectors import column_of
from rank_retrieve.errors import CorruptionError, DimensionMismatch, InvalidArgument, NotFound
from rank_retrieve.persistence.directory import FSDirectory
from rank_retrieve.persistence.memory_directory import MemoryDirectory
from rank_retrieve.testing.retriever_contract import RetrieverContract
from rank_retrieve.types import Bitmap, HNSWOptions

METRICS = ["cosine", "dot", "euclidean"]
VECTORS = [[3.0, 4.0], [0.0, 2.0], [-3.0, -4.0], [4.0, 3.0]]
SMALL = HNSWOptions(m=8, ef_construction=60)


class TestCosineContract(RetrieverContract):
    metric = "cosine"
    exact = False

    def build(self, texts, vectors, ids):
        return HNSW.from_vectors(vectors, ids=ids, metric=self.metric, threads=1)

    def query(self, query):
        return query.vector


class TestDotContract(TestCosineContract):
    metric = "dot"


class TestEuclideanContract(TestCosineContract):
    metric = "euclidean"


class TestOpenedContract(TestCosineContract):
    def build(self, texts, vectors, ids):
        place = MemoryDirectory()
        super().build(texts, vectors, ids).save(place)
        return HNSW.open(place)


def clustered(n, dim, seed, n_clusters=40):
    """Vectors around random centres, some much denser than others; float32 [n, dim]."""
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((n_clusters, dim))
    spread = rng.uniform(0.1, 0.8, n_clusters)
    of = rng.integers(0, n_clusters, n)
    noise = rng.standard_normal((n, dim)) * spread[of, np.newaxis]
    return np.ascontiguousarray(centres[of] + noise, dtype=np.float32), of


def ids_of(found):
    return [hits.ids.tolist() for hits in found]


def recall(found, truth):
    shared = [len(set(a) & set(b)) / len(b) for a, b in zip(found, truth, strict=True)]
    return sum(shared) / len(shared)


def test_the_public_names_are_these_classes():
    assert rr.HNSW is HNSW
    assert rr.HNSWOptions is HNSWOptions


def test_the_nearest_come_first():
    hnsw = HNSW.from_vectors(VECTORS, ids=["a", "b", "c", "d"])
    hits = hnsw.search([0.0, 1.0], k=3)
    assert hits.ids.tolist() == ["b", "a", "d"]
    assert hits.scores.tolist() == [1.0, 0.8, 0.6]
    assert repr(hnsw) == "HNSW(4 vectors, dim 2, cosine, m=16)"


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dim", [3, 40, 130])
def test_a_walk_finds_most_of_the_nearest_with_the_scores_of_exact(metric, dim, walks):
    x, _ = clustered(5_000, dim, seed=dim)
    q = clustered(60, dim, seed=dim)[0] + np.float32(0.05)
    hnsw, exact = (kind.from_vectors(x, metric=metric) for kind in (HNSW, Exact))
    assert hnsw.plan(10, ef_search=40) == "walk"
    found, truth = hnsw.search_many(q, 10, ef_search=40), exact.search_many(q, 10)
    assert recall(ids_of(found), ids_of(truth)) > 0.93
    wide = hnsw.search_many(q, 10, ef_search=70)
    assert recall(ids_of(wide), ids_of(truth)) > 0.97
    for hits, query in zip(found, q, strict=True):
        for hit in hits:
            assert exact.explain(query, hit.id).value == hit.score


def test_norms_of_all_sizes_do_not_spoil_dot_products(walks):
    rng = np.random.default_rng(3)
    x = clustered(4_000, 24, seed=3)[0] * rng.lognormal(0, 0.7, (4_000, 1)).astype(np.float32)
    q = clustered(60, 24, seed=4)[0]
    hnsw, exact = HNSW.from_vectors(x, metric="dot"), Exact.from_vectors(x, metric="dot")
    found = hnsw.search_many(q, 10, ef_search=50)
    assert recall(ids_of(found), ids_of(exact.search_many(q, 10))) > 0.95


def test_queries_far_outside_find_the_nearest_side(walks):
    x = clustered(4_000, 16, seed=5)[0]
    q = 30 * clustered(40, 16, seed=6)[0]
    hnsw = HNSW.from_vectors(x, metric="euclidean")
    exact = Exact.from_vectors(x, metric="euclidean")
    found = hnsw.search_many(q, 10, ef_search=50)
    assert recall(ids_of(found), ids_of(exact.search_many(q, 10))) > 0.85


@pytest.mark.parametrize("metric", METRICS)
def test_the_graph_is_the_same_on_any_number_of_threads(metric):
    x = clustered(2_600, 20, seed=7)[0]
    one, two, three = (
        HNSW.from_vectors(x, metric=metric, options=SMALL, threads=n)._state.graph
        for n in (1, 2, 3)
    )
    for other in (two, three):
        assert np.array_equal(one.links, other.links)
        assert np.array_equal(one.upper_links, other.upper_links)
        assert (one.top, one.entry) == (other.top, other.entry)


def test_every_vector_finds_itself(walks):
    x = clustered(4_000, 12, seed=8)[0]
    hnsw = HNSW.from_vectors(x, metric="euclidean")
    first = [hits.ids[0] for hits in hnsw.search_many(x, 1, ef_search=40)]
    assert np.mean(np.array(first) == np.arange(4_000)) > 0.999


def test_many_copies_of_one_vector_do_not_cut_the_others_off(walks):
    x = clustered(6_000, 12, seed=9)[0]
    x[1_000:4_000] = x[0]
    hnsw, exact = (kind.from_vectors(x, metric="euclidean") for kind in (HNSW, Exact))
    q = clustered(60, 12, seed=10)[0]
    found = hnsw.search_many(q, 10, ef_search=70)
    assert recall(ids_of(found), ids_of(exact.search_many(q, 10))) > 0.9
    assert hnsw.search(x[0], 10).scores.tolist() == [0.0] * 10


def test_threads_give_what_one_thread_gives():
    x, _ = clustered(4_000, 16, seed=26)
    hnsw = HNSW.from_vectors(x, options=SMALL)
    allowed = Bitmap.from_mask(np.random.default_rng(27).random(4_000) < 0.4)
    for filtered in (None, allowed):
        one = hnsw.search_many(x[:400], 5, ef_search=20, allowed=filtered, threads=1)
        four = hnsw.search_many(x[:400], 5, ef_search=20, allowed=filtered, threads=4)
        for mine, theirs, query in zip(one, four, x, strict=False):
            assert mine.ids.tolist() == theirs.ids.tolist()
            single = hnsw.search(query, 5, ef_search=20, allowed=filtered)
            assert single.scores.tolist() == mine.scores.tolist()


# --------------------------------------------------------------------------- filters


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01, 0.001, 0.0005])
@pytest.mark.parametrize("correlated", [False, True])
def test_a_filter_is_never_starved_and_finds_most(share, correlated):
    n = 8_000
    x, cluster = clustered(n, 24, seed=11)
    q = clustered(50, 24, seed=12)[0]
    order = np.random.default_rng(13).permutation(n)
    if correlated:
        order = np.argsort(cluster, kind="stable")
    allowed = Bitmap.from_docs(n, order[: max(1, int(n * share))])
    hnsw, exact = (kind.from_vectors(x, metric="cosine") for kind in (HNSW, Exact))
    for k in (1, 10, 100):
        found = hnsw.search_many(q, k, allowed=allowed, ef_search=40)
        truth = exact.search_many(q, k, allowed=allowed)
        assert [len(hits) for hits in found] == [min(k, len(allowed))] * len(q)
        assert all(position in allowed for ids in ids_of(found) for position in ids)
        assert recall(ids_of(found), ids_of(truth)) > 0.95


@pytest.mark.parametrize("way", ["scan", "post-filter", "bridge"])
@pytest.mark.parametrize("kind", ["few", "half", "most"])
def test_every_way_of_filtering_gives_as_many_as_there_are(way, kind, monkeypatch):
    x, cluster = clustered(6_000, 8, seed=14)
    mask = {"few": cluster < 2, "half": cluster < 20, "most": cluster > 3}[kind]
    hnsw, exact = HNSW.from_vectors(x, options=SMALL), Exact.from_vectors(x)
    q, allowed = clustered(30, 8, seed=15)[0], Bitmap.from_mask(mask)
    rescored = 130 if way == "scan" else 60
    plan = graph_search.GraphPlan(way, 130, rescored)
    monkeypatch.setattr(graph_search, "plan_search", lambda *_: plan)
    for k in (1, 10, 60):
        found = hnsw.search_many(q, k, allowed=allowed)
        truth = exact.search_many(q, k, allowed=allowed)
        assert [len(hits) for hits in found] == [k] * 30
        assert all(position in allowed for ids in ids_of(found) for position in ids)
        assert recall(ids_of(found), ids_of(truth)) > 0.93


def test_the_way_with_the_least_estimated_cost_is_taken():
    column = column_of(np.zeros((100, 384), np.float32))
    column.n = 300_000

    def way(count, k=10, ef_search=64):
        visible = Visible(None if count == 300_000 else Bitmap(0), count)
        return graph_search.plan_search(visible, column, k, ef_search).way

    assert way(300_000) == "walk"
    assert way(200_000) == way(90_000) == "post-filter"
    assert way(25_000) == "bridge"
    assert way(5_000) == way(1) == "scan"
    assert way(300_000, k=20_000) == "exact"


def test_as_many_hits_as_asked_for():
    x, _ = clustered(20_000, 8, seed=28)
    hnsw = HNSW.from_vectors(x, options=SMALL)
    for k in (3_000, 15_000, 10**6):
        hits = hnsw.search(x[0], k)
        assert len(hits) == min(k, 20_000)
        assert (np.diff(hits.scores) <= 0).all()


# --------------------------------------------------------------------------- growth


@pytest.mark.parametrize("metric", METRICS)
def test_what_is_added_is_found(metric, walks):
    x = clustered(4_000, 20, seed=16)[0]
    q = clustered(50, 20, seed=17)[0]
    grown = HNSW.from_vectors(x[:1_500], metric=metric, options=SMALL)
    for start in range(1_500, 4_000, 900):
        grown.add(x[start : start + 900])
    assert len(grown) == 4_000
    truth = ids_of(Exact.from_vectors(x, metric=metric).search_many(q, 10))
    fresh = HNSW.from_vectors(x, metric=metric, options=SMALL)
    expected = recall(ids_of(fresh.search_many(q, 10, ef_search=60)), truth)
    assert recall(ids_of(grown.search_many(q, 10, ef_search=60)), truth) > expected - 0.04


def test_the_first_vectors_may_come_later():
    hnsw = HNSW.from_vectors(np.empty((0, 2)))
    hnsw.add(VECTORS)
    assert hnsw.search([0.0, 1.0], 2).ids.tolist() == [1, 0]


def test_ids_grow_with_the_vectors():
    hnsw = HNSW.from_vectors(VECTORS[:2], ids=["a", "b"])
    hnsw.add(VECTORS[2:], ids=["c", "d"])
    assert hnsw.search([4.0, 3.0], 1).ids.tolist() == ["d"]
    for ids in (None, ["e"], ["a", "x", "y", "z"], [1, 2, 3, 4]):
        with pytest.raises(InvalidArgument):
            hnsw.add(VECTORS, ids=ids)
    with pytest.raises(DimensionMismatch):
        hnsw.add([[1.0, 2.0, 3.0]], ids=["e"])
    assert len(hnsw) == 4


@pytest.mark.parametrize("metric", METRICS)
def test_rounds_of_deletes_and_inserts_keep_recall_and_return_nothing_deleted(metric, walks):
    x = clustered(3_000, 16, seed=18)[0]
    q = clustered(50, 16, seed=19)[0]
    rng = np.random.default_rng(20)
    hnsw = HNSW.from_vectors(x, ids=np.arange(3_000), metric=metric, options=SMALL)
    exact = Exact.from_vectors(x, ids=np.arange(3_000), metric=metric)
    fresh = recall(ids_of(hnsw.search_many(q, 10, ef_search=50)), ids_of(exact.search_many(q, 10)))
    for _ in range(3):
        gone = rng.permutation(3_000)[:1_000]
        hnsw.delete(gone)
        assert len(hnsw) == 2_000
        left = set(range(3_000)) - set(gone.tolist())
        found = hnsw.search_many(q, 10, ef_search=50)
        assert all(set(ids) <= left for ids in ids_of(found))
        hnsw.add(x[gone], ids=gone)
    found = hnsw.search_many(q, 10, ef_search=50)
    assert recall(ids_of(found), ids_of(exact.search_many(q, 10))) > fresh - 0.02


def test_deleting_keeps_the_ids_of_the_others():
    hnsw = HNSW.from_vectors(VECTORS)
    hnsw.delete([1])
    assert hnsw.search([0.0, 1.0], 4).ids.tolist() == [0, 3, 2]
    assert hnsw.position(3) == 2
    with pytest.raises(NotFound):
        hnsw.delete([0, 1])
    assert len(hnsw) == 3
    hnsw.delete([0, 2, 3])
    assert len(hnsw.search([0.0, 1.0])) == 0


# --------------------------------------------------------------------------- saving


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("ids", [None, "strings"])
def test_a_saved_retriever_answers_to_the_bit_as_before(tmp_path, metric, ids):
    x = clustered(2_500, 20, seed=21)[0]
    q = clustered(20, 20, seed=22)[0]
    names = None if ids is None else [f"id-{i}" for i in range(2_500)]
    options = HNSWOptions(m=6, ef_construction=40, ef_search=33, seed=5)
    hnsw = HNSW.from_vectors(x, ids=names, metric=metric, options=options)
    hnsw.save(tmp_path / "saved")
    in_memory = MemoryDirectory()
    hnsw.save(in_memory)
    assert FSDirectory(tmp_path / "saved", create=False).list() == ["hnsw.segment"]
    for opened in (HNSW.open(tmp_path / "saved"), HNSW.open(in_memory)):
        assert opened.options == options
        for before, after in zip(hnsw.search_many(q), opened.search_many(q), strict=True):
            assert after.ids.tolist() == before.ids.tolist()
            assert after.scores.tolist() == before.scores.tolist()
        opened.add(x[:3] + 1, None if ids is None else ["x", "y", "z"])
        assert len(opened) == 2_503


def test_opening_what_is_not_there_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        HNSW.open(tmp_path / "nothing")


def test_every_damaged_byte_is_noticed_or_harmless(tmp_path):
    x = clustered(30, 4, seed=23)[0]
    HNSW.from_vectors(x, options=HNSWOptions(m=2)).save(tmp_path)
    saved = (tmp_path / "hnsw.segment").read_bytes()
    expected = HNSW.open(tmp_path).search(x[0], 30).ids.tolist()
    refused = 0
    for at in range(0, len(saved), 17):
        damaged = bytearray(saved)
        damaged[at] ^= 0x55
        place = MemoryDirectory()
        output = place.create("hnsw.segment")
        output.write(bytes(damaged))
        output.close()
        try:
            assert HNSW.open(place).search(x[0], 30).ids.tolist() == expected
        except rr.RankRetrieveError:
            refused += 1
    assert refused > len(saved) // 17 // 4


# --------------------------------------------------------------------------- the rest


def test_tuning_reaches_the_recall_that_was_asked_for():
    x = clustered(5_000, 24, seed=24)[0]
    hnsw = HNSW.from_vectors(x, options=HNSWOptions(m=4, ef_construction=30))
    low, high = hnsw.tune(0.5), hnsw.tune(0.98)
    assert low["recall"] >= 0.5
    assert high["recall"] >= 0.98
    assert low["ef_search"] < high["ef_search"] == hnsw.options.ef_search
    assert hnsw.tune(0.9, queries=x[:50] + 0.1, k=5)["queries"] == 50
    for bad in ({"recall": 1.5}, {"recall": 0}, {"k": 0}, {"sample": 0}):
        with pytest.raises(InvalidArgument):
            hnsw.tune(**bad)
    with pytest.raises(InvalidArgument):
        HNSW.from_vectors(np.empty((0, 2))).tune()


def test_info_counts_links_and_bytes():
    info = HNSW.from_vectors(VECTORS).info()
    assert (info["vectors"], info["dim"], info["m"], info["ef_search"]) == (4, 2, 16, 64)
    assert 1.0 <= info["links_per_vector"] <= 3.0
    assert info["graph_bytes"] >= 4 * (64 + 4 * 32)


def test_progress_is_told_and_may_end_the_build():
    told = []
    x = clustered(1_200, 4, seed=25)[0]
    HNSW.from_vectors(x, options=SMALL, progress=lambda *done: told.append(done))
    assert told == [(512, 1_200), (1_024, 1_200), (1_200, 1_200)]

    def stop(done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        HNSW.from_vectors(x, options=SMALL, progress=stop)


@pytest.mark.parametrize(
    "arguments",
    [{"ef_search": 0}, {"ef_search": 1.5}, {"ef_search": True}, {"ef_search": 10**9}, {"k": 0}],
)
def test_bad_arguments_of_a_search_are_refused(arguments):
    with pytest.raises(InvalidArgument):
        HNSW.from_vectors(VECTORS).search([1.0, 2.0], **arguments)


@pytest.mark.parametrize(
    "arguments", [{"m": 1}, {"m": 257}, {"ef_construction": 0}, {"ef_search": 0}, {"seed": -1}]
)
def test_bad_options_are_refused(arguments):
    with pytest.raises(InvalidArgument):
        HNSWOptions(**arguments)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True])
def test_threads_are_one_or_more(threads):
    with pytest.raises(InvalidArgument):
        HNSW.from_vectors(VECTORS, threads=threads)
    with pytest.raises(InvalidArgument):
        HNSW.from_vectors(VECTORS).search_many(VECTORS, threads=threads)


@pytest.mark.parametrize("options", [{"m": 16}, "hnsw", 16])
def test_options_are_hnsw_options(options):
    with pytest.raises(InvalidArgument):
        HNSW.from_vectors(VECTORS, options=options)


def test_a_graph_for_another_metric_is_corruption(tmp_path):
    HNSW.from_vectors(VECTORS).save(tmp_path)
    path = tmp_path / "hnsw.segment"
    assert b'"cosine"' in path.read_bytes()
    hnsw = HNSW.from_vectors(VECTORS)
    hnsw.metric = "dot"
    hnsw.save(tmp_path)
    with pytest.raises(CorruptionError):
        HNSW.open(tmp_path).search([1.0, 2.0])
