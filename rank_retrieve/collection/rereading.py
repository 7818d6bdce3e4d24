"""What a segment's stored bodies say, read once, to be held against what was made of them.

The words of a document are compared as one number: the sum, modulo 2**64, of its terms'
frequencies, each times a random number of the term's. Documents of equal words have equal sums,
and others differ but for one chance in 2**64; a posting list is added up term by term, and
bodies token by token, so that neither side is ever inverted.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.collection.record import decode_body
from rank_retrieve.collection.schema import TextGroup
from rank_retrieve.collection.segment import Segment

if TYPE_CHECKING:
    from rank_retrieve.lexical.inverted_index import InvertedIndex

CHUNK_CHARACTERS = 4 << 20
CHUNK_DOCS = 16_384


class Reread:
    """All documents. Raises CorruptionError for a body that is none.

    bodies: in doc order, without the text fields. words: by text group. not_text: by text field,
    the docs that have something else in it.
    """

    def __init__(self, segment: Segment) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.words = {group.name: GroupWords(group) for group in segment.schema.groups}
        self.not_text: dict[str, list[int]] = {}
        texts = list(segment.schema.texts)
        for doc, stored in enumerate(segment.bodies.bodies()):
            body = decode_body(stored, segment.name)
            found = {name: body.pop(name, None) for name in texts}
            self.bodies.append(body)
            for name, text in found.items():
                if not isinstance(text, str | None):
                    self.not_text.setdefault(name, []).append(doc)
                    found[name] = None
            for words in self.words.values():
                words.add(found)


class GroupWords:
    """The words of documents that are added one after the other."""

    def __init__(self, group: TextGroup) -> None:
        from rank_retrieve.analysis import Vocabulary, get_analyzer

        self._fields = group.fields
        self._units = group.field_units.astype(np.uint64)
        self._vocabulary = Vocabulary(get_analyzer(group.analyzer))
        self._random = np.random.default_rng(0)
        self._factors = self._drawn(0)
        self._texts: list[str] = []
        self._characters = 0
        self._sums: list[NDArray[np.uint64]] = []

    def _drawn(self, count: int) -> NDArray[np.uint64]:
        return self._random.integers(0, 1 << 64, count, dtype=np.uint64)

    def add(self, found: Mapping[str, str | None]) -> None:
        """The next document, by its text fields."""
        for name in self._fields:
            text = found[name] or ""
            self._texts.append(text)
            self._characters += len(text)
        few = len(self._texts) < CHUNK_DOCS * len(self._fields)
        if self._characters > CHUNK_CHARACTERS or not few:
            self._analyse()

    def _analyse(self) -> None:
        runs = self._vocabulary.analyze(self._texts)
        lacking = self._vocabulary.n_terms - len(self._factors)
        self._factors = np.concatenate([self._factors, self._drawn(lacking)])
        n_docs = len(self._texts) // len(self._fields)
        units = np.repeat(np.tile(self._units, n_docs), np.diff(runs.offsets))
        before = np.zeros(len(runs.tokens) + 1, dtype=np.uint64)
        np.cumsum(self._factors[runs.tokens] * units, out=before[1:])
        ends = before[runs.offsets[:: len(self._fields)]]
        self._sums.append(ends[1:] - ends[:-1])
        self._texts, self._characters = [], 0

    def sums(self) -> NDArray[np.uint64]:
        """One number a document."""
        if self._texts:
            self._analyse()
        return np.concatenate([np.zeros(0, dtype=np.uint64), *self._sums])

    def sums_of(self, index: InvertedIndex) -> NDArray[np.uint64]:
        """The same numbers, from posting lists. Raises CorruptionError."""
        ordinals = index.ordinals(self._vocabulary.terms())
        factors = self._drawn(index.n_terms)  # for terms that no body has
        factors[ordinals[ordinals >= 0]] = self._factors[ordinals >= 0]
        result = np.zeros(index.n_docs, dtype=np.uint64)
        for ordinal in range(index.n_terms):
            docs, frequencies = index.postings(ordinal)
            result[docs] += frequencies * factors[ordinal]
        return result
