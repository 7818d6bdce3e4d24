"""Test collections in BEIR's layout.

    corpus.jsonl            {"_id": ..., "title": ..., "text": ..., "metadata": {...}}
    queries.jsonl           {"_id": ..., "text": ...}
    qrels/SPLIT.tsv         or qrels.tsv, or qrels.SPLIT.tsv with queries.SPLIT.jsonl

Thakur et al., "BEIR: A Heterogeneous Benchmark for Zero-shot Evaluation of Information Retrieval
Models", NeurIPS 2021 (Datasets and Benchmarks).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from rank_retrieve.errors import InvalidArgument, NotFound
from rank_retrieve.evaluation.lines import PathLike, bad_line, numbered_lines
from rank_retrieve.evaluation.qrels import read_qrels


@dataclass(frozen=True)
class Corpus:
    """The documents of a JSONL file, read anew by each iteration: never all in memory.

    Iterating gives {"id": str, "title": str, "text": str, ...} with whatever else the line has,
    ready for `put_many`. Raises InvalidArgument with file, line and reason for a line that is not
    an object, has no `_id`, or a title or text that is not a string.
    """

    path: Path

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for number, line in numbered_lines(self.path):
            record = _record(self.path, number, line)
            document = {"id": record.pop("_id"), "title": "", "text": ""}
            for name, value in record.items():
                if name in ("title", "text"):
                    if value is None:
                        continue
                    if not isinstance(value, str):
                        raise bad_line(self.path, number, line, f"has a {name} that is no string")
                document[name] = value
            yield document


@dataclass(frozen=True)
class Dataset:
    """A test collection.

    name: the folder's name.
    corpus: the documents; iterate as often as needed.
    queries: query id -> text, in the order of the file.
    qrels: query id -> document id -> grade.
    """

    name: str
    corpus: Corpus
    queries: dict[str, str]
    qrels: dict[str, dict[str, int]]


def load_beir(folder: PathLike, split: str | None = None) -> Dataset:
    """A test collection from a folder in BEIR's layout.

    split: "test", "train", ...; None takes qrels.tsv, or "test", or the only split there is.
    Raises NotFound for a missing file, InvalidArgument for a bad line (with file, line and
    reason) and for a split that is not there or must be chosen.
    """
    root = Path(folder)
    if not root.is_dir():
        raise NotFound("folder", os.fspath(folder))
    qrels = _qrels_path(root, split)
    queries = root / f"queries.{split}.jsonl"
    return Dataset(
        root.resolve().name,
        Corpus(_existing(root / "corpus.jsonl")),
        read_queries(queries if queries.is_file() else root / "queries.jsonl"),
        read_qrels(qrels),
    )


def read_queries(path: PathLike) -> dict[str, str]:
    """Queries of a JSONL file, id -> text.

    Raises NotFound for a missing file, InvalidArgument with file, line and reason for a line that
    is not an object with `_id` and `text`, and for an id that comes twice.
    """
    queries: dict[str, str] = {}
    for number, line in numbered_lines(path):
        record = _record(path, number, line)
        text = record.get("text")
        if not isinstance(text, str):
            raise bad_line(path, number, line, 'needs a "text" that is a string')
        if record["_id"] in queries:
            raise bad_line(path, number, line, f"has the id {record['_id']!r} of an earlier line")
        queries[record["_id"]] = text
    return queries


def _record(path: PathLike, number: int, line: str) -> dict[str, Any]:
    try:
        record = msgspec.json.decode(line)
    except (msgspec.DecodeError, RecursionError) as error:
        raise bad_line(path, number, line, f"is not JSON: {error}") from None
    if not isinstance(record, dict):
        raise bad_line(path, number, line, "is not a JSON object")
    id_ = record.get("_id")
    if not isinstance(id_, str) or not id_:
        raise bad_line(path, number, line, 'needs an "_id" that is a string and not empty')
    return record


def _qrels_path(root: Path, split: str | None) -> Path:
    splits = {path.stem: path for path in sorted(root.glob("qrels/*.tsv"))}
    for path in sorted(root.glob("qrels.*.tsv")):
        splits.setdefault(path.name.removeprefix("qrels.").removesuffix(".tsv"), path)
    if split is not None:
        if split in splits:
            return splits[split]
        remedy = f"the folder has {', '.join(splits) or 'no named splits'}"
        raise InvalidArgument("split", split, "is not there", remedy)
    if (root / "qrels.tsv").is_file():
        return root / "qrels.tsv"
    if "test" in splits:
        return splits["test"]
    if len(splits) == 1:
        return next(iter(splits.values()))
    if splits:
        raise InvalidArgument("split", None, f"must be one of {', '.join(splits)}")
    raise NotFound("file", os.fspath(root / "qrels.tsv"))


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise NotFound("file", os.fspath(path))
    return path
