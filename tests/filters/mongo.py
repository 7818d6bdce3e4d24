"""Documents and filters of which MongoDB, as mongomock has it, and we say the same.

    path                 holds                     here and there the same but for
    s, o.s, r.s, r.1.s   a scalar, perhaps null    null operands: we do not take missing for null
    f                    a bool                    bools beside numbers: there 1 is True
    t, o.t               an array of scalars
    o, r                 a dict; an array of dicts

Left out are questions that mongomock answers in other ways than MongoDB does: `$size` and `$all`
of what is no array; `$exists: false`, `$not`, and several operators at once, of a path that goes
through an array, where it asks each element on its own.
"""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

SCALARS: list[Any] = [
    0, 1, 2, -1, 1.5, 2.0, 2**40, "", "a", "b", "ab", "é", "1", b"a", b"b",
    datetime(2021, 1, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC),
]  # fmt: skip
PATTERNS = ["a", "^a", "b$", "^$", "[^a]", "^(a|é)b?$", "A", ".", "\\d", "b{2}"]
SCALAR_PATHS = ["s", "o.s", "r.s", "r.1.s"]
ARRAY_PATHS = ["t", "o.t"]
THROUGH_ARRAYS = {"r.s", "r.1.s"}


class MongoGenerator:
    """A source of documents and filters."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def scalar(self) -> Any:
        return self.random.choice(SCALARS)

    def maybe(self, name: str, value: Any) -> dict[str, Any]:
        return {name: value} if self.random.random() < 0.7 else {}

    def array(self) -> list[Any]:
        return [self.scalar() for _ in range(self.random.randrange(4))]

    def stored(self) -> Any:
        return None if self.random.random() < 0.1 else self.scalar()

    def document(self) -> dict[str, Any]:
        inner = self.maybe("s", self.stored()) | self.maybe("t", self.array())
        dicts = [self.maybe("s", self.stored()) for _ in range(self.random.randrange(1, 4))]
        return (
            self.maybe("s", self.stored())
            | self.maybe("f", self.random.random() < 0.5)
            | self.maybe("t", self.array())
            | self.maybe("o", inner)
            | self.maybe("r", dicts)
        )

    def operators(self, path: str, depth: int = 0) -> dict[str, Any]:
        pick = self.random
        some = [self.scalar() for _ in range(pick.randrange(1, 5))]
        known: dict[str, Any] = {
            "$eq": self.scalar(), "$ne": self.scalar(), "$gt": self.scalar(),
            "$gte": self.scalar(), "$lt": self.scalar(), "$lte": self.scalar(),
            "$in": some, "$nin": some, "$regex": pick.choice(PATTERNS),
            "$exists": path in THROUGH_ARRAYS or pick.random() < 0.5,
        }  # fmt: skip
        if path in ARRAY_PATHS:
            known |= {"$size": pick.randrange(4), "$all": some[:2], "$eq": self.array()}
            known["$elemMatch"] = self.operators("", 2)
        if depth < 2 and path not in THROUGH_ARRAYS:
            known["$not"] = self.operators(path, depth + 1)
        if path == "":
            del known["$exists"]
        several = 1 if path in THROUGH_ARRAYS else pick.choice([1, 1, 1, 2])
        return {name: known[name] for name in pick.sample(list(known), several)}

    def clause(self) -> dict[str, Any]:
        pick = self.random
        kind = pick.random()
        if kind < 0.1:
            return {"f": pick.choice([True, False, {"$ne": True}, {"$in": [True, False]}])}
        if kind < 0.2:
            return {"r": {"$elemMatch": {"s": self.operators("s", 2)}}}
        if kind < 0.25:
            return {"o": {"s": self.scalar()}}
        path = pick.choice([*SCALAR_PATHS, *ARRAY_PATHS, "none"])
        return {path: self.scalar() if pick.random() < 0.2 else self.operators(path)}

    def filter(self, depth: int = 0) -> dict[str, Any]:
        pick = self.random
        if depth < 2 and pick.random() < 0.3:
            parts = [self.filter(depth + 1) for _ in range(pick.randrange(1, 4))]
            return {pick.choice(["$and", "$or", "$nor"]): parts}
        return self.clause() | (self.clause() if pick.random() < 0.3 else {})
