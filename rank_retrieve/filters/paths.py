"""Dotted paths, and what they reach in a document.

    document                                   path            reaches
    {"author": {"name": "Ada"}}                author.name     "Ada"
    {"authors": [{"name": "A"}, {"name": "B"}]}  authors.name    "A", "B"
    {"tags": ["x", "y"]}                       tags            ["x", "y"]
    {"tags": ["x", "y"]}                       tags.1          "y"
    {"a": [[{"b": 1}]]}                        a.b             nothing

A step into an array goes on in each of its dicts, as MongoDB does, but not in arrays within
arrays; a step that is a number also picks the element at that position, counted from 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from rank_retrieve.filters.check import MAX_DEPTH, MAX_KEY_BYTES, Problem, check_key

Path: TypeAlias = tuple[str, ...]


def check_path(text: object) -> Problem | None:
    """What is wrong with a dotted path, or None."""
    if type(text) is not str or not text:
        return Problem((), text, "a path must be a string that is not empty")
    if len(text) > MAX_KEY_BYTES:
        return Problem((), text, f"a path must have at most {MAX_KEY_BYTES} characters")
    steps = text.split(".")
    if len(steps) > MAX_DEPTH:
        return Problem((), text, f"a path must have at most {MAX_DEPTH} steps")
    if "" in steps:
        return Problem((), text, "a path must not have an empty step", "remove the extra dot")
    for step in steps:
        problem = check_key(step)
        if problem is not None:
            return problem
    return None


def position_of(step: str) -> int:
    """The array position that a step names, -1 if it is no such number."""
    if step.isascii() and step.isdigit() and len(step) <= 9 and (step == "0" or step[0] != "0"):
        return int(step)
    return -1


def reach(value: Any, path: Path, at: int = 0) -> Iterator[Any]:
    """Every value that the rest of the path reaches; nothing where it is missing."""
    if at == len(path):
        yield value
        return
    step = path[at]
    if isinstance(value, dict):
        if step in value:
            yield from reach(value[step], path, at + 1)
    elif isinstance(value, list | tuple):
        for element in value:
            if isinstance(element, dict) and step in element:
                yield from reach(element[step], path, at + 1)
        position = position_of(step)
        if 0 <= position < len(value):
            yield from reach(value[position], path, at + 1)
