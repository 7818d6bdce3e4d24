import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical import _invert_kernels as kernels
from rank_retrieve.lexical.invert import ForwardIndex, gather_terms, invert, sort_terms
from rank_retrieve.lexical.inverted_index import term_arena


def forward(tokens, offsets, n_fields=1):
    return ForwardIndex(np.array(tokens, np.int32), np.array(offsets, np.int64), n_fields)


def test_two_documents_become_lists_in_order_of_terms():
    arena, offsets = term_arena([b"pear", b"apple"])
    # doc 0: pear apple pear; doc 1: pear
    lists = invert(forward([0, 1, 0, 0], [0, 3, 4]), arena, offsets, [1])
    assert lists.arena.tobytes() == b"applepear"
    assert lists.term_offsets.tolist() == [0, 5, 9]
    assert lists.list_offsets.tolist() == [0, 1, 3]
    assert lists.docs.tolist() == [0, 0, 1]
    assert lists.frequencies.tolist() == [1, 2, 1]
    assert lists.lengths.tolist() == [3, 1]


def test_fields_count_their_units_in_frequencies_and_lengths():
    arena, offsets = term_arena([b"a", b"b"])
    # one doc, title "a", body "a b a": a = 3 + 2 + 2, b = 2, length 3 + 6
    lists = invert(forward([0, 0, 1, 0], [0, 1, 4], n_fields=2), arena, offsets, [3, 2])
    assert lists.frequencies.tolist() == [7, 2]
    assert lists.lengths.tolist() == [9]


def test_terms_that_do_not_occur_leave_no_list():
    arena, offsets = term_arena([b"a", b"b", b"c"])
    lists = invert(forward([2], [0, 0, 1]), arena, offsets, [1])
    assert lists.arena.tobytes() == b"c"
    assert lists.docs.tolist() == [1]
    assert lists.lengths.tolist() == [0, 1]


def test_a_small_batch_gives_the_same_lists_under_a_large_vocabulary():
    small = invert(forward([1, 0, 1], [0, 3]), *term_arena([b"x", b"y"]), [1])
    words = [b"z%d" % i for i in range(500)]
    words[77], words[402] = b"y", b"x"
    large = invert(forward([77, 402, 77], [0, 3]), *term_arena(words), [1])
    for name in ("docs", "frequencies", "list_offsets", "lengths", "arena", "term_offsets"):
        assert getattr(small, name).tolist() == getattr(large, name).tolist()


def test_no_documents_make_no_lists():
    lists = invert(forward([], [0]), *term_arena([]), [1])
    assert (len(lists.docs), len(lists.lengths), lists.list_offsets.tolist()) == (0, 0, [0])


@pytest.mark.parametrize(
    ("tokens", "offsets", "n_fields"),
    [
        ([0], [0, 2], 1),
        ([0, 0], [0, 2, 1, 2], 1),
        ([0], [1, 1], 1),
        ([0], [0, 1], 2),
        ([], [], 1),
        ([0], [0, 1], 0),
    ],
)
def test_arrays_that_do_not_describe_each_other_are_refused(tokens, offsets, n_fields):
    with pytest.raises(InvalidArgument):
        forward(tokens, offsets, n_fields)


@pytest.mark.parametrize("tokens", [[-1], [1], [2**31 - 1]])
def test_tokens_outside_the_vocabulary_are_refused(tokens):
    with pytest.raises(InvalidArgument, match="vocabulary"):
        invert(forward(tokens, [0, 1]), *term_arena([b"a"]), [1])


@pytest.mark.parametrize("units", [[], [0], [1, 1], [-1]])
def test_field_units_that_do_not_fit_are_refused(units):
    with pytest.raises(InvalidArgument, match="field_units"):
        invert(forward([0], [0, 1]), *term_arena([b"a"]), units)


def test_a_document_longer_than_31_bits_is_refused():
    with pytest.raises(InvalidArgument, match="document"):
        invert(forward([0, 0, 0], [0, 1, 3]), *term_arena([b"a"]), [2**30])


@settings(deadline=None, max_examples=100)
@given(st.lists(st.binary(max_size=20), max_size=80))
def test_terms_are_sorted_by_their_bytes(terms):
    arena, offsets = term_arena(terms)
    order = sort_terms(arena, offsets[:-1], offsets[1:])
    gathered, bounds = gather_terms(arena, offsets[:-1], offsets[1:], order)
    in_order = [gathered[start:end].tobytes() for start, end in itertools.pairwise(bounds)]
    assert in_order == sorted(terms)
    assert order.tolist() == sorted(range(len(terms)), key=terms.__getitem__)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(st.integers(0, 9), max_size=12), max_size=12))
def test_kernels_agree_with_their_plain_python(documents):
    tokens = np.array([token for document in documents for token in document], np.int32)
    offsets = np.cumsum([0, *map(len, documents)]).astype(np.int64)
    units = np.array([3], np.int32)
    results = []
    for count, fill in (
        (kernels.count, kernels.fill),
        (kernels.count.py_func, kernels.fill.py_func),
    ):
        df, lengths = np.zeros(10, np.int64), np.zeros(len(documents), np.uint32)
        n = count(tokens, offsets, units, np.full(10, -1, np.int32), df, lengths)
        places = np.cumsum(df) - df
        docs, frequencies = np.zeros(n, np.int32), np.zeros(n, np.uint32)
        last = np.full(10, -1, np.int32)
        fill(tokens, offsets, units, last, places, docs, frequencies, len(documents))
        results.append([a.tolist() for a in (df, lengths, places, docs, frequencies)])
    assert results[0] == results[1]
    expected = sorted(
        (token, doc, 3 * document.count(token))
        for doc, document in enumerate(documents)
        for token in set(document)
    )
    assert results[0][3] == [doc for _, doc, _ in expected]
    assert results[0][4] == [frequency for _, _, frequency in expected]
