"""Quality on judged collections, beside figures measured with other people's tools."""

import json
import os
from pathlib import Path

import pytest

from rank_retrieve.lexical.bm25 import BM25

DEFAULT = Path(__file__).resolve().parents[3] / "shared" / "data"
DATA = Path(os.environ.get("RANK_RETRIEVE_SHARED_DATA", DEFAULT)) / "judged"

# nDCG@10 of bm25s with k1=1.2, b=0.75, English stop words and Snowball stemmer
FIGURES = {"scifact": 0.6791, "cranfield": 0.3597, "cacm": 0.4995}
TOLERANCE = 0.005


def read_lines(path):
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


def read_qrels(path, ir_measures):
    _header, *rows = (line.split("\t") for line in path.read_text("utf-8").split("\n") if line)
    return [ir_measures.Qrel(query, document, int(grade)) for query, document, grade in rows]


@pytest.mark.shared_data
@pytest.mark.parametrize("name", sorted(FIGURES))
def test_ndcg_is_within_five_thousandths_of_the_reference(name):
    folder = DATA / name
    if not folder.is_dir():
        pytest.skip(f"the judged collection {name} is not there: set RANK_RETRIEVE_SHARED_DATA")
    ir_measures = pytest.importorskip(
        "ir_measures", reason="pip install 'rank-retrieve[evaluation]'"
    )
    documents = read_lines(folder / "corpus.jsonl")
    bm25 = BM25.from_texts(
        [f"{document['title']} {document['text']}" for document in documents],
        ids=[document["_id"] for document in documents],
    )
    qrels = read_qrels(folder / "qrels.tsv", ir_measures)
    judged = {qrel.query_id for qrel in qrels if qrel.relevance > 0}
    queries = [query for query in read_lines(folder / "queries.jsonl") if query["_id"] in judged]
    run = [
        ir_measures.ScoredDoc(query["_id"], hit.id, hit.score)
        for query, hits in zip(
            queries, bm25.search_many([query["text"] for query in queries], 1000), strict=True
        )
        for hit in hits
    ]
    measure = ir_measures.nDCG @ 10
    kept = [qrel for qrel in qrels if qrel.query_id in judged]
    got = ir_measures.calc_aggregate([measure], kept, run)[measure]
    assert got == pytest.approx(FIGURES[name], abs=TOLERANCE)
