"""Any flipped byte or truncation of any file: detected or harmless, never a wrong answer."""

import random
from typing import Any

import pytest

import rank_retrieve as rr
from rank_retrieve.persistence import MemoryDirectory

FIELDS: dict[str, Any] = {"text": rr.Text(), "vector": rr.Vector(dim=2)}


@pytest.fixture(scope="module")
def golden() -> dict[str, bytes]:
    """A database with two segments, deletions, and documents in the log."""
    directory = MemoryDirectory()
    db = rr.open(directory)
    documents = db.create_collection("c", fields=FIELDS)
    for start in (0, 10):
        documents.put_many(
            {"id": str(i), "text": f"cat number {i} of many", "vector": [i + 1, 1], "n": i}
            for i in range(start, start + 10)
        )
        documents.flush()
    documents.delete("3")
    documents.flush()
    documents.put({"id": "log", "text": "cat in the log", "vector": [1, 1], "n": 99})
    return {name: data for name, data in directory.files().items() if name != "lock"}


def answers(directory: MemoryDirectory) -> Any:
    with rr.open(directory, mode="r") as db:
        documents = db.get_collection("c")
        return (
            [(h.id, h.score) for h in documents.search("cat number", k=30)],
            [(h.id, h.score) for h in documents.search(vector=[1, 2], k=30)],
            documents.search("cat", where={"n": {"$gte": 5}}, k=30).ids.tolist(),
            [{**d, "vector": d["vector"].tolist()} for d in documents.documents()],
        )


def survives(files: dict[str, bytes], expected: Any, allow_torn_log: bool) -> str:
    """ "detected" or "harmless"; fails on anything else."""
    try:
        found = answers(MemoryDirectory(files))
    except (rr.CorruptionError, rr.FormatVersionError, rr.NotFound):
        return "detected"
    if allow_torn_log and all(hit != "log" for hit, _ in found[0]):
        return "detected"  # the end of the log is cut off, as after a crash
    assert found == expected
    return "harmless"


def test_flipped_bytes_are_detected_or_harmless(golden: dict[str, bytes]) -> None:
    rng = random.Random(3)
    expected = answers(MemoryDirectory(golden))
    outcomes = {"detected": 0, "harmless": 0}
    for name, data in golden.items():
        for place in sorted(rng.sample(range(len(data)), min(len(data), 250))):
            damaged = bytearray(data)
            damaged[place] ^= rng.randrange(1, 256)
            outcome = survives({**golden, name: bytes(damaged)}, expected, name.startswith("wal-"))
            outcomes[outcome] += 1
    assert outcomes["detected"] > 500


def test_truncated_files_are_detected(golden: dict[str, bytes]) -> None:
    rng = random.Random(4)
    expected = answers(MemoryDirectory(golden))
    for name, data in golden.items():
        end = len(data.rstrip(b"\0")) if name.startswith("wal-") else len(data)
        for size in sorted({0, 1, 7, end - 1, *rng.sample(range(end), 25)}):
            outcome = survives({**golden, name: data[:size]}, expected, name.startswith("wal-"))
            assert outcome == "detected", f"{name} cut to {size} of {end} bytes"
