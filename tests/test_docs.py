"""The code in the README and the guides runs as it is printed."""

import doctest
import importlib
import pkgutil
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import rank_retrieve
import rank_retrieve as rr

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [
    {"id": "d1", "title": "Dense retrieval", "text": "Vectors find documents.", "year": 2020},
    {"id": "d2", "title": "Lexical retrieval", "text": "Words find documents.", "year": 2021},
]


def blocks(page: str) -> str:
    """All Python blocks of a page, as one program."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return "\n".join(re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL))


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        *(
            f"docs/{name}.md"
            for name in ("guide", "observability", "queries", "quickstart", "tuning")
        ),
        *sorted(p.relative_to(ROOT).as_posix() for p in ROOT.glob("docs/migration/*.md")),
    ],
)
def test_the_code_of_a_page_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    program = blocks(page)
    assert "import rank_retrieve as rr" in program
    names: dict[str, Any] = {
        "rr": rr,
        "documents": DOCUMENTS,
        "texts": [f"text number {i} about retrieval and search" for i in range(12)],
    }
    exec(compile(program, page, "exec"), names)
    if "db" in names:
        names["db"].close()


FRAMEWORKS = {
    "haystack": "haystack",
    "langchain": "langchain_core",
    "llama_index": "llama_index.core",
    "pyterrier": "pyterrier",
}


def framework_of(module: str) -> str | None:
    """The adapter that a module belongs to."""
    parts = module.split(".")
    return parts[2] if parts[1:2] == ["adapters"] and parts[2:] and parts[2] in FRAMEWORKS else None


def modules() -> list[Any]:
    found = pkgutil.walk_packages(rank_retrieve.__path__, "rank_retrieve.")
    names = sorted(m.name for m in found if not m.name.endswith("__main__"))
    return [
        # with the other tests of that adapter: importing a framework takes seconds
        pytest.param(name, marks=pytest.mark.xdist_group(f"adapters/{framework_of(name)}"))
        if framework_of(name)
        else name
        for name in names
    ]


@pytest.mark.parametrize("name", ["rank_retrieve", *modules()])
def test_examples_in_docstrings_run(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    framework = framework_of(name)
    if framework is not None:
        pytest.importorskip(FRAMEWORKS[framework])
    monkeypatch.chdir(tmp_path)
    module: ModuleType = importlib.import_module(name)
    failed, _ = doctest.testmod(module)
    assert failed == 0


@pytest.mark.parametrize(
    "page",
    sorted(
        p.relative_to(ROOT).as_posix()
        for p in ROOT.rglob("*.md")
        # what `make` leaves in build/ is not ours
        if not any(part.startswith(".") or part == "build" for part in p.relative_to(ROOT).parts)
    ),
)
def test_links_between_pages_lead_somewhere(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if not target.startswith(("http://", "https://")):
            assert (ROOT / page).parent.joinpath(target).exists(), f"{page} links to {target}"


def test_the_guarantees_name_tests_that_exist() -> None:
    text = (ROOT / "docs/guarantees.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(tests/[^`]+)`", text))
    assert len(named) >= 8
    for path in named:
        assert (ROOT / path).exists(), path


def test_every_command_has_its_section_on_the_command_line_page() -> None:
    from rank_retrieve.cli.app import COMMANDS

    text = (ROOT / "docs/cli.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^## `rank-retrieve ([a-z]+)", text, flags=re.MULTILINE))
    assert documented == set(COMMANDS)
