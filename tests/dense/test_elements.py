import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.dense.elements import BITS, FLOAT16, FLOAT32
from rank_retrieve.dense.exact import Exact
from rank_retrieve.dense.hnsw import HNSW
from rank_retrieve.dense.vectors import VectorColumn, merged_column, write_vectors
from rank_retrieve.errors import CorruptionError, InvalidArgument
from rank_retrieve.types import Bitmap, MemorySections

METRICS = ["cosine", "dot", "euclidean"]


def columns(element, matrix, dim=None):
    sections = MemorySections()
    made = write_vectors(sections, "v", matrix, None, len(matrix), element=element, dim=dim)
    return sections, made, VectorColumn.open(sections, "v")


def test_one_float16_row_is_these_bytes():
    sections, _, column = columns(FLOAT16, np.array([[1.0, -2.0, 0.5]], np.float32))
    assert bytes(sections.section("vectors.v.meta")).hex() == (
        "0100 0200 03000000 10000000 00000000 0100000000000000 0100000000000000".replace(" ", "")
    )
    assert bytes(sections.section("vectors.v")).hex() == "003c00c00038" + "00" * 26
    assert bytes(sections.section("vectors.v.norms")).hex() == "76a41240"  # sqrt(5.25)
    assert column.vectors[0].tolist() == [1.0, -2.0, 0.5]


def test_one_binary_row_is_these_bytes():
    row = [True, False, False, False, False, False, True, True, True, False]
    sections, _, column = columns(BITS, np.packbits([row], axis=1), 10)
    assert bytes(sections.section("vectors.v.meta")).hex() == (
        "0100 0300 0a000000 40000000 00000000 0100000000000000 0100000000000000".replace(" ", "")
    )
    assert bytes(sections.section("vectors.v")).hex() == "8380" + "00" * 6
    assert column.norms.tolist() == [2.0]
    assert column.vectors[0].tolist() == [1, 0, 0, 0, 0, 0, 1, 1, 1, 0]


@pytest.mark.parametrize("element", [FLOAT32, FLOAT16, BITS])
@pytest.mark.parametrize("dim", [1, 7, 16, 64, 70])
def test_what_is_written_is_read_merged_and_found_sound(element, dim):
    rng = np.random.default_rng(dim)
    matrix = rng.integers(0, 2, (9, dim)).astype(np.float32)
    _, written, opened = columns(element, matrix)
    for column in (written, opened):
        assert column.element is element
        assert np.array_equal(column.vectors[:], matrix)
        assert np.array_equal(column.vectors[3], matrix[3])
        assert column.faults("v") == []
    live = Bitmap.from_docs(9, [1, 2, 8])
    merged = merged_column([(opened, live, 9), (None, None, 2), (written, None, 9)])
    assert np.array_equal(merged.vectors[:], matrix[[1, 2, 8, *range(9)]])
    assert merged.element is element


def test_columns_of_two_types_are_not_merged():
    matrix = np.ones((2, 4), np.float32)
    _, one, _ = columns(FLOAT32, matrix)
    _, other, _ = columns(FLOAT16, matrix)
    with pytest.raises(InvalidArgument, match="element type"):
        merged_column([(one, None, 2), (other, None, 2)])


def test_padding_that_is_not_zero_is_a_fault():
    for element in (FLOAT32, FLOAT16, BITS):
        _, column, _ = columns(element, np.ones((3, 5), np.float32))
        column.rows[1, -1] = 1
        assert column.faults("v") == ["rows of 'v' are not padded with zeros"]


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("dim", [3, 24, 96])
def test_float16_is_scored_as_the_rounded_float32_to_the_bit(metric, dim):
    rng = np.random.default_rng(dim)
    x = rng.standard_normal((400, dim)).astype(np.float32)
    queries = rng.standard_normal((9, dim)).astype(np.float32)
    half = Exact.from_vectors(x, metric=metric, dtype="float16")
    rounded = Exact.from_vectors(x.astype(np.float16), metric=metric)
    graphs = [
        HNSW.from_vectors(x, metric=metric, dtype="float16"),
        HNSW.from_vectors(x.astype(np.float16), metric=metric),
    ]
    for query, found in zip(queries, half.search_many(queries, 20), strict=True):
        for other in (half.search(query, 20), rounded.search(query, 20)):
            assert found.ids.tolist() == other.ids.tolist()
            assert found.scores.tolist() == other.scores.tolist()
        assert found[0].explain().value == found[0].score
        mine, theirs = (graph.search(query, 20, ef_search=300) for graph in graphs)
        assert mine.ids.tolist() == theirs.ids.tolist()
        assert mine.scores.tolist() == theirs.scores.tolist()
    assert half.vector(5).tolist() == x[5].astype(np.float16).tolist()


@pytest.mark.parametrize("value", [65504.0, 6e-8, -5.96e-8, 2.0**-14, 0.0, -0.0])
def test_every_finite_float16_is_widened_exactly(value):
    exact = Exact.from_vectors([[value, 1.0, 0.0, 0.0]], metric="dot", dtype="float16")
    assert exact.search([1.0, 0.0, 0.0, 0.0], 1).scores.tolist() == [float(np.float16(value))]


def test_hamming_distances_are_counted_bits():
    rng = np.random.default_rng(3)
    bits = rng.random((300, 77)) < 0.5
    packed = np.packbits(bits, axis=1)
    exact = Exact.from_vectors(bits, metric="hamming")
    for query in rng.random((20, 77)) < 0.5:
        distances = (bits != query).sum(axis=1)
        order = np.lexsort((np.arange(300), distances))[:12]
        hits = exact.search(query, 12)
        assert hits.ids.tolist() == order.tolist()
        assert hits.scores.tolist() == (-distances[order]).tolist()
        assert exact.search(np.packbits(query), 12).ids.tolist() == order.tolist()
        assert hits[0].explain().value == hits[0].score
    of_bytes = Exact.from_vectors(packed, metric="hamming")
    assert of_bytes.dim == 80
    allowed = Bitmap.from_docs(300, [5, 6, 200])
    assert len(exact.search(bits[5], 10, allowed=allowed)) == 3
    assert exact.search(bits[5], 1, allowed=allowed).scores.tolist() == [0.0]


def test_hamming_survives_saving(tmp_path):
    bits = np.random.default_rng(4).random((20, 130)) < 0.5
    exact = Exact.from_vectors(bits, metric="hamming")
    exact.save(tmp_path)
    opened = Exact.open(tmp_path)
    assert opened.search(bits[3], 20).ids.tolist() == exact.search(bits[3], 20).ids.tolist()
    raw = (tmp_path / "exact.segment").read_bytes().replace(b'"hamming"', b'"dot"    ')
    (tmp_path / "exact.segment").write_bytes(raw)
    with pytest.raises(CorruptionError):
        Exact.open(tmp_path)


def fields(kind):
    made = {
        "half": rr.Vector(24, dtype="float16"),
        "bits": rr.Vector(24, metric="hamming"),
        "codes": rr.Vector(24, index=rr.ExactOptions(quantizer="int8")),
        "plain": rr.Vector(24),
    }
    return {"v": made[kind]}


@pytest.mark.parametrize("kind", ["half", "bits", "codes", "plain"])
def test_collections_answer_alike_in_memory_on_disk_merged_and_reopened(
    tmp_path, kind, monkeypatch
):
    from rank_retrieve.dense import indexes

    monkeypatch.setattr(indexes, "GRAPH_ROWS", 50)
    x = np.random.default_rng(6).standard_normal((150, 24)).astype(np.float32)
    given = x > 0 if kind == "bits" else x
    db = rr.open(tmp_path)
    papers = db.create_collection("papers", fields(kind))
    answers = []

    def ask():
        hits = [papers.search(vector=row, k=5) for row in given[::15]]
        answers.append([(h.ids.tolist(), h.scores.tolist()) for h in hits])

    papers.put_many({"id": f"d{i}", "v": row} for i, row in enumerate(given[:80]))
    papers.flush()
    papers.put_many({"id": f"d{i}", "v": row} for i, row in enumerate(given[80:], 80))
    ask()
    papers.flush()
    ask()
    papers.compact()
    ask()
    assert not db.verify().problems
    again = papers.get("d7")
    papers.put(again)
    assert np.array_equal(papers.get("d7")["v"], again["v"])
    db.close()
    db = rr.open(tmp_path)
    papers = db.get_collection("papers")
    assert (
        papers.schema.to_dict()
        == rr.open(":memory:").create_collection("papers", fields(kind)).schema.to_dict()
    )
    db.close()
    assert answers[0] == answers[1] == answers[2]


def test_a_row_takes_half_the_bytes_as_float16_and_a_32nd_as_bits():
    x = np.ones((10, 384), np.float32)
    sizes = [columns(element, x)[1].rows.nbytes for element in (FLOAT32, FLOAT16, BITS)]
    assert sizes == [15_360, 7_680, 480]
