"""The oldest dependencies that the project allows, as pins: `python -m tests.packaging.lowest`."""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


def pins(project: Mapping[str, Any], extras: Sequence[str] = ()) -> list[str]:
    """`name==version` for each lower bound. Raises ValueError for a dependency without one."""
    optional = project.get("optional-dependencies", {})
    wanted = [*project["dependencies"], *(r for extra in extras for r in optional[extra])]
    found = []
    for requirement in wanted:
        match = re.fullmatch(r"([A-Za-z0-9._-]+)>=([0-9.]+)", requirement)
        if match is None:
            raise ValueError(f"a requirement has no lower bound: {requirement!r}")
        found.append(f"{match[1]}=={match[2]}")
    return found


def main() -> None:
    """Print the pins, one a line; arguments are extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    sys.stdout.write("\n".join(pins(project, sys.argv[1:])) + "\n")


if __name__ == "__main__":
    main()
