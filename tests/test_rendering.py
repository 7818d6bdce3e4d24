"""Explanations and tables as people see them."""

import io

from rich.console import Console

from rank_retrieve._rendering import html_table, plain_table
from rank_retrieve.types import Explanation

TREE = Explanation(
    3.0,
    "sum of <legs>",
    (Explanation(1.0, "one"), Explanation(2.0, "two", (Explanation(7.0, "detail"),))),
    "sum",
)


def test_a_tree_as_html_escapes_and_unfolds():
    html = TREE._repr_html_()
    assert "3</span> = sum of &lt;legs&gt;</summary>" in html
    assert html.count("<details open>") == 2
    assert "<li><div><span" in html  # the first summand has no sign
    assert "+ <span" in html
    assert html.index("= one") < html.index("= two") < html.index("= detail")


def test_deep_levels_are_folded():
    tree = TREE
    for _ in range(3):
        tree = Explanation(3.0, "level", (tree,), "sum")
    assert tree._repr_html_().count("<details open>") == 3
    assert tree._repr_html_().count("<details>") == 2


def test_a_tree_as_a_rich_table():
    console = Console(width=60, record=True, file=io.StringIO())
    console.print(TREE)
    lines = [line.rstrip() for line in console.export_text().splitlines() if line.strip()]
    assert [line.split() for line in lines[2:]] == [
        ["3", "sum", "of", "<legs>"],
        ["1", "├", "one"],
        ["+", "2", "└", "two"],
        ["7", "└", "detail"],
    ]


def test_tables():
    columns, rows = ("name", "n"), [("a<b", "1"), ("c", "10")]
    assert plain_table(columns, rows) == "name   n\na<b    1\nc     10"
    html = html_table(columns, rows, right=("n",), strong={(1, 1)}, caption="both & all")
    assert html == (
        '<table><caption>both &amp; all</caption><thead><tr><th style="text-align:left">name</th>'
        '<th style="text-align:right">n</th></tr></thead><tbody>'
        '<tr><td style="text-align:left">a&lt;b</td><td style="text-align:right">1</td></tr>'
        '<tr><td style="text-align:left">c</td><td style="text-align:right"><strong>10</strong>'
        "</td></tr></tbody></table>"
    )
