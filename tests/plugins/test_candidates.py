"""What all vector plug-ins share, seen through one that proposes what it is told."""

from dataclasses import dataclass

import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.plugins import CandidateRetriever, open_retriever, retriever_class
from rank_retrieve.types import Bitmap


@dataclass(frozen=True)
class ToldOptions:
    proposals: tuple[int, ...] = ()


class Told(CandidateRetriever):
    """Proposes the positions of its options."""

    name = "told"
    options_class = ToldOptions
    metrics = frozenset({"euclidean"})

    def _build(self, vectors):
        return "an index"

    def _propose(self, vector, n):
        return np.array(self.options.proposals, dtype=np.int64)

    def _dump(self):
        return self._index.encode()

    def _load(self, stored):
        return bytes(stored).decode()


LINE = np.arange(200, dtype=np.float32).reshape(-1, 1)


def told(*proposals):
    return Told.from_vectors(LINE, metric="euclidean", options=ToldOptions(proposals))


def test_proposals_are_ranked_by_exact_scores():
    hits = told(9, 3, 5).search([4.0], k=2)
    assert hits.ids.tolist() == [3, 5]
    assert hits.scores.tolist() == [-1.0, -1.0]
    assert hits.plan["strategy"] == "proposals"


def test_too_few_proposals_are_made_up_for_by_comparing_all():
    hits = told(9, 3, 5).search([4.0], k=4)
    assert hits.ids.tolist() == [4, 3, 5, 2]


def test_a_filter_never_starves():
    allowed = Bitmap.from_docs(200, [9, 100, 150])
    assert told(9, 3, 5).search([4.0], k=1, allowed=allowed).ids.tolist() == [9]
    assert told(9, 3, 5).search([4.0], k=2, allowed=allowed).ids.tolist() == [9, 100]
    assert told(9, 3, 5).search([4.0], k=9, allowed=allowed).ids.tolist() == [9, 100, 150]


def test_what_is_saved_comes_back_without_building_again(tmp_path, monkeypatch):
    told(9, 3).save(tmp_path / "saved")
    monkeypatch.setattr(Told, "_build", lambda self, vectors: pytest.fail("built again"))
    opened = Told.open(tmp_path / "saved")
    assert opened.options.proposals in ((9, 3), [9, 3])
    assert opened._index == "an index"
    assert opened.search([4.0], k=1).ids.tolist() == [3]


def test_a_metric_that_the_library_lacks_is_refused():
    with pytest.raises(rr.InvalidArgument, match="told knows"):
        Told.from_vectors(LINE, metric="cosine")


def test_options_of_another_class_are_refused():
    with pytest.raises(rr.InvalidArgument, match="ToldOptions"):
        Told.from_vectors(LINE, metric="euclidean", options={"proposals": ()})


LIBRARIES = [
    "hnswlib",
    "faiss",
    "usearch",
    # compiles for half a minute, and keeps nothing of it
    pytest.param("pynndescent", marks=pytest.mark.reliability),
]


@pytest.fixture(scope="module")
def clustered():
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(40, 16)) * 3
    rows = centres[rng.integers(0, 40, size=2_040)] + rng.normal(size=(2_040, 16))
    return rows.astype(np.float32)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("name", LIBRARIES)
def test_a_library_finds_most_of_the_nearest_before_and_after_saving(name, clustered, tmp_path):
    pytest.importorskip(name)
    rows, queries = clustered[:2_000], clustered[2_000:]
    exact = rr.Exact.from_vectors(rows)
    made = retriever_class(name).from_vectors(rows)
    made.save(tmp_path)
    opened = open_retriever(tmp_path)
    assert type(opened) is type(made)
    found = 0
    for query in queries:
        hits = made.search(query, 10)
        assert hits.plan["strategy"] == "proposals"
        again = opened.search(query, 10)
        assert hits.ids.tolist() == again.ids.tolist()
        assert hits.scores.tolist() == again.scores.tolist()
        expected = exact.search(query, 10)
        scores = dict(zip(expected.ids.tolist(), expected.scores.tolist(), strict=True))
        common = [hit for hit in hits if hit.id in scores]
        assert all(hit.score == scores[hit.id] for hit in common)
        found += len(common)
    assert found >= 0.9 * 400


def test_they_mix_with_ours_in_one_ranking(clustered):
    pytest.importorskip("tantivy")
    pytest.importorskip("faiss")
    texts = ["a cat sat", "a dog ran", "the cat ran off", "no animal"]
    lexical = retriever_class("tantivy").from_texts(texts)
    dense = retriever_class("faiss").from_vectors(clustered[:4])
    ranker = rr.FusionRanker([lexical, rr.BM25.from_texts(texts), dense])
    hits = ranker.search(rr.Query("cat", clustered[2]), k=2)
    assert hits.ids.tolist()[0] == 2
    assert all(hit.explain().adds_up() for hit in hits)


def test_a_directory_of_several_retrievers_asks_for_a_name(clustered, tmp_path):
    rr.Exact.from_vectors(clustered[:9]).save(tmp_path)
    rr.BM25.from_texts(["a text"]).save(tmp_path)
    with pytest.raises(rr.InvalidArgument, match="several"):
        rr.open_retriever(tmp_path)
    assert isinstance(rr.open_retriever(tmp_path, "exact"), rr.Exact)
    with pytest.raises(rr.NotFound):
        rr.open_retriever(tmp_path, "hnsw")
