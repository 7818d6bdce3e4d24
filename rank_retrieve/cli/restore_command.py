"""`rank-retrieve restore`: a new index from a backup or a checkpoint."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from rank_retrieve.cli.options import Json, NewIndexPath


def restore(
    source: Annotated[
        Path,
        typer.Argument(metavar="SOURCE", help="An archive of `backup`, or INDEX/checkpoints/NAME."),
    ],
    target: NewIndexPath,
    json: Json = None,
) -> None:
    """Make a new index from a backup or a checkpoint; every byte is verified first."""
    import rank_retrieve as rr
    from rank_retrieve.cli.info_command import size_of
    from rank_retrieve.cli.output import Output

    output = Output(json)
    with output.progress("copying and verifying"):
        report = rr.restore(source, target)
    if output.json:
        output.record(asdict(report))
    else:
        names = ", ".join(report.collections) or "no collection"
        output.line(f"{report.path}: {report.files} files, {size_of(report.bytes)}, {names}")
