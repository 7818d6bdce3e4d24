"""`rank-retrieve search`: the best documents for a query."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from rank_retrieve.cli.completion import modes
from rank_retrieve.cli.options import (
    DEFAULT_COLLECTION,
    CollectionName,
    IndexPath,
    Json,
    checked_mode,
    checked_syntax,
    parsed_where,
)


def search(
    path: IndexPath,
    query: Annotated[str, typer.Argument(help="What to look for.")],
    collection: CollectionName = DEFAULT_COLLECTION,
    k: Annotated[int, typer.Option("--k", "-k", min=1, help="How many hits at most.")] = 10,
    mode: Annotated[
        str | None,
        typer.Option(
            help="lexical, dense or hybrid; by default hybrid where there are vectors.",
            callback=lambda mode: mode and checked_mode(mode),
            autocompletion=modes,
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(help='A filter as JSON: {"year": {"$gte": 2020}}.', metavar="JSON"),
    ] = None,
    syntax: Annotated[
        str,
        typer.Option(
            help='How the query is written: plain words, or lucene (+a -b "c d" title:e).',
            callback=checked_syntax,
        ),
    ] = "plain",
    explain: Annotated[bool, typer.Option(help="Show how each score came about.")] = False,
    json: Json = None,
) -> None:
    """Search an index."""
    condition = parsed_where(where)

    import rank_retrieve as rr
    from rank_retrieve.cli.output import Output

    output = Output(json)
    with rr.open(path, mode="r") as database:
        documents = database.get_collection(collection)
        options: dict[str, Any] = {"mode": mode, "where": condition}
        with output.progress("searching (the first time, kernels are compiled)"):
            asked = rr.parse_query(query) if syntax == "lucene" else query
            hits = documents.search(asked, k, **options)
        if output.json:
            for hit in hits:
                record = {"rank": hit.rank, "id": hit.id, "score": hit.score}
                record["document"] = hit.document
                if explain:
                    record["explanation"] = hit.explain().to_dict()
                output.record(record)
            return
        if not len(hits):
            output.line("no hits")
            return
        output.hits(hits, asked if isinstance(asked, str) else asked.words)
        if explain:
            for hit in hits:
                output.tree(hit.explain(), f"{hit.rank}. {hit.id}")
