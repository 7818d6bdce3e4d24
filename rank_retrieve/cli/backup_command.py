"""`rank-retrieve backup`: an index in one file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from rank_retrieve.cli.options import IndexPath, Json


def backup(
    path: IndexPath,
    archive: Annotated[
        Path, typer.Argument(metavar="ARCHIVE", help="The new file; it must not exist yet.")
    ],
    json: Json = None,
) -> None:
    """Copy an index into one file, also while another process writes to it."""
    import rank_retrieve as rr
    from rank_retrieve.cli.info_command import size_of
    from rank_retrieve.cli.output import Output

    output = Output(json)
    with output.progress("copying"):
        report = rr.backup(path, archive)
    if output.json:
        output.record(asdict(report))
    else:
        output.line(f"{report.files} files, {size_of(report.bytes)}, digest {report.digest}")
