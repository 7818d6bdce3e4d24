"""The passages of a text that show best why it was found.

As Lucene's UnifiedHighlighter does it: the text is cut into passages at the ends of sentences,
and each is scored as if it were a document,

    (1)  score = (1 + 1 / ln(87 + start)) * sum over terms of weight * tf / (tf + k1 * norm)
    (2)  norm  = 1 - b + b * length / 87

with tf the term's occurrences in the passage, start and length in characters, k1 = 1.2 and
b = 0.75 (`PassageScorer`, whose pivot of 87 characters is about a sentence). An earlier passage
is a little better than the same one later.
"""

from __future__ import annotations

import html
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rank_retrieve.analysis import Analyzer
from rank_retrieve.analysis.analyzer import Token
from rank_retrieve.errors import InvalidArgument

K1, B, PIVOT = 1.2, 0.75, 87.0
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[。！？])\s*|\s*\n\s*")

Span = tuple[int, int]


@dataclass(frozen=True)
class Snippet:
    """A passage of a text, with the places in it that match.

    text: the passage. start: where it begins in the whole text, in characters.
    spans: (start, end) in `text` of what matches, ascending, apart from each other.
    score: by which passages of a text are compared.
    """

    text: str
    start: int
    spans: tuple[Span, ...]
    score: float

    def marked(self, before: str = "<mark>", after: str = "</mark>", *, escape: bool = True) -> str:
        """The passage with something around each match.

        escape: write &, < and > of the text itself as HTML does; False for other media.
        """
        written, end = [], 0
        for first, last in (*self.spans, (len(self.text), len(self.text))):
            between, match = self.text[end:first], self.text[first:last]
            written.append(html.escape(between, quote=False) if escape else between)
            if match:
                shown = html.escape(match, quote=False) if escape else match
                written += [before, shown, after]
            end = last
        return "".join(written)

    def __str__(self) -> str:
        return self.marked("[", "]", escape=False)

    def _repr_html_(self) -> str:
        return self.marked()


def highlight(
    text: str,
    analyzer: Analyzer,
    weight_of: Callable[[bytes], float],
    *,
    n_snippets: int = 1,
    max_characters: int = 200,
) -> list[Snippet]:
    """The best passages of a text, in their order in it.

    weight_of: of a term, at least 0, and 0 for one that is not looked for.
    n_snippets: at most so many; only passages with a match.
    max_characters: a passage ends at the last end of a sentence before this, a longer sentence
        before the word that would exceed it.
    Raises InvalidArgument for numbers below 1.
    """
    for name, value in (("n_snippets", n_snippets), ("max_characters", max_characters)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InvalidArgument(name, value, "must be a whole number of at least 1")
    tokens = analyzer.tokens(text)
    weights = {term: weight_of(term) for term in {token.term for token in tokens}}
    matches = [token for token in tokens if weights[token.term] > 0]
    if not matches:
        return []
    found = []
    for start, end in _passages(text, tokens, max_characters):
        inside = [token for token in matches if start <= token.start and token.end <= end]
        if inside:
            counts = Counter(token.term for token in inside)
            score = _score(start, end, [(weights[term], n) for term, n in counts.items()])
            found.append(Snippet(text[start:end], start, _merged(inside, start), score))
    best = sorted(found, key=lambda snippet: (-snippet.score, snippet.start))[:n_snippets]
    return sorted(best, key=lambda snippet: snippet.start)


def _score(start: int, end: int, terms: Sequence[tuple[float, int]]) -> float:
    norm = 1 - B + B * (end - start) / PIVOT
    total = math.fsum(weight * tf / (tf + K1 * norm) for weight, tf in terms)
    return (1 + 1 / math.log(PIVOT + start)) * total


def _merged(tokens: Sequence[Token], start: int) -> tuple[Span, ...]:
    """The spans of tokens within a passage; those of CJK pairs overlap and become one."""
    spans: list[Span] = []
    for token in tokens:
        first, last = token.start - start, token.end - start
        if spans and first < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], last))
        else:
            spans.append((first, last))
    return tuple(spans)


def _passages(text: str, tokens: Sequence[Token], max_characters: int) -> Iterator[Span]:
    """Consecutive (start, end) that hold all tokens, without white space at their ends."""
    start = end = -1
    for first, last in _sentences(text):
        if start >= 0 and last - start > max_characters:
            yield start, end
            start = -1
        if start < 0:
            start = first
        end = last
        if end - start > max_characters:
            yield from _pieces(text, start, end, tokens, max_characters)
            start = -1
    if start >= 0:
        yield start, end


def _sentences(text: str) -> Iterator[Span]:
    start = 0
    for gap in _SENTENCE_END.finditer(text):
        if text[start : gap.start()].strip():
            yield _trimmed(text, start, gap.start())
        start = gap.end()
    if text[start:].strip():
        yield _trimmed(text, start, len(text))


def _trimmed(text: str, start: int, end: int) -> Span:
    inner = text[start:end]
    return start + len(inner) - len(inner.lstrip()), end - (len(inner) - len(inner.rstrip()))


def _pieces(
    text: str, start: int, end: int, tokens: Sequence[Token], max_characters: int
) -> Iterator[Span]:
    """A sentence that is too long, cut before tokens."""
    begun = start
    for token in tokens:
        if start < token.start < end and token.end - begun > max_characters and token.start > begun:
            yield _trimmed(text, begun, token.start)
            begun = token.start
    yield _trimmed(text, begun, end)
