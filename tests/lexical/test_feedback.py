import math

import pytest

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical.feedback import RM3, Rocchio, TermStatistics, key_terms

KNOWN = {
    b"a": TermStatistics(10, 1.0),
    b"b": TermStatistics(5, 2.0),
    b"c": TermStatistics(1, 3.0),
    b"d": TermStatistics(2, 2.0),
}


def test_rm3_mixes_the_query_with_terms_of_its_documents():
    # scores 3 : 1; p(a) = 3/4 * 1/2, p(b) = 3/4 * 1/2 + 1/4 * 1/4, p(d) = 1/4 * 3/4
    documents = [{b"a": 1, b"b": 1}, {b"b": 1, b"d": 3}]
    weights = RM3(n_terms=2, original_weight=0.6).expand({b"a": 1}, documents, [6.0, 2.0], KNOWN)
    assert list(weights) == [b"a", b"b"]
    assert weights[b"a"] == pytest.approx(0.6 + 0.4 * 0.375 / 0.8125)
    assert weights[b"b"] == pytest.approx(0.4 * 0.4375 / 0.8125)
    assert sum(weights.values()) == pytest.approx(1.0)


def test_rocchio_moves_the_query_to_the_centroid():
    # query a -> (1), document b, b, d: (0, 4, 0, 2) / sqrt(20)
    weights = Rocchio(alpha=1.0, beta=1.0).expand({b"a": 2}, [{b"b": 2, b"d": 1}], [9.0], KNOWN)
    b, d = 4 / math.sqrt(20), 2 / math.sqrt(20)
    assert weights == pytest.approx({b"a": 0.5, b"b": 0.5 * b / (b + d), b"d": 0.5 * d / (b + d)})


@pytest.mark.parametrize("feedback", [RM3(), Rocchio()])
def test_without_documents_the_query_stays(feedback):
    weights = feedback.expand({b"a": 1, b"b": 1}, [], [], KNOWN)
    assert set(weights) == {b"a", b"b"}
    assert sum(weights.values()) == pytest.approx(1.0)


def test_key_terms_are_those_of_the_greatest_tf_idf():
    documents = [{b"a": 5, b"b": 1, b"c": 9}, {b"b": 1, b"d": 1, b"unknown": 7}]
    # c stands in one document of the index, and finds no other
    assert key_terms(documents, KNOWN) == {b"a": 5.0, b"b": 4.0, b"d": 2.0}
    assert key_terms(documents, KNOWN, n_terms=1) == {b"a": 5.0}
    assert key_terms(documents, KNOWN, min_document_frequency=1, n_terms=1) == {b"c": 27.0}
    assert key_terms(documents, KNOWN, min_term_frequency=2) == {b"a": 5.0, b"b": 4.0}


def test_equal_weights_are_taken_in_the_order_of_their_bytes():
    assert list(key_terms([{b"d": 1, b"b": 1}], KNOWN, n_terms=1)) == [b"b"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: RM3(n_documents=0),
        lambda: RM3(n_terms=True),
        lambda: RM3(original_weight=1.1),
        lambda: Rocchio(beta=-1),
        lambda: Rocchio(alpha=0, beta=0),
    ],
)
def test_bad_settings_are_refused(make):
    with pytest.raises(InvalidArgument):
        make()
