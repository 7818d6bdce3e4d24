"""Hostile filters and texts."""

import datetime
import random
from typing import Any

OPERATORS = (
    *("$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$exists", "$not"),
    *("$and", "$or", "$nor", "$regex", "$", "", "$EQ"),
)
PATHS = (
    *("n", "x", "kind", "tags", "author", "author.name", "author.ok", "raw", "none", "id"),
    *("nothing", "a.b.c", ".", "a..b", "", "$n", "text", "ä", "\ud800", "a" * 300),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 3, 2**31, 2**53 + 1, 2**63 - 1, 2**63, -(2**63), 2**64),
    *(10**30, 0.0, -0.0, 1.5, float("nan"), float("inf"), float("-inf")),
    *("", "a", "name 1", "\ud800", "x" * 1000, b"", b"\1", b"\xff" * 40),
    datetime.datetime(2020, 1, 1),
    datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC),
    datetime.date(2020, 1, 1),
    *([], {}, [1, "a"], ["p", "q"], {"a": 1}, {"name": "name 1", "ok": True}, (1, 2), {1, 2}),
    *(
        "(a+)+$",
        "(a|aa)*b",
        "[z-a]",
        "[^",
        "a{9}{9}{9}",
        "(" * 60,
        "\\",
        "(?i)NAME",
        ".*1|^$",
        "a**",
    ),
    *(object, 1j, range(3), [[[]]], {"$gt": 1}, {1: 2}, [float("nan")], {"": ""}),
)

RANGES = (
    *((0x20, 0x7F), (0x20, 0x7F), (0x00, 0x20), (0xA0, 0x250), (0x300, 0x370), (0x590, 0x700)),
    *((0x900, 0xE00), (0x1100, 0x1200), (0x2000, 0x2070), (0x3040, 0x3100), (0x4E00, 0xA000)),
    *((0xAC00, 0xD7A4), (0xD800, 0xE000), (0xFB00, 0xFB10), (0xFE00, 0xFE10)),
    *((0x1F300, 0x1F650), (0x20000, 0x20100), (0xE0100, 0xE0110), (0x10FF00, 0x110000)),
)
PIECES = (
    *("the", "cat", " ", "'s", "’", "-", "\0", "1e9", "東京", "ﬁ", "İ", "ß", "a\u0301"),
    *("\u200d", "don't", "ing", "\r\n", "\ufeff", "١٢", "x" * 200),
)


def hostile_value(rng: random.Random) -> Any:
    """One that filters may or may not take."""
    chance = rng.random()
    if chance < 0.75:
        return rng.choice(VALUES)
    if chance < 0.85:
        return rng.randint(-3, 30)
    if chance < 0.95:
        return [rng.choice(VALUES) for _ in range(rng.randrange(4))]
    return hostile_filter(rng, 3)


def hostile_filter(rng: random.Random, depth: int = 0) -> Any:
    """A dict that may be a filter; now and then something else, or one that is very deep."""
    chance = rng.random()
    if depth == 0 and chance < 0.02:
        return rng.choice(VALUES)
    if depth == 0 and chance < 0.03:
        found: Any = {"n": 1}
        for _ in range(rng.choice((5, 100, 2_000))):
            found = {"$and": [found]} if rng.random() < 0.5 else {"$not": found}
        return found
    if rng.random() < 0.1:
        return {rng.choice(PATHS): {"$regex": hostile_regex(rng)}}
    found = {}
    for _ in range(rng.choice((0, 1, 1, 1, 2, 3))):
        if rng.random() < 0.3 and depth < 4:
            inner = [hostile_filter(rng, depth + 1) for _ in range(rng.randrange(4))]
            found[rng.choice(("$and", "$or", "$not"))] = (
                inner if rng.random() < 0.8 else hostile_filter(rng, depth + 1)
            )
            continue
        path = rng.choice(PATHS) if rng.random() < 0.97 else rng.choice(VALUES[:30])
        if rng.random() < 0.4:
            found[path] = hostile_value(rng)
            continue
        found[path] = {
            rng.choice(OPERATORS): hostile_value(rng) for _ in range(rng.choice((1, 1, 1, 2, 3)))
        }
    return found


def hostile_regex(rng: random.Random) -> str:
    """Pieces of patterns in any order."""
    pieces = ("a", "name", "[a-z]", "[^", "]", "(", ")", "|", "*", "+", "?", "{2}", "{1,900}", "{",
              "}", "\\d", "\\", "^", "$", ".", "ä", "(?i)", "\\b", "\\1", "(?=a)")  # fmt: skip
    return "".join(rng.choice(pieces) for _ in range(rng.randrange(12)))


def hostile_text(rng: random.Random) -> Any:
    """A query; now and then something that is no text."""
    chance = rng.random()
    if chance < 0.01:
        return rng.choice(VALUES)
    if chance < 0.4:
        return "".join(rng.choice(PIECES) for _ in range(rng.randrange(8)))
    start, stop = rng.choice(RANGES)
    text = "".join(chr(rng.randrange(start, stop)) for _ in range(rng.randrange(20)))
    if chance < 0.7:
        return text
    if chance < 0.72:
        return text * rng.choice((100, 1000))
    start, stop = rng.choice(RANGES)
    return text + rng.choice(PIECES) + chr(rng.randrange(start, stop))
