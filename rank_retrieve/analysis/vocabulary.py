"""Many texts to numbers of terms: the indexing side of an analyzer.

Each distinct raw term is stopped and stemmed once, when it is first seen; every later
occurrence costs a look-up in the kernel's table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from rank_retrieve._threads import HelperThread
from rank_retrieve.analysis.analyzer import Analyzer, check_text
from rank_retrieve.analysis.code_points import code_points
from rank_retrieve.errors import ResourceExhausted
from rank_retrieve.types import Int32s, Int64s, UInt8s

_FIRST_SLOTS: Final = 1 << 10
_FIRST_ARENA_BYTES: Final = 1 << 13
_CHUNK_CHARACTERS: Final = 1 << 19
_PADDING: Final = bytes(4)
_MAX_TERMS: Final = (1 << 31) - 1
_STOPPED: Final = -1


@dataclass(frozen=True, eq=False)
class TokenRuns:
    """The terms of several texts, stop words left out.

    tokens: int32 [n_tokens], numbers of final terms of the vocabulary.
    offsets: int64 [n_texts + 1]; text t is tokens[offsets[t] : offsets[t + 1]].
    positions: int32 [n_tokens], which word of its text each token is, from 0: stop words leave
        gaps. None where they were not asked for.
    """

    tokens: Int32s
    offsets: Int64s
    positions: Int32s | None = None

    def __len__(self) -> int:
        """How many texts there are."""
        return len(self.offsets) - 1


class Vocabulary:
    """Final terms, numbered by first appearance, growing with every text analysed.

    Not to be used by two threads at once; one per indexing thread is cheap.
    """

    def __init__(self, analyzer: Analyzer) -> None:
        self.analyzer = analyzer
        self._tables = code_points(analyzer.recipe.scheme)
        self._slots = np.zeros(4 * _FIRST_SLOTS, dtype=np.uint64)
        self._arena = np.empty(_FIRST_ARENA_BYTES, dtype=np.uint8)
        self._arena_offsets = np.zeros(_FIRST_SLOTS // 2 + 1, dtype=np.int64)
        self._final_of_raw = np.empty(_FIRST_SLOTS // 2, dtype=np.int32)
        # [raw terms, tokens of the last cut]: the kernel counts the terms that its table holds
        # here, so that an interrupt right behind it leaves no table that is ahead of its count
        self._state = np.zeros(2, dtype=np.int64)
        self._n_taken = self._n_finished = 0
        self._scratch_words = np.zeros(32, dtype=np.uint64)
        self._ids: dict[bytes, int] = {}

    @property
    def n_terms(self) -> int:
        """How many final terms there are."""
        return len(self._ids)

    def terms(self) -> list[bytes]:
        """The final terms in the order of their numbers."""
        return list(self._ids)

    def arena(self) -> tuple[UInt8s, Int64s]:
        """The final terms end to end, and the n_terms + 1 offsets between them."""
        terms = self.terms()
        offsets = np.zeros(len(terms) + 1, dtype=np.int64)
        np.cumsum(np.fromiter(map(len, terms), np.int64, len(terms)), out=offsets[1:])
        return np.frombuffer(b"".join(terms), dtype=np.uint8), offsets

    def analyze(
        self, texts: Sequence[str], *, positions: bool = False, first: int = 0
    ) -> TokenRuns:
        """Cut, stop and stem texts.

        positions: whether to tell where tokens stand, which phrases need.
        first: where the texts begin among those that the caller was given, for errors.
        Raises InvalidArgument, naming the text by its position and leaving the vocabulary as
        it was, for one that is not a string or has a lone surrogate.
        """
        for position, text in enumerate(texts, first):
            if type(text) is not str or not text.isascii():
                check_text(text, f"texts[{position}]")
        self._n_taken = self._n_finished
        chunks = list(_chunks(texts))
        # the kernels let go of the GIL: a chunk is cut while new terms of the last are stemmed
        with HelperThread(beside=len(chunks) > 1) as helper:
            finishing = []
            for chunk in chunks:
                cut = self._cut(chunk)
                finishing.append(helper.submit(self._finish_cut, *cut, *self._take(), positions))
            finished = [runs.result() for runs in finishing]
        return finished[0] if len(finished) == 1 else _joined(finished, positions)

    def _finish_cut(
        self, tokens: Int32s, offsets: Int64s, first: int, raw_terms: list[bytes], positioned: bool
    ) -> TokenRuns:
        """Stop and stem new raw terms, and number the tokens they are among by final terms."""
        from rank_retrieve.analysis import _tokenizer_kernels as kernels

        self._finish(first, raw_terms)
        if not positioned:
            kept = kernels.finish_tokens(tokens, offsets, self._final_of_raw)
            return TokenRuns(tokens[:kept].copy(), offsets)
        places = np.empty(int(offsets[-1]), dtype=np.int32)
        kept = kernels.finish_positioned_tokens(tokens, offsets, self._final_of_raw, places)
        return TokenRuns(tokens[:kept].copy(), offsets, places[:kept])

    def _cut(self, texts: Sequence[str]) -> tuple[Int32s, Int64s]:
        """Numbers of raw terms, and where each text ends among them."""
        from rank_retrieve.analysis import _tokenizer_kernels as kernels

        encoded = [text.encode() for text in texts]
        n_texts = len(encoded)
        bounds = np.zeros(n_texts + 1, dtype=np.int64)
        lengths = np.fromiter(map(len, encoded), np.int64, n_texts)
        np.cumsum(lengths + 1, out=bounds[1:])
        encoded.append(_PADDING)
        # a bytearray, because the kernel is declared for writable arrays
        buffer = np.frombuffer(bytearray(1).join(encoded), dtype=np.uint8)
        # a token takes two bytes at least: one of its own and a separator, or a wide character
        tokens = np.empty(int(bounds[-1]) // 2 + n_texts, dtype=np.int32)
        offsets = np.zeros(n_texts + 1, dtype=np.int64)
        self._state[1] = 0
        done = 0
        while True:
            done = kernels.tokenize(
                buffer,
                bounds,
                done,
                self._tables.bytes,
                self._tables.points,
                self._scratch_words.view(np.uint8),
                self._scratch_words,
                self._slots,
                self._arena,
                self._arena_offsets,
                self._state,
                tokens,
                offsets,
            )
            if done == n_texts:
                break
            self._grow()
        return tokens, offsets

    @property
    def _n_raw(self) -> int:
        return int(self._state[0])

    def _grow(self) -> None:
        """Make room for more raw terms: twice what was full."""
        from rank_retrieve.analysis import _tokenizer_kernels as kernels

        capacity = len(self._arena_offsets) - 1
        if self._n_raw == capacity:
            if capacity > _MAX_TERMS // 2:
                raise ResourceExhausted(
                    "vocabulary", f"more than {capacity} distinct terms", "split the collection"
                )
            slots = np.zeros(2 * len(self._slots), dtype=np.uint64)
            kernels.rehash(self._slots, slots)
            self._slots = slots
            self._arena_offsets = np.concatenate(
                [self._arena_offsets, np.zeros(capacity, np.int64)]
            )
        else:
            self._arena = np.concatenate([self._arena, np.empty_like(self._arena)])

    def _take(self) -> tuple[int, list[bytes]]:
        """The raw terms that nobody finishes yet, and the number of the first."""
        first, self._n_taken = self._n_taken, self._n_raw
        start, end = self._arena_offsets[first], self._arena_offsets[self._n_taken]
        # every raw term is followed by a line feed
        return first, self._arena[start:end].tobytes().split(b"\n")[:-1]

    def _finish(self, first: int, raw_terms: list[bytes]) -> None:
        """Stop and stem raw terms."""
        end = first + len(raw_terms)
        if end > len(self._final_of_raw):
            larger = np.empty(2 * end, dtype=np.int32)
            larger[:first] = self._final_of_raw[:first]
            self._final_of_raw = larger
        ids = self._ids
        self._final_of_raw[first:end] = [
            _STOPPED if term is None else ids.setdefault(term, len(ids))
            for term in self.analyzer.finish_encoded(raw_terms)
        ]
        self._n_finished = end

    def __repr__(self) -> str:
        return f"Vocabulary({self.analyzer.name!r}, {self.n_terms} terms)"


def _joined(parts: Sequence[TokenRuns], positioned: bool) -> TokenRuns:
    """The runs of consecutive texts, end to end."""
    none = np.empty(0, dtype=np.int32)
    offsets, n_tokens = [np.zeros(1, dtype=np.int64)], 0
    for part in parts:
        offsets.append(part.offsets[1:] + n_tokens)
        n_tokens += len(part.tokens)
    places = [part.positions for part in parts if part.positions is not None]
    return TokenRuns(
        np.concatenate([none, *(part.tokens for part in parts)]),
        np.concatenate(offsets),
        np.concatenate([none, *places]) if positioned else None,
    )


def _chunks(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    """Runs of texts of about _CHUNK_CHARACTERS, to bound the memory of the bytes."""
    first = characters = 0
    for position, text in enumerate(texts):
        characters += len(text)
        if characters >= _CHUNK_CHARACTERS:
            yield texts[first : position + 1]
            first, characters = position + 1, 0
    if first < len(texts):
        yield texts[first:]
