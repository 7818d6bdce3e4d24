"""`rank-retrieve eval`: a collection against judged queries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rank_retrieve.cli.eval_report import show, show_comparisons, show_fit, write_per_query
from rank_retrieve.cli.eval_systems import CollectionSearch, modes_of, named_run, system_names
from rank_retrieve.cli.options import (
    DEFAULT_COLLECTION,
    CollectionName,
    IndexPath,
    Json,
    checked_mode,
)

if TYPE_CHECKING:
    from rank_retrieve.evaluation import Evaluation

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
    fusion: Annotated[
        list[str] | None,
        typer.Option(help="A fusion such as dbsf or adaptive, as one more system; repeatable."),
    ] = None,
    run: Annotated[
        list[Path] | None,
        typer.Option(help="A TREC run, as one more system; may be repeated.", metavar="FILE"),
    ] = None,
    metric: Annotated[
        list[str] | None,
        typer.Option(help="A metric of ir-measures, such as nDCG@10; may be repeated."),
    ] = None,
    baseline: Annotated[
        str | None,
        typer.Option(help="Test all other systems against this one, such as lexical."),
    ] = None,
    test: Annotated[str, typer.Option(help="randomisation (Fisher's) or t.")] = "randomisation",
    correction: Annotated[
        str, typer.Option(help="Of the p-values: holm, bonferroni or none.")
    ] = "holm",
    fit: Annotated[
        bool, typer.Option("--fit", help="Fit the fusion to the first metric, by 5 folds.")
    ] = False,
    run_out: Annotated[
        Path | None,
        typer.Option(
            help="Write the ranking as a TREC run; with several systems one file each, "
            "with the system in its name.",
            metavar="FILE",
        ),
    ] = None,
    per_query: Annotated[
        Path | None,
        typer.Option(help="Write a JSON line for each system and query.", metavar="FILE"),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(help="Draw the means (needs the plots extra).", metavar="FILE.png"),
    ] = None,
    json: Json = None,
) -> None:
    """Measure how well an index answers judged queries (needs the evaluation extra)."""
    import rank_retrieve as rr
    from rank_retrieve import evaluation
    from rank_retrieve.cli.output import Output

    output = Output(json)
    asked, judged = evaluation.read_queries(queries), evaluation.read_qrels(qrels)
    metrics = metric or METRICS
    with rr.open(path, mode="r") as database:
        documents = database.get_collection(collection)
        names = system_names(mode or modes_of(documents), fusion or ())
        with output.progress("searching", len(names) * len(asked)) as advance:
            done = 0

            def count() -> None:
                nonlocal done
                done += 1
                advance(done)

            systems: dict[str, Any] = {
                name: CollectionSearch(documents, options, count) for name, options in names.items()
            }
            systems |= dict(map(named_run, run or ()))
            measured = evaluation.evaluate(systems, asked, judged, metrics)
        fitted = documents.fit_fusion(asked, judged, metrics[0]) if fit else None
    if run_out is not None:
        write_runs(run_out, measured, list(names))
    if per_query is not None:
        write_per_query(per_query, measured)
    if plot is not None:
        draw(plot, measured)
    show(output, measured)
    if baseline is not None:
        show_comparisons(
            output,
            measured.compare(baseline, test=test, correction=correction),  # type: ignore[arg-type]
        )
    if fitted is not None:
        show_fit(output, fitted)


def write_runs(path: Path, measured: Evaluation, names: list[str]) -> None:
    """One TREC run for each system that was asked."""
    from rank_retrieve import evaluation

    for name in names:
        file = path if len(names) == 1 else path.with_stem(f"{path.stem}.{name}")
        evaluation.write_run(file, measured.runs[name], tag=f"rank-retrieve-{name}")


def draw(path: Path, measured: Evaluation) -> None:
    """The means as a picture, in the format that the file's name ends in."""
    from rank_retrieve import plots

    figure = plots.metric_bars(measured).get_figure(root=True)
    assert figure is not None
    figure.savefig(path, dpi=150)
