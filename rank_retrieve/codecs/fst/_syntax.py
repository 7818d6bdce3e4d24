"""Regular expressions and wildcards as trees.

    pattern   := sequence ("|" sequence)*
    sequence  := (atom ("*" | "+" | "?" | "{m}" | "{m,}" | "{,n}" | "{m,n}")?)*
    atom      := "." | "(" pattern ")" | "(?:" pattern ")" | "[" "^"? items "]" | escape | character

Everything in it is regular in the strict sense: no back-references, no lookaround. A pattern
that is sought anywhere in a text, and only such a one, may have anchors: "^" before and "$"
behind each of its outermost alternatives. Every error points at the character, counted from 0.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from rank_retrieve.codecs.fst._cases import other_cases
from rank_retrieve.codecs.fst._ranges import Ranges, merged
from rank_retrieve.errors import InvalidArgument

MAX_PATTERN_CHARACTERS = 1000
MAX_REPEAT = 1000
MAX_DEPTH = 50

LAST_CODE_POINT = 0x10FFFF
# the code points that UTF-8 can carry
ALL_CHARACTERS: Ranges = ((0, 0xD7FF), (0xE000, LAST_CODE_POINT))

_CLASSES: dict[str, Ranges] = {
    "d": ((48, 57),),
    "w": ((48, 57), (65, 90), (95, 95), (97, 122)),
    "s": ((9, 13), (32, 32)),
}
_CONTROLS = {"n": 10, "t": 9, "r": 13, "f": 12, "v": 11, "a": 7}
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}
_REPEATS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}


@dataclass(frozen=True)
class Characters:
    """One character out of these ranges of code points, both ends included, ascending."""

    ranges: Ranges


@dataclass(frozen=True)
class Chain:
    """The parts one after the other."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Choice:
    """One of the parts."""

    parts: tuple[Tree, ...]


@dataclass(frozen=True)
class Repeat:
    """`least` to `most` times the part; None is any number."""

    part: Tree
    least: int
    most: int | None


Tree: TypeAlias = Characters | Chain | Choice | Repeat

ANY = Characters(ALL_CHARACTERS)
ANY_IN_LINE = Characters(((0, 9), (11, 0xD7FF), ALL_CHARACTERS[1]))
ANYTHING = Repeat(ANY, 0, None)


def parse_wildcard(pattern: str) -> Tree:
    """`*` is any run of characters, `?` any one, a backslash takes the next one as it is."""
    _check_length(pattern)
    parts: list[Tree] = []
    position = 0
    while position < len(pattern):
        character = pattern[position]
        if character == "*":
            parts.append(Repeat(ANY, 0, None))
        elif character == "?":
            parts.append(ANY)
        else:
            if character == "\\":
                position += 1
                if position == len(pattern):
                    raise _error(pattern, position - 1, "a backslash with nothing behind it")
            parts.append(_literal(pattern, position))
        position += 1
    return Chain(tuple(parts))


@dataclass(frozen=True)
class Reading:
    """How a regular expression is to be read.

    anywhere: it is sought in a text, which it otherwise must match whole; allows anchors.
    ignore_case: a letter stands for its lower, upper and title case.
    dot_all: a dot is also a line feed.
    """

    anywhere: bool = False
    ignore_case: bool = False
    dot_all: bool = True


def parse_regex(pattern: str, reading: Reading) -> Tree:
    """The tree of a regular expression; InvalidArgument points at what is wrong."""
    _check_length(pattern)
    parser = _Parser(pattern, reading)
    tree = parser.choice(0)
    if parser.at < len(pattern):
        raise parser.error("an unopened )")
    return tree


class _Parser:
    """Recursive descent; `at` is the next character."""

    def __init__(self, pattern: str, reading: Reading) -> None:
        self.pattern, self.at, self.reading = pattern, 0, reading

    def error(self, what: str, at: int | None = None, remedy: str = "") -> InvalidArgument:
        """For the character at `at`, by default the next one."""
        return _error(self.pattern, self.at if at is None else at, what, remedy)

    def peek(self) -> str:
        """The next character, empty at the end."""
        return self.pattern[self.at : self.at + 1]

    def take(self, text: str) -> bool:
        """Whether `text` comes next; if so, it is passed."""
        found = self.pattern.startswith(text, self.at)
        self.at += len(text) if found else 0
        return found

    def choice(self, depth: int) -> Tree:
        """Alternatives up to ")" or the end."""
        if depth > MAX_DEPTH:
            raise self.error(f"groups nested more than {MAX_DEPTH} deep")
        parts = [self.chain(depth)]
        while self.take("|"):
            parts.append(self.chain(depth))
        return parts[0] if len(parts) == 1 else Choice(tuple(parts))

    def chain(self, depth: int) -> Tree:
        """Atoms with their repetitions, and at the outermost level with anchors."""
        sought = self.reading.anywhere and depth == 0
        parts: list[Tree] = []
        if sought and not self.take("^"):
            parts.append(ANYTHING)
        ended = False
        while not ended and self.peek() not in ("", "|", ")"):
            if sought and self.peek() == "$" and self.pattern[self.at + 1 : self.at + 2] in "|":
                ended = self.take("$")
                continue
            atom = self.atom(depth)
            repeat = self.repeat()
            parts.append(atom if repeat is None else Repeat(atom, *repeat))
        if sought and not ended:
            parts.append(ANYTHING)
        return parts[0] if len(parts) == 1 else Chain(tuple(parts))

    def repeat(self) -> tuple[int, int | None] | None:
        """The repetition behind an atom."""
        start = self.at
        if self.peek() in _REPEATS and self.peek():
            found = _REPEATS[self.peek()]
            self.at += 1
        elif self.take("{"):
            found = self.counts(start)
        else:
            return None
        if self.peek() in ("*", "+", "?", "{"):
            raise self.error(
                "a repetition of a repetition",
                remedy="put a group between them; terms match whole, so lazy and greedy are one",
            )
        return found

    def counts(self, start: int) -> tuple[int, int | None]:
        """The inside of {m}, {m,}, {,n} or {m,n}."""
        end = self.pattern.find("}", self.at)
        inside = self.pattern[self.at : end] if end >= 0 else ""
        low, comma, high = inside.partition(",")
        numbers = [number for number in (low, high) if number]
        if not numbers or not all(n.isascii() and n.isdigit() for n in numbers):
            raise self.error(
                "{ without a count like {2}, {2,} or {2,3}", start, "write \\{ for a brace"
            )
        if any(len(number) > 4 or int(number) > MAX_REPEAT for number in numbers):
            raise self.error(f"a count above {MAX_REPEAT}", start)
        least = int(low or 0)
        most = (int(high) if high else None) if comma else least
        if most is not None and most < least:
            raise self.error("a count whose ends are exchanged", start)
        self.at = end + 1
        return least, most

    def atom(self, depth: int) -> Tree:
        """One character, class or group."""
        start = self.at
        character = self.peek()
        if character in ("*", "+", "?", "{"):
            raise self.error("nothing to repeat")
        if character in ("^", "$"):
            where = (
                "anchors stand around the outermost alternatives"
                if self.reading.anywhere
                else "drop it: terms match whole"
            )
            raise self.error("an anchor", remedy=f"{where}; write \\{character} for itself")
        if self.take("("):
            if self.take("?") and not self.take(":"):
                raise self.error("only (?: ) groups are known", start, "no lookaround, no flags")
            tree = self.choice(depth + 1)
            if not self.take(")"):
                raise self.error("an unclosed (", start)
            return tree
        if self.take("["):
            return self.char_class(start)
        if self.take("\\"):
            return Characters(self.in_any_case(self.escape(start)))
        if self.take("."):
            return ANY if self.reading.dot_all else ANY_IN_LINE
        self.at += 1
        return Characters(self.in_any_case(_literal(self.pattern, start).ranges))

    def in_any_case(self, ranges: Ranges) -> Ranges:
        """With the other cases of its letters, where case is to be ignored."""
        return other_cases(ranges) if self.reading.ignore_case else ranges

    def char_class(self, start: int) -> Characters:
        """The inside of [...]; a ] in the first place is itself."""
        negated = self.take("^")
        ranges: list[tuple[int, int]] = []
        first = True
        while first or self.peek() != "]":
            if not self.peek():
                raise self.error("an unclosed [", start)
            first = False
            item = self.at
            low = self.class_item()
            if self.peek() != "-" or self.pattern[self.at + 1 : self.at + 2] in ("", "]"):
                ranges.extend(low)
                continue
            self.at += 1
            high = self.class_item()
            single = len(low) == len(high) == 1 and low[0][0] == low[0][1]
            if not single or high[0][0] != high[0][1]:
                raise self.error("a range whose end is a class", item)
            if high[0][0] < low[0][0]:
                raise self.error("a range whose ends are exchanged", item)
            ranges.append((low[0][0], high[0][0]))
        self.at += 1
        items = self.in_any_case(merged(ranges))
        return Characters(_complement(items) if negated else _carried(items))

    def class_item(self) -> Ranges:
        """A character or an escape inside [...]."""
        start = self.at
        if self.take("\\"):
            return self.escape(start)
        self.at += 1
        return _literal(self.pattern, start).ranges

    def escape(self, start: int) -> Ranges:
        """What stands behind a backslash."""
        character = self.peek()
        if not character:
            raise self.error("a backslash with nothing behind it", start)
        self.at += 1
        if character in _CLASSES:
            return _CLASSES[character]
        if character.lower() in _CLASSES:
            return _complement(_CLASSES[character.lower()])
        if character in _CONTROLS:
            return ((_CONTROLS[character],) * 2,)
        if character in _HEX_DIGITS:
            digits = self.pattern[self.at : self.at + _HEX_DIGITS[character]]
            sound = len(digits) == _HEX_DIGITS[character] and all(
                digit in "0123456789abcdefABCDEF" for digit in digits
            )
            if not sound or not _is_carried(int(digits, 16)):
                raise self.error(f"\\{character} without the digits of a character", start)
            self.at += len(digits)
            return ((int(digits, 16),) * 2,)
        if character.isascii() and character.isalnum():
            raise self.error(
                f"\\{character} is unknown", start, "back-references and anchors are not regular"
            )
        return _literal(self.pattern, start + 1).ranges


def _literal(pattern: str, position: int) -> Characters:
    code_point = ord(pattern[position])
    if not _is_carried(code_point):
        raise _error(pattern, position, "a lone surrogate")
    return Characters(((code_point, code_point),))


def _is_carried(code_point: int) -> bool:
    return any(low <= code_point <= high for low, high in ALL_CHARACTERS)


def _complement(ranges: Ranges) -> Ranges:
    gaps: list[tuple[int, int]] = []
    after = 0
    for low, high in ranges:
        if low > after:
            gaps.append((after, low - 1))
        after = high + 1
    if after <= LAST_CODE_POINT:
        gaps.append((after, LAST_CODE_POINT))
    return _carried(tuple(gaps))


def _carried(ranges: Ranges) -> Ranges:
    """Without the surrogates."""
    return tuple(
        (max(low, first), min(high, last))
        for low, high in ranges
        for first, last in ALL_CHARACTERS
        if max(low, first) <= min(high, last)
    )


def _check_length(pattern: str) -> None:
    if len(pattern) > MAX_PATTERN_CHARACTERS:
        raise InvalidArgument(
            "pattern", pattern, f"has more than {MAX_PATTERN_CHARACTERS} characters"
        )


def _error(pattern: str, position: int, what: str, remedy: str = "") -> InvalidArgument:
    return InvalidArgument("pattern", pattern, f"{what}, at character {position}", remedy)
