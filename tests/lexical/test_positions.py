"""Positions: their bytes, their way through merges, and what damage does."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

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
from rank_retrieve.lexical.invert import ForwardIndex
from rank_retrieve.lexical.inverted_index import InvertedIndex, term_arena, write_inverted_index
from rank_retrieve.lexical.inverted_index import section_names as list_sections
from rank_retrieve.lexical.merge import merge_inverted_indexes
from rank_retrieve.lexical.phrases import PhraseShape, find_phrase
from rank_retrieve.lexical.positions import section_names
from rank_retrieve.lexical.searcher import LexicalPart
from rank_retrieve.types import Bitmap, MemorySections

# a document is a list of fields; a field a list of words, "_" for one that is dropped
Document = Sequence[Sequence[str]]


def sections_of(documents: Sequence[Document], *, positions: bool = True) -> MemorySections:
    numbers: dict[str, int] = {}
    tokens, offsets, places = [], [0], []
    n_fields = len(documents[0]) if documents else 1
    for document in documents:
        for field in document:
            for place, word in enumerate(field):
                if word != "_":
                    tokens.append(numbers.setdefault(word, len(numbers)))
                    places.append(place)
            offsets.append(len(tokens))
    forward = ForwardIndex(
        np.array(tokens, dtype=np.int32),
        np.array(offsets, dtype=np.int64),
        n_fields,
        np.array(places, dtype=np.int32) if positions else None,
    )
    sections = MemorySections()
    arena, bounds = term_arena([word.encode() for word in numbers])
    write_inverted_index(sections, "t", forward, arena, bounds, [1] * n_fields, 1)
    return sections


def index_of(documents: Sequence[Document]) -> InvertedIndex:
    return InvertedIndex.open(sections_of(documents), "t")


def decoded(index: InvertedIndex, word: str) -> dict[int, list[list[int]]]:
    """The positions of a word by document and field."""
    positions, ordinal = index.positions, int(index.ordinals([word.encode()])[0])
    assert positions is not None
    found = positions.of(ordinal)
    docs, _ = index.postings(ordinal)
    values = iter(found.values.tolist())
    result = {}
    for doc, count in zip(docs.tolist(), found.counts.tolist(), strict=True):
        fields: list[list[int]] = [[] for _ in range(index.n_fields)]
        for _ in range(count):
            delta, field = divmod(next(values), index.n_fields)
            fields[field].append(delta + (fields[field][-1] if fields[field] else 0))
        result[doc] = fields
    return result


def one_field(*texts: str) -> list[Document]:
    return [[text.split()] for text in texts]


def test_the_worked_example_of_the_format_has_these_bytes() -> None:
    sections = sections_of(one_field("b a b", "b"))
    table, records = section_names("t")
    assert bytes(sections.section(records)) == bytes.fromhex("00 01 01  01 02 01 08") + bytes(64)
    assert bytes(sections.section(table)) == bytes.fromhex(
        "01000000 01000000 0200000000000000 0400000000000000"  # version, fields, terms, occurrences
        "0000000000000000"  # bases
        "00000000 03000000 07000000"  # starts
    )


def test_positions_count_dropped_words_and_start_anew_in_each_field() -> None:
    index = index_of([[["_", "a", "_", "a"], ["a"]], [[], ["b", "a"]]])
    assert decoded(index, "a") == {0: [[1, 3], [0]], 1: [[], [1]]}
    assert decoded(index, "b") == {1: [[], [0]]}
    index.verify()


def test_an_index_without_positions_has_none_and_no_section_of_theirs() -> None:
    sections = sections_of(one_field("a"), positions=False)
    assert InvertedIndex.open(sections, "t").positions is None
    assert not any(name in sections for name in section_names("t"))


def test_positions_change_no_other_section() -> None:
    documents = one_field("a b a", "b", "c a")
    without, beside = sections_of(documents, positions=False), sections_of(documents)
    for name in list_sections("t"):
        assert bytes(without.section(name)) == bytes(beside.section(name))


def test_lists_of_several_chunks_are_found_through_their_directory() -> None:
    texts = [" ".join(["a"] * (1 + i % 4) + ["x"] * (i % 3) + ["a"]) for i in range(700)]
    index = index_of(one_field(*texts))
    found = decoded(index, "a")
    assert len(found) == 700
    for doc, text in enumerate(texts):
        assert found[doc] == [[i for i, word in enumerate(text.split()) if word == "a"]]
    index.verify()


words = st.lists(st.sampled_from(["a", "a", "b", "c", "_"]), max_size=9)
two_fields = st.lists(st.tuples(words, words).map(list), max_size=25)


@given(st.data())
@settings(deadline=None, max_examples=60)
def test_a_merge_of_positions_equals_a_fresh_index_byte_for_byte(data: st.DataObject) -> None:
    parts, survivors = [], []
    for documents in data.draw(st.lists(two_fields, min_size=1, max_size=3)):
        documents = documents or [[[], []]]
        mask = data.draw(st.lists(st.booleans(), min_size=len(documents), max_size=len(documents)))
        live = None if all(mask) else Bitmap.from_mask(np.array(mask, dtype=np.bool_))
        parts.append(LexicalPart(index_of(documents), live=live))
        survivors += [each for each, alive in zip(documents, mask, strict=True) if alive]
    merged = MemorySections()
    merge_inverted_indexes(merged, "t", parts)
    if survivors:
        fresh = sections_of(survivors)
        for name in (*list_sections("t"), *section_names("t")):
            assert bytes(merged.section(name)) == bytes(fresh.section(name)), name
    InvertedIndex.open(merged, "t").verify()


def test_long_lists_merge_to_the_same_chunks() -> None:
    rng = np.random.default_rng(5)
    texts = [" ".join(rng.choice(["a", "b", "_"], rng.integers(0, 12))) for _ in range(900)]
    parts = [LexicalPart(index_of(one_field(*texts[a:b]))) for a, b in ((0, 250), (250, 900))]
    merged = MemorySections()
    merge_inverted_indexes(merged, "t", parts)
    fresh = sections_of(one_field(*texts))
    for name in section_names("t"):
        assert bytes(merged.section(name)) == bytes(fresh.section(name))


def test_a_merge_with_a_part_without_positions_has_none() -> None:
    plain = InvertedIndex.open(sections_of(one_field("a"), positions=False), "t")
    merged = MemorySections()
    merge_inverted_indexes(
        merged, "t", [LexicalPart(index_of(one_field("a b"))), LexicalPart(plain)]
    )
    assert InvertedIndex.open(merged, "t").positions is None


def test_positions_that_do_not_describe_the_tokens_are_refused() -> None:
    tokens, offsets = np.zeros(2, dtype=np.int32), np.array([0, 2])
    with pytest.raises(InvalidArgument, match="positions"):
        ForwardIndex(tokens, offsets, 1, np.zeros(1, dtype=np.int32))


# --------------------------------------------------------------------------- damage

CORPUS = [[("a b " * (i % 5) + "a").split(), ("c a " * (i % 2)).split()] for i in range(300)]
SECTIONS = sections_of(CORPUS)


def changed(name: str, content: bytes) -> InvertedIndex:
    damaged = MemorySections()
    damaged.buffers = dict(SECTIONS.buffers)
    damaged.buffers.pop(name)
    damaged.add(name, content)
    return InvertedIndex.open(damaged, "t")


def explore(index: InvertedIndex) -> None:
    """Ask everything; each question may be refused by a typed error."""
    shapes = PhraseShape((b"a", b"b"), (0, 1)), PhraseShape((b"a", b"c"), (0, 1), 9)

    def phrase(shape: PhraseShape) -> None:
        ordinals = index.ordinals(shape.distinct).tolist()
        find_phrase(
            index, shape, dict(zip(shape.distinct, ordinals, strict=True)),
            np.ones(index.n_fields), np.empty(0, dtype=np.uint64), None,
        )  # fmt: skip

    for question in (
        index.verify,
        lambda: phrase(shapes[0]),
        lambda: phrase(shapes[1]),
        lambda: merge_inverted_indexes(MemorySections(), "t", [LexicalPart(index)]),
    ):
        with contextlib.suppress(RankRetrieveError):
            question()


def test_another_version_is_not_ours() -> None:
    table, _ = section_names("t")
    content = bytearray(SECTIONS.section(table))
    content[0] = 2
    with pytest.raises(FormatVersionError, match="version 2"):
        changed(table, bytes(content)).positions


@pytest.mark.parametrize(("place", "value"), [(4, 7), (8, 9), (16, 255)])
def test_a_table_of_another_index_is_damage(place: int, value: int) -> None:
    table, _ = section_names("t")
    content = bytearray(SECTIONS.section(table))
    content[place] = value
    index = changed(table, bytes(content))
    with pytest.raises(CorruptionError):
        index.verify()


def test_sections_of_another_size_are_damage() -> None:
    table, records = section_names("t")
    with pytest.raises(CorruptionError, match="bytes"):
        changed(table, b"\0" * 23).positions
    with pytest.raises(CorruptionError):
        changed(table, bytes(SECTIONS.section(table)) + b"\0").positions
    with pytest.raises(CorruptionError):
        changed(records, b"\0" * 63).positions


def test_verify_finds_positions_that_do_not_ascend() -> None:
    sections = sections_of(one_field("b a b"))
    _, records = section_names("t")
    content = bytearray(sections.section(records))
    assert content[3:7] == bytes.fromhex("01 02 01 08")
    content[6] = 0
    sections.buffers.pop(records)
    sections.add(records, bytes(content))
    with pytest.raises(CorruptionError, match="ascending"):
        InvertedIndex.open(sections, "t").verify()


@given(
    st.sampled_from(section_names("t")),
    st.lists(st.tuples(st.integers(0, 2**16), st.integers(0, 255)), min_size=1, max_size=6),
    st.integers(0, 40),
)
@settings(deadline=None, max_examples=100)
def test_damaged_positions_raise_typed_errors_only(
    name: str, changes: list[tuple[int, int]], cut: int
) -> None:
    content = bytearray(SECTIONS.section(name))
    if cut < 3:
        content = content[: len(content) - cut * 7]
    for place, value in changes:
        content[place % len(content)] = value
    with contextlib.suppress(RankRetrieveError):
        explore(changed(name, bytes(content)))


def test_every_byte_of_the_table_and_of_the_first_record_flipped_is_survived() -> None:
    table, records = section_names("t")
    for name, end in ((table, len(SECTIONS.section(table))), (records, 60)):
        for place in range(end):
            for flip in (0x01, 0x80, 0xFF):
                content = bytearray(SECTIONS.section(name))
                content[place] ^= flip
                explore(changed(name, bytes(content)))
