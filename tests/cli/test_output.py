"""Tables at a terminal, JSON lines elsewhere, one line for each error."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import typer

from rank_retrieve.cli.exit_codes import ExitCode, reporting_errors
from rank_retrieve.cli.output import Output, snippet
from rank_retrieve.errors import LockedError, NotFound
from rank_retrieve.types import Explanation, Hits


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def hits_of(*rows: tuple[str, float, dict[str, Any]]) -> Hits:
    return Hits(
        np.array([row[0] for row in rows], dtype=object),
        np.array([row[1] for row in rows]),
        document=lambda position: {"id": rows[position][0], **rows[position][2]},
    )


def test_a_terminal_gets_tables_and_anything_else_json_lines() -> None:
    assert Output(stream=Terminal()).json is False
    assert Output(stream=io.StringIO()).json is True
    assert Output(json=True, stream=Terminal()).json is True
    assert Output(json=False, stream=io.StringIO()).json is False


def test_a_record_is_one_json_line_with_arrays_as_lists() -> None:
    stream = io.StringIO()
    Output(stream=stream).record(
        {"id": "ä\n", "vector": np.array([0.5, 1.0], dtype=np.float32), "n": np.int64(3)}
    )
    assert stream.getvalue() == '{"id":"ä\\n","vector":[0.5,1.0],"n":3}\n'


def test_hits_are_a_table_of_rank_id_score_title_and_snippet() -> None:
    stream = io.StringIO()
    hits = hits_of(
        ("d1", 1.25, {"title": "[bold]Cats[/bold]", "text": "A cat\nsat."}), ("d2", 0.5, {})
    )
    Output(json=False, stream=stream).hits(hits, "cat", title="cat")
    lines = [line.strip() for line in stream.getvalue().splitlines()]
    assert lines[0] == "cat"
    assert [cell.strip() for cell in lines[2].strip("┃").split("┃")] == [
        "rank", "id", "score", "title", "snippet",
    ]  # fmt: skip
    assert [cell.strip() for cell in lines[4].strip("│").split("│")] == [
        "1", "d1", "1.25", "[bold]Cats[/bold]", "A cat sat.",
    ]  # fmt: skip
    assert [cell.strip() for cell in lines[5].strip("│").split("│")] == ["2", "d2", "0.5", "", ""]


def test_a_title_that_only_repeats_the_id_is_not_shown() -> None:
    stream = io.StringIO()
    Output(json=False, stream=stream).hits(hits_of(("d1", 1.0, {"title": "d1"})), "x")
    assert "title" not in stream.getvalue()


def test_an_explanation_is_a_tree() -> None:
    stream = io.StringIO()
    explanation = Explanation(3.0, "sum", (Explanation(1.0, "a"), Explanation(2.0, "b")), "sum")
    Output(json=False, stream=stream).tree(explanation, "why [d1]")
    assert stream.getvalue().splitlines() == [
        "why [d1]", "└── 3  sum", "    ├── 1  a", "    └── 2  b",
    ]  # fmt: skip


def test_a_short_text_is_its_own_snippet_on_one_line() -> None:
    assert snippet("two\n  lines ", "x") == "two lines"


def test_a_snippet_shows_where_the_query_words_meet() -> None:
    text = "start " + "filler " * 40 + "the parsed dates of strings " + "padding " * 40
    shown = snippet(text, "parse a date", length=60)
    assert "parsed dates" in shown
    assert shown.startswith("… ") and shown.endswith(" …")
    assert len(shown) <= 64


def test_a_snippet_without_query_words_is_the_beginning() -> None:
    assert snippet("alpha beta gamma delta", "zzz", length=12) == "alpha beta …"


def test_progress_is_only_shown_at_a_terminal() -> None:
    quiet, terminal = io.StringIO(), Terminal()
    for stream in (quiet, terminal):
        with Output(stream=io.StringIO(), error_stream=stream).progress("counting", 2) as advance:
            advance(1)
            advance(2, total=3, description="still counting")
    assert quiet.getvalue() == ""
    assert "counting" in terminal.getvalue()


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (
            NotFound("collection", "x", "create it"),
            ExitCode.FAILED,
            "rank-retrieve: no collection named 'x'. Create it.\n",
        ),
        (
            LockedError("idx", "process 7\non host h"),
            ExitCode.FAILED,
            "rank-retrieve: idx is being written by process 7 on host h. Close that handle first, "
            'or open this one with mode="r".\n',
        ),
        (
            PermissionError(13, "Permission denied", "idx"),
            ExitCode.FAILED,
            "rank-retrieve: [Errno 13] Permission denied: 'idx'\n",
        ),
        (
            ImportError("metrics need ir-measures: pip install 'rank-retrieve[evaluation]'"),
            ExitCode.FAILED,
            "rank-retrieve: metrics need ir-measures: pip install 'rank-retrieve[evaluation]'\n",
        ),
        (
            KeyboardInterrupt(),
            ExitCode.INTERRUPTED,
            "rank-retrieve: interrupted; what was acknowledged is kept\n",
        ),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(
    error: BaseException, code: ExitCode, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    @reporting_errors
    def command() -> None:
        raise error

    with pytest.raises(typer.Exit) as caught:
        command()
    assert caught.value.exit_code == code
    assert capsys.readouterr().err == message


def test_a_bug_keeps_its_traceback() -> None:
    @reporting_errors
    def command() -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        command()
