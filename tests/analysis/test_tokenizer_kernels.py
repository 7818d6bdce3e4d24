import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.analysis import _tokenizer_kernels as kernels
from rank_retrieve.analysis import code_points as cp
from rank_retrieve.analysis import scanner
from tests.analysis.texts import ANY_TEXT

TABLES = cp.code_points("words")


class Run:
    """The arrays of one call, small enough for plain Python."""

    def __init__(self, buffers, *, n_slots=64, arena_bytes=4096):
        self.bounds = np.cumsum([0, *(len(buffer) + 1 for buffer in buffers)], dtype=np.int64)
        joined = bytearray(1).join([*buffers, bytes(4)])
        self.buffer = np.frombuffer(joined, dtype=np.uint8)
        self.words = np.zeros(32, dtype=np.uint64)
        self.slots = np.zeros(4 * n_slots, dtype=np.uint64)
        self.arena = np.zeros(arena_bytes, dtype=np.uint8)
        self.arena_offsets = np.zeros(n_slots // 2 + 1, dtype=np.int64)
        self.state = np.zeros(2, dtype=np.int64)
        self.tokens = np.zeros(len(self.buffer), dtype=np.int32)
        self.offsets = np.zeros(len(buffers) + 1, dtype=np.int64)

    def tokenize(self, function, first=0):
        scratch = self.words.view(np.uint8)
        with np.errstate(over="ignore"):
            return function(
                *(self.buffer, self.bounds, first, TABLES.bytes, TABLES.points, scratch),
                *(self.words, self.slots, self.arena, self.arena_offsets, self.state),
                *(self.tokens, self.offsets),
            )

    def results(self):
        n_terms, n_tokens = self.state
        return (
            bytes(self.arena[: self.arena_offsets[n_terms]]),
            self.tokens[:n_tokens].tolist(),
            self.offsets.tolist(),
            self.slots.tolist(),
        )


def test_terms_lie_in_the_arena_with_line_feeds_between():
    run = Run([b"Ab cd", b"", "ab É".encode()])
    assert run.tokenize(kernels.tokenize) == 3
    assert run.results()[:3] == (b"ab\ncd\n\xc3\xa9\n", [0, 1, 0, 2], [0, 2, 2, 4])


def test_a_slot_holds_the_start_the_number_and_the_length():
    run = Run([b"abc"])
    run.tokenize(kernels.tokenize)
    (used,) = np.flatnonzero(run.slots.reshape(-1, 4)[:, 2])
    assert run.slots[4 * used : 4 * used + 3].tolist() == [0x636261, 0, 3 << 32 | 1]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("x" * 255 + " " + "x" * 256, [0, 0]),
        ("é abcdefgé é", [0, 1, 0]),
        ("abcdefg's é abcdefg's", [0, 1, 0]),
    ],
)
def test_the_same_raw_term_is_entered_once(text, tokens):
    run = Run([text.encode()])
    run.tokenize(kernels.tokenize)
    assert run.results()[1] == tokens


def test_terms_that_share_16_bytes_and_a_chain_of_slots_are_told_apart():
    for letter in b"abcdefghijklmnopqrstuvwxyz":
        short = bytes([letter]) * 16
        run = Run([short + b"x " + short + b" " + short + b" " + short + b"x"], n_slots=4)
        run.tokenize(kernels.tokenize)
        assert run.results()[1] == [0, 1, 1, 0]


def test_an_apostrophe_is_not_written_behind_the_limit():
    run = Run([b"a'" * 200])
    run.tokenize(kernels.tokenize)
    assert run.results()[0] == (b"a'" * 128)[:255] + b"\n"


@given(st.lists(ANY_TEXT, max_size=3))
@settings(deadline=None, max_examples=40)
def test_compiled_and_plain_python_fill_the_same_arrays(texts):
    buffers = [text.encode() for text in texts]
    compiled, plain = Run(buffers, n_slots=512), Run(buffers, n_slots=512)
    with pytest.MonkeyPatch.context() as patch:
        result = compiled.tokenize(kernels.tokenize)
        patch.setattr(kernels, "next_token", kernels.next_token.py_func)
        patch.setattr(kernels, "same_bytes", kernels.same_bytes.py_func)
        assert plain.tokenize(kernels.tokenize.py_func) == result == len(texts)
    assert plain.results() == compiled.results()


@given(st.lists(st.binary(max_size=30), max_size=4))
@settings(deadline=None, max_examples=100)
def test_no_bytes_whatever_reach_outside_the_arrays(buffers):
    # plain Python raises IndexError where compiled code would read what is not its own
    run = Run([buffer.replace(b"\0", b" ") for buffer in buffers], n_slots=512)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernels, "next_token", kernels.next_token.py_func)
        patch.setattr(kernels, "same_bytes", kernels.same_bytes.py_func)
        assert run.tokenize(kernels.tokenize.py_func) == len(buffers)
    assert run.state[1] <= (len(run.buffer) + 1) // 2


def test_a_full_table_stops_before_the_text_that_did_not_fit():
    run = Run([b"a b", b"c d e f", b"g"], n_slots=8)
    assert run.tokenize(kernels.tokenize) == 1
    assert run.state.tolist() == [4, 2]
    larger = np.zeros(4 * 64, dtype=np.uint64)
    assert kernels.rehash(run.slots, larger) == 4
    run.slots = larger
    run.arena_offsets = np.concatenate([run.arena_offsets, np.zeros(28, np.int64)])
    assert run.tokenize(kernels.tokenize, first=1) == 3
    assert run.results()[1:3] == ([0, 1, 2, 3, 4, 5, 6], [0, 2, 6, 7])


def test_a_full_arena_stops_before_the_text_that_did_not_fit():
    run = Run([b"abcd", b"efgh"], arena_bytes=9)
    assert run.tokenize(kernels.tokenize) == 1
    assert run.state.tolist() == [1, 1]


def test_final_terms_replace_raw_ones_and_dropped_ones_close_up():
    tokens = np.array([0, 1, 2, 1, 0], dtype=np.int32)
    offsets = np.array([0, 2, 2, 5], dtype=np.int64)
    final = np.array([7, -1, 3], dtype=np.int32)
    for function in (kernels.finish_tokens, kernels.finish_tokens.py_func):
        some_tokens, some_offsets = tokens.copy(), offsets.copy()
        assert function(some_tokens, some_offsets, final) == 3
        assert some_tokens[:3].tolist() == [7, 3, 7]
        assert some_offsets.tolist() == [0, 1, 1, 3]


def test_rehash_agrees_with_plain_python():
    run = Run([b"one two three four five six seven"], n_slots=16)
    run.tokenize(kernels.tokenize)
    compiled, plain = np.zeros(128, np.uint64), np.zeros(128, np.uint64)
    assert kernels.rehash(run.slots, compiled) == 7
    with np.errstate(over="ignore"):
        assert kernels.rehash.py_func(run.slots, plain) == 7
    assert compiled.tolist() == plain.tolist()


def test_the_kernels_constants_are_those_of_the_modules_they_repeat():
    kinds = ("SEPARATOR", "WORD", "MARK", "SKIP", "APOSTROPHE", "BIGRAM", "SLOW")
    for name in kinds:
        assert getattr(kernels, f"_{name}") == getattr(cp, name)
    assert kernels._MAX_TERM_BYTES == scanner.MAX_TERM_BYTES
