"""Relevance judgements: query id -> document id -> grade.

    TREC, white space between columns     query 0 document grade
    BEIR, tabs between columns            query-id  corpus-id  score     (a header, then rows)

Grades are whole numbers; above zero means relevant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.evaluation.lines import PathLike, bad_line, checked_id, numbered_lines

Qrels: TypeAlias = Mapping[str, Mapping[str, int]]

# trec_eval allocates memory in proportion to the highest grade
GRADE_LIMIT = 999_999
_GRADE = re.compile(r"[+-]?[0-9]{1,6}", re.ASCII)
_HEADER = ("query-id", "corpus-id", "score")


def read_qrels(path: PathLike) -> dict[str, dict[str, int]]:
    """Judgements from a TREC or BEIR file, told apart by its first line.

    Raises NotFound for a missing file; InvalidArgument with file, line and reason for a line of
    another layout, a grade that is not a whole number, or a pair that has two different grades,
    and for a file without judgements.
    """
    split: Callable[[str], list[str]] | None = None
    qrels: dict[str, dict[str, int]] = {}
    for number, line in numbered_lines(path):
        if split is None:
            split, is_header = _layout(path, number, line)
            if is_header:
                continue
        columns = split(line)
        if len(columns) == 4:
            query, _, document, grade = columns
        elif len(columns) == 3:
            query, document, grade = columns
        else:
            reason = f"has {len(columns)} columns, not those of the first line"
            raise bad_line(path, number, line, reason)
        if not query or not document:
            raise bad_line(path, number, line, "has an empty id")
        if not _GRADE.fullmatch(grade):
            reason = f"has the grade {grade!r}, not a whole number of at most 6 digits"
            raise bad_line(path, number, line, reason)
        grades = qrels.setdefault(query, {})
        if grades.setdefault(document, int(grade)) != int(grade):
            reason = f"judges this pair {grade}, an earlier line {grades[document]}"
            raise bad_line(path, number, line, reason)
    if not qrels:
        raise InvalidArgument("path", str(path), "has no judgements")
    return qrels


def _trec(line: str) -> list[str]:
    columns = line.split()
    # another number would be taken for a BEIR row
    return columns if len(columns) == 4 else columns[:1]


def _beir(line: str) -> list[str]:
    columns = [column.strip() for column in line.split("\t")]
    return columns if len(columns) == 3 else columns[:1]


def _layout(path: PathLike, number: int, line: str) -> tuple[Callable[[str], list[str]], bool]:
    tabbed = _beir(line)
    if len(tabbed) == 3:
        return _beir, not _GRADE.fullmatch(tabbed[2])
    if len(_trec(line)) == 4:
        return _trec, False
    reason = "is neither 4 TREC columns (query 0 document grade) nor 3 BEIR columns with tabs"
    raise bad_line(path, number, line, reason)


def write_qrels(path: PathLike, qrels: Qrels, *, layout: Literal["trec", "beir"] = "trec") -> None:
    """Judgements to a file, in the order of the mapping.

    Raises InvalidArgument, before the file is touched, for ids that a column cannot hold and
    grades that are not whole numbers.
    """
    if layout not in ("trec", "beir"):
        raise InvalidArgument("layout", layout, 'must be "trec" or "beir"')
    lines = ["\t".join(_HEADER)] if layout == "beir" else []
    for query, grades in qrels.items():
        for document, grade in grades.items():
            checked_grade(grade)
            if layout == "trec":
                checked_id("query id", query)
                checked_id("document id", document)
                lines.append(f"{query} 0 {document} {grade}")
            else:
                lines.append(f"{_cell(query)}\t{_cell(document)}\t{grade}")
    Path(path).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def checked_grade(grade: Any) -> int:
    """A whole number of at most 6 digits, or InvalidArgument."""
    if isinstance(grade, bool) or not isinstance(grade, int | np.integer):
        raise InvalidArgument("grade", grade, "must be a whole number")
    if not -GRADE_LIMIT <= grade <= GRADE_LIMIT:
        raise InvalidArgument("grade", int(grade), "must be a whole number of at most 6 digits")
    return int(grade)


def _cell(value: str) -> str:
    if not value or value != value.strip() or re.search(r"[\t\r\n]", value):
        raise InvalidArgument("id", value, "must be without tabs and line ends, and not empty")
    return value
