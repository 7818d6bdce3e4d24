"""`--index PATH` for every command, as for `index`: the same as PATH in first place."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

OWN_OPTION = frozenset({"index", "demo", "warmup", "restore"})  # no INDEX comes first there


class IndexOptionGroup(TyperGroup):
    """Commands whose first argument INDEX may also be given as `--index PATH` or `-i PATH`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command and its arguments, with the index in first place."""
        name, command, rest = super().resolve_command(ctx, args)
        if name not in OWN_OPTION:
            rest = index_first(rest)
        return name, command, rest


def index_first(arguments: list[str]) -> list[str]:
    """Move the value of the first `--index` or `-i` to the front; `--` ends the options."""
    for place, argument in enumerate(arguments):
        if argument == "--":
            break
        if argument in ("--index", "-i") and place + 1 < len(arguments):
            return [
                arguments[place + 1],
                *arguments[:place],
                *arguments[place + 2 :],
            ]
        if argument.startswith("--index="):
            path = argument.removeprefix("--index=")
            return [path, *arguments[:place], *arguments[place + 1 :]]
    return arguments
