"""Terms in some fields only: the postings of a group mix its fields, so something must tell.

positions  tell the field of every occurrence
texts      where there are no positions: the candidates' texts are read and analysed again
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.lexical.postings import BLOCK_DOCS
from rank_retrieve.lexical.queries.plan import places_in
from rank_retrieve.lexical.queries.scope import Choice, Scope
from rank_retrieve.types import Float64s, Int32s, Int64s

# decoding a posting costs a sixteenth of looking a doc up
LOOKUP_COST = 16
# texts are analysed so many documents at a time
CHUNK_DOCS = 1024


class Postings(NamedTuple):
    """docs: int32 [n], ascending. frequencies: float64 [n], above 0, in units of 1/scale."""

    docs: Int32s
    frequencies: Float64s


class Tokens(NamedTuple):
    """Texts of some docs, analysed: `ForwardIndex`'s arrays, and the number of each term."""

    tokens: Int32s
    offsets: Int64s
    positions: Int32s
    numbers: dict[bytes, int]


def reads_texts(choice: Choice, part: int) -> bool:
    """Whether telling these fields apart takes the documents' texts."""
    return not choice.whole and choice.group.searcher.parts[part].index.positions is None


def postings_in(
    scope: Scope, choice: Choice, part: int, term: bytes, ordinal: int, within: Int32s | None
) -> Postings:
    """The postings of a term in the chosen fields, of the ascending docs `within` or of all."""
    if not choice.whole and not reads_texts(choice, part):
        return _only(_postings_by_positions(choice, part, ordinal), within)
    index = choice.group.searcher.parts[part].index
    few = within is not None and (len(within) * LOOKUP_COST < index.document_frequency(ordinal))
    if within is not None and few:
        frequencies = index.frequencies(ordinal, within.astype(np.int64))
        held = np.flatnonzero(frequencies)
        postings = Postings(within[held], frequencies[held].astype(np.float64))
    else:
        docs, counts = index.postings(ordinal)
        postings = _only(Postings(docs, counts.astype(np.float64)), within)
    if choice.whole:
        return postings
    return _postings_by_texts(scope, choice, part, [term], live_only(choice, part, postings.docs))


def docs_with_any(
    scope: Scope, choice: Choice, part: int, ordinals: Int64s, within: Int32s | None
) -> Int32s:
    """The ascending docs that hold one of the terms in the chosen fields.

    within: only these are looked at, where texts must be read.
    """
    from rank_retrieve.lexical import _union_kernels as kernels
    from rank_retrieve.lexical.scratch import thread_scratch

    index = choice.group.searcher.parts[part].index
    scratch, words = thread_scratch(1), np.zeros(-(-index.n_docs // 64), dtype=np.uint64)
    if choice.whole or reads_texts(choice, part):
        status = kernels.mark_docs(
            index.lists, ordinals, scratch.cursors, scratch.docs, scratch.frequencies, words
        )
    else:
        assert index.positions is not None
        status = kernels.mark_docs_in_fields(
            index.lists, index.positions.arrays, ordinals, choice.units, scratch.cursors,
            scratch.docs, scratch.frequencies, np.empty(BLOCK_DOCS), words,
        )  # fmt: skip
    if status < 0:
        positions = index.positions
        raise (positions or index).damage(status, int(ordinals.max()))
    bits = np.unpackbits(words.view(np.uint8), count=index.n_docs, bitorder="little")
    docs = np.flatnonzero(bits).astype(np.int32)
    if not reads_texts(choice, part):
        return docs
    if within is not None:
        docs = docs[places_in(docs, within)[0]]
    terms = [index.dictionary.term_of(int(ordinal)) for ordinal in ordinals]
    found = [term for term in terms if term is not None]
    candidates = live_only(choice, part, docs)
    return _postings_by_texts(scope, choice, part, found, candidates).docs


def live_only(choice: Choice, part: int, docs: Int32s) -> Int32s:
    """Those of docs that are not deleted: only their texts are worth reading."""
    live = choice.group.searcher.parts[part].live
    return docs if live is None else docs[live.to_mask()[docs]]


def analysed_texts(
    scope: Scope, choice: Choice, part: int, docs: Int32s
) -> Iterator[tuple[Int32s, Tokens]]:
    """The texts of docs in the chosen fields, some docs at a time; other fields are empty.

    Raises InvalidArgument where the index has no texts.
    """
    from rank_retrieve.analysis import Vocabulary

    group = choice.group
    if group.texts is None:
        raise InvalidArgument(
            "query", "phrase", "needs the positions of words, which this index was made without",
            "make it with rr.BM25.from_texts(..., positions=True)",
        )  # fmt: skip
    for first in range(0, len(docs), CHUNK_DOCS):
        scope.deadline.check()
        chunk = docs[first : first + CHUNK_DOCS]
        texts = iter(group.texts(part, chunk.astype(np.int64), choice.names))
        vocabulary = Vocabulary(group.analyzer)
        runs = vocabulary.analyze(
            [next(texts) if units else "" for _ in chunk for units in choice.units],
            positions=True,
        )
        assert runs.positions is not None
        numbers = {term: number for number, term in enumerate(vocabulary.terms())}
        yield chunk, Tokens(runs.tokens, runs.offsets, runs.positions, numbers)


def _only(postings: Postings, within: Int32s | None) -> Postings:
    if within is None:
        return postings
    here, _ = places_in(postings.docs, within)
    return Postings(postings.docs[here], postings.frequencies[here])


def _postings_by_positions(choice: Choice, part: int, ordinal: int) -> Postings:
    from rank_retrieve.lexical import _union_kernels as kernels
    from rank_retrieve.lexical.scratch import thread_scratch

    index = choice.group.searcher.parts[part].index
    positions = index.positions
    assert positions is not None
    size = min(index.document_frequency(ordinal), index.n_docs)
    docs, frequencies = np.empty(size, dtype=np.int32), np.empty(size)
    scratch = thread_scratch(1)
    n_found = kernels.postings_in_fields(
        index.lists, positions.arrays, ordinal, choice.units, scratch.cursors, scratch.docs,
        scratch.frequencies, np.empty(BLOCK_DOCS), docs, frequencies,
    )  # fmt: skip
    if n_found < 0:
        raise positions.damage(n_found, ordinal)
    return Postings(docs[:n_found], frequencies[:n_found])


def _postings_by_texts(
    scope: Scope, choice: Choice, part: int, terms: list[bytes], docs: Int32s
) -> Postings:
    kept, counted = [np.empty(0, dtype=np.int32)], [np.empty(0)]
    for chunk, texts in analysed_texts(scope, choice, part, docs):
        numbers = [texts.numbers[term] for term in terms if term in texts.numbers]
        before = np.zeros(len(texts.tokens) + 1)
        np.cumsum(np.isin(texts.tokens, numbers), out=before[1:])
        in_runs = before[texts.offsets[1:]] - before[texts.offsets[:-1]]
        frequencies = in_runs.reshape(len(chunk), -1) @ choice.units
        held = np.flatnonzero(frequencies)
        kept.append(chunk[held])
        counted.append(frequencies[held])
    return Postings(np.concatenate(kept), np.concatenate(counted))
