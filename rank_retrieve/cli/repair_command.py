"""`rank-retrieve repair`: save what is readable of a damaged index into a new one."""

from __future__ import annotations

from rank_retrieve.cli.options import IndexPath, Json, NewIndexPath


def repair(path: IndexPath, target: NewIndexPath, json: Json = None) -> None:
    """Save everything readable of a damaged index into a new one, and say what was lost.

    The damaged index is not changed. Nobody may be writing to it meanwhile.
    """
    import rank_retrieve as rr
    from rank_retrieve.cli.output import Output

    output = Output(json)
    with output.progress("saving what is readable"):
        report = rr.repair(path, target)
    if output.json:
        output.record(report.to_dict())
    else:
        output.line(str(report), style="green" if report.complete else "yellow")
