import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.lexical import _packing_kernels as packing
from rank_retrieve.lexical import _postings_kernels as kernels
from rank_retrieve.lexical._arrays import Lists
from rank_retrieve.lexical.invert import PostingLists
from rank_retrieve.lexical.postings import DAMAGE, coded_value, pack


def lists_of(*postings, lengths=None):
    """PostingLists from lists of (doc, frequency)."""
    n_docs = 1 + max((doc for one in postings for doc, _ in one), default=-1)
    return PostingLists(
        docs=np.array([doc for one in postings for doc, _ in one], np.int32),
        frequencies=np.array([f for one in postings for _, f in one], np.uint32),
        list_offsets=np.cumsum([0, *map(len, postings)]).astype(np.int64),
        lengths=np.full(n_docs, 10, np.uint32) if lengths is None else lengths,
        arena=np.empty(0, np.uint8),
        term_offsets=np.zeros(1, np.int64),
    )


def decode(packed, lists, term=0, n_docs=None, *, python=False):
    n_terms = len(lists.list_offsets) - 1
    df = np.diff(lists.list_offsets).astype(np.uint32)
    room = (int(df[term]) // 128 + 1) * 128
    docs, frequencies = np.zeros(room, np.uint32), np.zeros(room, np.uint32)
    decode_list = kernels.decode_list.py_func if python else kernels.decode_list
    lists = Lists(
        packed.starts[: n_terms + 1 : 256].astype(np.uint64),
        (packed.starts - packed.starts[np.arange(n_terms + 1) // 256 * 256]).astype(np.uint32),
        df,
        packed.last_docs,
        packed.block_offsets,
        packed.block_bits,
        packed.block_bounds,
        packed.postings,
        np.zeros(len(lists.lengths) if n_docs is None else n_docs, np.uint32),
        packed.peak_ordinals,
        packed.peaks,
    )
    for array in lists:
        array.flags.writeable = False
    cursors = np.zeros((1, kernels.CURSOR_COLUMNS), np.int64)
    count = decode_list(lists, term, cursors, docs, frequencies)
    if count < 0:
        return count
    return list(zip(docs[:count].tolist(), frequencies[:count].tolist(), strict=True))


def test_the_worked_example_of_a_tail():
    packed = pack(lists_of([(0, 1), (3, 2), (4, 1)]))
    assert packed.postings.tobytes() == bytes.fromhex("01 04 00 01") + bytes(64)
    assert packed.starts.tolist() == [0, 4]


def test_a_long_gap_and_a_large_frequency_take_more_bytes():
    packed = pack(lists_of([(100, 300)]))
    # gap 100 * 2 = 200 = C8 01; frequency 300 - 2 = 298 = AA 02
    assert packed.postings[:4].tobytes().hex(" ") == "c8 01 aa 02"


def test_a_term_in_every_document_costs_no_bits_for_them():
    packed = pack(lists_of([(doc, 1) for doc in range(129)]))
    # block number 0, then the tail: gap 0, frequency 1
    assert packed.postings[:-64].tobytes() == bytes.fromhex("00 00 00 00 01")
    assert packed.block_bits.tolist() == [0, 0]
    assert packed.last_docs.tolist() == [127]
    assert packed.block_offsets.tolist() == [4]


def test_a_full_block_stores_gaps_and_frequencies_less_one():
    # every second doc from 1: gaps of one, 1 bit; frequencies 1, 2, 1, 2: 1 bit
    packed = pack(lists_of([(2 * i + 1, 1 + i % 2) for i in range(128)]))
    assert packed.block_bits.tolist() == [1, 1]
    assert packed.postings[4:20].tobytes() == b"\xff" * 16
    assert packed.postings[20:36].tobytes() == b"\xaa" * 16
    assert packed.starts.tolist() == [0, 36]


def test_blocks_of_later_terms_are_found_through_their_first_number():
    first = [(doc, 1) for doc in range(256)]
    second = [(doc, 2) for doc in range(0, 300, 2)]
    lists = lists_of(first, second)
    packed = pack(lists)
    start = packed.starts[1]
    assert packed.postings[start : start + 4].tolist() == [2, 0, 0, 0]
    assert decode(packed, lists, 0) == first
    assert decode(packed, lists, 1) == second


@pytest.mark.parametrize(
    ("code", "value"), [(0, 0), (15, 15), (16, 16), (17, 18), (23, 30), (24, 32), (37, 104)]
)
def test_small_float_values(code, value):
    assert packing.small_float_value(code) == value


def test_small_float_is_the_greatest_code_that_does_not_exceed_the_value():
    values = [*range(5000), 2**20 - 1, 2**20, 2**31 - 1, 2**31, 2**32 - 1]
    for value in values:
        code = packing.small_float(value)
        assert packing.small_float_value(code) <= value < packing.small_float_value(code + 1)
        assert code <= 255


def test_bounds_of_equal_postings_are_one_pair_four_times():
    packed = pack(lists_of([(doc, 3) for doc in range(128)]))
    assert packed.block_bounds.tolist() == [3, 10] * 4


def test_bounds_keep_only_pairs_that_nothing_outscores():
    lengths = np.full(128, 15, np.uint32)
    lengths[:3] = [2, 5, 9]
    postings = [(0, 1), (1, 4), (2, 3), *[(doc, 1) for doc in range(3, 127)], (127, 9)]
    packed = pack(lists_of(postings, lengths=lengths))
    # (3, length 9) is outscored by (4, length 5); (1, 15) by (1, 2)
    assert packed.block_bounds.tolist() == [1, 2, 4, 5, 9, 15, 9, 15]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 9, 60, 3000]))
def test_every_posting_is_outscored_by_a_bound(seed, width):
    random = np.random.default_rng(seed)
    lengths = random.integers(1, width * 8, 128).astype(np.uint32)
    frequencies = random.integers(1, width, 128)
    packed = pack(lists_of(list(enumerate(frequencies.tolist())), lengths=lengths))
    pairs = packed.block_bounds.reshape(4, 2).tolist()
    decoded = [
        (packing.small_float_value(high), packing.small_float_value(short)) for high, short in pairs
    ]
    for frequency, length in zip(frequencies.tolist(), lengths.tolist(), strict=True):
        assert any(high >= frequency and short <= length for high, short in decoded)


posting_lists = st.lists(
    st.tuples(st.integers(0, 400), st.integers(1, 50), st.integers(0, 2**32 - 1)),
    min_size=1,
    max_size=4,
)


@settings(deadline=None, max_examples=60)
@given(posting_lists, st.booleans())
def test_lists_come_back_as_they_were_written(shapes, python):
    postings = []
    for df, width, seed in shapes:
        random = np.random.default_rng(seed)
        docs = np.cumsum(random.integers(1, width + 1, max(df, 1))) - 1
        frequencies = 1 + random.geometric(0.5, len(docs)) * random.integers(0, 2, len(docs))
        postings.append(list(zip(docs.tolist(), frequencies.tolist(), strict=True)))
    lists = lists_of(*postings)
    packed = pack(lists)
    for term, expected in enumerate(postings):
        assert decode(packed, lists, term, python=python and term == 0) == expected


def test_extreme_gaps_and_frequencies_survive():
    lists = lists_of([(2**31 - 2, 2**31 - 1)], lengths=np.empty(0, np.uint32))
    packed = pack(lists)
    assert decode(packed, lists, n_docs=2**31 - 1) == [(2**31 - 2, 2**31 - 1)]


def damaged(**changes):
    lists = lists_of([(doc * 3, 1 + doc % 5) for doc in range(150)])
    packed = pack(lists)
    for name, (place, value) in changes.items():
        getattr(packed, name)[place] = value
    return decode(packed, lists)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"starts": (1, 10**6)}, -1),
        ({"postings": (0, 9)}, -1),
        ({"block_bits": (0, 32)}, -1),
        ({"block_offsets": (0, 10**6)}, -1),
        ({"block_bits": (0, 3)}, -3),
        ({"last_docs": (0, 380)}, -3),
        ({"postings": (-65, 0x80)}, -4),
    ],
)
def test_damage_is_named_not_followed(changes, code):
    assert damaged(**changes) == code
    assert code in DAMAGE


def test_documents_beyond_the_index_are_refused():
    lists = lists_of([(0, 1), (5, 1)])
    assert decode(pack(lists), lists, n_docs=5) == -3


def test_peaks_are_reached_by_as_many_documents_as_they_promise():
    # frequency 9 in docs of length 5 twelve times, frequency 1 in docs of length 40 otherwise
    postings = [(doc, 9 if doc % 10 == 0 else 1) for doc in range(120)]
    postings += [(doc, 1) for doc in range(120, 130)]
    lengths = np.array([5 if f == 9 else 40 for _, f in postings], np.uint32)
    packed = pack(lists_of(postings, [(3, 1)], lengths=lengths))
    # the second term has no full block
    assert packed.peak_ordinals.tolist() == [0]
    # ten docs have 9 and at most 5; a hundred have 1 and at most 40; there is no thousand
    assert packed.peaks.reshape(3, 2).tolist() == [[9, 5], [1, 26], [0, 0]]
    assert coded_value(26) == 40


def test_codes_of_peaks_round_lengths_up():
    # 33 = 100001 in binary is between 32 (code 24) and 36 (code 25)
    packed = pack(lists_of([(doc, 1) for doc in range(128)], lengths=np.full(128, 33, np.uint32)))
    assert packed.peaks.reshape(3, 2).tolist() == [[1, 25], [1, 25], [0, 0]]
    assert [coded_value(code) for code in (24, 25)] == [32, 36]
