import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.errors import CorruptionError, FormatVersionError, InvalidArgument
from rank_retrieve.lexical.deleted import DeletedStatistics
from rank_retrieve.lexical.searcher import LexicalPart, LexicalSearcher
from rank_retrieve.types import Bitmap, MemorySections
from tests.lexical.oracle import build_index, one_field
from tests.lexical.strategies import documents


def facts(statistics):
    return (
        statistics.ordinals.tolist(),
        statistics.counts.tolist(),
        statistics.n_docs,
        statistics.total_length,
    )


TEXTS = one_field("a b a", "b c", "a", "")


def test_statistics_of_two_documents_worked_by_hand():
    index = build_index(TEXTS)
    statistics = DeletedStatistics.of(index, [0, 1], [TEXTS[0][0], TEXTS[1][0]])
    # a, b, c are terms 0, 1, 2; b stands in both; 3 + 2 terms
    assert facts(statistics) == ([0, 1, 2], [1, 2, 1], 2, 5)


@settings(deadline=None, max_examples=80)
@given(documents, st.data())
def test_terms_and_recount_agree(texts, data):
    index = build_index(texts)
    mask = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts))), np.bool_
    )
    dead = np.flatnonzero(~mask)
    by_terms = DeletedStatistics.of(index, dead, [texts[doc][0] for doc in dead])
    counted = DeletedStatistics.recount(index, Bitmap.from_mask(mask))
    assert facts(by_terms) == facts(counted)
    one_by_one = DeletedStatistics.none()
    for doc in dead[::-1]:
        one = DeletedStatistics.of(index, [doc], [texts[doc][0]])
        one_by_one = one_by_one.merged(one)
    assert facts(one_by_one) == facts(counted)


def test_written_statistics_are_these_bytes():
    sections = MemorySections()
    DeletedStatistics(np.array([1, 258]), np.array([3, 1]), 4, 9).write(sections, "t")
    assert bytes(sections.section("deleted.t")).hex(" ") == (
        "01 00 00 00 02 00 00 00 04 00 00 00 00 00 00 00 09 00 00 00 00 00 00 00 "
        "01 00 00 00 02 01 00 00 03 00 00 00 01 00 00 00"
    )


def test_written_statistics_come_back():
    index, sections = build_index(TEXTS), MemorySections()
    statistics = DeletedStatistics.of(index, [0, 1], [TEXTS[0][0], TEXTS[1][0]])
    statistics.write(sections, "t")
    assert facts(DeletedStatistics.open(sections, "t", index)) == facts(statistics)


@pytest.mark.parametrize(
    "statistics",
    [
        DeletedStatistics(np.array([0, 0]), np.array([1, 1]), 2, 3),
        DeletedStatistics(np.array([3]), np.array([1]), 1, 3),
        DeletedStatistics(np.array([0]), np.array([0]), 1, 3),
        DeletedStatistics(np.array([0]), np.array([2]), 1, 3),
        DeletedStatistics(np.array([0]), np.array([1]), 5, 3),
        DeletedStatistics(np.array([0]), np.array([1]), 1, 300),
    ],
)
def test_statistics_that_contradict_the_index_are_corruption(statistics):
    sections = MemorySections()
    statistics.write(sections, "t")
    with pytest.raises(CorruptionError):
        DeletedStatistics.open(sections, "t", build_index(TEXTS))


def test_more_deleted_holders_of_a_term_than_holders_are_corruption():
    index = build_index(TEXTS)
    # c stands in one document
    wrong = DeletedStatistics(np.array([2]), np.array([2]), 2, 3)
    part = LexicalPart(index, live=Bitmap.from_docs(4, [2, 3]), deleted=wrong)
    with pytest.raises(CorruptionError):
        LexicalSearcher([part]).search([b"c"], 1)


@pytest.mark.parametrize("size", [0, 23, 25, 31])
def test_truncated_statistics_are_corruption(size):
    sections, index = MemorySections(), build_index(TEXTS)
    DeletedStatistics.of(index, [2], [[b"a"]]).write(sections, "t")
    sections.buffers["deleted.t"] = sections.buffers["deleted.t"][:size]
    with pytest.raises(CorruptionError):
        DeletedStatistics.open(sections, "t", index)


def test_a_newer_version_is_refused():
    sections, index = MemorySections(), build_index(TEXTS)
    DeletedStatistics.none().write(sections, "t")
    sections.buffers["deleted.t"][0] = 2
    with pytest.raises(FormatVersionError):
        DeletedStatistics.open(sections, "t", index)


@pytest.mark.parametrize(
    ("docs", "terms"),
    [([0, 0], [[b"a"], [b"a"]]), ([4], [[b"a"]]), ([-1], [[b"a"]]), ([0], []), ([0], [[b"x"]])],
)
def test_documents_and_terms_that_the_index_does_not_hold_are_refused(docs, terms):
    with pytest.raises(InvalidArgument):
        DeletedStatistics.of(build_index(TEXTS), docs, terms)
