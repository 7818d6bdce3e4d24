"""Defaults from a file, so that a project's index need not be named in every command.

    # rank-retrieve.toml
    index = "library"          # for every command that has such an option
    json = true

    [search]                   # for one command
    k = 5
    mode = "lexical"

The first of these files that is there: `--config FILE`, `RANK_RETRIEVE_CONFIG`,
`rank-retrieve.toml` in the current folder, `rank-retrieve/config.toml` in `XDG_CONFIG_HOME`
(`~/.config`). Keys are the names of options, without dashes in front. What is typed counts more
than a command's table, and that more than the keys above the tables.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

VARIABLE = "RANK_RETRIEVE_CONFIG"
HERE = Path("rank-retrieve.toml")
INDEX = "index"


def found_config(given: Path | None) -> Path | None:
    """The file that counts, None where there is none. One that was asked for must be there."""
    asked = given or (Path(named) if (named := os.environ.get(VARIABLE)) else None)
    if asked is not None:
        return asked
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    places = (HERE, Path(base) / "rank-retrieve" / "config.toml")
    return next((place for place in places if place.is_file()), None)


def read_config(path: Path) -> dict[str, Any]:
    """What a file says. Raises a usage error when it cannot be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError, tomllib.TOMLDecodeError) as error:
        raise typer.BadParameter(f"{path}: {error}.") from None


def defaults_of(config: Mapping[str, Any], commands: Mapping[str, Any], path: Path) -> Any:
    """The defaults of each command by parameter, as a context's `default_map` has them.

    commands: by name. Raises a usage error for a key that is no option, or no command's.
    """
    general = {key: value for key, value in config.items() if not isinstance(value, dict)}
    tables = {key: value for key, value in config.items() if isinstance(value, dict)}
    for name in tables:
        if name not in commands:
            raise typer.BadParameter(f"{path}: [{name}] is no command.")
    options = {name: options_of(command) for name, command in commands.items()}
    known = {INDEX}.union(*options.values())
    for key in general:
        if spelt(key) not in known:
            raise typer.BadParameter(f"{path}: {key!r} is an option of no command.")
    result: dict[str, dict[str, Any]] = {}
    for name, by_option in options.items():
        for key in tables.get(name, {}):
            if spelt(key) not in {INDEX, *by_option}:
                raise typer.BadParameter(f"{path}: [{name}] has no option {key!r}.")
        chosen = {**general, **tables.get(name, {})}
        result[name] = {
            by_option.get(spelt(key), INDEX): value
            for key, value in chosen.items()
            if spelt(key) == INDEX or spelt(key) in by_option
        }
    return result


def options_of(command: Any) -> dict[str, str]:
    """The parameters of a command by the long names of its options."""
    return {
        name.removeprefix("--"): parameter.name
        for parameter in command.params
        if parameter.param_type_name == "option"
        for name in parameter.opts
        if name.startswith("--")
    }


def spelt(key: str) -> str:
    """An option as it is spelt on the command line: `on_error` is `on-error`."""
    return key.replace("_", "-")
