"""Diversity by hand, and against the definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.rerankers import MMR, run_stages
from rank_retrieve.types import Query
from tests.rerankers.candidates import candidates_of

EAST, NORTH = [1.0, 0.0], [0.0, 1.0]


def diverse(stage, vectors, scores, k=10):
    documents = [{} if v is None else {"v": v} for v in vectors]
    candidates = candidates_of(*documents, scores=scores)
    return run_stages([stage], Query("q"), candidates.source, candidates.scores, k)


def test_a_near_copy_of_what_stands_above_falls_behind():
    found = diverse(MMR(0.5, "v"), [EAST, EAST, NORTH], [1.0, 0.9, 0.5])
    assert found.positions.tolist() == [0, 2, 1]
    # min-max 1, .8, 0: half of them, less half of cosines 0, 0 and 1
    assert found.scores.tolist() == pytest.approx([0.5, 0.0, -0.1])


def test_the_explanation_names_what_it_is_like():
    found = diverse(MMR(0.5, "v"), [EAST, EAST, NORTH], [1.0, 0.9, 0.5])
    tree = found.explain(1)
    assert tree.adds_up()
    assert "-0.5 x cosine 1 to 'd0'" in str(tree)
    assert "like nothing above" in str(found.explain(2))


def test_only_k_are_chosen():
    assert diverse(MMR(0.3, "v"), [EAST, NORTH, EAST], [3.0, 2.0, 1.0], k=2).positions.tolist() == [
        0,
        1,
    ]


def test_a_document_without_a_vector_is_like_no_other():
    found = diverse(MMR(0.5, "v"), [EAST, EAST, None], [1.0, 0.9, 0.5])
    assert found.positions.tolist() == [0, 2, 1]


def test_trade_off_one_keeps_the_order():
    found = diverse(MMR(1, "v"), [EAST, EAST, NORTH], [1.0, 0.9, 0.5])
    assert found.positions.tolist() == [0, 1, 2]


@pytest.mark.parametrize("trade_off", [-0.1, 1.1, "half", None, float("nan"), True])
def test_a_trade_off_outside_of_0_to_1_is_refused(trade_off):
    with pytest.raises(InvalidArgument, match="trade_off"):
        MMR(trade_off)


def test_without_a_field_documents_in_memory_cannot_be_compared():
    with pytest.raises(InvalidArgument, match="field"):
        diverse(MMR(0.5), [EAST], [1.0])


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000), n=st.integers(1, 12), k=st.integers(1, 14), trade=st.floats(0, 1)
)
def test_choices_are_those_of_the_definition(seed, n, k, trade):
    rng = np.random.default_rng(seed)
    vectors = rng.standard_normal((n, 3)).astype(np.float32)
    scores = np.sort(rng.random(n))[::-1]
    found = diverse(MMR(trade, "v"), vectors.tolist(), scores.tolist(), k)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    similar = unit @ unit.T
    relevance = np.ones(n) if n == 1 else (scores - scores[-1]) / (scores[0] - scores[-1])
    chosen = []
    for position, score in zip(found.positions.tolist(), found.scores.tolist(), strict=True):
        worth = [
            trade * relevance[i] - (1 - trade) * max([0.0, *(similar[i, j] for j in chosen)])
            for i in range(n)
        ]
        assert score == pytest.approx(worth[position], abs=1e-6)
        assert score >= max(worth[i] for i in range(n) if i not in chosen) - 1e-6
        chosen.append(position)
    assert len(chosen) == min(n, k)
