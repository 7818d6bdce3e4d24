"""The code of docs/adapters.md runs as it is printed, a framework at a time."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "adapters.md"
NEEDS = {
    "LangChain": ("langchain", "langchain_core"),
    "Haystack": ("haystack", "haystack"),
    "LlamaIndex": ("llama_index", "llama_index.core"),
    "PyTerrier": ("pyterrier", "pyterrier"),
}


def sections() -> dict[str, str]:
    """The Python blocks of each section that has some, as one program."""
    parts = re.split(r"^## (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    found = {}
    for title, text in zip(parts[::2], parts[1::2], strict=True):
        blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
        if blocks:
            found[title] = "\n".join(blocks)
    return found


def test_every_framework_has_its_section_with_code() -> None:
    assert set(sections()) == set(NEEDS)


@pytest.mark.parametrize(
    "title",
    [
        pytest.param(title, marks=pytest.mark.xdist_group(f"adapters/{folder}"))
        for title, (folder, _) in NEEDS.items()
    ],
)
def test_the_code_of_a_section_runs(
    title: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(NEEDS[title][1])
    monkeypatch.chdir(tmp_path)
    exec(compile(sections()[title], f"{PAGE.name}, {title}", "exec"), {})
