"""`rank-retrieve eval`: a collection against judged queries."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rank_retrieve.cli.options import (
    DEFAULT_COLLECTION,
    MODES,
    CollectionName,
    IndexPath,
    Json,
    checked_mode,
)

if TYPE_CHECKING:
    from rank_retrieve.cli.output import Output
    from rank_retrieve.collection import Collection
    from rank_retrieve.evaluation import Evaluation
    from rank_retrieve.types import Bitmap, Hits

METRICS = ("nDCG@10", "R@100", "RR", "AP@1000")


def evaluate(
    path: IndexPath,
    queries: Annotated[
        Path, typer.Option(help="Queries: JSONL with _id and text (BEIR).", metavar="FILE")
    ],
    qrels: Annotated[Path, typer.Option(help="Judgements: TREC or BEIR columns.", metavar="FILE")],
    collection: CollectionName = DEFAULT_COLLECTION,
    mode: Annotated[
        list[str] | None,
        typer.Option(
            help="lexical, dense or hybrid; may be repeated. By default all that there are.",
            callback=lambda modes: [checked_mode(mode) for mode in modes or ()],
        ),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="A metric of ir-measures, such as nDCG@10; may be repeated."),
    ] = None,
    run_out: Annotated[
        Path | None,
        typer.Option(
            help="Write the ranking as a TREC run; with several modes one file each, "
            "with the mode in its name.",
            metavar="FILE",
        ),
    ] = None,
    json: Json = None,
) -> None:
    """Measure how well an index answers judged queries (needs the evaluation extra).

    Example: rank-retrieve eval my-index --queries queries.jsonl --qrels qrels/test.tsv
    """
    import rank_retrieve as rr
    from rank_retrieve import evaluation
    from rank_retrieve.cli.output import Output

    output = Output(json)
    asked, judged = evaluation.read_queries(queries), evaluation.read_qrels(qrels)
    with rr.open(path, mode="r") as database:
        documents = database.get_collection(collection)
        modes = mode or modes_of(documents)
        with output.progress("searching", len(modes) * len(asked)) as advance:
            done = 0

            def count() -> None:
                nonlocal done
                done += 1
                advance(done)

            measured = evaluation.evaluate(
                {name: ModeSearch(documents, name, count) for name in modes},
                asked,
                judged,
                metric or METRICS,
            )
    if run_out is not None:
        for name in modes:
            file = run_out if len(modes) == 1 else run_out.with_stem(f"{run_out.stem}.{name}")
            evaluation.write_run(file, measured.runs[name], tag=f"rank-retrieve-{name}")
    show(output, measured)


def show(output: Output, measured: Evaluation, names: Mapping[str, str] | None = None) -> None:
    """A line for each mode: as a table, or as JSON. names: what a table calls some metrics."""
    means = measured.aggregates
    if output.json:
        for name, values in means.items():
            output.record({"mode": name, "queries": len(measured.queries), **values})
        return
    rows = [
        (name, *(f"{value:.4f}" for value in values.values())) for name, values in means.items()
    ]
    title = f"{len(measured.queries)} judged queries"
    columns = [(names or {}).get(metric, metric) for metric in measured.metrics]
    output.table(("mode", *columns), rows, title=title, right=columns)


def modes_of(documents: Collection) -> tuple[str, ...]:
    """The modes that a collection can answer from text alone."""
    return MODES if documents.encoder is not None else ("lexical",)


class ModeSearch:
    """A collection searched in one mode, as the retriever that an evaluation asks."""

    def __init__(
        self, documents: Collection, mode: str, on_query: Callable[[], None] = lambda: None
    ) -> None:
        self._documents, self._mode, self._on_query = documents, mode, on_query

    def search(self, query: str, k: int = 10, *, allowed: Bitmap | None = None) -> Hits:
        """At most k hits."""
        options: dict[str, Any] = {"mode": self._mode}
        hits = self._documents.search(query, k, **options)
        self._on_query()
        return hits

    def search_many(self, queries: Sequence[str], k: int = 10) -> list[Hits]:
        """At most k hits for each query, one after the other, so that progress can be shown."""
        return [self.search(query, k) for query in queries]

    def __len__(self) -> int:
        return len(self._documents)
