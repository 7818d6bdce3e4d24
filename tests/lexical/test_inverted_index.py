import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.errors import (
    CorruptionError,
    FormatVersionError,
    InvalidArgument,
    RankRetrieveError,
)
from rank_retrieve.lexical.inverted_index import InvertedIndex, section_names
from rank_retrieve.lexical.searcher import LexicalPart, LexicalSearcher
from rank_retrieve.types import MemorySections
from tests.lexical.oracle import build_index, index_sections, one_field
from tests.lexical.strategies import TERMS, documents


def changed(sections, name, change):
    """The same sections, with one replaced by change(its bytes)."""
    result = MemorySections()
    for each in section_names("t"):
        content = bytearray(sections.section(each))
        result.add(each, change(content) if each == name else content)
    return result


def test_the_sections_of_two_documents_are_these_bytes():
    sections = index_sections(one_field("b a b", "b"))
    assert bytes(sections.section("index.t")).hex(" ") == (
        "52 52 69 6e 76 69 64 78 01 00 00 00 00 00 00 00 "
        "02 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00 "
        "00 00 00 00 00 00 00 00 03 00 00 00 00 00 00 00 "
        "04 00 00 00 00 00 00 00 01 00 00 00 01 00 00 00"
    )
    assert bytes(sections.section("lengths.t")).hex(" ") == "03 00 00 00 01 00 00 00"
    # a: doc 0 once; b: doc 0 twice, doc 1 once
    assert bytes(sections.section("postings.t"))[:-64].hex(" ") == "01 00 00 01"
    assert bytes(sections.section("terms.table.t")).hex(" ") == (
        "00 00 00 00 00 00 00 00 00 00 00 00 01 00 00 00 04 00 00 00 01 00 00 00 02 00 00 00"
    )
    assert sections.section("blocks.t").nbytes == 0


@settings(deadline=None, max_examples=80)
@given(documents)
def test_an_index_gives_back_its_documents(texts):
    index = build_index(texts)
    index.verify()
    assert index.n_docs == len(texts)
    assert index.lengths.tolist() == [len(text[0]) for text in texts]
    assert index.total_length == sum(len(text[0]) for text in texts)
    held = {term for text in texts for term in text[0]}
    for term, ordinal in zip(TERMS, index.ordinals(TERMS).tolist(), strict=True):
        if term not in held:
            assert ordinal == -1
            continue
        docs, frequencies = index.postings(ordinal)
        expected = [(d, text[0].count(term)) for d, text in enumerate(texts) if term in text[0]]
        assert list(zip(docs.tolist(), frequencies.tolist(), strict=True)) == expected
        assert index.document_frequency(ordinal) == len(expected)
        wanted = np.arange(len(texts), dtype=np.int64)
        assert index.frequencies(ordinal, wanted).tolist() == [
            text[0].count(term) for text in texts
        ]


def test_ordinals_follow_the_order_of_bytes():
    index = build_index(one_field("b é z a ab"))
    terms = [b"a", b"ab", b"b", b"z", "é".encode()]
    assert index.ordinals(terms).tolist() == [0, 1, 2, 3, 4]
    assert index.ordinals([b"", b"aa", b"zz"]).tolist() == [-1, -1, -1]
    arena, offsets = index.terms()
    assert arena.tobytes() == b"".join(terms)
    assert offsets.tolist() == [0, 1, 3, 4, 5, 7]


def test_frequencies_of_far_docs_skip_blocks():
    random = np.random.default_rng(3)
    held = random.random(5000) < 0.5
    index = build_index(one_field(*("a a" if one else "b" for one in held)))
    for size in (1, 7, 300):
        wanted = np.sort(random.choice(5000, size, replace=False))
        assert index.frequencies(0, wanted).tolist() == (2 * held[wanted]).tolist()


def test_more_than_256_terms_have_their_own_bases():
    words = [f"w{i:04d}" for i in range(700)]
    index = build_index(one_field(" ".join(words), " ".join(words[::2])))
    index.verify()
    assert len(index.lists.bases) == 3
    docs, _ = index.postings(512)
    assert docs.tolist() == [0, 1]


def test_an_index_is_mapped_without_copies():
    sections = index_sections(one_field(*["a b"] * 200))
    index = InvertedIndex.open(sections, "t")
    for array in index.lists:
        assert any(
            np.shares_memory(array, np.frombuffer(view, np.uint8))
            for view in sections.buffers.values()
            if view.nbytes
        )


@pytest.mark.parametrize("ordinal", [-1, 2])
def test_ordinals_of_no_term_are_refused(ordinal):
    index = build_index(one_field("a b"))
    for method in (index.postings, index.document_frequency):
        with pytest.raises(InvalidArgument):
            method(ordinal)


@pytest.mark.parametrize("scale", [0, -1, 10**7, True, 1.5])
def test_scales_out_of_range_are_refused(scale):
    with pytest.raises(InvalidArgument):
        index_sections(one_field("a"), [1], scale)


@pytest.mark.parametrize("place", [0, 7, 8, 12])
def test_another_magic_version_or_flag_is_refused(place):
    def change(content):
        content[place] ^= 0x80
        return content

    sections = changed(index_sections(one_field("a b")), "index.t", change)
    with pytest.raises(FormatVersionError):
        InvertedIndex.open(sections, "t")


@pytest.mark.parametrize("name", [name for name in section_names("t") if name != "postings.t"])
@pytest.mark.parametrize("extra", [b"", b"\0"])
def test_sections_of_another_size_are_corruption(name, extra):
    def change(content):
        return content + extra if extra else content[:-1]

    sections = changed(index_sections(one_field(*["a b"] * 130)), name, change)
    with pytest.raises(CorruptionError):
        InvertedIndex.open(sections, "t").load()


@pytest.mark.parametrize("name", section_names("t"))
def test_empty_sections_are_corruption(name):
    sections = changed(index_sections(one_field(*["a b"] * 130)), name, lambda content: b"")
    with pytest.raises(RankRetrieveError):
        InvertedIndex.open(sections, "t").load()


def test_an_index_without_peaks_is_searched_all_the_same():
    sections = index_sections(CORPUS)
    older = MemorySections()
    for name, view in sections.buffers.items():
        if name != "peaks.t":
            older.add(name, view)
    index = InvertedIndex.open(older, "t")
    index.verify()
    newer = InvertedIndex.open(sections, "t")
    for query in ([b"a"], [b"b", b"c"], [b"a", b"rare"]):
        found, expected = (
            LexicalSearcher([LexicalPart(each)]).search(query, 10) for each in (index, newer)
        )
        assert found.docs.tolist() == expected.docs.tolist()
        assert found.scores.tolist() == expected.scores.tolist()


@pytest.mark.parametrize(("place", "value"), [(8, 3), (12, 15), (13, 0)])
def test_peaks_that_no_list_reaches_are_found_by_verify(place, value):
    # term b stands once in each of 130 documents of two terms
    sections = index_sections(one_field(*["a b"] * 130))
    peaks = sections.section("peaks.t")
    assert bytes(peaks[:8]) == bytes([2, 0, 0, 0, 0, 0, 0, 0])
    assert bytes(peaks[8:16]) == bytes([0, 0, 0, 0, 1, 0, 0, 0])
    assert bytes(peaks[16:22]) == bytes([1, 2, 1, 2, 0, 0])

    def change(content):
        content[place + (4 if place > 8 else 0)] = value
        return content

    with pytest.raises(CorruptionError):
        InvertedIndex.open(changed(sections, "peaks.t", change), "t").verify()


def test_opening_reads_the_header_only():
    sections = index_sections(one_field("a b", "a"))
    header = MemorySections()
    header.add("index.t", sections.section("index.t"))
    index = InvertedIndex.open(header, "t")
    assert (index.n_docs, index.n_terms, index.total_length) == (2, 2, 3)


def explore(sections):
    """Use an index in every way; whatever is wrong may raise our errors only."""
    index = InvertedIndex.open(sections, "t")
    for skipping in (True, False):
        searcher = LexicalSearcher([LexicalPart(index)], skipping=skipping)
        for query in ([b"a"], [b"a", b"b", b"c"], TERMS):
            ranked = searcher.search(query, 10)
            assert all(0 <= doc < index.n_docs for doc in ranked.docs.tolist())
            searcher.scores(query, ranked.docs)
    for ordinal in range(index.n_terms):
        docs, frequencies = index.postings(ordinal)
        assert len(docs) == len(frequencies)
    index.verify()


CORPUS = one_field(
    *[f"{'a ' * (1 + i % 5)}b{' c' * (i % 3)}{' rare' * (i == 70)}" for i in range(300)]
)
SECTIONS = index_sections(CORPUS)


@settings(deadline=None, max_examples=100)
@given(
    st.sampled_from(section_names("t")),
    st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=6),
    st.integers(0, 40),
)
def test_damaged_sections_raise_typed_errors_only(name, changes, cut):
    def change(content):
        if cut < 3 and len(content):
            content = content[: len(content) - cut * 7]
        for place, value in changes:
            if len(content):
                content[place % len(content)] = value
        return content

    with contextlib.suppress(RankRetrieveError):
        explore(changed(SECTIONS, name, change))


def test_every_byte_of_the_tables_flipped_is_survived():
    for name in ("index.t", "terms.table.t", "blocks.t"):
        for place in range(len(SECTIONS.section(name))):
            for flip in (0x01, 0x80, 0xFF):

                def change(content, place=place, flip=flip):
                    content[place] ^= flip
                    return content

                with contextlib.suppress(RankRetrieveError):
                    explore(changed(SECTIONS, name, change))


def test_verify_finds_lengths_and_frequencies_that_disagree():
    def change(content):
        content[0] += 1
        content[4] -= 1
        return content

    index = InvertedIndex.open(changed(SECTIONS, "lengths.t", change), "t")
    with pytest.raises(CorruptionError, match="length"):
        index.verify()
