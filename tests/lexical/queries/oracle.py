"""Query trees by brute force: every document looked at, every rule written down once more."""

from __future__ import annotations

import heapq
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import translate
from itertools import product

import rank_retrieve as rr
from rank_retrieve.lexical.queries.minimum import clauses_needed

# a document: the words of each field, already as terms
Document = Mapping[str, Sequence[str]]


class Group:
    """Fields that are scored together: their units, and the scale of units."""

    def __init__(self, units: Mapping[str, int], scale: int = 1) -> None:
        self.units, self.scale = units, scale


class Oracle:
    """What queries find in live documents.

    Documents are numbered by the caller; scores are those of the definition in docs/queries.md.
    """

    def __init__(
        self,
        documents: Mapping[int, Document],
        groups: Sequence[Group],
        stopped: frozenset[str] = frozenset(),
        k1: float = 1.2,
        b: float = 0.75,
    ) -> None:
        self.documents, self.groups, self.stopped = documents, groups, stopped
        self.k1, self.b = k1, b

    # ------------------------------------------------------------------ statistics

    def bag(self, group: Group, doc: int) -> Counter[str]:
        """The terms of a document with their frequencies in units."""
        bag: Counter[str] = Counter()
        for field, units in group.units.items():
            for word in self.documents[doc].get(field, ()):
                if word not in self.stopped:
                    bag[word] += units
        return bag

    def df(self, group: Group, term: str) -> int:
        return sum(self.bag(group, doc)[term] > 0 for doc in self.documents)

    def idf(self, group: Group, term: str) -> float:
        n, df = len(self.documents), self.df(group, term)
        return math.log(1.0 + (n - df + 0.5) / (df + 0.5)) if df else 0.0

    def terms(self, group: Group) -> list[str]:
        return sorted({term for doc in self.documents for term in self.bag(group, doc)})

    # ------------------------------------------------------------------ scores

    def run(self, query: rr.LexicalQuery) -> dict[int, float]:
        """The score of each document that matches."""
        weights: dict[int, list[float]] = {}

        self._bind(query, 1.0, weights)
        exponents = {
            group: 29 - math.frexp(math.fsum(found))[1] for group, found in weights.items()
        }

        def contribution(group: int, weight: float, frequency: float, doc: int) -> float:
            of = self.groups[group]
            lengths = {each: self.bag(of, each).total() for each in self.documents}
            average = sum(lengths.values()) / len(lengths)
            constant = self.k1 * (1.0 - self.b) * of.scale
            slope = self.k1 * self.b * of.scale / average
            # what is not scored needs none
            e = exponents.get(group, 0)
            scaled = math.ldexp(weight, e)
            quotient = scaled * frequency / (frequency + (constant + slope * lengths[doc]))
            return math.ldexp(float(round(quotient)), -e)

        found = {}
        for doc in self.documents:
            score = self._score(query, 1.0, doc, contribution)
            if score is not None:
                found[doc] = score
        return found

    def _bind(self, query: rr.LexicalQuery, boost: float, weights: dict[int, list[float]]) -> None:
        """Every weight of the query, by group."""
        for child, of_child in self._scored_children(query, boost):
            self._bind(child, of_child, weights)
        for group, _, weight, _ in self._atoms(query, boost):
            weights.setdefault(group, []).append(weight)

    @staticmethod
    def _scored_children(
        query: rr.LexicalQuery, boost: float
    ) -> Iterator[tuple[rr.LexicalQuery, float]]:
        if isinstance(query, rr.Boolean):
            yield from ((child, boost) for child in query.must + query.should)
        elif isinstance(query, rr.DisMax):
            yield from ((child, boost) for child in query.queries)
        elif isinstance(query, rr.Boosted):
            yield query.query, boost * query.boost

    def _chosen(self, field: str | tuple[str, ...] | None) -> Iterator[tuple[int, dict[str, int]]]:
        for number, group in enumerate(self.groups):
            names = [field] if isinstance(field, str) else field
            units = {n: u for n, u in group.units.items() if names is None or n in names}
            if units:
                yield number, units

    def _words(self, text: str) -> list[tuple[int, str]]:
        return [(i, w) for i, w in enumerate(text.split()) if w not in self.stopped]

    def _atoms(
        self, query: rr.LexicalQuery, boost: float
    ) -> Iterator[tuple[int, dict[str, int], float, str | rr.Phrase]]:
        """(group, units of the chosen fields, weight, term or phrase) of what is scored."""
        for number, units in self._chosen(getattr(query, "field", None)):
            group = self.groups[number]
            counted: dict[str, float] = {}
            if isinstance(query, rr.Match):
                counted = dict(Counter(word for _, word in self._words(query.text)))
            elif isinstance(query, rr.Term):
                counted = {query.term: 1}
            elif isinstance(query, rr.Phrase):
                words = [word for _, word in self._words(query.text)]
                if len(words) == 1:
                    counted = {words[0]: 1}
                elif words and all(self.df(group, word) for word in words):
                    weight = sum(self.idf(group, word) for word in words) * boost
                    yield number, units, weight, query
            elif getattr(query, "rewrite", None) == "scoring":
                factors = self._expanded(query, group)
                for term, factor in factors.items():
                    yield number, units, self.idf(group, term) * (factor * boost), term
            for term, times in counted.items():
                if self.df(group, term):
                    yield number, units, times * self.idf(group, term) * boost, term

    def _score(
        self,
        query: rr.LexicalQuery,
        boost: float,
        doc: int,
        contribution: Callable[[int, float, float, int], float],
    ) -> float | None:
        """The score of a document, None where it does not match."""

        def of(child: rr.LexicalQuery, by: float = boost) -> float | None:
            return self._score(child, by, doc, contribution)

        if isinstance(query, rr.MatchAll):
            return boost
        if isinstance(query, rr.Boosted):
            return of(query.query, boost * query.boost)
        if isinstance(query, rr.ConstantScore):
            return None if of(query.query, 1.0) is None else boost * query.score
        if isinstance(query, rr.DisMax):
            scores = [score for child in query.queries if (score := of(child)) is not None]
            if not scores:
                return None
            best = max(range(len(scores)), key=lambda i: scores[i])
            total = scores[best]
            for i, score in enumerate(scores):
                if i != best:
                    total += query.tie_breaker * score
            return total
        if isinstance(query, rr.Boolean):
            return self._boolean(query, of)
        return self._leaf(query, boost, doc, contribution)

    def _boolean(
        self, query: rr.Boolean, of: Callable[[rr.LexicalQuery], float | None]
    ) -> float | None:
        def kept(clauses: tuple[rr.LexicalQuery, ...]) -> list[float | None]:
            return [of(clause) for clause in clauses if not self._empty(clause)]

        must, should = kept(query.must), kept(query.should)
        banned, allowed = kept(query.must_not), kept(query.filter)
        if not must and not should and not allowed and not banned:
            return None
        required = bool(must or allowed) or not should
        needed = 0 if required else 1
        if query.minimum_should_match is not None:
            needed = max(needed, clauses_needed(query.minimum_should_match, len(should)))
        if None in must or None in allowed or any(each is not None for each in banned):
            return None
        matching = [score for score in should if score is not None]
        if len(matching) < needed:
            return None
        total = 0.0
        for score in must + matching:
            assert score is not None
            total += score
        return total

    def _empty(self, query: rr.LexicalQuery) -> bool:
        """Whether analysis leaves nothing of a query."""
        if isinstance(query, rr.Match | rr.Phrase):
            return not self._words(query.text)
        if isinstance(query, rr.Fuzzy):
            return not self._words(query.text)
        if isinstance(query, rr.Boolean):
            return all(self._empty(child) for child in query.children)
        if isinstance(query, rr.DisMax | rr.Boosted | rr.ConstantScore):
            return all(self._empty(child) for child in query.children)
        return False

    def _leaf(
        self,
        query: rr.LexicalQuery,
        boost: float,
        doc: int,
        contribution: Callable[[int, float, float, int], float],
    ) -> float | None:
        total, matches = 0.0, False
        for number, units in self._chosen(query.field):  # type: ignore[attr-defined]
            group = self.groups[number]
            in_group, held = 0.0, set()
            for of, _, weight, what in self._atoms(query, boost):
                if of == number and (frequency := self._frequency(what, units, doc)):
                    in_group += contribution(number, weight, frequency, doc)
                    held.add(what)
            if isinstance(query, rr.Match):
                distinct = {word for _, word in self._words(query.text)}
                needed = 1
                if query.operator == "and":
                    needed = len(distinct)
                elif query.minimum_should_match is not None:
                    needed = max(1, clauses_needed(query.minimum_should_match, len(distinct)))
                if not distinct or len(held) < needed:
                    continue
            elif getattr(query, "rewrite", None) == "constant":
                terms = self._expanded(query, group)
                if not any(self._frequency(term, units, doc) for term in terms):
                    continue
                in_group = boost
            elif not held:
                continue
            total, matches = total + in_group, True
        return total if matches else None

    def _frequency(self, what: str | rr.Phrase, units: Mapping[str, int], doc: int) -> float:
        total = 0.0
        for field, of_field in units.items():
            words = self.documents[doc].get(field, ())
            if isinstance(what, str):
                total += of_field * list(words).count(what)
            else:
                total += of_field * phrase_frequency(self._words(what.text), words, what.slop)
        return total

    def _expanded(self, query: rr.LexicalQuery, group: Group) -> dict[str, float]:
        terms = self.terms(group)
        if isinstance(query, rr.Prefix):
            return {term: 1.0 for term in terms if term.startswith(query.prefix)}
        if isinstance(query, rr.Wildcard):
            fits = re.compile(translate(query.pattern)).fullmatch
            return {term: 1.0 for term in terms if fits(term)}
        if isinstance(query, rr.Regex):
            return {term: 1.0 for term in terms if re.fullmatch(query.pattern, term)}
        if isinstance(query, rr.TermRange):
            return {
                term: 1.0
                for term in terms
                if (query.lower is None or term >= query.lower)
                and (query.upper is None or term <= query.upper)
                and (query.include_lower or term != query.lower)
                and (query.include_upper or term != query.upper)
            }
        assert isinstance(query, rr.Fuzzy)
        distances = {term: edits(term, query.text, query.transpositions) for term in terms}
        near = [
            term
            for term in sorted(terms, key=lambda term: (distances[term], term))
            if distances[term] <= query.edits
            and term[: query.prefix_length] == query.text[: query.prefix_length]
            and len(term) >= min(query.prefix_length, len(query.text))
        ]
        return {
            term: max(0.0, 1.0 - distances[term] / min(len(term), len(query.text)))
            for term in near[: query.max_expansions]
        }


def phrase_frequency(phrase: Sequence[tuple[int, str]], words: Sequence[str], slop: int) -> float:
    """How often words hold a phrase of (place, word), by definition for slop 0."""
    first = phrase[0][0]
    places = [(place - first, word) for place, word in phrase]
    if slop:
        return sloppy_frequency(places, words, slop)
    return float(
        sum(
            all(at + place < len(words) and words[at + place] == word for place, word in places)
            for at in range(len(words))
        )
    )


def sloppy_frequency(phrase: Sequence[tuple[int, str]], words: Sequence[str], slop: int) -> float:
    """Lucene's SloppyPhraseMatcher, with its queue of phrase positions."""
    found = {word: [i for i, each in enumerate(words) if each == word] for _, word in phrase}
    if not all(found.values()):
        return 0.0

    class Slot:
        def __init__(self, order: int, place: int, word: str) -> None:
            self.order, self.place, self.word, self.index = order, place, word, 0

        @property
        def position(self) -> int:
            return found[self.word][self.index] - self.place

        def __lt__(self, other: Slot) -> bool:
            return (self.position, self.place) < (other.position, other.place)

    slots = [Slot(i, place, word) for i, (place, word) in enumerate(phrase)]
    for word in found:
        for rank, slot in enumerate(slot for slot in slots if slot.word == word):
            slot.index = rank
            if rank >= len(found[word]):
                return 0.0
    end = max(slot.position for slot in slots)

    def step(slot: Slot) -> bool:
        nonlocal end
        if slot.index + 1 == len(found[slot.word]):
            return False
        slot.index += 1
        end = max(end, slot.position)
        return True

    def part(slot: Slot) -> bool:
        while True:
            colliding = [
                other
                for other in slots
                if other is not slot and other.word == slot.word and other.index == slot.index
            ]
            if not colliding:
                return True
            slot = min(slot, colliding[0])
            if not step(slot):
                return False

    queue = list(slots)
    heapq.heapify(queue)
    slot = heapq.heappop(queue)
    length, following = end - slot.position, queue[0].position
    frequency = 0.0
    while step(slot) and part(slot):
        heapq.heapify(queue)  # `part` may have moved others
        if slot.position > following:
            heapq.heappush(queue, slot)
            if length <= slop:
                frequency += 1.0 / (1.0 + length)
            slot = heapq.heappop(queue)
            length, following = end - slot.position, queue[0].position
        else:
            length = min(length, end - slot.position)
    return frequency + (1.0 / (1.0 + length) if length <= slop else 0.0)


def least_moves(phrase: Sequence[tuple[int, str]], words: Sequence[str]) -> int | None:
    """The least slop with which words hold a phrase: the narrowest of all choices of positions."""
    choices = [
        [i - place for i, each in enumerate(words) if each == word] for place, word in phrase
    ]
    best = None
    for chosen in product(*choices):
        standing = [at + place for at, (place, _) in zip(chosen, phrase, strict=True)]
        if len(set(standing)) == len(standing):
            width = max(chosen) - min(chosen)
            best = width if best is None else min(best, width)
    return best


def edits(a: str, b: str, transpositions: bool) -> int:
    """Levenshtein's distance, or optimal string alignment."""
    table = [[i + j if not i * j else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i, j in product(range(1, len(a) + 1), range(1, len(b) + 1)):
        table[i][j] = min(
            table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (a[i - 1] != b[j - 1])
        )
        if transpositions and i > 1 and j > 1 and (a[i - 1], a[i - 2]) == (b[j - 2], b[j - 1]):
            table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]
