import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.codecs import fst
from rank_retrieve.codecs.fst import _build_kernels as kernels
from rank_retrieve.codecs.fst import builder as builder_module
from rank_retrieve.codecs.fst._layout import DEFAULT_SHORT_LABELS
from rank_retrieve.errors import InvalidArgument
from tests.codecs.fst.oracle import arena_of, bytes_of, fst_of, plain_python

few_letters = st.binary(max_size=8).map(lambda term: bytes(b"ab\xff"[byte % 3] for byte in term))
terms = st.one_of(st.lists(few_letters, max_size=40), st.lists(st.binary(max_size=6), max_size=40))


def nodes(content: bytes) -> str:
    return content[120:].hex(" ")


def test_the_header_counts_terms_bytes_length_and_the_longest() -> None:
    content = bytes_of([b"a", b"ab"])
    assert content[:40] == (
        b"RRFS"
        + bytes.fromhex("0100 0000")
        + bytes.fromhex("0200000000000000 0300000000000000 8000000000000000")
        + bytes.fromhex("02000000 00000000")
    )
    assert content[40:120] == DEFAULT_SHORT_LABELS
    assert len(content) == 128


def test_a_and_ab_are_the_bytes_of_the_format_page() -> None:
    assert nodes(bytes_of([b"a", b"ab"])) == "f0 00 01 62 00 00 88 48"


def test_no_term_is_an_empty_root() -> None:
    assert nodes(bytes_of([])) == "f0 70"


def test_the_empty_term_is_the_leaf_or_a_root_with_its_value() -> None:
    assert nodes(bytes_of([b""])) == "f0"
    content = fst.build(*arena_of([b""]), np.array([258], dtype=np.uint64))
    assert nodes(content) == "f0 02 01 00 00 00 00 00 00 f1"


def test_labels_without_a_code_take_a_byte() -> None:
    # Z has no code: label, then header 78
    assert nodes(bytes_of([b"Z"])) == "f0 5a 78"
    # 9 is code 35 = 4 * 8 + 3: kind 13, low 3; the dot is code 37: kind 9 + 4, low 5
    assert nodes(bytes_of([b"9"])) == "f0 6b"
    assert nodes(bytes_of([b"."])) == "f0 6d"
    # 8F is the last one, code 79 = 40 + 39: bit 7, kind 9 + 4, low 7
    assert nodes(bytes_of([b"\x8f"])) == "f0 ef"


def test_equal_endings_are_written_once() -> None:
    # x and y share "tion": one root with two transitions to the node of t at 124
    content = bytes_of([b"xtion", b"ytion"])
    codes = [0x48 + DEFAULT_SHORT_LABELS.index(c) for c in b"noit"]
    assert nodes(content) == ("f0 " + bytes(codes).hex(" ") + " 01 01 00 01 78 79 01 08")


def test_a_branch_of_all_256_labels() -> None:
    content = bytes_of([bytes([byte]) for byte in range(256)])
    body = content[121:]
    assert body == bytes(256) + bytes(range(256)) + bytes(range(256)) + b"\xff\x08"


def test_values_need_not_ascend_and_outputs_move_toward_the_root() -> None:
    # the first transition carries the 5 that both share, "ab" the 2 that it has beyond
    content = fst.build(*arena_of([b"ab", b"ac"]), np.array([7, 5], dtype=np.uint64))
    assert nodes(content) == "f0 00 00 02 00 62 63 01 08 01 05 61 00 08"


@settings(deadline=None, max_examples=60)
@given(terms)
def test_the_automaton_is_minimal(words: list[bytes]) -> None:
    """As many nodes as there are different sets of (rest of a term, value beyond the least)."""
    content = bytes_of(words)
    ordered = sorted(set(words))
    rests: dict[bytes, list[tuple[bytes, int]]] = {}
    for ordinal, term in enumerate(ordered):
        for cut in range(len(term) + 1):
            rests.setdefault(term[:cut], []).append((term[cut:], ordinal))
    states = {
        tuple((rest, value - min(v for _, v in entries)) for rest, value in entries)
        for entries in rests.values()
    }
    from rank_retrieve.codecs.fst import _read_kernels

    count = _read_kernels.list_nodes(
        np.frombuffer(content, dtype=np.uint8), len(content) - 1, np.empty(0, dtype=np.int64)
    )
    # the leaf is always there
    assert count == len(states | {((b"", 0),)}) + (not ordered)


@settings(deadline=None, max_examples=60)
@given(st.lists(few_letters, unique=True, max_size=40), st.data())
def test_any_values_come_back(words: list[bytes], data: st.DataObject) -> None:
    values = st.one_of(st.integers(0, 9), st.integers(0, 2**63 - 1))
    mapping = {word: data.draw(values) for word in words}
    assert dict(fst_of(mapping).items()) == mapping


@settings(deadline=None, max_examples=40)
@given(terms, st.data())
def test_streaming_in_pieces_gives_the_same_bytes(words: list[bytes], data: st.DataObject) -> None:
    ordered = sorted(set(words))
    builder = fst.FstBuilder(data.draw(st.sampled_from([None, 0, 1, 100])))
    at = 0
    while at < len(ordered):
        piece = ordered[at : at + data.draw(st.integers(1, 10))]
        if data.draw(st.booleans()):
            builder.add_many(*arena_of(piece))
        else:
            for term in piece:
                builder.add(term)
        at += len(piece)
        assert len(builder) == at
    assert builder.finish() == fst.build(*arena_of(ordered))


def test_many_single_terms_pass_through_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builder_module, "_PENDING_TERMS", 7)
    ordered = [b"%05d" % number for number in range(100)]
    builder = fst.FstBuilder()
    for term in ordered:
        builder.add(term, 3)
    result = fst.Fst.open(builder.finish(), origin="test")
    assert list(result.items()) == [(term, 3) for term in ordered]


def test_a_full_registry_costs_size_but_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(5)
    words = sorted({rng.bytes(4).hex().encode() for _ in range(3000)})
    small = fst.build(*arena_of(words))
    monkeypatch.setattr(builder_module, "REGISTRY_BYTES", 8 * 64)
    large = fst.build(*arena_of(words))
    assert len(large) > len(small)
    result = fst.Fst.open(large, origin="test")
    result.verify()
    assert [term for term, _ in result.items()] == words


def test_longest_terms_and_longer_ones() -> None:
    longest = b"x" * 4096
    assert fst_of([b"", longest]).get(longest) == 1
    with pytest.raises(InvalidArgument, match="more than 4096 bytes"):
        bytes_of([longest + b"x"])
    with pytest.raises(InvalidArgument, match="more than 4096 bytes"):
        fst.FstBuilder().add(longest + b"x")
    with pytest.raises(InvalidArgument, match="more than 3 bytes"):
        fst.FstBuilder(longest=3).add_many(*arena_of([b"abcd"]))


@pytest.mark.parametrize(
    "words", [[b"b", b"a"], [b"a", b"a"], [b"ab", b"a"], [b"", b""], [b"a", b""], [b"a\xff", b"a"]]
)
def test_terms_out_of_order_or_twice_are_refused(words: list[bytes]) -> None:
    with pytest.raises(InvalidArgument, match="number 1 is not above the one before it"):
        fst.build(*arena_of(words))
    builder = fst.FstBuilder()
    builder.add(words[0])
    builder.add(words[1])
    with pytest.raises(InvalidArgument, match="number 1"):
        builder.finish()
    with pytest.raises(InvalidArgument, match="takes no more terms"):
        builder.add(b"z")


def test_a_finished_builder_takes_nothing_more() -> None:
    builder = fst.FstBuilder()
    builder.finish()
    for use in (builder.finish, lambda: builder.add(b"a")):
        with pytest.raises(InvalidArgument, match="finished"):
            use()


def test_values_of_64_bits_and_negative_ones_are_refused() -> None:
    for value in (2**63, 2**64 - 1):
        with pytest.raises(InvalidArgument, match="values"):
            fst.build(*arena_of([b"a"]), np.array([value], dtype=np.uint64))
    with pytest.raises(InvalidArgument, match="values"):
        fst.build(*arena_of([b"a"]), np.array([-1], dtype=np.int64))
    with pytest.raises(InvalidArgument, match="value"):
        fst.FstBuilder().add(b"a", -1)


def test_arrays_that_do_not_fit_together_are_refused() -> None:
    arena, offsets = arena_of([b"a", b"b"])
    with pytest.raises(InvalidArgument, match="values"):
        fst.build(arena, offsets, np.array([1], dtype=np.uint64))
    for wrong in ([], [0, 3], [-1, 1], [0, 2, 1]):
        with pytest.raises(InvalidArgument, match="offsets"):
            fst.build(arena, np.array(wrong, dtype=np.int64))


@settings(deadline=None, max_examples=15)
@given(terms)
def test_kernels_agree_with_their_plain_python(words: list[bytes]) -> None:
    expected = bytes_of(words)
    with plain_python(kernels):
        assert bytes_of(words) == expected


@settings(deadline=None, max_examples=25)
@given(terms)
def test_nodes_of_one_hash_are_still_told_apart(words: list[bytes]) -> None:
    with plain_python(kernels), pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "_hash_node", lambda *_: np.uint64(0))
        content = bytes_of(words)
    result = fst.Fst.open(content, origin="test")
    result.verify()
    assert [term for term, _ in result.items()] == sorted(set(words))


@pytest.mark.parametrize(
    "words",
    [
        [b"ax", b"axyz", b"bxyz", b"c"],  # a chain that ends a term, and one that does not
        [b"a", b"ax", b"ay", b"bx", b"by"],  # two branches with the same transitions
    ],
)
def test_a_node_that_ends_a_term_is_not_taken_for_one_that_does_not(words: list[bytes]) -> None:
    with plain_python(kernels), pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "_hash_node", lambda *_: np.uint64(0))
        content = fst.build(*arena_of(words), np.zeros(len(words), dtype=np.int64))
    assert list(fst.Fst.open(content, origin="test")) == words
