from pathlib import Path

import pytest
from typer.testing import CliRunner

from rank_retrieve.cli.app import app
from rank_retrieve.cli.index_option import index_first


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["a", "query"], ["a", "query"]),
        (["query", "--index", "a"], ["a", "query"]),
        (["--index", "a", "query", "-k", "3"], ["a", "query", "-k", "3"]),
        (["-i", "a", "query"], ["a", "query"]),
        (["query", "--index=a"], ["a", "query"]),
        (["a", "--", "--index", "b"], ["a", "--", "--index", "b"]),
        (["query", "--index"], ["query", "--index"]),
    ],
)
def test_the_index_comes_first_however_it_is_given(given: list[str], expected: list[str]) -> None:
    assert index_first(given) == expected


def test_commands_take_the_index_as_an_option_too(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"_id": "1", "title": "Cats", "text": "A cat sat."}\n')
    index = str(tmp_path / "index")
    runner = CliRunner()

    def run(*arguments: str) -> str:
        result = runner.invoke(app, list(arguments))
        assert result.exit_code == 0, result.output
        return result.output

    run("index", str(tmp_path / "a.jsonl"), "--index", index, "--no-dense")
    assert '"id":"1"' in run("search", "cat", "--index", index, "--json").replace(" ", "")
    assert "A cat sat." in run("get", "1", "--index", index)
    run("info", "--index", index)
    run("verify", "-i", index)
    run("delete", "1", "--index", index)
