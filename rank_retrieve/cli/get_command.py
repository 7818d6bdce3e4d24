"""`rank-retrieve get`: one document by its id."""

from __future__ import annotations

from typing import Annotated

import typer

from rank_retrieve.cli.options import DEFAULT_COLLECTION, CollectionName, IndexPath, Json


def get(
    path: IndexPath,
    document_id: Annotated[str, typer.Argument(metavar="ID", help="The document's id.")],
    collection: CollectionName = DEFAULT_COLLECTION,
    json: Json = None,
) -> None:
    """Show a document."""
    import rank_retrieve as rr
    from rank_retrieve.cli.output import Output

    with rr.open(path, mode="r") as database:
        document = database.get_collection(collection).get(document_id)
        if document is None:
            raise rr.NotFound("document", document_id)
        output = Output(json)
        if output.json:
            output.record(document)
        else:
            output.document(document)
