r"""Lucene's query syntax, as its classic parser reads it.

    query   = {[AND | && | OR | ||] [+ | - | ! | NOT] [name ":"] clause ["^" number]}
    clause  = "(" query ")" | word | word "~" [edits] | '"' phrase '"' ["~" slop]
            | "/" expression "/" | ("[" | "{") bound "TO" bound ("]" | "}") | "*:*"

Words are analysed when the query is bound to an index. A word with `*` or `?` is a prefix or a
wildcard. A backslash takes any character as it is. A name before a parenthesis holds for all in
it. AND makes the clauses on both sides of it required, NOT prohibits the next one; there is no
precedence: `a OR b AND c` requires b and c.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from rank_retrieve.errors import InvalidArgument, QuerySyntaxError
from rank_retrieve.lexical.queries.boolean import Boolean
from rank_retrieve.lexical.queries.boosted import Boosted
from rank_retrieve.lexical.queries.fuzzy import MAX_EDITS, Fuzzy
from rank_retrieve.lexical.queries.match import OPERATORS, Match, Operator
from rank_retrieve.lexical.queries.match_all import MatchAll
from rank_retrieve.lexical.queries.phrase import Phrase
from rank_retrieve.lexical.queries.prefix import Prefix
from rank_retrieve.lexical.queries.query import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    FieldChoice,
    LexicalQuery,
    checked_field,
    checked_text,
)
from rank_retrieve.lexical.queries.regex import Regex
from rank_retrieve.lexical.queries.term_range import TermRange
from rank_retrieve.lexical.queries.wildcard import Wildcard

# a word ends before one of these, unless a backslash takes it
_ENDS_WORD: Final = frozenset('()[]{}"^~:') | frozenset(" \t\n\r\f\v\u3000")
_BLANKS: Final = frozenset(" \t\n\r\f\v\u3000")
_CONJUNCTIONS: Final = {"AND": "and", "&&": "and", "OR": "or", "||": "or"}
_INNER_POSITION: Final = re.compile(r"(.*), at character (\d+)", re.DOTALL)
_ESCAPE_REMEDY: Final = "put a backslash before it to look for the character itself"
# every level of parentheses is two levels of queries: what is inside, and its boost
_MAX_PARENTHESES: Final = MAX_DEPTH // 2 - 2


def parse_query(
    string: str, default_fields: FieldChoice = None, operator: Operator = "or"
) -> LexicalQuery:
    """A query from Lucene's syntax: words, "phrases"~2, +must -not, AND OR NOT, field:word, ...

    default_fields: where words without a field are looked for, by default in all text fields.
    operator: whether words side by side may ("or") or must ("and") match.

    >>> parse_query('+title:bm25 "dense retrieval"~2 -sparse')
    Boolean(must=(Match('bm25', field='title'),), should=(Phrase('dense retrieval', slop=2),), \
must_not=(Match('sparse'),))

    An empty string matches nothing. Raises QuerySyntaxError, which knows the character at fault,
    and InvalidArgument for the other arguments. Names of fields are checked by the search.
    """
    if operator not in OPERATORS:
        raise InvalidArgument("operator", operator, 'must be "or" or "and"')
    if len(checked_text(string, "query")) > MAX_CHARACTERS:
        raise InvalidArgument("query", len(string), f"has more than {MAX_CHARACTERS} characters")
    return _Parser(string, operator).parse(checked_field(default_fields))


class _Clause:
    """A clause, and what it has to be: "must", "should" or "must_not"."""

    def __init__(self, query: LexicalQuery, occurs: str) -> None:
        self.query, self.occurs = query, occurs


class _Parser:
    def __init__(self, string: str, operator: Operator) -> None:
        self._string, self._operator = string, operator
        self._at = 0
        self._open: list[int] = []
        # what begins with a character of its own; everything else is a word
        self._special: dict[str, Callable[[FieldChoice], LexicalQuery]] = {
            "(": self._group,
            '"': self._phrase,
            "/": self._expression,
            "[": self._range,
            "{": self._range,
        }

    def parse(self, field: FieldChoice) -> LexicalQuery:
        query = self._query(field)
        if self._at < len(self._string):
            self._fail("a closing parenthesis without an opening one", remedy=_ESCAPE_REMEDY)
        return query

    # ------------------------------------------------------------------- clauses

    def _query(self, field: FieldChoice) -> LexicalQuery:
        """Clauses up to a closing parenthesis or the end."""
        clauses: list[_Clause] = []
        start = self._at
        while self._skip_blanks() not in ("", ")"):
            conjunction_at = self._at
            conjunction = self._conjunction()
            if conjunction and not clauses:
                self._fail("nothing to join on the left", conjunction_at)
            self._skip_blanks()
            modifier_at = self._at
            modifier = self._modifier()
            if (conjunction or modifier) and self._skip_blanks() in ("", ")"):
                self._fail("nothing to join on the right", modifier_at if modifier else self._at)
            self._append(clauses, conjunction, modifier, self._clause(field))
        return self._joined(clauses, start)

    def _append(
        self, clauses: list[_Clause], conjunction: str, modifier: str, query: LexicalQuery
    ) -> None:
        """The rules of Lucene's classic parser for operators between clauses."""
        before = clauses[-1] if clauses else None
        if before is not None and before.occurs != "must_not":
            if conjunction == "and":
                before.occurs = "must"
            elif conjunction == "or" and self._operator == "and":
                before.occurs = "should"
        if modifier == "must_not":
            occurs = "must_not"
        elif self._operator == "or":
            occurs = "must" if modifier == "must" or conjunction == "and" else "should"
        else:
            occurs = "should" if conjunction == "or" else "must"
        clauses.append(_Clause(query, occurs))

    def _joined(self, clauses: Sequence[_Clause], start: int) -> LexicalQuery:
        if len(clauses) == 1 and clauses[0].occurs != "must_not":
            return clauses[0].query

        def of(kind: str) -> tuple[LexicalQuery, ...]:
            return tuple(clause.query for clause in clauses if clause.occurs == kind)

        return self._made(start, lambda: Boolean(of("must"), of("should"), of("must_not")))

    def _conjunction(self) -> str:
        for sign, meaning in _CONJUNCTIONS.items():
            if self._string.startswith(sign, self._at) and self._ends_operator(len(sign)):
                self._at += len(sign)
                return meaning
        return ""

    def _modifier(self) -> str:
        sign = self._peek()
        if sign and sign in "+-!":
            following = self._string[self._at + 1 : self._at + 2]
            if following not in _BLANKS and following not in ("", ")"):
                self._at += 1
                return "must" if sign == "+" else "must_not"
            self._fail(f"a {sign} without a clause behind it", remedy=_ESCAPE_REMEDY)
        if self._string.startswith("NOT", self._at) and self._ends_operator(3):
            self._at += 3
            return "must_not"
        return ""

    def _ends_operator(self, size: int) -> bool:
        """Whether an operator written in letters or signs ends behind so many characters."""
        following = self._string[self._at + size : self._at + size + 1]
        return following == "" or following in _BLANKS or following in '()[{"/+-!'

    def _clause(self, field: FieldChoice) -> LexicalQuery:
        start = self._at
        name = self._field_name()
        if name == "*":
            if self._peek() != "*":
                self._fail("only *:* may have * for a field", start)
            self._at += 1
            return self._boosted(MatchAll(), start)
        if name is not None:
            field = name
            if self._peek() in ("", ")") or self._peek() in _BLANKS:
                self._fail(f"nothing to look for in the field {name!r}")
        special = self._special.get(self._peek())
        query = self._word(field) if special is None else special(field)
        return self._boosted(query, start)

    def _field_name(self) -> str | None:
        """The name before a colon, if that comes next."""
        start = self._at
        if self._string.startswith("*:", start):
            self._at += 2
            return "*"
        name, _ = self._read_word()
        if name and self._peek() == ":":
            self._at += 1
            return name
        self._at = start
        return None

    def _boosted(self, query: LexicalQuery, start: int) -> LexicalQuery:
        if self._peek() != "^":
            return query
        self._at += 1
        number_at = self._at
        boost = self._number()
        if boost is None:
            self._fail("a number should follow ^", number_at)
        return self._made(number_at, lambda: Boosted(query, boost))

    # ------------------------------------------------------------------- kinds of clauses

    def _group(self, field: FieldChoice) -> LexicalQuery:
        self._open.append(self._at)
        if len(self._open) > _MAX_PARENTHESES:
            self._fail(f"more than {_MAX_PARENTHESES} parentheses inside each other")
        self._at += 1
        query = self._query(field)
        if self._peek() != ")":
            self._fail("this parenthesis is never closed", self._open[-1], _ESCAPE_REMEDY)
        self._at += 1
        self._open.pop()
        return query

    def _phrase(self, field: FieldChoice) -> LexicalQuery:
        start = self._at
        text = self._quoted()
        slop = 0.0
        if self._peek() == "~":
            self._at += 1
            number_at = self._at
            given = self._number()
            if given is None or given != int(given):
                self._fail("a whole number should follow ~ behind a phrase", number_at)
            slop = given
        return self._made(start, lambda: Phrase(text, field, int(slop)))

    def _expression(self, field: FieldChoice) -> LexicalQuery:
        start = self._at
        self._at += 1
        pattern = []
        while (char := self._peek()) != "/":
            if char == "":
                self._fail("this regular expression is never closed", start, _ESCAPE_REMEDY)
            if self._string.startswith("\\/", self._at):
                self._at += 1
            elif char == "\\":
                pattern.append(char)
                self._at += 1
            pattern.append(self._peek())
            self._at += 1
        self._at += 1
        return self._made(start, lambda: Regex("".join(pattern), field))

    def _range(self, field: FieldChoice) -> LexicalQuery:
        start = self._at
        include_lower = self._peek() == "["
        self._at += 1
        lower = self._bound(start)
        self._skip_blanks()
        if not self._string.startswith("TO", self._at):
            self._fail("TO should stand between the bounds of a range")
        self._at += 2
        upper = self._bound(start)
        closing = self._skip_blanks()
        if closing not in ("]", "}"):
            self._fail("this range is never closed", start, _ESCAPE_REMEDY)
        self._at += 1
        return self._made(
            start, lambda: TermRange(lower, upper, include_lower, closing == "]", field)
        )

    def _bound(self, start: int) -> str | None:
        """A bound of a range; None for *."""
        if self._skip_blanks() == '"':
            return self._quoted()
        if self._peek() == "":
            self._fail("this range is never closed", start, _ESCAPE_REMEDY)
        at = self._at
        text, wild = self._read_word()
        if not text:
            self._fail("a bound of a range is missing", at)
        return None if wild and text == "*" else text

    def _word(self, field: FieldChoice) -> LexicalQuery:
        start = self._at
        text, wild = self._read_word()
        if not text:
            sign = self._peek()
            self._fail(f"{sign} cannot begin a clause", start, _ESCAPE_REMEDY)
        if self._peek() == ":":
            self._fail("a second field", remedy=_ESCAPE_REMEDY)
        if self._peek() == "~":
            return self._fuzzy(text, wild, field, start)
        if not wild:
            return self._made(start, lambda: Match(text, field, self._operator))
        pattern = self._string[start : self._at]
        return self._made(start, lambda: _pattern_query(pattern, field))

    def _fuzzy(self, text: str, wild: bool, field: FieldChoice, start: int) -> LexicalQuery:
        if wild:
            self._fail("a word with * or ? cannot be fuzzy as well")
        self._at += 1
        number_at = self._at
        edits = self._number()
        if edits is None:
            edits = float(MAX_EDITS)
        if edits not in (0.0, 1.0, 2.0):
            self._fail("the edits behind ~ must be 0, 1 or 2", number_at)
        return self._made(start, lambda: Fuzzy(text, field, int(edits)))

    # ------------------------------------------------------------------- characters

    def _read_word(self) -> tuple[str, bool]:
        """Characters up to one that ends a word, without backslashes; whether * or ? is there."""
        characters, wild = [], False
        while (char := self._peek()) and char not in _ENDS_WORD:
            if char == "\\":
                self._at += 1
                char = self._peek()
                if char == "":
                    self._fail("nothing behind the backslash", self._at - 1)
            elif char in "*?":
                wild = True
            characters.append(char)
            self._at += 1
        return "".join(characters), wild

    def _quoted(self) -> str:
        start = self._at
        self._at += 1
        characters = []
        while (char := self._peek()) != '"':
            if char == "\\":
                self._at += 1
                char = self._peek()
            if char == "":
                self._fail("this quotation mark is never closed", start, _ESCAPE_REMEDY)
            characters.append(char)
            self._at += 1
        self._at += 1
        return "".join(characters)

    def _number(self) -> float | None:
        """Digits with at most one point, or None."""
        start = self._at
        while (char := self._peek()) and (char in "0123456789."):
            self._at += 1
        digits = self._string[start : self._at]
        if digits.count(".") > 1 or len(digits) > 20 or digits == ".":
            self._fail("not a number", start)
        return float(digits) if digits else None

    def _peek(self) -> str:
        return self._string[self._at : self._at + 1]

    def _skip_blanks(self) -> str:
        """Go to the next character that is not blank, and tell it; "" at the end."""
        while self._peek() in _BLANKS:
            self._at += 1
        return self._peek()

    def _made(self, start: int, make: Callable[[], LexicalQuery]) -> LexicalQuery:
        """A query; what it refuses is told as an error at its place in the string."""
        try:
            return make()
        except QuerySyntaxError:
            raise
        except InvalidArgument as error:
            told = _INNER_POSITION.fullmatch(error.reason)
            if told is not None and self._string[start] == "/":
                # the place in the expression, which begins behind its slash
                start, problem = start + 1 + int(told[2]), told[1]
            else:
                problem = f"{error.argument}: {error.reason}"
            raise QuerySyntaxError(self._string, start, problem, error.remedy) from None

    def _fail(self, problem: str, at: int | None = None, remedy: str = "") -> NoReturn:
        position = self._at if at is None else at
        raise QuerySyntaxError(self._string, position, problem, remedy)


def _pattern_query(pattern: str, field: FieldChoice) -> LexicalQuery:
    """A prefix where the only sign is one * at the end, else a wildcard."""
    start = pattern[:-1]
    if pattern.endswith("*") and start and not any(sign in start for sign in "*?\\"):
        return Prefix(start, field)
    return Wildcard(pattern, field)
