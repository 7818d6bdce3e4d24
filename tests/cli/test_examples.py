import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from rank_retrieve.cli.app import COMMANDS, app
from rank_retrieve.cli.examples import EXAMPLES

GROUP: Any = typer.main.get_command(app)


@pytest.fixture(autouse=True)
def no_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "none"))
    monkeypatch.delenv("RANK_RETRIEVE_CONFIG", raising=False)


def test_every_command_has_examples() -> None:
    assert set(EXAMPLES) == set(COMMANDS)
    assert all(EXAMPLES.values())


@pytest.mark.parametrize(
    ("command", "example"), [(c, line) for c, lines in EXAMPLES.items() for line in lines]
)
def test_every_example_is_a_command_line_that_is_understood(command: str, example: str) -> None:
    program, *arguments = shlex.split(example)
    assert program == "rank-retrieve"
    context = GROUP.make_context(program, arguments)
    name, found, rest = GROUP.resolve_command(context, arguments)
    assert name == command
    found.make_context(name, rest, parent=context)  # raises a usage error


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_the_examples_and_explains_every_option(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    for example in EXAMPLES[command]:
        assert example in result.output
    for parameter in GROUP.commands[command].params:
        assert parameter.help, f"{command} {parameter.name} has no help"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_answers_in_json_when_asked(command: str) -> None:
    assert "--json" in [o for p in GROUP.commands[command].params for o in p.opts]


def complete(*words: str, cwd: Path) -> list[str]:
    """What bash is told to suggest for the last word."""
    environment = {
        **os.environ,
        "_RANK_RETRIEVE_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["rank-retrieve", *words]),
        "COMP_CWORD": str(len(words)),
    }
    program = "from rank_retrieve.cli.app import app; app(prog_name='rank-retrieve')"
    run = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    return run.stdout.split()


def test_the_shell_completes_commands_collections_and_modes(tmp_path: Path) -> None:
    import rank_retrieve as rr

    with rr.open(tmp_path / "library") as db:
        for name in ("papers", "pages", "notes"):
            db.create_collection(name, {"text": rr.Text()})
    assert complete("se", cwd=tmp_path) == ["search"]
    assert complete("search", "library", "-c", "pa", cwd=tmp_path) == ["pages", "papers"]
    assert complete("search", "x", "--index", "library", "-c", "n", cwd=tmp_path) == ["notes"]
    assert complete("search", "nowhere", "-c", "n", cwd=tmp_path) == []
    assert complete("search", "library", "x", "--mode", "l", cwd=tmp_path) == ["lexical"]
    assert complete("index", "x", "--analyzer", "ger", cwd=tmp_path) == ["german"]
