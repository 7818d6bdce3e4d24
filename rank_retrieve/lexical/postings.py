"""Packed posting lists: delta + bit-packed blocks of 128 documents, and a varint tail.

The list of a term with document frequency df is one record. Its documents ascend strictly; the
first df // 128 * 128 of them stand in full blocks, the others in the tail.

    offset  size   type   field
    0       0 | 4  u32    number of the first full block in the block table; absent without one
    ..      16*d   bits   full block: 128 gaps of d bits (`codecs.bitpack`)
    ..      16*f   bits   full block: 128 frequencies of f bits
    ..                    .. next full block ..
    ..      1..5   LEB128 tail: gap * 2 + 1 where the frequency is 1, else gap * 2
    ..      1..5   LEB128 tail: frequency - 2, only where the frequency is not 1
    ..                    .. next document of the tail ..

A gap is the number of documents passed over: doc - previous - 1, with previous = -1 at the start
of the list. Full blocks store frequency - 1. Frequencies are in units of 1/scale. So docs
0, 3, 4 with frequencies 1, 2, 1 are the bytes 01 04 00 01: gap 0 and flag; gap 2; frequency
2 - 2; gap 0 and flag. A term in every document costs no bits for its documents.

The block table describes each full block of all terms, in term order, as separate arrays:

    last doc    u32      its greatest document
    offset      u32      of its bytes in the record
    bounds      u8[4,2]  four pairs (frequency code, length code)
    bits        u8[2]    d, f

Bounds: for each posting of the block, at least one pair has a frequency that is not smaller and
a length that is not greater, in the codes of `small_float`. A score that grows with the
frequency and shrinks with the length is thus bounded by the best of four pairs, whatever N, df
and the average length have become since the block was written.

Codes: 0..15 stand for themselves, 16 + 8 * s + m for (8 + m) * 2**(s + 1), m = 0..7. Frequencies
round up, lengths round down: length 100 = 1100100 in binary is code 36 (96), frequency 100 is
code 37 (104).

Peaks: for each term with a full block, by ordinal, three pairs (frequency code, length code): at
least 10, 100 and 1,000 documents of its list have as great a frequency and as short a length. So
that many documents score at least what the pair scores, whatever the statistics: a search for no
more documents may begin with that threshold. 0, 0 where the list is shorter. Here frequencies
are cut to 15 and lengths round up: 128 documents of length 33 have the pairs 01 19, 01 19, 00 00.

After the last record stand 64 zero bytes, so that wide loads may read past a record.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical.invert import PostingLists
from rank_retrieve.types import Int64s, UInt8s, UInt32s

BLOCK_DOCS = 128
POSTINGS_PADDING = 64
MAX_FREQUENCY = 2**31 - 1
# how many docs a term's peaks promise
PEAK_DOCS = (10, 100, 1000)

# what a kernel found wrong -> what it expected
DAMAGE = {
    -1: "a record inside the postings, of at most n_docs documents",
    -2: "a block inside its record, of at most 31 bits",
    -3: "ascending documents below n_docs",
    -4: "a varint of at most five bytes inside the record",
    -5: "a frequency below 2**31",
}


def coded_value(code: int) -> int:
    """What a code of the bounds stands for."""
    return code if code < 16 else (8 + (code & 7)) << ((code - 8) >> 3)


@dataclass(frozen=True, eq=False)
class PackedLists:
    """The bytes of all records and the tables that find them.

    starts: int64 [n_terms + 1], where each record begins.
    last_docs, block_offsets: uint32 [n_blocks].
    block_bounds, block_bits: uint8 [8 * n_blocks], [2 * n_blocks].
    postings: uint8 [starts[-1] + POSTINGS_PADDING].
    peak_ordinals: uint32 [n_peaks]; peaks: uint8 [6 * n_peaks].
    """

    starts: Int64s
    last_docs: UInt32s
    block_offsets: UInt32s
    block_bounds: UInt8s
    block_bits: UInt8s
    postings: UInt8s
    peak_ordinals: UInt32s
    peaks: UInt8s


def pack(lists: PostingLists, first_block: int = 0) -> PackedLists:
    """Measure, then write each record once.

    first_block: how many full blocks the lists before these have, where they are packed piece
        by piece; starts and peak_ordinals count from the first of these lists.
    Raises InvalidArgument for a list of 4 GiB or more.
    """
    from rank_retrieve.lexical import _packing_kernels as kernels

    n_terms = len(lists.list_offsets) - 1
    n_blocks = int((np.diff(lists.list_offsets) // BLOCK_DOCS).sum())
    starts = np.empty(n_terms + 1, dtype=np.int64)
    last_docs = np.empty(n_blocks, dtype=np.uint32)
    block_offsets = np.empty(n_blocks, dtype=np.uint32)
    block_bounds = np.empty(8 * n_blocks, dtype=np.uint8)
    block_bits = np.empty(2 * n_blocks, dtype=np.uint8)
    size = kernels.measure(
        lists.docs, lists.frequencies, lists.list_offsets, lists.lengths,
        np.empty((BLOCK_DOCS + 1, 2), dtype=np.int64),
        starts, last_docs, block_offsets, block_bits, block_bounds,
    )  # fmt: skip
    if size < 0:
        raise InvalidArgument("term", -1 - size, "its list exceeds 4 GiB", "use several segments")
    postings = np.empty(size + POSTINGS_PADDING, dtype=np.uint8)
    postings[size:] = 0
    kernels.pack_lists(
        lists.docs, lists.frequencies, lists.list_offsets, starts, block_bits, first_block,
        np.empty(BLOCK_DOCS, dtype=np.int64), postings,
    )  # fmt: skip
    peak_terms, peaks = _find_peaks(lists)
    return PackedLists(
        starts, last_docs, block_offsets, block_bounds, block_bits, postings,
        peak_terms.astype(np.uint32), peaks,
    )  # fmt: skip


def _find_peaks(lists: PostingLists) -> tuple[Int64s, UInt8s]:
    """The ordinals of the terms with a full block, and their peaks."""
    from rank_retrieve.lexical import _packing_kernels as kernels

    terms = np.flatnonzero(np.diff(lists.list_offsets) >= BLOCK_DOCS)
    peaks = np.zeros(2 * kernels.PEAK_LEVELS * len(terms), dtype=np.uint8)
    if len(terms):
        average = float(lists.lengths.mean(dtype=np.float64))
        kernels.find_peaks(
            lists.docs, lists.frequencies, lists.list_offsets, lists.lengths, terms,
            average / 0.9,
            np.zeros((kernels.PEAK_FREQUENCIES, kernels.PEAK_LENGTHS), dtype=np.int64), peaks,
        )  # fmt: skip
    return terms, peaks
