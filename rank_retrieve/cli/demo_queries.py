"""Questions about the standard library with the names that answer them, written by hand.

    [{"id": "q001", "text": "parse a date from a string",
      "relevant": {"datetime.datetime.strptime": 2, "datetime.date.fromisoformat": 1}}, ...]

Grade 2 answers the question, grade 1 helps. Every name is in Python 3.11, 3.12 and 3.13.
"""

from __future__ import annotations

from importlib import resources

import msgspec


class JudgedQuery(msgspec.Struct, frozen=True):
    """One question; relevant: document id -> grade, 1 or 2."""

    id: str
    text: str
    relevant: dict[str, int]


def load_queries() -> list[JudgedQuery]:
    """The judged questions, in the order of the file."""
    file = resources.files("rank_retrieve.cli").joinpath("demo_queries.json")
    return msgspec.json.decode(file.read_bytes(), type=list[JudgedQuery])
