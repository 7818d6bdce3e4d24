"""Legs of a collection, completed, fitted and reranked; every explanation adds up."""

import math
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rank_retrieve as rr
from rank_retrieve.evaluation import load_beir
from rank_retrieve.fusion import METHODS, Convex, get_method

DEFAULT = Path(__file__).resolve().parents[3] / "shared" / "data"
DATA = Path(os.environ.get("RANK_RETRIEVE_SHARED_DATA", DEFAULT)) / "judged"

FIELDS = {"text": rr.Text(), "vector": rr.Vector(dim=4)}
WORDS = ("amber", "birch", "cedar", "dune", "ember", "fjord")
START = datetime(2026, 1, 1, tzinfo=UTC)


def document(number: int, rng: np.random.Generator) -> dict[str, Any]:
    """One of a fleet with text, mostly a vector, and metadata that is not always there."""
    made: dict[str, Any] = {
        "id": f"d{number}",
        "text": " ".join(rng.choice(WORDS, size=int(rng.integers(1, 6)))),
        "kind": ("news", "blog", "wiki")[number % 3],
        "when": START + timedelta(days=number),
    }
    if number % 4:
        made["vector"] = rng.standard_normal(4).astype(np.float32)
    if number % 5:
        made["cited"] = int(rng.integers(0, 1000))
    return made


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Three segments and a memtable, with deletes and replacements."""
    rng = np.random.default_rng(5)
    db = rr.open(tmp_path_factory.mktemp("db"), compaction="manual")
    collection = db.create_collection("fleet", fields=FIELDS)
    for start in (0, 40, 80, 120):
        collection.put_many(document(n, rng) for n in range(start, start + 40))
        if start < 120:
            collection.flush()
    for n in range(0, 160, 7):
        collection.delete(f"d{n}")
    collection.put_many(document(n, rng) for n in range(3, 160, 11))
    yield collection
    db.close()


# ------------------------------------------------------------------ complete


@pytest.fixture
def pair() -> Any:
    """Words find a and b, vectors c and b, when one candidate is taken of each."""
    collection = rr.open(":memory:").create_collection("pair", fields=FIELDS)
    collection.put({"id": "a", "text": "amber amber", "vector": [0, 1, 0, 0]})
    collection.put({"id": "b", "text": "amber birch", "vector": [1, 1, 0, 0]})
    collection.put({"id": "c", "text": "cedar", "vector": [1, 0, 0, 0]})
    collection.put({"id": "d", "text": "amber dune dune dune dune"})
    return collection


def test_candidates_are_scored_on_both_legs_on_request(pair: Any) -> None:
    query = {"query": "amber", "vector": [1, 0, 0, 0], "k": 2, "candidates": 2}
    legs = pair.search_legs("amber", 9, vector=[1, 0, 0, 0])
    assert {name: hits.ids.tolist() for name, hits in legs.items()} == {
        "lexical": ["a", "b", "d"],
        "dense": ["c", "b", "a"],
    }
    asked = pair.search(**query, fusion=Convex((1, 1), "none"))
    complete = pair.search(**query, fusion=Convex((1, 1), "none"), complete=True)
    scores = {name: dict(zip(h.ids, h.scores, strict=True)) for name, h in legs.items()}
    both = {
        name: scores["lexical"].get(name, 0.0) / 2 + scores["dense"].get(name, 0.0) / 2
        for name in "abc"
    }
    best = sorted(both, key=lambda name: -both[name])[:2]
    assert complete.ids.tolist() == best
    assert complete.scores.tolist() == [both[name] for name in best]
    assert complete.plan["fusion"]["complete"] is True
    assert asked.plan["fusion"]["complete"] is False
    for hit in complete:
        assert hit.explain().adds_up()


def test_a_candidate_that_matches_no_term_or_has_no_vector_stays_outside_the_leg(pair: Any) -> None:
    hits = pair.search("amber", vector=[1, 0, 0, 0], k=4, complete=True)
    by_id = {hit.id: hit.explain() for hit in hits}
    assert "lexical (not found)" in by_id["c"].children[0].label
    assert "dense (not found)" in by_id["d"].children[1].label


# ------------------------------------------------------------------ rerank


def test_stages_see_metadata_vectors_and_documents(fleet: Any) -> None:
    seen: list[Any] = []

    def look(query: rr.Query, candidates: Any) -> list[float]:
        seen.append(query.text)
        vectors = candidates.vectors()
        columns = {name: candidates.values(name) for name in ("cited", "kind", "when", "text")}
        for place, candidate in enumerate(candidates):
            found = candidate.document
            for name, values in columns.items():
                assert values[place] == found.get(name)
            if "vector" in found:
                assert np.array_equal(vectors[place], found["vector"])
            else:
                assert np.isnan(vectors[place]).all()
        return [float(len(candidate.document["text"])) for candidate in candidates]

    hits = fleet.search("amber", vector=[1, 0, 0, 1], k=5, rerank=look)
    assert seen == ["amber"]
    assert [len(hit.document["text"]) for hit in hits] == hits.scores.tolist()
    assert hits.plan["rerank"] == [{"stage": "look", "candidates": 100}]


def test_values_inside_arrays_and_objects_are_read_from_documents() -> None:
    collection = rr.open(":memory:").create_collection("c", fields={"text": rr.Text()})
    collection.put({"id": "a", "text": "amber", "tags": ["one"], "author": {"age": 36}, "n": 1})
    collection.put({"id": "b", "text": "amber", "people": [{"age": 7}], "n": "two"})
    seen: dict[str, Any] = {}

    def look(query: rr.Query, candidates: Any) -> list[float]:
        for path in ("tags", "author", "author.age", "people.age", "n", "nothing", "text.inside"):
            seen[path] = candidates.values(path)
        return [1.0] * len(candidates)

    collection.search("amber", rerank=look)
    assert seen == {
        "tags": [["one"], None],
        "author": [{"age": 36}, None],
        "author.age": [36, None],
        "people.age": [None, None],
        "n": [1, "two"],
        "nothing": [None, None],
        "text.inside": [None, None],
    }


def test_reranked_pages_groups_and_sorts_fit_together(fleet: Any) -> None:
    stage = rr.Boost("default(cited, 0)", "replace")
    whole = fleet.search("amber birch", k=20, rerank=stage, candidates=60)
    pages = [
        fleet.search("amber birch", k=5, offset=start, rerank=stage, candidates=60)
        for start in (0, 5, 10, 15)
    ]
    assert [name for page in pages for name in page.ids] == whole.ids.tolist()
    assert whole.scores.tolist() == sorted(whole.scores.tolist(), reverse=True)
    assert len(fleet.search("amber", k=2, rerank=stage, group_by="kind").groups) == 2


def test_what_is_no_stage_is_refused_when_the_search_is_asked(fleet: Any) -> None:
    with pytest.raises(rr.InvalidArgument, match="rerank"):
        fleet.search("amber", rerank="mmr")
    with pytest.raises(rr.InvalidArgument, match="field"):
        fleet.search("amber", rerank=rr.MMR(field="text"))


STAGES = (
    rr.MMR(0.7),
    rr.Boost("1 + 0.1 * log1p(cited) * (kind != 'blog')"),
    rr.Boost("cited / 100", "add"),
    rr.Recency("when", timedelta(days=30), now=START + timedelta(days=100)),
    lambda query, candidates: [math.sin(candidate.rank) for candidate in candidates],
    rr.rerankers.Scored(lambda q, found: [len(c.document["text"]) for c in found], 0.3, "len"),
    rr.MaxSim(lambda text: np.eye(3, dtype=np.float32), lambda document: np.ones((2, 3)), 0.5),
)
FUSIONS = (*map(get_method, METHODS), Convex((0.2, 0.8), "z-score"), rr.RRF(9, (2, 1)))
WHERES = (None, {"kind": "news"}, {"cited": {"$gte": 500}}, {"when": {"$lt": START}})


@settings(deadline=None, max_examples=80)
@given(
    words=st.lists(st.sampled_from(WORDS), min_size=1, max_size=4),
    mode=st.sampled_from(["hybrid", "lexical", "dense"]),
    fusion=st.sampled_from(FUSIONS),
    where=st.sampled_from(WHERES),
    stages=st.lists(st.sampled_from(STAGES), max_size=3),
    complete=st.booleans(),
    k=st.integers(1, 30),
    seed=st.integers(0, 1000),
)
def test_every_explanation_adds_up_to_its_score(
    fleet: Any, words: list[str], mode: str, fusion: Any, where: Any, stages: list[Any],
    complete: bool, k: int, seed: int,
) -> None:  # fmt: skip
    options: dict[str, Any] = {"mode": mode, "where": where, "rerank": stages or None}
    if mode == "hybrid":
        options |= {"fusion": fusion, "complete": complete}
    vector = np.random.default_rng(seed).standard_normal(4)
    text = " ".join(words)
    hits = fleet.search(text, k, vector=None if mode == "lexical" else vector, **options)
    assert (np.diff(hits.scores) <= 0).all()
    plain = fleet.search(text, k, vector=None if mode == "lexical" else vector, mode=mode,
                         where=where)  # fmt: skip
    assert len(hits) == len(plain)
    for hit in hits:
        tree = hit.explain()
        assert tree.value == hit.score
        assert tree.adds_up()
        assert f"{tree.value:.9g}" in str(tree)
        assert tree.to_dict()["value"] == hit.score
        assert tree._repr_html_().count("<details") == tree._repr_html_().count("</details>")


# ------------------------------------------------------------------ fitted


def test_fusion_is_fitted_to_judgements_of_a_collection(pair: Any) -> None:
    pytest.importorskip("ir_measures")
    # the vector is right in each query, the word never
    queries = {str(i): rr.Query("amber", [1, 0, 0, 0]) for i in range(4)}
    qrels = {name: {"c": 1} for name in queries}
    fit = pair.fit_fusion(queries, qrels, "RR", folds=2)
    assert fit.held_out.mean("RR", "fitted") == 1.0
    assert list(fit.held_out.values)[:2] == ["lexical", "dense"]
    best = pair.search(queries["0"], k=1, fusion=fit.method)
    assert best.ids.tolist() == ["c"]


@pytest.mark.shared_data
def test_a_fitted_convex_combination_beats_each_leg_on_held_out_folds_of_scifact() -> None:
    pytest.importorskip("ir_measures")
    folder = DATA / "scifact"
    if not folder.is_dir():
        pytest.skip("scifact is not there: set RANK_RETRIEVE_SHARED_DATA")
    dataset = load_beir(folder)
    vectors = np.load(folder / "doc_vectors.f16.npy")
    of_queries = np.load(folder / "query_vectors.f16.npy").astype(np.float32)
    collection = rr.open(":memory:").create_collection(
        "scifact",
        fields={"title": rr.Text(), "text": rr.Text(), "vector": rr.Vector(dim=384)},
    )
    collection.put_many(
        {**found, "vector": vector} for found, vector in zip(dataset.corpus, vectors, strict=True)
    )
    queries = {
        name: rr.Query(text, vector)
        for (name, text), vector in zip(dataset.queries.items(), of_queries, strict=True)
    }
    convex = [Convex((share / 20, 1 - share / 20)) for share in range(21)]
    fit = collection.fit_fusion(queries, dataset.qrels, methods=convex, candidates=100)
    held_out = {name: fit.held_out.mean("nDCG@10", name) for name in fit.held_out.systems}
    assert held_out["fitted"] >= max(held_out["lexical"], held_out["dense"])
    # as measured; luck may move it by some thousandths
    assert held_out["fitted"] == pytest.approx(0.7251, abs=0.006)
