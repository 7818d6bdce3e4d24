"""`rank-retrieve demo`: the whole engine on documents that are on every machine."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path
from typing import Annotated

import typer


def demo(
    path: Annotated[
        Path | None,
        typer.Option(help="Where to keep the index; by default in your cache folder."),
    ] = None,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Index everything anew.")] = False,
    json: Annotated[bool, typer.Option("--json", help="JSON lines instead of tables.")] = False,
) -> None:
    """Index the standard library's docstrings, search them, explain a hit, measure quality.

    Nothing is downloaded. A second run finds the index of the first and adds only what is
    missing. Needs the evaluation extra.
    """
    started = time.perf_counter()
    import rank_retrieve as rr
    from rank_retrieve.cli.demo_show import DemoShow
    from rank_retrieve.cli.demo_stages import Demo
    from rank_retrieve.cli.output import Output
    from rank_retrieve.evaluation.metrics import Metrics

    folder = default_folder() if path is None else path
    show = DemoShow(Output(json))
    tour = Demo(show, lambda: Metrics(Demo.METRICS))  # says at once if ir-measures is missing
    show.begin(folder)
    tour.read()
    tour.load_kernels()
    folder.parent.mkdir(parents=True, exist_ok=True)
    with rr.open(folder) as database:
        tour.build(database, rebuild=rebuild)
        tour.search()
        tour.measure()
    show.end(folder, time.perf_counter() - started)


def default_folder() -> Path:
    """In the user's cache folder, one for each version of Python: they have other docstrings."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA")
    root = Path(base) if base else Path.home() / ".cache"
    return root / "rank-retrieve" / f"demo-python-{platform.python_version()}"
