"""What the shell suggests for a word that is being typed."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def collections_of(ctx: Any, incomplete: str) -> list[str]:
    """The collections of the index that was typed before; none where it cannot be read.

    Reads the manifest alone, which loads neither NumPy nor kernels.
    """
    from rank_retrieve.errors import RankRetrieveError
    from rank_retrieve.persistence.directory import FSDirectory
    from rank_retrieve.persistence.manifest import load

    # an option that still lacks its value ends the parsing, and leaves the words before it
    path = ctx.params.get("path") or next(iter(ctx.args), None)
    if path is None:
        return []
    try:
        names = [entry.name for entry in load(FSDirectory(Path(path), read_only=True)).collections]
    except (RankRetrieveError, OSError):
        return []
    return sorted(name for name in names if name.startswith(incomplete))


def modes(incomplete: str) -> list[str]:
    """Ways to search."""
    from rank_retrieve.cli.options import MODES

    return [mode for mode in MODES if mode.startswith(incomplete)]


def analyzers(incomplete: str) -> list[str]:
    """Names of analyzers."""
    from rank_retrieve.analysis.recipes import analyzer_names

    return [name for name in analyzer_names() if name.startswith(incomplete)]
