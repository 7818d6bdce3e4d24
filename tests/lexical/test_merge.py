import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical.inverted_index import section_names
from rank_retrieve.lexical.merge import merge_inverted_indexes
from rank_retrieve.lexical.searcher import LexicalPart
from rank_retrieve.types import Bitmap, MemorySections
from tests.lexical.oracle import build_index, index_sections, one_field
from tests.lexical.strategies import documents


def merged(parts, **options):
    sections = MemorySections()
    merge_inverted_indexes(sections, "t", parts, **options)
    return sections


def assert_same_bytes(left, right):
    for name in section_names("t"):
        assert bytes(left.section(name)) == bytes(right.section(name)), name


def test_two_indexes_become_the_index_of_both():
    left, right = one_field("b a", ""), one_field("c a a")
    sections = merged([LexicalPart(build_index(left)), LexicalPart(build_index(right))])
    assert_same_bytes(sections, index_sections([*left, *right]))


def test_terms_of_deleted_documents_disappear():
    texts = one_field("a gone", "a")
    live = Bitmap.from_docs(2, [1])
    sections = merged([LexicalPart(build_index(texts), live=live)])
    assert_same_bytes(sections, index_sections(one_field("a")))


def test_nothing_that_lives_makes_an_empty_index():
    sections = merged([LexicalPart(build_index(one_field("a", "b")), live=Bitmap(2))])
    assert_same_bytes(sections, index_sections([]))


@settings(deadline=None, max_examples=80)
@given(st.data())
def test_a_merge_equals_a_fresh_index_byte_for_byte(data):
    parts, survivors = [], []
    for texts in data.draw(st.lists(documents, min_size=1, max_size=4)):
        mask = data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts)))
        live = None if all(mask) else Bitmap.from_mask(np.array(mask, np.bool_))
        parts.append(LexicalPart(build_index(texts), live=live))
        survivors += [text for text, is_live in zip(texts, mask, strict=True) if is_live]
    assert_same_bytes(merged(parts), index_sections(survivors))
    # a list at a time, and a few
    assert_same_bytes(merged(parts, memory_bytes=1), index_sections(survivors))
    assert_same_bytes(merged(parts, memory_bytes=64), index_sections(survivors))


def test_long_lists_merge_to_the_same_blocks():
    random = np.random.default_rng(11)
    texts = one_field(
        *(
            " ".join(random.choice(["x", "y", "zz"], random.integers(0, 6), p=[0.7, 0.2, 0.1]))
            for _ in range(1500)
        )
    )
    mask = random.random(1500) < 0.7
    cuts = [0, 137, 900, 1500]
    parts = [
        LexicalPart(build_index(texts[a:b]), live=Bitmap.from_mask(mask[a:b]))
        for a, b in itertools.pairwise(cuts)
    ]
    survivors = [text for text, is_live in zip(texts, mask, strict=True) if is_live]
    assert_same_bytes(merged(parts), index_sections(survivors))
    # lists of full blocks, each packed by itself
    assert_same_bytes(merged(parts, memory_bytes=160), index_sections(survivors))


def test_indexes_that_do_not_fit_together_are_refused():
    one, two = build_index(one_field("a")), build_index(one_field("a"), [2], 2)
    with pytest.raises(InvalidArgument, match="scale"):
        merged([LexicalPart(one), LexicalPart(two)])
    with pytest.raises(InvalidArgument):
        merged([])
