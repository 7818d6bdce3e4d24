"""The language of boosts, against literal values and against Python's own arithmetic."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rank_retrieve.errors import InvalidArgument
from rank_retrieve.rerankers import Expression

ROW = {"n": 4, "half": 0.5, "name": "Ada", "author.age": 36, "odd name": 7, "yes": True}


def value_of(text, row=ROW):
    expression = Expression(text)
    columns = {name: [row.get(name)] for name in expression.fields}
    return expression.values(columns, 1)[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("2 ^ 3 ^ 2", 512),
        ("-2 ^ 2", -4),
        ("2 ^ -1", 0.5),
        ("8 / 4 / 2", 1),
        ("8 - 4 - 2", 2),
        ("- - 3", 3),
        ("1e3 + .5 + 2.", 1002.5),
        ("n * half", 2),
        ("author.age", 36),
        ("`odd name`", 7),
        ("yes", 1),
        ("n == 4", 1),
        ("n != 4", 0),
        ("n < 4", 0),
        ("n <= 4", 1),
        ("1 + (n > half)", 2),
        ("name == 'Ada'", 1),
        ('name != "Ada"', 0),
        ("name == 4", 0),
        ("name != 4", 1),
        ("name < 'Bob'", 1),
        ("abs(-2) + sqrt(16) + floor(1.7) + ceil(1.2)", 9),
        ("exp(0) + log(1) + log1p(0) + log10(100)", 3),
        ("min(3, 1, 2) + max(3, 1, 2) + clip(9, 0, 5)", 9),
        ("if(n > 3, 10, 20)", 10),
        ("if(n > 5, 1 / 0, 20)", 20),
        ("default(nothing, 3)", 3),
        ("default(1 / 0, 3)", 3),
    ],
)
def test_values(text, expected):
    assert value_of(text) == expected


@pytest.mark.parametrize(
    "text",
    ["nothing", "1 + nothing", "nothing == 1", "if(nothing, 1, 2)", "1 / 0", "log(0)", "sqrt(-1)",
     "exp(1e6)", "10 ^ 400", "1e300 * 1e300", "-nothing", "max(1, nothing)"],
)  # fmt: skip
def test_no_value(text):
    assert math.isnan(value_of(text))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "needs a value, not the end at character 1"),
        ("1 +", "needs a value, not the end at character 4"),
        ("1 2", "has '2' too much at character 3"),
        ("(1", r"needs '\)', not the end at character 3"),
        ("1 $ 2", "cannot be read at character 3"),
        ("system('ls')", "has no function 'system'"),
        ("min(1)", "gives min 1 arguments"),
        ("1 < 2 < 3", "has '<' too much at character 7"),
        ("a..b", "cannot be read at character 2"),
        ("'open", "cannot be read at character 1"),
        ("1e999", "too large"),
        ("__import__('os')", "has no function '__import__'"),
        ("(" * 60 + "1" + ")" * 60, "nested over 50 deep"),
        ("-" * 60 + "1", "nested over 50 deep"),
        ("1^" * 60 + "1", "nested over 50 deep"),
        ("1" * 1001, "at most 1000 characters"),
        (7, "must be a string"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text, reason):
    with pytest.raises(InvalidArgument, match=reason):
        Expression(text)


def test_long_sums_are_no_nesting():
    assert value_of(" + ".join(["1"] * 250)) == 250


@pytest.mark.parametrize(("text", "row"), [("1 + name", ROW), ("name", ROW), ("x", {"x": [1]})])
def test_values_of_the_wrong_kind_are_refused(text, row):
    with pytest.raises(InvalidArgument):
        value_of(text, row)


def test_numbers_that_are_not_finite_are_no_values():
    assert math.isnan(value_of("x", {"x": float("inf")}))


leaves = st.one_of(st.integers(0, 9).map(str), st.sampled_from(["a", "b"]))
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda t: f"(-{t})"),
    ),
    max_leaves=12,
)


@settings(deadline=None, max_examples=100)
@given(text=trees, a=st.integers(-9, 9), b=st.integers(-9, 9))
def test_arithmetic_equals_that_of_python(text, a, b):
    expected = eval(text, {}, {"a": a, "b": b})
    assert value_of(text, {"a": a, "b": b}) == expected


@settings(deadline=None, max_examples=100)
@given(text=st.text(alphabet="ab1.+-*/^()<>=!,'` ", max_size=25))
def test_any_text_is_read_or_refused(text):
    try:
        Expression(text)
    except InvalidArgument as error:
        assert error.argument == "expression"
