import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.dense.vectors import VectorColumn, merge_vectors, write_vectors
from rank_retrieve.errors import CorruptionError, FormatVersionError, InvalidArgument
from rank_retrieve.types import Bitmap, MemorySections


def written(vectors, docs=None, n_docs=None):
    sections = MemorySections("file")
    vectors = np.asarray(vectors, dtype=np.float32)
    some = None if docs is None else np.array(docs, dtype=np.int32)
    write_vectors(sections, "v", vectors, some, len(vectors) if n_docs is None else n_docs)
    return sections


def test_the_sections_of_one_vector_are_these_bytes():
    sections = written([[1.0, 2.0]])
    assert bytes(sections.section("vectors.v.meta")).hex(" ", 4) == (
        "01000100 02000000 10000000 00000000 01000000 00000000 01000000 00000000"
    )
    assert bytes(sections.section("vectors.v")) == struct.pack("<16f", 1.0, 2.0, *[0.0] * 14)
    assert bytes(sections.section("vectors.v.norms")).hex(" ") == "bd 1b 0f 40"
    assert "vectors.v.docs" not in sections


def test_docs_are_stored_where_some_have_no_vector():
    sections = written([[1.0], [2.0]], docs=[1, 4], n_docs=6)
    assert bytes(sections.section("vectors.v.meta"))[12:16].hex() == "01000000"
    assert bytes(sections.section("vectors.v.docs")).hex(" ") == "01 00 00 00 04 00 00 00"


@pytest.mark.parametrize("dim", [1, 15, 16, 17, 48, 100])
def test_vectors_come_back_as_they_were_put(dim):
    vectors = np.random.default_rng(dim).standard_normal((5, dim)).astype(np.float32) * 3
    column = VectorColumn.open(written(vectors), "v")
    assert (column.dim, column.n, column.n_docs, column.docs) == (dim, 5, 5, None)
    assert np.array_equal(column.vectors, vectors)
    assert column.rows.shape[1] % 16 == 0
    assert not column.rows[:, dim:].any()


def test_a_column_shares_the_sections_memory_and_cannot_change_it():
    sections = written(np.ones((3, 16)))
    column = VectorColumn.open(sections, "v")
    assert np.shares_memory(column.vectors, np.frombuffer(sections.section("vectors.v"), "u1"))
    with pytest.raises(ValueError, match="read-only"):
        column.vectors[0, 0] = 5


def test_rows_of_docs():
    column = VectorColumn.open(written([[1.0], [2.0], [3.0]], docs=[0, 2, 5], n_docs=7), "v")
    assert [column.row_of(doc) for doc in range(-1, 8)] == [None, 0, None, 1, None, None, 2] + [
        None
    ] * 2
    assert column.rows_of(np.array([5, 1, 0, -1, 6, 99, 2])).tolist() == [2, -1, 0, -1, -1, -1, 1]
    whole = VectorColumn.open(written([[1.0], [2.0]]), "v")
    assert whole.rows_of(np.array([1, 0, 2, -1])).tolist() == [1, 0, -1, -1]
    assert [whole.row_of(doc) for doc in (-1, 0, 1, 2)] == [None, 0, 1, None]


def test_an_empty_column_opens():
    column = VectorColumn.open(written(np.empty((0, 3)), docs=[], n_docs=4), "v")
    assert (column.n, column.n_docs, column.dim) == (0, 4, 3)
    assert column.rows_of(np.array([0, 3])).tolist() == [-1, -1]


@pytest.mark.parametrize(
    ("docs", "n_docs"), [([1, 1], 3), ([2, 1], 3), ([0, 3], 3), ([-1, 0], 3), ([0], 3), (None, 3)]
)
def test_docs_that_contradict_the_rows_are_refused(docs, n_docs):
    with pytest.raises(InvalidArgument):
        written([[1.0], [2.0]], docs=docs, n_docs=n_docs)


def test_values_that_are_not_finite_are_refused():
    with pytest.raises(InvalidArgument, match="finite"):
        written([[1.0], [np.nan]])


def with_meta(**changes):
    values = {"layout": 1, "element": 1, "dim": 2, "stride": 16, "flags": 1, "n": 2, "n_docs": 5}
    values |= changes
    sections = written([[1.0, 2.0], [3.0, 4.0]], docs=[1, 3], n_docs=5)
    sections.buffers["vectors.v.meta"] = memoryview(struct.pack("<HHIIIQQ", *values.values()))
    return sections


def test_the_meta_that_the_next_tests_damage_is_that_of_a_good_column():
    good = written([[1.0, 2.0], [3.0, 4.0]], docs=[1, 3], n_docs=5)
    assert with_meta().section("vectors.v.meta") == good.section("vectors.v.meta")
    assert VectorColumn.open(with_meta(), "v").n == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"dim": 0},
        {"dim": 17},
        {"dim": 1 << 20},
        {"stride": 32},
        {"n": 3},
        {"n": 1 << 60},
        {"n": 6},
        {"n_docs": 3},
        {"n_docs": 1 << 40},
        {"flags": 0},
    ],
)
def test_sizes_that_contradict_each_other_are_corruption(changes):
    with pytest.raises(CorruptionError):
        VectorColumn.open(with_meta(**changes), "v")


@pytest.mark.parametrize("changes", [{"layout": 2}, {"element": 4}, {"flags": 2}])
def test_a_newer_layout_is_refused_as_such(changes):
    with pytest.raises(FormatVersionError):
        VectorColumn.open(with_meta(**changes), "v")


@pytest.mark.parametrize(
    "name", ["vectors.v", "vectors.v.norms", "vectors.v.docs", "vectors.v.meta"]
)
def test_a_section_cut_short_is_corruption(name):
    sections = with_meta()
    sections.buffers[name] = sections.buffers[name][:-1]
    with pytest.raises(CorruptionError):
        VectorColumn.open(sections, "v")


@pytest.mark.parametrize("docs", [[3, 1], [1, 1], [1, 5], [-1, 1]])
def test_docs_out_of_order_or_range_are_corruption(docs):
    sections = with_meta()
    sections.buffers["vectors.v.docs"] = memoryview(struct.pack("<2i", *docs))
    with pytest.raises(CorruptionError):
        VectorColumn.open(sections, "v")


# --------------------------------------------------------------------------- merging


def test_merging_keeps_the_live_rows_in_order_and_numbers_their_docs_anew():
    first = VectorColumn.open(written([[1.0], [2.0], [3.0]], docs=[0, 2, 3], n_docs=4), "v")
    second = VectorColumn.open(written([[4.0], [5.0]]), "v")
    sections = MemorySections()
    assert merge_vectors(
        sections,
        "v",
        [
            (first, Bitmap.from_docs(4, [1, 2, 3]), 4),
            (None, Bitmap.from_docs(3, [0, 2]), 3),
            (second, None, 2),
        ],
    )
    merged = VectorColumn.open(sections, "v")
    assert merged.n_docs == 3 + 2 + 2
    assert merged.vectors.ravel().tolist() == [2.0, 3.0, 4.0, 5.0]
    assert merged.docs.tolist() == [1, 2, 5, 6]
    assert merged.norms.tolist() == [2.0, 3.0, 4.0, 5.0]


def test_merging_without_a_live_vector_writes_nothing():
    column = VectorColumn.open(written([[1.0]], docs=[1], n_docs=2), "v")
    sections = MemorySections()
    assert not merge_vectors(
        sections, "v", [(column, Bitmap.from_docs(2, [0]), 2), (None, None, 1)]
    )
    assert not merge_vectors(sections, "v", [])
    assert sections.buffers == {}


def test_columns_of_two_dimensions_cannot_be_merged():
    one, two = (
        VectorColumn.open(written([[1.0]]), "v"),
        VectorColumn.open(written([[1.0, 2.0]]), "v"),
    )
    with pytest.raises(InvalidArgument):
        merge_vectors(MemorySections(), "v", [(one, None, 1), (two, None, 1)])


@st.composite
def a_part(draw):
    n_docs = draw(st.integers(0, 12))
    having = draw(st.lists(st.booleans(), min_size=n_docs, max_size=n_docs))
    alive = draw(st.none() | st.lists(st.booleans(), min_size=n_docs, max_size=n_docs))
    return having, alive


@settings(deadline=None, max_examples=60)
@given(st.lists(a_part(), max_size=4), st.sampled_from([3, 16]))
def test_merging_equals_writing_the_live_documents_afresh(parts, dim):
    rng = np.random.default_rng(0)
    given_parts, expected = [], []
    for having, alive in parts:
        docs = [doc for doc, has in enumerate(having) if has]
        vectors = rng.standard_normal((len(docs), dim)).astype(np.float32)
        column = VectorColumn.open(written(vectors, docs, len(having)), "v") if docs else None
        live = None if alive is None else Bitmap.from_mask(np.array(alive, dtype=bool))
        given_parts.append((column, live, len(having)))
        of_doc = dict(zip(docs, vectors, strict=True))
        expected += [of_doc.get(d) for d in range(len(having)) if alive is None or alive[d]]
    rows = [row for row in expected if row is not None]
    sections = MemorySections()
    assert merge_vectors(sections, "v", given_parts) == bool(rows)
    if rows:
        docs = [doc for doc, row in enumerate(expected) if row is not None]
        some = None if len(docs) == len(expected) else docs
        fresh = written(np.stack(rows), some, len(expected))
        assert {n: bytes(b) for n, b in sections.buffers.items()} == {
            n: bytes(b) for n, b in fresh.buffers.items()
        }
