"""Hostile bytes from good ones: everything follows from the random generator that is given."""

import random
import struct
from collections.abc import Sequence

EXTREMES = (0, 1, 2, 7, 63, 64, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1,
            2**40, 2**62, 2**63 - 1, 2**63, 2**64 - 1)  # fmt: skip
BYTES = (0, 1, 0x7F, 0x80, 0xC0, 0xFE, 0xFF)
WIDTHS = {1: "<B", 2: "<H", 4: "<I", 8: "<Q"}


def mutated(rng: random.Random, good: bytes, others: Sequence[bytes] = (), most: int = 3) -> bytes:
    """One to `most` changes. others: what slices may be spliced in from."""
    data = bytearray(good)
    for _ in range(rng.randint(1, most)):
        _CHANGES[rng.randrange(len(_CHANGES))](rng, data, others)
    return bytes(data)


def _flip(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _set(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] = rng.choice(BYTES)


def _random(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        place = rng.randrange(len(data))
        size = min(rng.randint(1, 8), len(data) - place)
        data[place : place + size] = rng.randbytes(size)


def _number(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    """A length or offset that lies: an extreme, or what was there and a little more or less."""
    width = rng.choice((1, 2, 4, 4, 8, 8))
    if len(data) < width:
        return
    place = rng.randrange(len(data) - width + 1)
    if rng.random() < 0.7:
        place -= place % width
    limit = 1 << 8 * width
    if rng.random() < 0.5:
        value = rng.choice(EXTREMES) % limit
    else:
        (value,) = struct.unpack_from(WIDTHS[width], data, place)
        value = (value + rng.choice((-9, -8, -2, -1, 1, 2, 8, 64, 1000))) % limit
    struct.pack_into(WIDTHS[width], data, place, value)


def _cut(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    del data[rng.randrange(len(data) + 1) :]


def _remove(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    place = rng.randrange(len(data) + 1)
    del data[place : place + rng.choice((1, 2, 4, 8, 16, 64))]


def _double(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    place = rng.randrange(len(data) + 1)
    data[place:place] = data[place : place + rng.choice((1, 4, 8, 16, 64))]


def _move(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    size = rng.choice((4, 8, 16, 32))
    if len(data) > 2 * size:
        one, two = sorted(rng.sample(range(len(data) - size + 1), 2))
        first = data[one : one + size]
        data[one : one + size] = data[two : two + size]
        data[two : two + size] = first


def _splice(rng: random.Random, data: bytearray, others: Sequence[bytes]) -> None:
    if others and (other := rng.choice(others)):
        start = rng.randrange(len(other))
        piece = other[start : start + rng.choice((4, 8, 16, 64))]
        place = rng.randrange(len(data) + 1)
        data[place : place + len(piece) * rng.randrange(2)] = piece


def _fill(rng: random.Random, data: bytearray, _: Sequence[bytes]) -> None:
    place = rng.randrange(len(data) + 1)
    size = min(rng.choice((4, 8, 64)), len(data) - place)
    data[place : place + size] = bytes([rng.choice(BYTES)]) * size


_CHANGES = (_flip, _flip, _set, _random, _number, _number, _number, _cut, _remove, _double, _move,
            _splice, _fill)  # fmt: skip


def printable(value: object, most: int = 400) -> str:
    """An input for a message."""
    text = value.hex() if isinstance(value, bytes) else repr(value)
    return text if len(text) <= most else f"{text[:most]}... ({len(text)})"
