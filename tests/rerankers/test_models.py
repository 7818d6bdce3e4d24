"""Stages that ask a model: functions, cross-encoders, late interaction. Models are stubs."""

import sys
import types

import numpy as np
import pytest

from rank_retrieve.errors import DimensionMismatch, InvalidArgument
from rank_retrieve.rerankers import CrossEncoder, MaxSim, Scored
from rank_retrieve.types import Query
from tests.rerankers.candidates import candidates_of, ranked_ids

CATS = [
    {"id": "a", "title": "Dogs", "text": "bark"},
    {"id": "b", "title": "Cats", "text": "purr"},
    {"id": "c", "text": "cats"},
]


class Counting:
    """A model that counts the query's words in the text, and keeps what it was asked."""

    def __init__(self):
        self.asked = []

    def predict(self, pairs, **options):
        self.asked.append((pairs, options))
        return np.array(
            [sum(word in text.lower() for word in query.split()) for query, text in pairs]
        )


def test_a_cross_encoder_reads_query_and_fields_together():
    model = Counting()
    found = CrossEncoder(model, batch_size=2).rerank(Query("cats purr"), candidates_of(*CATS), 3)
    assert model.asked == [
        (
            [("cats purr", "Dogs bark"), ("cats purr", "Cats purr"), ("cats purr", "cats")],
            {"batch_size": 2},
        )
    ]
    assert ranked_ids(found) == ["b", "c", "a"]
    assert found.scores.tolist() == [0.0, 2.0, 1.0]
    assert found.label == "cross-encoder Counting"


def test_a_weight_mixes_with_the_earlier_scores_on_one_scale():
    stage = CrossEncoder(Counting(), weight=0.25)
    found = stage.rerank(Query("cats purr"), candidates_of(*CATS, scores=[3.0, 2.0, 1.0]), 3)
    # .25 x (0, 1, 1/2) + .75 x (1, 1/2, 0)
    assert found.scores.tolist() == [0.75, 0.625, 0.125]
    assert found.explain(1, found.candidates.source.explain(1)).adds_up()


def test_the_text_may_be_one_field_or_a_function():
    for text in ("text", lambda document: document["text"]):
        model = Counting()
        CrossEncoder(model, text).rerank(Query("q"), candidates_of(*CATS), 3)
        assert [pair[1] for pair in model.asked[0][0]] == ["bark", "purr", "cats"]


def test_a_model_by_name_comes_from_sentence_transformers(monkeypatch):
    made = []

    class Model(Counting):
        def __init__(self, name):
            super().__init__()
            made.append(name)

    stub = types.ModuleType("sentence_transformers")
    stub.CrossEncoder = Model
    monkeypatch.setitem(sys.modules, "sentence_transformers", stub)
    stage = CrossEncoder("some/model")
    assert made == ["some/model"]
    assert stage.rerank(Query("q"), candidates_of(*CATS), 3).label == "cross-encoder some/model"


def test_without_sentence_transformers_the_command_is_told(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ImportError, match=r"pip install 'rank-retrieve\[sentence-transformers\]'"):
        CrossEncoder("some/model")


@pytest.mark.parametrize(
    "wrong", [{"model": 3}, {"model": Counting}, {"text": ()}, {"text": [1]}, {"weight": 2}]
)
def test_bad_parameters_of_a_cross_encoder_are_refused(wrong):
    with pytest.raises(InvalidArgument):
        CrossEncoder(**{"model": Counting(), **wrong})


def test_a_query_without_text_is_refused():
    with pytest.raises(InvalidArgument, match="needs the query's text"):
        CrossEncoder(Counting()).rerank(Query(vector=[1.0]), candidates_of(*CATS), 3)


@pytest.mark.parametrize(
    "scores", [[1.0], [1.0, 2.0, float("nan")], ["a", "b", "c"], None, [1.0, 2.0, 3.0, 4.0]]
)
def test_scores_must_be_one_finite_number_a_candidate(scores):
    with pytest.raises(InvalidArgument, match="shorter"):
        Scored(lambda query, candidates: scores, name="shorter").rerank(
            Query("q"), candidates_of(*CATS), 3
        )


def test_a_function_sees_ids_scores_ranks_and_documents():
    def by_length(query, candidates):
        assert [c.rank for c in candidates] == [1, 2, 3]
        assert [c.score for c in candidates] == [3.0, 2.0, 1.0]
        assert candidates[-1].id == candidates[2:][0].id == "c"
        return [len(c.document["text"]) + len(query.text) for c in candidates]

    found = Scored(by_length).rerank(Query("q"), candidates_of(*CATS, scores=[3.0, 2.0, 1.0]), 3)
    assert (found.label, found.scores.tolist()) == ("by_length", [5.0, 5.0, 5.0])


TOKENS = {"a": [[1.0, 0.0], [0.6, 0.8]], "b": [[0.0, 1.0]], "c": None}


def test_max_sim_adds_the_best_match_of_each_token():
    stage = MaxSim(lambda text: np.eye(2), lambda document: TOKENS[document["id"]])
    found = stage.rerank(Query("two tokens"), candidates_of(*CATS), 3)
    assert found.scores.tolist() == [1.0 + float(np.float32(0.8)), 1.0, 0.0]
    tree = found.explain(0, found.candidates.source.explain(0))
    assert tree.adds_up()
    assert "0.800000012 = best match of token 2" in str(tree)


def test_max_sim_reads_a_field():
    stage = MaxSim(lambda text: [[1.0, 0.0]], "tokens")
    documents = [{"tokens": [[0.5, 0.5]]}, {"tokens": [[1.0, 0.0], [0.0, 1.0]]}]
    assert stage.rerank(Query("q"), candidates_of(*documents), 2).scores.tolist() == [0.5, 1.0]


@pytest.mark.parametrize(
    ("tokens", "error"),
    [
        ([[1.0, 0.0, 0.0]], DimensionMismatch),
        ([1.0, 0.0], InvalidArgument),
        ([[float("nan"), 0.0]], InvalidArgument),
        ("text", InvalidArgument),
    ],
)
def test_max_sim_refuses_what_is_no_matrix(tokens, error):
    with pytest.raises(error):
        MaxSim(lambda text: [[1.0, 0.0]], lambda document: tokens).rerank(
            Query("q"), candidates_of(*CATS), 3
        )
