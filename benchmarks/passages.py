"""Documents for benchmarks: real passages, or made-up ones where the data is not there."""

import gzip
import itertools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

PASSAGES = Path(__file__).resolve().parents[2] / "shared" / "data" / "passages"
QUERIES = ("who invented the telephone", "effects of climate change", "history of linux kernel")


def passages(folder: Path = PASSAGES, dim: int = 0) -> Iterator[dict[str, Any]]:
    """Dicts of id, title, text, source, and a random vector of `dim`; endless, ids never repeat.

    folder: has part-*.jsonl.gz of {"_id", "title", "text", "source"}.
    """
    rng = np.random.default_rng(0)
    files = sorted(folder.glob("part-*.jsonl.gz"))
    for lap in itertools.count():
        source = _stored(files) if files else _made_up(lap)
        for document in source:
            document["id"] = f"{document['id']}/{lap}" if lap else document["id"]
            if dim:
                document["vector"] = rng.standard_normal(dim, dtype=np.float32)
            yield document


def _stored(files: list[Path]) -> Iterator[dict[str, Any]]:
    for file in files:
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in lines:
                read = json.loads(line)
                yield {"id": read.pop("_id"), **read}


def _made_up(seed: int, count: int = 100_000, n_words: int = 200_000) -> Iterator[dict[str, Any]]:
    """Documents of about 80 words drawn by Zipf's law."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        drawn = rng.zipf(1.2, size=85) % n_words
        words = [f"w{word:x}" for word in drawn.tolist()]
        yield {
            "id": f"made-up-{number}",
            "title": " ".join(words[:5]),
            "text": " ".join(words[5:]),
            "source": f"source-{number % 20}",
        }
