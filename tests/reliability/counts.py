"""What a reliability test counted, kept for `docs/reliability.md`."""

import json
import os
import time
from pathlib import Path

FOLDER = "RANK_RETRIEVE_RELIABILITY_REPORT"
"""Names the environment variable that holds the folder of the counts; nothing is kept without."""


def record(name: str, **figures: int | float | str) -> None:
    """Append one line of JSON to `counts.jsonl` in the report folder, whole also beside others."""
    folder = os.environ.get(FOLDER)
    if not folder:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = json.dumps({"name": name, "at": at, **figures}) + "\n"
    # one write to an appending descriptor: lines of several workers never mix
    descriptor = os.open(
        Path(folder) / "counts.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644
    )
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
