"""`rank-retrieve verify`: read everything and compare it with its checksums."""

from __future__ import annotations

import typer

from rank_retrieve.cli.exit_codes import ExitCode, complain
from rank_retrieve.cli.options import IndexPath, Json


def verify(path: IndexPath, json: Json = None) -> None:
    """Check every byte of an index, without changing it; exit code 1 when something is wrong."""
    import rank_retrieve as rr
    from rank_retrieve.cli.output import Output

    output = Output(json)
    with rr.open(path, mode="r") as database, output.progress("reading everything"):
        report = database.verify()
    if output.json:
        output.record({"ok": report.ok, "checked": report.checked, "problems": report.problems})
    else:
        output.line(str(report), style="green" if report.ok else "red")
    if not report.ok:
        complain(f"{path} is damaged: {report.problems[0]}")
        raise typer.Exit(ExitCode.FAILED)
