"""The counts of a long run as a table for `docs/reliability.md`.

usage: python -m tests.reliability.report FOLDER

Reads the `counts.jsonl` that `tests.reliability.counts` left there and prints Markdown: a row a
test, numbers added up over its lines, but the slowest and the peak of all, seeds and words listed
once.
"""

import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

LISTED = ("seed", "seeds", "version")
"""Numbers that name something; adding them up would mean nothing."""

LEFT_OUT = ("name", "at", "start")
GREATEST = ("slowest", "peak")
"""What the names of figures begin with that are extremes already."""


def summed(lines: Iterable[Mapping[str, Any]]) -> dict[str, dict[str, str]]:
    """The figures of each test over all its lines, as text."""
    values: dict[str, dict[str, list[Any]]] = {}
    for line in lines:
        figures = values.setdefault(line["name"], {})
        for key, value in line.items():
            if key not in LEFT_OUT:
                figures.setdefault(key, []).append(value)
    return {
        name: {key: _together(key, found) for key, found in figures.items()}
        for name, figures in sorted(values.items())
    }


def _together(key: str, found: list[Any]) -> str:
    if key in LISTED or not all(isinstance(value, int | float) for value in found):
        return ", ".join(map(str, sorted(set(found), key=lambda value: (str(type(value)), value))))
    one = max(found) if key.startswith(GREATEST) else sum(found)
    return f"{one:,}" if isinstance(one, int) else f"{one:,.3g}"


def table(lines: Iterable[Mapping[str, Any]]) -> str:
    """Markdown, a row a test."""
    rows = ["| test | counted |", "|---|---|"]
    for name, figures in summed(lines).items():
        counted = "; ".join(f"{key.replace('_', ' ')} {value}" for key, value in figures.items())
        rows.append(f"| {name} | {counted} |")
    return "\n".join(rows)


if __name__ == "__main__":
    text = (Path(sys.argv[1]) / "counts.jsonl").read_text(encoding="utf-8")
    sys.stdout.write(table(map(json.loads, text.splitlines())) + "\n")
