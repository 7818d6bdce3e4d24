"""`--index PATH` for every command, as for `index`: the same as PATH in first place.

Where neither is given, the index is that of the configuration (`config.py`).
"""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from rank_retrieve.cli.config import INDEX

OWN_OPTION = frozenset({"index", "demo", "warmup", "restore"})  # no INDEX comes first there


class IndexOptionGroup(TyperGroup):
    """Commands whose first argument INDEX may also be given as `--index PATH` or `-i PATH`."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command and its arguments, with the index in first place."""
        name, command, rest = super().resolve_command(ctx, args)
        if name not in OWN_OPTION:
            rest = index_first(rest)
            configured = (ctx.default_map or {}).get(name, {}).get(INDEX)
            if configured is not None and _lacks_an_argument(ctx, name, command, rest):
                rest = [str(configured), *rest]
        return name, command, rest


def _lacks_an_argument(ctx: Any, name: str | None, command: Any, arguments: list[str]) -> bool:
    """Whether a command has fewer words than it needs; what it has may then not be the index."""
    parsed = command.make_context(name, list(arguments), parent=ctx, resilient_parsing=True)
    needed = [p for p in command.params if p.param_type_name == "argument" and p.required]
    return any(not parsed.params.get(parameter.name) for parameter in needed)


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
