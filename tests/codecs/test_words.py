import itertools
import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.codecs import _words_kernels as kernels
from rank_retrieve.codecs.words import (
    MAX_WORD_BYTES,
    MAX_WORDS,
    ONE_BYTE_WORDS,
    TWO_BYTE_WORDS,
    WordTable,
)
from rank_retrieve.errors import CorruptionError, InvalidArgument

TEXT = "See the cat, ÿ".encode()
CODE = bytes.fromhex("53 65 65 80 81 2C ff 03 20 c3 bf")
pieces = st.sampled_from([b"the", b" the", b" cat", b"  ", b", ", b"\xe6\x9d\xb1", b"7", b"A", b""])
texts = st.lists(pieces | st.binary(max_size=5), max_size=30).map(b"".join)


def decode(table: WordTable, code: bytes, ends: list[int] | None = None) -> bytes:
    given_ends = None if ends is None else np.array(ends, dtype=np.int64)
    return table.decode(code, given_ends, most=1 << 20, origin="segment-1")[0]


def numbered(count: int) -> list[bytes]:
    return [f"w{number:x}".translate(str.maketrans("0123456789", "ghijklmnop")).encode()
            for number in range(count)]  # fmt: skip


def test_words_become_one_byte_and_what_is_not_ascii_is_escaped() -> None:
    table = WordTable.of([b" the", b" cat"])
    code, ends = table.encode([TEXT])
    assert code == CODE
    assert ends.tolist() == [11]
    assert decode(table, CODE) == TEXT


def test_a_table_is_its_number_the_lengths_and_the_words() -> None:
    stored = bytes.fromhex("02000000 04 02 20746865 6162")
    assert WordTable.of([b" the", b"ab"]).to_bytes() == stored
    table = WordTable.from_bytes(stored, origin="x")
    assert decode(table, b"\x81\x80") == b"ab the"
    assert WordTable.of([]).to_bytes() == bytes(4)


def test_the_first_64_words_take_one_byte_the_next_two_and_the_rest_three() -> None:
    table = WordTable.of(numbered(TWO_BYTE_WORDS + 300))
    for word, code in [
        (0, "80"),
        (63, "bf"),
        (64, "c000"),
        (64 + 255, "c0ff"),
        (64 + 256, "c100"),
        (TWO_BYTE_WORDS - 1, "fdff"),
        (TWO_BYTE_WORDS, "fe0000"),
        (TWO_BYTE_WORDS + 299, "fe012b"),
    ]:
        text = numbered(TWO_BYTE_WORDS + 300)[word]
        assert table.encode([text])[0].hex() == code
        assert decode(table, bytes.fromhex(code)) == text
    assert ONE_BYTE_WORDS == 64
    assert TWO_BYTE_WORDS == 64 + 62 * 256


def test_texts_are_coded_apart_so_that_each_is_read_alone() -> None:
    table = WordTable.of([b" cat", b"thecat"])
    code, ends = table.encode([b"the", b"cat", b"", b" cat"])
    assert (code, ends.tolist()) == (b"thecat\x80", [3, 6, 6, 7])
    text, text_ends = table.decode(code, ends, most=10, origin="x")
    assert (text, text_ends.tolist()) == (b"thecat cat", [3, 6, 6, 10])


def test_training_takes_the_words_that_save_most_and_puts_the_frequent_first() -> None:
    table = WordTable.train([b"the cat", b"the dog", b"see the cat"] * 50)
    text = b"the cat"
    assert len(table.encode([text])[0]) == 2
    assert table.to_bytes() == WordTable.train([b"the cat", b"the dog", b"see the cat"] * 50
                                               ).to_bytes()  # fmt: skip


@pytest.mark.parametrize("sample", [[], [b""], [b"a"], [random.Random(1).randbytes(9_000)]])
def test_training_finds_no_words_where_none_save_much(sample: list[bytes]) -> None:
    assert len(WordTable.train(sample)) == 0


def test_a_text_of_megabytes_is_coded_in_pieces() -> None:
    text = b"the cat sat on the mat. " * 100_000
    table = WordTable.train([text[:10_000]])
    code, ends = table.encode([text])
    assert ends.tolist() == [len(code)]
    assert len(code) < len(text) / 2
    assert table.decode(code, most=len(text), origin="x")[0] == text


def test_bytes_that_are_no_words_share_one_escape() -> None:
    table = WordTable.of([b"word", b".."])
    code, _ = table.encode(["é1é, ab..é".encode()])
    assert code == b"\xff\x09" + "é1é, ab".encode() + b"\x81\xff\x02" + "é".encode()
    code, _ = table.encode(["é".encode() + b"1a" * 130])
    assert code[:2] == b"\xff\xff"
    assert code[257:] == b"a1a1a1a"
    noise = random.Random(2).randbytes(100_000)
    assert len(table.encode([noise])[0]) < 1.01 * len(noise)


def test_no_code_is_longer_than_five_thirds_of_its_text() -> None:
    rng = random.Random(3)
    sample = [bytes(rng.choices(b" .,ab\xc3\xa9", k=40)) for _ in range(2_000)]
    table = WordTable.train(sample)
    assert len(table) > 100
    worst = [b"..\xc3", b"\xc3..", b".\xa9,", b" \xc3.a"]
    for text in (*sample[:200], *(piece * 50 for piece in worst)):
        assert len(table.encode([text])[0]) <= 5 / 3 * len(text) + 2


@settings(deadline=None, max_examples=100)
@given(st.lists(texts, max_size=8), st.lists(texts, min_size=1, max_size=8))
def test_what_is_coded_comes_back_with_any_table(sample: list[bytes], given: list[bytes]) -> None:
    for table in (WordTable.train(sample * 20), WordTable.of([t[:60] for t in sample if t])):
        code, ends = table.encode(given)
        text, text_ends = table.decode(code, ends, most=1 << 20, origin="x")
        starts = [0, *text_ends.tolist()]
        assert [text[a:b] for a, b in itertools.pairwise(starts)] == given
        again = WordTable.from_bytes(table.to_bytes(), origin="x")
        assert again.to_bytes() == table.to_bytes()
        assert again.encode(given)[0] == code


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=60), st.integers(0, 90))
def test_any_bytes_are_a_text_or_corruption(code: bytes, n_words: int) -> None:
    table = WordTable.of(numbered(n_words))
    try:
        text = decode(table, code)
    except CorruptionError:
        return
    assert decode(table, table.encode([text])[0]) == text


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=60))
def test_any_bytes_are_a_table_or_corruption(stored: bytes) -> None:
    try:
        table = WordTable.from_bytes(stored, origin="segment-1")
    except CorruptionError:
        return
    assert table.to_bytes() == stored


@pytest.mark.parametrize(
    ("code", "at"),
    [("61c0", 1), ("ff", 0), ("ff0261", 0), ("fe00", 0), ("82", 0), ("80c000", 1), ("fe0000", 0)],
)
def test_a_code_that_ends_early_or_names_no_word_is_corruption(code: str, at: int) -> None:
    with pytest.raises(CorruptionError, match=f"segment-1 at byte {at}"):
        decode(WordTable.of([b"aa", b"bb"]), bytes.fromhex(code))


def test_a_code_must_end_where_its_text_does() -> None:
    with pytest.raises(CorruptionError):
        decode(WordTable.of(numbered(100)), b"\xc0\x00", [1, 2])
    with pytest.raises(CorruptionError, match="end inside"):
        decode(WordTable.of(numbered(TWO_BYTE_WORDS + 200)), b"\xfe\x00\x80", [2, 3])


def test_more_text_than_allowed_is_refused_before_memory_is_taken() -> None:
    table = WordTable.of([b"x" * MAX_WORD_BYTES])
    with pytest.raises(CorruptionError, match="at most 1000"):
        table.decode(b"\x80" * 16, most=1000, origin="x")
    assert table.decode(b"\x80" * 15, most=1000, origin="x")[0] == b"x" * 960


def test_tables_out_of_bounds_are_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"1\.\.64 bytes"):
        WordTable.of([b"x" * 65])
    with pytest.raises(InvalidArgument, match=r"1\.\.64 bytes"):
        WordTable.of([b""])
    with pytest.raises(InvalidArgument, match="at most"):
        WordTable.of([b"a"] * (MAX_WORDS + 1))
    for stored in ("", "010000", "01000000", "01000000 00", "01000000 41", "01000000 01"):
        with pytest.raises(CorruptionError):
            WordTable.from_bytes(bytes.fromhex(stored), origin="x")
    with pytest.raises(CorruptionError):
        WordTable.from_bytes((MAX_WORDS + 1).to_bytes(4, "little") + bytes(99_999), origin="x")


def test_the_kernels_are_their_plain_python(monkeypatch: pytest.MonkeyPatch) -> None:
    given = [TEXT, b"the cat  sat", "東京 the 1999".encode() * 3]
    table = WordTable.train(given * 5)
    code, ends = table.encode(given)
    text = table.decode(code, ends, most=1000, origin="x")[0]
    for name in ("cut", "count", "index", "encode", "measure", "expand"):
        monkeypatch.setattr(kernels, name, getattr(kernels, name).py_func)
    with np.errstate(over="ignore"):
        again = WordTable.train(given * 5)
        assert again.to_bytes() == table.to_bytes()
        assert again.encode(given)[0] == code
    assert again.decode(code, ends, most=1000, origin="x")[0] == text
