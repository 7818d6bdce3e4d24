"""The other cases of letters, by the simple mappings of Unicode: one character for one."""

from __future__ import annotations

import functools
from bisect import bisect_right

from rank_retrieve.codecs.fst._ranges import Ranges, merged

# the last block with cases is Adlam
LAST_CASED = 0x1E95F


@functools.cache
def _cases() -> tuple[tuple[int, tuple[int, ...]], ...]:
    """Each code point that has another case of one character, with those."""
    found: dict[int, set[int]] = {}
    for code_point in range(LAST_CASED + 1):
        character = chr(code_point)
        for other in (character.lower(), character.upper(), character.title()):
            if other != character and len(other) == 1:
                found.setdefault(code_point, set()).add(ord(other))
                # both ways: the long s has a capital, whose small letter is another
                found.setdefault(ord(other), set()).add(code_point)
    return tuple((code_point, tuple(others)) for code_point, others in found.items())


def other_cases(ranges: Ranges) -> Ranges:
    """The ranges with the other cases of every letter in them, merged."""
    added = list(ranges)
    starts = [low for low, _ in ranges]
    for code_point, others in _cases():
        at = bisect_right(starts, code_point) - 1
        if at >= 0 and code_point <= ranges[at][1]:
            added.extend((other, other) for other in others)
    return merged(added)
