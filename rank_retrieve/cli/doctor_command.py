"""`rank-retrieve doctor`: what is wrong with an index, and what can be done."""

from __future__ import annotations

import typer

from rank_retrieve.cli.exit_codes import ExitCode, complain
from rank_retrieve.cli.options import IndexPath, Json


def doctor(path: IndexPath, json: Json = None) -> None:
    """Say step by step what opening an index finds, what is damaged, and what can be done.

    Nothing is changed. The exit code is 1 when something is damaged.
    """
    import rank_retrieve as rr
    from rank_retrieve.cli.output import Output

    output = Output(json)
    with output.progress("reading everything"):
        found = rr.diagnose(path)
    if output.json:
        output.record(found.to_dict())
    else:
        output.line(str(found), style=None if found.ok else "red")
    if not found.ok:
        complain(f"{path} is damaged: {found.problems[0]}")
        raise typer.Exit(ExitCode.FAILED)
