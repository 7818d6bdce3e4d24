"""Arguments and options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from rank_retrieve.cli.completion import collections_of

IndexPath = Annotated[
    Path, typer.Argument(metavar="INDEX", help="The index: a directory. Or --index PATH.")
]
NewIndexPath = Annotated[
    Path, typer.Argument(metavar="TARGET", help="The new index: a path where nothing is yet.")
]
CollectionName = Annotated[
    str,
    typer.Option(
        "--collection",
        "-c",
        help="The collection inside the index.",
        autocompletion=collections_of,
    ),
]
Json = Annotated[
    bool | None,
    typer.Option(
        "--json/--table",
        help="JSON lines, or tables for people. By default tables on a terminal, else JSON lines.",
        show_default=False,
    ),
]

DEFAULT_COLLECTION = "documents"
MODES = ("lexical", "dense", "hybrid")
SYNTAXES = ("plain", "lucene")


def checked_mode(mode: str) -> str:
    """The mode itself; a usage error for an unknown one."""
    if mode not in MODES:
        raise typer.BadParameter(f"{mode!r} is not one of {', '.join(MODES)}.")
    return mode


def checked_syntax(syntax: str) -> str:
    """The syntax itself; a usage error for an unknown one."""
    if syntax not in SYNTAXES:
        raise typer.BadParameter(f"{syntax!r} is not one of {', '.join(SYNTAXES)}.")
    return syntax


def parsed_where(where: str | None) -> dict[str, Any] | None:
    """The filter from its JSON; a usage error for anything but an object."""
    import msgspec

    if where is None:
        return None
    try:
        parsed = msgspec.json.decode(where)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise typer.BadParameter(f"--where is not JSON: {error}.") from None
    if not isinstance(parsed, dict):
        raise typer.BadParameter('--where must be a JSON object, such as {"year": {"$gte": 2020}}.')
    return parsed
