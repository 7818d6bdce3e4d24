"""What commands print: tables for people at a terminal, JSON lines for everyone else.

Standard output carries results only. Progress goes to standard error, and only where that is
a terminal; so do complaints, always.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, Protocol, TextIO

import msgspec

if TYPE_CHECKING:
    from rich.console import Console
    from rich.tree import Tree

    from rank_retrieve.types import Explanation, Hits

SNIPPET_CHARACTERS = 160
TABLE_WIDTH = 110


class Advance(Protocol):
    """Moves a progress bar."""

    def __call__(self, done: int, total: int | None = None, description: str = "") -> None:
        """done: how much is done of total; a new total or description replaces the old."""
        ...


class Output:
    """One command's output.

    json: write JSON lines; None decides by whether the stream is a terminal.
    stream, error_stream: in place of standard output and standard error.
    """

    def __init__(
        self,
        json: bool | None = None,
        *,
        stream: TextIO | None = None,
        error_stream: TextIO | None = None,
    ) -> None:
        self._stream = stream or sys.stdout
        self._error_stream = error_stream or sys.stderr
        self.json = not self._stream.isatty() if json is None else json
        self._console: Console | None = None

    @property
    def shows_progress(self) -> bool:
        """Whether someone sees progress bars."""
        return self._error_stream.isatty()

    @property
    def console(self) -> Console:
        """The rich console behind the tables."""
        if self._console is None:
            from rich.console import Console

            width = None if self._stream.isatty() else TABLE_WIDTH
            self._console = Console(file=self._stream, width=width, highlight=False)
        return self._console

    def record(self, values: Mapping[str, Any]) -> None:
        """One JSON line."""
        self._stream.write(_to_json(values) + "\n")

    def line(self, text: str = "", style: str | None = None) -> None:
        """A line of text for people; no markup is read in it."""
        self.console.print(text, style=style, markup=False, soft_wrap=True)
        self._stream.flush()  # in a pipe too, a line tells what is going on now

    def document(self, document: Mapping[str, Any]) -> None:
        """A document for people: its fields, one under the other."""
        from rich.table import Table
        from rich.text import Text

        fields = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
        for name, value in document.items():
            shown = value if isinstance(value, str) else _to_json(value)
            fields.add_row(Text(name, style="bold"), Text(shown))
        self.console.print(fields)

    def table(
        self,
        columns: Sequence[str],
        rows: Iterable[Sequence[str]],
        *,
        title: str | None = None,
        right: Sequence[str] = (),
    ) -> None:
        """A table for people. right: the columns that are numbers."""
        from rich.table import Table
        from rich.text import Text

        table = Table(title=title, title_justify="left", header_style="bold", expand=False)
        for column in columns:
            number = column in right
            justify: Literal["left", "right"] = "right" if number else "left"
            table.add_column(column, justify=justify, no_wrap=number, overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self.console.print(table)

    def tree(self, explanation: Explanation, title: str) -> None:
        """An explained score."""
        from rich.text import Text
        from rich.tree import Tree

        root = Tree(Text(title, style="bold"))
        _grow(root, explanation)
        self.console.print(root)

    def hits(self, hits: Hits, query: str, *, title: str | None = None) -> None:
        """A table of hits with rank, id, score, title and the part of the text that fits."""
        rows: list[tuple[str, ...]] = [
            _hit_row(hit.rank, hit.id, hit.score, hit.document, query) for hit in hits
        ]
        columns = ["rank", "id", "score", "title", "snippet"]
        if all(row[3] in ("", row[1]) for row in rows):
            columns.remove("title")
            rows = [(*row[:3], row[4]) for row in rows]
        self.table(columns, rows, title=title, right=("rank", "score"))

    @contextmanager
    def progress(self, description: str, total: int | None = None) -> Iterator[Advance]:
        """A progress bar on standard error, if someone is there to see it."""
        if not self.shows_progress:
            yield _ignore
            return
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        console = Console(file=self._error_stream)
        with Progress(*columns, console=console, transient=True) as bars:
            task = bars.add_task(description, total=total)

            def advance(done: int, total: int | None = None, description: str = "") -> None:
                changes: dict[str, Any] = {"completed": done}
                if total is not None:
                    changes["total"] = total
                if description:
                    changes["description"] = description
                bars.update(task, **changes)

            yield advance


def _ignore(done: int, total: int | None = None, description: str = "") -> None:
    pass


def _grow(tree: Tree, explanation: Explanation) -> None:
    from rich.text import Text

    label = Text.assemble((f"{explanation.value:.6g}", "bold"), f"  {explanation.label}")
    branch = tree.add(label)
    for child in explanation.children:
        _grow(branch, child)


def _hit_row(
    rank: int, identity: Any, score: float, document: Mapping[str, Any], query: str
) -> tuple[str, str, str, str, str]:
    title = document.get("title")
    text = document.get("text")
    shown = snippet(text, query) if isinstance(text, str) else ""
    return (
        str(rank),
        str(identity),
        f"{score:.5g}",
        title if isinstance(title, str) else "",
        shown,
    )


def snippet(text: str, query: str, length: int = SNIPPET_CHARACTERS) -> str:
    """At most `length` characters of the text on one line, from near the most query words."""
    flat = " ".join(text.split())
    if len(flat) <= length:
        return flat
    # four letters stand for a word's stem
    stems = {word[:4] for word in re.findall(r"\w{3,}", query.lower())}
    places = [m.start() for m in re.finditer(r"\w{3,}", flat) if m.group().lower()[:4] in stems]
    best, most = 0, 0
    for place in places:
        within = sum(place <= other < place + length for other in places)
        if within > most:
            best, most = place, within
    start = max(0, min(best - length // 5, len(flat) - length))
    if start:
        start = flat.find(" ", start) + 1
    end = start + length
    if end < len(flat):
        end = max(flat.rfind(" ", start, end), start + length // 2)
    return f"{'… ' if start else ''}{flat[start:end]}{' …' if end < len(flat) else ''}"


def _to_json(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=_to_plain).decode("utf-8")


def _to_plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # an array or a number of NumPy
        return value.tolist()
    raise NotImplementedError(f"cannot show {type(value).__name__} as JSON")
