"""Terms of the index that are almost a word: what was perhaps meant."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rank_retrieve.codecs.fst import levenshtein

if TYPE_CHECKING:
    from rank_retrieve.lexical.searcher import LexicalSearcher

MAX_EDITS = 2


@dataclass(frozen=True)
class Suggestion:
    """A word to search for instead.

    text: as it stands in documents. term: what the analyzer makes of it.
    edits: between the terms: characters inserted, deleted, replaced or exchanged with a neighbour.
    document_frequency: live documents that hold the term.
    """

    text: str
    term: bytes
    edits: int
    document_frequency: int


@dataclass(frozen=True)
class SimilarTerm:
    """A term of the index within some edits of another; see `Suggestion`."""

    term: bytes
    edits: int
    document_frequency: int


def similar_terms(
    searcher: LexicalSearcher, term: bytes, *, max_edits: int = MAX_EDITS, prefix_length: int = 1
) -> list[SimilarTerm]:
    """Other terms that live documents hold, the nearest first, of those the most frequent.

    max_edits: 1 or 2. prefix_length: so many first characters must be equal, as misspelt words
    mostly begin right; it makes the search faster.
    """
    word = term.decode("utf-8", "replace")
    edits_of: dict[bytes, int] = {}
    for edits in range(1, max_edits + 1):
        automaton = levenshtein(word, edits, transpositions=True, exact_prefix=prefix_length)
        for part in searcher.parts:
            for found, _ in part.index.dictionary.search(automaton):
                edits_of.setdefault(found, edits)
    edits_of.pop(term, None)
    known = searcher.known(edits_of)
    return sorted(
        (
            SimilarTerm(found, edits, known[found].document_frequency)
            for found, edits in edits_of.items()
            if known[found].document_frequency
        ),
        key=lambda similar: (similar.edits, -similar.document_frequency, similar.term),
    )


def most_common(surfaces: Iterable[str]) -> str | None:
    """The most frequent spelling, lower-cased unless it is always written otherwise."""
    counts: dict[str, int] = {}
    for surface in surfaces:
        counts[surface] = counts.get(surface, 0) + 1
    folded: dict[str, int] = {}
    for surface, count in counts.items():
        folded[surface.casefold()] = folded.get(surface.casefold(), 0) + count
    if not folded:
        return None
    best = min(folded, key=lambda word: (-folded[word], word))
    spellings = [surface for surface in counts if surface.casefold() == best]
    if best in spellings:
        return best
    return min(spellings, key=lambda surface: (-counts[surface], surface))
