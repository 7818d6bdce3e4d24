"""What is wrong with a database, and what can be done about it. Changes nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

from rank_retrieve.collection.database import Database
from rank_retrieve.collection.start import open as open_database
from rank_retrieve.errors import (
    CorruptionError,
    FormatVersionError,
    InvalidArgument,
    RankRetrieveError,
)
from rank_retrieve.persistence import Directory, FSDirectory
from rank_retrieve.persistence.checkpoints import CheckpointInfo, list_checkpoints
from rank_retrieve.persistence.reading import recover_beside_writer
from rank_retrieve.persistence.recovery_report import RecoveryReport


@dataclass
class Diagnosis:
    """report: the steps of an opening for reading, as far as they went. problems: damage found.

    notes: what is unusual and does no harm, such as a torn end of the log. advice: what can be
    done, best first. checkpoints: what there is to go back to.
    """

    path: str
    report: RecoveryReport
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    checkpoints: list[CheckpointInfo] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether the database opens and every byte is what was written."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """As plain values, ready for JSON."""
        return {
            "path": self.path,
            "ok": self.ok,
            "problems": list(self.problems),
            "notes": list(self.notes),
            "advice": list(self.advice),
            "checkpoints": [checkpoint.name for checkpoint in self.checkpoints],
            "recovery": self.report.to_dict(),
        }

    def __str__(self) -> str:
        lines = [str(self.report)]
        lines += [f"damaged: {problem}" for problem in self.problems]
        lines += [f"note: {note}" for note in self.notes]
        lines += [f"what can be done: {advice}" for advice in self.advice]
        if self.ok:
            lines.append("every byte is what was written")
        return "\n".join(lines)


def diagnose(path: str | os.PathLike[str] | Directory) -> Diagnosis:
    """Open a database as a reader would, read all of it, and say what was found.

    Raises NotFound where there is no trace of a database.
    """
    directory = path if isinstance(path, Directory) else FSDirectory(path, read_only=True)
    report = RecoveryReport()
    result = Diagnosis(directory.path, report)
    try:
        recover_beside_writer(directory, report=report)
        with open_database(directory, mode="r") as database:
            _examine(database, result)
    except FormatVersionError as error:
        result.problems.append(str(error))
        result.advice.append("open it with the version of rank-retrieve that wrote it")
    except CorruptionError as error:
        result.problems.append(_fact(error))
    except InvalidArgument as error:  # of what is stored: nothing was passed that could be wrong
        result.problems.append(str(error))
    _checkpoints(directory, result)
    if result.problems:
        result.advice += [
            f"go back to checkpoint {info.name!r}: `rank-retrieve restore"
            f" {directory.path}/checkpoints/{info.name} TARGET`"
            for info in reversed(result.checkpoints)
        ]
        result.advice.append(
            f"save what is readable into a new directory: `rank-retrieve repair"
            f" {directory.path} TARGET`"
        )
    return result


def _examine(database: Database, result: Diagnosis) -> None:
    result.report = database.report
    result.notes += database.report.findings
    result.notes += [
        f"{reader}: it keeps deleted files from being freed until it is refreshed or closed"
        for reader in database.readers()
        if reader.stale
    ]
    result.problems += [
        problem.split(". Restore from a checkpoint")[0] for problem in database.verify().problems
    ]


def _checkpoints(directory: Directory, result: Diagnosis) -> None:
    if not isinstance(directory, FSDirectory):
        return
    try:
        result.checkpoints = list_checkpoints(directory)
    except RankRetrieveError as error:
        result.notes.append(f"checkpoints cannot be listed: {error}")


def _fact(error: CorruptionError) -> str:
    return f"{error.file} at byte {error.offset}: expected {error.expected}, got {error.got}"
