"""`rank-retrieve delete`: documents by their ids."""

from __future__ import annotations

from typing import Annotated

import typer

from rank_retrieve.cli.exit_codes import ExitCode, complain
from rank_retrieve.cli.options import DEFAULT_COLLECTION, CollectionName, IndexPath, Json


def delete(
    path: IndexPath,
    document_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="Ids of documents.")],
    collection: CollectionName = DEFAULT_COLLECTION,
    json: Json = None,
) -> None:
    """Delete documents; exit code 1 when one of them was not there."""
    import rank_retrieve as rr
    from rank_retrieve.cli.output import Output

    output = Output(json)
    missing = 0
    rr.open(path, mode="r").close()  # to write would create what is not there
    with rr.open(path) as database:
        documents = database.get_collection(collection)
        for document_id in document_ids:
            deleted = documents.delete(document_id)
            if output.json:
                output.record({"id": document_id, "deleted": deleted})
            elif deleted:
                output.line(f"deleted {document_id}")
            if not deleted:
                missing += 1
                complain(str(rr.NotFound("document", document_id)))
    if missing:
        raise typer.Exit(ExitCode.FAILED)
