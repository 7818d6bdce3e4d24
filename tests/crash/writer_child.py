"""Puts batches until it is killed; says on stdout what was acknowledged, one line a batch.

usage: python writer_child.py PATH FIRST_BATCH BATCH_DOCS FLUSH_BYTES
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import rank_retrieve as rr
from rank_retrieve.collection.merge_policy import MergePolicy

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa"]


def document(batch: int, number: int) -> dict[str, Any]:
    """The document that this batch puts under this number: its text depends on both."""
    words = [WORDS[(batch * 7 + number * 3 + i) % len(WORDS)] for i in range(8)]
    return {
        "id": f"{batch}-{number}",
        "text": " ".join(words),
        "vector": [float(batch), float(number), 1.0],
        "batch": batch,
    }


def batches(first: int, batch_docs: int) -> Iterator[list[dict[str, Any]]]:
    batch = first
    while True:
        yield [document(batch, number) for number in range(batch_docs)]
        batch += 1


def main(path: Path, first: int, batch_docs: int, flush_bytes: int) -> None:
    db = rr.open(path, flush_bytes=flush_bytes)
    db._compaction.policy = MergePolicy(fanout=3)  # eager, so that kills land in merges too
    if "documents" in db:
        documents = db.get_collection("documents")
    else:
        documents = db.create_collection(
            "documents", fields={"text": rr.Text(), "vector": rr.Vector(dim=3)}
        )
    for number, batch in enumerate(batches(first, batch_docs), start=first):
        documents.put_many(batch, batch_size=batch_docs)
        if number % 5 == 4:
            documents.delete(f"{number - 2}-0")
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
