"""Text to terms: cut, lower-case, stop, stem.

"The Runner's ﬁles"
  cut and lower-case      the   runner's   ﬁles       scanner.py, or the kernel
  normalise (NFKC)        the   runner's   files      the rest runs once per distinct
  apostrophe rule         the   runner     files      raw term, in Analyzer.finish
  stop words              -     runner     files
  stem                          runner     file
"""

from __future__ import annotations

import functools
import hashlib
import json
import threading
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from rank_retrieve.analysis import apostrophes, recipes
from rank_retrieve.analysis.code_points import UNICODE_VERSION
from rank_retrieve.analysis.recipes import Recipe
from rank_retrieve.analysis.scanner import MAX_TERM_BYTES, Scanner, bounded
from rank_retrieve.errors import InvalidArgument

TOKENIZER_VERSION: Final = 1
"""Raised whenever the same text would get other terms for a reason that the other parts of
the fingerprint do not show."""

_REMEMBERED_TERMS: Final = 1 << 16


class Token(NamedTuple):
    """A term and where it stands: characters `start` to `end` (exclusive) of the text."""

    term: bytes
    start: int
    end: int


class Analyzer:
    """Turns text into terms. Made by `get_analyzer`; may be shared by threads."""

    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe
        self._rule = apostrophes.RULES[recipe.apostrophes]
        self._stop_words: frozenset[str] = (
            recipes.stop_words(recipe.stop_words) if recipe.stop_words else frozenset()
        )
        self._encoded_stop_words = frozenset(word.encode() for word in self._stop_words)
        self._verbatim = recipe.scheme == "whitespace"
        self._of_thread = threading.local()
        self._finished: dict[str, bytes | None] = {}
        self._surfaces: dict[str, bytes | None] = {}

    @property
    def name(self) -> str:
        """What users write in `Text(analyzer=...)`."""
        return self.recipe.name

    @functools.cached_property
    def fingerprint(self) -> str:
        """32 hexadecimal digits that change whenever some text would get other terms.

        A digest of the tokeniser's version, the Unicode version of the interpreter, the
        steps, the stop words, and the stemmer's algorithm and version: the same in every
        process on the same software.
        """
        parts = {
            "tokenizer": TOKENIZER_VERSION,
            "unicode": UNICODE_VERSION,
            "scheme": self.recipe.scheme,
            "apostrophes": self.recipe.apostrophes,
            "stop_words": sorted(self._stop_words),
            "stemmer": self.recipe.stemmer,
            "snowball": _snowball_version() if self.recipe.stemmer else None,
        }
        canonical = json.dumps(parts, sort_keys=True).encode()
        return hashlib.blake2b(canonical, digest_size=16).hexdigest()

    def terms(self, text: str) -> list[bytes]:
        """The terms of one text in order, repetitions kept: for queries.

        Raises InvalidArgument for what is not a string or has a lone surrogate.
        """
        return [term for term in self._finished_words(text) if term is not None]

    def positioned_terms(self, text: str) -> list[tuple[bytes, int]]:
        """The terms of one text in order, each with its place among the words: for phrases.

        Words that are dropped leave gaps: "the cat" has one term, at 1. Raises like `terms`.
        """
        words = self._finished_words(text)
        return [(term, place) for place, term in enumerate(words) if term is not None]

    def _finished_words(self, text: str) -> list[bytes | None]:
        """What becomes of each word of a text."""
        if type(text) is str and text.isascii():
            find = self._scanner.ascii_tokens
            if find is not None:
                surfaces = find(text)
                try:
                    return [*map(self._surfaces.__getitem__, surfaces)]
                except KeyError:
                    return [*map(self._finish_surface, surfaces)]
        check_text(text, "text")
        return [self._finish_one(raw) for raw, _, _ in self._scanner.raw_tokens(text)]

    def tokens(self, text: str) -> list[Token]:
        """The terms with the characters that they came from: for highlights.

        Raises InvalidArgument like `terms`.
        """
        check_text(text, "text")
        return list(self._tokens(text))

    def folded(self, text: str) -> str:
        """Lower-cased and normalised as terms are, but neither cut nor stemmed: for patterns.

        Raises InvalidArgument like `terms`.
        """
        check_text(text, "text")
        return text if self._verbatim else self._normal_form(self._scanner.fold(text))

    @property
    def folds_case(self) -> bool:
        """Whether terms are lower-cased."""
        return not self._verbatim

    def _tokens(self, text: str) -> Iterator[Token]:
        for raw, start, end in self._scanner.raw_tokens(text):
            term = self._finish_one(raw)
            if term is not None:
                yield Token(term, start, end)

    def finish(self, raw_terms: Sequence[str]) -> list[bytes | None]:
        """What becomes of raw terms of the tokeniser: final terms, None where one is dropped.

        At most MAX_TERM_BYTES bytes each. The stemmer runs once over all of them.
        """
        return self.finish_encoded([raw.encode() for raw in raw_terms])

    def finish_encoded(self, raw_terms: list[bytes]) -> list[bytes | None]:
        """`finish` for UTF-8, as the kernel leaves raw terms: most need not become strings."""
        if self._verbatim:
            return list(raw_terms)
        words = [
            raw if raw.isascii() and b"'" not in raw else self._normalised(raw.decode()).encode()
            for raw in raw_terms
        ]
        stopped = self._encoded_stop_words
        return [
            None if word in stopped else (stem or None)
            for word, stem in zip(words, self._stem(words), strict=True)
        ]

    def _normalised(self, raw: str) -> str:
        word = self._normal_form(raw)
        if "'" in word:
            word = self._rule(word)
        return word

    def _normal_form(self, raw: str) -> str:
        if raw.isascii():
            return raw
        word = unicodedata.normalize("NFKC", raw)
        if word != raw:
            # 𝐀 is a letter without lower case until NFKC makes it A
            word = unicodedata.normalize("NFKC", self._scanner.fold(word))
        return word

    def _stem(self, words: list[bytes]) -> list[bytes]:
        """The stems, cut to MAX_TERM_BYTES where that is needed at all."""
        algorithm = self.recipe.stemmer
        stems = words if algorithm is None else self._stems(words, algorithm)
        if max(map(len, stems), default=0) > MAX_TERM_BYTES:
            stems = [_bounded(stem) for stem in stems]
        return stems

    def _stems(self, words: list[bytes], algorithm: str) -> list[bytes]:
        stemmer = getattr(self._of_thread, "stemmer", None)
        if stemmer is None:
            # a Snowball stemmer keeps the word it works on, so threads cannot share one
            stemmer = self._of_thread.stemmer = _new_stemmer(algorithm)
        stems: list[bytes] = stemmer.stemWords(words)
        return stems

    def _finish_one(self, raw: str) -> bytes | None:
        try:
            return self._finished[raw]
        except KeyError:
            pass
        if len(self._finished) >= _REMEMBERED_TERMS:
            self._finished = {}
        term = self._finished[raw] = self.finish([raw])[0]
        return term

    def _finish_surface(self, surface: str) -> bytes | None:
        """The term of an ASCII token as it stands in a text."""
        try:
            return self._surfaces[surface]
        except KeyError:
            pass
        if len(self._surfaces) >= _REMEMBERED_TERMS:
            self._surfaces = {}
        term = self._finish_one(bounded(self._scanner.fold(surface)))
        self._surfaces[surface] = term
        return term

    @functools.cached_property
    def _scanner(self) -> Scanner:
        return Scanner(self.recipe.scheme)

    def __reduce__(self) -> tuple[Any, ...]:
        return get_analyzer, (self.name,)

    def __repr__(self) -> str:
        return f"get_analyzer({self.name!r})"


@functools.cache
def _analyzer(name: str) -> Analyzer:
    return Analyzer(recipes.get_recipe(name))


def get_analyzer(name: str) -> Analyzer:
    """The analyzer of a name: a Snowball language, "simple", "cjk" or "whitespace".

    Raises InvalidArgument, listing the names, for another.
    """
    recipes.get_recipe(name)
    return _analyzer(name)


def check_text(text: object, argument: str) -> None:
    """Raise InvalidArgument unless `text` is a string that UTF-8 can spell."""
    if not isinstance(text, str):
        raise InvalidArgument(argument, text, f"must be a string, not {type(text).__name__}")
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidArgument(
            argument,
            text[max(0, error.start - 20) : error.start + 20],
            f"has a lone surrogate at character {error.start}, which UTF-8 cannot spell",
            'clean it first, for example with text.encode("utf-8", "replace").decode()',
        ) from None


def _bounded(term: bytes) -> bytes:
    if len(term) <= MAX_TERM_BYTES:
        return term
    return term[:MAX_TERM_BYTES].decode("utf-8", "ignore").encode()


def _new_stemmer(algorithm: str) -> Any:
    import Stemmer

    # every raw term is stemmed once, so PyStemmer's own cache would only cost
    return Stemmer.Stemmer(algorithm, 0)


def _snowball_version() -> str:
    import Stemmer

    return str(Stemmer.version())
