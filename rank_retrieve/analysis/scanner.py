"""Text to raw terms in plain Python, with character offsets: the kernel's twin.

Queries and highlights come this way, because short texts need no kernel; tests hold the two
ways against each other.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from typing import Final

from rank_retrieve.analysis import code_points as cp

MAX_TERM_BYTES: Final = 255
"""Longer terms are cut to their first bytes, never inside a code point."""

_LETTERS: Final = {
    cp.SEPARATOR: " ",
    cp.WORD: "w",
    cp.MARK: "m",
    cp.SKIP: "s",
    cp.APOSTROPHE: "a",
    cp.BIGRAM: "b",
}
_TOKEN: Final = re.compile("w[wms]*(?:aw[wms]*)*|b[bms]*")
_UNIT: Final = re.compile("b[ms]*")


class _Kinds(dict[int, str]):
    """For `str.translate`: each character becomes the letter of its kind."""

    def __init__(self, tables: cp.CodePoints) -> None:
        super().__init__()
        self._tables = tables

    def __missing__(self, code_point: int) -> str:
        letter = self[code_point] = _LETTERS[self._tables.kind(code_point)]
        return letter


class _Fold(dict[int, int | None]):
    """For `str.translate`: lower-cases, drops what is invisible, leaves symbols alone."""

    def __init__(self, tables: cp.CodePoints) -> None:
        super().__init__()
        self._tables = tables

    def __missing__(self, code_point: int) -> int | None:
        kind = self._tables.kind(code_point)
        if kind == cp.SKIP:
            folded = None
        elif kind == cp.SEPARATOR:
            folded = code_point
        else:
            folded = self._tables.folded(code_point)
        self[code_point] = folded
        return folded


class Scanner:
    """Cuts text by the rules of one scheme of `code_points.SCHEMES`."""

    def __init__(self, scheme: str) -> None:
        tables = cp.code_points(scheme)
        self._kinds, self._fold = _Kinds(tables), _Fold(tables)
        self.ascii_tokens = self._ascii_tokens()

    def _ascii_tokens(self) -> Callable[[str], list[str]] | None:
        """The tokens of an ASCII text, before folding; None where that takes more than runs."""
        kinds = {chr(point): self._kinds[point] for point in range(128)}
        if not set(kinds.values()) <= {" ", "w", "a"}:
            return None
        words, apostrophes = (
            "".join(re.escape(char) for char, kind in kinds.items() if kind == wanted)
            for wanted in "wa"
        )
        pattern = f"[{words}]+"
        if apostrophes:
            pattern += f"(?:[{apostrophes}][{words}]+)*"
        return re.compile(pattern).findall

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """(start, end) in characters of each token; those of a run of pairs overlap."""
        kinds = text.translate(self._kinds)
        for match in _TOKEN.finditer(kinds):
            start, end = match.span()
            if kinds[start] == "w":
                yield start, end
                continue
            units = [unit.span() for unit in _UNIT.finditer(kinds, start, end)]
            if len(units) == 1:
                yield units[0]
            for (first, _), (_, last) in itertools.pairwise(units):
                yield first, last

    def fold(self, text: str) -> str:
        """Lower-cased code point by code point, without invisible characters."""
        return text.translate(self._fold)

    def raw_tokens(self, text: str) -> Iterator[tuple[str, int, int]]:
        """(raw term, start, end): folded and cut to MAX_TERM_BYTES, as the kernel stores it."""
        for start, end in self.spans(text):
            yield bounded(self.fold(text[start:end])), start, end


def bounded(term: str) -> str:
    """The longest prefix of at most MAX_TERM_BYTES bytes of UTF-8."""
    if len(term) * 4 <= MAX_TERM_BYTES:
        return term
    return term.encode()[:MAX_TERM_BYTES].decode("utf-8", "ignore")
