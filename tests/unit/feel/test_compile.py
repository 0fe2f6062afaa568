"""The interface: compiling, caching, names, variables, threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from bpm_server import feel
from bpm_server.feel import types
from bpm_server.feel.names import Vocabulary
from bpm_server.kernel.errors import InvalidInput


def test_compiling_twice_gives_the_same() -> None:
    assert feel.compile("a + 1") is feel.compile("a + 1")
    assert feel.compile("a + 1") is not feel.compile("a + 1", dialect="dmn")
    assert feel.compile("5") is not feel.compile("5", kind="unary")


def test_a_syntax_error_is_invalid_input() -> None:
    with pytest.raises(InvalidInput) as refused:
        feel.compile("1 +")
    assert refused.value.code == "feel_syntax"
    assert refused.value.details["column"] == 4


@pytest.mark.parametrize(
    ("expression", "names"),
    [
        ("a + b.c", {"a", "b"}),
        ("for x in xs return x + y", {"xs", "y"}),
        ("xs[item > limit]", {"xs", "limit"}),
        ("{a: 1, b: a + c}", {"c"}),
        ("function(x) x + y", {"y"}),
        ("some x in xs satisfies x = z", {"xs", "z"}),
        ("count(a)", {"a"}),
        ("f(a)", {"f", "a"}),
        ("now() > deadline", {"deadline"}),
        ("1 + 1", set()),
    ],
)
def test_names_are_the_free_variables(expression: str, names: set[str]) -> None:
    assert feel.compile(expression).names == names


class Scope:
    """Variables that count how often they are asked for."""

    def __init__(self, values: dict[str, Any]) -> None:
        self.values = values
        self.asked: list[str] = []

    def get(self, name: str, default: Any = None, /) -> Any:
        self.asked.append(name)
        return self.values.get(name, default)


def test_variables_are_looked_up_once_and_only_when_needed() -> None:
    scope = Scope({"a": 1, "b": 2})
    assert feel.compile("if a > 0 then a + a else b")(scope) == 2
    assert scope.asked == ["a"]
    assert feel.compile("a > 0 or b > 0").evaluate(scope).value is True
    assert scope.asked == ["a", "a"]


def test_a_variable_may_have_the_name_of_a_built_in() -> None:
    assert feel.compile("count", names=["count"])({"count": 5}) == 5
    assert feel.compile("count(a)")({"a": [1, 2]}) == 2
    assert "count" in feel.compile("count + 1", names=["count"]).names


def test_a_null_variable_is_there() -> None:
    result = feel.compile("a = null").evaluate({"a": None})
    assert result.value is True
    result = feel.compile("a").evaluate({"a": None})
    assert result.value is None
    assert result.diagnostics == ()


def test_names_that_python_reserves_are_names() -> None:
    variables = {"class": 1, "lambda": 2, "__import__": 3, "get": 4, "R": 5, "run": 6, "t1": 7, "M": 8}
    expression = " + ".join(variables)
    assert feel.compile(expression)(variables) == sum(variables.values())


@pytest.mark.parametrize(
    "text",
    [
        '"\\" + __import__(\\"os\\") + \\""',
        '{"__class__": 1}.__class__',
        "a.__class__.__mro__",
        "`a'; import os; '`",
        "{\"'}); import os; ({'\": 1}",
        '"{0.__class__}"',
        "(function(`x): pass\\nimport os\\ndef f(`) 1)(2)",
    ],
)
def test_no_text_reaches_python(text: str) -> None:
    try:
        expression = feel.compile(text)
    except feel.FeelSyntaxError:
        return
    value = expression.evaluate({"a": 1}).value
    assert value is None or isinstance(value, (int, str, dict))


def test_threads_share_an_expression() -> None:
    expression = feel.compile("for x in 1..100 return if x > limit then null + x else x")

    def ask(limit: int) -> tuple[Any, int]:
        result = expression.evaluate({"limit": limit}, budget=feel.Budget(diagnostics=1000))
        return result.value[: limit + 1], len(result.diagnostics)

    with ThreadPoolExecutor(8) as pool:
        for limit, (head, errors) in enumerate(pool.map(ask, range(99))):
            assert head == [*range(1, limit + 1), None]
            assert errors == 100 - limit


def test_named_types() -> None:
    person = types.ContextType((("name", types.STRING),))
    expression = feel.compile("x instance of Person", dialect="dmn", types={"Person": person})
    assert expression({"x": {"name": "Ada"}}) is True
    assert expression({"x": {"name": 1}}) is False


def test_entry_names_of_several_words() -> None:
    expression = feel.compile("order.total price", dialect="dmn", members=["total price"])
    assert expression({"order": {"total price": 5}}) == 5


def test_a_vocabulary_is_empty_by_default() -> None:
    assert Vocabulary().names == ()


@pytest.mark.parametrize(
    ("expression", "dmn", "camunda8"),
    [
        ('@"10:00:00.5" = @"10:00:00"', True, False),
        ("[1, 2][item]", 1, 1),
        ('[1, 2][if item = 2 then "x" else true]', None, [1]),
        ('substring("abc", 9)', None, ""),
        ('{a: 1, "a": 2}', None, {"a": 2}),
    ],
)
def test_where_the_dialects_differ(expression: str, dmn: Any, camunda8: Any) -> None:
    assert feel.compile(expression, dialect="dmn")({}) == dmn
    assert feel.compile(expression, dialect="camunda8")({}) == camunda8


def test_functions_can_be_handed_in() -> None:
    double = feel.compile("function(x) x * 2")({})
    assert isinstance(double, feel.FeelFunction)
    assert feel.compile("f(21)")({"f": double}) == 42
