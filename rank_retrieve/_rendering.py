"""What notebooks and terminals show: explanations as trees, results as tables.

Everything that comes from documents or queries is escaped.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.table import Table

_VALUE = 'style="font-variant-numeric:tabular-nums;font-weight:600"'
_LIST = 'style="list-style:none;margin:0;padding-left:1.4em;border-left:1px solid #8884"'


class Node(Protocol):
    """One step of a score: `types.Explanation`."""

    @property
    def value(self) -> float:
        """The number."""
        ...

    @property
    def label(self) -> str:
        """How it came about."""
        ...

    @property
    def children(self) -> Sequence[Node]:
        """What it was made from."""
        ...

    @property
    def combine(self) -> str:
        """What the children are to the value: "sum" where they add up to it."""
        ...


def tree_html(node: Node, *, open_levels: int = 3) -> str:
    """A tree that can be unfolded, self-contained; the first levels are unfolded already."""
    return f'<div class="rank-retrieve-explanation">{_branch(node, "", open_levels)}</div>'


def _branch(node: Node, sign: str, open_levels: int) -> str:
    line = f"{sign}<span {_VALUE}>{node.value:.9g}</span> = {escape(node.label)}"
    if not node.children:
        return f"<div>{line}</div>"
    mark = "+ " if node.combine == "sum" else ""
    items = "".join(
        f"<li>{_branch(child, mark if number else '', open_levels - 1)}</li>"
        for number, child in enumerate(node.children)
    )
    shown = " open" if open_levels > 0 else ""
    return f"<details{shown}><summary>{line}</summary><ul {_LIST}>{items}</ul></details>"


def tree_table(node: Node) -> Table:
    """The tree as a table of rich: values in a column, how they came about beside them."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("value", justify="right", no_wrap=True)
    table.add_column("how it came about", overflow="fold")
    for sign, guide, step in _steps(node, "", "", ""):
        top = not guide
        table.add_row(
            Text(f"{sign}{step.value:.9g}", style="bold" if top else ""),
            Text(guide, style="dim").append(step.label, style="bold" if top else "default"),
        )
    return table


def _steps(node: Node, sign: str, guide: str, below: str) -> Iterator[tuple[str, str, Node]]:
    yield sign, guide, node
    for number, child in enumerate(node.children, 1):
        last = number == len(node.children)
        mark = "+ " if node.combine == "sum" and number > 1 else ""
        yield from _steps(
            child, mark, below + ("└ " if last else "├ "), below + ("  " if last else "│ ")
        )


def html_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    caption: str = "",
    right: Collection[str] = (),
    strong: Collection[tuple[int, int]] = (),
) -> str:
    """A table; cells are shown by `str`, floats with four digits.

    right: names of columns that are aligned to the right. strong: (row, column) of cells to set
        off.
    """
    aligned = [
        f' style="text-align:{"right" if column in right else "left"}"' for column in columns
    ]
    head = "".join(
        f"<th{style}>{escape(column)}</th>" for column, style in zip(columns, aligned, strict=True)
    )
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{style}>{_cell(value, (row, column) in strong)}</td>"
            for column, (value, style) in enumerate(zip(values, aligned, strict=True))
        )
        + "</tr>"
        for row, values in enumerate(rows)
    )
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f"<table>{title}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: object, strong: bool) -> str:
    shown = escape(f"{value:.4f}" if isinstance(value, float) else str(value))
    return f"<strong>{shown}</strong>" if strong else shown


def rich_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    caption: str = "",
    right: Collection[str] = (),
    strong: Collection[tuple[int, int]] = (),
) -> Table:
    """The same for terminals; arguments as for `html_table`."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, caption=caption or None, caption_justify="left")
    for column in columns:
        table.add_column(Text(column), justify="right" if column in right else "left")
    for row, values in enumerate(rows):
        table.add_row(
            *[
                Text(value, style="bold" if (row, column) in strong else "")
                for column, value in enumerate(values)
            ]
        )
    return table


def plain_table(columns: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """The same as text: columns two spaces apart, the first `left` of them aligned to the left."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    lines = []
    for row in (columns, *rows):
        cells = [
            cell.ljust(width) if number < left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)
