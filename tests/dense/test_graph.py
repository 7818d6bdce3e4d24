import struct
from itertools import pairwise

import numpy as np
import pytest

from rank_retrieve.dense.codes import Coder
from rank_retrieve.dense.graph import Graph
from rank_retrieve.dense.graph_search import GraphSearcher, Visible
from rank_retrieve.dense.growth import (
    adopt_graph,
    build_graph,
    extend_graph,
    levels_of,
    merge_graphs,
)
from rank_retrieve.dense.index_searcher import IndexPart, IndexSearcher
from rank_retrieve.dense.indexes import graph_effort
from rank_retrieve.dense.searcher import DensePart, ExactSearcher
from rank_retrieve.dense.structures import MergedPart
from rank_retrieve.dense.vectors import column_of
from rank_retrieve.errors import CorruptionError, FormatVersionError
from rank_retrieve.types import Bitmap, HNSWOptions, MemorySections
from tests.dense.test_hnsw import clustered, recall

OPTIONS = HNSWOptions(m=8, ef_construction=60)


def small_graph():
    """Three rows, the second on layer 1: every array by hand."""
    return Graph(
        HNSWOptions(m=2, ef_construction=5, seed=7),
        Coder("euclidean", np.array([1.0], np.float32), 0.5, 64),
        np.arange(192, dtype=np.uint8).reshape(3, 64),
        np.array([1, 2, 3], np.int32),
        np.array([[1, 2, -1, -1], [0, 2, -1, -1], [1, 0, -1, -1]], np.int32),
        np.array([1], np.int32),
        np.array([1], np.uint8),
        np.array([[-1, -1]], np.int32),
        1,
        0,
    )


def test_the_bytes_of_a_small_graph():
    sections = MemorySections()
    small_graph().write(sections, "v")
    raw = {name: bytes(view) for name, view in sections.buffers.items()}
    assert list(raw) == [
        "hnsw.v.meta", "hnsw.v.offsets", "hnsw.v.codes", "hnsw.v.squares", "hnsw.v",
        "hnsw.v.nodes", "hnsw.v.levels", "hnsw.v.upper",
    ]  # fmt: skip
    assert raw["hnsw.v.meta"].hex(" ", 4) == (
        "01000200 02000000 05000000 40000000 03000000 00000000 01000000 01000000"
        " 00000000 00000000 00000000 0000e03f 07000000 00000000"
    )
    assert raw["hnsw.v.offsets"] == bytes.fromhex("0000803f")
    assert raw["hnsw.v.codes"] == bytes(range(192))
    assert raw["hnsw.v.squares"] == struct.pack("<3i", 1, 2, 3)
    assert raw["hnsw.v"] == struct.pack("<12i", 1, 2, -1, -1, 0, 2, -1, -1, 1, 0, -1, -1)
    assert raw["hnsw.v.nodes"] == struct.pack("<i", 1)
    assert raw["hnsw.v.levels"] == b"\x01"
    assert raw["hnsw.v.upper"] == struct.pack("<2i", -1, -1)


def test_what_is_written_is_read():
    sections, column = MemorySections(), column_of(np.ones((3, 1), np.float32))
    small_graph().write(sections, "v")
    graph = Graph.open(sections, "v", column)
    assert graph.options == HNSWOptions(m=2, ef_construction=5, seed=7)
    assert (graph.n, graph.metric, graph.top, graph.entry) == (3, "euclidean", 1, 0)
    assert graph.coder.scale == 0.5
    assert graph.links.tolist() == small_graph().links.tolist()


@pytest.mark.parametrize(
    ("place", "value", "error"),
    [
        (0, b"\x02", FormatVersionError),
        (2, b"\x03", CorruptionError),  # a metric that there is not
        (4, b"\x01", CorruptionError),  # m
        (4, b"\x00\x00\x00\x40", CorruptionError),
        (8, b"\x00", CorruptionError),  # ef_construction
        (12, b"\x41", CorruptionError),  # code_bytes
        (16, b"\x04", CorruptionError),  # n
        (24, b"\x09", CorruptionError),  # n_upper
        (28, b"\x02", CorruptionError),  # top
        (28, b"\x00", CorruptionError),
        (32, b"\x01", CorruptionError),  # entry
        (32, b"\xff\xff\xff\xff", CorruptionError),
        (36, b"\x01", FormatVersionError),
        (40, struct.pack("<d", np.nan), CorruptionError),  # scale
        (40, struct.pack("<d", -1.0), CorruptionError),
    ],
)
def test_a_meta_that_does_not_fit_is_refused(place, value, error):
    sections, column = MemorySections(), column_of(np.ones((3, 1), np.float32))
    small_graph().write(sections, "v")
    meta = bytearray(sections.buffers["hnsw.v.meta"])
    meta[place : place + len(value)] = value
    sections.buffers["hnsw.v.meta"] = memoryview(meta)
    with pytest.raises(error):
        Graph.open(sections, "v", column)


@pytest.mark.parametrize("n", [0, 2, 4])
def test_a_graph_over_another_number_of_vectors_is_refused(n):
    sections = MemorySections()
    small_graph().write(sections, "v")
    with pytest.raises(CorruptionError):
        Graph.open(sections, "v", column_of(np.ones((n, 1), np.float32)))


@pytest.mark.parametrize("name", ["", ".codes", ".offsets", ".squares", ".nodes", ".upper"])
def test_a_section_of_another_size_is_refused(name):
    sections, column = MemorySections(), column_of(np.ones((3, 1), np.float32))
    small_graph().write(sections, "v")
    sections.buffers[f"hnsw.v{name}"] = sections.buffers[f"hnsw.v{name}"][:-1]
    with pytest.raises(CorruptionError):
        Graph.open(sections, "v", column)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (".nodes", struct.pack("<i", 3)),
        (".nodes", struct.pack("<i", -1)),
        (".levels", b"\x00"),
        (".levels", b"\x02"),
        (".offsets", struct.pack("<f", np.inf)),
    ],
)
def test_contents_that_lead_nowhere_are_refused(name, content):
    sections, column = MemorySections(), column_of(np.ones((3, 1), np.float32))
    small_graph().write(sections, "v")
    sections.buffers[f"hnsw.v{name}"] = memoryview(content)
    with pytest.raises(CorruptionError):
        Graph.open(sections, "v", column)


@pytest.mark.parametrize("seed", range(12))
def test_hostile_sections_with_valid_checksums_cannot_lead_a_walk_astray(seed, walks):
    """Links, upper links, codes and biases of any content: hits are few or poor, never unsound."""
    rng = np.random.default_rng(seed)
    x, _ = clustered(4_000, 8, seed=1)
    column, sections = column_of(x), MemorySections()
    build_graph(column, "euclidean", OPTIONS).write(sections, "v")
    for name in ("", ".upper", ".squares", ".codes"):
        content = np.frombuffer(sections.buffers[f"hnsw.v{name}"], np.uint8).copy()
        wild = rng.integers(0, 256, len(content)).astype(np.uint8)
        chosen = rng.random(len(content)) < (1.0 if seed % 3 == 0 else 0.02)
        content[chosen] = wild[chosen]
        if seed % 3 == 1 and name in ("", ".upper"):
            # numbers of nodes, though not those of neighbours
            n = 4_000 if not name else len(sections.buffers["hnsw.v.levels"])
            content = rng.integers(-2, n + 2, len(content) // 4).astype(np.int32).view(np.uint8)
        sections.buffers[f"hnsw.v{name}"] = memoryview(content)
    graph = Graph.open(sections, "v", column)
    searcher = IndexSearcher(
        [IndexPart(column, 0, None, 4_000, graph)], "euclidean", graph_effort(40)
    )
    allowed = Bitmap.from_docs(4_000, rng.permutation(4_000)[:1_700])
    for filtered in (None, [allowed]):
        for found in searcher.search_many(x[:20], 10, filtered):
            assert len(set(found.docs.tolist())) == 10
            assert (np.diff(found.scores) <= 0).all()
            assert filtered is None or all(doc in allowed for doc in found.docs.tolist())
    grown = column_of(np.concatenate([x, x[:300] + 1]))
    assert extend_graph(graph, grown).n == 4_300
    kept = np.arange(0, 4_000, 2)
    adopted = adopt_graph(graph, column, kept, column_of(x[kept]), 0)
    assert int(adopted.links.max()) < 2_000


def test_a_graph_that_loses_too_much_is_built_anew():
    x, _ = clustered(3_000, 6, seed=10)
    column, kept = column_of(x), np.arange(0, 3_000, 3)
    graph = build_graph(column, "cosine", OPTIONS)
    rest = column_of(x[kept])
    parts = [MergedPart(column, graph, Bitmap.from_docs(3_000, kept))]
    merged = merge_graphs(rest, parts, "cosine", OPTIONS)
    assert np.array_equal(merged.links, build_graph(rest, "cosine", OPTIONS).links)
    other = HNSWOptions(m=7, ef_construction=60)
    whole = merge_graphs(column, [MergedPart(column, graph, None)], "cosine", other)
    assert whole.links.shape == (3_000, 14)


def test_levels_fall_off_by_m_and_depend_on_seed_and_row_only():
    rows = np.arange(100_000, dtype=np.int32)
    levels = levels_of(rows, HNSWOptions(m=10))
    assert levels[:12].tolist() == levels_of(rows[:12], HNSWOptions(m=10)).tolist()
    counts = np.bincount(levels)
    assert counts[0] == pytest.approx(90_000, rel=0.01)
    assert counts[1] == pytest.approx(9_000, rel=0.05)
    assert levels_of(rows, HNSWOptions(m=10, seed=1)).tolist() != levels.tolist()


@pytest.mark.parametrize("step", ["built", "extended", "mended"])
def test_lists_hold_other_nodes_once_and_end_with_minus_ones(step):
    x, _ = clustered(3_000, 6, seed=2)
    x[500:900] = x[0]
    column, kept = column_of(x), np.flatnonzero(np.arange(3_000) % 4)
    graph = build_graph(column, "cosine", OPTIONS)
    if step == "extended":
        graph = extend_graph(graph, column_of(np.concatenate([x, x[:500]])))
    if step == "mended":
        graph = adopt_graph(graph, column, kept, column_of(x[kept]), 0)
    for layer, lists in ((0, graph.links), (1, graph.upper_links)):
        owners = range(graph.n) if not layer else range(len(graph.upper_nodes))
        starts = owners if not layer else graph.upper_starts.tolist()
        for owner, start in zip(owners, starts, strict=True):
            links = lists[start].tolist()
            named = [node for node in links if node >= 0]
            assert links == named + [-1] * (len(links) - len(named))
            assert len(set(named)) == len(named)
            assert owner not in named
            assert max(named, default=0) < len(owners)


@pytest.mark.parametrize("metric", ["cosine", "dot", "euclidean"])
def test_a_merge_finds_about_what_a_rebuild_finds_and_nothing_deleted(metric, walks):
    x, _ = clustered(6_000, 16, seed=3)
    q, _ = clustered(60, 16, seed=4)
    rng = np.random.default_rng(5)
    bounds, parts, kept = [0, 1_000, 4_500, 6_000], [], []
    # under dot a graph that loses rows is built anew
    share = 1.0 if metric == "dot" else 0.8
    for start, stop in pairwise(bounds):
        column = column_of(x[start:stop])
        live = Bitmap.from_mask(rng.random(stop - start) < share)
        graph = build_graph(column, metric, OPTIONS) if stop - start > 1_200 else None
        parts.append(MergedPart(column, graph, live))
        kept.append(start + live.to_docs())
    rows = np.concatenate(kept)
    column = column_of(x[rows])
    told = []
    merged = merge_graphs(
        column, parts, metric, OPTIONS, progress=lambda done, total: told.append(total)
    )
    # the graph of the largest part was taken over, and only the others were inserted
    assert set(told) == {len(rows) - len(kept[1])}
    truth = [r.docs for r in ExactSearcher([DensePart(column, 0, None, len(rows))], metric)
             .search_many(q, 10)]  # fmt: skip

    def found(graph):
        part = IndexPart(column, 0, None, len(rows), graph)
        return [
            r.docs.tolist()
            for r in IndexSearcher([part], metric, graph_effort(40)).search_many(q, 10)
        ]

    rebuilt = recall(found(build_graph(column, metric, OPTIONS)), truth)
    assert recall(found(merged), truth) > rebuilt - 0.04


def test_several_parts_with_and_without_graphs_rank_as_one(walks):
    x, _ = clustered(7_000, 12, seed=6)
    q, _ = clustered(40, 12, seed=7)
    rng = np.random.default_rng(8)
    parts, flat = [], []
    docs = np.flatnonzero(rng.random(4_000) < 0.9).astype(np.int32)
    for base, column, graphed in [
        (0, column_of(x[: len(docs)], docs, 4_000), True),
        (4_000, None, False),
        (4_100, column_of(x[4_000:6_500]), True),
        (7_000, column_of(x[6_500:]), False),
    ]:
        n_docs = 100 if column is None else column.n_docs
        live = Bitmap.from_mask(rng.random(n_docs) < 0.9)
        graph = build_graph(column, "cosine", OPTIONS) if graphed else None
        parts.append(IndexPart(column, base, live, n_docs, graph))
        flat.append(DensePart(column, base, live, n_docs))
    searcher, exact = (
        IndexSearcher(parts, "cosine", graph_effort(60)),
        ExactSearcher(flat, "cosine"),
    )
    found, truth = searcher.search_many(q, 10), exact.search_many(q, 10)
    assert recall([r.docs.tolist() for r in found], [r.docs for r in truth]) > 0.95
    for ranked, query in zip(found, q, strict=True):
        assert ranked.scores.tolist() == exact.scores(query, ranked.docs).tolist()
        assert ranked.docs.tolist() == searcher.search(query, 10).docs.tolist()
    allowed = [Bitmap.from_mask(rng.random(part.n_docs) < 0.3) for part in parts]
    few = [Bitmap.from_docs(part.n_docs, [1, 2]) for part in parts]
    for filtered in (allowed, few):
        expected = exact.search_many(q, 10, filtered)
        got = searcher.search_many(q, 10, filtered)
        assert [len(r) for r in got] == [len(r) for r in expected]
        assert recall([r.docs.tolist() for r in got], [r.docs for r in expected]) > 0.95


def test_the_quick_path_of_one_query_gives_what_the_other_gives():
    for dim in (16, 20):
        x, _ = clustered(4_000, dim, seed=9)
        graph = build_graph(column_of(x), "cosine", OPTIONS)
        searcher = GraphSearcher(graph, column_of(x), 100)
        whole = IndexSearcher(
            [IndexPart(column_of(x), 100, None, 4_000, graph)], "cosine", graph_effort(16)
        )
        for query in x[:30]:
            quick = searcher.search_one(query, 10, 16)
            slow = whole.search_many(query[np.newaxis], 10)[0]
            assert (quick is None) == (dim == 20)
            for one in (slow if quick is None else quick, whole.search(query, 10)):
                assert one.docs.tolist() == slow.docs.tolist()
                assert one.scores.tolist() == slow.scores.tolist()
        for bad in (np.full(dim, np.nan), np.full(dim, 1e30), np.zeros(dim)):
            assert searcher.search_one(bad.astype(np.float32), 10, 16) is None


def test_visible_rows_are_those_of_docs_that_are_live_and_allowed():
    column = column_of(np.ones((3, 2), np.float32), np.array([1, 4, 5], np.int32), 6)
    live, allowed = Bitmap.from_docs(6, [0, 1, 4]), Bitmap.from_docs(6, [1, 5])
    assert Visible.of(column, None, None).rows is None
    some = Visible.of(column, live, allowed)
    assert some.rows is not None
    assert (some.rows.to_docs().tolist(), some.count) == ([0], 1)
    assert Visible.of(column, None, Bitmap.from_docs(6, [1, 4, 5])).rows is None
