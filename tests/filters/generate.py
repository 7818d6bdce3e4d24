"""Random documents and filters over a few paths and values, so that they often meet."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

NOON = datetime(2021, 3, 4, 12, tzinfo=UTC)
SCALARS: list[Any] = [
    None, True, False, 0, 1, 2, -1, 1.0, 1.5, -0.0, 2**53, 2**53 + 1, float(2**53), -(2**63),
    2**63 - 1, float(2**63), 1e300, 5e-324, "", "a", "b", "ab", "é", "\uffff", "\U0001f600", "1",
    b"", b"a", b"\xff", NOON, NOON.astimezone(timezone(timedelta(hours=5))),
    NOON + timedelta(microseconds=1), datetime(1969, 12, 31, tzinfo=UTC),
]  # fmt: skip
COMMON: list[Any] = [1, 2, "a", "b", None, True, 1.5]
KEYS = ["a", "b", "c", "0", "1"]
PATHS = [
    "a", "b", "c", "id", "a.a", "a.b", "a.0", "b.c", "b.1", "a.b.c", "a.0.b", "b.0.0", "a.1.a",
    "c.a.b.c", "none", "c.0.0.a",
]  # fmt: skip
PATTERNS = ["a", "^a", "b$", "^$", "", "[^a]", "a|^b", "^(a|é)b?$", "A", ".", "\\d", "b{2}"]
ORDERED = [value for value in SCALARS if value is not None and not isinstance(value, bool)]


class Generator:
    """A source of documents and filters."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def value(self, depth: int = 0) -> Any:
        pick = self.random
        kind = pick.random()
        if depth < 3 and kind < 0.18:
            return [self.value(depth + 1) for _ in range(pick.randrange(4))]
        if depth < 3 and kind < 0.4:
            return {key: self.value(depth + 1) for key in pick.sample(KEYS, pick.randrange(4))}
        return pick.choice(COMMON if kind < 0.7 else SCALARS)

    def document(self, number: int) -> dict[str, Any]:
        keys = self.random.sample(["a", "b", "c", "d"], self.random.randrange(5))
        return {"id": f"d{number}", **{key: self.value() for key in keys}}

    def documents(self, count: int) -> list[dict[str, Any]]:
        return [self.document(number) for number in range(count)]

    def flat_documents(self, count: int) -> list[dict[str, Any]]:
        """One kind for each key: what real metadata looks like."""
        columns = {key: self.random.choice([COMMON[:2], ["a", "b"], ORDERED]) for key in "abc"}
        return [
            {"id": f"d{number}"}
            | {key: self.random.choice(values) for key, values in columns.items()}
            for number in range(count)
        ]

    def operators(self, depth: int, *, exists: bool = True) -> dict[str, Any]:
        pick = self.random
        values = [self.value(2) for _ in range(pick.randrange(1, 12))]
        known: dict[str, Any] = {
            "$eq": self.value(1),
            "$ne": self.value(1),
            "$gt": pick.choice(ORDERED),
            "$gte": pick.choice(ORDERED),
            "$lt": pick.choice(ORDERED),
            "$lte": pick.choice(ORDERED),
            "$in": values,
            "$nin": values,
            "$all": values[:2],
            "$size": pick.randrange(4),
            "$regex": pick.choice(PATTERNS),
        }
        if exists:
            known["$exists"] = pick.random() < 0.5
        if depth < 3:
            known["$not"] = self.operators(depth + 1, exists=exists)
            known["$elemMatch"] = (
                self.operators(depth + 1, exists=exists)
                if pick.random() < 0.5
                else self.filter(depth + 2)
            )
        names = pick.sample(list(known), pick.choice([1, 1, 1, 2, 3]))
        if "$regex" in names and pick.random() < 0.5:
            known["$options"] = pick.choice(["", "i", "s", "si"])
            names.append("$options")
        return {name: known[name] for name in names}

    def filter(self, depth: int = 0) -> dict[str, Any]:
        pick = self.random
        kind = pick.random()
        if depth < 3 and kind < 0.25:
            name = pick.choice(["$and", "$or", "$nor"])
            return {name: [self.filter(depth + 1) for _ in range(pick.randrange(1, 4))]}
        if depth < 3 and kind < 0.3:
            return {"$not": self.filter(depth + 1)}
        clauses = pick.sample(PATHS, pick.choice([0, 1, 1, 1, 1, 2]))
        return {
            path: self.value(1) if pick.random() < 0.2 else self.operators(depth)
            for path in clauses
        }
