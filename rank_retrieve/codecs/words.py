"""Text with its frequent words replaced by codes of one or two bytes.

    byte    then      means
    00..7F            itself
    80..BF            word 0..63
    C0..FD  u8 b      word 64 + 256 * (byte - C0) + b
    FE      u16 b     word 64 + 62 * 256 + b, high byte first
    FF      u8 n, n   these n bytes as they are, n in 0..255

Codes of one text after the other are the code of both. The words " the" and " cat" in a table
make "See the cat, ÿ" the code 53 65 65 80 81 2C | FF 03 20 C3 BF.

    offset  size  type  field of a stored table
    0       4     u32   number of words n, 0..81,472
    4       n     u8[]  length of each word, 1..64
    4 + n   ...   u8[]  the words, one after the other

A code of word numbers is what a general compressor cannot find in a short block: that words
have frequencies. It takes the codes from there, and finds phrases (semi-static word coding:
Moffat, "Word-based text compression", Software: Practice and Experience 19(2), 1989). One word is
read without what comes before it, and decoding is a copy.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import cached_property

import numpy as np

from rank_retrieve.errors import CorruptionError, InvalidArgument
from rank_retrieve.types import Int32s, Int64s, UInt8s, UInt32s

ONE_BYTE_WORDS = 64
TWO_BYTE_WORDS = ONE_BYTE_WORDS + 62 * 256  # of at most two bytes
MAX_WORDS = TWO_BYTE_WORDS + (1 << 16)
MAX_WORD_BYTES = 64
MAX_TABLE_BYTES = 4 + MAX_WORDS * (1 + MAX_WORD_BYTES)
MAX_DISTINCT = 1 << 18  # of tokens that are counted; later ones are rare
PIECE_BYTES = 1 << 20
WORTH_COUNT = 3  # rarer words of a sample are chance
WORTH_PART = 8  # words are coded when they save an eighth
CODE_BYTES = 1.5  # of most words
_KINDS = np.zeros(256, dtype=np.uint8)
_KINDS[32] = 1
_KINDS[[*range(65, 91), *range(97, 123)]] = 2
_KINDS[128:] = 3
_COUNT = struct.Struct("<I")
_FOUND = {-1: "an end inside a code", -2: "a word that is not in the table"}


class WordTable:
    """The words that are coded. words: uint8 [bytes]; offsets: int64 [n + 1], ascending."""

    def __init__(self, words: UInt8s, offsets: Int64s) -> None:
        self._words, self._offsets = words, offsets

    def __len__(self) -> int:
        return len(self._offsets) - 1

    @classmethod
    def of(cls, words: Sequence[bytes]) -> WordTable:
        """A table of these words, the first 64 of one byte each, the next 15,872 of two.

        InvalidArgument for more than 81,472 words, and for a word that is not 1..64 bytes.
        """
        if len(words) > MAX_WORDS:
            raise InvalidArgument("words", len(words), f"at most {MAX_WORDS} words")
        for word in words:
            if not 1 <= len(word) <= MAX_WORD_BYTES:
                raise InvalidArgument("words", word, f"a word is 1..{MAX_WORD_BYTES} bytes")
        offsets = np.zeros(len(words) + 1, dtype=np.int64)
        np.cumsum([len(word) for word in words], out=offsets[1:])
        return cls(np.frombuffer(b"".join(words), dtype=np.uint8), offsets)

    @classmethod
    def train(cls, texts: Sequence[bytes | memoryview], *, share: float = 1.0) -> WordTable:
        """The words whose codes save most; empty where that is too little.

        texts: a sample of what will be coded, `share` of it. Equal samples give equal tables.
        """
        from rank_retrieve.codecs import _words_kernels

        text, offsets = _joined(texts)
        ends, hashes, _ = _cut(text, offsets)
        most = min(MAX_DISTINCT, len(ends))
        slots = np.full(_slots(most), -1, dtype=np.int32)
        starts, lengths, counts = (np.zeros(most, dtype=np.int64) for _ in range(3))
        n = _words_kernels.count(text, ends, hashes, slots, starts, lengths, counts)
        starts, lengths, counts = starts[:n], lengths[:n], counts[:n]
        saved = (lengths - CODE_BYTES) * counts
        worth = (counts >= WORTH_COUNT) & (saved > share * (lengths + 1))
        if int(saved[worth].sum()) < len(text) // WORTH_PART:
            return cls.of([])
        chosen = np.flatnonzero(worth)
        found = [bytes(text[starts[i] : starts[i] + lengths[i]]) for i in chosen.tolist()]
        order = sorted(zip((-counts[chosen]).tolist(), found, strict=True))[:MAX_WORDS]
        words = [word for _, word in order]
        # among the words of one first byte the order is free, and sorted ones compress better
        for start in range(ONE_BYTE_WORDS, TWO_BYTE_WORDS, 256):
            words[start : start + 256] = sorted(words[start : start + 256])
        # a code of three bytes must not be longer than its word
        words[TWO_BYTE_WORDS:] = sorted(word for word in words[TWO_BYTE_WORDS:] if len(word) > 3)
        return cls.of(words)

    def to_bytes(self) -> bytes:
        """The stored form."""
        lengths = np.diff(self._offsets).astype(np.uint8)
        return _COUNT.pack(len(self)) + lengths.tobytes() + self._words.tobytes()

    @classmethod
    def from_bytes(cls, stored: bytes | memoryview, *, origin: str, offset: int = 0) -> WordTable:
        """The table of a stored form. Raises CorruptionError."""
        size = len(stored)
        n = _COUNT.unpack_from(stored)[0] if size >= _COUNT.size else MAX_WORDS + 1
        if n > MAX_WORDS or _COUNT.size + n > size:
            raise CorruptionError(origin, offset, "a table of words", f"{size} bytes")
        raw = np.frombuffer(stored, dtype=np.uint8)
        lengths = raw[_COUNT.size : _COUNT.size + n].astype(np.int64)
        offsets = np.zeros(n + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        words = raw[_COUNT.size + n :]
        fits = n == 0 or (int(lengths.min()) >= 1 and int(lengths.max()) <= MAX_WORD_BYTES)
        if not fits or int(offsets[-1]) != len(words):
            raise CorruptionError(
                origin, offset, f"{n} words of 1..{MAX_WORD_BYTES} bytes", f"{len(words)} bytes"
            )
        return cls(words, offsets)

    @cached_property
    def _slots(self) -> Int32s:
        from rank_retrieve.codecs import _words_kernels

        slots = np.full(_slots(len(self)), -1, dtype=np.int32)
        _ends, hashes, places = _cut(self._words, self._offsets)
        # a word that is cut into several tokens is found under no hash, which is right
        _words_kernels.index(hashes[places[:-1]], slots)
        return slots

    def encode(self, texts: Sequence[bytes | memoryview]) -> tuple[bytes, Int64s]:
        """The codes of texts one after the other, and where each ends; int64 [n]."""
        from rank_retrieve.codecs import _words_kernels

        text, offsets = _joined(texts)
        if len(text) > PIECE_BYTES and len(texts) == 1:
            pieces = range(0, len(text), PIECE_BYTES)
            codes = [self.encode([bytes(text[at : at + PIECE_BYTES])])[0] for at in pieces]
            code = b"".join(codes)
            return code, np.array([len(code)], dtype=np.int64)
        out = np.empty(3 * len(text), dtype=np.uint8)
        code_ends = np.zeros(len(texts), dtype=np.int64)
        size = _words_kernels.encode(
            text,
            *_cut(text, offsets),
            self._words,
            self._offsets,
            self._slots,
            out,
            code_ends,
        )
        return out[:size].tobytes(), code_ends

    def decode(
        self, code: bytes | memoryview, ends: Int64s | None = None, *, most: int, origin: str
    ) -> tuple[memoryview, Int64s]:
        """The texts of a code one after the other, and where each ends; int64 [n].

        ends: where each one's code ends, ascending, the last the code's size; None for one text.
        most: CorruptionError when the texts are larger than this; nothing is allocated then.
        """
        from rank_retrieve.codecs import _words_kernels

        source = np.frombuffer(code, dtype=np.uint8)
        if ends is None:
            ends = np.array([len(source)], dtype=np.int64)
        sizes = np.empty(len(ends), dtype=np.int64)
        place = np.zeros(1, dtype=np.int64)
        problem = _words_kernels.measure(source, ends, self._offsets, sizes, place)
        if problem:
            raise CorruptionError(origin, int(place[0]), "a code of words", _FOUND[problem])
        text_ends = np.cumsum(sizes)
        total = int(text_ends[-1]) if len(ends) else 0
        if total > most:
            raise CorruptionError(origin, 0, f"texts of at most {most} bytes", f"{total} bytes")
        out = np.empty(total, dtype=np.uint8)
        _words_kernels.expand(source, self._words, self._offsets, out)
        out.flags.writeable = False
        return out.data, text_ends


def _joined(texts: Sequence[bytes | memoryview]) -> tuple[UInt8s, Int64s]:
    offsets = np.zeros(len(texts) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in texts], out=offsets[1:])
    return np.frombuffer(b"".join(texts), dtype=np.uint8), offsets


def _cut(text: UInt8s, offsets: Int64s) -> tuple[Int32s, UInt32s, Int64s]:
    """Where each token ends, its hash, and the number of each text's first token."""
    from rank_retrieve.codecs import _words_kernels

    ends = np.empty(len(text), dtype=np.int32)
    hashes = np.empty(len(text), dtype=np.uint32)
    places = np.empty(len(offsets), dtype=np.int64)
    n = _words_kernels.cut(text, offsets, _KINDS, ends, hashes, places)
    return ends[:n], hashes[:n], places


def _slots(n: int) -> int:
    """The size of a hash table for n tokens: a power of two, at most half full."""
    return 1 << max(4, (2 * n - 1).bit_length())
