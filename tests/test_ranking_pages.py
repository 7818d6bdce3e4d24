"""The code of the pages on fusion, reranking and evaluation runs as it is printed."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.types import Ranked

ROOT = Path(__file__).resolve().parents[1]
TEXTS = (
    "Dense retrieval finds documents by their vectors.",
    "Lexical retrieval finds documents by their words.",
    "A survey of retrieval, dense and lexical.",
    "Cooking with few ingredients.",
    "Gardens in spring.",
    "How search engines rank.",
)


def program(page: str) -> str:
    """All Python blocks of a page."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    return "\n".join(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL))


@pytest.fixture
def names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the pages take for granted."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((len(TEXTS), 8)).astype(np.float32)
    ids = [f"d{number}" for number in range(1, len(TEXTS) + 1)]
    papers = rr.open(":memory:").create_collection(
        "papers", fields={"text": rr.Text(), "vector": rr.Vector(dim=8)},
        encoder=rr.CallableEncoder(
            lambda texts: np.array([vectors[len(text) % len(TEXTS)] for text in texts]),
            dim=8, name="by length",
        ),
    )  # fmt: skip
    for number, (identity, text) in enumerate(zip(ids, TEXTS, strict=True)):
        papers.put({
            "id": identity, "title": text.split()[0], "text": text, "vector": vectors[number],
            "citations": number * 10, "published": datetime(2020 + number, 1, 1, tzinfo=UTC),
        })  # fmt: skip
    queries = {f"q{number}": text for number, text in enumerate(TEXTS)}
    ranked = Ranked(np.arange(3), np.array([3.0, 2.0, 1.0]))
    exact = rr.Exact.from_vectors(vectors, ids=ids)
    return {
        "rr": rr,
        "papers": papers,
        "v": vectors[0],
        "bm25": rr.BM25.from_texts(list(TEXTS), ids=ids),
        "exact": exact,
        "asked": list(zip(queries, TEXTS, vectors, strict=True)),
        "hnsw": rr.HNSW.from_vectors(vectors, ids=ids),
        "vectors_of_queries": dict(zip(queries, vectors, strict=True)),
        "queries": queries,
        "qrels": {query: {identity: 1} for query, identity in zip(queries, ids, strict=True)},
        "lexical_ranked": ranked,
        "dense_ranked": ranked,
        "documents_by_id": {identity: {"id": identity} for identity in ids},
    }


def test_the_page_on_fusion(names: dict[str, Any]) -> None:
    pytest.importorskip("ir_measures")
    exec(compile(program("fusion.md"), "docs/fusion.md", "exec"), names)
    assert names["fused"].docs.tolist() == [0, 1, 2]


def test_the_page_on_reranking(names: dict[str, Any]) -> None:
    exec(compile(program("reranking.md"), "docs/reranking.md", "exec"), names)
    hits = names["papers"].search("dense retrieval", rerank=names["Favourites"]({"d2"}))
    assert hits.ids[0] == "d2"
    assert hits[0].explain().adds_up()


def test_the_page_on_evaluation(names: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ir_measures")
    pytest.importorskip("pandas")
    pytest.importorskip("matplotlib").use("Agg")
    scifact = rr.evaluation.Dataset(
        "scifact",
        [{"id": f"d{n}", "title": "", "text": text} for n, text in enumerate(TEXTS, 1)],  # type: ignore[arg-type]
        names["queries"],
        names["qrels"],
    )
    monkeypatch.setattr(rr.evaluation, "load_beir", lambda folder: scifact)
    Path("theirs.run").write_text("q0 Q0 d1 1 1.0 x\n")
    exec(compile(program("evaluation.md"), "docs/evaluation.md", "exec"), names)
    assert names["curve"].points[-1].quality == 1.0
    assert Path("means.png").stat().st_size > 1000
