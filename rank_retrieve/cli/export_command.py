"""`rank-retrieve export`: a collection in one file that other tools read, and `index` too."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rank_retrieve.cli.options import DEFAULT_COLLECTION, CollectionName, IndexPath, Json


def export(
    path: IndexPath,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Ends in .jsonl, .jsonl.gz or .parquet.")
    ],
    collection: CollectionName = DEFAULT_COLLECTION,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file of this name.")
    ] = False,
    json: Json = None,
) -> None:
    """Write all documents of a collection to a file, without loss."""
    import rank_retrieve as rr
    from rank_retrieve.cli.output import Output

    output = Output(json)
    with rr.open(path, mode="r") as database, output.progress("writing"):
        n = database.get_collection(collection).export(file, overwrite=overwrite)
    if output.json:
        output.record({"file": str(file), "documents": n})
    else:
        output.line(f"{n:,} documents in {file}")
