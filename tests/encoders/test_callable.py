import numpy as np
import pytest

import rank_retrieve.encoders as encoders
from rank_retrieve.encoders.callable import CallableEncoder
from rank_retrieve.encoders.registry import kind_of
from rank_retrieve.errors import DimensionMismatch, InvalidArgument
from rank_retrieve.types import Encoder


def lengths(texts):
    return [[len(text), 1] for text in texts]


def test_the_function_is_called_for_documents_and_queries():
    encoder = CallableEncoder(lengths, 2, "lengths")
    assert isinstance(encoder, Encoder)
    for rows in (encoder.encode_documents(("ab", "")), encoder.encode_queries(["ab", ""])):
        assert rows.dtype == np.float32
        assert rows.flags.c_contiguous
        assert rows.tolist() == [[2.0, 1.0], [0.0, 1.0]]


def test_queries_may_have_a_function_of_their_own():
    encoder = CallableEncoder(
        lengths, 2, "x", query_function=lambda texts: np.zeros((len(texts), 2))
    )
    assert encoder.encode_queries(["abc"]).tolist() == [[0.0, 0.0]]
    assert encoder.encode_documents(["abc"]).tolist() == [[3.0, 1.0]]


def test_no_texts_do_not_reach_the_function():
    def refuse(texts):
        raise AssertionError

    assert CallableEncoder(refuse, 3, "x").encode_documents([]).shape == (0, 3)


def test_the_fingerprint_is_that_of_name_and_dim():
    assert CallableEncoder(lengths, 2, "a").fingerprint == CallableEncoder(len, 2, "a").fingerprint
    others = {CallableEncoder(lengths, d, n).fingerprint for d in (2, 3) for n in ("a", "b")}
    assert len(others) == 4


@pytest.mark.parametrize(
    "returned",
    [
        None,
        [1.0, 2.0],
        [[1.0, 2.0]] * 2,
        [["a", "b"]],
        [[1.0, np.nan]],
        [[1.0, np.inf]],
        [[1.0, 1e39]],
        [[1j, 2j]],
        [[1.0], [1.0, 2.0]],
    ],
)
def test_what_is_not_a_row_of_numbers_for_each_text_is_refused(returned):
    with pytest.raises(InvalidArgument):
        CallableEncoder(lambda texts: returned, 2, "bad").encode_queries(["one"])


def test_another_dimension_is_a_mismatch():
    with pytest.raises(DimensionMismatch) as caught:
        CallableEncoder(lengths, 3, "lengths").encode_queries(["one"])
    assert (caught.value.expected, caught.value.got) == (3, 2)


def test_errors_of_the_function_pass_through():
    with pytest.raises(TypeError):
        CallableEncoder(lambda: None, 2, "x").encode_queries(["one"])


@pytest.mark.parametrize(
    "arguments",
    [(None, 2, "a"), (lengths, 0, "a"), (lengths, True, "a"), (lengths, 2, ""), (lengths, 2, 5)],
)
def test_bad_arguments_are_refused(arguments):
    with pytest.raises(InvalidArgument):
        CallableEncoder(*arguments)
    with pytest.raises(InvalidArgument):
        CallableEncoder(lengths, 2, "a", query_function="no")


def test_it_cannot_be_stored():
    assert kind_of(CallableEncoder(lengths, 2, "a")) is None


def test_the_package_names_what_it_offers():
    assert all(getattr(encoders, name) is not None for name in encoders.__all__)
    with pytest.raises(AttributeError):
        _ = encoders.nothing
