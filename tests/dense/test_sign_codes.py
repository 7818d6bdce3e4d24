import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.dense import _sign_kernels as kernels
from rank_retrieve.dense import indexes
from rank_retrieve.dense.exact import Exact
from rank_retrieve.dense.sign_codes import SignCodes, words_for
from rank_retrieve.dense.vectors import column_of
from rank_retrieve.errors import CorruptionError, FormatVersionError, InvalidArgument
from rank_retrieve.types import Bitmap, MemorySections

METRICS = ["cosine", "dot", "euclidean"]


def drawn(n, dim, seed=0):
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((20, dim))
    return (centres[rng.integers(20, size=n)] + 0.5 * rng.standard_normal((n, dim))).astype("f4")


@pytest.mark.parametrize(
    ("dim", "words"), [(1, 1), (64, 1), (65, 2), (128, 2), (384, 8), (768, 16), (65_536, 1_024)]
)
def test_bits_are_a_power_of_two(dim, words):
    assert words_for(dim) == words


@pytest.mark.parametrize("dim", [5, 64, 100, 400])
def test_turning_keeps_products(dim):
    rows = drawn(30, dim)
    turned = SignCodes.of(column_of(rows), "dot").turned(rows)
    assert np.allclose(turned @ turned.T, rows @ rows.T, rtol=1e-4, atol=1e-3 * dim)


def test_plain_python_turns_alike():
    rows = drawn(3, 16)
    signs = np.where(np.random.default_rng(1).random((2, 16)) < 0.5, 1, -1).astype(np.float32)
    compiled, plain = rows.copy(), rows.copy()
    kernels.turn(compiled, signs)
    kernels.turn.py_func(plain, signs)
    assert np.allclose(compiled, plain, rtol=1e-6)


@pytest.mark.parametrize("dim", [64, 512])  # counted word by word, and eight words at a time
def test_counts_are_those_of_numpy(dim):
    rng = np.random.default_rng(2)
    words = dim // 64
    codes = rng.integers(0, 1 << 63, (50, words), dtype=np.uint64)
    planes = rng.integers(0, 1 << 63, (4, words), dtype=np.uint64)
    scales = rng.random(50).astype(np.float32)
    zero = np.zeros(1, np.float32)
    slots = [codes.ctypes.data, scales.ctypes.data, zero.ctypes.data, 0, 50, words, 0]
    scores, rows = np.empty(50), np.empty(50, np.int64)
    low, unit, total = -0.3, 0.07, 1.5
    found = kernels.scan_signs(
        np.array(slots, np.int64), planes, low, unit, total, 1.0, scores, rows
    )
    assert found == 50
    ones = np.bitwise_count(codes).sum(axis=1)
    shared = [np.bitwise_count(codes & plane).sum(axis=1) << i for i, plane in enumerate(planes)]
    expected = (2 * (low * ones + unit * sum(shared)) - total) * scales
    assert np.allclose(scores, expected[rows])


@pytest.mark.parametrize("metric", METRICS)
def test_estimates_are_near_the_scores(metric):
    x = drawn(500, 256, 3)
    column = column_of(x)
    searcher = SignCodes.of(column, metric).searcher(column, 0)
    exact = Exact.from_vectors(x, metric=metric)
    hits = 0
    for query in x[:30] + 0.2 * drawn(30, 256, 4):
        truth = exact.search(query, 10)
        coded = Exact(exact._stored, searcher.codes, rr.ExactOptions("1bit", 60)).search(query, 10)
        hits += len(set(truth.ids.tolist()) & set(coded.ids.tolist()))
        by_id = dict(zip(truth.ids.tolist(), truth.scores.tolist(), strict=True))
        assert all(by_id.get(i, s) == s for i, s in zip(coded.ids, coded.scores, strict=True))
    assert hits > 0.9 * 300


@pytest.mark.parametrize("metric", METRICS)
def test_all_rows_are_scored_where_they_are_few(metric):
    x = drawn(300, 30, 5)
    coded = Exact.from_vectors(x, metric=metric, quantizer="1bit", rescored=50)
    exact = Exact.from_vectors(x, metric=metric)
    allowed = Bitmap.from_docs(300, range(0, 300, 7))
    for query in x[:10]:
        mine, theirs = (e.search(query, 10, allowed=allowed) for e in (coded, exact))
        assert mine.ids.tolist() == theirs.ids.tolist()
        assert mine.scores.tolist() == theirs.scores.tolist()
        assert len(coded.search(query, 200)) == 200
        few = coded.search(query, 60, allowed=Bitmap.from_docs(300, range(100)))
        assert len(few) == 60
        assert max(few.ids) < 100


def test_codes_survive_saving(tmp_path):
    x = drawn(400, 70, 6)
    coded = Exact.from_vectors(x, metric="euclidean", quantizer="1bit", rescored=30)
    coded.save(tmp_path)
    opened = Exact.open(tmp_path)
    assert opened.options == rr.ExactOptions("1bit", 30)
    for query in x[:10] + 0.1:
        assert opened.search(query, 5).scores.tolist() == coded.search(query, 5).scores.tolist()


def test_a_collection_scans_bits_and_measures_what_it_misses(monkeypatch, tmp_path):
    monkeypatch.setattr(indexes, "GRAPH_ROWS", 100)
    x = drawn(600, 64, 7)
    db = rr.open(tmp_path)
    options = rr.ExactOptions(quantizer="1bit", rescored=100)
    papers = db.create_collection("papers", {"v": rr.Vector(64, index=options)})
    papers.put_many({"id": f"d{i}", "v": row} for i, row in enumerate(x))
    papers.flush()
    hits = papers.search(vector=x[3], k=5)
    assert hits.ids[0] == "d3"
    assert hits.plan["legs"][0]["ways"] == ["1bit"]
    assert hits.plan["legs"][0]["rescored"] == 100
    report = papers.tune(recall=0.9)
    assert report["recall"] >= 0.9
    assert report["rescored"] in indexes.RESCORED_STEPS
    papers.compact()
    assert papers.search(vector=x[3], k=5).ids.tolist() == hits.ids.tolist()
    assert not db.verify().problems
    db.close()
    papers = rr.open(tmp_path).get_collection("papers")
    assert papers.schema.vectors["v"].index == options


def stored():
    sections, column = MemorySections(), column_of(drawn(4, 3))
    SignCodes.of(column, "euclidean").write(sections, "v")
    return sections, column


def test_the_sections_of_codes_have_these_bytes():
    sections, _ = stored()
    meta = "0100 0200 03000000 0400000000000000 01000000 00000000 0000000000000000"
    assert bytes(sections.section("1bit.v.meta")).hex() == meta.replace(" ", "")
    sizes = {name: len(view) for name, view in sections.buffers.items()}
    assert sizes == {
        "1bit.v.meta": 32, "1bit.v.offsets": 12, "1bit.v": 32, "1bit.v.scales": 16,
        "1bit.v.biases": 16,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("at", "value", "error"),
    [
        (0, 2, FormatVersionError),
        (2, 3, CorruptionError),
        (4, 9, CorruptionError),
        (8, 5, CorruptionError),
        (16, 2, CorruptionError),
    ],
)
def test_contradictions_are_refused(at, value, error):
    sections, column = stored()
    changed = bytearray(sections.section("1bit.v.meta"))
    changed[at] = value
    sections.buffers["1bit.v.meta"] = memoryview(changed)
    with pytest.raises(error):
        SignCodes.open(sections, "v", column)


@pytest.mark.parametrize("arguments", [{"rescored": 0}, {"rescored": 65_537}, {"rescored": True}])
def test_options_that_do_not_fit_are_refused(arguments):
    with pytest.raises(InvalidArgument):
        rr.ExactOptions("1bit", **arguments)
