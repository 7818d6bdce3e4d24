"""Encoders of ready-made models: prompts, batches, fingerprints, and models that are there."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

import rank_retrieve as rr
from rank_retrieve.encoders.model import ModelEncoder


class Lengths(ModelEncoder):
    """The length of each text and how many texts came with it."""

    dim = 2

    def __init__(self, *, document_prompt="", query_prompt="", batch_size=2, version=b"1"):
        super().__init__(
            "lengths",
            document_prompt=document_prompt,
            query_prompt=query_prompt,
            batch_size=batch_size,
        )
        self.version = version

    def _ingredients(self):
        return [self.version]

    def _run(self, texts):
        return [[len(text), len(texts)] for text in texts]


def test_texts_go_to_the_model_in_batches_behind_their_prompt():
    encoder = Lengths(document_prompt="passage: ", query_prompt="query: ")
    assert isinstance(encoder, rr.Encoder)
    assert encoder.encode_documents(["a", "ab", ""]).tolist() == [[10, 2], [11, 2], [9, 1]]
    assert encoder.encode_queries(["a"]).tolist() == [[8, 1]]
    assert encoder.encode_documents([]).shape == (0, 2)
    assert encoder.encode_documents([]).dtype == np.float32


def test_the_fingerprint_is_of_the_model_and_its_prompts_not_of_the_batch_size():
    same = {Lengths(batch_size=n).fingerprint for n in (1, 7)}
    others = {
        Lengths(version=b"2").fingerprint,
        Lengths(query_prompt="x").fingerprint,
        Lengths(document_prompt="x").fingerprint,
    }
    assert len(same) == 1
    assert len(same | others) == 4
    assert all(len(fingerprint) == 32 for fingerprint in same | others)


@pytest.mark.parametrize(
    "arguments", [{"batch_size": 0}, {"batch_size": True}, {"document_prompt": None}]
)
def test_bad_settings_are_refused(arguments):
    with pytest.raises(rr.InvalidArgument):
        Lengths(**arguments)


def test_one_string_is_not_a_sequence_of_texts():
    with pytest.raises(rr.InvalidArgument, match="not one string"):
        Lengths().encode_documents("text")


def test_a_collection_with_a_model_opens_with_the_same_one_only(tmp_path):
    with rr.open(tmp_path / "db") as db:
        db.create_collection("c", fields={"text": rr.Text()}, encoder=Lengths()).put(
            {"id": "a", "text": "four"}
        )
    with rr.open(tmp_path / "db") as db:
        with pytest.raises(rr.InvalidArgument, match="is not the one"):
            db.get_collection("c", encoder=Lengths(version=b"2"))
        found = db.get_collection("c", encoder=Lengths()).search("four", mode="dense")
        assert found.ids.tolist() == ["a"]


class FakeTransformer:
    def __init__(self, dim=3):
        self.dim, self.asked = dim, []
        self.prompts, self.max_seq_length = {"query": "Q: ", "passage": "P: "}, 256

    def get_sentence_embedding_dimension(self):
        return self.dim

    def encode(self, texts, **options):
        self.asked.append((texts, options))
        return np.ones((len(texts), 3), dtype=np.float32)


def test_a_sentence_transformer_is_asked_with_its_own_prompts():
    model = FakeTransformer()
    encoder = rr.SentenceTransformerEncoder(model, normalize=True)
    assert encoder.dim == 3
    assert encoder.encode_documents(["a"]).shape == (1, 3)
    encoder.encode_queries(["b"])
    assert [texts for texts, _ in model.asked] == [["P: a"], ["Q: b"]]
    options = model.asked[0][1]
    assert options["normalize_embeddings"]
    assert options["prompt"] == ""
    plain = rr.SentenceTransformerEncoder(model, document_prompt="", query_prompt="")
    plain.encode_documents(["a"])
    assert model.asked[-1][0] == ["a"]


def test_a_sentence_transformer_of_no_dimension_is_refused():
    with pytest.raises(rr.InvalidArgument, match="dimension"):
        rr.SentenceTransformerEncoder(FakeTransformer(dim=None))


def test_a_fastembed_model_is_asked_for_its_dimension_once():
    asked = []

    def embed(texts, batch_size):
        asked.append(list(texts))
        return (np.full(4, len(text), dtype=np.float32) for text in texts)

    encoder = rr.FastEmbedEncoder(SimpleNamespace(model_name="small", embed=embed))
    assert encoder.dim == 4
    assert encoder.encode_queries(["abc"]).tolist() == [[3, 3, 3, 3]]
    assert asked == [["word"], ["abc"]]
    other = rr.FastEmbedEncoder(SimpleNamespace(model_name="large", embed=embed), dim=4)
    assert other.fingerprint != encoder.fingerprint


@pytest.mark.parametrize(
    ("module", "make", "extra"),
    [
        ("sentence_transformers", rr.SentenceTransformerEncoder, "sentence-transformers"),
        ("model2vec", rr.Model2VecEncoder, "model2vec"),
        ("fastembed", rr.FastEmbedEncoder, "fastembed"),
    ],
)
def test_a_library_that_is_not_installed_is_told_with_the_command(module, make, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(rr.MissingExtra, match=rf"rank-retrieve\[{extra}\]"):
        make("some/model")


WORDS = ["[UNK]", "cat", "dog", "car", "the"]


@pytest.fixture
def static_model():
    """A model2vec model of five tokens and three dimensions."""
    model2vec = pytest.importorskip("model2vec")
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace

    def make(table):
        tokenizer = Tokenizer(
            WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]")
        )
        tokenizer.pre_tokenizer = Whitespace()
        return model2vec.StaticModel(
            vectors=np.array(table, dtype=np.float32), tokenizer=tokenizer, normalize=True
        )

    return make


TABLE = [[0, 0, 0], [1, 0, 0], [0.8, 0.6, 0], [0, 0, 1], [0.1, 0.1, 0.1]]


def test_a_model2vec_model_encodes_the_mean_of_its_tokens(static_model):
    encoder = rr.Model2VecEncoder(static_model(TABLE))
    assert encoder.dim == 3
    rows = encoder.encode_documents(["cat", "cat car", "cat dog"])
    half = np.sqrt(0.5)
    mean = np.array([0.9, 0.3, 0.0]) / np.sqrt(0.9)
    np.testing.assert_allclose(rows, [[1, 0, 0], [half, 0, half], mean], atol=1e-6)


def test_the_fingerprint_of_a_model2vec_model_is_that_of_its_tables(static_model):
    other = [*TABLE[:4], [0.1, 0.1, 0.2]]
    first, again, changed = (
        rr.Model2VecEncoder(static_model(table)).fingerprint for table in (TABLE, TABLE, other)
    )
    assert first == again != changed


def test_a_model2vec_model_comes_back_from_its_folder(static_model, tmp_path):
    model = static_model(TABLE)
    model.save_pretrained(str(tmp_path / "model"))
    saved = rr.Model2VecEncoder(str(tmp_path / "model"))
    made = rr.Model2VecEncoder(model)
    assert saved.encode_queries(["cat dog"]).tolist() == made.encode_queries(["cat dog"]).tolist()
    with rr.open(":memory:") as db:
        pets = db.create_collection("pets", fields={"text": rr.Text()}, encoder=saved)
        pets.put_many([{"id": word, "text": word} for word in WORDS[1:]])
        assert pets.search("dog", mode="dense", k=2).ids.tolist() == ["dog", "the"]  # .808, .800
