"""Which steps each analyzer takes, by name: the registry.

Every Snowball algorithm of the installed PyStemmer is an analyzer of the same name. Three
more need no language: "simple" and "cjk" only cut and lower-case, "whitespace" only cuts.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from importlib import resources
from typing import Final

from rank_retrieve.errors import InvalidArgument


@dataclass(frozen=True)
class Recipe:
    """The steps from text to terms.

    name: what users write in `Text(analyzer=...)`.
    scheme: how text is cut and lower-cased, one of `code_points.SCHEMES`.
    apostrophes: one of `apostrophes.RULES`.
    stop_words: the file in `stop_word_lists/`, or None.
    stemmer: a Snowball algorithm, or None.
    """

    name: str
    scheme: str = "words"
    apostrophes: str = "keep"
    stop_words: str | None = None
    stemmer: str | None = None


_WITHOUT_LANGUAGE: Final = {
    "simple": Recipe("simple"),
    "cjk": Recipe("cjk"),
    "whitespace": Recipe("whitespace", scheme="whitespace"),
}
_SCHEMES: Final = {"turkish": "turkish words", "persian": "persian words"}
_APOSTROPHES: Final = {
    "english": "possessive",
    "porter": "possessive",
    "turkish": "suffix",
    "french": "french",
    "italian": "italian",
    "catalan": "catalan",
    "irish": "irish",
}
_SHARED_STOP_WORDS: Final = {"porter": "english", "dutch_porter": "dutch"}


@functools.cache
def _recipes() -> dict[str, Recipe]:
    import Stemmer

    recipes = dict(_WITHOUT_LANGUAGE)
    listed = stop_word_languages()
    for algorithm in Stemmer.algorithms():
        words = _SHARED_STOP_WORDS.get(algorithm, algorithm)
        recipes[algorithm] = Recipe(
            algorithm,
            scheme=_SCHEMES.get(algorithm, "words"),
            apostrophes=_APOSTROPHES.get(algorithm, "keep"),
            stop_words=words if words in listed else None,
            stemmer=algorithm,
        )
    return recipes


def analyzer_names() -> list[str]:
    """Every name that `get_analyzer` knows, sorted."""
    return sorted(_recipes())


def get_recipe(name: str) -> Recipe:
    """The recipe of a name; InvalidArgument, listing the names, for another."""
    recipe = _recipes().get(name) if isinstance(name, str) else None
    if recipe is None:
        raise InvalidArgument(
            "analyzer",
            name,
            "is not a known analyzer",
            f"use one of {', '.join(analyzer_names())}",
        )
    return recipe


def stop_word_languages() -> frozenset[str]:
    """The languages that have a stop-word list."""
    files = resources.files(__package__).joinpath("stop_word_lists").iterdir()
    return frozenset(file.name.removesuffix(".txt") for file in files if file.name.endswith(".txt"))


@functools.cache
def stop_words(language: str) -> frozenset[str]:
    """The words of `stop_word_lists/<language>.txt`: separated by space, `#` to end of line."""
    text = (
        resources.files(__package__)
        .joinpath("stop_word_lists", f"{language}.txt")
        .read_text(encoding="utf-8")
    )
    # the tokeniser stores the final sigma of Greek as the ordinary one
    lines = text.replace("ς", "σ").splitlines()
    return frozenset(word for line in lines for word in line.partition("#")[0].split())
