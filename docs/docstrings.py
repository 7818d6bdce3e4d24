"""The house style of docstrings as reStructuredText, for Sphinx.

    k: at most this many hits;      ->    :param k: at most this many hits;
        fewer when fewer match.               fewer when fewer match.

An indented block that is set apart by blank lines is printed as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_ARGUMENT = re.compile(r"([a-zA-Z_][\w.]*(?:, [a-zA-Z_][\w.]*)*): (?=\S)")
_PROSE = ("Raises ", "Returns ", ">>>", "...")


def as_rest(lines: list[str]) -> list[str]:
    """The lines of a docstring, whose first line is at no indentation."""
    return [line for block in _blocks(lines) for line in [*_converted(block), ""]]


def convert(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """For `autodoc-process-docstring`."""
    lines[:] = as_rest(lines)


def _blocks(lines: list[str]) -> Iterator[list[str]]:
    """What stands between blank lines."""
    block: list[str] = []
    for line in [*lines, ""]:
        if line.strip():
            block.append(line)
        elif block:
            yield block
            block = []


def _converted(block: list[str]) -> list[str]:
    if block[0].startswith(" "):
        return ["::", "", *(f"    {line}" for line in block)]
    if block[0].startswith(">>>"):
        return block
    converted: list[str] = []
    in_argument = False
    for line in block:
        found = _ARGUMENT.match(line)
        if found is not None:
            if not in_argument and converted:
                converted.append("")
            names = found[1].replace(", ", ",")  # a blank would end a type
            converted.append(f":param {names}: {line[found.end() :]}")
            in_argument = True
        elif in_argument and line.startswith(_PROSE):
            converted += ["", line]
            in_argument = False
        elif in_argument:
            converted.append(f"    {line.strip()}")
        else:
            converted.append(line.strip())
    return converted
