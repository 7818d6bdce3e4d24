import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import rank_retrieve as rr
from rank_retrieve.cli.app import app


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two indexes in it and no configuration."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("RANK_RETRIEVE_CONFIG", raising=False)
    for name in ("library", "other"):
        with rr.open(tmp_path / name) as db:
            documents = db.create_collection("documents", {"text": rr.Text()})
            documents.put_many({"id": f"{name}-{n}", "text": f"word {n}"} for n in range(3))
            db.create_collection("empty", {"text": rr.Text()})
    return tmp_path


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "200"})
    assert result.exit_code == code, result.output
    return result.output


def ids(output: str) -> list[str]:
    return [json.loads(line)["id"] for line in output.splitlines()]


def test_options_come_from_the_command_line_then_its_table_then_the_general_keys() -> None:
    Path("rank-retrieve.toml").write_text(
        'collection = "empty"\njson = true\n[search]\ncollection = "documents"\nk = 2\n'
    )
    assert ids(run("search", "library", "word")) == ["library-0", "library-1"]
    assert ids(run("search", "library", "word", "-k", "1")) == ["library-0"]
    assert ids(run("search", "library", "word", "-c", "empty")) == []
    run("get", "library", "library-0", code=1)  # in the collection that is empty


def test_the_index_is_the_configured_one_unless_another_is_given() -> None:
    Path("rank-retrieve.toml").write_text('index = "library"\n')
    assert ids(run("search", "word", "--json"))[0] == "library-0"
    assert ids(run("search", "other", "word", "--json"))[0] == "other-0"
    assert ids(run("search", "word", "--index", "other", "--json"))[0] == "other-0"
    assert "library-1" in run("get", "library-1")
    assert json.loads(run("info", "--json"))["collections"]["documents"]["documents"] == 3
    run("delete", "library-2")
    assert ids(run("search", "word", "--json")) == ["library-0", "library-1"]
    Path("more.jsonl").write_text('{"_id": "new", "text": "word"}\n')
    run("index", "more.jsonl")
    assert "new" in ids(run("search", "word", "--json"))
    run("delete", "new", "library-1", code=1)  # two words: the first is the index, as ever
    assert "library-1" in ids(run("search", "word", "--json"))


def test_files_are_looked_for_in_their_order(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = folder / "home" / "rank-retrieve"
    home.mkdir(parents=True)
    (home / "config.toml").write_text("[search]\nk = 3\n")
    assert len(ids(run("search", "library", "word", "--json"))) == 3
    Path("rank-retrieve.toml").write_text("[search]\nk = 2\n")
    assert len(ids(run("search", "library", "word", "--json"))) == 2
    Path("named.toml").write_text("[search]\nk = 1\n")
    monkeypatch.setenv("RANK_RETRIEVE_CONFIG", "named.toml")
    assert len(ids(run("search", "library", "word", "--json"))) == 1
    found = run("--config", "rank-retrieve.toml", "search", "library", "word", "--json")
    assert len(ids(found)) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("k = 3\nkk = 1\n", "'kk' is an option of no command"),
        ("[serch]\nk = 3\n", "[serch] is no command"),
        ("[search]\nqrels = 'x'\n", "[search] has no option 'qrels'"),
        ("k = \n", "rank-retrieve.toml"),
        ("[search]\nk = 'many'\n", "'--k'"),
        ("[search]\nmode = 'sparse'\n", "sparse"),
    ],
)
def test_a_mistake_in_the_file_is_a_usage_error_that_names_it(text: str, message: str) -> None:
    Path("rank-retrieve.toml").write_text(text)
    assert message in run("search", "library", "word", code=2)


def test_a_file_that_was_asked_for_must_be_there() -> None:
    assert "none.toml" in run("--config", "none.toml", "info", "library", code=2)


def test_options_may_be_spelt_with_underscores() -> None:
    Path("rank-retrieve.toml").write_text('[index]\non_error = "skip"\ndense = false\n')
    Path("bad.jsonl").write_text('{"text": "no id"}\n{"_id": "good", "text": "word"}\n')
    run("index", "bad.jsonl", "--index", "new")
    with rr.open("new", mode="r") as db:
        assert "good" in db.get_collection("documents")
        assert db.get_collection("documents").encoder is None
