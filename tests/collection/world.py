"""A collection after random puts, updates, deletes, flushes and merges, beside plain documents."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import rank_retrieve as rr

NOON = datetime(2024, 5, 6, 12, tzinfo=UTC)
WORDS = ["cat", "dog", "bird", "fish", "tree"]
KINDS: dict[str, list[Any]] = {
    "year": [1999, 2005, 2020, 2021],
    "price": [1, 2.5, 2, 1.0, -3, 1e300, 2**53 + 1],
    "name": ["a", "b", "é", "", "ab"],
    "at": [NOON, NOON + timedelta(microseconds=1), NOON - timedelta(days=900)],
    "open": [True, False],
    "raw": [b"", b"\xff", b"a"],
    "mixed": [None, True, 1, 1.5, "1", b"1", NOON, [], {}, [3, "x", [9]], {"in": 1}],
    "tags": [[], ["x"], ["x", "y", "x"], ["z", "y"], "x", [2, 2.0]],
}
PATHS = [*KINDS, "in.depth", "mixed.in", "tags.0", "nowhere", "id"]


class World:
    """collection: ours. live: its documents as plain dicts, in order of insertion."""

    def __init__(self, seed: int, *, steps: int = 60, **fields: rr.Text | rr.Vector) -> None:
        self.random = random.Random(seed)
        self.database = rr.open(":memory:", compaction="manual")
        self.collection = self.database.create_collection(
            "world", fields=fields or {"text": rr.Text()}
        )
        self._plain: dict[str, dict[str, Any]] = {}
        for _ in range(steps):
            self.step()

    @property
    def live(self) -> list[dict[str, Any]]:
        return list(self._plain.values())

    def document(self) -> dict[str, Any]:
        pick = self.random
        chosen = pick.sample(list(KINDS), pick.randrange(len(KINDS)))
        document = {name: pick.choice(KINDS[name]) for name in chosen}
        if pick.random() < 0.5:
            document["in"] = {"depth": pick.choice([1, 2, "deep", [3, 1]]), "other": 0}
        text = " ".join(pick.choices(WORDS, k=pick.randrange(6)))
        return {"id": f"d{pick.randrange(40)}", "text": text, **document}

    def step(self) -> None:
        kind = self.random.random()
        if kind < 0.08:
            self.collection.flush()
        elif kind < 0.11:
            self.collection.compact()
        elif kind < 0.2 and self._plain:
            gone = self.random.choice(list(self._plain))
            self.collection.delete(gone)
            del self._plain[gone]
        elif kind < 0.25:
            self.collection.count({"year": 2020})  # seals the memtable
        else:
            document = self.document()
            self.collection.put(document)
            self._plain.pop(document["id"], None)
            self._plain[document["id"]] = document
