"""Builds the distributions as a release does: the sdist from the tree, the wheel from the sdist."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def build(target: str, source: Path, into: Path) -> Path:
    """The file that hatchling makes of a tree. target: "sdist" or "wheel"."""
    into = into.resolve()  # the build runs in another folder
    into.mkdir(parents=True, exist_ok=True)
    before = set(into.iterdir())
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(into)],
        cwd=source,
        check=True,
        capture_output=True,
    )
    (made,) = set(into.iterdir()) - before
    return made


def unpacked(sdist: Path, into: Path) -> Path:
    """The tree in an sdist."""
    with tarfile.open(sdist) as archive:
        archive.extractall(into, filter="data")
    (tree,) = into.iterdir()
    return tree
