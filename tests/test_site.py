"""The documentation site builds without a warning."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "docs"))

from docstrings import as_rest  # noqa: E402 - it lies with the pages


def test_docstrings_in_the_house_style_become_restructured_text() -> None:
    lines = [
        "Searches.", "", "k: at most", "    this many.", "a, b: others", "Raises NotFound.", "",
        "    a  drawing", "", ">>> 1", "1",
    ]  # fmt: skip
    assert as_rest(lines) == [
        "Searches.", "", ":param k: at most", "    this many.", ":param a,b: others", "",
        "Raises NotFound.", "", "::", "", "        a  drawing", "", ">>> 1", "1", "",
    ]  # fmt: skip


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    pytest.importorskip("furo")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-b", "html"]
    # in a process of its own: extensions of Sphinx warn of each other
    built = subprocess.run(
        [*command, str(ROOT / "docs"), str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    reference = (tmp_path / "reference.html").read_text(encoding="utf-8")
    assert "rank_retrieve.BM25.search" in reference
    for page in (ROOT / "docs").rglob("*.md"):
        assert (tmp_path / page.relative_to(ROOT / "docs").with_suffix(".html")).exists()
