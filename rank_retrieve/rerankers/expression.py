"""A small language for numbers from fields: parsed by hand, never handed to Python.

    comparison   sum [("==" | "!=" | "<" | "<=" | ">" | ">=") sum]     1 when true, else 0
    sum          product (("+" | "-") product)*
    product      unary (("*" | "/") unary)*
    unary        "-" unary | power
    power        atom ["^" unary]
    atom         number | 'string' | field | function(...) | "(" comparison ")"
    field        year | author.name | `odd name`

Functions: abs sqrt exp log log1p log10 floor ceil min max clip(x, low, high) if(c, then, else)
default(x, otherwise). A field that is missing has no value, and what is made from no value has
none either, except through `default` and the branch that `if` leaves out; so have log(0), 1 / 0
and other numbers that are not finite. True and false are 1 and 0. Strings can be compared only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, NoReturn, TypeAlias

import numpy as np

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.types import Float64s

MAX_LENGTH = 1000
MAX_DEPTH = 50

Value: TypeAlias = float | str | None
Row: TypeAlias = Mapping[str, Value]
Node: TypeAlias = Callable[[Row], Value]

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)"
    r"|(?P<string>'[^']*'|\"[^\"]*\")"
    r"|(?P<name>[^\W\d]\w*(?:\.\w+)*)"
    r"|(?P<quoted>`[^`]+`)"
    r"|(?P<sign>==|!=|<=|>=|[-+*/^()<>,]))"
)
_SPACE = re.compile(r"\s*")


class Function(NamedTuple):
    """call: the arguments' nodes -> a node; least and most: how many arguments."""

    make: Callable[..., Node]
    least: int
    most: int


def _numeric(function: Callable[..., float]) -> Callable[..., Node]:
    """A function of numbers: no value where an argument has none or the result is not finite."""

    def make(*nodes: Node) -> Node:
        def node(row: Row) -> Value:
            numbers = []
            for argument in nodes:
                value = argument(row)
                if value is None:
                    return None
                if isinstance(value, str):
                    raise InvalidArgument(
                        "expression", value, "is a string, which can be compared only"
                    )
                numbers.append(value)
            try:
                result = function(*numbers)
            except (ValueError, ZeroDivisionError, OverflowError):
                return None
            return result if math.isfinite(result) else None

        return node

    return make


def _if(condition: Node, then: Node, otherwise: Node) -> Node:
    def node(row: Row) -> Value:
        value = condition(row)
        if value is None:
            return None
        return then(row) if value else otherwise(row)

    return node


def _default(wanted: Node, otherwise: Node) -> Node:
    def node(row: Row) -> Value:
        value = wanted(row)
        return otherwise(row) if value is None else value

    return node


def _compared(compare: Callable[[Any, Any], bool]) -> Callable[[Node, Node], Node]:
    def make(left: Node, right: Node) -> Node:
        def node(row: Row) -> Value:
            one, other = left(row), right(row)
            if one is None or other is None:
                return None
            if isinstance(one, str) is not isinstance(other, str):
                return float(compare is _COMPARES["!="])
            return float(compare(one, other))

        return node

    return make


_COMPARES: dict[str, Callable[[Any, Any], bool]] = {
    "==": lambda a, b: bool(a == b),
    "!=": lambda a, b: bool(a != b),
    "<": lambda a, b: bool(a < b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    ">=": lambda a, b: bool(a >= b),
}
_SUMS = {"+": _numeric(lambda a, b: a + b), "-": _numeric(lambda a, b: a - b)}
_PRODUCTS = {"*": _numeric(lambda a, b: a * b), "/": _numeric(lambda a, b: a / b)}
_negated = _numeric(lambda a: -a)
_power = _numeric(math.pow)

FUNCTIONS: dict[str, Function] = {
    "abs": Function(_numeric(abs), 1, 1),
    "sqrt": Function(_numeric(math.sqrt), 1, 1),
    "exp": Function(_numeric(math.exp), 1, 1),
    "log": Function(_numeric(math.log), 1, 1),
    "log1p": Function(_numeric(math.log1p), 1, 1),
    "log10": Function(_numeric(math.log10), 1, 1),
    "floor": Function(_numeric(lambda x: float(math.floor(x))), 1, 1),
    "ceil": Function(_numeric(lambda x: float(math.ceil(x))), 1, 1),
    "min": Function(_numeric(min), 2, 8),
    "max": Function(_numeric(max), 2, 8),
    "clip": Function(_numeric(lambda x, low, high: min(max(x, low), high)), 3, 3),
    "if": Function(_if, 3, 3),
    "default": Function(_default, 2, 2),
}


class _Token(NamedTuple):
    kind: str
    text: str
    at: int


@dataclass(frozen=True)
class Expression:
    """An expression that was read; `values` evaluates it for many documents.

    >>> Expression("1 + 0.5 * (category == 'books')").values({"category": ["books", "maps"]}, 2)
    array([1.5, 1. ])

    Raises InvalidArgument with the place of the error, and for expressions of over 1,000
    characters or nested over 50 deep.
    """

    text: str

    def __post_init__(self) -> None:
        if not isinstance(self.text, str):
            raise InvalidArgument("expression", self.text, "must be a string")
        if len(self.text) > MAX_LENGTH:
            raise InvalidArgument(
                "expression", len(self.text), f"must have at most {MAX_LENGTH} characters"
            )
        parser = _Parser(self.text)
        object.__setattr__(self, "_node", parser.whole())
        object.__setattr__(self, "_fields", tuple(parser.fields))

    def __reduce__(self) -> tuple[type[Expression], tuple[str]]:
        # what was made of the text does not pickle, but is soon made again
        return Expression, (self.text,)

    @property
    def fields(self) -> tuple[str, ...]:
        """The dotted paths that it reads."""
        found: tuple[str, ...] = getattr(self, "_fields")  # noqa: B009 - made once, no field
        return found

    def values(self, columns: Mapping[str, Sequence[Any]], n: int) -> Float64s:
        """float64 [n], NaN where there is no value.

        columns: for each of `fields` its n values, None where it is missing.
        Raises InvalidArgument for values that are neither numbers nor strings, and for strings
        where a number is needed.
        """
        node: Node = getattr(self, "_node")  # noqa: B009 - made once, no field
        rows = {name: [_value(name, value) for value in columns[name]] for name in self.fields}
        result = np.empty(n, dtype=np.float64)
        for place in range(n):
            value = node({name: column[place] for name, column in rows.items()})
            if isinstance(value, str):
                raise InvalidArgument("expression", self.text, f"gives the string {value!r}")
            result[place] = math.nan if value is None else value
        return result


def _value(name: str, value: Any) -> Value:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int | float | np.number):
        return float(value) if math.isfinite(value) else None
    raise InvalidArgument(name, value, "must be a number or a string to be used in an expression")


class _Parser:
    """Recursive descent over the tokens; each method reads one rule of the grammar."""

    def __init__(self, text: str) -> None:
        self._text = text
        self.fields: dict[str, None] = {}
        self._tokens = list(self._cut())
        self._at = 0
        self._depth = 0

    def _cut(self) -> list[_Token]:
        tokens, at = [], 0
        end = len(self._text.rstrip())
        while at < end:
            match = _TOKEN.match(self._text, at)
            if match is None:
                start = _SPACE.match(self._text, at)
                self._fail("cannot be read", at if start is None else start.end())
            kind = match.lastgroup or ""
            tokens.append(_Token(kind, match.group(kind), match.start(kind)))
            at = match.end()
        return [*tokens, _Token("end", "the end", end)]

    def _fail(self, reason: str, at: int) -> NoReturn:
        raise InvalidArgument("expression", self._text, f"{reason} at character {at + 1}")

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self, *signs: str) -> str | None:
        token = self._next
        if token.kind == "sign" and token.text in signs:
            self._at += 1
            return token.text
        return None

    def _need(self, sign: str) -> None:
        if self._take(sign) is None:
            self._fail(f"needs {sign!r}, not {self._next.text}", self._next.at)

    def whole(self) -> Node:
        node = self._comparison()
        if self._next.kind != "end":
            self._fail(f"has {self._next.text!r} too much", self._next.at)
        return node

    def _comparison(self) -> Node:
        left = self._sum()
        sign = self._take(*_COMPARES)
        return left if sign is None else _compared(_COMPARES[sign])(left, self._sum())

    def _sum(self) -> Node:
        return self._left_to_right(self._product, _SUMS)

    def _product(self) -> Node:
        return self._left_to_right(self._unary, _PRODUCTS)

    def _left_to_right(
        self, rule: Callable[[], Node], makers: Mapping[str, Callable[..., Node]]
    ) -> Node:
        node = rule()
        while (sign := self._take(*makers)) is not None:
            node = makers[sign](node, rule())
        return node

    def _unary(self) -> Node:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            self._fail(f"is nested over {MAX_DEPTH} deep", self._next.at)
        node = self._power() if self._take("-") is None else _negated(self._unary())
        self._depth -= 1
        return node

    def _power(self) -> Node:
        node = self._atom()
        return node if self._take("^") is None else _power(node, self._unary())

    def _atom(self) -> Node:
        token = self._next
        if self._take("(") is not None:
            node = self._comparison()
            self._need(")")
            return node
        if token.kind not in ("number", "string", "name", "quoted"):
            self._fail(f"needs a value, not {token.text}", token.at)
        self._at += 1
        if token.kind == "name" and self._take("(") is not None:
            return self._call(token)
        if token.kind in ("name", "quoted"):
            return self._field(token.text.strip("`"))
        literal: Value = float(token.text) if token.kind == "number" else token.text[1:-1]
        if literal == math.inf:
            self._fail(f"has the number {token.text}, which is too large", token.at)
        return lambda _: literal

    def _field(self, name: str) -> Node:
        self.fields[name] = None
        return lambda row: row[name]

    def _call(self, token: _Token) -> Node:
        function = FUNCTIONS.get(token.text)
        if function is None:
            self._fail(f"has no function {token.text!r}, but {', '.join(FUNCTIONS)},", token.at)
        arguments = [self._comparison()]
        while self._take(",") is not None:
            arguments.append(self._comparison())
        self._need(")")
        if not function.least <= len(arguments) <= function.most:
            self._fail(f"gives {token.text} {len(arguments)} arguments", token.at)
        return function.make(*arguments)
