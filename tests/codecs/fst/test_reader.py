import contextlib
from itertools import islice

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rank_retrieve.codecs import fst
from rank_retrieve.codecs.fst import _read_kernels as kernels
from rank_retrieve.errors import CorruptionError, FormatVersionError, InvalidArgument
from tests.codecs.fst.oracle import arena_of, bytes_of, fst_of, plain_python

few_letters = st.binary(max_size=6).map(lambda term: bytes(b"ab\xff"[byte % 3] for byte in term))
any_term = st.one_of(few_letters, st.binary(max_size=6))
term_sets = st.sets(any_term, max_size=40)


def test_look_up_of_present_and_absent_terms() -> None:
    words = fst_of({b"": 9, b"car": 4, b"card": 0, b"cat": 2**62})
    assert [words.get(term) for term in (b"", b"car", b"card", b"cat")] == [9, 4, 0, 2**62]
    assert [words.get(term) for term in (b"c", b"cards", b"ca", b"d", b"\x00")] == [None] * 5
    assert b"car" in words
    assert b"c" not in words
    assert "car" not in words
    assert len(words) == 4
    assert words.longest == 4


def test_listing_has_the_order_of_bytes() -> None:
    words = fst_of([b"b", b"\xff", b"ab", b"a", b"", b"a\x00"])
    assert list(words) == [b"", b"a", b"a\x00", b"ab", b"b", b"\xff"]
    assert list(words.prefix(b"a")) == [(b"a", 1), (b"a\x00", 2), (b"ab", 3)]
    assert list(words.range(b"a\x00", b"b")) == [(b"a\x00", 2), (b"ab", 3)]
    assert (words.first(), words.last()) == (b"", b"\xff")


def test_nothing_is_in_an_empty_fst() -> None:
    none = fst_of([])
    assert (len(none), none.get(b""), none.first(), none.last()) == (0, None, None, None)
    assert list(none.items()) == list(none.prefix(b"")) == list(none.range(b"", b"x")) == []
    assert none.term_of(0) is None


def test_a_limit_ends_the_list_and_none_is_no_limit() -> None:
    words = fst_of([b"%d" % number for number in range(10, 60)])
    assert list(words.search(limit=2)) == [(b"10", 0), (b"11", 1)]
    assert list(words.search(limit=0)) == []
    assert len(list(words.search(limit=1000))) == 50
    with pytest.raises(InvalidArgument, match="limit"):
        words.search(limit=-1)


def test_lists_longer_than_a_batch_are_whole() -> None:
    ordered = [b"%06d" % number for number in range(5000)]
    words = fst_of(ordered)
    assert list(words.items()) == [(term, i) for i, term in enumerate(ordered)]
    assert len(list(words.search(limit=1100))) == 1100


def test_two_iterators_do_not_disturb_each_other() -> None:
    words = fst_of([b"%03d" % number for number in range(200)])
    for one, other in zip(words.items(), words.range(ge=b"000"), strict=True):
        assert one == other


def test_it_reads_where_the_bytes_lie() -> None:
    content = bytes_of([b"aZ", b"b"])
    block = bytearray(b"12345678" + content)
    words = fst.Fst.open(memoryview(block)[8:].toreadonly(), origin="test")
    assert words.nbytes == len(content)
    assert list(words) == [b"aZ", b"b"]
    block[block.rindex(b"Z")] = ord("Y")
    assert list(words) == [b"aY", b"b"]


@settings(deadline=None, max_examples=100)
@given(term_sets, any_term, any_term)
@example({b"a", b"ab", b"b"}, b"a", b"ab")
@example({b"ab", b"abc"}, b"ab", b"ab")
def test_every_question_has_the_answer_of_a_dict(
    terms: set[bytes], one: bytes, other: bytes
) -> None:
    words = fst_of(terms)
    ordered = sorted(terms)
    ordinals = {term: ordinal for ordinal, term in enumerate(ordered)}
    assert list(words.items()) == list(ordinals.items())
    for probe in [*terms, one, other, one + other]:
        assert words.get(probe) == ordinals.get(probe)
    for ordinal, term in enumerate(ordered):
        assert words.term_of(ordinal) == term
    assert words.term_of(len(ordered)) is None
    assert words.term_of(-1) is None
    for prefix in (b"", one, one[:1]):
        assert [t for t, _ in words.prefix(prefix)] == [t for t in ordered if t.startswith(prefix)]
    for ge, lt in ((one, other), (None, other), (one, None), (one, one)):
        expected = [t for t in ordered if (ge or b"") <= t and (lt is None or t < lt)]
        assert [t for t, _ in words.range(ge, lt)] == expected
        assert [t for t, _ in words.search(ge=ge, lt=lt, limit=3)] == expected[:3]
    assert words.first() == (ordered[0] if ordered else None)
    assert words.last() == (ordered[-1] if ordered else None)


@settings(deadline=None, max_examples=50)
@given(term_sets, st.lists(any_term, max_size=20))
def test_many_terms_are_looked_up_at_once(terms: set[bytes], absent: list[bytes]) -> None:
    probes = [*absent, *terms]
    ordinals = {term: ordinal for ordinal, term in enumerate(sorted(terms))}
    found = fst_of(terms).get_many(*arena_of(probes))
    assert found.dtype == np.int64
    assert found.tolist() == [ordinals.get(probe, -1) for probe in probes]


@pytest.mark.parametrize("offsets", [[], [0, 3], [-1, 2], [0, 2, 1]])
def test_offsets_outside_the_arena_are_refused(offsets: list[int]) -> None:
    arena = np.zeros(2, dtype=np.uint8)
    with pytest.raises(InvalidArgument, match="offsets"):
        fst_of([b"a"]).get_many(arena, np.array(offsets, dtype=np.int64))


# ----------------------------------------------------------------- damage


def damaged(content: bytes, at: int, value: bytes) -> bytes:
    return content[:at] + value + content[at + len(value) :]


@pytest.mark.parametrize(
    ("at", "value", "error"),
    [
        (0, b"X", FormatVersionError),
        (4, b"\x02", FormatVersionError),
        (6, b"\x01", FormatVersionError),
        (8, b"\xff" * 8, CorruptionError),
        (16, b"\xff", CorruptionError),
        (24, b"\x00", CorruptionError),
        (32, b"\xff\xff", CorruptionError),
        (36, b"\x01", CorruptionError),
    ],
)
def test_a_header_that_contradicts_itself_is_refused_at_open(
    at: int, value: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error, match=r"words\.fst"):
        fst.Fst.open(damaged(bytes_of([b"a", b"ab"]), at, value), origin="words.fst")


def test_every_truncation_and_every_longer_buffer_is_refused_at_open() -> None:
    content = bytes_of([b"a", b"ab"])
    for wrong in [content[:length] for length in range(len(content))] + [content + b"\x00"]:
        with pytest.raises(CorruptionError):
            fst.Fst.open(wrong, origin="test")


def use_everything(content: bytes) -> None:
    words = fst.Fst.open(content, origin="test")
    probes = [b"", b"a", b"ab", b"abba", b"b" * 40, b"\xff"]
    uses = [
        words.verify,
        words.first,
        words.last,
        lambda: [words.get(probe) for probe in probes],
        lambda: words.get_many(*arena_of(probes)),
        lambda: [words.term_of(value) for value in (0, 1, 7, 2**40)],
        lambda: list(islice(words.items(), 3000)),
        lambda: [list(islice(words.prefix(probe), 3000)) for probe in probes],
        lambda: list(islice(words.range(b"a", b"b"), 3000)),
        lambda: list(words.search(fst.levenshtein("abab", 2))),
        lambda: list(islice(words.search(fst.regex("(a|b)*zz")), 3000)),
    ]
    for use in uses:
        with contextlib.suppress(CorruptionError):
            use()


@settings(deadline=None, max_examples=100)
@given(term_sets, st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_damaged_nodes_give_answers_or_typed_errors_and_end(
    terms: set[bytes], changes: list[tuple[float, int]]
) -> None:
    content = bytearray(bytes_of(terms))
    for where, value in changes:
        content[120 + int(where * (len(content) - 121))] = value
    use_everything(bytes(content))


@settings(deadline=None, max_examples=60)
@given(st.binary(min_size=1, max_size=60), st.integers(0, 2**20), st.integers(0, 64))
def test_hostile_bytes_behind_a_sound_header_give_answers_or_typed_errors_and_end(
    body: bytes, terms: int, longest: int
) -> None:
    header = bytearray(bytes_of([])[:120])
    header[8:16] = terms.to_bytes(8, "little")
    header[16:24] = min(terms * longest, 10_000).to_bytes(8, "little")
    header[24:32] = (120 + len(body)).to_bytes(8, "little")
    header[32:36] = longest.to_bytes(4, "little")
    use_everything(bytes(header) + body)


@pytest.mark.parametrize("delta", [2**64 - 2**40, 2**64 - 1, 2**40, 9, 121])
def test_a_child_outside_the_nodes_below_is_damage(delta: int) -> None:
    # root: one transition, a delta of eight bytes, label a
    body = b"\xf0" + delta.to_bytes(8, "little") + b"a" + b"\x00" + b"\x07"
    header = bytearray(bytes_of([b"a"])[:120])
    header[24:32] = (120 + len(body)).to_bytes(8, "little")
    words = fst.Fst.open(bytes(header) + body, origin="test")
    for use in (lambda: words.get(b"a"), lambda: list(words), words.verify, words.last):
        with pytest.raises(CorruptionError):
            use()


def test_more_paths_than_the_header_tells_end_in_an_error() -> None:
    # 60 nodes with two transitions to the same child each: 2**60 terms of 60 bytes
    body = bytearray(b"\xf0")
    for level in range(60):
        body += bytes([0, 0] if level == 0 else [1, 1]) + b"ab\x01\x00"
    header = bytearray(bytes_of([])[:120])
    header[8:16] = (1000).to_bytes(8, "little")
    header[16:24] = (60_000).to_bytes(8, "little")
    header[24:32] = (120 + len(body)).to_bytes(8, "little")
    header[32:36] = (60).to_bytes(4, "little")
    words = fst.Fst.open(bytes(header + body), origin="test")
    assert words.get(b"ab" * 30) == 0
    with pytest.raises(CorruptionError):
        list(words.items())
    with pytest.raises(CorruptionError):
        list(words.search(fst.regex(".*z")))
    with pytest.raises(CorruptionError):
        words.verify()


def test_verify_finds_what_look_ups_do_not_meet() -> None:
    content = bytes_of([b"ax", b"ay", b"bz"])
    exchanged = damaged(content, content.rindex(b"xy"), b"yx")
    words = fst.Fst.open(exchanged, origin="test")
    assert words.get(b"bz") == 2
    with pytest.raises(CorruptionError, match="test at byte"):
        words.verify()


@pytest.mark.parametrize("at", [8, 16])
def test_verify_counts_the_terms_and_bytes_that_the_header_claims(at: int) -> None:
    content = bytes_of([b"", b"a", b"b", b"cc"])
    fst.Fst.open(content, origin="test").verify()
    assert content[at] == 4
    for wrong in (3, 5):
        words = fst.Fst.open(damaged(content, at, bytes([wrong])), origin="test")
        with pytest.raises(CorruptionError):
            words.verify()


@settings(deadline=None, max_examples=10)
@given(term_sets, any_term, any_term)
def test_kernels_agree_with_their_plain_python(terms: set[bytes], one: bytes, other: bytes) -> None:
    def answers() -> list[object]:
        words = fst_of(terms)
        return [
            list(words.items()),
            list(words.prefix(one)),
            list(words.range(one, other)),
            list(words.search(fst.levenshtein("abé", 2, transpositions=True))),
            list(words.search(fst.regex("(a|b)+"))),
            words.get_many(*arena_of([one, other])).tolist(),
            words.last(),
            words.term_of(1),
        ]

    expected = answers()
    with plain_python(kernels):
        assert answers() == expected
