import numpy as np
import pytest

import rank_retrieve as rr
import rank_retrieve.dense as dense
from rank_retrieve.dense.exact import Exact
from rank_retrieve.errors import (
    CorruptionError,
    DimensionMismatch,
    InvalidArgument,
    NotFound,
    RankRetrieveError,
)
from rank_retrieve.persistence.directory import FSDirectory
from rank_retrieve.persistence.memory_directory import MemoryDirectory
from rank_retrieve.testing.retriever_contract import RetrieverContract
from rank_retrieve.types import Bitmap, Query, Retriever

VECTORS = [[3.0, 4.0], [0.0, 2.0], [-3.0, -4.0], [4.0, 3.0]]


class TestCosineContract(RetrieverContract):
    metric = "cosine"

    def build(self, texts, vectors, ids):
        return Exact.from_vectors(vectors, ids=ids, metric=self.metric)

    def query(self, query):
        return query.vector


class TestDotContract(TestCosineContract):
    metric = "dot"


class TestEuclideanContract(TestCosineContract):
    metric = "euclidean"


def test_the_public_name_is_this_class():
    assert rr.Exact is Exact


def test_the_nearest_come_first():
    exact = Exact.from_vectors(VECTORS, ids=["a", "b", "c", "d"])
    hits = exact.search([0.0, 1.0], k=3)
    assert hits.ids.tolist() == ["b", "a", "d"]
    assert hits.scores.tolist() == [1.0, 0.8, 0.6]
    assert isinstance(exact, Retriever)
    assert len(exact) == 4


def test_a_query_object_and_an_array_are_answered_alike():
    exact = Exact.from_vectors(VECTORS)
    asked = Query(text="ignored", vector=np.array([0.0, 1.0], dtype=np.float32))
    assert exact.search(asked, 2).ids.tolist() == exact.search([0.0, 1.0], 2).ids.tolist() == [1, 0]
    many = exact.search_many([asked, asked], 2)
    assert [hits.ids.tolist() for hits in many] == [[1, 0], [1, 0]]
    with pytest.raises(InvalidArgument, match="must have a vector"):
        exact.search(Query(text="only text"))


def test_allowed_positions_only():
    exact = Exact.from_vectors(VECTORS, metric="dot")
    hits = exact.search([0.0, 1.0], 10, allowed=Bitmap.from_docs(4, [2, 3]))
    assert hits.ids.tolist() == [3, 2]
    assert len(exact.search([0.0, 1.0], 10, allowed=Bitmap(4))) == 0
    with pytest.raises(InvalidArgument):
        exact.search([0.0, 1.0], allowed=Bitmap(5))


def test_explanations_end_in_the_hits_score():
    exact = Exact.from_vectors(VECTORS, ids=["a", "b", "c", "d"])
    for hit in exact.search([1.0, 2.0], 4):
        explanation = hit.explain()
        assert explanation.value == hit.score
        assert explanation == exact.explain([1.0, 2.0], hit.id)
        dot, query, document = (child.value for child in explanation.children)
        assert dot / (query * document) == hit.score
    with pytest.raises(NotFound):
        exact.explain([1.0, 2.0], "zzz")


def test_vectors_come_back_as_they_were_given_and_not_normalised():
    exact = Exact.from_vectors(VECTORS, ids=["a", "b", "c", "d"])
    assert exact.vector("a").tolist() == [3.0, 4.0]
    with pytest.raises(NotFound):
        exact.vector("e")


def test_later_changes_to_the_callers_array_do_not_matter():
    mine = np.ones((3, 16), dtype=np.float32)
    exact = Exact.from_vectors(mine, metric="dot")
    mine[:] = 0
    assert exact.search(np.ones(16)).scores.tolist() == [16.0, 16.0, 16.0]


@pytest.mark.parametrize("ids", [None, ["x", "y", "ü", ""], [7, -1, 2**62, 0]])
@pytest.mark.parametrize("metric", ["cosine", "dot", "euclidean"])
def test_a_saved_retriever_answers_to_the_bit_as_before(tmp_path, ids, metric):
    exact = Exact.from_vectors(VECTORS, ids=ids, metric=metric)
    exact.save(tmp_path / "saved")
    in_memory = MemoryDirectory()
    exact.save(in_memory)
    for opened in (Exact.open(tmp_path / "saved"), Exact.open(in_memory)):
        assert repr(opened) == repr(exact) == f"Exact(4 vectors, dim 2, {metric})"
        for query in ([1.0, 3.0], [0.5, -2.0]):
            before, after = exact.search(query, 4), opened.search(query, 4)
            assert after.ids.tolist() == before.ids.tolist()
            assert after.scores.tolist() == before.scores.tolist()
            assert after[0].explain() == before[0].explain()


def test_saving_again_replaces(tmp_path):
    Exact.from_vectors(VECTORS).save(tmp_path)
    Exact.from_vectors(VECTORS[:1]).save(tmp_path)
    assert len(Exact.open(tmp_path)) == 1
    assert FSDirectory(tmp_path, create=False).list() == ["exact.segment"]


def test_no_vectors_are_saved_and_found_as_none(tmp_path):
    empty = Exact.from_vectors(np.empty((0, 5)))
    empty.save(tmp_path)
    for exact in (empty, Exact.open(tmp_path)):
        assert (len(exact), exact.dim) == (0, 5)
        assert len(exact.search(np.ones(5))) == 0


def test_opening_what_is_not_there_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        Exact.open(tmp_path / "nothing")
    with pytest.raises(NotFound):
        Exact.open(MemoryDirectory())


def test_every_damaged_byte_is_noticed_or_harmless(tmp_path):
    exact = Exact.from_vectors(VECTORS, ids=["a", "b", "c", "d"])
    exact.save(tmp_path)
    saved = (tmp_path / "exact.segment").read_bytes()
    expected = exact.search([1.0, 2.0], 4)
    refused = 0
    for at in range(0, len(saved), 3):
        damaged = bytearray(saved)
        damaged[at] ^= 0x55
        folder = tmp_path / str(at)
        folder.mkdir()
        (folder / "exact.segment").write_bytes(damaged)
        try:
            hits = Exact.open(folder).search([1.0, 2.0], 4)
        except RankRetrieveError:
            refused += 1
        else:
            assert hits.ids.tolist() == expected.ids.tolist()
            assert hits.scores.tolist() == expected.scores.tolist()
    assert refused > len(saved) // 12


def test_a_truncated_file_is_corruption(tmp_path):
    Exact.from_vectors(VECTORS).save(tmp_path)
    saved = (tmp_path / "exact.segment").read_bytes()
    (tmp_path / "exact.segment").unlink()
    (tmp_path / "exact.segment").write_bytes(saved[: len(saved) // 2])
    with pytest.raises(CorruptionError):
        Exact.open(tmp_path)


@pytest.mark.parametrize(
    ("vectors", "arguments"),
    [
        ([], {}),
        ([1.0, 2.0], {}),
        ([[1.0, np.nan]], {}),
        ([[1.0, np.inf]], {"metric": "dot"}),
        ([[0.0, 0.0]], {}),
        ([["a"]], {}),
        ([[1.0], [1.0, 2.0]], {}),
        (VECTORS, {"metric": "l1"}),
        (VECTORS, {"ids": ["a"]}),
        (VECTORS, {"ids": ["a", "a", "b", "c"]}),
        (VECTORS, {"ids": ["a", 1, "b", "c"]}),
        (VECTORS, {"ids": [1.5, 2, 3, 4]}),
        (VECTORS, {"ids": ["\ud800", "b", "c", "d"]}),
    ],
)
def test_bad_input_is_refused(vectors, arguments):
    with pytest.raises(InvalidArgument):
        Exact.from_vectors(vectors, **arguments)


def test_bad_queries_are_refused():
    exact = Exact.from_vectors(VECTORS)
    with pytest.raises(DimensionMismatch):
        exact.search([1.0, 2.0, 3.0])
    with pytest.raises(InvalidArgument):
        exact.search([1.0, 2.0], k=0)
    with pytest.raises(InvalidArgument):
        exact.search("text")
    assert exact.search_many([]) == []


def test_the_package_names_what_it_offers():
    assert all(getattr(dense, name) is not None for name in dense.__all__)
    with pytest.raises(AttributeError):
        _ = dense.nothing
