"""From a pattern's tree to a table over bytes: Thompson's automaton, then sets of its states.

K. Thompson, "Regular expression search algorithm" (CACM 1968); the subset construction is that
of Rabin & Scott (1959). It can grow exponentially, so states and work are capped; matching then
takes one table step a byte, whatever the pattern.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rank_retrieve.codecs.fst._syntax import Chain, Characters, Choice, Repeat, Tree
from rank_retrieve.codecs.fst._utf8 import byte_sequences
from rank_retrieve.errors import InvalidArgument

MAX_STATES = 4096
MAX_NFA_STATES = 20_000
MAX_WORK = 1_000_000

_ACCEPT = 0


@dataclass
class _Nfa:
    """States with edges (low byte, high byte, target) or with free moves, built from the end."""

    pattern: str
    edges: list[list[tuple[int, int, int]]] = field(default_factory=lambda: [[]])
    free: list[list[int]] = field(default_factory=lambda: [[]])

    def add(self) -> int:
        """A new state."""
        if len(self.edges) == MAX_NFA_STATES:
            raise _too_large(self.pattern)
        self.edges.append([])
        self.free.append([])
        return len(self.edges) - 1

    def compile(self, tree: Tree, after: int) -> int:
        """The state from which `tree` leads to `after`."""
        match tree:
            case Characters():
                return self._characters(tree, after)
            case Chain():
                for part in reversed(tree.parts):
                    after = self.compile(part, after)
                return after
            case Choice():
                state = self.add()
                self.free[state] = [self.compile(part, after) for part in tree.parts]
                return state
            case Repeat():
                return self._repeat(tree, after)

    def _repeat(self, tree: Repeat, after: int) -> int:
        if tree.most is None:
            state = self.add()
            self.free[state] = [self.compile(tree.part, state), after]
        else:
            # a(a(a)?)? and not a?a?a?, so that few states are alive at once
            state = after
            for _ in range(tree.most - tree.least):
                outer = self.add()
                self.free[outer] = [self.compile(tree.part, state), after]
                state = outer
        for _ in range(tree.least):
            state = self.compile(tree.part, state)
        return state

    def _characters(self, tree: Characters, after: int) -> int:
        start = self.add()
        suffixes: dict[tuple[int, int, int], int] = {}
        for low, high in tree.ranges:
            for sequence in byte_sequences(low, high):
                state = after
                for byte_range in reversed(sequence[1:]):
                    key = (*byte_range, state)
                    if key not in suffixes:
                        suffixes[key] = self.add()
                        self.edges[suffixes[key]].append(key)
                    state = suffixes[key]
                self.edges[start].append((*sequence[0], state))
        return start

    def reach(self, states: list[int]) -> list[int]:
        """The states that free moves lead to, without those that have free moves only."""
        seen = set(states)
        stack = list(seen)
        while stack:
            for target in self.free[stack.pop()]:
                if target not in seen:
                    seen.add(target)
                    stack.append(target)
        return [state for state in seen if self.edges[state] or state == _ACCEPT]


def determinize(pattern: str, tree: Tree) -> tuple[int, list[int], list[list[int]]]:
    """Start row, class of each byte, and rows [accepts, next row by class]; row 0 is dead.

    InvalidArgument when that needs more than 4,096 rows, or more work than a second's.
    """
    nfa = _Nfa(pattern)
    first = nfa.compile(tree, _ACCEPT)
    classes = _byte_classes(nfa)
    width = classes[255] + 1
    reach: dict[int, list[int]] = {}
    rows: list[list[int]] = [[0] * (1 + width)]
    numbers: dict[frozenset[int], int] = {frozenset(): 0}
    waiting: list[frozenset[int]] = []
    work = 0

    def number(states: frozenset[int]) -> int:
        if states not in numbers:
            if len(rows) > MAX_STATES:
                raise _too_large(pattern)
            numbers[states] = len(rows)
            rows.append([int(_ACCEPT in states)] + [0] * width)
            waiting.append(states)
        return numbers[states]

    start = number(frozenset(nfa.reach([first])))
    while waiting:
        states = waiting.pop()
        targets: list[set[int]] = [set() for _ in range(width)]
        for state in states:
            for low, high, target in nfa.edges[state]:
                if target not in reach:
                    reach[target] = nfa.reach([target])
                    work += len(reach[target])
                reached = reach[target]
                for byte_class in range(classes[low], classes[high] + 1):
                    targets[byte_class].update(reached)
                    work += 1 + len(reached)
        work += width
        if work > MAX_WORK:
            raise _too_large(pattern)
        row = rows[numbers[states]]
        row[1:] = [number(frozenset(target)) for target in targets]
    _cut_dead_ends(rows)
    return start, classes, rows


def _byte_classes(nfa: _Nfa) -> list[int]:
    """Numbers for the bytes, ascending; bytes that no edge tells apart share one."""
    starts = {0}
    for edges in nfa.edges:
        for low, high, _ in edges:
            starts.update((low, high + 1))
    classes: list[int] = []
    current = -1
    for byte in range(256):
        current += byte in starts
        classes.append(current)
    return classes


def _cut_dead_ends(rows: list[list[int]]) -> None:
    """Send every step to a row that accepts nothing any more to row 0, where the walk stops."""
    sources: list[list[int]] = [[] for _ in rows]
    for source, row in enumerate(rows):
        for target in set(row[1:]):
            sources[target].append(source)
    alive = {row for row in range(len(rows)) if rows[row][0]}
    stack = list(alive)
    while stack:
        for source in sources[stack.pop()]:
            if source not in alive:
                alive.add(source)
                stack.append(source)
    for row in rows:
        row[1:] = [target if target in alive else 0 for target in row[1:]]


def _too_large(pattern: str) -> InvalidArgument:
    return InvalidArgument(
        "pattern",
        pattern,
        f"needs an automaton of more than {MAX_STATES} states, or too long to build",
        "shorten its repetitions, or begin it with letters instead of wildcards",
    )
