"""Every notebook runs from its first cell to its last."""

from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = Path(__file__).resolve().parents[2] / "notebooks"
NAMES = sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb"))
CELL_TIMEOUT_S = 600


def test_there_are_five() -> None:
    assert NAMES == [
        "evaluate-like-an-ir-researcher",
        "hybrid-search-in-ten-minutes",
        "index-tuning",
        "rag-with-langchain",
        "what-happens-in-a-crash",
    ]


# kernels of Jupyter warn of their own ports and event loops
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_runs(name: str, tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    notebook: Any = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    nbformat.validate(notebook)
    client = nbclient.NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    client.execute()  # raises at the first cell that does
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code")
