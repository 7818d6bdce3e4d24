"""The commands as a user runs them: what they print, what they leave behind, how they end."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import rank_retrieve as rr
from rank_retrieve.cli import demo_stages, index_command
from rank_retrieve.cli.app import COMMANDS, app
from rank_retrieve.interchange import files

DOCUMENTS = [
    {"_id": "cat", "title": "Cats", "text": "A cat sat on the mat and slept.", "year": 2020},
    {"_id": "dog", "title": "Dogs", "text": "The dog chased the cat around.", "year": 2021},
    {"_id": "bird", "title": "Birds", "text": "A bird sang on the roof.", "year": 2022},
]


class Outcome:
    def __init__(self, exit_code: int, stdout: str, stderr: str) -> None:
        self.exit_code, self.stdout, self.stderr = exit_code, stdout, stderr

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.stdout.splitlines()]


def run(*arguments: str | Path) -> Outcome:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Outcome(result.exit_code, result.stdout, result.stderr)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    file = tmp_path / "corpus.jsonl"
    file.write_text("".join(json.dumps(document) + "\n" for document in DOCUMENTS))
    return file


@pytest.fixture
def index(corpus: Path, tmp_path: Path) -> Path:
    path = tmp_path / "index"
    assert run("index", corpus, "--index", path).exit_code == 0
    return path


# --------------------------------------------------------------------------- index


def test_index_makes_a_collection_with_text_vectors_and_metadata(
    corpus: Path, tmp_path: Path
) -> None:
    path = tmp_path / "index"
    outcome = run("index", corpus, "--index", path, "--dim", "2")
    (record,) = outcome.records
    assert record.pop("seconds") > 0
    assert record == {
        "index": str(path),
        "collection": "documents",
        "indexed": 3,
        "skipped": 0,
        "encoded": 3,
        "documents": 3,
    }
    with rr.open(path, mode="r") as database:
        documents = database.get_collection("documents")
        assert documents.get("cat") == {
            "id": "cat", "title": "Cats", "text": "A cat sat on the mat and slept.", "year": 2020,
        }  # fmt: skip
        assert documents.encoder is not None
        assert documents.encoder.dim == 2


def test_indexing_again_replaces_documents_and_encodes_new_ones(index: Path, corpus: Path) -> None:
    corpus.write_text(
        '{"_id": "cat", "text": "No feline."}\n{"_id": "fish", "text": "A fish on the mat."}\n'
    )
    (record,) = run("index", corpus, "--index", index).records
    assert (record["indexed"], record["documents"]) == (2, 4)
    hits = run("search", index, "mat", "--mode", "dense").records
    assert "fish" in [hit["id"] for hit in hits]
    assert [hit["id"] for hit in run("search", index, "mat", "--mode", "lexical").records] == [
        "fish"
    ]


def test_without_dense_a_collection_has_no_vectors(corpus: Path, tmp_path: Path) -> None:
    path = tmp_path / "index"
    assert run("index", corpus, "--index", path, "--no-dense", "-c", "pets").exit_code == 0
    (record,) = run("info", path).records
    assert record["collections"]["pets"]["encoder"] is None
    assert [hit["id"] for hit in run("search", path, "dogs", "-c", "pets").records] == ["dog"]


@pytest.fixture
def spoilt(tmp_path: Path) -> Path:
    """Line 2 is not JSON; line 4 has an id that only the engine refuses."""
    file = tmp_path / "spoilt.jsonl"
    file.write_text(
        '{"_id": "a", "text": "one"}\n{"_id": \n{"_id": "c", "text": "three"}\n'
        + json.dumps({"_id": "x" * 3000})
        + '\n{"_id": "e", "text": "five"}\n'
    )
    return file


def test_a_bad_line_stops_the_command_and_what_came_before_is_kept(
    spoilt: Path, tmp_path: Path
) -> None:
    path = tmp_path / "index"
    outcome = run("index", spoilt, "--index", path)
    assert outcome.exit_code == 1
    assert outcome.stdout == ""
    assert outcome.stderr == (
        f"rank-retrieve: {spoilt}:2: Input data was truncated\n"
        "rank-retrieve: stopped; 1 documents are in the index\n"
    )
    with rr.open(path, mode="r") as database:
        assert list(database.get_collection("documents").ids()) == ["a"]


def test_bad_lines_can_be_skipped_and_are_counted(spoilt: Path, tmp_path: Path) -> None:
    path = tmp_path / "index"
    outcome = run("index", spoilt, "--index", path, "--on-error", "skip")
    assert outcome.exit_code == 0
    assert (outcome.records[0]["indexed"], outcome.records[0]["skipped"]) == (3, 2)
    first, second = outcome.stderr.splitlines()
    assert first == f"rank-retrieve: {spoilt}:2: Input data was truncated"
    assert second.startswith(f"rank-retrieve: {spoilt}:4: id: has 3000 bytes")
    with rr.open(path, mode="r") as database:
        assert list(database.get_collection("documents").ids()) == ["a", "c", "e"]


def test_a_document_that_the_engine_refuses_stops_the_command_too(
    spoilt: Path, tmp_path: Path
) -> None:
    lines = spoilt.read_text().splitlines(keepends=True)
    spoilt.write_text("".join(lines[:1] + lines[2:]))
    path = tmp_path / "index"
    outcome = run("index", spoilt, "--index", path)
    assert outcome.exit_code == 1
    assert outcome.stderr.startswith(f"rank-retrieve: {spoilt}:3: id: has 3000 bytes")
    with rr.open(path, mode="r") as database:
        assert list(database.get_collection("documents").ids()) == ["a", "c"]


def test_an_interruption_keeps_what_was_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(index_command, "BATCH_DOCS", 2)

    def interrupted(*_: Any, **__: Any) -> Iterator[files.Located]:
        for number in range(5):
            yield files.Located({"id": str(number), "text": "x"}, "f", number)
        raise KeyboardInterrupt

    monkeypatch.setattr(files, "read_located", interrupted)
    path = tmp_path / "index"
    outcome = run("index", tmp_path, "--index", path)
    assert outcome.exit_code == 130
    assert "4 documents were acknowledged before this" in outcome.stderr
    with rr.open(path, mode="r") as database:
        assert len(database.get_collection("documents")) == 4


def test_a_missing_source_makes_no_index(tmp_path: Path) -> None:
    outcome = run("index", tmp_path / "missing", "--index", tmp_path / "index")
    assert outcome.exit_code == 1
    assert outcome.stderr.startswith("rank-retrieve: no file or folder named ")
    assert not (tmp_path / "index").exists()


def test_documents_without_any_term_are_indexed_without_dense_search(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text('{"_id": "a", "text": "the of"}\n')
    outcome = run("index", file, "--index", tmp_path / "index")
    assert outcome.exit_code == 0
    assert outcome.records[0]["documents"] == 1
    assert outcome.stderr.startswith("rank-retrieve: no dense search: ")


def test_an_index_that_is_being_written_is_named_with_its_writer(index: Path, corpus: Path) -> None:
    with rr.open(index):
        outcome = run("index", corpus, "--index", index)
    assert outcome.exit_code == 1
    assert "is being written by" in outcome.stderr


# --------------------------------------------------------------------------- search


def test_search_gives_a_json_line_for_each_hit(index: Path) -> None:
    hits = run("search", index, "cats", "--mode", "lexical", "-k", "5").records
    assert [(hit["rank"], hit["id"]) for hit in hits] == [(1, "cat"), (2, "dog")]
    assert hits[0]["score"] > hits[1]["score"] > 0
    assert hits[1]["document"] == {
        "id": "dog", "title": "Dogs", "text": "The dog chased the cat around.", "year": 2021,
    }  # fmt: skip


def test_search_filters_and_explains(index: Path) -> None:
    where = '{"year": {"$gt": 2020}}'
    arguments = ("--mode", "lexical", "--where", where, "--explain")
    (hit,) = run("search", index, "cats", *arguments).records
    assert hit["id"] == "dog"
    assert hit["explanation"]["value"] == hit["score"]
    assert hit["explanation"]["children"]


def test_search_can_show_tables_and_trees(index: Path) -> None:
    shown = run("search", index, "cats", "--table", "--explain", "-k", "1").stdout
    assert "snippet" in shown
    assert "A cat sat on the mat and slept." in shown
    assert "└── " in shown


def test_a_search_without_hits_is_no_error(index: Path) -> None:
    outcome = run("search", index, "zebra", "--mode", "lexical")
    assert (outcome.exit_code, outcome.stdout) == (0, "")
    assert run("search", index, "zebra", "--mode", "lexical", "--table").stdout == "no hits\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("--mode", "fuzzy"),
        ("--where", "{"),
        ("--where", "[1]"),
        ("-k", "0"),
        ("--k", "many"),
        ("--no-such-option",),
    ],
)
def test_a_command_line_that_cannot_be_understood_ends_with_2(
    index: Path, arguments: tuple[str, ...]
) -> None:
    assert run("search", index, "cats", *arguments).exit_code == 2


def test_an_unknown_operator_in_a_filter_is_named(index: Path) -> None:
    outcome = run("search", index, "cats", "--where", '{"year": {"$above": 1}}')
    assert outcome.exit_code == 1
    assert "$above" in outcome.stderr
    assert len(outcome.stderr.splitlines()) == 1


# --------------------------------------------------------------------------- get, delete


def test_get_shows_a_document_and_a_missing_one_ends_with_1(index: Path) -> None:
    assert run("get", index, "bird").records == [
        {"id": "bird", "title": "Birds", "text": "A bird sang on the roof.", "year": 2022}
    ]
    assert "A bird sang on the roof." in run("get", index, "bird", "--table").stdout
    outcome = run("get", index, "worm")
    assert (outcome.exit_code, outcome.stdout) == (1, "")
    assert outcome.stderr == "rank-retrieve: no document named 'worm'.\n"


def test_delete_says_what_was_deleted_and_ends_with_1_when_something_was_missing(
    index: Path,
) -> None:
    outcome = run("delete", index, "cat", "worm", "dog")
    assert outcome.exit_code == 1
    assert outcome.records == [
        {"id": "cat", "deleted": True},
        {"id": "worm", "deleted": False},
        {"id": "dog", "deleted": True},
    ]
    assert outcome.stderr == "rank-retrieve: no document named 'worm'.\n"
    with rr.open(index, mode="r") as database:
        assert list(database.get_collection("documents").ids()) == ["bird"]
    assert run("delete", index, "bird", "--table").stdout == "deleted bird\n"


@pytest.mark.parametrize(
    "command", [("search", "x"), ("get", "x"), ("delete", "x"), ("info",), ("verify",)]
)
def test_no_command_but_index_makes_an_index(tmp_path: Path, command: tuple[str, ...]) -> None:
    missing = tmp_path / "missing"
    assert run(command[0], missing, *command[1:]).exit_code == 1
    assert not missing.exists()
    empty = tmp_path / "empty"
    empty.mkdir()
    assert run(command[0], empty, *command[1:]).exit_code == 1
    assert list(empty.iterdir()) == []


def test_an_unknown_collection_names_those_that_there_are(index: Path) -> None:
    outcome = run("get", index, "cat", "-c", "papers")
    assert outcome.exit_code == 1
    assert "'papers'" in outcome.stderr
    assert "documents" in outcome.stderr


# --------------------------------------------------------------------------- info, verify


def test_info_tells_fields_and_sizes(index: Path) -> None:
    (record,) = run("info", index).records
    assert record["path"] == str(index)
    found = record["collections"]["documents"]
    assert found["documents"] == 3
    assert found["fields"]["title"] == {"type": "text", "analyzer": "english", "boost": 1.0}
    shown = run("info", index, "--table").stdout
    assert "field title" in shown
    assert "analyzer=english" in shown


def test_verify_is_clean_and_damage_ends_with_1(index: Path) -> None:
    outcome = run("verify", index)
    assert outcome.exit_code == 0
    assert outcome.records[0]["ok"] is True
    assert outcome.records[0]["problems"] == []
    segment = max(index.glob("*"), key=lambda file: file.stat().st_size)
    content = bytearray(segment.read_bytes())
    content[len(content) // 2] ^= 1
    segment.write_bytes(content)
    damaged = run("verify", index)
    assert damaged.exit_code == 1
    assert segment.name in damaged.stderr


# --------------------------------------------------------------------------- eval


@pytest.fixture
def judged(tmp_path: Path) -> tuple[Path, Path]:
    pytest.importorskip("ir_measures")
    queries, qrels = tmp_path / "queries.jsonl", tmp_path / "qrels.tsv"
    queries.write_text('{"_id": "q1", "text": "cats"}\n{"_id": "q2", "text": "roof"}\n')
    qrels.write_text("query-id\tcorpus-id\tscore\nq1\tdog\t1\nq2\tbird\t1\n")
    return queries, qrels


def test_eval_measures_each_mode_and_writes_runs(
    index: Path, judged: tuple[Path, Path], tmp_path: Path
) -> None:
    queries, qrels = judged
    run_out = tmp_path / "run.txt"
    arguments = ("--queries", queries, "--qrels", qrels, "--metric", "RR", "--run-out", run_out)
    records = run("eval", index, *arguments).records
    assert [record["system"] for record in records] == ["lexical", "dense", "hybrid"]
    assert records[0] == {"system": "lexical", "queries": 2, "RR": 0.75}  # ranks 2 and 1
    lines = (tmp_path / "run.lexical.txt").read_text().splitlines()
    assert [line.split()[:4] for line in lines] == [
        ["q1", "Q0", "cat", "1"],
        ["q1", "Q0", "dog", "2"],
        ["q2", "Q0", "bird", "1"],
    ]
    (record,) = run("eval", index, *arguments, "--mode", "lexical").records
    assert record["RR"] == 0.75
    assert run_out.read_text().splitlines() == lines
    assert "2 judged queries" in run("eval", index, *arguments, "--table").stdout


def test_eval_compares_fusions_and_runs_with_a_baseline(
    index: Path, judged: tuple[Path, Path], tmp_path: Path
) -> None:
    theirs, details = tmp_path / "theirs.run", tmp_path / "per-query.jsonl"
    theirs.write_text("q1 Q0 dog 1 2.0 x\nq2 Q0 bird 1 1.0 x\n")
    queries, qrels = judged
    arguments = ("--queries", queries, "--qrels", qrels, "--metric", "RR", "--mode", "lexical")
    outcome = run(
        "eval", index, *arguments, "--fusion", "dbsf", "--run", theirs, "--baseline", "lexical",
        "--test", "t", "--correction", "none", "--per-query", details,
    )  # fmt: skip
    assert outcome.exit_code == 0
    rows = {record["system"]: record for record in outcome.records[:3]}
    assert list(rows) == ["lexical", "hybrid-dbsf", "theirs"]
    assert rows["theirs"]["RR"] == 1.0
    compared = outcome.records[4]
    assert (compared["system"], compared["baseline"]) == ("theirs", "lexical")
    assert (compared["difference"], compared["wins"], round(compared["p"], 9)) == (0.25, 1, 0.5)
    assert '{"system":"lexical","query":"q1","RR":0.5}' in details.read_text().splitlines()
    table = run("eval", index, *arguments, "--run", theirs, "--baseline", "lexical", "--table")
    assert "against lexical" in table.stdout
    assert "+0.2500" in table.stdout


def test_eval_fits_the_fusion_and_draws_the_means(
    index: Path, judged: tuple[Path, Path], tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib").use("Agg")
    queries, qrels = judged
    many = [json.dumps({"_id": f"n{i}", "text": "cats roof"}) for i in range(8)]
    queries.write_text("\n".join(many))
    qrels.write_text("\n".join(f"n{i} 0 dog 1" for i in range(8)))
    picture = tmp_path / "means.png"
    arguments = ("--queries", queries, "--qrels", qrels, "--metric", "RR", "--plot", picture)
    fitted = run("eval", index, *arguments, "--fit").records[-1]
    assert fitted["metric"] == "RR"
    assert "fitted" in fitted["held_out"]
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_eval_refuses_an_unknown_fusion_or_baseline(index: Path, judged: tuple[Path, Path]) -> None:
    queries, qrels = judged
    arguments = ("eval", index, "--queries", queries, "--qrels", qrels)
    for wrong in (("--fusion", "sum"), ("--baseline", "theirs"), ("--test", "sign")):
        outcome = run(*arguments, "--mode", "lexical", *wrong, "--baseline", "lexical")
        if wrong[0] == "--baseline":
            outcome = run(*arguments, "--mode", "lexical", *wrong)
        assert outcome.exit_code == 1
        assert wrong[1] in outcome.stderr


def test_eval_names_a_bad_line_of_its_files(index: Path, judged: tuple[Path, Path]) -> None:
    queries, qrels = judged
    qrels.write_text("q1 0 dog 1\nq1 0 cat many\n")
    outcome = run("eval", index, "--queries", queries, "--qrels", qrels)
    assert outcome.exit_code == 1
    assert f"{qrels}, line 2" in outcome.stderr


# --------------------------------------------------------------------------- warmup, demo


def test_warmup_lists_every_module_of_kernels() -> None:
    (record,) = run("warmup").records
    assert "rank_retrieve.analysis._tokenizer_kernels" in record["modules"]
    assert all(name.endswith("kernels") for name in record["modules"])
    assert set(record["modules"]) <= set(sys.modules)


def test_the_demo_builds_searches_explains_and_measures_and_then_reuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ir_measures")
    path = tmp_path / "below" / "demo"
    first = run("demo", "--path", path).stdout
    documents = demo_stages.collect()
    assert f"{len(documents):,} indexed, 0 were there already" in first
    assert "“run a command and capture its output”" in first
    assert "subprocess.run" in first
    assert "Why is " in first
    assert "112 judged queries" in first
    assert "MRR@100" in first

    with rr.open(path) as database:
        database.create_collection("documents", fields={"text": rr.Text()}).put({"id": "mine"})
        database.get_collection("stdlib").put({"id": "stale", "text": "of an older Python"})
    monkeypatch.setattr(demo_stages, "collect", lambda progress: documents)
    records = run("demo", "--path", path, "--json").records
    stages = {record["stage"]: record["detail"] for record in records if "stage" in record}
    assert stages["index documents, each batch durable"] == (
        f"0 indexed, {len(documents):,} were there already"
    )
    with rr.open(path, mode="r") as database:
        assert "mine" in database.get_collection("documents")
        assert len(database.get_collection("stdlib")) == len(documents)
    quality = {record["system"]: record for record in records if "system" in record}
    assert set(quality) == {"lexical", "dense", "hybrid"}
    assert quality["lexical"]["nDCG@10"] > 0.2
    assert quality["hybrid"]["R@100"] > 0.55
    (explained,) = (record for record in records if "explanation" in record)
    first_hit = next(record for record in records if record.get("rank") == 1)
    assert explained["explanation"]["value"] == first_hit["score"]


def test_the_demo_replaces_a_collection_of_another_shape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ir_measures")
    few = [
        {"id": name, "name": name, "text": f"Parse a date from a string {name}.", "context": ""}
        | {"module": "m"}
        for name in ("a", "b", "c")
    ]
    monkeypatch.setattr(demo_stages, "collect", lambda progress: few)
    with rr.open(tmp_path / "demo") as database:
        database.create_collection("stdlib", fields={"text": rr.Text()}).put({"id": "old"})
    assert run("demo", "--path", tmp_path / "demo", "--json").exit_code == 0
    with rr.open(tmp_path / "demo", mode="r") as database:
        assert list(database.get_collection("stdlib").ids()) == ["a", "b", "c"]
        assert database.get_collection("stdlib").info()["fields"]["name"]["boost"] == 2.0


def test_the_demo_says_what_to_install_before_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ir_measures", None)
    outcome = run("demo", "--path", tmp_path / "demo")
    assert outcome.exit_code == 1
    assert "pip install 'rank-retrieve[evaluation]'" in outcome.stderr
    assert not (tmp_path / "demo").exists()


# --------------------------------------------------------------------------- safety


def ids_of(path: Path) -> list[str]:
    with rr.open(path, mode="r") as database:
        return sorted(database.get_collection("documents").ids())


def test_a_backup_is_restored_as_a_new_index(index: Path, tmp_path: Path) -> None:
    archive, target = tmp_path / "library.rra", tmp_path / "again"
    (made,) = run("backup", index, archive).records
    assert made["path"] == str(archive)
    assert made["bytes"] < archive.stat().st_size
    assert len(made["digest"]) == 64
    (restored,) = run("restore", archive, target).records
    assert (restored["path"], restored["files"]) == (str(target), made["files"])
    assert restored["collections"] == ["documents"]
    assert ids_of(target) == ["bird", "cat", "dog"]
    for again in (run("backup", index, archive), run("restore", archive, target)):
        assert again.exit_code == 1
        assert "exists already" in again.stderr or "is there already" in again.stderr
    shown = run("backup", "--table", index, tmp_path / "b.rra").stdout
    assert f"digest {made['digest']}" in shown


def test_checkpoints_are_made_listed_restored_and_dropped(index: Path, tmp_path: Path) -> None:
    assert run("checkpoint", index).records == []
    (made,) = run("checkpoint", index, "before").records
    assert (made["checkpoint"], made["documents"]) == ("before", 3)
    assert run("delete", index, "cat").exit_code == 0
    assert run("checkpoint", index).records == [made]
    assert "before" in run("checkpoint", "--index", index, "--table").stdout
    assert run("restore", index / "checkpoints" / "before", tmp_path / "old").exit_code == 0
    assert ids_of(tmp_path / "old") == ["bird", "cat", "dog"]
    assert ids_of(index) == ["bird", "dog"]
    assert run("checkpoint", index, "before").exit_code == 1
    assert run("checkpoint", index, "before", "--drop").exit_code == 0
    assert run("checkpoint", index).records == []
    assert run("checkpoint", index, "--drop").exit_code == 2
    assert run("checkpoint", index, "../x").exit_code == 1
    assert run("checkpoint", tmp_path / "nowhere", "x").exit_code == 1
    assert not (tmp_path / "nowhere").exists()


def test_doctor_and_repair_say_what_is_damaged_and_save_the_rest(
    index: Path, tmp_path: Path
) -> None:
    outcome = run("doctor", index)
    assert outcome.exit_code == 0
    assert outcome.records[0]["ok"] is True
    assert "every byte is what was written" in run("doctor", index, "--table").stdout
    manifest = index / "manifest"
    data = bytearray(manifest.read_bytes())
    data[16] ^= 1
    manifest.write_bytes(data)
    outcome = run("doctor", index)
    assert outcome.exit_code == 1
    (found,) = outcome.records
    assert "manifest at byte 16" in found["problems"][0]
    assert f"rank-retrieve repair {index} TARGET" in found["advice"][-1]
    assert "is damaged" in outcome.stderr
    (report,) = run("repair", index, tmp_path / "saved").records
    assert report["documents"] == {"documents": 3}
    assert report["lost"] == []
    assert "the manifest is damaged" in report["uncertain"][0]
    assert bytes(data) == manifest.read_bytes()
    assert ids_of(tmp_path / "saved") == ["bird", "cat", "dog"]
    shown = run("repair", index, tmp_path / "other", "--table").stdout
    assert "3 in documents" in shown
    assert run("repair", index, index / "inside").exit_code == 1


# --------------------------------------------------------------------------- the program


def program(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rank_retrieve.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, **options)


def test_help_lists_every_command_without_loading_the_engine() -> None:
    shown = program("--help").stdout
    for name in COMMANDS:
        assert f" {name} " in shown
    code = (
        "import sys; import rank_retrieve.cli.app; "
        "print(sorted({'numba', 'numpy', 'scipy', 'msgspec', 'rich'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_explained(name: str) -> None:
    import typer.main

    command = typer.main.get_command(app).commands[name]  # type: ignore[attr-defined]
    assert command.help
    for parameter in command.params:
        assert parameter.help, f"{name} {parameter.name}"


def test_version_and_unknown_commands() -> None:
    assert run("--version").stdout == f"rank-retrieve {rr.__version__}\n"
    assert run("no-such-command").exit_code == 2


def test_a_reader_that_has_seen_enough_is_no_error(index: Path) -> None:
    command = f'"{sys.executable}" -m rank_retrieve.cli search "{index}" cat | head -c 1'
    ran = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, check=False
    )
    assert (ran.returncode, ran.stdout, ran.stderr) == (0, "{", "")


def test_a_query_in_lucenes_syntax(tmp_path: Path) -> None:
    index = tmp_path / "library"
    with rr.open(index) as db:
        fields: dict[str, Any] = {"title": rr.Text(), "text": rr.Text()}
        db.create_collection("documents", fields=fields).put_many(
            {"id": each["_id"], "title": each["title"], "text": each["text"]} for each in DOCUMENTS
        )
    ask = ("search", index, "--json", "--syntax", "lucene")
    found = run(*ask, '"cat sat" OR title:bird -mat')
    assert [record["id"] for record in found.records] == ["bird"]
    assert len(run("search", index, '"cat sat" -mat', "--json").records) == 2
    refused = run(*ask, '"cat sat')
    assert refused.exit_code != 0
    assert "never closed at character 0" in refused.stderr
    assert run("search", index, "cat", "--syntax", "sql").exit_code == 2
    assert "Cats" in run("search", index, '"cat sat"', "--syntax", "lucene").stdout
