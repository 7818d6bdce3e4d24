"""What a search accepts, as a program that the walking kernels run beside the FST.

Two kinds: a DFA over bytes (`wildcard`, `regex`), and a Levenshtein automaton, which is not
tabulated but simulated: a band of 2 * distance + 1 pattern positions, one bit each, for every
number of errors. That is the nondeterministic automaton of Schulz & Mihov, "Fast string
correction with Levenshtein automata" (IJDAR 2002), run bit-parallel as Wu & Manber, "Fast text
searching allowing errors" (CACM 1992).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rank_retrieve.codecs.fst import _read_kernels as kernels
from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Int32s, Int64s, UInt8s

MAX_DISTANCE = 2


@dataclass(frozen=True, eq=False)
class Automaton:
    """A set of terms, described by `source`; `program` is int32 [n], for the kernels."""

    source: str
    program: Int32s

    def matches(self, term: bytes) -> bool:
        """Whether the automaton accepts this one term."""
        frame = np.empty(kernels.STACK_COLUMNS, dtype=np.int64)
        return bool(kernels.matches(self.program, np.frombuffer(term, dtype=np.uint8), frame))

    def matches_each(self, arena: UInt8s, offsets: Int64s) -> NDArray[np.bool_]:
        """Which of the strings arena[offsets[i]:offsets[i + 1]] are accepted, bool [n].

        offsets: int64 [n + 1], ascending and inside the arena, which the caller has checked.
        """
        if self.program[kernels.KIND] != kernels.IS_DFA:
            ends = pairwise(offsets.tolist())
            return np.array([self.matches(arena[a:b].tobytes()) for a, b in ends], dtype=np.bool_)
        from rank_retrieve.codecs.fst import _match_kernels

        accepted = np.empty(len(offsets) - 1, dtype=np.uint8)
        _match_kernels.match_each(self.program, arena, offsets, accepted)
        return accepted.view(np.bool_)

    def __repr__(self) -> str:
        return f"Automaton({self.source})"


def levenshtein(
    query: str, distance: int, *, transpositions: bool = False, exact_prefix: int = 0
) -> Automaton:
    """Terms within `distance` (0..2) insertions, deletions and substitutions of code points.

    transpositions: exchanging two neighbours counts one (optimal string alignment: the pair is
        not edited again).
    exact_prefix: so many first characters must be equal; it makes the search faster.

    Terms that are not UTF-8 never match.
    """
    if not isinstance(distance, int) or not 0 <= distance <= MAX_DISTANCE:
        raise InvalidArgument("distance", distance, f"must be in 0..{MAX_DISTANCE}")
    if exact_prefix < 0:
        raise InvalidArgument("exact_prefix", exact_prefix, "must not be negative")
    _check_text("query", query)
    program = np.full(kernels.PATTERN + 2 * kernels.PADDING + len(query), -1, dtype=np.int32)
    program[kernels.KIND] = kernels.IS_LEVENSHTEIN
    program[kernels.DISTANCE] = distance
    program[kernels.TRANSPOSITIONS] = transpositions
    program[kernels.EXACT] = min(exact_prefix, len(query))
    program[kernels.LENGTH] = len(query)
    start = kernels.PATTERN + kernels.PADDING
    program[start : start + len(query)] = [ord(character) for character in query]
    return Automaton(f"{query!r} within {distance}", program)


def dfa(source: str, start: int, classes: list[int], table: list[list[int]]) -> Automaton:
    """From a table: row 0 is dead, row = [accepts, next row for class 0, for class 1, ...].

    classes: the class of each of the 256 bytes.
    """
    width = len(table[0])
    program = np.empty(kernels.ROWS + width * len(table), dtype=np.int32)
    rows = np.array(table, dtype=np.int32)
    # the kernel follows places in the program, and 0 there means dead
    alive = rows[:, 1:] > 0
    rows[:, 1:][alive] = kernels.ROWS + rows[:, 1:][alive] * width
    program[kernels.KIND] = kernels.IS_DFA
    program[kernels.START] = kernels.ROWS + start * width
    program[kernels.CLASSES : kernels.ROWS] = classes
    program[kernels.ROWS :] = rows.ravel()
    return Automaton(source, program)


def _check_text(argument: str, text: str) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidArgument(
            argument, text, f"has a lone surrogate at character {error.start}"
        ) from None


EVERYTHING: Automaton = dfa("everything", 1, [0] * 256, [[0, 0], [1, 1]])
