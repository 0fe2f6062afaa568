"""Each null that comes from an error says why and where; evaluations end within their budget."""

from __future__ import annotations

import time
from typing import Any

import pytest

from bpm_server import feel
from tests.unit.feel.tables import NOW, notes


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1 + a", "unknown-name at 1:5: Expected a variable 'a', but found none of that name"),
        (
            '1 +\n  "a"',
            "type at 1:1: Expected operands that go together with '+', but found the number 1 and the string \"a\"",
        ),
        ("{a: 1}.b", "no-entry at 1:1: Expected an entry 'b', but found these: a"),
        ("10 / (5 - 5)", "arithmetic at 1:1: Expected a divisor other than 0, but found 0"),
        ("sqrt(-1)", "arithmetic at 1:1: sqrt: Expected a number of at least 0, but found -1"),
        ("abs(1, 2)", "function at 1:1: Expected abs(n), but found 2 arguments"),
        ("abs(x: 1)", "function at 1:1: Expected abs(n), but found arguments named x"),
        ("[1, 2][3]", "index at 1:1: Expected an index within 2 items, but found 3"),
        (
            "5 in [10..1]",
            "range at 1:6: Expected a start that is not after the end, but found the number 10 and the number 1",
        ),
        ("now()", "clock at 1:1: now: Expected a time to be given to the evaluation, but found none"),
        (
            "(function(x: number) x)(true)",
            "coercion at 1:2: Expected number for parameter 'x', but found the boolean true",
        ),
        (
            '{f: function(x) external {java: {class: "a", method signature: "b()"}}, r: f(1)}.r',
            "external at 1:76: Expected a function of FEEL, but found one in Java or PMML, which is not run here",
        ),
    ],
)
def test_what_went_wrong_and_where(expression: str, expected: str) -> None:
    result = feel.compile(expression, dialect="dmn").evaluate({})
    assert result.value is None
    shown = [f"{note.kind} at {note.line}:{note.column}: {note.message}" for note in result.diagnostics]
    assert shown[0] == expected


def test_diagnostics_carry_the_text_and_its_owner() -> None:
    expression = feel.compile("a +\n  b.c", element="flow 'yes'")
    note = expression.evaluate({"a": 1, "b": {}}).diagnostics[0]
    assert note.as_json() == {
        "kind": "no-entry",
        "message": "Expected an entry 'c', but found these: none",
        "position": 6,
        "line": 2,
        "column": 3,
        "excerpt": "b.c",
        "expression": "a +\n  b.c",
        "element": "flow 'yes'",
    }
    assert str(note) == "Expected an entry 'c', but found these: none (flow 'yes', line 2, column 3: b.c)"


@pytest.mark.parametrize(
    "expression", ["a.b = null", "null != a.b.c", "is defined(a.b)", "get or else(a.b, 1)", "if a = null then 1 else 2"]
)
def test_asking_whether_something_is_there_is_no_error(expression: str) -> None:
    assert notes(expression, "camunda8") == []


def test_diagnostics_are_capped() -> None:
    result = feel.compile("for x in 1..1000 return x + null").evaluate({})
    assert len(result.diagnostics) == 50
    few = feel.compile("for x in 1..1000 return x + null").evaluate({}, budget=feel.Budget(diagnostics=3))
    assert len(few.diagnostics) == 3


def test_without_errors_there_are_no_diagnostics() -> None:
    assert notes("if null then 1 else [1][item > 5]") == []


def test_an_assertion_fails_the_whole_evaluation() -> None:
    result = feel.compile('{a: 1, b: assert(a, a > 1, "too small")}').evaluate({})
    assert result.value is None
    assert [(note.kind, note.message) for note in result.diagnostics] == [("assert", "too small")]


EXPENSIVE = {
    "a long loop": "for x in 1..1000000000 return x",
    "a longer loop": "for x in -99999999999999999999..99999999999999999999 return x",
    "loops in loops": "for a in 1..1000, b in 1..1000, c in 1..1000 return a",
    "a quantifier": "some x in 1..1000000000 satisfies x < 0",
    "all pairs": "every x in 1..100000, y in 1..100000 satisfies x > 0",
    "dates": 'for d in @"0001-01-01"..@"999999999-12-31" return d',
    "endless recursion": "{f: function(x) f(x + 1), r: f(1)}.r",
    "recursion that branches": "{f: function(n) if n < 2 then n else f(n - 1) + f(n - 2), r: f(60)}.r",
    "strings that double": '{f: function(s, n) if n = 0 then s else f(s + s, n - 1), r: f("aaaaaaaa", 60)}.r',
    "lists that double": "{f: function(l, n) if n = 0 then l else f(concatenate(l, l), n - 1), r: f([1, 2], 60)}.r",
    "partial results": "for x in 1..100000 return count(partial) + sum(partial)",
    "partial results, kept": "for x in 1..100000 return partial",
    "a nested filter": "(for x in 1..10000 return x)[count((for y in 1..10000 return y)[item > 5]) > 0]",
    "distinct moments": 'distinct values(for x in 1..80000 return @"10:00:00" + @"PT1S" * x)',
    "a slow sort": "sort(for x in 1..100000 return -x, function(a, b) count(for z in 1..1000 return z) > 0)",
    "a large power": "10 ** 999999999",
    "a function that calls itself through a list": "{f: function(x) [f][1](x), r: f(1)}.r",
    "string join": 'string join(for x in 1..1000000 return "aaaaaaaaaaaaaaaaaaaa")',
    "replace": 'replace(string join(for x in 1..100000 return "a"), "a", string join(for x in 1..100000 return "b"))',
}


@pytest.mark.parametrize("expression", EXPENSIVE.values(), ids=EXPENSIVE.keys())
def test_the_budget_ends_what_would_not_end(expression: str) -> None:
    started = time.process_time()
    result = feel.compile(expression).evaluate({}, now=NOW)
    assert time.process_time() - started < 10
    assert result.value is None
    assert result.diagnostics[-1].kind in {"budget", "arithmetic"}


@pytest.mark.parametrize("name", ["loops in loops", "endless recursion", "strings that double", "replace"])
def test_the_fast_path_has_the_same_budget(name: str) -> None:
    started = time.process_time()
    assert feel.compile(EXPENSIVE[name])({}, now=NOW) is None
    assert time.process_time() - started < 10


def test_a_small_budget_is_kept() -> None:
    budget = feel.Budget(steps=100, size=50, depth=10)

    def kinds(expression: str) -> list[Any]:
        return [note.kind for note in feel.compile(expression).evaluate({}, budget=budget).diagnostics]

    assert kinds("for x in 1..99 return x") == []
    assert kinds("for x in 1..101 return x") == ["budget"]
    assert kinds('"a" + "' + "b" * 48 + '"') == []
    assert kinds('"a" + "' + "b" * 50 + '"') == ["budget"]
    assert kinds("{f: function(n) if n = 0 then 0 else f(n - 1), r: f(8)}.r") == []
    assert kinds("{f: function(n) if n = 0 then 0 else f(n - 1), r: f(11)}.r") == ["budget"]


def test_deep_values_end_as_a_diagnostic() -> None:
    deep: Any = None
    for _ in range(100_000):
        deep = [deep]
    result = feel.compile("a = b").evaluate({"a": deep, "b": [deep][:]})
    assert result.value is None
    assert [note.kind for note in result.diagnostics] == ["budget"]


LARGE: dict[str, Any] = {
    "s": "aB " * 300_000,
    "t": "aB " * 299_999 + "aB!",
    "l": list(range(100_000)),
    "m": [*range(99_999), 0],
    "d": {f"k{number}": number for number in range(50_000)},
    "e": {f"k{number}": -number for number in range(50_000)},
}


ON_LARGE = (
    *("upper case(s)", 'contains(s, "zz")', "s = t", 's + "a"', "s < t", "l = m", "d = e", "string(l)", "sum(l)"),
    *("append(l, 1)", "reverse(l)", "context merge([d, e])", "list contains(l, -1)", "to json(d)", "stddev(l)"),
)


@pytest.mark.parametrize("expression", ON_LARGE)
def test_large_values_cost_their_size(expression: str) -> None:
    """So many operations are allowed, but not so many on large values."""
    budget = feel.Budget(steps=200_000)
    started = time.process_time()
    result = feel.compile(f"for i in 1..30000 return {expression}").evaluate(LARGE, budget=budget)
    assert time.process_time() - started < 3
    assert [note.kind for note in result.diagnostics] == ["budget"]


@pytest.mark.parametrize("expression", ["count(l)", "string length(s)", 'get value(d, "k1")', "is defined(l)", "l[-1]"])
def test_what_takes_no_time_costs_nothing(expression: str) -> None:
    result = feel.compile(f"for i in 1..30000 return {expression}").evaluate(LARGE)
    assert len(result.value) == 30_000
