"""Quality of a collection on judged sets, beside figures measured with other people's tools."""

import os
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.evaluation import evaluate, load_beir

DEFAULT = Path(__file__).resolve().parents[3] / "shared" / "data"
DATA = Path(os.environ.get("RANK_RETRIEVE_SHARED_DATA", DEFAULT)) / "judged"

# nDCG@10: bm25s (k1=1.2, b=0.75), exact cosine with NumPy, RRF (k=60, depth 1,000)
FIGURES = {
    "scifact": {"lexical": 0.6791, "dense": 0.6451, "hybrid": 0.7157},
    "cranfield": {"lexical": 0.3597, "dense": 0.3736, "hybrid": 0.4061},
    "cacm": {"lexical": 0.4995, "dense": 0.4093, "hybrid": 0.5370},
}
# ties alone move reciprocal ranks that much
TOLERANCE = {"lexical": 0.005, "dense": 0.001, "hybrid": 0.01}


@pytest.mark.shared_data
@pytest.mark.parametrize("name", FIGURES)
def test_lexical_dense_and_hybrid_reach_the_reference_figures(name: str, tmp_path: Path) -> None:
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"the judged collection {name} is not there: set RANK_RETRIEVE_SHARED_DATA")
    dataset = load_beir(folder)
    vectors = np.load(folder / "doc_vectors.f16.npy")
    documents = [
        {**document, "vector": vector}
        for document, vector in zip(dataset.corpus, vectors, strict=True)
    ]
    query_vectors = np.load(folder / "query_vectors.f16.npy").astype(np.float32)
    queries = {
        name: rr.Query(text, vector)
        for (name, text), vector in zip(dataset.queries.items(), query_vectors, strict=True)
    }
    with rr.open(tmp_path / "db") as db:
        collection = db.create_collection(
            name,
            fields={"title": rr.Text(), "text": rr.Text(), "vector": rr.Vector(dim=384)},
        )
        collection.put_many(documents)

        systems = {kind: partial(collection.search, mode=kind) for kind in FIGURES[name]}
        found = evaluate(systems, queries, dataset.qrels, metrics=("nDCG@10",))
    for kind, expected in FIGURES[name].items():
        got = found.mean("nDCG@10", kind)
        assert got == pytest.approx(expected, abs=TOLERANCE[kind]), kind
