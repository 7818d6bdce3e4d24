"""Scripts as each tool's own pages have them, with nothing changed but an import."""

import runpy
from pathlib import Path

import pytest

HERE = Path(__file__).parent

PRINTED = {
    "langchain_vector_store": """\
3
Cats are independent pets that often enjoy their own space.
Dogs are great companions, known for their loyalty and friendliness.
True {'source': 'fish-pets-doc'}
Cats are independent pets that often enjoy their own space.
mammal-pets-doc
fish-pets-doc
[]
""",
    "langchain_bm25": """\
['foo', 'foo bar']
Human: Context: A ribosome makes proteins.
Question: What makes proteins?
""",
    "llama_index_vector_store": """\
Inception
Mafia
""",
    "llama_index_bm25": """\
True What I worked on. Before college I wrote stories, and programs in Fortran.
""",
    "haystack_first_pipeline": """\
Given these documents, answer the question.
My name is Jean and I live in Paris.
Question: Who lives in Paris?
""",
    "pyterrier_experiment": """\
['d2', 'd1']
qid docno  rank
 q1    d2     0
 q2    d1     0
   name  recip_rank  P_1
0  BM25         1.0  1.0
""",
}
NEEDS = {"langchain": "langchain_core", "llama": "llama_index.core"}
ADAPTERS = {"llama": "llama_index"}


def scripts() -> list[object]:
    return [
        pytest.param(path, marks=pytest.mark.xdist_group(f"adapters/{adapter}"), id=path.stem)
        for path in sorted(HERE.glob("*_*.py"))
        if path.stem in PRINTED
        for adapter in [ADAPTERS.get(path.stem.split("_")[0], path.stem.split("_")[0])]
    ]


@pytest.mark.parametrize("script", scripts())
def test_a_quickstart_runs_and_prints_what_it_should(
    script: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tool = script.stem.split("_")[0]
    pytest.importorskip(NEEDS.get(tool, tool))
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(script), run_name="__main__")
    assert capsys.readouterr().out == PRINTED[script.stem]


def test_every_script_is_run() -> None:
    there = {path.stem for path in HERE.glob("*.py")} - {"__init__", Path(__file__).stem}
    assert there == set(PRINTED)
