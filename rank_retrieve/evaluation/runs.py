"""Runs: what a system returned, query id -> document id -> score, and TREC run files.

    query Q0 document rank score tag

Scores decide the order; equal scores keep the order of the mapping, best first.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.evaluation.lines import PathLike, bad_line, checked_id, numbered_lines

Run: TypeAlias = Mapping[str, Mapping[str, float]]


def read_run(path: PathLike) -> dict[str, dict[str, float]]:
    """A run from a TREC file of 6 columns, each query's documents best first.

    Equal scores are ordered by the rank column. Raises NotFound for a missing file;
    InvalidArgument with file, line and reason for another number of columns, a rank or score that
    is not a number, or a document that comes twice for one query.
    """
    rows: dict[str, dict[str, tuple[float, int]]] = {}
    for number, line in numbered_lines(path):
        columns = line.split()
        if len(columns) != 6:
            reason = f"has {len(columns)} columns, not 6 (query Q0 document rank score tag)"
            raise bad_line(path, number, line, reason)
        query, _, document, rank, score, _ = columns
        try:
            row = (-float(score), int(rank))
        except ValueError:
            reason = f"has the rank {rank!r} and the score {score!r}, not numbers"
            raise bad_line(path, number, line, reason) from None
        if not math.isfinite(row[0]):
            raise bad_line(path, number, line, f"has the score {score}, which is not finite")
        if document in rows.setdefault(query, {}):
            raise bad_line(path, number, line, f"ranks {document!r} again for this query")
        rows[query][document] = row
    return {
        query: {
            document: -row[0] for document, row in sorted(found.items(), key=lambda item: item[1])
        }
        for query, found in rows.items()
    }


def write_run(path: PathLike, run: Run, *, tag: str = "rank-retrieve") -> None:
    """A run to a TREC file, ranks from 1, scores with all their digits.

    Raises InvalidArgument, before the file is touched, for ids or a tag with white space and for
    scores that are not finite. A query without hits leaves no line.
    """
    checked_id("tag", tag)
    lines = []
    for query, scores in run.items():
        checked_id("query id", query)
        for rank, (document, score) in enumerate(ranking(scores), 1):
            checked_id("document id", document)
            lines.append(f"{query} Q0 {document} {rank} {score!r} {tag}\n")
    Path(path).write_text("".join(lines), encoding="utf-8")


def ranking(scores: Mapping[str, float]) -> list[tuple[str, float]]:
    """Documents of one query with their scores, best first; InvalidArgument for NaN or infinity."""
    pairs = [(document, float(score)) for document, score in scores.items()]
    for document, score in pairs:
        if not math.isfinite(score):
            raise InvalidArgument("score", score, f"of document {document!r} is not finite")
    return sorted(pairs, key=lambda pair: -pair[1])
