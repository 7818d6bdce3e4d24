import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.dense import _screen_kernels as kernels
from rank_retrieve.dense.byte_codes import ByteCodes
from rank_retrieve.dense.elements import FLOAT16, FLOAT32
from rank_retrieve.dense.exact import Exact
from rank_retrieve.dense.index_searcher import IndexPart, IndexSearcher
from rank_retrieve.dense.searcher import DensePart, ExactSearcher
from rank_retrieve.dense.vectors import column_of
from rank_retrieve.errors import CorruptionError, FormatVersionError, InvalidArgument
from rank_retrieve.types import Bitmap, MemorySections

METRICS = ["cosine", "dot", "euclidean"]


def searchers(column, metric, live=None):
    codes = ByteCodes.of(column, metric)
    part = IndexPart(column, 0, live, column.n_docs, codes)
    exact = ExactSearcher([DensePart(column, 0, live, column.n_docs)], metric)
    return exact, IndexSearcher([part], metric, None)


def same(mine, theirs):
    assert mine.docs.tolist() == theirs.docs.tolist()
    assert mine.scores.tolist() == theirs.scores.tolist()


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 300),
    dim=st.integers(1, 70),
    k=st.integers(1, 40),
    m=st.integers(1, 30),
    metric=st.sampled_from(METRICS),
    half=st.booleans(),
    spread=st.sampled_from([1e-12, 1e-3, 1.0, 1e6, 1e15]),
    far=st.sampled_from([0.0, 1.0, 1000.0]),
    seed=st.integers(0, 1 << 30),
)
def test_nothing_is_missed_whatever_the_numbers(n, dim, k, m, metric, half, spread, far, seed):
    rng = np.random.default_rng(seed)
    scales = 10.0 ** rng.uniform(-3, 1, dim)
    x = (rng.standard_normal((n, dim)) * scales + far * scales.max()) * spread
    x *= min(1.0, 1e18 / np.linalg.norm(x, axis=1).max())
    x[rng.random(n) < 0.1] = x[0]
    if half:
        x = np.clip(x, -6e4, 6e4).astype(np.float16)
        x[~x.any(axis=1)] = 1
    x = x.astype(np.float32)
    queries = x[rng.integers(n, size=m)] + (rng.standard_normal((m, dim)) * scales * spread * 0.1)
    queries = np.clip(queries, -2e18 / dim, 2e18 / dim).astype(np.float32)
    column = column_of(x, element=FLOAT16 if half else FLOAT32)
    live = Bitmap.from_mask(rng.random(n) < 0.8) if seed % 2 else None
    exact, coded = searchers(column, metric, live)
    allowed = [Bitmap.from_mask(rng.random(n) < 0.3)] if seed % 3 == 0 else None
    truth = exact.search_many(queries, k, allowed)
    for theirs, mine in zip(truth, coded.search_many(queries, k, allowed), strict=True):
        same(mine, theirs)
    same(coded.search(queries[0], k, allowed), truth[0])


@pytest.mark.parametrize("metric", METRICS)
def test_what_the_codes_of_a_query_lose_is_allowed_for(metric):
    # rows that codes hold almost exactly, and a query whose small components all round to nothing
    rng = np.random.default_rng(5)
    x = np.where(rng.random((600, 64)) < 0.5, -1, 1).astype(np.float32)
    exact, coded = searchers(column_of(x), metric)
    for query in rng.standard_normal((20, 64)).astype(np.float32):
        query[0] = 300
        same(coded.search(query, 5), exact.search(query, 5))


@pytest.mark.parametrize("metric", METRICS)
def test_few_rows_are_read_beside_their_codes(metric, monkeypatch):
    rng = np.random.default_rng(1)
    x = rng.standard_normal((5_000, 48)).astype(np.float32)
    column = column_of(x)
    exact, coded = searchers(column, metric)
    hidden = column.rows.copy()
    query = x[17] + 0.1
    truth = exact.search(query, 5)
    # rows that cannot be among the best may hold anything
    distance = ((x - query) ** 2).sum(axis=1)
    far = np.argsort(distance)[2_500:] if metric == "euclidean" else np.argsort(x @ query)[:2_500]
    column.rows[far[far > 1_000]] = np.nan
    same(coded.search(query, 5), truth)
    column.rows[:] = hidden


@pytest.mark.parametrize("metric", METRICS)
def test_bounds_hold_for_every_row(metric):
    rng = np.random.default_rng(2)
    x = rng.standard_normal((100, 10)).astype(np.float32) * 3 + 1
    codes = ByteCodes.of(column_of(x), metric)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True) if metric == "cosine" else x
    y = unit.astype(np.float64) - codes.offsets
    blocks, groups = codes.codes.shape[:2]
    signed = codes.codes.transpose(0, 2, 1, 3).reshape(16 * blocks, 4 * groups).astype(int) - 128
    signed = signed[:100, :10]
    rest = np.linalg.norm(y - signed * codes.steps.astype(np.float64), axis=1)
    assert (codes.errors[:100] >= rest).all()
    assert (codes.errors[:100] <= rest + 1e-3).all()
    assert (codes.lengths[:100] >= np.linalg.norm(signed, axis=1)).all()
    if metric == "euclidean":
        assert (codes.biases[:100] >= -(y**2).sum(axis=1)).all()


def test_plain_python_encodes_alike():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((20, 6)).astype(np.float32)
    norms = np.linalg.norm(x, axis=1).astype(np.float32)
    offsets, steps = np.full(6, 0.1, np.float32), np.full(6, 0.02, np.float32)

    def run(kernel):
        codes = np.full((4, 2, 16, 4), 128, np.uint8)
        rest = [np.zeros(64, np.float32) for _ in range(3)]
        kernel(x, norms, 2, offsets, steps, 0, codes, *rest)
        return [codes.tolist(), *(array.tolist() for array in rest)]

    assert run(kernels.encode_blocks) == run(kernels.encode_blocks.py_func)


@pytest.mark.parametrize("metric", METRICS)
def test_codes_survive_saving(tmp_path, metric):
    x = np.random.default_rng(4).standard_normal((200, 20))
    exact = Exact.from_vectors(x, metric=metric, quantizer="int8")
    plain = Exact.from_vectors(x, metric=metric)
    exact.save(tmp_path)
    opened = Exact.open(tmp_path)
    for query in x[:10] + 0.2:
        expected = plain.search(query, 7)
        for found in (exact.search(query, 7), opened.search(query, 7)):
            assert found.ids.tolist() == expected.ids.tolist()
            assert found.scores.tolist() == expected.scores.tolist()
            assert found[0].explain() == expected[0].explain()
    assert [h.ids.tolist() for h in opened.search_many(x, 3)] == [
        h.ids.tolist() for h in plain.search_many(x, 3)
    ]


def stored(metric="euclidean"):
    sections = MemorySections()
    column = column_of(np.arange(12, dtype=np.float32).reshape(4, 3))
    ByteCodes.of(column, metric).write(sections, "v")
    return sections, column


def test_the_sections_of_codes_are_these_bytes():
    sections = MemorySections()
    column = column_of(np.array([[-1.27], [1.27]], np.float32))
    ByteCodes.of(column, "euclidean").write(sections, "v")
    meta = "0100 0200 01000000 0200000000000000 0400000000000000 0000000000000000"
    assert bytes(sections.section("int8.v.meta")).hex() == meta.replace(" ", "")
    assert np.frombuffer(sections.section("int8.v.offsets"), "<f4").tolist() == [0.0]
    steps = np.frombuffer(sections.section("int8.v.steps"), "<f4")
    assert abs(float(steps[0]) - 0.0105) < 1e-6
    codes = np.frombuffer(sections.section("int8.v"), "u1").reshape(4, 1, 16, 4)
    assert codes[0, 0, :3].tolist() == [[7, 128, 128, 128], [249, 128, 128, 128], [128] * 4]
    lengths = np.frombuffer(sections.section("int8.v.lengths"), "<f4")
    assert lengths.shape == (64,)
    assert abs(float(lengths[0]) - 121) < 0.01


@pytest.mark.parametrize(
    ("section", "at", "value", "error"),
    [
        ("int8.v.meta", 0, 2, FormatVersionError),
        ("int8.v.meta", 2, 3, CorruptionError),
        ("int8.v.meta", 4, 9, CorruptionError),
        ("int8.v.meta", 8, 5, CorruptionError),
        ("int8.v.meta", 16, 8, CorruptionError),
    ],
)
def test_contradictions_are_refused(section, at, value, error):
    sections, column = stored()
    damaged = bytearray(sections.section(section))
    damaged[at] = value
    sections.buffers[section] = memoryview(damaged)
    with pytest.raises(error):
        ByteCodes.open(sections, "v", column)


@pytest.mark.parametrize("part", ["", ".offsets", ".steps", ".errors", ".lengths", ".biases"])
def test_a_section_that_is_too_short_is_corruption(part):
    sections, column = stored()
    sections.buffers[f"int8.v{part}"] = sections.buffers[f"int8.v{part}"][:-1]
    with pytest.raises(CorruptionError):
        ByteCodes.open(sections, "v", column)


def test_quantizers_that_there_are_not_are_refused():
    with pytest.raises(InvalidArgument, match="quantizer"):
        Exact.from_vectors([[1.0]], quantizer="int4")
    with pytest.raises(InvalidArgument, match="quantizer"):
        Exact.from_vectors([[True]], metric="hamming", quantizer="int8")
