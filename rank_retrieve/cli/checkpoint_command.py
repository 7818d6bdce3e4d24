"""`rank-retrieve checkpoint`: keep the state of an index under a name."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from rank_retrieve.cli.options import IndexPath, Json

if TYPE_CHECKING:
    from rank_retrieve.cli.output import Output
    from rank_retrieve.persistence.checkpoints import CheckpointInfo


def checkpoint(
    path: IndexPath,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="The new checkpoint. Without it, all are listed."),
    ] = None,
    drop: Annotated[bool, typer.Option("--drop", help="Delete the checkpoint instead.")] = False,
    json: Json = None,
) -> None:
    """Keep the state of an index under a name, list what is kept, or drop it."""
    import rank_retrieve as rr
    from rank_retrieve.cli.output import Output

    if drop and name is None:
        raise typer.BadParameter("--drop needs the NAME of a checkpoint.")
    output = Output(json)
    if name is None:
        with rr.open(path, mode="r") as database:
            _show(output, database.checkpoints())
        return
    if not path.is_dir():  # a mistyped path must not make an index
        raise rr.NotFound("index", str(path))
    with rr.open(path) as database:
        if drop:
            database.drop_checkpoint(name)
            return
        with output.progress("copying"):
            made = database.checkpoint(name)
    _show(output, [made])


def _show(output: Output, checkpoints: list[CheckpointInfo]) -> None:
    from rank_retrieve.cli.info_command import size_of

    times = [datetime.fromtimestamp(c.created, UTC).isoformat("T", "seconds") for c in checkpoints]
    if output.json:
        for found, time in zip(checkpoints, times, strict=True):
            output.record(
                {
                    "checkpoint": found.name,
                    "created": time,
                    "documents": found.documents,
                    "bytes": found.bytes,
                }
            )
        return
    rows = [
        (found.name, time, f"{found.documents:,}", size_of(found.bytes))
        for found, time in zip(checkpoints, times, strict=True)
    ]
    output.table(("checkpoint", "created", "documents", "size"), rows, right=("documents", "size"))
