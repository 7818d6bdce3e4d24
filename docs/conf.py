"""How Sphinx makes the site out of these pages: `make docs`."""

from __future__ import annotations

import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from docstrings import convert

project = "rank-retrieve"
author = "The rank-retrieve developers"
release = installed_version("rank-retrieve")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
source_suffix = {".md": "markdown"}
root_doc = "index"
myst_heading_anchors = 4

autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_typehints = "signature"
autodoc_preserve_defaults = True

html_theme = "furo"
html_title = "rank-retrieve"
html_show_sphinx = False
default_role = "code"


def setup(app: Any) -> None:
    """Docstrings in the house style become reStructuredText."""
    app.connect("autodoc-process-docstring", convert)
