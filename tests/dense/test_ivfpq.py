import os
import subprocess
import sys

import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.dense import ivfpq_search
from rank_retrieve.dense.exact import Exact
from rank_retrieve.dense.ivfpq import IVFPQ
from rank_retrieve.errors import CorruptionError, DimensionMismatch, InvalidArgument, NotFound
from rank_retrieve.persistence.directory import FSDirectory
from rank_retrieve.persistence.memory_directory import MemoryDirectory
from rank_retrieve.testing.retriever_contract import RetrieverContract
from rank_retrieve.types import Bitmap, IVFPQOptions, Query
from tests.dense.test_hnsw import METRICS, clustered, ids_of, recall

VECTORS = [[3.0, 4.0], [0.0, 2.0], [-3.0, -4.0], [4.0, 3.0]]
SMALL = IVFPQOptions(n_lists=40, n_probe=8, steps=5)


class TestCosineContract(RetrieverContract):
    metric = "cosine"
    exact = False

    def build(self, texts, vectors, ids):
        return IVFPQ.from_vectors(vectors, ids=ids, metric=self.metric, threads=1)

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
        return IVFPQ.open(place)


@pytest.fixture
def probes(monkeypatch):
    """Lists are looked at, though a scan would be quicker."""
    monkeypatch.setattr(ivfpq_search, "_SCANNED_BIT_NS", 10**6)


def test_the_public_names_are_these_classes():
    assert rr.IVFPQ is IVFPQ
    assert rr.IVFPQOptions is IVFPQOptions
    assert rr.Vector(dim=3, index="ivfpq") == rr.Vector(dim=3, index=IVFPQOptions())
    assert rr.Vector(dim=3, index="ivfpq").kind == "ivfpq"


def test_the_nearest_come_first():
    ivfpq = IVFPQ.from_vectors(VECTORS, ids=["a", "b", "c", "d"])
    hits = ivfpq.search([0.0, 1.0], k=3)
    assert hits.ids.tolist() == ["b", "a", "d"]
    assert hits.scores.tolist() == [1.0, 0.8, 0.6]
    assert hits[1].explain().value == 0.8
    assert repr(ivfpq) == "IVFPQ(4 vectors, dim 2, cosine, 1 lists)"


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    "options", [{}, {"bits": 8}, {"rotation": "opq"}, {"m": 11}, {"bits": 8, "m": 7}]
)
def test_most_of_the_nearest_are_found_with_the_scores_of_exact(metric, options, probes):
    x, _ = clustered(5_000, 40, seed=1)
    q = clustered(60, 40, seed=1)[0] + np.float32(0.05)
    made = IVFPQOptions(n_lists=64, n_probe=16, **options)
    ivfpq = IVFPQ.from_vectors(x, metric=metric, options=made)
    exact = Exact.from_vectors(x, metric=metric)
    assert ivfpq.plan() == "probe"
    found, truth = ivfpq.search_many(q, 10), exact.search_many(q, 10)
    assert recall(ids_of(found), ids_of(truth)) > 0.8
    everything = ivfpq.search_many(q, 10, n_probe=64)
    assert recall(ids_of(everything), ids_of(truth)) > 0.97
    for hits, query in zip(found, q, strict=True):
        for hit in hits:
            assert exact.explain(query, hit.id).value == hit.score


def test_all_lists_and_all_candidates_are_exact(probes):
    x, _ = clustered(3_000, 20, seed=2)
    q = clustered(30, 20, seed=3)[0]
    options = IVFPQOptions(n_lists=30, n_probe=30, rescored=3_000)
    for metric in METRICS:
        ivfpq = IVFPQ.from_vectors(x, metric=metric, options=options)
        exact = Exact.from_vectors(x, metric=metric)
        for mine, theirs in zip(ivfpq.search_many(q, 7), exact.search_many(q, 7), strict=True):
            assert mine.ids.tolist() == theirs.ids.tolist()
            assert mine.scores.tolist() == theirs.scores.tolist()


def test_more_candidates_and_more_lists_find_more(probes):
    x, _ = clustered(6_000, 32, seed=4)
    q = clustered(80, 32, seed=5)[0]
    truth = ids_of(Exact.from_vectors(x).search_many(q, 10))

    def found(n_probe, rescored, m=16):
        options = IVFPQOptions(n_lists=60, n_probe=n_probe, rescored=rescored, m=m)
        return recall(ids_of(IVFPQ.from_vectors(x, options=options).search_many(q, 10)), truth)

    made = [found(2, 20), found(8, 20), found(60, 20), found(60, 400)]
    assert made == sorted(set(made))
    assert found(60, 20, m=2) < found(60, 20)


def test_one_query_gives_what_many_give_and_threads_change_nothing():
    x, _ = clustered(5_000, 24, seed=6)
    ivfpq = IVFPQ.from_vectors(x, options=SMALL)
    allowed = Bitmap.from_mask(np.random.default_rng(7).random(5_000) < 0.4)
    for filtered in (None, allowed):
        one = ivfpq.search_many(x[:300], 5, allowed=filtered, threads=1)
        four = ivfpq.search_many(x[:300], 5, allowed=filtered, threads=4)
        for mine, theirs, query in zip(one, four, x, strict=False):
            assert mine.ids.tolist() == theirs.ids.tolist()
            single = ivfpq.search(query, 5, allowed=filtered)
            assert single.ids.tolist() == mine.ids.tolist()
            assert single.scores.tolist() == mine.scores.tolist()


def test_float16_vectors_have_the_scores_of_exact(probes):
    x, _ = clustered(2_000, 24, seed=8)
    q = clustered(20, 24, seed=9)[0]
    ivfpq = IVFPQ.from_vectors(x, dtype="float16", options=SMALL)
    exact = Exact.from_vectors(x.astype(np.float16).astype(np.float32))
    found = ivfpq.search_many(q, 10, n_probe=40)
    assert recall(ids_of(found), ids_of(exact.search_many(q, 10))) > 0.95
    for hit in found[0]:
        assert exact.explain(q[0], hit.id).value == hit.score


# --------------------------------------------------------------------------- filters


@pytest.mark.parametrize("share", [0.5, 0.1, 0.01, 0.001, 0.0005])
@pytest.mark.parametrize("kind", ["random", "clusters", "far"])
def test_a_filter_is_never_starved_and_finds_most(share, kind):
    n = 8_000
    x, cluster = clustered(n, 24, seed=11)
    q = clustered(40, 24, seed=12)[0]
    order = np.random.default_rng(13).permutation(n)
    if kind == "clusters":
        order = np.argsort(cluster, kind="stable")
    elif kind == "far":
        order = np.argsort(x @ q[0])
    allowed = Bitmap.from_docs(n, order[: max(1, int(n * share))])
    options = IVFPQOptions(n_lists=40, n_probe=20, steps=5)
    ivfpq, exact = IVFPQ.from_vectors(x, options=options), Exact.from_vectors(x)
    for k in (1, 10, 100):
        found = ivfpq.search_many(q, k, allowed=allowed)
        truth = exact.search_many(q, k, allowed=allowed)
        assert [len(hits) for hits in found] == [min(k, len(allowed))] * len(q)
        assert all(position in allowed for ids in ids_of(found) for position in ids)
        assert recall(ids_of(found), ids_of(truth)) > 0.9


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("bits", [4, 8])
def test_lists_go_on_until_there_are_enough_visible_rows(metric, bits, probes):
    x, cluster = clustered(3_000, 8, seed=14)
    q = clustered(20, 8, seed=15)[0]
    ivfpq = IVFPQ.from_vectors(
        x, metric=metric, options=IVFPQOptions(n_lists=50, n_probe=1, bits=bits)
    )
    for mask in (cluster == 3, cluster < 20, np.arange(3_000) == 7):
        allowed = Bitmap.from_mask(mask)
        assert ivfpq.plan(allowed=allowed) == "probe-visible"
        for k in (1, 10, 500):
            found = ivfpq.search_many(q, k, allowed=allowed)
            assert [len(hits) for hits in found] == [min(k, len(allowed))] * 20
            assert all(len(set(ids)) == len(ids) for ids in ids_of(found))
            assert all(position in allowed for ids in ids_of(found) for position in ids)
    assert len(ivfpq.search(q[0], allowed=Bitmap(3_000))) == 0
    assert ivfpq.plan(allowed=Bitmap(3_000)) == "nothing"


def test_the_way_with_the_least_estimated_cost_is_taken():
    x, _ = clustered(20_000, 64, seed=16)
    ivfpq = IVFPQ.from_vectors(x, options=IVFPQOptions(n_probe=20))

    def way(count, k=10):
        return ivfpq.plan(k, allowed=Bitmap.from_docs(20_000, np.arange(count)))

    assert ivfpq.plan() == way(20_000) == "probe"
    assert way(15_000) == way(8_000) == "probe-visible"
    assert way(200) == way(1) == "scan"
    assert way(0) == "nothing"
    assert ivfpq.plan(20_000) in ("scan", "exact")


def test_as_many_hits_as_asked_for():
    x, _ = clustered(20_000, 8, seed=17)
    ivfpq = IVFPQ.from_vectors(x, options=SMALL)
    for k in (3_000, 15_000, 10**6):
        hits = ivfpq.search(x[0], k, n_probe=1)
        assert len(hits) == min(k, 20_000)
        assert (np.diff(hits.scores) <= 0).all()


def test_many_copies_of_one_vector_do_not_hide_the_others(probes):
    x = clustered(4_000, 12, seed=18)[0]
    x[1_000:3_000] = x[0]
    for metric in METRICS:
        ivfpq = IVFPQ.from_vectors(x, metric=metric, options=IVFPQOptions(n_probe=200))
        exact = Exact.from_vectors(x, metric=metric)
        q = clustered(40, 12, seed=19)[0]
        found, truth = ivfpq.search_many(q, 10), exact.search_many(q, 10)
        # copies are as good as each other
        best = [a.scores[0] == b.scores[0] for a, b in zip(found, truth, strict=True)]
        assert np.mean(best) > 0.9
    hits = ivfpq.search(x[0], 50)
    assert hits.scores.tolist() == [0.0] * 50


# --------------------------------------------------------------------------- growth


@pytest.mark.parametrize("metric", METRICS)
def test_what_is_added_is_found(metric, probes):
    x = clustered(4_000, 20, seed=20)[0]
    q = clustered(50, 20, seed=21)[0]
    grown = IVFPQ.from_vectors(x[:2_000], metric=metric, options=SMALL)
    for start in range(2_000, 4_000, 900):
        grown.add(x[start : start + 900])
    assert (len(grown), grown.info()["trained"]) == (4_000, 2_000)
    truth = ids_of(Exact.from_vectors(x, metric=metric).search_many(q, 10))
    fresh = IVFPQ.from_vectors(x, metric=metric, options=SMALL)
    expected = recall(ids_of(fresh.search_many(q, 10)), truth)
    assert recall(ids_of(grown.search_many(q, 10)), truth) > expected - 0.05


def test_the_first_vectors_may_come_later():
    ivfpq = IVFPQ.from_vectors(np.empty((0, 2)))
    assert len(ivfpq.search([1.0, 0.0])) == 0
    ivfpq.add(VECTORS)
    assert ivfpq.search([0.0, 1.0], 2).ids.tolist() == [1, 0]
    assert ivfpq.info()["trained"] == 4


def test_ids_grow_with_the_vectors():
    ivfpq = IVFPQ.from_vectors(VECTORS[:2], ids=["a", "b"])
    ivfpq.add(VECTORS[2:], ids=["c", "d"])
    assert ivfpq.search([4.0, 3.0], 1).ids.tolist() == ["d"]
    assert ivfpq.vector("c").tolist() == [-3.0, -4.0]
    for ids in (None, ["e"], ["a", "x", "y", "z"], [1, 2, 3, 4]):
        with pytest.raises(InvalidArgument):
            ivfpq.add(VECTORS, ids=ids)
    with pytest.raises(DimensionMismatch):
        ivfpq.add([[1.0, 2.0, 3.0]], ids=["e"])
    assert len(ivfpq) == 4


def test_rounds_of_deletes_and_inserts_keep_recall_and_return_nothing_deleted(probes):
    x = clustered(3_000, 16, seed=22)[0]
    q = clustered(50, 16, seed=23)[0]
    rng = np.random.default_rng(24)
    ivfpq = IVFPQ.from_vectors(x, ids=np.arange(3_000), options=SMALL)
    exact = Exact.from_vectors(x, ids=np.arange(3_000))
    fresh = recall(ids_of(ivfpq.search_many(q)), ids_of(exact.search_many(q)))
    for _ in range(3):
        gone = rng.permutation(3_000)[:1_500]
        ivfpq.delete(gone)
        assert len(ivfpq) == 1_500
        left = set(range(3_000)) - set(gone.tolist())
        assert all(set(ids) <= left for ids in ids_of(ivfpq.search_many(q)))
        ivfpq.add(x[gone], ids=gone)
    assert recall(ids_of(ivfpq.search_many(q)), ids_of(exact.search_many(q))) > fresh - 0.01


def test_deleting_keeps_the_ids_of_the_others():
    ivfpq = IVFPQ.from_vectors(VECTORS)
    ivfpq.delete([1])
    assert ivfpq.search([0.0, 1.0], 4).ids.tolist() == [0, 3, 2]
    assert ivfpq.position(3) == 2
    with pytest.raises(NotFound):
        ivfpq.delete([0, 1])
    assert len(ivfpq) == 3
    ivfpq.delete([0, 2, 3])
    assert len(ivfpq.search([0.0, 1.0])) == 0


# --------------------------------------------------------------------------- saving


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("ids", [None, "strings"])
def test_a_saved_retriever_answers_to_the_bit_as_before(tmp_path, metric, ids):
    x = clustered(2_500, 20, seed=25)[0]
    q = clustered(20, 20, seed=26)[0]
    names = None if ids is None else [f"id-{i}" for i in range(2_500)]
    options = IVFPQOptions(n_lists=33, n_probe=5, rescored=50, seed=5, rotation="opq")
    ivfpq = IVFPQ.from_vectors(x, ids=names, metric=metric, options=options)
    ivfpq.save(tmp_path / "saved")
    in_memory = MemoryDirectory()
    ivfpq.save(in_memory)
    assert FSDirectory(tmp_path / "saved", create=False).list() == ["ivfpq.segment"]
    for opened in (IVFPQ.open(tmp_path / "saved"), IVFPQ.open(in_memory)):
        assert opened.options == options
        for before, after in zip(ivfpq.search_many(q), opened.search_many(q), strict=True):
            assert after.ids.tolist() == before.ids.tolist()
            assert after.scores.tolist() == before.scores.tolist()
        opened.add(x[:3] + 1, None if ids is None else ["x", "y", "z"])
        assert len(opened) == 2_503
        opened.delete([0] if ids is None else ["id-0"])
        assert len(opened) == 2_502


def test_opening_what_is_not_there_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        IVFPQ.open(tmp_path / "nothing")


def test_every_damaged_byte_is_noticed_or_harmless(tmp_path):
    x = clustered(60, 4, seed=27)[0]
    IVFPQ.from_vectors(x).save(tmp_path)
    saved = (tmp_path / "ivfpq.segment").read_bytes()
    expected = IVFPQ.open(tmp_path).search(x[0], 60).ids.tolist()
    refused = 0
    for at in range(0, len(saved), 29):
        damaged = bytearray(saved)
        damaged[at] ^= 0x55
        place = MemoryDirectory()
        output = place.create("ivfpq.segment")
        output.write(bytes(damaged))
        output.close()
        try:
            assert IVFPQ.open(place).search(x[0], 60).ids.tolist() == expected
        except rr.RankRetrieveError:
            refused += 1
    assert refused > len(saved) // 29 // 4


def test_lists_for_another_metric_are_corruption(tmp_path):
    ivfpq = IVFPQ.from_vectors(VECTORS)
    ivfpq.metric = "dot"
    ivfpq.save(tmp_path)
    with pytest.raises(CorruptionError):
        IVFPQ.open(tmp_path).search([1.0, 2.0])


# --------------------------------------------------------------------------- the rest


def test_tuning_reaches_the_recall_that_was_asked_for(probes):
    x = np.random.default_rng(28).standard_normal((4_000, 16)).astype(np.float32)
    ivfpq = IVFPQ.from_vectors(x, options=IVFPQOptions(n_lists=100))
    low, high = ivfpq.tune(0.5), ivfpq.tune(0.97)
    assert low["recall"] >= 0.5
    assert high["recall"] >= 0.97
    assert low["n_probe"] < high["n_probe"] == ivfpq.options.n_probe == ivfpq.info()["n_probe"]
    assert ivfpq.tune(0.9, queries=x[:50] + 0.1, k=5)["queries"] == 50
    for bad in ({"recall": 1.5}, {"recall": 0}, {"k": 0}, {"sample": 0}):
        with pytest.raises(InvalidArgument):
            ivfpq.tune(**bad)
    with pytest.raises(InvalidArgument):
        IVFPQ.from_vectors(np.empty((0, 2))).tune()


def test_info_tells_sizes():
    x = clustered(1_000, 16, seed=29)[0]
    info = IVFPQ.from_vectors(x, options=IVFPQOptions(n_lists=20)).info()
    assert (info["vectors"], info["n_lists"], info["m"], info["bits"]) == (1_000, 20, 16, 4)
    assert (info["code_bits"], info["trained"], info["metric"]) == (64, 1_000, "cosine")
    assert 50 <= info["longest_list"] <= 1_000
    assert info["vector_bytes"] == 1_000 * 68
    # centres, spreads, lengths, words, and blocks of 640 bytes
    assert info["list_bytes"] >= 20 * 64 + 160 + 1_024 + 32 * 640


def test_queries_in_other_forms():
    ivfpq = IVFPQ.from_vectors(VECTORS)
    expected = ivfpq.search([0.0, 1.0], 2).ids.tolist()
    assert ivfpq.search(Query(vector=[0.0, 1.0]), 2).ids.tolist() == expected
    many = ivfpq.search_many([Query(vector=[0.0, 1.0])] * 2, 2)
    assert ids_of(many) == [expected] * 2
    assert ivfpq.search_many([]) == []
    with pytest.raises(InvalidArgument):
        ivfpq.search(Query(text="words"))
    with pytest.raises(DimensionMismatch):
        ivfpq.search([1.0, 2.0, 3.0])
    with pytest.raises(InvalidArgument):
        ivfpq.search([0.0, 0.0])


@pytest.mark.parametrize("metric", METRICS)
def test_the_short_way_of_one_query_finds_and_refuses_the_same(metric):
    x = clustered(5_000, 32, seed=30)[0]
    ivfpq = IVFPQ.from_vectors(x, metric=metric, options=SMALL)
    assert ivfpq.plan() == "probe"
    for query in x[:20] + np.float32(0.1):
        short, long = ivfpq.search(query), ivfpq.search(query.tolist())
        assert short.ids.tolist() == long.ids.tolist()
        assert short.scores.tolist() == long.scores.tolist()
    bad = np.ones((3, 32), np.float32)
    bad[0, 3], bad[1, 3], bad[2] = np.nan, np.inf, 1e30
    for query in bad:
        with pytest.raises(InvalidArgument):
            ivfpq.search(query)
    if metric == "cosine":
        with pytest.raises(InvalidArgument):
            ivfpq.search(np.zeros(32, np.float32))


@pytest.mark.parametrize(
    "arguments",
    [{"n_probe": 0}, {"n_probe": 1.5}, {"n_probe": True}, {"n_probe": 10**9}, {"k": 0}],
)
def test_bad_arguments_of_a_search_are_refused(arguments):
    with pytest.raises(InvalidArgument):
        IVFPQ.from_vectors(VECTORS).search([1.0, 2.0], **arguments)


@pytest.mark.parametrize(
    "arguments",
    [{"n_lists": 0}, {"n_lists": 2.0}, {"m": 0}, {"m": 257}, {"bits": 5}, {"bits": True},
     {"rotation": "some"}, {"n_probe": 0}, {"n_probe": None}, {"rescored": 0}, {"training": 10},
     {"steps": 0}, {"seed": -1}, {"seed": 2**63}],
)  # fmt: skip
def test_bad_options_are_refused(arguments):
    with pytest.raises(InvalidArgument):
        IVFPQOptions(**arguments)


@pytest.mark.parametrize("options", [{"n_lists": 16}, "ivfpq", 16, rr.HNSWOptions()])
def test_options_are_ivfpq_options(options):
    with pytest.raises(InvalidArgument):
        IVFPQ.from_vectors(VECTORS, options=options)


@pytest.mark.parametrize("threads", [0, -1, 1.5, True])
def test_threads_are_one_or_more(threads):
    with pytest.raises(InvalidArgument):
        IVFPQ.from_vectors(VECTORS, threads=threads)
    with pytest.raises(InvalidArgument):
        IVFPQ.from_vectors(VECTORS).search_many(VECTORS, threads=threads)


@pytest.mark.reliability
def test_a_processor_without_vector_extensions_finds_alike(tmp_path):
    program = (
        "import numpy as np, sys\n"
        "from rank_retrieve.dense import IVFPQ\n"
        "from rank_retrieve.types import IVFPQOptions\n"
        "rng = np.random.default_rng(6)\n"
        "x, q = rng.standard_normal((2_000, 40)), rng.standard_normal((30, 40))\n"
        "found = []\n"
        "for metric in ('cosine', 'dot', 'euclidean'):\n"
        "    for bits in (4, 8):\n"
        "        options = IVFPQOptions(n_lists=30, n_probe=10, bits=bits)\n"
        "        made = IVFPQ.from_vectors(x, metric=metric, options=options)\n"
        "        found += made.search_many(q, 20)\n"
        "np.save(sys.argv[1], np.stack([[h.ids, h.scores] for h in found]))\n"
    )
    results = []
    for cpu in ("host", "generic"):
        environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / cpu)}
        if cpu == "generic":
            environment |= {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
        out = tmp_path / f"{cpu}.npy"
        subprocess.run([sys.executable, "-c", program, str(out)], env=environment, check=True)
        results.append(np.load(out))
    host, generic = results
    # sums are rounded otherwise, so that a few rows are in other lists
    shared = [len(set(a) & set(b)) / 20 for a, b in zip(host[:, 0], generic[:, 0], strict=True)]
    assert np.mean(shared) > 0.9
