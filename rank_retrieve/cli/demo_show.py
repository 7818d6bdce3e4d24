"""How the demo shows what it does: a line for each stage, then tables; or JSON lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rank_retrieve.cli.output import Advance, Output
    from rank_retrieve.evaluation import Evaluation
    from rank_retrieve.types import Hit, Hits


COLLECTION = "stdlib"


class Stage:
    """One stage while it runs. detail: what came of it, for its line."""

    def __init__(self, advance: Advance) -> None:
        self.advance, self.detail = advance, ""


class DemoShow:
    """Writes to an `Output`. Tables are the default even in a pipe: a demo is for people."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def begin(self, folder: Path) -> None:
        """Say what is coming."""
        if not self._output.json:
            self._output.line("rank-retrieve demo", style="bold")
            self._output.line(
                f"The docstrings of Python {sys.version.split()[0]}'s standard library, "
                f"indexed in {folder}\n"
            )

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """Show progress while something runs, then what came of it and how long it took."""
        if not self._output.json and not self._output.shows_progress:
            self._output.line(f"    ...    {name}")
        started = time.perf_counter()
        with self._output.progress(name) as advance:
            stage = Stage(advance)
            yield stage
        seconds = time.perf_counter() - started
        if self._output.json:
            self._output.record({"stage": name, "seconds": seconds, "detail": stage.detail})
        else:
            self._output.line(f"{seconds:7.2f} s  {name}: {stage.detail}")

    def hits(self, query: str, hits: Hits, seconds: float) -> None:
        """The hits of one query."""
        if self._output.json:
            for hit in hits:
                self._output.record(
                    {"query": query, "rank": hit.rank, "id": hit.id, "score": hit.score}
                )
            return
        self._output.line()
        self._output.hits(hits, query, title=f"“{query}”  hybrid, {seconds * 1000:.1f} ms")

    def explained(self, query: str, hit: Hit) -> None:
        """How the score of one hit came about."""
        explanation = hit.explain()
        if self._output.json:
            self._output.record(
                {"query": query, "id": hit.id, "explanation": explanation.to_dict()}
            )
            return
        self._output.line()
        self._output.tree(explanation, f"Why is {hit.id} the best for “{query}”?")

    def quality(self, measured: Evaluation, seconds: float, n_searches: int) -> None:
        """The quality table."""
        from rank_retrieve.cli.eval_report import show

        if not self._output.json:
            self._output.line()
        show(self._output, measured, {"R@100": "recall@100", "RR@100": "MRR@100"})
        if not self._output.json:
            self._output.line(
                f"{n_searches} searches for up to 100 hits each in {seconds:.2f} s", style="dim"
            )

    def end(self, folder: Path, seconds: float) -> None:
        """Say how long it took and what to try next."""
        if self._output.json:
            self._output.record({"index": str(folder), "seconds": seconds})
            return
        self._output.line(
            f"\nAll of this took {seconds:.1f} s. The index stays; search it yourself:\n"
            f'    rank-retrieve search {folder} "remove a file" -c {COLLECTION}\n'
            f"    rank-retrieve info {folder}"
        )
