"""What an apostrophe inside a word means, per language.

Rules get a folded raw term that contains U+0027 and return what is left to stop and stem;
the empty string drops the term.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

Rule = Callable[[str], str]


def keep(term: str) -> str:
    """The apostrophe is a letter like others: Breton c'h, Ukrainian п'ять."""
    return term


def possessive(term: str) -> str:
    """English: dog's is dog."""
    return term.removesuffix("'s")


def suffix(term: str) -> str:
    """Turkish: what follows is an ending of a proper name, İstanbul'da is İstanbul."""
    return term[: term.index("'")]


def _elision(*articles: str) -> Rule:
    elided = frozenset(articles)

    def rule(term: str) -> str:
        head, _, tail = term.partition("'")
        return tail if head in elided else term

    return rule


RULES: Final[dict[str, Rule]] = {
    "keep": keep,
    "possessive": possessive,
    "suffix": suffix,
    # l'homme is homme; the articles are those of Lucene's elision filters
    "french": _elision(
        *("l", "m", "t", "qu", "n", "s", "j", "d", "c", "jusqu", "quoiqu", "lorsqu", "puisqu")
    ),
    "italian": _elision(
        *("c", "l", "all", "dall", "dell", "nell", "sull", "coll", "pell", "gl", "agl", "dagl"),
        *("degl", "negl", "sugl", "un", "m", "t", "s", "v", "d", "quest", "quell"),
    ),
    "catalan": _elision("d", "l", "m", "n", "s", "t"),
    "irish": _elision("d", "m", "b"),
}
"""Name to rule; the name is part of the fingerprint, so a changed rule needs a new
`TOKENIZER_VERSION`."""
